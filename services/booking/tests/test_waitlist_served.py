"""Who waits, and books what they wait for in some other way, does not wait any more: nothing is kept from others for them."""

from datetime import date, timedelta
from typing import Any

import pytest

from booka_common.contracts.waitlist import WaitlistLeft
from booka_common.ids import new_id

from .salon import Salon, at
from .waiting import accept, entry, full_day, join, last_offer, offered_to, run_due, settle

BOTH: dict[str, Any] = {"first_day": date(2026, 3, 3), "last_day": date(2026, 3, 4)}


async def test_another_start_of_the_days_waited_for_is_what_was_waited_for(salon: Salon) -> None:
    first, _ = await full_day(salon)
    contact, next_one = new_id(), new_id()
    waiting = await join(salon, contact_id=contact, **BOTH)
    salon.clock.advance(timedelta(seconds=1))
    behind = await join(salon, contact_id=next_one, **BOTH)
    held = await salon.held(at(4, 9), staff=salon.ana, contact_id=contact)
    assert (await entry(salon, waiting.entry_id)).status == "waiting"  # perhaps they let it go
    await salon.hear(salon.yes(held))
    assert (await entry(salon, waiting.entry_id)).status == "booked"
    (left,) = await salon.said(WaitlistLeft)
    assert (left.entry_id, left.reason) == (waiting.entry_id, "booked")
    await salon.hear(salon.no(first))
    await run_due(salon)
    assert await offered_to(salon, waiting.entry_id) == []
    assert len(await offered_to(salon, behind.entry_id)) == 1
    assert await salon.problems() == []


@pytest.mark.parametrize(
    "what", ["another day", "another part of the day", "somebody else", "another service", "one more"]
)
async def test_who_books_something_else_waits_on(salon: Salon, what: str) -> None:
    await full_day(salon)
    contact = new_id()
    waiting = await join(salon, contact_id=contact, until_minute=720, **BOTH)
    start, wants = at(4, 9), salon.wants((salon.cut, salon.ana))
    match what:
        case "another day":
            start = at(5, 9)
        case "another part of the day":
            start = at(4, 13)
        case "somebody else":
            wants = salon.wants((salon.cut, salon.bia))
        case "another service":
            wants = salon.wants((salon.brow, salon.ana))
        case "one more":
            wants = salon.wants((salon.cut, salon.ana), (salon.brow, salon.ana))
    await salon.booked(start, wants=wants, contact_id=contact)
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    assert await salon.said(WaitlistLeft) == []


async def test_anybody_will_do_for_who_waits_for_anybody_and_strangers_books_do_not_count(salon: Salon) -> None:
    await full_day(salon)
    contact = new_id()
    waiting = await join(salon, contact_id=contact, wants=salon.wants(salon.cut), **BOTH)
    await salon.booked(at(4, 9), staff=salon.ana)
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    await salon.booked(at(4, 9), staff=salon.bia, contact_id=contact)
    assert (await entry(salon, waiting.entry_id)).status == "booked"


async def test_a_visit_that_is_moved_to_a_day_waited_for(salon: Salon) -> None:
    await full_day(salon)
    contact = new_id()
    visit = await salon.booked(at(9, 9), staff=salon.ana, contact_id=contact)
    waiting = await join(salon, contact_id=contact, **BOTH)
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    await salon.hear(salon.another(visit, at(10, 9)))
    assert (await entry(salon, waiting.entry_id)).status == "waiting"
    await salon.hear(salon.another(visit, at(4, 9)))
    assert (await entry(salon, waiting.entry_id)).status == "booked"


async def test_who_has_something_there_and_waits_for_something_earlier_may_move_it_about(salon: Salon) -> None:
    await full_day(salon)
    contact = new_id()
    visit = await salon.booked(at(4, 16), staff=salon.ana, contact_id=contact)
    waiting = await join(salon, contact_id=contact, **BOTH)
    await salon.hear(salon.another(visit, at(4, 15)))
    assert (await entry(salon, waiting.entry_id)).status == "waiting"


async def test_booked_while_something_is_being_offered(salon: Salon) -> None:
    """The offer is theirs until it ends; it was the last."""
    first, second = await full_day(salon)
    contact = new_id()
    waiting = await join(salon, contact_id=contact, **BOTH)
    salon.clock.advance(timedelta(seconds=1))
    held = await salon.held(at(4, 9), staff=salon.ana, contact_id=contact)
    await salon.hear(salon.no(first))
    await run_due(salon)
    offer = await last_offer(salon, waiting.entry_id)
    await salon.hear(salon.yes(held))
    assert (await entry(salon, waiting.entry_id)).status == "booked"
    await salon.hear(salon.no(second))
    salon.clock.advance(timedelta(minutes=16))
    await run_due(salon)
    assert await salon.status(offer.reservation_id) == "expired"
    assert len(await offered_to(salon, waiting.entry_id)) == 1
    assert (await entry(salon, waiting.entry_id)).status == "booked"


async def test_of_two_wishes_one_offer_fulfils_both(salon: Salon) -> None:
    first, _ = await full_day(salon)
    contact = new_id()
    narrow = await join(salon, contact_id=contact)
    salon.clock.advance(timedelta(seconds=1))
    await salon.change(exceptions={**salon.profile.exceptions, date(2026, 3, 4): ()})
    wide = await join(salon, contact_id=contact, **BOTH)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    await salon.hear(accept(await last_offer(salon, narrow.entry_id)))
    assert [(await entry(salon, item.entry_id)).status for item in (narrow, wide)] == ["booked", "booked"]
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["booked", "booked"]
