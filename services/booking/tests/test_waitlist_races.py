"""Many at once: no start is offered twice, nobody is offered two things at once, and everybody gets a turn."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_booking.store import clients, reservations
from booka_booking.store import waitlist as store
from booka_booking.usecases.clients import erase
from booka_booking.usecases.confirmations import confirm
from booka_common.contracts.booking import ReservationHeld
from booka_common.contracts.waitlist import WaitlistLeaveRequested, WaitlistLeft, WaitlistOffered
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_common.testing import eventually

from .salon import Salon, at
from .waiting import accept, decline, entry, full_day, join, last_offer, offered_to, settle, step, wish_to_wait


async def gather(*work: Any) -> None:
    """Run all at once; any error, a deadlock above all, fails the test."""
    errors = [error for error in await asyncio.gather(*work, return_exceptions=True) if isinstance(error, Exception)]
    assert errors == []


async def work(salon: Salon, hands: int = 4) -> None:
    """What is due, run by several workers at once until nothing is."""

    async def one() -> None:
        while await step(salon):
            pass

    while True:
        await gather(*(one() for _ in range(hands)))
        if not await step(salon):
            return


async def judge(salon: Salon) -> None:
    """What must hold at any time, counted by itself."""
    assert await salon.problems() == []
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT o.entry_id, o.starts_at, o.outcome, r.status FROM waitlist_offers AS o "
            "JOIN reservations AS r ON r.tenant_id = o.tenant_id AND r.id = o.reservation_id WHERE o.tenant_id = $1",
            salon.tenant_id,
        )
        entries = await tx.fetch(
            "SELECT id, status, offers FROM waitlist_entries WHERE tenant_id = $1", salon.tenant_id
        )
    once = Counter((row["entry_id"], row["starts_at"]) for row in rows)
    assert set(once.values()) <= {1}, "a start was offered twice to the same entry"
    open_now = [row for row in rows if row["outcome"] == "open"]
    assert len({row["entry_id"] for row in open_now}) == len(open_now), "somebody is offered two things"
    assert len({row["starts_at"] for row in open_now}) == len(open_now), "a start is offered to two"
    assert {row["status"] for row in open_now} <= {"held"}
    assert not {row["status"] for row in rows if row["outcome"] == "booked"} & {"held", "expired"}
    assert not [row for row in rows if row["outcome"] in ("declined", "unanswered") and row["status"] == "held"]
    made = Counter(row["entry_id"] for row in rows)
    told = Counter(offer.entry_id for offer in await salon.said(WaitlistOffered))
    for item in entries:
        assert item["offers"] == made[item["id"]] == told[item["id"]]
        assert (item["status"] == "offered") == any(row["entry_id"] == item["id"] for row in open_now)


async def test_two_cancellations_at_once_with_one_who_waits(salon: Salon) -> None:
    for day in (3, 4, 5, 6):
        visits = await full_day(salon, day)
        waiting = await join(salon, day)
        await settle(salon)
        await gather(*(salon.hear(salon.no(visit)) for visit in visits), *(step(salon) for _ in range(3)))
        await work(salon)
        assert len(await offered_to(salon, waiting.entry_id)) == 1
        await judge(salon)


async def test_an_offer_racing_people_who_walk_in(salon: Salon) -> None:
    taken = 0
    for day in (3, 4, 5, 6):
        first, _ = await full_day(salon, day)
        waiting = await join(salon, day)
        await settle(salon)
        await salon.hear(salon.no(first))
        wishes = [salon.wish(at(day, 9), staff=salon.ana) for _ in range(4)]
        await gather(step(salon), *(salon.hear(wish) for wish in wishes))
        await work(salon)
        asked = {wish.request_id for wish in wishes}
        won = [held for held in await salon.said(ReservationHeld) if held.request_id in asked]
        assert len(won) + len(await offered_to(salon, waiting.entry_id)) == 1
        taken += len(won)
        await judge(salon)
    assert taken <= 4


@pytest.mark.parametrize("late", [False, True])
async def test_an_offer_ending_while_the_client_agrees(salon: Salon, *, late: bool) -> None:
    for day in (3, 4, 5, 6):
        first, _ = await full_day(salon, day)
        one, two = await join(salon, day), await join(salon, day)
        await settle(salon)
        await salon.hear(salon.no(first))
        await work(salon)
        offer = await last_offer(salon, one.entry_id)
        salon.clock.advance(timedelta(minutes=15) if late else timedelta(minutes=14))
        await gather(salon.expire_due(), salon.hear(accept(offer)), salon.expire_due(), step(salon))
        await work(salon)
        expected = ("waiting", "offered") if late else ("booked", "waiting")
        assert ((await entry(salon, one.entry_id)).status, (await entry(salon, two.entry_id)).status) == expected
        await judge(salon)


async def test_agreeing_declining_and_leaving_at_once(salon: Salon) -> None:
    for day in (3, 4, 5, 6, 7):
        first, _ = await full_day(salon, day)
        waiting = await join(salon, day)
        await settle(salon)
        await salon.hear(salon.no(first))
        await work(salon)
        offer = await last_offer(salon, waiting.entry_id)
        leave = WaitlistLeaveRequested(conversation_id=offer.conversation_id)
        await gather(salon.hear(accept(offer)), salon.hear(decline(offer)), salon.hear(leave), step(salon))
        await work(salon)
        assert len([left for left in await salon.said(WaitlistLeft) if left.entry_id == waiting.entry_id]) == 1
        await judge(salon)


@pytest.mark.parametrize("late", [False, True])
async def test_a_yes_that_moves_a_visit_racing_its_end_and_other_moves(salon: Salon, *, late: bool) -> None:
    for day in (3, 4, 5, 6):
        first, _ = await full_day(salon, day)
        old = await salon.booked(at(day + 7, 14), staff=salon.ana)
        own = {"contact_id": old.contact_id, "conversation_id": old.conversation_id}
        waiting = await join(salon, day, replaces=old.reservation_id, **own)
        await settle(salon)
        await salon.hear(salon.no(first))
        await work(salon)
        offer = await last_offer(salon, waiting.entry_id)
        # The second to do something to the visit finds it as the first left it.
        also = salon.no(old) if day % 2 else salon.another(old, at(day + 7, 15))
        salon.clock.advance(timedelta(minutes=15 if late else 14))
        wish = salon.wish(at(day + 7, 14), staff=salon.ana)  # who would like the place that it leaves
        await gather(
            salon.hear(accept(offer)), salon.hear(also), salon.expire_due(), salon.hear(accept(offer)), salon.hear(wish)
        )
        await work(salon)
        await judge(salon)
        hold, visit = await salon.status(offer.reservation_id), await salon.status(old.reservation_id)
        (_, _, start), *_ = await salon.seats(old.reservation_id)
        if late:
            assert (hold, start == at(day, 9)) == ("expired", False)
        elif visit == "cancelled":
            # First the yes, then the client gave the moved visit up; or the other way round.
            assert (hold, start) in (("cancelled", at(day, 9)), ("confirmed", at(day + 7, 14)))
        else:
            assert (hold, visit) == ("cancelled", "confirmed")
            assert start in (at(day, 9), at(day + 7, 15))
        assert (await entry(salon, waiting.entry_id)).status == ("waiting" if hold == "expired" else "booked")


async def waited_for(tx: Tx, what: str, many: int = 1) -> None:
    """Until so many wait for this lock of the salon's."""

    async def found() -> bool:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)",
            f"{tx.tenant_id}:{what}",
        )
        return count >= many

    await eventually(found)


