"""The model as a second reader: what the rules cannot read it may, and without it every booking path still works."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booka_common.testing import eventually
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

STUDIO = replace(SalonPlan.studio(deposit=False).without_a_day_off(), llm_enabled=True)
NOTHING = {
    "intent": "book",
    "service_id": None,
    "staff_id": None,
    "any_staff": False,
    "day": None,
    "time_from": None,
    "time_until": None,
    "name": None,
}


@pytest.fixture
def script(sandbox):
    """`await script("word", reply)`: the model's answer to a text with that word."""

    async def add(match: str, reply: object = "", **how: object) -> None:
        await sandbox.call("POST", "/_/openai/script", [{"match": match, "reply": reply, **how}])

    return add


async def test_a_text_that_only_the_model_can_read_becomes_a_step(open_salon, new_phone, sandbox, script, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    day = (datetime.now(ZoneInfo(salon.zone)) + timedelta(days=3)).date()
    await walk(phone, "service")
    await script(
        "grmpfl",
        {**NOTHING, "service_id": str(salon.service_ids["Colour & gloss"]), "day": str(day), "time_from": "14:00"},
    )
    assert "Colour & gloss with Ana, free" in await phone.ask("grmpfl blorp zwusch")
    assert len(await sandbox.ledger("completion")) >= 1
    assert "under Maria" in await phone.ask("1")
    await phone.ask("1")
    assert "Booked!" in await agree(phone)
    start = await tables.value("SELECT starts_at FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
    assert start == datetime(day.year, day.month, day.day, 14, tzinfo=ZoneInfo(salon.zone))
    calls = await tables.rows("SELECT status FROM llm.llm_calls WHERE tenant_id = $1", salon.tenant_id)
    assert [call["status"] for call in calls] == ["ok"]


@pytest.mark.parametrize(
    ("word", "reply", "how"),
    [
        ("knarz", "upstream is down", {"status": 500}),
        ("plomp", "I would be glad to help you!", {}),
        (
            "schnurr",
            {
                **NOTHING,
                "service_id": "0190b00c-a000-7000-8000-00000000dead",
                "staff_id": "p99",
                "day": "1999-01-01",
                "name": "Somebody Else",
            },
            {},
        ),
        ("wuff", {**NOTHING, "intent": "other"}, {}),
    ],
    ids=["failing", "not JSON", "inventing", "clueless"],
)
async def test_a_model_that_is_no_help_leads_to_the_menu(open_salon, new_phone, script, tables, word, reply, how):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone, "service")
    await script(word, reply, **how)
    answer = await phone.ask(f"{word} {word} {word}")
    assert "did not understand" in answer
    assert "Which service" in answer
    await walk(phone, since="service")
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    assert len(await phone.heard()) == 8


async def test_a_slow_model_is_not_waited_for_and_its_late_answer_changes_nothing(
    open_salon, new_phone, script, tables
):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone, "service")
    # Within the patience of llm, beyond that of dialog.
    await script("zzzz", {**NOTHING, "service_id": str(salon.service_ids["Manicure"])}, delay=4.8)
    await phone.say("zzzz grrr")
    answer = await phone.hear()
    assert "did not understand" in answer
    assert "Which service" in answer

    async def answered():
        return await tables.rows(
            "SELECT 1 FROM llm.outbox WHERE tenant_id = $1 AND routing_key LIKE 'llm.interpretation.%'",
            salon.tenant_id,
        )

    assert len(await eventually(answered)) == 1
    await tables.settled(salon.tenant_id)
    assert len(await phone.heard()) == 2
    await walk(phone, since="service")
    assert "*Haircut*" in await agree(phone)


async def test_switched_off_the_model_is_never_asked(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(replace(STUDIO, llm_enabled=False))
    phone = new_phone(salon)
    await walk(phone, "service")
    assert "did not understand" in await phone.ask("brabbel fasel")
    await tables.settled(salon.tenant_id)
    assert not [entry for entry in await sandbox.ledger("completion") if "brabbel" in entry["text"]]
    assert await tables.value("SELECT count(*) FROM llm.llm_calls WHERE tenant_id = $1", salon.tenant_id) == 0
