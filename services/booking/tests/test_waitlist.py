"""The waiting list through the use cases, over a real PostgreSQL: who is offered what, when, and what becomes of it."""

from datetime import date, timedelta

from booka_booking.domain.times import Span
from booka_booking.store import reservations
from booka_booking.usecases import changes
from booka_booking.usecases.waitlist_jobs import END_WAITING, OFFER_FREED
from booka_common.contracts.booking import ReservationExpired, ReservationHeld
from booka_common.contracts.waitlist import WaitlistLeft, WaitlistOffered

from .salon import Salon, at
from .waiting import (
    FIVE_PAST,
    accept,
    decline,
    entry,
    full_day,
    jobs,
    join,
    last_offer,
    offered_to,
    outcomes,
    run_due,
    settle,
    step,
)


async def test_a_cancelled_visit_is_offered_to_who_waits_and_booked(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = await join(salon, contact_name="Lia", phone="+5511")
    await settle(salon)
    assert await offered_to(salon, waiting.entry_id) == []
    await salon.hear(salon.no(first))
    await run_due(salon)
    (offer_,) = await offered_to(salon, waiting.entry_id)
    assert (offer_.visit.start, offer_.visit.staff_names, offer_.service_ids) == (at(3, 9), ("Ana",), (salon.cut,))
    assert offer_.expires_at == salon.clock() + timedelta(minutes=15)
    held = [item for item in await salon.said(ReservationHeld) if item.reservation_id == offer_.reservation_id]
    assert held == []
    async with salon.db.tx(salon.tenant_id) as tx:
        (made,) = await reservations.list_history(tx, offer_.reservation_id)
    assert (made["who"], made["why"]) == ("clock", "waitlist_offer")
    assert (await entry(salon, waiting.entry_id)).status == "offered"
    await salon.hear(accept(offer_))
    await run_due(salon)
    assert await salon.status(offer_.reservation_id) == "confirmed"
    assert (await entry(salon, waiting.entry_id)).status == "booked"
    assert await outcomes(salon, waiting.entry_id) == ["booked"]
    (left,) = await salon.said(WaitlistLeft)
    assert (left.entry_id, left.reason) == (waiting.entry_id, "booked")
    assert await salon.problems() == []


async def test_declined_or_unanswered_it_goes_to_the_next_and_never_back(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = []
    for _ in range(3):
        waiting.append(await join(salon))
        salon.clock.advance(timedelta(seconds=1))
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 0, 0]
    await salon.hear(decline(await last_offer(salon, waiting[0].entry_id)))
    await run_due(salon)
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 1, 0]
    salon.clock.advance(FIVE_PAST)
    await run_due(salon)
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 1, 1]
    assert [await outcomes(salon, item.entry_id) for item in waiting] == [["declined"], ["unanswered"], ["open"]]
    salon.clock.advance(FIVE_PAST)
    await run_due(salon)
    # Everybody has been asked: the start stays free, and nobody is asked again.
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 1, 1]
    assert {(await entry(salon, item.entry_id)).status for item in waiting} == {"waiting"}
    await salon.held(at(3, 9), staff=salon.ana)


async def test_what_somebody_let_go_is_not_offered_to_them_a_quarter_of_an_hour_later(salon: Salon) -> None:
    visits = await full_day(salon)
    waiting = await join(salon)
    await settle(salon)
    for visit in visits:
        await salon.hear(salon.no(visit))
    await run_due(salon)
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9)]
    await salon.hear(decline(await last_offer(salon, waiting.entry_id)))
    await run_due(salon)
    # 9:00 to 9:45 was let go; what was freed from 9:45 on was not yet offered, because 9:00 was.
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9)]
    salon.clock.advance(FIVE_PAST)
    await run_due(salon)
    starts = [item.visit.start for item in await offered_to(salon, waiting.entry_id)]
    assert starts[0] == at(3, 9)
    assert len(starts) == 2
    assert starts[1] > at(3, 9)


async def test_who_is_offered_least_comes_first_then_who_waits_longest(salon: Salon) -> None:
    visits = await full_day(salon, count=3)
    old = await join(salon)
    salon.clock.advance(timedelta(seconds=1))
    new = await join(salon, last_day=date(2026, 3, 4))
    await settle(salon)
    await salon.hear(salon.no(visits[0]))
    await run_due(salon)
    assert len(await offered_to(salon, old.entry_id)) == 1
    await salon.hear(accept(await last_offer(salon, old.entry_id)))
    older = await join(salon)
    salon.clock.advance(timedelta(seconds=61))
    await salon.hear(salon.no(visits[1]))
    await run_due(salon)
    await salon.hear(decline(await last_offer(salon, new.entry_id)))
    await run_due(salon)
    assert len(await offered_to(salon, older.entry_id)) == 1
    await salon.hear(decline(await last_offer(salon, older.entry_id)))
    newest = await join(salon)
    salon.clock.advance(timedelta(seconds=61))
    await run_due(salon)
    assert len(await offered_to(salon, newest.entry_id)) == 1  # what is free is news to a newcomer
    await salon.hear(salon.no(visits[2]))
    await run_due(salon)
    # Of the two who were asked once and can be asked now, `new` has waited longer.
    assert [len(await offered_to(salon, item.entry_id)) for item in (new, older)] == [2, 1]


async def test_as_many_are_asked_as_there_is_room_for(salon: Salon) -> None:
    visits = await full_day(salon, count=3)
    waiting = [await join(salon) for _ in range(4)]
    await settle(salon)
    for visit in visits[:2]:
        await salon.hear(salon.no(visit))
    await run_due(salon)
    starts = [item.visit.start for item in await salon.said(WaitlistOffered)]
    assert sorted(starts) == [at(3, 9), at(3, 9, 45)]
    assert sum([len(await offered_to(salon, item.entry_id)) for item in waiting]) == 2
    assert await salon.problems() == []


