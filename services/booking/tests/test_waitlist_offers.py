"""What an offer of the waiting list is: a hold of its own kind, of what a client could book now, until it ends."""

from datetime import date, timedelta
from typing import Any

import pytest

from booka_booking.domain.times import Span
from booka_booking.store import offer, reservations
from booka_booking.usecases import changes
from booka_common.contracts.booking import DepositDue, ReservationHeld
from booka_common.contracts.waitlist import WaitlistLeft
from booka_common.money import Money

from .salon import Salon, at
from .waiting import accept, entry, full_day, join, last_offer, offered_to, outcomes, run_due, settle


async def test_with_a_deposit_it_is_booked_once_paid_and_offered_on_if_not(salon: Salon) -> None:
    await salon.change(exceptions={date(2026, 3, 3): (Span(540, 630),)})
    visit = await salon.booked(at(3, 9), service=salon.colour, staff=salon.ana)
    wants = salon.wants((salon.colour, salon.ana))
    waiting = [await join(salon, wants=wants) for _ in range(2)]
    await settle(salon)
    await salon.hear(salon.no(visit))
    await run_due(salon)
    offer_ = await last_offer(salon, waiting[0].entry_id)
    assert offer_.deposit == Money(minor=6000, currency="BRL")
    await salon.hear(accept(offer_))
    assert [due.reservation_id for due in await salon.said(DepositDue)][-1] == offer_.reservation_id
    assert (await entry(salon, waiting[0].entry_id)).status == "offered"
    salon.clock.advance(timedelta(minutes=30, seconds=1))
    await run_due(salon)
    assert await outcomes(salon, waiting[0].entry_id) == ["unanswered"]
    other = await last_offer(salon, waiting[1].entry_id)
    await salon.hear(accept(other))
    held = ReservationHeld(**other.model_dump(exclude={"entry_id", "service_ids"}))
    await salon.hear(salon.payment(held))
    assert await salon.status(other.reservation_id) == "confirmed"
    assert await outcomes(salon, waiting[1].entry_id) == ["booked"]
    assert (await entry(salon, waiting[1].entry_id)).status == "booked"


async def test_paid_after_the_offer_had_ended_it_is_booked_all_the_same(salon: Salon) -> None:
    await salon.change(exceptions={date(2026, 3, 3): (Span(540, 630),)})
    visit = await salon.booked(at(3, 9), service=salon.colour, staff=salon.ana)
    waiting = await join(salon, wants=salon.wants((salon.colour, salon.ana)))
    await settle(salon)
    await salon.hear(salon.no(visit))
    await run_due(salon)
    offer_ = await last_offer(salon, waiting.entry_id)
    await salon.hear(accept(offer_))
    salon.clock.advance(timedelta(minutes=30, seconds=1))
    await run_due(salon)
    assert await salon.status(offer_.reservation_id) == "expired"
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    held = ReservationHeld(**offer_.model_dump(exclude={"entry_id", "service_ids"}))
    await salon.hear(salon.payment(held))
    assert await salon.status(offer_.reservation_id) == "confirmed"
    assert await outcomes(salon, waiting.entry_id) == ["booked"]
    assert [(left.entry_id, left.reason) for left in await salon.said(WaitlistLeft)] == [(waiting.entry_id, "booked")]


async def test_an_offer_neither_waits_for_other_holds_nor_uses_them_up(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = await join(salon)
    client = (await entry(salon, waiting.entry_id)).contact_id
    await settle(salon)
    await salon.held(at(5, 9), contact_id=client)
    await salon.held(at(5, 10), contact_id=client)
    await salon.hear(salon.no(first))
    await run_due(salon)
    assert len(await offered_to(salon, waiting.entry_id)) == 1
    assert (await salon.refused(salon.wish(at(5, 11), contact_id=client))).code == "too_many_holds"
    salon.clock.advance(timedelta(minutes=11))  # the client's own are over, the offer is not
    await salon.held(at(6, 9), contact_id=client)
    await salon.held(at(6, 10), contact_id=client)
    assert await salon.status((await last_offer(salon, waiting.entry_id)).reservation_id) == "held"


async def test_what_the_salon_takes_back_is_not_put_down_to_the_client(salon: Salon) -> None:
    first, _ = await full_day(salon)
    waiting = await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, (await last_offer(salon, waiting.entry_id)).reservation_id)
        assert it is not None
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="by hand")
    assert await outcomes(salon, waiting.entry_id) == ["withdrawn"]
    assert (await entry(salon, waiting.entry_id)).status == "waiting"


@pytest.mark.parametrize("hindrance", ["retired", "offline", "lead", "horizon", "left", "days", "morning"])
async def test_only_what_a_client_could_book_now_is_offered(salon: Salon, hindrance: str) -> None:
    first, _ = await full_day(salon)
    sunday: dict[str, Any] = {"first_day": date(2026, 3, 8), "last_day": date(2026, 3, 8)}
    how = {"days": sunday, "morning": {"from_minute": 541}}
    waiting = await join(salon, **how.get(hindrance, {}))
    await settle(salon)
    if hindrance == "lead":
        salon.clock.at = at(3, 8, 1)
    if hindrance == "horizon":
        await salon.change(horizon_days=1)
        salon.clock.at = at(2, 8)
    async with salon.db.tx(salon.tenant_id) as tx:
        if hindrance == "retired":
            await offer.retire_service(tx, salon.cut)
        if hindrance == "offline":
            await salon.put_service(tx, salon.cut, "Corte", 45, 9000, pool_id=salon.chairs, online=False)
        if hindrance == "left":
            await salon.put_staff(tx, salon.ana, "Ana", [salon.cut], active=False)
    other = await join(salon, wants=salon.wants((salon.brow, salon.bia)), until_minute=541)
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, first.reservation_id)
        assert it is not None
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="by hand")
    await run_due(salon)
    assert await offered_to(salon, waiting.entry_id) == []
    assert (await entry(salon, other.entry_id)).status == "waiting"
