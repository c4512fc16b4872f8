"""Nothing of an erased client is kept, whatever is under way at that moment."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import eventually
from booka_llm import store, usecases
from booka_llm.domain import TenantSettings
from booka_llm.settings import Settings


@pytest.fixture(autouse=True)
async def switched_on(db: Database, salon: Any) -> None:
    await usecases.put_settings(db, replace(TenantSettings(salon.tenant_id), enabled=True), now=now())


def now() -> datetime:
    return datetime.now(UTC)


def erased(salon: Any) -> Envelope[ContactErased]:
    data = ContactErased(contact_id=new_id(), conversation_ids=(salon.conversation_id, new_id()))
    return Envelope.of(data, tenant_id=salon.tenant_id, now=now())


async def texts(db: Database, tenant_id: UUID) -> list[str]:
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            """SELECT text FROM recent_messages WHERE tenant_id = $1
               UNION ALL SELECT payload ->> 'text' FROM jobs WHERE tenant_id = $1 AND type = $2""",
            tenant_id,
            usecases.INTERPRET,
        )
    return [row["text"] for row in rows]


async def hear(db: Database, settings: Settings, envelope: Any) -> None:
    await usecases.keep_context(db, settings, envelope, consumer="test", now=now())


async def test_texts_go_and_late_ones_are_not_kept(db: Database, settings: Settings, salon: Any) -> None:
    other = salon.hears("somebody else", conversation_id=new_id())
    await hear(db, settings, salon.hears("I am Maria"))
    await hear(db, settings, other)
    await usecases.interpretation_requested(db, settings, salon.asks("Maria wants nails"), consumer="t", now=now())
    assert len(await texts(db, salon.tenant_id)) == 3
    for _ in range(2):
        await usecases.forget(db, erased(salon), now=now())
    await hear(db, settings, salon.hears("Maria again"))
    assert sorted(await texts(db, salon.tenant_id)) == ["", "somebody else"]


async def test_a_message_that_is_being_kept_at_that_moment_goes_too(
    db: Database, settings: Settings, salon: Any
) -> None:
    for _ in range(5):
        await asyncio.gather(
            hear(db, settings, salon.hears("I am Maria")),
            usecases.forget(db, erased(salon), now=now()),
            hear(db, settings, salon.hears("Maria again")),
        )
        assert await texts(db, salon.tenant_id) == []


@pytest.mark.parametrize("first", ["message", "erasure"])
async def test_whoever_comes_second_waits_for_the_other(
    db: Database, settings: Settings, salon: Any, first: str
) -> None:
    message = salon.hears("I am Maria")

    async def waiting() -> bool:
        async with db.tx(salon.tenant_id) as tx:
            return bool(await tx.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    async with db.tx(salon.tenant_id) as tx:
        if first == "message":
            await store.remember(tx, message, message.data.text)
            second = asyncio.create_task(usecases.forget(db, erased(salon), now=now()))
        else:
            ids = erased(salon).data.conversation_ids
            await store.forget_conversations(tx, ids, asking_job=usecases.INTERPRET, now=now())
            second = asyncio.create_task(hear(db, settings, message))
        await eventually(waiting)
    await second
    assert await texts(db, salon.tenant_id) == []


async def test_marks_go_when_nothing_can_be_under_way_any_more(db: Database, settings: Settings, salon: Any) -> None:
    await usecases.forget(db, erased(salon), now=now())
    async with db.tx(salon.tenant_id) as tx:
        await usecases.expire_messages(tx, settings, now() + timedelta(days=settings.history_days + 1))
        assert await tx.fetchval("SELECT count(*) FROM forgotten_conversations") == 0
