"""The shared knowledge of Booka: every message on the broker, one module per service that owns it.

Contracts evolve by adding optional fields. A break is a new version with its own class and routing key; both are served
for one release.
"""

from booka_common.contracts.envelope import Envelope, Fact, Message, enveloped

__all__ = ["Envelope", "Fact", "Message", "enveloped"]
