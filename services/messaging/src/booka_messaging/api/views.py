"""Conversations, messages and people as the signed API shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from booka_messaging.domain.media import media_of
from booka_messaging.store.reading import ContactDetail, ContactRow, ConversationRow, MessageRow
from booka_messaging.usecases.reading import Shown

__all__ = [
    "Author",
    "ContactDetailView",
    "ContactView",
    "ConversationItem",
    "ConversationView",
    "MatchView",
    "MessageView",
]

Author = Literal["client", "salon", "booka"]
Status = Literal["received", "queued", "sent", "failed", "delivered", "read"]


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class WhoView(BaseModel):
    """The client of a conversation."""

    id: UUID
    name: str | None
    phone: str | None = Field(description="E.164, if it is known")
    contested: bool = Field(description="perhaps two people: two ids of a kind of which people have one")
    blocked: bool = Field(description="nothing they write is answered, and nothing is sent to them")
    erased: bool = Field(description="what was known of them is forgotten")


class LastMessageView(_View):
    """The message that was written last; `text`: its first 160 characters."""

    id: UUID
    author: Author
    kind: str
    text: str
    status: Status
    deleted_at: datetime | None
    at: datetime


class AttendedView(BaseModel):
    """A person of the salon answers, and Booka does not. `until` null: until the conversation is handed back."""

    by: Literal["phone", "console"]
    until: datetime | None


class ConversationView(BaseModel):
    """A conversation.

    `turns` counts the client's messages that Booka was asked to answer, `unanswered` those since anybody last said something (99
    at most). `active_at`: when the client or a person of the salon last wrote. `client_at`: when the client last did, by the
    gateway's clock.
    """

    id: UUID
    channel_id: UUID
    gateway: str
    contact: WhoView
    last_message: LastMessageView | None
    attended: AttendedView | None
    unanswered: int
    turns: int
    client_at: datetime | None
    active_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, row: ConversationRow, now: datetime) -> "ConversationView":
        """As it is shown at `now`."""
        return cls(**_conversation(row, now))


class MatchView(_View):
    """The newest message in which the words that were looked for occur, and its part with them."""

    message_id: UUID
    author: Author
    at: datetime
    snippet: str


class ConversationItem(ConversationView):
    """A conversation in a list. `match` is null if nothing was looked for, or the name or number has it."""

    match: MatchView | None

    @classmethod
    def listed(cls, shown: Shown, now: datetime) -> "ConversationItem":
        """As it is shown at `now`."""
        match = MatchView.model_validate(shown.match) if shown.match else None
        return cls(**_conversation(shown.conversation, now), match=match)


def _conversation(row: ConversationRow, now: datetime) -> dict[str, Any]:
    attended = None
    if row.attended_by is not None and (row.attended_until is None or row.attended_until > now):
        attended = {"by": row.attended_by, "until": row.attended_until}
    return {
        "id": row.id,
        "channel_id": row.channel_id,
        "gateway": row.gateway,
        "contact": {
            "id": row.contact_id,
            "name": row.name,
            "phone": row.phone,
            "contested": row.contested,
            "blocked": row.blocked_at is not None,
            "erased": row.erased_at is not None,
        },
        "last_message": LastMessageView.model_validate(row.last) if row.last else None,
        "attended": attended,
        "unanswered": row.unanswered,
        "turns": row.turns,
        "client_at": row.client_at,
        "active_at": row.active_at,
        "created_at": row.created_at,
    }


class MediaView(_View):
    """What is known of an attachment, as its sender declares it."""

    mime_type: str | None
    bytes: int | None
    seconds: int | None
    file_name: str | None
    voice: bool


class MessageView(_View):
    """A message.

    `author`: the client; somebody of the salon, on its phone or in the console (`written_by`, `request_id`); or Booka, and
    `purpose` says what for. `failure`: why it did not reach the client. `metadata`: further facts, without content.
    """

    id: UUID
    conversation_id: UUID
    direction: Literal["in", "out"]
    author: Author
    kind: str
    text: str
    choice_id: str | None
    media: MediaView | None
    status: Status
    failure: str | None
    turn: int | None
    purpose: str | None
    written_by: str | None
    provider_id: str | None
    request_id: UUID | None
    choices: Mapping[str, Any] | None = Field(description="the same as buttons or a list, where those arrive")
    template: Mapping[str, Any] | None = Field(description="the approved text that says the same")
    metadata: Mapping[str, Any]
    sent_at: datetime | None
    edited_at: datetime | None
    deleted_at: datetime | None
    received_at: datetime

    @classmethod
    def of(cls, row: MessageRow) -> "MessageView":
        """As it is shown."""
        fields = {name: getattr(row, name) for name in cls.model_fields if name != "media"}
        media = media_of(row.metadata)
        return cls(**fields, media=MediaView.model_validate(media) if media else None)


class ContactView(_View):
    """A person."""

    id: UUID
    name: str | None
    phone: str | None = Field(description="E.164, if it is known")
    contested: bool = Field(description="perhaps two people: two ids of a kind of which people have one")
    blocked_at: datetime | None = Field(
        description="since then nothing they write is answered, and nothing is sent to them"
    )
    erased_at: datetime | None = Field(description="since then nothing of what was known of them is left")
    created_at: datetime

    @classmethod
    def of(cls, row: ContactRow) -> "ContactView":
        """As it is shown."""
        return cls.model_validate(row)


class AliasView(BaseModel):
    """A name by which a gateway knows a person: a number's digits, a LID, or a business-scoped id."""

    kind: Literal["pn", "lid", "bsuid"]
    value: str


class ContactDetailView(ContactView):
    """A person with everything that names them, oldest first, and the conversations with them, one for each channel."""

    aliases: list[AliasView]
    conversation_ids: list[UUID]

    @classmethod
    def detail(cls, row: ContactDetail) -> "ContactDetailView":
        """As it is shown."""
        aliases = [dict(zip(("kind", "value"), text.split(":", 1), strict=True)) for text in row.aliases]
        return cls(**ContactView.of(row).model_dump(), aliases=aliases, conversation_ids=list(row.conversations))
