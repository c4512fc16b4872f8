"""The main job: a client books by chatting, with a deposit and without, in two languages, and changes her mind on the way."""

import asyncio
import re
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from booka_common.testing import eventually
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")
STUDIO = SalonPlan.studio(deposit=False).without_a_day_off()
STUDIO_WITH_DEPOSIT = SalonPlan.studio().without_a_day_off()


async def reservations(tables, salon):
    return await tables.rows(
        "SELECT * FROM booking.reservations WHERE tenant_id = $1 ORDER BY created_at", salon.tenant_id
    )


async def state_of(tables, salon) -> str:
    """What the dialog of the salon's only client waits for."""
    return await tables.value(
        "SELECT coalesce(state ->> 'state', 'idle') FROM dialog.sessions WHERE tenant_id = $1", salon.tenant_id
    )


async def reminders(tables, salon) -> list[tuple[int, str]]:
    rows = await tables.rows(
        "SELECT minutes_before, status FROM scheduler.reminders WHERE tenant_id = $1 ORDER BY minutes_before",
        salon.tenant_id,
    )
    return [(row["minutes_before"], row["status"]) for row in rows]


async def test_a_visit_without_a_deposit_is_confirmed(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone)
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["guest_name"], visit["paid_minor"]) == ("confirmed", "Maria", 0)
    assert len([text for text in await phone.heard() if "Booked!" in text]) == 1
    assert len(await phone.heard()) == 7
    assert (120, "planned") in await reminders(tables, salon)
    assert await tables.value("SELECT count(*) FROM payments.transactions WHERE tenant_id = $1", salon.tenant_id) == 0


