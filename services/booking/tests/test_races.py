"""Many at once: one winner per start, nobody waits in a circle, and no double booking whatever overlaps."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest

from booka_booking.domain.lifecycle import Refused
from booka_booking.domain.planning import Ask
from booka_booking.domain.reservation import Reservation
from booka_booking.store import reservations as store
from booka_booking.usecases import changes, confirmations
from booka_booking.usecases.wishes import Held, NotHeld, Wish
from booka_common.contracts.booking import (
    ConfirmationRefused,
    ConfirmationRequested,
    DepositUnusable,
    HoldRefused,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationHeld,
    ReservationMoved,
    Want,
)
from booka_common.ids import new_id

from .salon import Salon, at

Result = TypeVar("Result")


async def at_once(work: Iterable[Awaitable[Result]]) -> list[Result]:
    """Run all at once; any error, a deadlock above all, fails the test."""
    results = await asyncio.gather(*work, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert errors == [], Counter(map(repr, errors))
    return [result for result in results if not isinstance(result, BaseException)]


async def keep(salon: Salon, start: datetime, wants: tuple[Want, ...], **more: Any) -> Held | NotHeld:
    """Ask for a start."""
    wish = Wish(Ask(wants), start, contact_id=new_id(), conversation_id=new_id(), **more)
    return await salon.holds.hold(wish, salon.occasion())


async def give_up(salon: Salon, reservation_id: UUID) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, reservation_id)
        assert it is not None
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="test")


async def move(
    salon: Salon, reservation_id: UUID, start: datetime, *staff_ids: UUID | None
) -> Reservation | Refused | NotHeld:
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, reservation_id)
        assert it is not None
        return await changes.move(tx, it, salon.occasion(), by="salon", start=start, staff_ids=staff_ids)


def offered_more(refused: NotHeld) -> bool:
    """Refused for the right reason, and with somewhere else to go: three different starts, none of them the one wanted."""
    starts = {slot.start for slot in refused.alternatives}
    return refused.code == "slot_taken" and len(refused.alternatives) == len(starts) == 3


async def test_of_forty_at_once_one_wins_every_time(salon: Salon, *, nightly: bool) -> None:
    start, wants = at(3, 10), salon.wants((salon.cut, salon.ana))
    for round_ in range(200 if nightly else 30):
        outcomes = await at_once(keep(salon, start, wants) for _ in range(40))
        won = [outcome.reservation for outcome in outcomes if isinstance(outcome, Held)]
        lost = [outcome for outcome in outcomes if isinstance(outcome, NotHeld)]
        assert (len(won), len(lost)) == (1, 39), round_
        assert all(offered_more(refused) and start not in {s.start for s in refused.alternatives} for refused in lost)
        await give_up(salon, won[0].id)
    assert await salon.problems() == []


@pytest.mark.parametrize(
    ("service", "hour", "seats"),
    [("cut", 10, 2), ("cut", 14, 2), ("brow", 10, 2), ("updo", 14, 2), ("colour", 10, 1)],
    ids=["two people", "two chairs for three", "no chair", "two chairs and buffers", "one person"],
)
async def test_of_forty_who_take_anybody_as_many_win_as_there_are_seats(
    salon: Salon, service: str, hour: int, seats: int
) -> None:
    for day in (3, 4):
        wishes = [salon.wish(at(day, hour), service=getattr(salon, service)) for _ in range(40)]
        await at_once(salon.hear(wish) for wish in wishes)
        asked = {wish.request_id for wish in wishes}
        won = [held for held in await salon.said(ReservationHeld) if held.request_id in asked]
        lost = [refused for refused in await salon.said(HoldRefused) if refused.request_id in asked]
        assert (len(won), len(lost)) == (seats, 40 - seats)
        assert {(refused.code, len(refused.alternatives)) for refused in lost} == {("slot_taken", 3)}
    assert await salon.problems() == []


def anything(salon: Salon, choose: random.Random) -> tuple[Want, ...]:
    """One to three services, each by anybody or by somebody who does it."""
    able = {
        salon.cut: (salon.ana, salon.bia, salon.caio),
        salon.colour: (salon.ana, salon.caio),
        salon.blow: (salon.ana, salon.bia),
        salon.updo: (salon.bia, salon.caio),
        salon.brow: (salon.ana, salon.bia),
    }
    services = choose.choices(list(able), k=choose.choice((1, 1, 2, 2, 3)))
    return salon.wants(*((service, choose.choice((None, *able[service]))) for service in services))


@pytest.mark.parametrize("seed", range(4))
async def test_random_visits_across_people_and_chairs(salon: Salon, seed: int) -> None:
    choose = random.Random(seed)
    times = [at(day, hour, minute) for day in (3, 4) for hour in (9, 10, 13, 14, 15) for minute in (0, 15, 30, 45)]
    outcomes = await at_once(keep(salon, choose.choice(times), anything(salon, choose)) for _ in range(120))
    assert len([outcome for outcome in outcomes if isinstance(outcome, Held)]) > 10
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotHeld)]
    assert {outcome.code for outcome in refused} <= {"slot_taken", "not_offered"}  # Caio is there in the afternoon only
    assert {len(outcome.alternatives) for outcome in refused} == {3}
    assert await salon.problems() == []


async def test_the_same_people_in_opposite_order_do_not_wait_for_each_other(salon: Salon) -> None:
    first = salon.wants((salon.cut, salon.ana), (salon.cut, salon.bia))
    second = salon.wants((salon.cut, salon.bia), (salon.cut, salon.ana))
    for day in range(3, 8):
        outcomes = await at_once(keep(salon, at(day, 10), wants) for wants in (first, second) * 20)
        assert Counter(type(outcome) for outcome in outcomes) == {Held: 2, NotHeld: 38}  # one of each, on two chairs
    assert await salon.problems() == []


async def test_one_client_asking_many_times_at_once_holds_two(salon: Salon) -> None:
    wish = salon.wish(at(3, 9))
    starts = [at(3, 9 + hour) for hour in (0, 1, 2, 4, 5, 6, 7, 8)]
    await at_once(salon.hear(wish.model_copy(update={"request_id": new_id(), "start": start})) for start in starts)
    assert len(await salon.said(ReservationHeld)) == 2


async def test_the_same_request_many_times_at_once_holds_once(salon: Salon) -> None:
    wish, envelope = salon.wish(at(3, 10)), salon.envelope(salon.wish(at(3, 15)))
    await at_once([*(salon.hear(wish) for _ in range(10)), *(salon.deliver(envelope) for _ in range(5))])
    assert len(await salon.said(ReservationHeld)) == 2
    assert await salon.said(HoldRefused) == []


async def test_holds_racing_the_end_of_a_hold(salon: Salon) -> None:
    wants = salon.wants((salon.cut, salon.ana), (salon.blow, salon.bia))
    for day in range(3, 8):
        old = await salon.held(at(day, 10), wants=wants)
        salon.clock.advance(timedelta(minutes=10))
        wishes = [salon.wish(at(day, 10), wants=wants[:1]) for _ in range(8)]
        wishes += [salon.wish(at(day, 10, 45), wants=wants[1:]) for _ in range(8)]
        await at_once([salon.expire_due(), salon.hear(salon.yes(old)), *(salon.hear(wish) for wish in wishes)])
        starts = {wish.request_id: wish.start for wish in wishes}
        won = [starts[held.request_id] for held in await salon.said(ReservationHeld) if held.request_id in starts]
        assert sorted(won) == [at(day, 10), at(day, 10, 45)]
        assert await salon.status(old.reservation_id) == "expired"
    expired = [message.reservation_id for message in await salon.said(ReservationExpired)]
    assert len(expired) == len(set(expired)) >= 5
    assert await salon.problems() == []


async def test_late_payments_racing_holds_for_the_same_start(salon: Salon) -> None:
    wants = salon.wants((salon.colour, salon.ana), (salon.blow, salon.bia))
    for day in range(3, 8):
        late = await salon.held(at(day, 9, 15), wants=wants)
        await salon.hear(salon.yes(late))
        salon.clock.advance(timedelta(minutes=30))
        await salon.expire_due()
        wishes = [salon.wish(at(day, 10, 45), wants=wants[1:]) for _ in range(6)]  # a part of it is enough
        await at_once([salon.hear(salon.payment(late)), *(salon.hear(wish) for wish in wishes)])
        asked = {wish.request_id for wish in wishes}
        held = [message for message in await salon.said(ReservationHeld) if message.request_id in asked]
        assert ((await salon.status(late.reservation_id)) == "confirmed") + len(held) == 1
    assert len(await salon.said(DepositUnusable)) + len(await salon.said(ReservationConfirmed)) == 5
    assert await salon.problems() == []


async def test_payments_racing_the_end_the_client_and_others(salon: Salon) -> None:
    for day in range(3, 8):
        visit = await salon.held(at(day, 10), service=salon.colour)
        await salon.hear(salon.yes(visit))
        salon.clock.advance(timedelta(minutes=30))
        payments = [salon.payment(visit) for _ in range(3)]
        await at_once(
            [
                salon.expire_due(),
                *(salon.hear(payment) for payment in payments for _ in range(3)),
                salon.hear(salon.no(visit)),
                *(salon.hear(salon.wish(at(day, 10), service=salon.colour)) for _ in range(4)),
            ]
        )
        back = [
            no.transaction_id for no in await salon.said(DepositUnusable) if no.reservation_id == visit.reservation_id
        ]
        used = [yes for yes in await salon.said(ReservationConfirmed) if yes.reservation_id == visit.reservation_id]
        assert len(back) == len(set(back))
        assert len(used) + len(back) == 3
        gone = [no for no in await salon.said(ReservationCancelled) if no.reservation_id == visit.reservation_id]
        if used and gone and gone[0].was == "confirmed":
            assert gone[0].refund == visit.deposit  # in time: what was paid comes back, once
        assert await salon.status(visit.reservation_id) in ("confirmed", "cancelled", "expired")
    assert await salon.problems() == []


async def test_moves_racing_each_other_cancellations_and_holds(salon: Salon) -> None:
    choose = random.Random(3)
    times = [at(4, hour, minute) for hour in (9, 10, 13, 14, 15, 16) for minute in (0, 30)]
    held = await at_once(keep(salon, choose.choice(times), anything(salon, choose)) for _ in range(60))
    ids = [outcome.reservation.id for outcome in held if isinstance(outcome, Held)]
    assert len(ids) > 8
    for id in ids:
        await agree(salon, id)
    gone, others = ids[:3], [choose.choice(times) for _ in range(15)]
    results = await at_once(
        [
            *(move(salon, id, choose.choice(times)) for id in ids for _ in range(6)),
            *(give_up(salon, id) for id in gone),
            *(keep(salon, start, anything(salon, choose)) for start in others),
        ]
    )
    moved = [result for result in results if isinstance(result, Reservation)]
    assert len(moved) == len(await salon.said(ReservationMoved)) > 0
    for result in results:
        if isinstance(result, Refused):
            assert result.code == "not_confirmed"
        elif isinstance(result, NotHeld):
            assert len(result.alternatives) == 3
    assert {await salon.status(id) for id in gone} == {"cancelled"}
    assert {await salon.status(id) for id in ids[3:]} == {"confirmed"}
    assert await salon.problems() == []


async def agree(salon: Salon, reservation_id: UUID) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, reservation_id)
        assert it is not None
        await confirmations.confirm(tx, it, salon.occasion(), guest_name=None, waive_deposit=True)


async def test_visits_that_want_to_swap_stay_where_they_are(salon: Salon) -> None:
    for day in range(3, 8):
        with_ana = await salon.booked(at(day, 10), service=salon.cut, staff=salon.ana)
        with_bia = await salon.booked(at(day, 10), service=salon.cut, staff=salon.bia)
        later = await salon.booked(at(day, 11), service=salon.cut, staff=salon.ana)
        results = await at_once(
            [
                *(move(salon, with_ana.reservation_id, at(day, 10), salon.bia) for _ in range(5)),
                *(move(salon, with_bia.reservation_id, at(day, 10), salon.ana) for _ in range(5)),
                *(move(salon, with_ana.reservation_id, at(day, 11), salon.ana) for _ in range(5)),
                *(move(salon, later.reservation_id, at(day, 10), salon.ana) for _ in range(5)),
            ]
        )
        assert all(isinstance(result, NotHeld) and offered_more(result) for result in results)
    assert await salon.problems() == []


async def test_who_moves_away_and_who_comes_do_not_wait_for_each_other(salon: Salon) -> None:
    # The move leaves Bia and takes Ana; the hold takes Ana first and wants Bia then. So do the other pair, the other way round.
    first, second = salon.wants((salon.cut, salon.ana)), salon.wants((salon.cut, salon.bia))
    for round_ in range(30):
        day = at(4 + round_ % 3, 10)
        after = day + timedelta(minutes=45)
        ids = [(await salon.booked(after, wants=wants)).reservation_id for wants in (first, second)]
        results = await at_once(
            [
                *(keep(salon, day, wants) for wants in (first + second, second + first) for _ in range(3)),
                move(salon, ids[0], day, salon.bia),
                move(salon, ids[1], day, salon.ana),
                *(keep(salon, day, wants) for wants in (first + second, second + first) for _ in range(3)),
            ]
        )
        held = [result.reservation.id for result in results if isinstance(result, Held)]
        assert all(result.alternatives for result in results if isinstance(result, NotHeld))
        assert await salon.problems() == []
        for id in (*ids, *held):
            await give_up(salon, id)


async def test_visits_that_move_on_in_a_circle_with_one_place_free(salon: Salon) -> None:
    starts = [at(4, 13) + timedelta(minutes=45 * place) for place in range(6)]
    ids = [(await salon.booked(start, staff=salon.ana)).reservation_id for start in starts[:5]]
    for _ in range(5):
        results = await at_once(move(salon, id, start) for id in ids for start in starts)
        assert not any(isinstance(result, Refused) for result in results)
    async with salon.db.tx(salon.tenant_id) as tx:
        places = [it.start for it in await store.get_many(tx, ids)]
    assert len(set(places)) == 5
    assert set(places) < set(starts)
    assert await salon.problems() == []


async def test_one_visit_moved_and_cancelled_at_once_ends_cancelled(salon: Salon) -> None:
    for day in range(3, 8):
        visit = await salon.booked(at(day, 10), wants=salon.wants((salon.cut, salon.ana), (salon.brow, salon.bia)))
        await at_once(
            [
                *(salon.hear(salon.another(visit, at(day, 13))) for _ in range(4)),
                *(salon.hear(salon.no(visit)) for _ in range(4)),
                *(keep(salon, at(day, 10), salon.wants((salon.cut, salon.ana))) for _ in range(4)),
            ]
        )
        assert await salon.status(visit.reservation_id) == "cancelled"
    assert len(await salon.said(ReservationCancelled)) == 5
    assert await salon.problems() == []


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
    await at_once(salon.deliver(envelope) for envelope in envelopes for _ in range(5))
    assert len(await salon.said(ConfirmationRefused)) == 1
    assert len(await salon.said(HoldRefused)) == 1
