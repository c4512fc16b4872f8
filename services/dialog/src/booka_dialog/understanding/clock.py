# ruff: noqa: E501 - a pattern stays in one piece
"""Times of day in text: "after 3", "às 15h30", "entre 14 e 16h", "half past four", "de manhã"."""

import re
from dataclasses import dataclass
from datetime import time

from booka_dialog.understanding.words import NUMBER_WORDS, Scan

__all__ = ["Hours", "hour_alone", "read_hours"]


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of a day, see `When`."""

    start: time | None = None
    end: time | None = None
    exact: bool = False


_HOUR_WORDS = "|".join(word for word in NUMBER_WORDS if word not in {"a", "an"})
_AT = (
    r"at about|at around|at|@|around|about|as|umas|la pelas|pelas|por volta d[ae]s?|para as|pras|"
    # What a time is changed to.
    r"make it|(?:change|move|switch|push) it to|(?:can|could) (?:we|you|i) (?:do|make)|let'?s (?:do|say)|(?:mud|troc|pass|alter)\w* (?:\w+ )?(?:para|pra)|que tal|melhor"
)
_AFTER = r"not before|no earlier than|not earlier than|nao antes d[aeo]s?|after|from|later than|any ?time after|depois d[aeo]s?|depois|apos(?: as)?|a partir d[aeo]s?|das|from about"
_BEFORE = r"not after|not later than|nao depois d[aeo]s?|before|until|till|by|no later than|earlier than|antes d[aeo]s?|ate(?: as)?"


def _clock(n: str) -> str:
    return (
        rf"(?P<h{n}>\d{{1,2}})(?: ?(?:[:.]|h) ?(?P<m{n}>[0-5]\d)(?!\d))?"
        rf" ?(?P<s{n}>a\.m\.?|p\.m\.?|am\b|pm\b|hrs?\b|hs?\b|horas?\b|o'?clock\b)?(?![\d/])"
    )


_NOON = re.compile(r"\bmeio[ -]dia\b|\bnoon\b|\bmidday\b")
_WORD_HOUR = re.compile(rf"\b(?P<before>{_AT}|{_AFTER}|{_BEFORE}|past|to) (?P<word>{_HOUR_WORDS})\b")
_HALF = re.compile(r"\b(?P<h>\d{1,2}) ?(?:h|horas)? e meia\b")
_PAST = re.compile(r"\b(?P<what>half|quarter) (?P<side>past|to) (?P<h>\d{1,2})\b")
_QUALIFIER = rf"(?:(?P<after>{_AFTER})|(?P<before>{_BEFORE})|(?P<at>{_AT}))"
_RANGE = re.compile(
    rf"\b(?:between|entre|from|das|de) (?:as )?{_clock('1')} ?(?:and|e as|e|to|ate as|ate|as|a|until|till|-) ?{_clock('2')}"
)
_DASH = re.compile(rf"(?<![\d/:.-]){_clock('1')} ?(?:-|–|as|to|ate) ?{_clock('2')}")
_QUALIFIED = re.compile(rf"(?<!\w){_QUALIFIER} (?:las? |as )?{_clock('')}")
_BARE = re.compile(rf"(?<![\d/:.,$-]){_clock('')}")
_PARTS: tuple[tuple[str, re.Pattern[str], Hours], ...] = (
    ("day_end", re.compile(r"\b(?:n?o )?(?:fim|final) d[aeo] (?:dia|tarde)\b|\bend of (?:the )?(?:day|afternoon)\b|\bafter work\b|\bdepois do (?:trabalho|expediente)\b"),
     Hours(time(17))),
    ("after_lunch", re.compile(r"\bafter (?:lunch(?: ?time)?|noon)\b|\bdepois do almoco\b"), Hours(time(13), time(18))),
    ("lunch", re.compile(r"\b(?:at |na )?(?:lunch ?time|hora do almoco|lunch|almoco)\b"), Hours(time(11, 30), time(14))),
    ("morning", re.compile(r"\b(?:in the |de |da |pela |na |early )?(?:morning|manha|manhazinha|mornings)\b"), Hours(None, time(12))),
    ("afternoon", re.compile(r"\b(?:in the |de |da |a |pela |na |la )?(?:afternoon|(?<!mais )(?<!mas )tarde|tardezinha)\b"), Hours(time(12), time(18))),
    ("evening", re.compile(r"\b(?:in the |at |de |da |a |pela |na )?(?:evening|tonight|night|noite)\b"), Hours(time(17))),
)  # fmt: skip


def read_hours(scan: Scan) -> Hours | None:
    """What the text says about the time of day; what was understood is taken from `scan`."""
    scan.rest = _digits(scan.rest)
    part, stretch = _part(scan)
    return _between(scan, part) or _qualified(scan, part) or _bare(scan, part) or stretch


def _between(scan: Scan, part: str | None) -> Hours | None:
    for pattern in (_RANGE, _DASH):
        match = pattern.search(scan.rest)
        if not match or (pattern is _DASH and not _marked(match, "1") and not _marked(match, "2")):
            continue
        end = _time(match["h2"], match["m2"], match["s2"], part)
        start = _time(match["h1"], match["m1"], match["s1"] or match["s2"], part)
        if start and end and start > end and not match["s1"]:
            start = _time(match["h1"], match["m1"], "am", part)  # 11-1pm
        if start and end and start < end:
            scan.take(pattern)
            return Hours(start, end)
    return None


def _qualified(scan: Scan, part: str | None) -> Hours | None:
    """ "after 3", "at 9", "before 6": the last "at" counts, an "after" and a "before" go together."""
    start: time | None = None
    end: time | None = None
    exact = False
    while match := scan.take(_QUALIFIED):
        at = _time(match["h"], match["m"], match["s"], part)
        if at is None:
            continue
        if match["before"]:
            start, end = (None if exact else start), at
        else:
            start, end = at, (end if match["after"] else None)
        exact = match["at"] is not None
    if start is None and end is None:
        return None
    return Hours(start, end if not start or not end or start < end else None, exact)


def _bare(scan: Scan, part: str | None) -> Hours | None:
    for match in _BARE.finditer(scan.rest):
        # "tomorrow 3 in the afternoon": a part of the day makes a number an hour.
        told = _marked(match, "") or (part in {"morning", "afternoon", "evening"} and match["h"] not in {"0", "00"})
        at = _time(match["h"], match["m"], match["s"], part) if told else None
        if at:
            scan.rest = f"{scan.rest[: match.start()]}  {scan.rest[match.end() :]}"
            return Hours(at, None, exact=True)
    return None


def hour_alone(number: int) -> time | None:
    """A bare number as the start of a visit within usual hours: 3 -> 15:00, 9 -> 09:00."""
    return _time(str(number), None, None, None) if 1 <= number <= 23 else None


def _marked(match: re.Match[str], n: str) -> bool:
    return match[f"m{n}"] is not None or match[f"s{n}"] is not None


def _part(scan: Scan) -> tuple[str | None, Hours | None]:
    for name, pattern, stretch in _PARTS:
        if scan.take(pattern):
            return name, stretch
    return None, None


def _digits(text: str) -> str:
    """Hours in words as figures, so that one pattern reads them all."""
    text = _NOON.sub("12:00", text)
    text = _WORD_HOUR.sub(lambda match: f"{match['before']} {NUMBER_WORDS[match['word']]}", text)
    text = re.sub(rf"\b(?P<word>{_HOUR_WORDS}) e meia\b", lambda match: f"{NUMBER_WORDS[match['word']]}:30", text)
    text = re.sub(rf"\b(?P<word>{_HOUR_WORDS}) (?P<unit>horas?|o'?clock|am|pm|da manha|da tarde|da noite)\b",
                  lambda match: f"{NUMBER_WORDS[match['word']]} {match['unit']}", text)  # fmt: skip
    text = text.replace("12:00 e meia", "12:30")
    text = _HALF.sub(lambda match: f"{match['h']}:30", text)
    return _PAST.sub(_past, text)


def _past(match: re.Match[str]) -> str:
    hour, minutes = int(match["h"]), 30 if match["what"] == "half" else 15
    if match["side"] == "to":
        hour, minutes = hour - 1 or 12, 60 - minutes
    return f"at {hour}:{minutes:02d}"


def _time(hour_text: str, minute_text: str | None, suffix: str | None, part: str | None) -> time | None:
    hour, minute = int(hour_text), int(minute_text or 0)
    mark = (suffix or "").replace(".", "")
    if mark in {"am", "pm"}:
        if not 1 <= hour <= 12:
            return time(hour, minute) if 13 <= hour <= 23 and mark == "pm" else None
        return time(hour % 12 + (12 if mark == "pm" else 0), minute)
    written_out = hour_text.startswith("0") or (hour == 7 and mark.startswith("h"))
    if part in {"afternoon", "evening"} and 1 <= hour < 12:
        hour += 12
    elif part != "morning" and not written_out and 1 <= hour <= 7:
        hour += 12  # nobody has their hair cut at three in the morning
    return time(hour, minute) if hour <= 23 else None
