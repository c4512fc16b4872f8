"""Weekly hours as rows: weekday, first and last minute."""

from collections.abc import Iterable, Mapping, Sequence

from booka_booking.domain.salon import Weekly
from booka_booking.domain.times import Span

__all__ = ["columns", "weekly"]


def columns(week: Weekly) -> tuple[list[int], list[int], list[int]]:
    """A week as columns for `unnest`."""
    rows = [(weekday, *span) for weekday, spans in week.items() for span in spans]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def weekly(rows: Iterable[Sequence[int]]) -> Mapping[int, Sequence[Span]]:
    """A week from its rows."""
    week: dict[int, list[Span]] = {}
    for weekday, opens, closes in rows:
        week.setdefault(weekday, []).append(Span(opens, closes))
    return week
