"""Whoever repeats a signed webhook after its person was erased, and forgotten by every id, brings nobody back."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.db import Database
from booka_common.jobs import Job
from booka_common.service import system_clock
from booka_messaging.domain.attending import is_bygone
from booka_messaging.settings import Settings
from booka_messaging.usecases.contacts import FORGET_IDS, erase, forget_ids
from booka_messaging.usecases.delivering import Deliveries
from booka_messaging.usecases.receiving import Intake

from .meta import Line, body_of, change, text
from .taking import taking_in

NUMBER, USER, NEW_NUMBER = "351912345678", "PT.1234567890abc", "351913333333"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
#: How the use cases see it; what runs by itself is of no interest here.
PEOPLE = (
    "contacts WHERE erased_at IS NULL AND",
    "contact_aliases WHERE",
    "receipts WHERE",
    "messages WHERE text <> '' AND",
)


@pytest.fixture
async def client(with_app: Settings, started: Any) -> Any:
    async with started(with_app) as http:
        yield http


@pytest.fixture
async def line(open_line: Any) -> Line:
    made: Line = await open_line()
    return made


@pytest.fixture
def deliveries(db: Database, settings: Settings) -> Deliveries:
    return taking_in(db, settings, Intake(db, stale_after=DAY))


async def known(db: Database, line: Line) -> list[int]:
    """How many rows of each table there are from which one could tell who wrote."""
    async with db.tx(line.tenant_id) as tx:
        return [await tx.fetchval(f"SELECT count(*) FROM {table} tenant_id = $1", line.tenant_id) for table in PEOPLE]  # noqa: S608


def repeated(line: Line) -> list[bytes]:
    """What Meta has signed of a person: a message, a receipt with both of their ids, and that they have another number."""
    said = text("segredo")
    stamp = said["timestamp"]
    status = {
        "id": "wamid.of-ours",
        "status": "delivered",
        "timestamp": stamp,
        "recipient_id": NUMBER,
        "recipient_user_id": USER,
    }
    system = {"type": "user_changed_number", "wa_id": NEW_NUMBER}
    moved = {"id": "wamid.moved", "from": NUMBER, "timestamp": stamp, "type": "system", "system": system}
    return [body_of(change(line.number, *given)) for given in ((said,), (moved,))] + [
        body_of(change(line.number, statuses=[status]))
    ]


async def erased(db: Database, line: Line, *, ids_too: bool) -> None:
    """All people of the salon, and then by the ids of what they said."""
    async with db.tx(line.tenant_id) as tx:
        rows = await tx.fetch("SELECT id FROM contacts WHERE tenant_id = $1 AND merged_into IS NULL", line.tenant_id)
    for row in rows:
        async with db.tx(line.tenant_id) as tx:
            await erase(tx, row["id"], system_clock())
    if not ids_too:
        return
    async with db.tx(line.tenant_id) as tx:
        jobs = await tx.fetch(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs WHERE tenant_id = $1 AND type = $2""",
            line.tenant_id,
            FORGET_IDS,
        )
        for row in jobs:
            await forget_ids(tx, Job(**row, lease_token=row["id"]))
        await tx.execute("DELETE FROM receipts WHERE tenant_id = $1", line.tenant_id)


async def test_a_repetition_long_after_an_erasure_brings_nobody_back(
    db: Database, line: Line, deliveries: Deliveries
) -> None:
    bodies = repeated(line)
    start = system_clock()
    first = [(await deliveries.of_app("cloud", body, now=start)).outcome for body in bodies]
    assert first == ["accepted", "accepted", "duplicate"]
    assert (await known(db, line))[0] > 0
    await erased(db, line, ids_too=True)
    assert await known(db, line) == [0, 0, 0, 0]
    for after in (8 * DAY + SECOND, 400 * DAY):
        for body in bodies:
            assert (await deliveries.of_app("cloud", body, now=start + after)).outcome == "ignored"
        assert await known(db, line) == [0, 0, 0, 0]


async def test_until_then_the_ids_tell(db: Database, line: Line, deliveries: Deliveries) -> None:
    """They are kept a day longer than what is old is taken in."""
    (body, *_), start = repeated(line), system_clock()
    assert (await deliveries.of_app("cloud", body, now=start)).outcome == "accepted"
    await erased(db, line, ids_too=False)
    assert (await deliveries.of_app("cloud", body, now=start + 8 * DAY - SECOND)).outcome == "duplicate"
    assert (await known(db, line))[0] == 0


async def test_what_meta_brings_after_a_week_is_stored(db: Database, line: Line, deliveries: Deliveries) -> None:
    (body, *_), start = repeated(line), system_clock()
    assert (await deliveries.of_app("cloud", body, now=start + 7 * DAY)).outcome == "stale"
    assert await line.texts() == ["segredo"]


async def test_what_waited_here_is_as_old_as_when_it_came(db: Database, line: Line, deliveries: Deliveries) -> None:
    """Something of ours could not read it for weeks; it was in time."""
    said = text("há muito")
    odd = {**said, "id": None}
    assert (await line.post(body_of(change(line.number, odd)))).json() == {"outcome": "kept"}
    async with db.tx(line.tenant_id) as tx:
        mended = json.dumps(json.loads(body_of(change(line.number, said)))).encode()
        await tx.execute(
            "UPDATE unread_deliveries SET body = $2, received_at = received_at - interval '20 days' WHERE tenant_id = $1",
            line.tenant_id,
            mended.replace(said["timestamp"].encode(), str(int(said["timestamp"]) - 20 * 86400).encode()),
        )
    path = f"/v1/channels/{line.id}/unread/replay"
    answer = await line.http.post(path, json={}, auth=line.auth)
    assert [one["outcome"] for one in answer.json()["items"]] == ["stale"]
    assert await line.texts() == ["há muito"]


@given(st.timedeltas(timedelta(0), timedelta(days=30)))
def test_nothing_that_a_gateway_repeats_by_itself_is_bygone(age: timedelta) -> None:
    now = system_clock()
    assert is_bygone(now - age, now) == (age > 8 * DAY)
