# ruff: noqa: E501 - a pattern stays in one piece
"""Days in text: "tomorrow", "sexta", "15/12", "daqui a duas semanas", "next weekend"."""

import calendar
import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Literal

from booka_dialog.understanding.words import Scan, number_of, numbers_pattern

__all__ = ["DAY_WORDS", "Days", "NoDay", "read_days"]

#: The first and the last day.
Days = tuple[date, date]
#: Why a day that the text names is none to come on: 31/02, yesterday, in two years.
NoDay = Literal["unknown", "over", "too_far"]

_WEEKDAYS = {
    0: ("monday", "mon", "segunda feira", "segunda", "seg", "2a feira", "2 feira"),
    1: ("tuesday", "tues", "tue", "terca feira", "terca", "3a feira", "3 feira"),
    2: ("wednesday", "weds", "wed", "quarta feira", "quarta", "qua", "4a feira", "4 feira"),
    3: ("thursday", "thurs", "thur", "thu", "quinta feira", "quinta", "qui", "5a feira", "5 feira"),
    4: ("friday", "fri", "sexta feira", "sexta", "sex", "6a feira", "6 feira"),
    5: ("saturday", "sat", "sabado", "sab"),
    6: ("sunday", "sun", "domingo", "dom"),
}
_MONTHS = {
    1: ("january", "jan", "janeiro"), 2: ("february", "feb", "fevereiro", "fev"), 3: ("march", "mar", "marco"),
    4: ("april", "apr", "abril", "abr"), 5: ("may", "maio", "mai"), 6: ("june", "jun", "junho"),
    7: ("july", "jul", "julho"), 8: ("august", "aug", "agosto", "ago"), 9: ("september", "sept", "sep", "setembro", "set"),
    10: ("october", "oct", "outubro", "out"), 11: ("november", "nov", "novembro"), 12: ("december", "dec", "dezembro", "dez"),
}  # fmt: skip
_WEEKDAY_OF = {name: number for number, names in _WEEKDAYS.items() for name in names}
_MONTH_OF = {name: number for number, names in _MONTHS.items() for name in names}

_FURTHEST = timedelta(days=366)
#: From here on a number was hardly meant as a day of the month.
_NO_DATE = 40

#: Words worth correcting when they are mistyped.
DAY_WORDS = tuple(
    name for name in (*_WEEKDAY_OF, *_MONTH_OF, "tomorrow", "amanha", "weekend", "depois", "proxima", "semana")
    if len(name) >= 5 and " " not in name
)  # fmt: skip


def _any(names: Iterable[str]) -> str:
    return "|".join(name.replace(" ", r"[ -]?") for name in sorted(names, key=len, reverse=True))


