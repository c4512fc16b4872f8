"""A client whom WhatsApp names now by LID and now by number is one client, with one set of visits."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booka_common.testing import eventually
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree

pytestmark = pytest.mark.e2e

STUDIO = SalonPlan.studio(deposit=False).without_a_day_off()


async def test_booked_by_number_and_cancelled_in_the_conversation_of_the_lid(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    line = f"/_/evolution/instances/{phone.instance}"

    async def known_by(addressing: str) -> None:
        # A version that tells one of both at a time, unless both are known to it.
        await phone.sandbox.call("PUT", line, {"version": "2.3.0", "addressing": addressing})

    async def people() -> list[int]:
        """How many there are in messaging and in booking."""
        contacts = "SELECT count(*) FROM messaging.contacts WHERE tenant_id = $1 AND merged_into IS NULL"
        clients = "SELECT count(*) FROM booking.clients WHERE tenant_id = $1"
        return [await tables.value(count, salon.tenant_id) for count in (contacts, clients)]

    async def are(expected: list[int]) -> bool:
        return await people() == expected

    await known_by("pn")
    day = datetime.now(ZoneInfo(salon.zone)) + timedelta(days=3)
    asked = await phone.ask(f"haircut with Ana on {day:%d/%m} at 10:00")
    if "Shall I book it under" in asked:
        asked = await phone.ask("1")
    assert "Please check" in asked, asked
    assert "Booked!" in await agree(phone)

    await known_by("lid_only")  # the number is missing: somebody new, to whom this version cannot even send
    await phone.say("hi")
    assert await eventually(lambda: are([2, 1]))
    await tables.settled(salon.tenant_id)

    await known_by("lid")  # both: they are one, and the one who wrote last goes on
    await phone.ask("hi")
    await tables.settled(salon.tenant_id)
    assert await people() == [1, 1]

    terms = await phone.ask("cancel")
    if "nothing is booked" in terms:  # that was about the booking that the greeting began
        terms = await phone.ask("cancel")
    assert "cancelled" in (await phone.ask("yes")).lower(), terms
    await tables.settled(salon.tenant_id)
    visits = await tables.rows("SELECT * FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
    stays = "SELECT id FROM messaging.conversations WHERE tenant_id = $1 AND merged_into IS NULL"
    assert [(one["status"], one["conversation_id"]) for one in visits] == [
        ("cancelled", await tables.value(stays, salon.tenant_id))
    ]
