"""Reading single values out of payloads whose shape nobody promises. Every function takes anything and never raises."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

__all__ = [
    "MAX_EVENTS",
    "MAX_ID",
    "MAX_TEXT",
    "UNREADABLE",
    "fact",
    "identifier",
    "instant",
    "line",
    "mapping",
    "person_name",
    "sequence",
    "text",
]

MAX_TEXT = 4096
MAX_ID = 128
#: Why a parser passes over what should be a message: it is kept as it came, for a parser that can read it.
UNREADABLE = "unreadable"
#: Of one body. The largest that is taken cannot hold as many that mean something; one that does is kept, to be looked at.
MAX_EVENTS = 25_000


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one. Payloads come out of JSON, whose objects are dicts."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """`value` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """`value` if it is text, without what PostgreSQL cannot store."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\x00" not in value:
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def line(value: object, longest: int) -> str:
    """`value` if it is text, at most `longest` characters of it, trimmed."""
    return text(value)[:longest].strip()


def identifier(value: object, longest: int = MAX_ID) -> str | None:
    """`value` if it is a usable id. A longer one is none: cut, two messages could become one."""
    found = line(value, longest + 1)
    return found if 0 < len(found) <= longest else None


def person_name(value: object) -> str | None:
    """What a client calls themselves; gateways put digits of a number, or "Você" for the salon, where a name is missing."""
    return _name(value) if isinstance(value, str) else None


@lru_cache(maxsize=2048)  # the same few people write
def _name(value: str) -> str | None:
    name = " ".join(text(value)[:120].split())
    if not any(map(str.isalpha, name)) or name.casefold() == "você":
        return None
    return name


def instant(value: object, now: datetime) -> datetime:
    """Unix seconds as int, text or `{low, high}`; milliseconds are recognised by their size. Never later than `now`."""
    if isinstance(value, dict):
        value = value.get("low")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e14:
        return now
    told = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    return told if told < now else now


def fact(value: object) -> str | bool | int | float | None:
    """A short text, a boolean or a number as it is; None for anything else."""
    if isinstance(value, str):
        return line(value, 256)
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 2**53):
        return value
    return None
