"""What messaging says, and what it is asked to do."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from booka_common.contracts.envelope import Message

__all__ = ["MessageDelivered", "MessageFailed", "MessageReceived", "MessageSent", "SendRequested"]


class MessageReceived(Message):
    """A client wrote to a salon. Stored, normalised and deduplicated by the gateway's own message id."""

    key: ClassVar[str] = "messaging.message.received.v1"

    message_id: UUID
    conversation_id: UUID
    contact_id: UUID
    turn: int = Field(
        ge=1, description="position among the client's messages of this conversation: 1, 2, 3 … without gaps"
    )
    kind: Literal["text", "choice", "audio", "image", "video", "document", "location", "other"]
    text: str = Field(
        max_length=4096, description="what the client wrote, or the title of what was chosen; may be empty"
    )
    choice_id: str | None = Field(None, description="the row or button id of an interactive reply")
    contact_name: str | None = None
    phone: str | None = Field(None, description="E.164, when the gateway tells it")
    sent_at: AwareDatetime = Field(description="the gateway's time of the message, 1 s resolution")


class SendRequested(Message):
    """Say this to the client. The envelope's id identifies the request: asked twice, it is sent once."""

    key: ClassVar[str] = "messaging.send.requested.v1"

    conversation_id: UUID
    text: str = Field(min_length=1, max_length=4096)
    purpose: Literal["reply", "notice", "reminder"]
    position: int | None = Field(
        None, ge=1, description="among everything said in this conversation: 1, 2, 3 … without gaps; None: in any order"
    )


class MessageSent(Message):
    """The gateway took the message."""

    key: ClassVar[str] = "messaging.message.sent.v1"

    message_id: UUID
    conversation_id: UUID
    request_id: UUID = Field(description="the envelope id of the send request")


class MessageDelivered(Message):
    """The client's phone has it, or the client has read it."""

    key: ClassVar[str] = "messaging.message.delivered.v1"

    message_id: UUID
    conversation_id: UUID
    status: Literal["delivered", "read"]


class MessageFailed(Message):
    """The message will not reach the client: refused for good, or given up after the last attempt."""

    key: ClassVar[str] = "messaging.message.failed.v1"

    message_id: UUID
    conversation_id: UUID
    request_id: UUID
    code: str
    detail: str
