"""Identifiers: time-ordered for rows and messages, derived where the same cause must give the same id."""

from uuid import UUID

from uuid_utils.compat import uuid5, uuid7

__all__ = ["derived_id", "new_id"]


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by creation time, which keeps B-tree inserts at the right edge."""
    return uuid7()


def derived_id(base: UUID, *parts: object) -> UUID:
    """The id that follows from `base` and `parts`: the same arguments always give the same UUID (version 5)."""
    return uuid5(base, "/".join(str(part) for part in parts))
