"""Dates in rarer wordings, by dateparser: only asked where the grammar of `days` and `clock` has found nothing.

It costs 0.3 s to import and some 90 ms for the first text of a language, so `warm` is called at start; afterwards a
text costs below 1 ms. Its answers about times of day are not used: "15 de março às 15h" becomes the year 2115.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from dateparser.date import DateDataParser  # type: ignore[import-untyped]

from booka_dialog.understanding.language import Language

__all__ = ["loose_day", "warm"]

_LONGEST = 40
_FURTHEST = timedelta(days=366)


def loose_day(folded: str, today: date, language: Language, *, day_first: bool) -> date | None:
    """The day that the whole text names, from today to a year ahead; None if dateparser does not know either."""
    if not 3 <= len(folded) <= _LONGEST:
        return None
    parser = DateDataParser(
        languages=[language],
        settings={
            # Noon and not the present moment: dateparser keeps one settings object per distinct value for ever.
            "RELATIVE_BASE": datetime.combine(today, time(12)),
            "PREFER_DATES_FROM": "future",
            "DATE_ORDER": "DMY" if day_first else "MDY",
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    try:
        found: Any = parser.get_date_data(folded)
    except (ValueError, OverflowError, TypeError, ArithmeticError, LookupError, AttributeError):
        return None  # the library raises on some odd texts instead of saying that it does not know
    if found.date_obj is None or found.period != "day":
        return None
    day: date = found.date_obj.date()
    return day if today <= day <= today + _FURTHEST else None


def warm(today: date) -> None:
    """Have dateparser load its languages now rather than at a client's first odd sentence."""
    for language, text in (("en", "in three days"), ("pt", "em tres dias")):
        loose_day(text, today, "en" if language == "en" else "pt", day_first=True)