async def test_an_attempt_undone_gives_its_locks_back(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        with pytest.raises(ValueError, match="undone"):
            async with tx.savepoint():
                await reservations.lock_calendars(tx, [salon.ana])
                raise ValueError("undone")
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert await tx.fetchval(held) == 0
        await store.lock(tx)
        assert await tx.fetchval(held) == 1


async def test_a_salon_looks_for_one_thing_at_a_time(salon: Salon) -> None:
    first, _ = await full_day(salon)
    one = await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    async with salon.db.tx(salon.tenant_id) as tx:
        await store.lock(tx)
        looking = asyncio.create_task(step(salon))
        await waited_for(tx, "waitlist")
        assert await offered_to(salon, one.entry_id) == []
    assert await looking
    assert len(await offered_to(salon, one.entry_id)) == 1


@pytest.mark.parametrize("another", [False, True])
async def test_leaving_just_before_the_offer_is_written(salon: Salon, *, another: bool) -> None:
    first, _ = await full_day(salon)
    one = await join(salon)
    talk = (await entry(salon, one.entry_id)).conversation_id
    two = await join(salon) if another else None
    await settle(salon)
    await salon.hear(salon.no(first))
    async with salon.db.tx(salon.tenant_id) as tx:
        await reservations.lock_calendars(tx, [salon.ana])
        looking = asyncio.create_task(step(salon))

        await waited_for(tx, str(salon.ana))
        await salon.hear(WaitlistLeaveRequested(conversation_id=talk))
    assert await looking
    await work(salon)
    assert await offered_to(salon, one.entry_id) == []
    assert (await entry(salon, one.entry_id)).status == "left"
    assert two is None or len(await offered_to(salon, two.entry_id)) == 1
    async with salon.db.tx(salon.tenant_id) as tx:
        holds = await tx.fetchval(
            "SELECT count(*) FROM reservations WHERE tenant_id = $1 AND status = 'held'", salon.tenant_id
        )
    assert holds == another
    await judge(salon)


async def test_leaving_just_after_the_client_has_agreed(salon: Salon) -> None:
    first, _ = await full_day(salon)
    one = await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    await work(salon)
    offer = await last_offer(salon, one.entry_id)
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, offer.reservation_id)
        assert it is not None
        await confirm(tx, it, salon.occasion(), guest_name="Lia")
        leaving = asyncio.create_task(salon.hear(WaitlistLeaveRequested(conversation_id=offer.conversation_id)))

        async def waits() -> bool:
            rows = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
            return bool(await tx.fetchval(rows))

        await eventually(waits)
    await leaving
    assert await salon.status(offer.reservation_id) == "confirmed"
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["booked"]
    await judge(salon)


