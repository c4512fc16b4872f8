"""Lists in pages: `items`, and `next`, which is the `cursor` of the page after it."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel, TypeAdapter, ValidationError

from booka_common.errors import Invalid

__all__ = ["Cursor", "Limit", "Page", "cursor_at", "page_of", "position_after"]

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")
_Key = TypeVar("_Key")

Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]


class Page(BaseModel, Generic[_Item]):
    """Some of a list; `next` is null on the last page."""

    items: list[_Item]
    next: str | None = None


def page_of(
    rows: Sequence[_Row], limit: int, key: Callable[[_Row], tuple[Any, ...]], view: Callable[[_Row], _Item]
) -> Page[_Item]:
    """The first `limit` of `rows`, of which one more was read to know whether there are more.

    Args:
        key: what the list is ordered by, unique.
    """
    shown = rows[:limit]
    return Page(items=[view(row) for row in shown], next=cursor_at(key(shown[-1])) if len(rows) > limit else None)


def cursor_at(key: tuple[Any, ...]) -> str:
    """What `position_after` reads."""
    return base64.urlsafe_b64encode(orjson.dumps(tuple(key), default=str)).rstrip(b"=").decode()


def position_after(cursor: str | None, kind: type[_Key]) -> _Key | None:
    """The key of the last item of the page before, as `kind`, a tuple type; None: from the start.

    Raises:
        Invalid: 400 `bad_cursor`.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return TypeAdapter(kind).validate_json(raw)
    except (ValidationError, ValueError):
        raise Invalid("the cursor is not one of ours", code="bad_cursor") from None
