"""Visits of several services and for somebody else, moved and given up again, all of it by chat."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booka_stack.salon import SalonPlan
from booka_stack.walk import agree

PAY = re.compile(r"/pay/(cs_\w+)")
pytestmark = pytest.mark.e2e

STUDIO = SalonPlan.studio(deposit=False).without_a_day_off()


def in_days(salon, days: int, hour: int) -> datetime:
    return (datetime.now(ZoneInfo(salon.zone)) + timedelta(days=days)).replace(
        hour=hour, minute=0, second=0, microsecond=0
    )


async def reservations(tables, salon):
    return await tables.rows(
        "SELECT * FROM booking.reservations WHERE tenant_id = $1 ORDER BY created_at", salon.tenant_id
    )


async def segments(tables, salon) -> list[tuple[str, str]]:
    rows = await tables.rows(
        "SELECT s.* FROM booking.reservation_segments AS s JOIN booking.reservations AS r"
        " ON (r.tenant_id, r.id) = (s.tenant_id, s.reservation_id)"
        " WHERE s.tenant_id = $1 AND r.status IN ('held', 'confirmed') ORDER BY r.created_at, s.position",
        salon.tenant_id,
    )
    return [(row["service_name"], row["staff_name"]) for row in rows]


async def book(phone, salon, text: str, when: datetime) -> str:
    """Up to the confirmed visit."""
    asked = await phone.ask(f"{text} on {when:%d/%m} at {when:%H:%M}")
    if "Shall I book it under" in asked:
        asked = await phone.ask("1")
    assert "Please check" in asked, asked
    booked = await agree(phone)
    assert "Booked!" in booked, booked
    return asked


async def test_several_services_by_several_people(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    when = in_days(salon, 3, 10)
    summary = await book(phone, salon, "cut with Ana, nails with Carla", when)
    assert "*Haircut* with Ana\n*Manicure* with Carla" in summary
    assert "85 min" in summary
    assert "€57.00" in summary
    assert await segments(tables, salon) == [("Haircut", "Ana"), ("Manicure", "Carla")]
    (visit,) = await reservations(tables, salon)
    assert (visit["starts_at"], visit["ends_at"]) == (when, when + timedelta(minutes=85))
    claims = await tables.value("SELECT count(*) FROM booking.claims WHERE tenant_id = $1 AND active", salon.tenant_id)
    assert claims == 2


async def test_a_service_more_and_one_less_at_the_summary(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    when = in_days(salon, 3, 10)
    assert "under Maria" in await phone.ask(f"haircut with Beatriz on {when:%d/%m} at 10:00")
    assert "*Haircut* with Beatriz" in await phone.ask("1")
    both = await phone.ask("also a manicure")
    assert "*Haircut + Manicure* with Beatriz" in both
    assert "10:00" in both
    assert "*Manicure* with Beatriz" in await phone.ask("without the haircut")
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    assert await segments(tables, salon) == [("Manicure", "Beatriz")]
    active = "SELECT count(DISTINCT reservation_id) FROM booking.claims WHERE tenant_id = $1 AND active"
    assert await tables.value(active, salon.tenant_id) == 1


async def test_for_her_daughter(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    when = in_days(salon, 2, 11)
    assert "Name: Lia" in await phone.ask(f"a haircut with Ana for my daughter Lia on {when:%d/%m} at 11:00")
    assert "Name: Lia" in await agree(phone)
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["guest_name"]) == ("confirmed", "Lia")


async def test_a_visit_is_moved(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    old, new = in_days(salon, 3, 15), in_days(salon, 4, 16)
    await book(phone, salon, "haircut with Ana", old)
    asked = await phone.ask(f"can we move it to {new:%d/%m} at 16:00?")
    assert "Shall I move your visit?" in asked
    assert "15:00" in asked
    assert "16:00" in asked
    assert "Your visit was moved." in await phone.ask("yes")
    await tables.settled(salon.tenant_id)
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["starts_at"], visit["moves"]) == ("confirmed", new, 1)
    starts = await tables.column(
        "SELECT lower(during) FROM booking.claims WHERE tenant_id = $1 AND active", salon.tenant_id
    )
    assert starts == [new]
    assert len([text for text in await phone.heard() if "Your visit was moved." in text]) == 1
    # The old time is free for somebody else.
    await book(new_phone(salon, "Rita"), salon, "haircut with Ana", old)


async def test_a_time_that_is_taken_by_the_moment_the_client_agrees(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    mover, other = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    old, new = in_days(salon, 3, 10), in_days(salon, 3, 15)
    await book(mover, salon, "haircut with Ana", old)
    assert "Shall I move your visit?" in await mover.ask("move it to 15:00")
    await book(other, salon, "haircut with Ana", new)
    refused = await mover.ask("yes")
    assert "has just been taken" in refused
    assert "Shall I move your visit?" in await mover.ask("1")
    assert "Your visit was moved." in await mover.ask("yes")
    starts = [visit["starts_at"] for visit in await reservations(tables, salon)]
    assert len(set(starts)) == 2
    assert new in starts


async def test_a_visit_that_may_not_be_moved_any_more(open_salon, new_phone, tables):
    salon = await open_salon(SalonPlan.studio(deposit=False, reschedule_limit=1).without_a_day_off())
    phone = new_phone(salon)
    await book(phone, salon, "haircut with Ana", in_days(salon, 3, 10))
    assert "Shall I move your visit?" in await phone.ask("reschedule to 15:00")
    assert "Your visit was moved." in await phone.ask("1")
    refused = await phone.ask("reschedule to 16:00")
    assert "as often as the salon allows" in refused
    assert "shall I cancel it instead?" in refused
    assert "stays as it is" in await phone.ask("2")
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["moves"]) == ("confirmed", 1)


async def test_the_terms_are_quoted_before_cancelling_and_kept_to(open_salon, new_phone, sandbox, tables):
    terms = {"cancel_notice_hours": 240, "late_kind": "refund_share", "late_value": 50}
    salon = await open_salon(SalonPlan.studio(**terms).without_a_day_off())
    phone = new_phone(salon)
    when = in_days(salon, 3, 15)
    await phone.ask(f"haircut with Ana on {when:%d/%m} at 15:00")
    await phone.ask("1")
    session = PAY.search(await agree(phone))[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Deposit paid: €10.50" in await phone.hear()
    asked = await phone.ask("cancel")
    assert "€5.25 of your deposit of €10.50 comes back" in asked
    assert "You get €5.25 of your deposit back." in await phone.ask("1")
    assert "€5.25 of your deposit is on its way back" in await phone.hear()
    await tables.settled(salon.tenant_id)
    (charge,) = await sandbox.ledger("charge", session_id=session)
    (refund,) = await sandbox.ledger("refund", charge=charge["id"])
    assert refund["amount"] == 525
