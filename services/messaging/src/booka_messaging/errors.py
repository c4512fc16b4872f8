"""The refusals of messaging."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from booka_common.errors import Conflict, Invalid, NotFound, Unavailable

__all__ = [
    "ChannelDeleted",
    "ChannelInactive",
    "ContactBlocked",
    "ContactErased",
    "LineTaken",
    "MalformedWebhook",
    "NoAddress",
    "NoMedia",
    "UnknownChannel",
    "UnknownContact",
    "UnknownConversation",
    "UnknownGateway",
    "UnknownMessage",
    "WindowClosed",
]


class UnknownChannel(NotFound):
    """No such channel, or not this tenant's, or not the one that the gateway's instance belongs to."""

    default_code = "unknown_channel"

    def __init__(self) -> None:
        super().__init__("no channel of this id")


class UnknownGateway(Unavailable):
    """A line is of a kind of gateway that this version does not have, as after a rollback: one that has it may go on with it."""

    default_code = "unknown_gateway"

    def __init__(self, name: str) -> None:
        super().__init__(f"this version knows no gateway {name!r}", gateway=name)


class UnknownConversation(NotFound):
    """No such conversation of this tenant."""

    default_code = "unknown_conversation"

    def __init__(self, conversation_id: UUID) -> None:
        super().__init__(f"no conversation {conversation_id}")


class LineTaken(Conflict):
    """Another channel has this line. Whose, is not told."""

    default_code = "line_taken"

    def __init__(self) -> None:
        super().__init__("another channel has this line")


class MalformedWebhook(Invalid):
    """It proves who it is and is no JSON object. It is kept all the same (see `usecases.delivering`)."""

    default_code = "malformed"


class UnknownContact(NotFound):
    """No such contact of this tenant."""

    default_code = "unknown_contact"

    def __init__(self) -> None:
        super().__init__("no contact of this id")


class UnknownMessage(NotFound):
    """No such message of this tenant."""

    default_code = "unknown_message"

    def __init__(self) -> None:
        super().__init__("no message of this id")


class NoMedia(NotFound):
    """The message has no medium, or it was taken back."""

    default_code = "no_media"

    def __init__(self) -> None:
        super().__init__("the message has no medium")


class ContactErased(Conflict):
    """Nothing is known of the client any more; if they write again, they are somebody new."""

    default_code = "contact_erased"

    def __init__(self) -> None:
        super().__init__("the client's data was erased")


class ContactBlocked(Conflict):
    """The salon does not want to hear of this client."""

    default_code = "contact_blocked"

    def __init__(self) -> None:
        super().__init__("the client is blocked: unblock them first")


class ChannelDeleted(Conflict):
    """Nothing is sent on a channel that was deleted; what was said there can still be read."""

    default_code = "channel_deleted"

    def __init__(self) -> None:
        super().__init__("the channel was deleted")


class ChannelInactive(Conflict):
    """Nothing is sent on a channel that is switched off."""

    default_code = "channel_inactive"

    def __init__(self) -> None:
        super().__init__("the channel is switched off")


class NoAddress(Conflict):
    """Nothing is known to write to."""

    default_code = "no_address"

    def __init__(self) -> None:
        super().__init__("no number or other id of the client is known")


class WindowClosed(Conflict):
    """The client wrote too long ago for the provider to take free text; `templates`: what the channel may say instead."""

    default_code = "window_closed"

    def __init__(self, templates: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(
            "the client has not written for too long: only an approved template is taken", templates=list(templates)
        )
