"""Whoever holds several conversations has taken them in one order, so that nobody waits for somebody who waits for him.

Somebody else has the last one, so what has been locked before it can be seen.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from booka_common.contracts.messaging import SendRequested
from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.model import Alias
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.store import Accepted, Asked, Incoming
from booka_messaging.usecases.contacts import erase
from booka_messaging.usecases.identifying import NotAlone, settle
from booka_messaging.usecases.receiving import Intake

from .lines import Line, blocked

ANA, RUI = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
PEOPLE = (ANA, RUI)


@dataclass
class Two:
    """Two people whose conversations have their ids the other way round than they have theirs, each with an echo of ours."""

    line: Line
    contacts: tuple[UUID, UUID]
    conversations: tuple[UUID, UUID]
    accepted: tuple[Accepted, ...] = ()

    def asked(self) -> list[Asked]:
        said = [SendRequested(conversation_id=id, text="Olá", purpose="reply") for id in self.conversations]
        return [Asked(new_id(), self.line.tenant_id, new_id(), data) for data in said]

    # --- what locks both of them

    async def take(self, tx: Tx) -> None:
        now = self.line.clock()
        for people in (PEOPLE, PEOPLE[::-1]):
            batch = [
                Incoming(
                    new_id(), self.line.tenant_id, self.line.channel.id, self.line.says("oi", who), counts=True, received_at=now
                )
                for who in people
            ]  # fmt: skip
            await store.take_messages(tx, batch)

    async def queue(self, tx: Tx) -> None:
        await store.queue_sends(tx, self.asked(), now=self.line.clock())

    async def overtake(self, tx: Tx) -> None:
        await store.overtake(tx, [(self.line.tenant_id, id, 7) for id in self.conversations])

    async def finish(self, tx: Tx) -> None:
        await store.finish_sends(tx, self.accepted)

    async def merge(self, tx: Tx) -> None:
        await settle(tx, self.line.tenant_id, self.line.channel.id, PEOPLE, talks=True, now=self.line.clock())

    async def forget(self, tx: Tx) -> None:
        await erase(tx, self.contacts[0], self.line.clock())


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """Planned as the service's are: by index, row by row."""
    async with Database(settings.database_url.get_secret_value(), SERVICE.name, planner=SERVICE.planner) as database:
        yield database


@pytest.fixture
async def two(line: Line) -> Two:
    contacts, conversations = sorted(new_id() for _ in range(2)), sorted((new_id() for _ in range(2)), reverse=True)
    now = line.clock()
    async with line.db.tx(line.tenant_id) as tx:
        for who, contact_id, conversation_id in zip(PEOPLE, contacts, conversations, strict=True):
            await store.put_person(
                tx, line.tenant_id, line.channel.id, contact_id, conversation_id, [who], name=None, phone=None, now=now
            )
    found = Two(line, (contacts[0], contacts[1]), (conversations[0], conversations[1]))
    asked = found.asked()
    async with line.db.tx(line.tenant_id) as tx:
        await store.queue_sends(tx, asked, now=now)
    for who in PEOPLE:
        await line.types("Bom dia", who, id=f"ECHO-{who.kind}")
    found.accepted = tuple(
        Accepted(line.tenant_id, one.id, line.channel.id, f"ECHO-{who.kind}", now)
        for one, who in zip(asked, PEOPLE, strict=True)
    )
    return found


async def is_free(db: Database, tenant_id: UUID, row: str, id: UUID) -> bool:
    """Whether nobody has locked a row: of `conversations`, or of `messages`."""
    async with db.tx(tenant_id) as tx:
        locking = f"SELECT 1 FROM {row} WHERE tenant_id = $1 AND id = $2 FOR UPDATE SKIP LOCKED"  # noqa: S608
        return await tx.fetchval(locking, tenant_id, id) is not None


@asynccontextmanager
async def waiting(two: Two, what: Callable[[Tx], Awaitable[None]], *, for_: UUID) -> AsyncIterator[None]:
    """While it waits for this conversation; afterwards it gets it."""

    async def do() -> None:
        async with two.line.db.tx(two.line.tenant_id) as tx:
            await what(tx)

    async with two.line.db.tx(two.line.tenant_id) as held:
        hold = "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
        await held.execute(hold, two.line.tenant_id, for_)
        task = asyncio.create_task(do())
        await blocked(two.line.db, 1)
        yield
    await task


@pytest.mark.parametrize("what", ["take", "queue", "overtake", "finish", "merge"])
async def test_conversations_are_locked_in_the_order_of_their_contacts(two: Two, what: str) -> None:
    first, last = two.conversations
    async with waiting(two, getattr(two, what), for_=last):
        assert not await is_free(two.line.db, two.line.tenant_id, "conversations", first)


@pytest.mark.parametrize("what", ["queue", "overtake", "forget"])
async def test_those_of_one_contact_are_locked_in_the_order_of_their_ids(two: Two, what: str) -> None:
    async with two.line.db.tx(two.line.tenant_id) as tx:
        await two.merge(tx)
    last, first = two.conversations
    async with waiting(two, getattr(two, what), for_=last):
        assert not await is_free(two.line.db, two.line.tenant_id, "conversations", first)


@pytest.mark.parametrize("what", ["finish", "forget"])
async def test_messages_are_locked_after_their_conversations(two: Two, what: str) -> None:
    rows = await two.line.rows("SELECT id FROM messages WHERE tenant_id = $1")
    async with waiting(two, getattr(two, what), for_=two.conversations[0]):
        for row in rows:
            assert await is_free(two.line.db, two.line.tenant_id, "messages", row["id"])


async def test_in_a_batch_nobody_is_merged(two: Two, line: Line) -> None:
    """Whose conversations are locked while others' are in hand. Each is taken in all the same, one by one."""
    intake = Intake(line.db, stale_after=timedelta(days=1))
    with pytest.raises(NotAlone):
        async with line.db.tx(line.tenant_id) as tx:
            await settle(tx, line.tenant_id, line.channel.id, PEOPLE, talks=True, alone=False, now=line.clock())
    said = [line.says("sou eu", *PEOPLE), line.says("oi", Alias("pn", "351911111111")), line.says("e eu", RUI)]
    assert await asyncio.gather(*(intake.receive(line.channel, [one], now=line.clock()) for one in said)) == 3 * [
        "accepted"
    ]
    assert len(await line.rows("SELECT 1 FROM contacts WHERE tenant_id = $1 AND merged_into IS NOT NULL")) == 1
