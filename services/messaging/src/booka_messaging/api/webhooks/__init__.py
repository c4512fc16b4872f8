"""`/webhooks/…`: what gateways call. The hottest routes, so they are plain ASGI."""

from booka_messaging.api.webhooks.documented import document
from booka_messaging.api.webhooks.routes import Webhooks

__all__ = ["Webhooks", "document"]
