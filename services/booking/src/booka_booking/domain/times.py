"""Local hours as instants: what a salon means by "Tuesday 09:00 to 18:00" on a given date in its zone.

A local time that a clock change skips stands for the instant of the change when it ends or begins a span, and is never a
start. One that a clock change repeats means its first occurrence.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

__all__ = [
    "Interval",
    "Span",
    "days_between",
    "exists",
    "expand",
    "instant",
    "intersect",
    "local_day",
    "merge",
    "moment",
    "starts_on",
    "subtract",
]

DAY_MINUTES = 1440


class Span(NamedTuple):
    """Minutes of a local day, `[opens, closes)`; 1440 is the end of the day."""

    opens: int
    closes: int


class Interval(NamedTuple):
    """Instants, `[start, end)`."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Interval") -> bool:
        """Whether they share an instant."""
        return self.start < other.end and other.start < self.end


def moment(seconds: float) -> datetime:
    """The instant that many seconds after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def exists(naive: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clocks of `zone` ever show `naive`."""
    return naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive


def instant(naive: datetime, zone: ZoneInfo) -> datetime:
    """When the wall clocks of `zone` first show `naive`, or jump over it. In UTC."""
    first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == naive:
        return first
    # Skipped: read with the offset before the change it lies behind the change, with the one after it before it.
    low, high = naive.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def local_day(day: date, zone: ZoneInfo) -> Interval:
    """The instants that belong to `day` in `zone`."""
    midnight = datetime.combine(day, time())
    return Interval(instant(midnight, zone), instant(midnight + timedelta(days=1), zone))


def days_between(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Every local date that `[start, end]` touches."""
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def starts_on(day: date, zone: ZoneInfo, grid_minutes: int) -> list[datetime]:
    """The instants of `day` whose wall-clock time is a multiple of the grid from local midnight, in order."""
    whole = local_day(day, zone)
    midnight = datetime.combine(day, time())
    if whole.end - whole.start == timedelta(days=1) and exists(midnight, zone):
        return [whole.start + timedelta(minutes=minute) for minute in range(0, DAY_MINUTES, grid_minutes)]
    walls = (midnight + timedelta(minutes=minute) for minute in range(0, DAY_MINUTES, grid_minutes))
    return sorted(instant(wall, zone) for wall in walls if exists(wall, zone))


def expand(spans: Iterable[Span], day: date, zone: ZoneInfo) -> list[Interval]:
    """`spans` of `day` as instants; what a clock change swallows whole is left out."""
    midnight = datetime.combine(day, time())
    found = []
    for span in spans:
        start = instant(midnight + timedelta(minutes=span.opens), zone)
        end = instant(midnight + timedelta(minutes=span.closes), zone)
        if start < end:
            found.append(Interval(start, end))
    return found


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants as few sorted intervals; those that touch become one."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            if interval.end > merged[-1].end:
                merged[-1] = Interval(merged[-1].start, interval.end)
        else:
            merged.append(interval)
    return merged


def intersect(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """The instants in both; each side merged."""
    found = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start < end:
            found.append(Interval(start, end))
        if left[i].end < right[j].end:
            i += 1
        else:
            j += 1
    return found


def subtract(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """The instants of `left` that are not in `right`; each side merged."""
    found = []
    j = 0
    for interval in left:
        start = interval.start
        while j < len(right) and right[j].end <= start:
            j += 1
        k = j
        while k < len(right) and right[k].start < interval.end:
            if start < right[k].start:
                found.append(Interval(start, right[k].start))
            start = right[k].end
            k += 1
        if start < interval.end:
            found.append(Interval(start, interval.end))
    return found
