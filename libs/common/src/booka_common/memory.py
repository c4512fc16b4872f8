"""What a process remembers of what it has read. It is never true by itself: whoever recalls it asks whether it still holds."""

from collections import OrderedDict
from typing import Any, Generic, TypeVar
from uuid import UUID

__all__ = ["Memories", "Memory"]

_Kept = TypeVar("_Kept")


class Memory(Generic[_Kept]):
    """What this process has read of some kind, one thing for each tenant. Whoever recalls it sees whether it still holds."""

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()

    def recall(self, tenant_id: UUID) -> _Kept | None:
        """What was kept last of this tenant, if it has not made room for others."""
        found = self._kept.get(tenant_id)
        if found is not None:
            self._kept.move_to_end(tenant_id)
        return found

    def keep(self, tenant_id: UUID, what: _Kept) -> None:
        """Keep `what`; the one that nobody recalled for the longest time makes room."""
        self._kept[tenant_id] = what
        self._kept.move_to_end(tenant_id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class Memories:
    """What a process keeps of what it has read, by the type of it."""

    def __init__(self) -> None:
        self._of: dict[type[Any], Memory[Any]] = {}

    def of(self, kind: type[_Kept]) -> Memory[_Kept]:
        """The memory for things of this type."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = Memory()
        return found