_N = numbers_pattern()
_WD = rf"(?P<weekday>{_any(_WEEKDAY_OF)})"
_MO = rf"(?P<month>{_any(_MONTH_OF)})"
_ISO = re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b")
_NUMERIC = re.compile(
    r"\b(?:dia )?(?P<first>\d{1,2})(?:/(?P<second>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?|([.-])(?P<second_>\d{1,2})\4(?P<year_>\d{4}|\d{2}))\b"
)
_DAY_MONTH = re.compile(
    rf"\b(?:dia |the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|o)? ?(?:of |de )?{_MO}\b\.?(?:,? ?(?:de |of )?(?P<year>\d{{4}}))?"
)
_FIRST = re.compile(rf"\b(?:the )?(?:first|primeiro) (?=(?:of |de )?(?:{_any(_MONTH_OF)})\b)")
_MONTH_DAY = re.compile(rf"\b{_MO}\.? (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:h/])(?:,? (?P<year>\d{{4}}))?")
_AFTER_TOMORROW = re.compile(r"\bdepois (?:de )?amanha\b|\bday after tomorrow\b|\bovermorrow\b")
_TOMORROW = re.compile(r"\b(?:tomorrow|tomorow|tommorow|tommorrow|tmrw|tmr|tmw|2moro|amanha|amanhan|amnha)\b")
_TODAY = re.compile(
    r"\b(?:today|hoje|hj|later today|right now)\b|\b(?=tonight\b)|\bthis (?=(?:morning|afternoon|evening)\b)"
)
_IN = re.compile(
    rf"\b(?:in|daqui a|daqui|em|dentro de|within) (?P<n>{_N}) (?P<unit>days?|dias?|weeks?|semanas?|months?|mes(?:es)?)\b"
    rf"|\b(?P<n_>{_N}) (?P<unit_>days?|weeks?|months?) (?:from now|from today|later)\b"
)
_FORTNIGHT = re.compile(r"\b(?:in a |a )?fortnight\b|\bdaqui a (?:15|quinze) dias\b")
_NEXT_WEEK = re.compile(r"\b(?:next week|(?:n?a )?(?:semana que vem|proxima semana|semana seguinte))\b")
_THIS_WEEK = re.compile(r"\b(?:this week|(?:n?esta|n?essa|d?esta) semana)\b")
_WEEKEND = re.compile(
    r"\b(?P<next>next )?(?:this |the |on the )?week ?end\b|\b(?:n?[oe]s[ts]e |no )?(?:proximo )?(?:fim|final) de semana\b(?P<next_> que vem)?|\bfds\b"
)
_NEXT_MONTH = re.compile(r"\b(?:next month|(?:no )?(?:mes que vem|proximo mes))\b")
_WEEKDAY = re.compile(
    rf"\b(?P<next>next )?(?P<coming>this |on |coming |proxim[ao] |n?est[ae] |n?ess[ae] |na |no )*{_WD}s?\b(?:[ -]feira)?(?P<que_vem> (?:que vem|da semana que vem|next week|week)\b)?"
)
_PAST = re.compile(
    rf"\b(?:yesterday|ontem|anteontem|last (?:week|month|{_WD})(?! of\b)|(?:semana|mes|{_WD.replace('weekday', 'weekday_')}(?:[ -]feira)?) passad[ao])\b"
)
_NOT_WEEKDAY = re.compile(rf"\b(?:not|isn't|can't(?: do)?) (?:on )?{_WD}\b")
#: "I can't make it tomorrow": that day is not meant, whatever is said besides.
_NOT_POSSIBLE = re.compile(
    rf"\b(?:can't|cannot|can not|won't|nao (?:posso|consigo|da|vou poder|vou conseguir|poderei))(?: (?!before|after|until|till|antes|depois|ate)\w+){{0,3}}? (?:on |na |no )?(?:{_WD}|tomorrow|today|amanha|hoje)\b"
)
_OF_MONTH = re.compile(
    r"\b(?:no )?dia (?P<day>\d{1,2})\b(?!/)|\b(?:on )?the (?P<day_>\d{1,2})(?:st|nd|rd|th)?\b(?! ?(?:one|option))|\b(?P<day__>\d{1,2})(?:st|nd|rd|th)\b(?! ?(?:one|option))"
)


def read_days(scan: Scan, today: date, *, day_first: bool) -> Days | NoDay | None:
    """The first and last day that the text names, never before `today`; what was understood is taken from `scan`."""
    scan.take(_NOT_POSSIBLE)
    absolute = _absolute(scan, today, day_first=day_first)
    if isinstance(absolute, date):
        _weekdays(scan, today, today)  # "friday 27/11": the date decides
        if absolute > today + _FURTHEST:
            return "too_far"
        return (absolute, absolute) if absolute >= today else "over"
    over = scan.take(_PAST) is not None
    for reader in (_relative, _weeks):
        days = reader(scan, today)
        if days is not None:
            return days if days[0] <= today + _FURTHEST else "too_far"
    found = _weekdays(scan, today, today)
    if found is not None:
        return found
    match = scan.take(_OF_MONTH)
    if match:
        number = int(match["day"] or match["day_"] or match["day__"])
        day = _day_of_month(today, number)
        return (day, day) if day else "unknown" if 0 < number < _NO_DATE else None
    return "over" if over else absolute


