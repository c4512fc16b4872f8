"""Many at once: one winner per start, nobody waits in a circle, and no double booking whatever overlaps."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from booka_booking.domain.availability import Ask
from booka_booking.domain.reservation import Reservation
from booka_booking.store import reservations as store
from booka_booking.usecases import changes
from booka_booking.usecases.holds import Held, NotHeld, Wish, hold
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts.booking import (
    ConfirmationRefused,
    ConfirmationRequested,
    HoldRefused,
    ReservationConfirmed,
    ReservationExpired,
    ReservationHeld,
)
from booka_common.ids import new_id

from .salon import Salon, at


async def gather(*work: Any) -> None:
    """Run all at once; any error, a deadlock above all, fails the test."""
    errors = [error for error in await asyncio.gather(*work, return_exceptions=True) if error is not None]
    assert errors == []


@pytest.mark.parametrize("anybody", [False, True], ids=["one person", "anybody"])
async def test_of_forty_at_once_one_wins_and_the_others_are_offered_more(salon: Salon, *, anybody: bool) -> None:
    seats = 2 if anybody else 1
    for round_ in range(5):
        start = at(3 + round_, 10)
        wishes = [salon.wish(start, staff=None if anybody else salon.ana) for _ in range(40)]
        await gather(*(salon.hear(wish) for wish in wishes))
        asked = {wish.request_id for wish in wishes}
        won = [held for held in await salon.said(ReservationHeld) if held.request_id in asked]
        lost = [refused for refused in await salon.said(HoldRefused) if refused.request_id in asked]
        assert (len(won), len(lost)) == (seats, 40 - seats)
        assert {refused.code for refused in lost} == {"slot_taken"}
        assert all(len(refused.alternatives) == 3 for refused in lost)
    assert await salon.overlaps() == 0


async def test_random_overlaps_across_people_and_lengths(salon: Salon) -> None:
    choose = random.Random(7)
    wishes = [
        salon.wish(
            at(3, choose.randrange(9, 17), choose.choice((0, 15, 30, 45))),
            service=choose.choice((salon.cut, salon.colour)),
            staff=choose.choice((None, None, salon.ana, salon.bia)),
        )
        for _ in range(150)
    ]
    await gather(*(salon.hear(wish) for wish in wishes))
    assert len(await salon.said(ReservationHeld)) > 10
    assert len(await salon.said(ReservationHeld)) + len(await salon.said(HoldRefused)) == 150
    assert await salon.overlaps() == 0


async def test_one_client_asking_many_times_at_once_holds_two(salon: Salon) -> None:
    wish = salon.wish(at(3, 9))
    starts = [at(3, 9 + hour) for hour in (0, 1, 2, 4, 5, 6, 7, 8)]
    await gather(
        *(salon.hear(wish.model_copy(update={"request_id": new_id(), "start": start})) for start in starts),
    )
    assert len(await salon.said(ReservationHeld)) == 2


async def test_the_same_request_many_times_at_once_holds_once(salon: Salon) -> None:
    wish, envelope = salon.wish(at(3, 10)), salon.envelope(salon.wish(at(3, 15)))
    await gather(*(salon.hear(wish) for _ in range(10)), *(salon.deliver(envelope) for _ in range(5)))
    assert len(await salon.said(ReservationHeld)) == 2
    assert await salon.said(HoldRefused) == []


async def test_holds_racing_the_end_of_a_hold(salon: Salon) -> None:
    for day in range(3, 8):
        old = await salon.held(at(day, 10), staff=salon.ana)
        salon.clock.advance(timedelta(minutes=10))
        wishes = [salon.wish(at(day, 10), staff=salon.ana) for _ in range(8)]
        await gather(salon.expire_due(), salon.hear(salon.yes(old)), *(salon.hear(wish) for wish in wishes))
        asked = {wish.request_id for wish in wishes}
        assert len([held for held in await salon.said(ReservationHeld) if held.request_id in asked]) == 1
        assert await salon.status(old.reservation_id) == "expired"
    expired = [message.reservation_id for message in await salon.said(ReservationExpired)]
    assert len(expired) == len(set(expired)) >= 5
    assert await salon.overlaps() == 0


async def test_late_payments_racing_holds_for_the_same_start(salon: Salon) -> None:
    for day in range(3, 8):
        late = await salon.held(at(day, 10), service=salon.colour)
        await salon.hear(salon.yes(late))
        salon.clock.advance(timedelta(minutes=30))
        await salon.expire_due()
        wishes = [salon.wish(at(day, 10), service=salon.colour) for _ in range(6)]
        await gather(salon.hear(salon.payment(late)), *(salon.hear(wish) for wish in wishes))
        asked = {wish.request_id for wish in wishes}
        held = [message for message in await salon.said(ReservationHeld) if message.request_id in asked]
        assert ((await salon.status(late.reservation_id)) == "confirmed") + len(held) == 1
    assert await salon.overlaps() == 0


async def test_moves_cancellations_and_holds_over_one_afternoon(salon: Salon) -> None:
    visits = [await salon.held(at(4, 9 + hour), staff=salon.ana) for hour in (0, 1, 2, 4, 5, 6)]
    await gather(*(salon.hear(salon.yes(held)) for held in visits))
    choose = random.Random(3)
    starts = [at(4, hour, minute) for hour in range(13, 17) for minute in (0, 30)]
    await gather(
        *(_move(salon, held.reservation_id, choose.choice(starts)) for held in visits for _ in range(4)),
        *(salon.hear(salon.no(held)) for held in visits[:2]),
        *(_hold(salon, choose.choice(starts)) for _ in range(12)),
    )
    assert await salon.overlaps() == 0
    for held in visits[:2]:
        assert await salon.status(held.reservation_id) == "cancelled"
    assert len(await salon.said(ReservationConfirmed)) == 6


async def _move(salon: Salon, reservation_id: Any, start: Any) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, reservation_id)
        assert isinstance(it, Reservation)
        await changes.move(tx, it, Occasion.request(salon.tenant_id, salon.clock()), start=start, staff_id=None)


async def _hold(salon: Salon, start: Any) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        outcome = await hold(tx, Wish(Ask((salon.cut,), None), start), Occasion.request(salon.tenant_id, salon.clock()))
        assert isinstance(outcome, Held | NotHeld)


async def test_a_hold_does_not_wait_for_whoever_is_deciding_about_an_overdue_one(salon: Salon) -> None:
    old = await salon.held(at(3, 10), staff=salon.ana)
    salon.clock.advance(timedelta(minutes=10))
    async with salon.db.tx(salon.tenant_id) as tx:
        assert await store.lock(tx, old.reservation_id)
        async with asyncio.timeout(3):
            await salon.hear(salon.wish(at(3, 10), staff=salon.ana))
    assert [refused.code for refused in await salon.said(HoldRefused)] == ["slot_taken"]


async def test_a_message_delivered_many_times_at_once_is_answered_once(salon: Salon) -> None:
    stray = ConfirmationRequested(reservation_id=new_id(), conversation_id=new_id(), guest_name="Rui")
    envelopes = [salon.envelope(stray), salon.envelope(salon.wish(at(8, 10)))]
    await gather(*(salon.deliver(envelope) for envelope in envelopes for _ in range(5)))
    assert len(await salon.said(ConfirmationRefused)) == 1
    assert len(await salon.said(HoldRefused)) == 1
