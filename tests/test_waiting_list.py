"""Waiting for a time by chat: what one client gives up is offered to the one who waits, and to nobody else."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booka_stack.salon import SalonPlan
from booka_stack.walk import agree

pytestmark = pytest.mark.e2e

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def one_start_a_day(**policy) -> SalonPlan:
    """A salon with one person and room for one haircut a day, at three."""
    plan = SalonPlan.studio(deposit=False, **policy)
    hours = {day: [{"opens": "15:00", "closes": "15:45"}] for day in _DAYS}
    return replace(
        plan,
        services=plan.services[:1],
        staff=(("Ana", ("Haircut",)),),
        profile={**plan.profile, "hours": hours},
    )


def the_day(salon) -> datetime:
    return (datetime.now(ZoneInfo(salon.zone)) + timedelta(days=3)).replace(hour=15, minute=0, second=0, microsecond=0)


async def book(phone, when: datetime) -> None:
    """The only start of the day."""
    assert "under" in await phone.ask(f"haircut on {when:%d/%m} at 15:00")
    assert "Please check" in await phone.ask("1")
    assert "Booked!" in await agree(phone)


async def wait(phone, when: datetime) -> None:
    """Onto the list for that day."""
    asked = await phone.ask(f"haircut on {when:%d/%m}")
    assert "Nothing is free then" in asked
    assert "Put me on the waiting list" in asked
    assert "You are on the waiting list: Haircut" in await phone.ask("waiting list")


async def taken(tables, salon) -> list[str]:
    rows = await tables.rows(
        "SELECT guest_name FROM booking.reservations WHERE tenant_id = $1 AND status = 'confirmed'", salon.tenant_id
    )
    return [row["guest_name"] for row in rows]


async def give_up(phone) -> None:
    assert "Shall I cancel this visit?" in await phone.ask("cancel")
    assert "Your visit is cancelled" in await phone.ask("1")


async def test_what_becomes_free_is_offered_and_taken(open_salon, new_phone, tables):
    salon = await open_salon(one_start_a_day())
    first, second = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    when = the_day(salon)
    await book(first, when)
    await wait(second, when)
    await give_up(first)
    offer = await second.hear()
    assert "Good news from the waiting list" in offer
    assert "at 15:00" in offer
    assert "Shall I book it under Rita?" in await second.ask("yes")
    assert "Booked!" in await second.ask("1")
    await tables.settled(salon.tenant_id)
    assert await taken(tables, salon) == ["Rita"]


async def test_what_one_declines_the_next_is_offered(open_salon, new_phone, tables):
    salon = await open_salon(one_start_a_day())
    first, second, third = new_phone(salon, "Maria"), new_phone(salon, "Rita"), new_phone(salon, "Zoe")
    when = the_day(salon)
    await book(first, when)
    await wait(second, when)
    await wait(third, when)
    await give_up(first)
    assert "Good news from the waiting list" in await second.hear()
    assert "You stay on the waiting list" in await second.ask("2")
    assert "Good news from the waiting list" in await third.hear()
    await third.ask("1")
    assert "Booked!" in await third.ask("1")
    await tables.settled(salon.tenant_id)
    assert await taken(tables, salon) == ["Zoe"]
    assert len([text for text in await second.heard() if "Good news" in text]) == 1


async def test_an_offer_in_the_middle_of_another_booking(open_salon, new_phone, tables):
    salon = await open_salon(one_start_a_day())
    first, second = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    when = the_day(salon)
    later = when + timedelta(days=2)
    await book(first, when)
    await wait(second, when)
    assert "under Rita" in await second.ask(f"haircut on {later:%d/%m} at 15:00")
    await give_up(first)
    assert 'Write "take the offer"' in await second.hear()
    assert "Please check" in await second.ask("1")
    assert "Booked!" in await agree(second)
    asked = (await second.heard())[-1]
    assert "Would you like it?" in asked
    assert "Booked!" in await second.ask("yes")
    await tables.settled(salon.tenant_id)
    assert await taken(tables, salon) == ["Rita", "Rita"]


async def test_leaving_the_list(open_salon, new_phone, tables):
    salon = await open_salon(one_start_a_day())
    first, second = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    when = the_day(salon)
    await book(first, when)
    await wait(second, when)
    assert "You are off the waiting list: Haircut" in await second.ask("leave the waiting list")
    await tables.settled(salon.tenant_id)
    await give_up(first)
    await tables.settled(salon.tenant_id)
    assert not [text for text in await second.heard() if "Good news" in text]
    await book(second, when)


async def test_who_waits_for_a_better_time_of_a_visit_ends_with_one_visit(open_salon, new_phone, tables):
    salon = await open_salon(one_start_a_day())
    first, second = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    when = the_day(salon)
    later = when + timedelta(days=2)
    await book(first, when)
    await book(second, later)
    before = await starts_of(tables, salon, "Rita")
    asked = await second.ask(f"can we move it to {when:%d/%m}?")
    assert "Nothing is free then" in asked
    assert "Put me on the waiting list" in asked
    joined = await second.ask("waiting list")
    assert "You are on the waiting list: Haircut" in joined
    assert "Your visit stays booked meanwhile" in joined
    await give_up(first)
    offer = await second.hear()
    assert "Good news from the waiting list" in offer
    assert "It would take the place of your visit: Haircut" in offer
    assert "Your visit was moved" in await second.ask("yes")
    await tables.settled(salon.tenant_id)
    assert before == [("confirmed", later)]
    assert await starts_of(tables, salon, "Rita") == [("confirmed", when)]
    third = new_phone(salon, "Zoe")
    await book(third, later)


async def starts_of(tables, salon, name: str) -> list[tuple[str, datetime]]:
    """What somebody has booked, and when it takes place."""
    rows = await tables.rows(
        "SELECT status, starts_at FROM booking.reservations WHERE tenant_id = $1 AND guest_name = $2",
        salon.tenant_id,
        name,
    )
    return [(row["status"], row["starts_at"]) for row in rows]