def _absolute(scan: Scan, today: date, *, day_first: bool) -> date | NoDay | None:
    scan.rest = _FIRST.sub("1 ", scan.rest)
    match = scan.take(_ISO)
    if match:
        return _date(int(match["year"]), int(match["month"]), int(match["day"])) or "unknown"
    match = scan.take(_NUMERIC)
    if match:
        first, second = int(match["first"]), int(match["second"] or match["second_"])
        day, month = (first, second) if day_first else (second, first)
        if month > 12 and day <= 12:
            day, month = month, day
        found = _coming(today, month, day, match["year"] or match["year_"])
        return found or ("unknown" if 0 < day < _NO_DATE and 0 < month <= 12 else None)
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        match = scan.take(pattern)
        if match:
            return _coming(today, _MONTH_OF[match["month"]], int(match["day"]), match["year"]) or "unknown"
    return None


def _relative(scan: Scan, today: date) -> Days | None:
    fixed: tuple[tuple[re.Pattern[str], int], ...] = (
        (_AFTER_TOMORROW, 2), (_TOMORROW, 1), (_TODAY, 0), (_FORTNIGHT, 14),
    )  # fmt: skip
    for pattern, ahead in fixed:
        if scan.take(pattern):
            day = today + timedelta(days=ahead)
            return day, day
    match = scan.take(_IN)
    if not match:
        return None
    count, unit = number_of(match["n"] or match["n_"]), match["unit"] or match["unit_"]
    day = (
        _months_later(today, count)
        if unit.startswith("m")
        else today + timedelta(days=count * (7 if unit[0] in "ws" else 1))
    )
    return day, day


def _weeks(scan: Scan, today: date) -> Days | None:
    monday = today - timedelta(days=today.weekday())
    match = scan.take(_WEEKEND)
    if match:
        saturday = monday + timedelta(days=12 if match["next"] or match["next_"] else 5)
        return max(saturday, today), saturday + timedelta(days=1)
    if scan.take(_NEXT_WEEK):
        start = monday + timedelta(days=7)
        return _weekdays(scan, start, today) or (start, start + timedelta(days=6))
    if scan.take(_THIS_WEEK):
        return _weekdays(scan, today, today) or (today, monday + timedelta(days=6))
    if scan.take(_NEXT_MONTH):
        first = _months_later(today.replace(day=1), 1)
        match = scan.take(_OF_MONTH)
        if match:
            day = _date(first.year, first.month, int(match["day"] or match["day_"] or match["day__"]))
            return (day, day) if day else None
        return first, _months_later(first, 1) - timedelta(days=1)
    return None


def _weekdays(scan: Scan, start: date, today: date) -> Days | None:
    """The weekdays named, from `start` on: one, or a first and a last ("friday or saturday")."""
    scan.take(_NOT_WEEKDAY)
    before = scan.rest
    found: list[date] = []
    joined = True
    while match := scan.take(_WEEKDAY):
        weekday = _WEEKDAY_OF[match["weekday"].replace("-", " ")]
        base = start
        if match["next"] or match["que_vem"]:
            base = today - timedelta(days=today.weekday()) + timedelta(days=7)
        found.append(base + timedelta(days=(weekday - base.weekday()) % 7))
    if not found:
        return None
    if len(found) > 1:
        joined = bool(re.search(rf"{_WD} (?:or|ou|and|e|to|a|ate) ", before))
    return (min(found), max(found)) if joined else (found[-1], found[-1])


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _next(candidates: Iterable[date | None], wanted: Callable[[date], bool]) -> date | None:
    return next((day for day in candidates if day is not None and wanted(day)), None)


def _coming(today: date, month: int, day: int, year: str | None) -> date | None:
    """The date itself if it has a year, otherwise the next one that is not over."""
    if year:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    # Up to 8 years, because 29 February may be that far away.
    return _next((_date(today.year + ahead, month, day) for ahead in range(9)), lambda found: found >= today)


def _months_later(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    year = min(year, 9998)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _day_of_month(today: date, day: int) -> date | None:
    months = ((_months_later(today.replace(day=1), ahead)) for ahead in range(4))
    return _next((_date(first.year, first.month, day) for first in months), lambda found: found >= today)
