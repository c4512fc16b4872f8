"""What is said on the broker of a message's delivery, whether a receipt comes early, late, or with the send itself."""

from booka_common.contracts.messaging import MessageDelivered, MessageFailed, MessageSent
from booka_messaging.domain.model import Delivery
from booka_messaging.store import Touched

__all__ = ["delivery_news", "sent_news"]


def sent_news(message: Touched) -> MessageSent:
    """The gateway has it."""
    return MessageSent(message_id=message.id, conversation_id=message.conversation_id, request_id=message.request_id)


def delivery_news(
    status: Delivery, message: Touched, code: str | None = None
) -> MessageDelivered | MessageFailed | None:
    """The event of a message's new state; None for `sent`, which has its own.

    Args:
        code: why it failed, if the gateway says.
    """
    if status == "delivered" or status == "read":
        return MessageDelivered(message_id=message.id, conversation_id=message.conversation_id, status=status)
    if status == "failed":
        return MessageFailed(
            message_id=message.id,
            conversation_id=message.conversation_id,
            request_id=message.request_id,
            code=code or "gateway_error",
            detail="the gateway reports that the message failed after it had taken it",
        )
    return None
