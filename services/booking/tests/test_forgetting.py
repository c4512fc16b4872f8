"""A contact is erased in messaging: their client is forgotten here too, but not before the salon has seen them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_booking.usecases.clients import FORGET_CONTACT
from booka_common.contracts import booking
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased
from booka_common.contracts.waitlist import WaitlistLeft, WaitlistOffered
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, eventually, publish, running

from .salon import Salon, at
from .waiting import full_day, join, offered_to, run_due

RUI: dict[str, Any] = {"contact_name": "Rui Costa", "phone": "+5511912345678", "guest_name": "Rui jr."}


def erased(salon: Salon, contact_id: UUID, *merged_ids: UUID) -> Envelope[ContactErased]:
    return salon.envelope(ContactErased(contact_id=contact_id, conversation_ids=(), merged_ids=merged_ids))


async def personal(salon: Salon) -> list[Any]:
    """Everything of a person that booking has in its own tables."""
    async with salon.db.tx(salon.tenant_id) as tx:
        return [
            tuple(row)
            for row in await tx.fetch(
                """SELECT contact_id, name, phone FROM clients WHERE tenant_id = $1 AND erased_at IS NULL
                   UNION ALL SELECT contact_id, guest_name, NULL FROM reservations
                   WHERE tenant_id = $1 AND (contact_id IS NOT NULL OR guest_name IS NOT NULL)
                   UNION ALL SELECT contact_id, contact_name, phone FROM waitlist_entries WHERE tenant_id = $1""",
                salon.tenant_id,
            )
        ]


async def over(salon: Salon, contact_id: UUID, day: int = 2) -> booking.ReservationHeld:
    """Somebody's visit that is over."""
    visit = await salon.booked(at(day, 9), contact_id=contact_id, **RUI)
    salon.clock.advance(timedelta(hours=8))
    return visit


async def test_who_has_nothing_ahead_is_forgotten_at_once(salon: Salon) -> None:
    contact, other = new_id(), new_id()
    visit = await over(salon, contact)
    await salon.booked(at(3, 9), contact_id=other, contact_name="Eva")
    message = erased(salon, contact)
    for _ in range(3):
        await salon.deliver(message)
        await run_due(salon)
        salon.clock.advance(timedelta(minutes=1))
    async with salon.db.tx(salon.tenant_id) as tx:
        planned = await tx.fetchval(
            "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND type = $2", salon.tenant_id, FORGET_CONTACT
        )
    assert planned == 2, "at once, and a day later"
    assert {row[0] for row in await personal(salon)} == {other}
    assert await salon.status(visit.reservation_id) == "confirmed", "the visit stays in the salon's books"


async def test_a_visit_ahead_stays_as_it_was_booked_and_is_forgotten_once_it_is_over(salon: Salon) -> None:
    contact = new_id()
    visit = await salon.booked(at(3, 9), contact_id=contact, **RUI)
    later = await salon.booked(at(6, 9), contact_id=contact, **RUI)
    await salon.deliver(erased(salon, contact))
    await run_due(salon)
    assert await salon.status(visit.reservation_id) == "confirmed"
    assert (contact, "Rui Costa", "+5511912345678") in await personal(salon), "the salon knows whom it expects"
    assert await salon.said(booking.ReservationCancelled) == []
    salon.clock.advance(at(4, 0) - salon.clock())
    await run_due(salon)
    assert len(await personal(salon)) == 3
    salon.clock.advance(at(6, 9, 45) - salon.clock())  # the very end of the last one
    await run_due(salon)
    assert await personal(salon) == []
    assert await salon.status(later.reservation_id) == "confirmed"


async def test_a_visit_that_is_moved_meanwhile_is_waited_for(salon: Salon) -> None:
    contact = new_id()
    visit = await salon.booked(at(3, 9), contact_id=contact, **RUI)
    await salon.deliver(erased(salon, contact))
    await run_due(salon)
    await salon.hear(salon.another(visit, at(9, 9)))
    salon.clock.advance(at(4, 0) - salon.clock())
    await run_due(salon)
    assert await personal(salon) != []
    salon.clock.advance(at(9, 10) - salon.clock())
    await run_due(salon)
    assert await personal(salon) == []