async def test_a_visit_with_a_deposit_is_confirmed_once_it_is_paid(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(STUDIO_WITH_DEPOSIT)
    phone = new_phone(salon)
    await walk(phone)
    link = await agree(phone)
    assert "deposit of €10.50" in link
    (visit,) = await reservations(tables, salon)
    assert visit["status"] == "held"
    session = PAY.search(link)[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Deposit paid: €10.50" in await phone.hear()
    await tables.settled(salon.tenant_id)
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["paid_minor"]) == ("confirmed", 1050)
    charges = await sandbox.ledger("charge", session_id=session)
    assert [(charge["amount"], charge["currency"]) for charge in charges] == [(1050, "eur")]
    transactions = await tables.rows("SELECT * FROM payments.transactions WHERE tenant_id = $1", salon.tenant_id)
    assert [(row["status"], row["paid_minor"], row["paid_currency"]) for row in transactions] == [("paid", 1050, "EUR")]
    assert len([text for text in await phone.heard() if "Booked!" in text]) == 1
    assert (120, "planned") in await reminders(tables, salon)


async def test_the_whole_of_it_in_portuguese(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(SalonPlan.salao().without_a_day_off())
    phone = new_phone(salon, "João")
    assert "Olá! Aqui é Salão da Júlia" in await walk(phone, "service", language="pt")
    summary = await walk(phone, since="service", language="pt")
    assert "*Corte* com Ana" in summary
    assert "Preço: R$ 80,00" in summary
    link = await agree(phone, language="pt")
    assert "sinal de R$ 24,00" in link
    await sandbox.call("POST", f"/_/stripe/sessions/{PAY.search(link)[1]}/pay", {})
    assert "Marcado! *Corte* com Ana" in await phone.hear()
    await tables.settled(salon.tenant_id)
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["guest_name"], visit["paid_minor"]) == ("confirmed", "João", 2400)
    charges = await sandbox.ledger("charge", session_id=PAY.search(link)[1])
    assert [(charge["amount"], charge["currency"]) for charge in charges] == [(2400, "brl")]
    assert len([text for text in await phone.heard() if "Marcado!" in text]) == 1
    assert (120, "planned") in await reminders(tables, salon)


@pytest.mark.parametrize(
    ("plan", "texts", "name"),
    [
        (STUDIO, ("A haircut with Ana on {day} at 15:00 please", "yes", "yes"), "Maria"),
        (
            SalonPlan.salao(deposit=False).without_a_day_off(),
            ("Oi! Quero um corte com a Ana dia {day} às 15h", "meu nome é Pedro", "sim"),
            "Pedro",
        ),
    ],
    ids=["english", "portuguese"],
)
async def test_all_in_one_sentence(open_salon, new_phone, tables, plan, texts, name):
    salon = await open_salon(plan)
    phone = new_phone(salon)
    wanted = (datetime.now(ZoneInfo(salon.zone)) + timedelta(days=3)).replace(
        hour=15, minute=0, second=0, microsecond=0
    )
    for text in texts:
        answer = await phone.ask(text.format(day=f"{wanted:%d/%m}"))
    assert "Booked!" in answer or "Marcado!" in answer
    (visit,) = await reservations(tables, salon)
    assert (visit["status"], visit["starts_at"], visit["guest_name"]) == ("confirmed", wanted, name)


async def test_a_start_that_somebody_else_took_meanwhile_is_not_sold_twice(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    first, second = new_phone(salon, "Maria"), new_phone(salon, "Rita")
    assert await walk(first, "slot") == await walk(second, "slot")
    assert "under Maria" in await first.ask("1")
    taken = await second.ask("1")
    assert "has just been taken" in taken
    assert "free times" in taken
    assert "under Rita" in await second.ask("1")
    for phone in (first, second):
        await phone.ask("1")
        assert "Booked!" in await agree(phone)
    visits = await reservations(tables, salon)
    assert [visit["status"] for visit in visits] == ["confirmed", "confirmed"]
    assert len({visit["starts_at"] for visit in visits}) == 2


async def test_of_many_who_choose_one_start_at_once_one_gets_it_and_the_others_find_another(
    open_salon, new_phone, tables
):
    salon = await open_salon(STUDIO)
    phones = [new_phone(salon, f"Guest {name}") for name in ("A", "B", "C", "D", "E", "F")]
    await asyncio.gather(*(walk(phone, "slot") for phone in phones))
    waiting, rounds = phones, 0
    while waiting:
        answers = await asyncio.gather(*(phone.ask("1") for phone in waiting))
        lost = [phone for phone, answer in zip(waiting, answers, strict=True) if "just been taken" in answer]
        assert len(lost) < len(waiting), answers
        waiting, rounds = lost, rounds + 1
        assert rounds <= len(phones)
    for phone in phones:
        assert "Please check" in await phone.ask("1")
    assert all("Booked!" in answer for answer in await asyncio.gather(*(agree(phone) for phone in phones)))
    visits = await reservations(tables, salon)
    assert [visit["status"] for visit in visits] == ["confirmed"] * len(phones)
    ordered = sorted(visits, key=lambda visit: visit["starts_at"])
    assert all(one["ends_at"] <= other["starts_at"] for one, other in pairwise(ordered))


async def test_another_day_service_person_and_name_on_the_way(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone, "slot")
    wanted = (datetime.now(ZoneInfo(salon.zone)) + timedelta(days=4)).replace(
        hour=16, minute=0, second=0, microsecond=0
    )
    assert "under Maria" in await phone.ask(f"rather on {wanted:%d/%m} at 16:00")
    assert "Please check" in await phone.ask("1")
    assert "with Beatriz" in await walk_to_summary(phone, "with Beatriz please")
    manicure = await walk_to_summary(phone, "no, a manicure instead")
    assert "*Manicure*" in manicure
    assert "16:00" in manicure
    assert "Name: Joana" in await phone.ask("my name is Joana")
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    visits = await reservations(tables, salon)
    assert [visit["status"] for visit in visits].count("confirmed") == 1
    (visit,) = [visit for visit in visits if visit["status"] == "confirmed"]
    assert (visit["starts_at"], visit["guest_name"], visit["price_minor"]) == (wanted, "Joana", 2200)
    # What was given up on the way is free again.
    assert {visit["status"] for visit in visits} == {"confirmed", "cancelled"}
    active = "SELECT count(DISTINCT reservation_id) FROM booking.claims WHERE tenant_id = $1 AND active"
    assert await tables.value(active, salon.tenant_id) == 1


async def walk_to_summary(phone, text: str) -> str:
    """A correction that may be answered with a list of times before the summary comes."""
    answer = await phone.ask(text)
    return answer if "Please check" in answer else await phone.ask("1")


#: How to get to every state in which a client can write "cancel", and what is then said.
STATES = {
    "idle": ((), "nothing to cancel"),
    "service": (("hi",), "nothing is booked"),
    "staff": (("hi", "haircut"), "nothing is booked"),
    "when": (("hi", "haircut", "Ana"), "nothing is booked"),
    "slot": (("hi", "haircut", "Ana", "tomorrow"), "nothing is booked"),
    "name": (("hi", "haircut", "Ana", "tomorrow", "1"), "is cancelled"),
    "confirm": (("hi", "haircut", "Ana", "tomorrow", "1", "1"), "is cancelled"),
    "change": (("hi", "haircut", "Ana", "tomorrow", "1", "1", "2"), "is cancelled"),
    "paying": (("hi", "haircut", "Ana", "tomorrow", "1", "1", "yes"), "is cancelled"),
}


@pytest.mark.parametrize("state", STATES)
async def test_cancelling_in_the_middle_leaves_nothing_behind(open_salon, new_phone, sandbox, tables, state):
    salon = await open_salon(STUDIO_WITH_DEPOSIT)
    phone = new_phone(salon)
    said, answer = STATES[state]
    link = ""
    for text in said:
        link = await phone.ask(text)
    if said:
        assert await state_of(tables, salon) == state
    assert answer in await phone.ask("cancel")
    await tables.settled(salon.tenant_id)
    assert await state_of(tables, salon) == "idle"
    assert [visit["status"] for visit in await reservations(tables, salon)] == ["cancelled"] * ("cancelled" in answer)
    if state == "paying":
        await sandbox.wait("checkout.expired", session_id=PAY.search(link)[1], timeout=10)
    # And the client can begin again, at the very same time.
    await walk(phone, "slot")
    assert "Shall I book it" in await phone.ask("1")


@pytest.mark.parametrize("state", ["slot", "name", "confirm", "change", "paying"])
async def test_cancelling_before_the_answer_is_there_leaves_nothing_behind(
    open_salon, new_phone, sandbox, tables, state
):
    """The last word before the state, and "cancel" right behind it: others are still at work on the first."""
    salon = await open_salon(STUDIO_WITH_DEPOSIT)
    phone = new_phone(salon)
    *said, last = STATES[state][0]
    for text in said:
        await phone.ask(text)
    await phone.say(last)
    await phone.say("cancel")

    async def all_arrived():
        return (await sandbox.call("GET", "/_/health"))["webhooks_under_way"] == 0

    await eventually(all_arrived)
    await tables.settled(salon.tenant_id)
    assert {visit["status"] for visit in await reservations(tables, salon)} <= {"cancelled"}
    assert set(
        await tables.column("SELECT status FROM payments.transactions WHERE tenant_id = $1", salon.tenant_id)
    ) <= {"expired"}
    assert not await tables.value(
        "SELECT state -> 'held' IS NOT NULL FROM dialog.sessions WHERE tenant_id = $1", salon.tenant_id
    )


async def test_cancelling_a_booked_visit_asks_first(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone)
    assert "Booked!" in await agree(phone)
    assert "Shall I cancel this visit?" in await phone.ask("cancel")
    assert "stays as it is" in await phone.ask("2")
    assert [visit["status"] for visit in await reservations(tables, salon)] == ["confirmed"]
    assert "Shall I cancel this visit?" in await phone.ask("cancel")
    assert "Your visit is cancelled" in await phone.ask("yes")
    await tables.settled(salon.tenant_id)
    assert [visit["status"] for visit in await reservations(tables, salon)] == ["cancelled"]
    assert {status for _, status in await reminders(tables, salon)} <= {"cancelled", "skipped"}


async def test_of_two_booked_visits_the_named_one_is_cancelled(open_salon, new_phone, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone)
    assert "Booked!" in await agree(phone)
    assert "Which service" in await phone.ask("book")
    await walk(phone, "slot", since="service")
    assert "Please check" in await phone.ask("1")  # the name is known by now
    assert "Booked!" in await agree(phone)
    assert "Which visit shall I cancel?" in await phone.ask("cancel")
    assert "Shall I cancel this visit?" in await phone.ask("2")
    assert "Your visit is cancelled" in await phone.ask("1")
    assert [visit["status"] for visit in await reservations(tables, salon)] == ["confirmed", "cancelled"]
