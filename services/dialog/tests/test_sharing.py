"""What waits at the same time shares a transaction, and one that cannot be taken harms no other."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
)
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_dialog import usecases
from booka_dialog.usecases import Deps

from .left_behind import said


@pytest.mark.usefixtures("open_salon")
async def test_turns_and_answers_of_many_conversations_share_few_round_trips(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    """Statements: lock and claim, load, save, outbox. BEGIN and COMMIT come on top. Each is answered for itself."""
    others = [
        replace(client, tenant_id=tenant, conversation_id=new_id()) for tenant in (tenant_id, tenant_id, new_id())
    ]
    found = AvailabilityFound(
        request_id=new_id(), conversation_id=client.conversation_id, exact=True, slots=()
    )  # nobody asked
    counted = Counted(deps)
    await asyncio.gather(
        usecases.take_answer(counted.deps, client.says_service(found), client.conversation_id, found),
        *(
            usecases.take_turn(counted.deps, one.writes(text))
            for one in (client, *others)
            for text in ("hi", "haircut")
        ),
    )
    assert counted.statements == 4
    texts = await said(deps, tenant_id)
    assert len(texts) == 3
    assert all("Haircut: who would you like" in text for text in texts)
    (closed,) = await said(deps, others[2].tenant_id)
    assert "not open yet" in closed
    stored = await usecases.get_session(deps, others[2].tenant_id, others[2].conversation_id)
    assert stored.turns_taken == 2


@pytest.mark.usefixtures("open_salon")
async def test_one_that_cannot_be_taken_harms_no_other(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """PostgreSQL has no U+0000; what comes with it in a batch is answered all the same."""
    other = replace(client, conversation_id=new_id())
    results = await asyncio.gather(
        usecases.take_turn(deps, client.writes("hi", choice_id="\x00", turn=2)),
        usecases.take_turn(deps, other.writes("hi", turn=1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert len(await said(deps, tenant_id)) == 1


class Counted:
    """Counts the statements of the transactions of `deps`."""

    def __init__(self, deps: Deps) -> None:
        self.statements = 0
        self.deps = replace(deps, db=_CountingDatabase(deps.db, self))  # type: ignore[arg-type]


class _CountingDatabase:
    def __init__(self, db: Any, count: Counted) -> None:
        self._db, self._count = db, count

    def shared_tx(self, tenants: Any) -> Any:
        return _CountingContext(self._db.shared_tx(tenants), self._count)


class _CountingContext:
    def __init__(self, context: Any, count: Counted) -> None:
        self._context, self._count = context, count

    async def __aenter__(self) -> Any:
        return _CountingTx(await self._context.__aenter__(), self._count)

    async def __aexit__(self, *error: Any) -> Any:
        return await self._context.__aexit__(*error)


class _CountingTx:
    def __init__(self, tx: Tx, count: Counted) -> None:
        self._tx, self._count = tx, count

    def __getattr__(self, name: str) -> Any:
        if name in {"fetch", "fetchrow", "fetchval", "execute"}:
            self._count.statements += 1
        return getattr(self._tx, name)
