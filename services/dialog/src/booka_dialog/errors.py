"""The refusals of the dialog service."""

from booka_common.errors import Conflict, NotFound

__all__ = ["SalonNotOpen", "SessionExists", "SessionNotFound"]


class SessionNotFound(NotFound):
    """The salon has no conversation of this id."""

    default_code = "session_not_found"


class SessionExists(Conflict):
    """A conversation of this id has been started already."""

    default_code = "session_exists"


class SalonNotOpen(Conflict):
    """Booking has not published a catalogue with anything to book for this salon yet."""

    default_code = "salon_not_open"
