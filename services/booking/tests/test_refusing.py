"""Those who are told no, all of them by one look at how things stand."""

import asyncio
from datetime import date, timedelta

import httpx
import pytest

from booka_booking.domain.times import Interval
from booka_booking.store.standing import standing
from booka_booking.usecases.wishes import Held, NotHeld
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import eventually

from .salon import Salon, at
from .together import at_once, codes, kept_open, waits, wish

WEEK = Interval(at(1, 0), at(8, 0))


async def test_how_things_stand_is_told_of_one_salon(warm: Salon) -> None:
    held = await warm.held(at(3, 10), service=warm.brow, staff=warm.ana)
    given_up = await warm.held(at(4, 10), service=warm.brow, staff=warm.bia)
    await warm.hear(warm.no(given_up))
    now, asked = warm.clock(), [id for id in (held.request_id, new_id()) if id]
    found = await standing(warm.db, warm.tenant_id, asked, (warm.ana, warm.bia), WEEK, now)
    assert list(found.granted) == [held.reservation_id]
    taken = [at(3, 10).timestamp(), at(7, 9).timestamp()]
    assert {id: list(spans.begins) for id, spans in found.taken.items()} == {warm.ana: taken}
    later = await standing(warm.db, warm.tenant_id, (), (warm.ana,), WEEK, now + timedelta(hours=1))
    assert (later.changes, list(later.granted), dict(later.taken)) == (found.changes, [], {}), "both holds are over"
    await warm.away(warm.ana, date(2026, 3, 4))
    changed = await standing(warm.db, warm.tenant_id, (), (), None, now)
    assert changed.changes is not None
    assert found.changes is not None
    assert changed.changes > found.changes
    other = await standing(warm.db, new_id(), asked, (warm.ana, warm.bia), WEEK, now)
    assert (other.changes, list(other.granted), dict(other.taken)) == (None, [], {})


async def test_nobody_sees_how_things_stand_elsewhere(warm: Salon) -> None:
    """The function is asked about a salon that the call is not bound to."""
    (row,) = await warm.db.shared_call(
        {new_id()}, "as_things_stand", warm.tenant_id, [], [warm.ana], WEEK.start, WEEK.end, warm.clock()
    )
    assert tuple(row) == (None, [], None, None, None)


async def test_what_else_is_free_may_be_weeks_ahead(warm: Salon) -> None:
    for day in range(3, 25):
        await warm.away(warm.ana, date(2026, 3, day))
    (no,) = await at_once(warm.holds, warm, wish(warm, at(3, 10)))
    assert isinstance(no, NotHeld)
    assert (no.code, [slot.start for slot in no.alternatives]) == (
        "not_offered",
        [at(25, 9), at(25, 9, 15), at(25, 9, 30)],
    )


async def test_alternatives_come_from_both_sides_of_the_first_week(warm: Salon) -> None:
    """Of the week that is looked at first, two starts are left."""
    await warm.away(warm.ana, date(2026, 3, 3), 0, 17 * 60 + 15)
    for day in range(4, 12):
        await warm.away(warm.ana, date(2026, 3, day))
    (no,) = await at_once(warm.holds, warm, wish(warm, at(3, 10)))
    assert isinstance(no, NotHeld)
    assert [slot.start for slot in no.alternatives] == [at(3, 17, 15), at(3, 17, 30), at(12, 9)]


async def test_without_a_profile_there_is_nothing_to_offer(db: Database, salon: Salon) -> None:
    salon.tenant_id = new_id()
    (no,) = await at_once(salon.holds, salon, wish(salon, at(3, 10)))
    assert no == NotHeld("salon_not_ready", ())


async def test_a_refusal_over_http_is_kept_for_each_who_was_told(client: httpx.AsyncClient, warm: Salon) -> None:
    body = {"wants": [{"service_id": str(warm.brow), "staff_id": str(warm.ana)}], "start": at(3, 10).isoformat()}
    keys = [{"Idempotency-Key": new_id().hex} for _ in range(5)]

    async def ask() -> list[httpx.Response]:
        return await asyncio.gather(*(client.post("/v1/reservations", json=body, headers=key) for key in keys))

    first = await ask()
    assert sorted(answer.status_code for answer in first) == [201, 409, 409, 409, 409]
    await warm.away(warm.ana, date(2026, 3, 3))
    again = await ask()
    assert [(answer.status_code, answer.content) for answer in again] == [
        (answer.status_code, answer.content) for answer in first
    ]
    assert {answer.headers.get("idempotent-replayed") for answer in again} == {"true"}


async def test_whoever_waits_behind_somebody_who_leaves_gets_the_start(warm: Salon) -> None:
    """He was not decided on: somebody else was before him."""
    async with kept_open(warm, at(3, 9)):
        first = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 9)), warm.occasion()))
        await eventually(lambda: waits(warm))
        mine = wish(warm, at(3, 10), guest_name="Rita")
        leaving, staying = (
            asyncio.create_task(warm.holds.hold(one, warm.occasion())) for one in (wish(warm, at(3, 10)), mine)
        )
        await asyncio.sleep(0)
        leaving.cancel()
    assert codes([await first]) == ["held"]
    got = await staying
    assert isinstance(got, Held)
    it = got.reservation
    assert (it.start, it.staff_ids, it.request_id, it.contact_id, it.guest_name) == (
        mine.start, (warm.ana,), mine.request_id, mine.contact_id, "Rita"
    )  # fmt: skip
    assert await warm.problems() == []
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_whoever_comes_while_somebody_tries_is_told_by_the_next_batch(warm: Salon) -> None:
    async with kept_open(warm, at(3, 9)):
        first = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 9)), warm.occasion()))
        await eventually(lambda: waits(warm))
        behind = [asyncio.create_task(warm.holds.hold(wish(warm, at(3, 9)), warm.occasion())) for _ in range(3)]
        await asyncio.sleep(0)
    assert codes([await first, *[await one for one in behind]]) == ["held", *["slot_taken"] * 3]
    assert await warm.problems() == []
