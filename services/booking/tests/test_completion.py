"""A confirmed visit that nobody has judged counts as completed a day after its end, as the salon says, and can be corrected."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from booka_booking.jobs import job_types
from booka_booking.store import reservations
from booka_booking.usecases import changes, completion
from booka_booking.usecases.completion_jobs import COMPLETE_VISITS
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts.booking import ReservationCancelled, ReservationFinished
from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .provisioning import Desk
from .salon import Salon, at

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def later(clock: FrozenClock, until: datetime) -> None:
    clock.advance(until - clock())


async def look(salon: Salon, most: int = 100) -> int:
    async with salon.db.tx(salon.tenant_id) as tx:
        return await completion.look(tx, Occasion(salon.tenant_id, salon.clock(), "clock", new_id()), most)


async def looks(salon: Salon) -> list[datetime]:
    """When the looks that are planned will be taken."""
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT scheduled_at FROM jobs WHERE tenant_id = $1 AND type = $2 AND status = 'ready' ORDER BY scheduled_at",
            salon.tenant_id,
            COMPLETE_VISITS,
        )
    return [row[0] for row in rows]


async def work(salon: Salon) -> None:
    """Take the looks that are due, as the worker would."""
    async with salon.db.tx(salon.tenant_id) as tx:
        due = await tx.execute(
            "UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND type = $2 AND status = 'ready' AND scheduled_at <= $3",
            salon.tenant_id,
            COMPLETE_VISITS,
            salon.clock(),
        )
    for _ in range(due):
        await look(salon)


async def history(salon: Salon, id: UUID) -> list[tuple[str, str, str]]:
    async with salon.db.tx(salon.tenant_id) as tx:
        return [(item["status"], item["who"], item["why"]) for item in await reservations.list_history(tx, id)]


async def test_a_day_after_its_end_and_no_sooner(salon: Salon, clock: FrozenClock) -> None:
    visit = await salon.booked(at(3, 10), staff=salon.ana)  # until 10:45
    later(clock, at(4, 10, 45) - timedelta(microseconds=1))
    assert await look(salon) == 0
    later(clock, at(4, 10, 45))
    assert (await look(salon), await look(salon)) == (1, 0)
    assert (await history(salon, visit.reservation_id))[2:] == [("completed", "clock", "not_judged")]
    (said,) = await salon.said(ReservationFinished)
    assert (said.reservation_id, said.outcome, said.version) == (visit.reservation_id, "completed", 3)
    assert await salon.problems() == []


async def test_what_is_not_a_visit_that_was_agreed_on_is_left_alone(salon: Salon, clock: FrozenClock) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    gone = await salon.booked(at(3, 11), staff=salon.ana)
    await salon.hear(salon.no(gone))
    missed = await salon.booked(at(3, 14), staff=salon.ana)
    later(clock, at(3, 15))
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, missed.reservation_id)
        assert it
        await changes.finish(tx, it, salon.occasion(), "no_show")
    later(clock, at(6, 0))
    assert await look(salon) == 0
    assert [await salon.status(it.reservation_id) for it in (held, gone, missed)] == ["held", "cancelled", "no_show"]


async def test_one_look_leads_to_the_next(salon: Salon, clock: FrozenClock) -> None:
    """Whatever is booked or moved, and although nobody plans a look for the day after."""
    await salon.booked(at(3, 10), staff=salon.ana)
    await salon.booked(at(3, 10), staff=salon.bia)
    assert await looks(salon) == [at(3, 11)], "one of an hour"
    later_visit = await salon.booked(at(4, 15), staff=salon.ana)
    await salon.hear(salon.another(later_visit, at(5, 9)))
    assert await looks(salon) == [at(3, 11), at(4, 16), at(5, 10)]
    done: list[datetime] = []
    for hour in range(24 * 6):
        later(clock, at(3, 0) + hour * HOUR)
        await work(salon)
        done += [clock()] * (len(await salon.said(ReservationFinished)) - len(done))
    assert done == [at(4, 11), at(4, 11), at(6, 10)]
    assert await looks(salon) == [], "nothing is agreed on"


async def test_very_many_are_done_bit_by_bit(salon: Salon, clock: FrozenClock) -> None:
    for hour in (9, 10, 11):
        await salon.booked(at(3, hour), staff=salon.ana)
    later(clock, at(7, 0))
    assert await look(salon, most=2) == 2
    assert len(await salon.said(ReservationFinished)) == 2
    assert clock() in await looks(salon), "the rest at once"
    await work(salon)
    assert len(await salon.said(ReservationFinished)) == 3


async def test_looks_at_once_and_a_person_beside_them(salon: Salon, clock: FrozenClock) -> None:
    visits = [await salon.booked(at(3, hour), staff=salon.ana) for hour in (9, 10, 11)]
    later(clock, at(5, 0))
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, visits[1].reservation_id)
        assert it
        done = await asyncio.gather(*(look(salon) for _ in range(5)))
        await changes.finish(tx, it, salon.occasion(), "no_show")
    assert sum(done) == 2, "whoever a person decides about is passed over, and nobody waits"
    assert await look(salon) == 0
    assert sorted(said.outcome for said in await salon.said(ReservationFinished)) == [
        "completed",
        "completed",
        "no_show",
    ]


async def test_the_salon_says_when_or_that_it_does_not(
    client: httpx.AsyncClient, clock: FrozenClock, db: Any, tenant_id: UUID
) -> None:
    desk, salon = Desk(client), Salon(db, tenant_id, clock)
    assert (await desk.profile())["complete_after_hours"] == 24
    assert (await desk.profile(complete_after_hours=None))["complete_after_hours"] is None
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut)
    booked = await desk.book("2026-03-03T13:00:00Z", (cut, ana))
    later(clock, at(20, 0))
    await work(salon)
    assert await salon.status(UUID(booked["id"])) == "confirmed"
    assert await looks(salon) == []
    await desk.profile(complete_after_hours=2)
    assert await looks(salon) == [at(20, 1)]
    later(clock, at(20, 1))
    await work(salon)
    assert await salon.status(UUID(booked["id"])) == "completed"
    for wrong in (0, 721):
        answer = await client.put("/v1/profile", json={"complete_after_hours": wrong}, headers={"If-Match": '"3"'})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_what_the_clock_said_a_person_can_say_otherwise(salon: Salon, clock: FrozenClock) -> None:
    """Missed after all; or cancelled by the salon, and the deposit comes back as it would have before."""
    paid = await salon.booked(at(3, 13), service=salon.colour, staff=salon.ana)
    plain = await salon.booked(at(3, 10), staff=salon.bia)
    later(clock, at(5, 0))
    assert await look(salon) == 2
    async with salon.db.tx(salon.tenant_id) as tx:
        missed = await reservations.lock(tx, plain.reservation_id)
        assert missed
        await changes.finish(tx, missed, salon.occasion(), "no_show", why="she never came")
        it = await reservations.lock(tx, paid.reservation_id)
        assert it
        refused = await changes.cancel(tx, it, replace(salon.occasion(), who="client"), by="client", why="no")
        assert getattr(refused, "code", None) == "already_over"
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="we sent her home")
    assert await look(salon) == 0
    assert [await salon.status(it.reservation_id) for it in (plain, paid)] == ["no_show", "cancelled"]
    (told,) = await salon.said(ReservationCancelled)
    assert (told.was, told.by, told.refund) == ("confirmed", "salon", paid.deposit)
    assert await salon.problems() == []


async def test_a_waiver_needs_nobody_who_clicks(salon: Salon, clock: FrozenClock) -> None:
    await salon.put_policy(deposit_kind="fixed", deposit_value=2000, deposit_waived_after=1)
    contact = new_id()
    visit = await salon.booked(at(3, 10), staff=salon.bia, contact_id=contact)
    assert visit.deposit
    later(clock, at(4, 17))
    assert (await salon.held(at(6, 10), staff=salon.bia, contact_id=contact)).deposit
    assert await look(salon) == 1
    assert (await salon.held(at(6, 14), staff=salon.bia, contact_id=contact)).deposit is None


def test_the_worker_knows_the_look() -> None:
    assert COMPLETE_VISITS in job_types(FrozenClock())
