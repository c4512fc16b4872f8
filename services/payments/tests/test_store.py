"""Every statement fits the schema and names its tenant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from booka_common.db import Database, load_queries
from booka_common.ids import new_id
from booka_common.runtime import clean_up
from booka_common.testing.statements import prepare
from booka_payments import store
from booka_payments.domain import ProviderEvent, Status
from booka_payments.settings import SERVICE, Settings
from booka_payments.usecases import deposits

QUERIES = dict(load_queries("booka_payments").items())


async def test_every_query_prepares_on_the_migrated_schema(provision: Any) -> None:
    await prepare(provision(SERVICE)["database_url"], "payments", QUERIES.items())


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - {"reservation_lock", "ended_prune", "ignored_prune"}))
def test_every_statement_names_its_tenant(name: str) -> None:
    statement = " ".join(QUERIES[name].split())
    assert "tenant_id = $1" in statement or "( tenant_id, " in statement or "(tenant_id, " in statement


async def test_pages_are_newest_first_without_gaps(
    db: Database, tenant_id: Any, reservation_of: Any, settings: Settings
) -> None:
    for _ in range(5):
        await deposits.deposit_due(db, reservation_of().due(), datetime.now(UTC))
    async with db.tx(tenant_id) as tx:
        whole = await store.list_transactions(tx, status=None, reservation_id=None, before=None, limit=50)
        first = await store.list_transactions(tx, status="requested", reservation_id=None, before=None, limit=3)
        rest = await store.list_transactions(tx, status="requested", reservation_id=None, before=first[-1].id, limit=3)
        one = await store.list_transactions(
            tx, status=None, reservation_id=whole[2].reservation_id, before=None, limit=3
        )
        none = await store.list_transactions(tx, status="paid", reservation_id=None, before=None, limit=3)
    assert len(whole) == 5
    assert first + rest == whole
    assert one == [whole[2]]
    assert none == []


async def test_money_without_its_amount_cannot_be_booked(
    db: Database, tenant_id: Any, reservation: Any, settings: Settings
) -> None:
    now = datetime.now(UTC)
    await deposits.deposit_due(db, reservation.due(hold=timedelta(hours=1)), now)
    async with db.tx(tenant_id) as tx:
        (transaction,) = await store.transactions_of(tx, reservation.id)
    statuses: list[Status] = ["paid", "refunding", "refunded", "open"]
    for status in statuses:
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.tx(tenant_id) as tx:
                await store.set_status(tx, transaction.id, status, now)


async def test_what_has_been_kept_long_enough_is_removed(db: Database, tenant_id: Any) -> None:
    long_ago, lately = (datetime.now(UTC) - timedelta(days=days) for days in (91, 89))
    old, young = new_id(), new_id()
    async with db.tx(tenant_id) as tx:
        await store.end_reservation(tx, old, 2, long_ago)
        await store.end_reservation(tx, young, 2, lately)
    said = [(f"evt_{new_id()}", at, outcome) for at, outcome in
            ((long_ago, "ignored"), (lately, "ignored"), (long_ago, "unmatched"))]  # fmt: skip
    async with db.system_tx() as tx:
        for id, at, outcome in said:
            event = ProviderEvent("stripe", id, "charge.updated", "other", at, None, None, None, {})
            assert await store.put_event(tx, event, transaction_id=None, now=at, outcome=outcome)
    await clean_up(db, SERVICE)
    async with db.tx(tenant_id) as tx:
        assert [await store.ended_version(tx, id) for id in (old, young)] == [None, 2]
    async with db.system_tx() as tx:
        left = await tx.fetch(
            "SELECT event_id FROM payment_events WHERE event_id = ANY ($1::text[])", [id for id, _, _ in said]
        )
    assert {row["event_id"] for row in left} == {said[1][0], said[2][0]}
