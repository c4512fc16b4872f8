"""The ledger: everything the sandbox was asked to do and everything it delivered, in order, in memory."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Entry = dict[str, Any]
"""{"seq": int, "kind": str, "at": ISO 8601 UTC, …fields of the kind}"""

INDEXED = ("number", "key_id", "instance", "id", "session_id")
"""Fields by which entries of a kind are found without reading the others."""


class _Waiter:
    def __init__(self, kind: str | None, fields: Mapping[str, str]) -> None:
        self.kind = kind
        self.fields = fields
        self.found: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()


class Ledger:
    """Append-only list with long polling. `seq` grows by one and is never reused, also not after `clear`."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._by_kind: dict[str, list[Entry]] = {}
        self._by_field: dict[tuple[str, str, str], list[Entry]] = {}
        self._waiters: dict[str, set[_Waiter]] = {}
        self._seq = 0

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when nothing was ever written."""
        return self._seq

    def counts(self) -> dict[str, int]:
        """How many entries there are of each kind."""
        return {kind: len(entries) for kind, entries in self._by_kind.items()}

    def add(self, kind: str, **fields: Any) -> Entry:
        """Write one entry and wake those waiting for it."""
        self._seq += 1
        entry: Entry = {"seq": self._seq, "kind": kind, "at": datetime.now(UTC).isoformat(), **fields}
        self._entries.append(entry)
        self._by_kind.setdefault(kind, []).append(entry)
        for name in INDEXED:
            if name in fields:
                self._by_field.setdefault((kind, name, _text(fields[name])), []).append(entry)
        number = fields.get("number")
        for key in (_key(kind, number), _key(kind, None), _key(None, None)):
            for waiter in tuple(self._waiters.get(key, ())):
                if not waiter.found.done() and _matches(entry, waiter.kind, waiter.fields):
                    waiter.found.set_result(entry)
        return entry

    def find(self, kind: str | None, fields: Mapping[str, str], *, since: int = 0, limit: int = 1000) -> list[Entry]:
        """Entries with `seq > since` whose fields equal `fields` (compared as text), oldest first."""
        candidates = self._candidates(kind, fields)
        start = bisect_right(candidates, since, key=_seq_of)
        found: list[Entry] = []
        for index in range(start, len(candidates)):
            if len(found) >= limit:
                break
            if _matches(candidates[index], kind, fields):
                found.append(candidates[index])
        return found

    async def wait(
        self, kind: str | None, fields: Mapping[str, str], *, after: int, timeout_seconds: float
    ) -> Entry | None:
        """The first matching entry with `seq > after`, now or within the time; None when the time is over."""
        already = self.find(kind, fields, since=after, limit=1)
        if already:
            return already[0]
        waiter = _Waiter(kind, fields)
        # A waiter without a kind cannot be filed under its number: numbers are only unique within a kind.
        key = _key(kind, fields.get("number") if kind else None)
        self._waiters.setdefault(key, set()).add(waiter)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await waiter.found
        except TimeoutError:
            return None
        finally:
            self._waiters[key].discard(waiter)
            if not self._waiters[key]:
                del self._waiters[key]

    def clear(self) -> None:
        """Forget the entries; numbering continues, so an `after` taken before stays valid."""
        self._entries = []
        self._by_kind = {}
        self._by_field = {}

    def _candidates(self, kind: str | None, fields: Mapping[str, str]) -> list[Entry]:
        if kind is None:
            return self._entries
        lists = [self._by_field.get((kind, name, fields[name]), []) for name in INDEXED if fields.get(name)]
        return min(lists, key=len, default=self._by_kind.get(kind, []))


def public_fields(pairs: Iterable[tuple[str, str]], reserved: set[str]) -> dict[str, str]:
    """Query parameters that are conditions on an entry's fields; phone numbers are reduced to digits."""
    fields = {name: value for name, value in pairs if name not in reserved}
    if "number" in fields:
        fields["number"] = "".join(c for c in fields["number"] if c.isdigit())
    return fields


def _key(kind: str | None, number: Any) -> str:
    return f"{kind or ''}|{number or ''}"


def _seq_of(entry: Entry) -> int:
    return int(entry["seq"])


def _matches(entry: Entry, kind: str | None, fields: Mapping[str, str]) -> bool:
    if kind is not None and entry["kind"] != kind:
        return False
    return all(_text(entry.get(name)) == value for name, value in fields.items())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
