"""Telling things: the texts of one client's language filled with visits, days, times and amounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from booka_common.contracts.booking import Visit
from booka_dialog.domain.inputs import Context
from booka_dialog.domain.session import Session
from booka_dialog.texts import Formats, say
from booka_dialog.understanding import Language, When

__all__ = ["MIDNIGHT", "Voice", "joined", "numbered", "waited_for"]

MIDNIGHT = 1440
_AROUND = 60
_TWO_WEEKS = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Voice:
    """How this client is spoken to: `voice("ask_name")` is a text, the methods fill in what several texts share."""

    language: Language
    formats: Formats
    now: datetime

    @classmethod
    def of(cls, session: Session, ctx: Context) -> "Voice":
        """The voice for a session; before the salon is known, English in UTC."""
        language = session.language or (ctx.salon.language if ctx.salon else "en")
        zone = ctx.salon.zone if ctx.salon else ZoneInfo("UTC")
        return cls(language, Formats.of(language, ctx.salon.catalogue.locale if ctx.salon else "en", zone), ctx.now)

    def __call__(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def visit(self, key: str, visit: Visit, **values: object) -> str:
        """A text about a visit, told in the zone that the visit was booked in."""
        formats = Formats(self.formats.locale, ZoneInfo(visit.zone))
        return self(
            key,
            service=joined(visit.service_names),
            staff=joined(dict.fromkeys(visit.staff_names)),
            day=formats.day_of(visit.start, self.now),
            time=formats.time(visit.start),
            city=formats.city(),
            **values,
        )

    def day_and_time(self, visit: Visit) -> tuple[str, str]:
        """When a visit starts, in the zone that it was booked in."""
        formats = Formats(self.formats.locale, ZoneInfo(visit.zone))
        return formats.day_of(visit.start, self.now), formats.time(visit.start)

    def day_range(self, first: date, last: date | None) -> str:
        """`Friday, 27 November`, or the first and the last day."""
        today = self.now.astimezone(self.formats.zone).date()
        told = self.formats.day(first, today)
        return told if last in {None, first} else f"{told} – {self.formats.day(last or first, today)}"

    def days(self, when: When) -> str:
        """The days and the part of the day that somebody would wait for."""
        first, last, start, end = waited_for(when, self.now.astimezone(self.formats.zone).date())
        told = self.day_range(first, last)
        if start and end < MIDNIGHT:
            return f"{told}, {self.formats.minute(start)}–{self.formats.minute(end)}"
        if start:
            return f"{told}, {self('from_time', time=self.formats.minute(start))}"
        return f"{told}, {self('until_time', time=self.formats.minute(end))}" if end < MIDNIGHT else told


def waited_for(when: When, today: date) -> tuple[date, date, int, int]:
    """The first and last day, and the minutes of the day from and until which a start is waited for.

    An hour to either side of an exact time; two weeks where no day is named.
    """
    first = max(when.day or today, today)
    last = max(when.last_day or when.day or today + _TWO_WEEKS, first)
    start = when.start.hour * 60 + when.start.minute if when.start else 0
    end = when.end.hour * 60 + when.end.minute if when.end else MIDNIGHT
    if when.exact and when.start:
        start, end = max(start - _AROUND, 0), min(start + _AROUND, MIDNIGHT)
    return (first, last, start, end) if start < end else (first, last, 0, MIDNIGHT)


def numbered(lines: Iterable[str]) -> str:
    """`1. first`, `2. second` …"""
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def joined(names: Iterable[str]) -> str:
    """Names in one line."""
    return " + ".join(names)