async def test_a_client_is_forgotten_while_an_offer_to_them_is_under_way(salon: Salon) -> None:
    for day in (3, 4, 5):
        first, _ = await full_day(salon, day)
        one = await join(salon, day, contact_name="Lia")
        contact = (await entry(salon, one.entry_id)).contact_id
        await settle(salon)
        await salon.hear(salon.no(first))
        async with salon.db.tx(salon.tenant_id) as tx:
            (client,) = await clients.list_clients(tx, contact_id=contact, limit=1)

        async def forget(client_id: UUID) -> None:
            async with salon.db.tx(salon.tenant_id) as tx:
                await erase(tx, client_id, salon.clock())

        async with salon.db.tx(salon.tenant_id) as tx:
            await reservations.lock_client(tx, contact)
            both = [asyncio.create_task(step(salon)), asyncio.create_task(forget(client["id"]))]
            await waited_for(tx, f"contact:{contact}", 2)
            # Whoever has the client's lock gets to the client's row: nobody waits for that lock while having the row.
            await tx.execute(
                "SELECT 1 FROM clients WHERE tenant_id = $1 AND id = $2 FOR UPDATE NOWAIT",
                salon.tenant_id,
                client["id"],
            )
        await gather(*both)
        await work(salon)
        await judge(salon)


async def test_one_client_joining_many_times_at_once(salon: Salon) -> None:
    client = new_id()
    wishes = [wish_to_wait(salon, contact_id=client, from_minute=n) for n in range(8)]
    same = wish_to_wait(salon)
    await gather(
        *(salon.hear(wish) for wish in wishes),
        *(salon.hear(same.model_copy(update={"request_id": new_id()})) for _ in range(8)),
    )
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch("SELECT contact_id FROM waitlist_entries WHERE tenant_id = $1", salon.tenant_id)
    assert Counter(row["contact_id"] for row in rows) == {client: 5, same.contact_id: 1}


async def test_twenty_wait_while_five_visits_are_given_up(salon: Salon, *, nightly: bool) -> None:
    for seed in range(5 if nightly else 1):
        await _twenty_and_five(salon, 12 + seed, random.Random(seed))


async def _twenty_and_five(salon: Salon, day: int, choose: random.Random) -> None:
    visits = await full_day(salon, day, count=8)
    waiting = [(await join(salon, day, contact_name=f"{n}")).entry_id for n in range(20)]
    await settle(salon)
    await gather(*(salon.hear(salon.no(visit)) for visit in choose.sample(visits, 5)), *(work(salon) for _ in range(3)))
    await work(salon)
    await judge(salon)
    booked: set[UUID] = set()
    for _ in range(12):
        open_now = [await last_offer(salon, id) for id in waiting if (await entry(salon, id)).status == "offered"]
        answers = []
        for offer in open_now:
            answer = choose.choice((accept, decline, decline, None))
            answers += [salon.hear(answer(offer))] if answer and len(booked) < 3 else []
        await gather(*answers, *(step(salon) for _ in range(3)))
        await work(salon)
        await judge(salon)
        booked = {id for id in waiting if (await entry(salon, id)).status == "booked"}
        salon.clock.advance(timedelta(minutes=16))
        await work(salon)
        await judge(salon)
        if all([await offered_to(salon, id) for id in waiting]):
            break
    asked = [len(await offered_to(salon, id)) for id in waiting]
    # Everybody had a turn before anybody was asked a third time.
    assert min(asked) >= 1
    assert max(asked) <= 3
    assert await salon.problems() == []


async def test_lapsed_offers_taken_by_others_while_their_owners_leave(salon: Salon, *, nightly: bool) -> None:
    for seed in range(20 if nightly else 3):
        choose, day = random.Random(seed), 12 + seed
        visits = await full_day(salon, day, count=6)
        waiting = [await join(salon, day) for _ in range(6)]
        talks = [(await entry(salon, item.entry_id)).conversation_id for item in waiting]
        contacts = [(await entry(salon, item.entry_id)).contact_id for item in waiting]
        await settle(salon)
        for visit in visits:
            await salon.hear(salon.no(visit))
        await work(salon)
        offers = [await last_offer(salon, item.entry_id) for item in waiting]
        assert len({offer.visit.start for offer in offers}) == 6
        salon.clock.advance(timedelta(minutes=15))  # all are over, and nobody has written it yet
        held = [
            salon.hear(salon.wish(offer.visit.start, staff=salon.ana, contact_id=contacts[place]))
            for place, offer in enumerate(choose.sample(offers, 6))
        ]
        left = [salon.hear(WaitlistLeaveRequested(conversation_id=talk)) for talk in choose.sample(talks, 4)]
        agreed = [salon.hear(accept(offer)) for offer in choose.sample(offers, 3)]
        everything = [*held, *left, *agreed, salon.expire_due(), *(step(salon) for _ in range(4))]
        choose.shuffle(everything)
        await gather(*everything)
        await work(salon)
        await judge(salon)
