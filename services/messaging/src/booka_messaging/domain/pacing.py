"""How fast a line sends: every message has a moment of its own on its line, reserved when it is queued.

Reservation is the generic cell rate algorithm: a line knows the next free moment, a message takes it and moves it on. There are
two streams, so that reminders by the hundred never delay an answer. The statements `sends_queue` and `sends_pace` do it.
"""

from datetime import datetime, timedelta

__all__ = ["CATCH_UP", "LATE", "OTHERS_SHARE", "REPLIES_SHARE", "may_go"]

#: Of a line's rate: for what clients wait for, and for reminders.
REPLIES_SHARE = 0.75
OTHERS_SHARE = 0.25
#: A line that has been silent may make up for this much of it at once.
CATCH_UP = timedelta(seconds=1)
#: A moment that has passed for longer than this counts for nothing: after an outage messages leave at the line's pace.
LATE = timedelta(seconds=5)


def may_go(paced_at: datetime | None, now: datetime) -> bool:
    """Whether a message has a moment on its line that has come and still counts."""
    return paced_at is not None and now - LATE <= paced_at <= now
