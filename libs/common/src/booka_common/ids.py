"""Identifiers: time-ordered for rows and messages, derived where the same cause must give the same id."""

from uuid import UUID, SafeUUID

import uuid_utils
from uuid_utils.compat import uuid5

__all__ = ["derived_id", "new_id"]


_UNKNOWN = SafeUUID.unknown
#: The slots of a UUID, which lets nobody set them by their names.
_set_int, _set_is_safe = UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined, misc]


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by creation time, which keeps B-tree inserts at the right edge."""
    # A hold takes seven of them: as `uuid_utils.compat` makes one, without looking up each time what is the same each time.
    made = object.__new__(UUID)
    _set_int(made, uuid_utils.uuid7().int)
    _set_is_safe(made, _UNKNOWN)
    return made


def derived_id(base: UUID, *parts: object) -> UUID:
    """The id that follows from `base` and `parts`: the same arguments always give the same UUID (version 5)."""
    return uuid5(base, "/".join(str(part) for part in parts))
