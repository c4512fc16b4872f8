"""The refusals of messaging."""

from uuid import UUID

from booka_common.errors import Conflict, NotFound

__all__ = ["LineTaken", "UnknownChannel", "UnknownContact", "UnknownConversation", "UnknownMessage"]


class UnknownChannel(NotFound):
    """No such channel, or not this tenant's, or not the one that the gateway's instance belongs to."""

    default_code = "unknown_channel"

    def __init__(self) -> None:
        super().__init__("no channel of this id")


class UnknownConversation(NotFound):
    """No such conversation of this tenant."""

    default_code = "unknown_conversation"

    def __init__(self, conversation_id: UUID) -> None:
        super().__init__(f"no conversation {conversation_id}")


class LineTaken(Conflict):
    """Another channel has this line. Whose, is not told."""

    default_code = "line_taken"

    def __init__(self) -> None:
        super().__init__("another channel has this phone number id")


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