async def test_what_a_contact_asked_for_before_and_comes_later_is_forgotten_a_day_later(salon: Salon) -> None:
    contact = new_id()
    await over(salon, contact)
    await salon.deliver(erased(salon, contact))
    await run_due(salon)
    await salon.held(at(3, 9), contact_id=contact, **RUI)
    await join(salon, 4, contact_id=contact, contact_name="Rui Costa")
    assert await personal(salon) != []
    for _ in range(2):  # they are offered something, for which they are expected until the offer ends
        salon.clock.advance(timedelta(days=1))
        await run_due(salon)
    assert await personal(salon) == []


async def test_somebody_unknown_who_is_heard_of_later_is_forgotten(salon: Salon) -> None:
    contact = new_id()
    await salon.deliver(erased(salon, contact))
    await run_due(salon)
    await salon.held(at(3, 9), contact_id=contact, **RUI)
    salon.clock.advance(timedelta(days=1))
    await run_due(salon)
    assert await personal(salon) == []


async def test_who_they_were_before_is_forgotten_as_well(salon: Salon) -> None:
    before, now = new_id(), new_id()
    await over(salon, before)
    await salon.held(at(3, 9), contact_id=now, **RUI)
    salon.clock.advance(timedelta(minutes=10))
    await salon.expire_due()
    await salon.deliver(erased(salon, now, before))
    await run_due(salon)
    assert await personal(salon) == []


async def test_they_wait_for_nothing_and_what_is_offered_goes_to_the_next(salon: Salon) -> None:
    first, second = await full_day(salon)
    contact = new_id()
    theirs = await join(salon, contact_id=contact, contact_name="Rui Costa")
    salon.clock.advance(timedelta(minutes=1))
    other = await join(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    (offer,) = await offered_to(salon, theirs.entry_id)
    assert await offered_to(salon, other.entry_id) == []
    await salon.deliver(erased(salon, contact))
    assert await salon.status(offer.reservation_id) == "cancelled"
    assert [left.entry_id for left in await salon.said(WaitlistLeft)] == [theirs.entry_id]
    await run_due(salon)
    assert [one.entry_id for one in await salon.said(WaitlistOffered)] == [theirs.entry_id, other.entry_id]
    assert contact not in {row[0] for row in await personal(salon)}
    assert await salon.problems() == []
    assert await salon.status(second.reservation_id) == "confirmed"


@pytest.mark.parametrize("turn", range(3))
async def test_erased_while_they_book_they_are_expected_or_somebody_new(salon: Salon, turn: int) -> None:
    contact = new_id()
    await over(salon, contact)
    await salon.deliver(erased(salon, contact))
    wish = salon.wish(at(3 + turn, 9), contact_id=contact, **RUI)
    await asyncio.gather(salon.hear(wish), run_due(salon))
    (held,) = [one for one in await salon.said(booking.ReservationHeld) if one.request_id == wish.request_id]
    await salon.hear(salon.yes(held))
    assert await salon.status(held.reservation_id) == "confirmed"
    salon.clock.advance(timedelta(days=7))
    for _ in range(2):
        await run_due(salon)
    assert await personal(salon) == []


async def test_heard_five_times_over_the_broker_it_is_done_once(
    settings: Settings, salon: Salon, clock: FrozenClock
) -> None:
    contact = new_id()
    await over(salon, contact)
    async with running(create_app(settings, clock)):
        await publish(settings.amqp_url.get_secret_value(), *[erased(salon, contact)] * 5)

        async def forgotten() -> bool:
            return await personal(salon) == []

        await eventually(forgotten)
    async with salon.db.tx(salon.tenant_id) as tx:
        versions = await tx.fetch("SELECT version FROM clients WHERE tenant_id = $1", salon.tenant_id)
    assert [row["version"] for row in versions] == [2]
