"""The refusals of the scheduler."""

from booka_common.errors import Conflict, NotFound

__all__ = ["AlreadySent", "ReminderNotFound", "ReservationCancelled", "VisitStarted"]


class ReminderNotFound(NotFound):
    """No confirmed visit of this id is known here, or it has no reminder of that many minutes."""

    default_code = "reminder_not_found"


class ReservationCancelled(Conflict):
    """The visit was cancelled: nobody is reminded of it."""

    default_code = "reservation_cancelled"


class VisitStarted(Conflict):
    """The visit has begun: it is too late for a reminder."""

    default_code = "visit_started"


class AlreadySent(Conflict):
    """Every reminder that was asked for has been sent already."""

    default_code = "already_sent"
