"""What goes out over every gateway: how it arrives, and what the answer says. Over both adapters and real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booka_common.errors import Unavailable
from booka_common.testing import eventually
from booka_messaging.domain.identity import correlated
from booka_messaging.domain.model import Alias, ChatMessage, Receipt
from booka_messaging.providers.gateway import (
    Choices,
    Line,
    NotNow,
    Option,
    OutcomeUnknown,
    Refused,
    Sent,
    Template,
)

from .outside import CLIENT, KEY
from .worlds import FAULTS, NAME, TO, Sandbox, World, events


async def test_a_text_arrives_and_its_receipts_name_it(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    sent = await world.gateway.send_text(world.line, TO, "Olá! Às 15:00?", reference="r-1")
    assert isinstance(sent, Sent)
    assert sent.provider_id
    assert TO in sent.aliases
    (entry,) = await sandbox.ledger("message.sent")
    assert (entry["number"], entry["text"], entry["key_id"]) == (CLIENT, "Olá! Às 15:00?", sent.provider_id)
    receipts = [event for event in await events(sandbox, world, 3) if isinstance(event, Receipt)]
    assert {receipt.provider_id for receipt in receipts} == {sent.provider_id}
    assert "delivered" in {receipt.status for receipt in receipts}


async def test_choices_arrive_in_the_best_way_that_does(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    options = (Option("1", "Às 15:00"), Option("2", "Às 16:00"))
    choices = Choices("Quando?\n1. Às 15:00\n2. Às 16:00", "Quando?", options, "Escolher")
    assert isinstance(await world.gateway.send_choices(world.line, TO, choices), Sent)
    too_many = Choices("many", "Quando?", tuple(Option(str(n), f"Às {n}") for n in range(11)), "Escolher")
    assert isinstance(await world.gateway.send_choices(world.line, TO, too_many), Sent)
    shown, plain = [(entry["type"], entry["text"]) for entry in await sandbox.ledger("message.sent")]
    interactive = world.gateway.capabilities.interactive
    assert shown == (("interactive", "Quando?") if interactive else ("conversation", choices.text))
    assert plain[1] == "many"


async def test_a_choice_with_many_words_is_shown_all_the_same(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    options = (Option("1", "Amanhã, quinta-feira, 26 de novembro"), Option("2", "Depois de amanhã, sexta-feira"))
    text = "Quando?\n" + "\n".join(f"{option.id}. {option.title}" for option in options)
    assert isinstance(await world.gateway.send_choices(world.line, TO, Choices(text, "Quando?", options, "Ver")), Sent)
    path = f"/evolution/instances/{NAME}" if world.provider == "evolution" else f"/cloud/lines/{NAME}"
    shown = await sandbox.control("GET", f"{path}/phones/{CLIENT}/messages")
    told = next(one for one in shown if one["side"] == "salon")
    if world.gateway.capabilities.interactive:
        assert [one["title"] for one in told["choices"]] == ["Amanhã, quinta-feira, 2…", "Depois de amanhã, sexta…"]
    else:
        assert told["text"] == text


FAMILY = "👩‍👩‍👧‍👦"
#: What Meta would have to take: the titles, what opens the list (none: buttons), and how they are shown; None: as numbered text.
LIMITS: list[tuple[list[str], str, list[str] | None]] = [
    (["x" * 20, "y" * 20, "z" * 20], "Ver", ["x" * 20, "y" * 20, "z" * 20]),
    (["x" * 21, "y"], "Ver", ["x" * 21, "y"]),
    (["x" * 24, "y" * 25], "Ver", ["x" * 24, "y" * 23 + "…"]),
    (["é" * 24, "e\u0301" * 13], "Ver", ["é" * 24, "e\u0301" * 11 + "…"]),
    (["😀" * 12, "😀" * 13], "Ver", ["😀" * 12, "😀" * 11 + "…"]),
    ([f"{FAMILY} família {FAMILY}", "outra"], "Ver", [f"{FAMILY} família…", "outra"]),
    (["x" * 30 + "a", "x" * 30 + "b"], "Ver", None),  # cut, they would be the same
    (["x" * 72, "y"], "Ver", ["x" * 23 + "…", "y"]),
    (["x" * 73, "y"], "Ver", None),
    (["x" * 25, "y"], "B" * 20, ["x" * 23 + "…", "y"]),
    (["x" * 25, "y"], "B" * 19 + "😀", None),
]


@pytest.mark.parametrize(("titles", "button", "expected"), LIMITS)
async def test_choices_keep_to_the_limits_of_whatsapp(
    sandbox: Sandbox, world: World, titles: list[str], button: str, expected: list[str] | None
) -> None:
    await world.say("bom dia")
    options = tuple(Option(str(number), title) for number, title in enumerate(titles))
    sent = await world.gateway.send_choices(world.line, TO, Choices("as text", "Quando?", options, button))
    assert isinstance(sent, Sent)
    path = f"/evolution/instances/{NAME}" if world.provider == "evolution" else f"/cloud/lines/{NAME}"
    told = next(
        one for one in await sandbox.control("GET", f"{path}/phones/{CLIENT}/messages") if one["side"] == "salon"
    )
    if expected is None or not world.gateway.capabilities.interactive:
        assert told["text"] == "as text"
    else:
        assert [one["title"] for one in told["choices"]] == expected


async def test_the_longest_text_arrives_whole(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    text = "Às 15:00? " * 409 + "fim. 😀"
    assert len(text) == 4096
    assert isinstance(await world.gateway.send_text(world.line, TO, text), Sent)
    (entry,) = await sandbox.ledger("message.sent")
    assert entry["text"] == text


async def test_nobody_there_is_a_refusal(world: World) -> None:
    await world.unreachable()
    outcome = await world.gateway.send_text(world.line, TO, "Olá!")
    assert isinstance(outcome, Refused)
    assert outcome.code == "recipient_unknown"


async def test_the_answer_decides_between_never_later_and_unknown(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    faults = FAULTS[world.provider]
    expected: list[tuple[dict[str, Any], type]] = [
        (faults["never"], Refused),
        ({**faults["later"], "retry_after": 7}, NotNow),
        (faults["unknown"], OutcomeUnknown),
    ]
    for order, kind in expected:
        await sandbox.fails("error_before", **faults["where"], **order)
        outcome = await world.gateway.send_text(world.line, TO, "Olá!")
        assert isinstance(outcome, kind), outcome
        if isinstance(outcome, NotNow):
            assert outcome.delay == timedelta(seconds=7)
            assert not outcome.unreachable
            assert not outcome.line_down, "the line works, it is only too fast"
    assert await sandbox.ledger("message.sent") == []
    assert isinstance(await world.gateway.send_text(world.line, TO, "Olá!"), Sent)


async def test_an_answer_that_is_lost_is_resolved_by_the_gateways_proof(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    before = datetime.now(UTC) - timedelta(seconds=2)
    await sandbox.fails("error_after", **FAULTS[world.provider]["where"], status=504)
    outcome = await world.gateway.send_text(world.line, TO, "Olá!", reference="r-1")
    assert isinstance(outcome, OutcomeUnknown)
    (entry,) = await sandbox.ledger("message.sent")
    if world.gateway.capabilities.proof == "store":
        stored = await world.gateway.sent_between(world.line, before, datetime.now(UTC) + timedelta(seconds=2))
        assert [(one.provider_id, one.text, TO in one.to) for one in stored] == [(entry["key_id"], "Olá!", True)]
    else:
        with pytest.raises(Unavailable) as refusal:
            await world.gateway.sent_between(world.line, before, datetime.now(UTC))
        assert refusal.value.code == "no_store"
        receipts = [event for event in await events(sandbox, world, 3) if isinstance(event, Receipt)]
        assert {(one.reference, one.provider_id) for one in receipts} == {("r-1", entry["key_id"])}


async def test_no_answer_in_time_is_unknown_and_no_connection_is_not(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    await sandbox.fails("timeout_after", **FAULTS[world.provider]["where"], seconds=1)
    async with world.impatient() as impatient:
        assert isinstance(await impatient.send_text(world.line, TO, "Olá!"), OutcomeUnknown)
    closed = Line("http://127.0.0.1:9", NAME, KEY)
    refused = await world.gateway.send_text(closed, TO, "Olá!")
    assert isinstance(refused, NotNow)
    assert refused.unreachable
    assert (await world.gateway.connection(closed)).state == "away"


async def test_typing_is_shown(sandbox: Sandbox, world: World) -> None:
    said = await world.say("bom dia")
    assert await world.gateway.show_typing(world.line, TO, said["id"])
    (entry,) = await sandbox.ledger("presence.sent")
    assert entry["number"] == CLIENT


async def test_a_template_reaches_the_client(sandbox: Sandbox, world: World) -> None:
    if world.provider == "cloud":
        templates = {"reminder": {"pt_PT": 2}}
        await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"templates": templates})
    template = Template("reminder", "pt_PT", ("Rui", "15:00"), "Rui, até às 15:00!")
    assert isinstance(await world.gateway.send_template(world.line, TO, template), Sent)
    (entry,) = await sandbox.ledger("message.sent")
    assert "15:00" in entry["text"]


async def test_another_spelling_of_the_number_is_learnt_from_the_answer(sandbox: Sandbox, world: World) -> None:
    asked, spelt = Alias("pn", "5511987654321"), Alias("pn", "551187654321")
    if world.provider == "cloud":
        await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"window": "off"})
        path = f"/cloud/lines/{NAME}/phones/{asked.value}"
    else:
        path = f"/evolution/instances/{NAME}/phones/{asked.value}"
    await sandbox.control("PUT", path, {"wa_id": spelt.value})
    sent = await world.gateway.send_text(world.line, asked, "Olá!")
    assert isinstance(sent, Sent)
    assert correlated(asked, sent.aliases) >= {asked, spelt}
    await sandbox.control("POST", f"{path}/messages", {"text": "oi"})

    async def answered() -> ChatMessage | None:
        told = [event for payload in sandbox.delivered for event in world.read(payload)]
        return next((one for one in told if isinstance(one, ChatMessage) and one.author == "client"), None)

    message = await eventually(answered)
    assert message is not None
    assert spelt in message.aliases
    assert asked not in message.aliases, "nobody guesses the ninth digit"
