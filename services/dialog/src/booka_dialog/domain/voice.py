"""Telling things: the texts of one client's language filled with visits, days, times and amounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from booka_common.contracts.booking import Visit
from booka_dialog.domain.inputs import Context
from booka_dialog.domain.session import Session
from booka_dialog.texts import Formats, say
from booka_dialog.understanding import Language

__all__ = ["Voice", "joined", "numbered"]


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


def numbered(lines: Iterable[str]) -> str:
    """`1. first`, `2. second` …"""
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def joined(names: Iterable[str]) -> str:
    """Names in one line."""
    return " + ".join(names)
