"""What the call that stores a batch of messages takes, and what it writes for it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import orjson
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.model import Alias, ChatMessage
from booka_messaging.store import Incoming

from .lines import Line

NOW = datetime(2026, 3, 2, 9, 7, tzinfo=UTC)
LATER = timedelta(minutes=1)
NUMBER, LID, USER = Alias("pn", "351912345678"), Alias("lid", "77"), Alias("bsuid", "PT.1")


@pytest.fixture
def channel_id(line: Line) -> UUID:
    return line.channel.id


async def known(db: Database, tenant_id: UUID, channel_id: UUID, *aliases: Alias) -> None:
    async with db.tx(tenant_id) as tx:
        await store.put_person(tx, tenant_id, channel_id, new_id(), new_id(), aliases, name="Rui", phone=None, now=NOW)


def written(tenant_id: UUID, channel_id: UUID, *aliases: Alias, at: datetime = NOW) -> Incoming:
    id = new_id()
    message = ChatMessage("client", str(id), aliases, "Rui", "text", "o\u2019lá \U0001f600", None, at, {"type": "x"})
    return Incoming(id, tenant_id, channel_id, message, counts=True, received_at=at)


@pytest.mark.parametrize(
    "aliases", [(NUMBER,), (LID, NUMBER), (USER, LID, NUMBER), (Alias("pn", "1"), USER, LID, NUMBER)]
)
async def test_somebody_is_known_by_all_aliases_or_not_at_all(
    db: Database, tenant_id: UUID, channel_id: UUID, aliases: tuple[Alias, ...]
) -> None:
    await known(db, tenant_id, channel_id, *aliases)
    await known(db, tenant_id, channel_id, other := Alias("lid", "88"))
    message = written(tenant_id, channel_id, *aliases)
    assert len(await store.take_and_tell(db, [message], [None], LATER)) == 1
    for place in range(len(aliases)):
        for wrong in (Alias("lid", "99"), other):
            mixed = (*aliases[:place], wrong, *aliases[place + 1 :])
            if mixed != (other,):
                taken = await store.take_and_tell(db, [written(tenant_id, channel_id, *mixed)], [None], LATER)
                assert taken == {}, mixed


async def test_what_is_told_is_what_the_outbox_holds(db: Database, tenant_id: UUID, channel_id: UUID) -> None:
    await known(db, tenant_id, channel_id, NUMBER)
    await known(db, tenant_id, channel_id, LID)
    silent, message = written(tenant_id, channel_id, LID), written(tenant_id, channel_id, NUMBER)
    said = {"id": message.id, "data": {"text": message.message.text}}
    taken = await store.take_and_tell(db, [silent, message], [None, said], LATER)
    assert taken[0] is None
    told = taken[1]
    assert told is not None
    async with db.tx(tenant_id) as tx:
        (row,) = await tx.fetch("SELECT id, correlation_id, body FROM outbox WHERE tenant_id = $1", tenant_id)
        (where,) = await tx.fetch(
            """SELECT v.id AS conversation_id, v.contact_id FROM messages AS m JOIN conversations AS v ON v.id = m.conversation_id
               WHERE m.tenant_id = $1 AND m.id = $2""",
            tenant_id,
            message.id,
        )
    assert (row["id"], row["correlation_id"], row["body"]) == (told.id, told.correlation_id, told.body)
    assert told.id == message.id
    assert orjson.loads(told.body)["data"] == {
        "text": "o\u2019lá \U0001f600", "conversation_id": str(where["conversation_id"]),
        "contact_id": str(where["contact_id"]), "turn": 1, "contact_name": "Rui", "phone": None, "attended": False,
    }  # fmt: skip


async def test_messages_within_a_quarter_of_an_hour_write_to_no_index_of_their_conversation(
    db: Database, tenant_id: UUID, channel_id: UUID
) -> None:
    await known(db, tenant_id, channel_id, NUMBER)

    hot = "SELECT pg_stat_get_xact_tuples_hot_updated('conversations'::regclass)"

    async def light(at: datetime) -> int:
        async with db.tx(tenant_id) as tx:
            before: int = await tx.fetchval(hot)
            assert len(await store.take_messages(tx, [written(tenant_id, channel_id, NUMBER, at=at)])) == 1
            after: int = await tx.fetchval(hot)
            return after - before

    for minutes, expected in ((0, 1), (7, 1), (8, 0), (22, 1), (23, 0)):
        assert await light(NOW + timedelta(minutes=minutes)) == expected, minutes


@pytest.mark.parametrize(
    "wrong",
    [
        "author = 'nobody'",
        "direction = 'out'",
        "direction = 'sideways'",
        "request_id = id",
        "author = 'salon'",
        "author = 'booka', direction = 'out'",
        "author = 'booka', request_id = id",
        "status = 'lost'",
    ],
)
async def test_a_message_is_somebodys_and_in_some_state(
    db: Database, tenant_id: UUID, channel_id: UUID, wrong: str
) -> None:
    await known(db, tenant_id, channel_id, NUMBER)
    assert await store.take_and_tell(db, [written(tenant_id, channel_id, NUMBER)], [None], LATER)
    with pytest.raises(asyncpg.CheckViolationError):
        async with db.tx(tenant_id) as tx:
            await tx.execute(f"UPDATE messages SET {wrong} WHERE tenant_id = $1", tenant_id)  # noqa: S608


@pytest.mark.parametrize(
    "wrong", ["attended_by = 'nobody', takeover_id = id", "attended_by = 'phone'", "attended_until = now()"]
)
async def test_who_attends_is_somebody(db: Database, tenant_id: UUID, channel_id: UUID, wrong: str) -> None:
    await known(db, tenant_id, channel_id, NUMBER)
    with pytest.raises(asyncpg.CheckViolationError):
        async with db.tx(tenant_id) as tx:
            await tx.execute(f"UPDATE conversations SET {wrong} WHERE tenant_id = $1", tenant_id)  # noqa: S608