async def test_what_one_long_visit_left_is_offered_to_two(salon: Salon) -> None:
    await salon.change(exceptions={date(2026, 3, 3): (Span(540, 630),)})
    cut = (salon.cut, salon.ana)
    long = await salon.booked(at(3, 9), wants=salon.wants(cut, cut))
    waiting = [await join(salon) for _ in range(3)]
    await settle(salon)
    await salon.hear(salon.no(long))
    await run_due(salon)
    assert [item.visit.start for item in await salon.said(WaitlistOffered)] == [at(3, 9), at(3, 9, 45)]
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 1, 0]


async def test_a_start_that_was_free_before_is_no_news(salon: Salon) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    waiting = await join(salon, wants=salon.wants(salon.cut), from_minute=600, until_minute=601)
    salon.clock.advance(timedelta(seconds=1))
    await salon.hear(salon.no(held))
    await step(salon)
    assert await jobs(salon) == 2
    assert await offered_to(salon, waiting.entry_id) == []  # Bia was free at ten all along


async def test_without_anybody_waiting_for_the_day_nothing_is_looked_for(salon: Salon) -> None:
    waiting = await join(salon, 10)
    assert await jobs(salon) == 1  # the newcomer's
    await salon.hear(salon.no(await salon.booked(at(3, 10))))
    assert await jobs(salon) == 1
    await salon.hear(salon.no(await salon.booked(at(10, 10))))
    assert await jobs(salon) == 2
    # What a visit left behind when it was over is no use to anybody.
    late = await salon.booked(at(10, 10))
    salon.clock.at = at(10, 23)
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, late.reservation_id)
        assert it is not None
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="by hand")
    assert await jobs(salon) == 2
    assert (await entry(salon, waiting.entry_id)).status == "waiting"


async def test_what_a_visit_moved_away_from_is_offered(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = await join(salon)
    await settle(salon)
    await salon.hear(salon.another(first, at(4, 10)))
    await run_due(salon)
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9)]


async def test_who_is_being_offered_something_else_is_looked_at_once_that_is_over(salon: Salon) -> None:
    first, _ = await full_day(salon, 3)
    second, _ = await full_day(salon, 4)
    waiting = await join(salon, last_day=date(2026, 3, 4))
    await settle(salon)
    await salon.hear(salon.no(first), salon.no(second))
    await run_due(salon)
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9)]
    salon.clock.advance(FIVE_PAST)
    await run_due(salon)
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9), at(4, 9)]


async def test_what_is_free_while_somebody_joins_is_found_a_minute_later(salon: Salon) -> None:
    waiting = await join(salon)
    assert await run_due(salon) == 0
    await settle(salon)
    assert [item.visit.start for item in await offered_to(salon, waiting.entry_id)] == [at(3, 9)]


async def test_a_newcomer_is_no_reason_to_ask_the_others_again(salon: Salon) -> None:
    await salon.change(exceptions={date(2026, 3, 3): (Span(540, 630),)})
    old = await join(salon)
    await settle(salon)
    await salon.hear(decline(await last_offer(salon, old.entry_id)))
    new = await join(salon, until_minute=541)
    await settle(salon)
    assert [item.visit.start for item in await offered_to(salon, new.entry_id)] == [at(3, 9)]
    assert [item.visit.start for item in await offered_to(salon, old.entry_id)] == [
        at(3, 9)
    ]  # and not a quarter to ten


async def test_the_same_look_taken_twice_offers_once(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = [await join(salon) for _ in range(2)]
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    planned = await jobs(salon)
    async with salon.db.tx(salon.tenant_id) as tx:
        await tx.execute(
            "UPDATE jobs SET status = 'ready' WHERE tenant_id = $1 AND type = $2", salon.tenant_id, OFFER_FREED
        )
    await run_due(salon)
    assert [len(await offered_to(salon, item.entry_id)) for item in waiting] == [1, 0]
    assert await jobs(salon) == planned


async def test_when_the_last_day_is_over_so_is_the_waiting(salon: Salon) -> None:
    waiting = await join(salon, from_minute=600, until_minute=601, wants=salon.wants((salon.updo, salon.caio)))
    assert await jobs(salon, END_WAITING) == 1
    salon.clock.at = at(3, 23, 59)
    await run_due(salon)
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    salon.clock.at = at(4, 0)
    await run_due(salon)
    assert (await entry(salon, waiting.entry_id)).status == "over"
    (left,) = await salon.said(WaitlistLeft)
    assert (left.entry_id, left.reason) == (waiting.entry_id, "over")


async def test_an_offer_that_ends_after_the_last_day_ends_the_waiting(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    salon.clock.at = at(4, 0)  # nobody ran a job since
    async with salon.db.tx(salon.tenant_id) as tx:
        await tx.execute(
            "UPDATE jobs SET scheduled_at = scheduled_at - interval '2 days' WHERE tenant_id = $1 AND type = $2",
            salon.tenant_id,
            END_WAITING,
        )
    await step(salon)
    assert (await entry(salon, waiting.entry_id)).status == "offered"
    await run_due(salon)
    assert [item.reservation_id for item in await salon.said(ReservationExpired)][-1] == (
        await last_offer(salon, waiting.entry_id)
    ).reservation_id
    assert (await entry(salon, waiting.entry_id)).status == "over"
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["over"]
