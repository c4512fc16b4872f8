"""What messaging says, and what it is asked to do."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from booka_common.contracts.envelope import Fact, Message

__all__ = [
    "ChannelFellSilent",
    "ChannelStateChanged",
    "Choice",
    "Choices",
    "ContactErased",
    "ContactMerged",
    "ConversationHandedBack",
    "ConversationMerged",
    "ConversationTakenOver",
    "MessageDelivered",
    "MessageFailed",
    "MessageReceived",
    "MessageSent",
    "SendRequested",
    "TemplateUse",
]


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
    attended: bool = Field(
        False, description="a person of the salon has taken the conversation over: nothing is answered"
    )


class Choice(Fact):
    """One thing to choose. `id` comes back as `MessageReceived.choice_id`."""

    id: str = Field(min_length=1, max_length=200)
    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=200)


class Choices(Fact):
    """The parts of a question, for channels on which buttons and lists arrive. Everywhere else `SendRequested.text` is sent."""

    lead: str = Field(min_length=1, max_length=4096, description="the text above the choices")
    button: str = Field(min_length=1, max_length=20, description="what opens the list")
    choices: tuple[Choice, ...] = Field(min_length=1, max_length=20)


class TemplateUse(Fact):
    """Which approved text says the same, for providers that take free text only for a while after the client wrote."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Booka's name of it; a channel knows the provider's"
    )
    locale: str = Field(description="BCP 47, for example `pt`")
    parameters: tuple[str, ...] = Field((), max_length=10, description="the words for its gaps, in order")


class SendRequested(Message):
    """Say this to the client. The envelope's id identifies the request: asked twice, it is sent once."""

    key: ClassVar[str] = "messaging.send.requested.v1"

    conversation_id: UUID
    text: str = Field(min_length=1, max_length=4096)
    purpose: Literal["reply", "notice", "reminder"]
    position: int | None = Field(
        None, ge=1, description="among everything said in this conversation: 1, 2, 3 … without gaps; None: in any order"
    )
    choices: Choices | None = Field(None, description="the same question in parts; `text` has all of it, numbered")
    template: TemplateUse | None = None


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
    code: str = Field(
        description="why, for example `recipient_unknown`, `window_closed`, `attended`, `blocked`, `gave_up`, `refused_400`"
    )
    detail: str


class ConversationTakenOver(Message):
    """A person of the salon answers now: on the salon's own phone, or in the console. Booka falls silent."""

    key: ClassVar[str] = "messaging.conversation.taken-over.v1"

    conversation_id: UUID
    by: Literal["phone", "console"]
    until: AwareDatetime | None = Field(description="when Booka answers again by itself; None: when it is handed back")


class ConversationHandedBack(Message):
    """Booka answers again, from where it was."""

    key: ClassVar[str] = "messaging.conversation.handed-back.v1"

    conversation_id: UUID
    by: Literal["console", "time"]


class ChannelStateChanged(Message):
    """A salon's line can send and receive again (`open`), or cannot."""

    key: ClassVar[str] = "messaging.channel.state-changed.v1"

    channel_id: UUID
    state: Literal["open", "connecting", "close", "refused", "away"] = Field(
        description="`refused`: its key is wrong or its line unknown; `away`: the gateway does not answer"
    )
    before: str | None
    detail: str


class ChannelFellSilent(Message):
    """Nothing has come from a line for longer than it is ever silent, although it should be open."""

    key: ClassVar[str] = "messaging.channel.fell-silent.v1"

    channel_id: UUID
    last_heard_at: AwareDatetime


class ConversationMerged(Fact):
    """Which conversation goes on in which."""

    conversation_id: UUID = Field(description="where the talk goes on")
    merged_conversation_id: UUID = Field(description="nothing new comes in it; what is said there is said in the other")


class ContactMerged(Message):
    """Two contacts turned out to be one person: everything of the one is the other's from now on.

    The one that stays may be merged into a third later, and of several such messages any may be heard first.
    """

    key: ClassVar[str] = "messaging.contact.merged.v1"

    contact_id: UUID = Field(description="who they are from now on")
    merged_contact_id: UUID = Field(description="who they were taken for, besides")
    conversations: tuple[ConversationMerged, ...] = Field(
        description="every conversation that the merged contact had, also those merged into one of its own before"
    )


class ContactErased(Message):
    """A person's data is to be forgotten everywhere: names, numbers and what they wrote."""

    key: ClassVar[str] = "messaging.contact.erased.v1"

    contact_id: UUID
    conversation_ids: tuple[UUID, ...]
    merged_ids: tuple[UUID, ...] = Field((), description="other ids that this contact was known by before")
