"""From a wish in local time to the instants between which booking looks, and back to the starts that fit."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from booka_common.contracts.booking import Slot
from booka_dialog.understanding import When

__all__ = ["SHOWN", "fitting", "limit_of", "same_day", "spread", "window_of"]

#: Starts in one list.
SHOWN = 6
_SEVERAL_DAYS = 50
_SOON = timedelta(days=14)
_EXACTLY = timedelta(minutes=1)
_LONG_OVER = timedelta(days=3)
_FAR_AHEAD = timedelta(days=3660)


def window_of(when: When, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The first start wanted and the instant before which it has to lie; never in the past, None if all of it is over.

    A wish without a day is looked for in the coming 14 days.
    """
    if when.day is None:
        return now, now + _SOON
    first, last = _reachable(when.day, now), _reachable(when.last_day or when.day, now)
    earliest = _instant(first, when.start or time(0), zone)
    if when.exact and when.start and first == last:
        return (earliest, earliest + _EXACTLY) if earliest >= now else None
    latest = _instant(last, when.end, zone) if when.end else _instant(last + timedelta(days=1), time(0), zone)
    earliest = max(earliest, now)
    return (earliest, latest) if earliest < latest else None


def limit_of(when: When) -> int:
    """How many starts to ask for: more where some are sorted out afterwards by their time of day."""
    return _SEVERAL_DAYS if when.has_time and (when.soon or when.last_day) else SHOWN


def fitting(slots: Sequence[Slot], when: When, zone: ZoneInfo) -> list[Slot]:
    """The starts at a wanted time of day."""

    def fits(slot: Slot) -> bool:
        at = slot.start.astimezone(zone).time()
        if when.exact and when.start:
            return at == when.start
        return (when.start is None or at >= when.start) and (when.end is None or at < when.end)

    return [slot for slot in slots if fits(slot)]


def spread(slots: Sequence[Slot], *, any_staff: bool) -> tuple[Slot, ...]:
    """At most six of them in order, spread over all; with any staff, each start once."""
    ordered = sorted(slots, key=lambda slot: slot.start)
    if any_staff:
        ordered = list({slot.start: slot for slot in reversed(ordered)}.values())[::-1]
    if len(ordered) <= SHOWN:
        return tuple(ordered)
    return tuple(ordered[index * (len(ordered) - 1) // (SHOWN - 1)] for index in range(SHOWN))


def same_day(slots: Sequence[Slot], zone: ZoneInfo) -> date | None:
    """The day on which all of them are, if it is one."""
    days = {slot.start.astimezone(zone).date() for slot in slots}
    return days.pop() if len(days) == 1 else None


def _reachable(day: date, now: datetime) -> date:
    """`day`, or the nearest one that can be reckoned with: anybody may write a year, the last one of all included."""
    return min(max(day, now.date() - _LONG_OVER), now.date() + _FAR_AHEAD)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, at, zone)
    # A time that the clocks skip means the instant just after the gap; comparing in UTC keeps both sides apart.
    return local.astimezone(ZoneInfo("UTC"))
