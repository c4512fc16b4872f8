"""Messages that no webhook brought are answered all the same, once, and voice messages are heard or asked to be written."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from booka_common.ids import new_id
from booka_stack.phone import Phone, Sandbox
from booka_stack.salon import Salon, SalonPlan, provision
from booka_stack.stack import Stack
from booka_stack.tables import Tables

pytestmark = pytest.mark.e2e

VOICE = base64.b64encode(b"OggS" + bytes(60) + b"haircut").decode()


@pytest.fixture(scope="module")
def stack(fragile_stack: Stack) -> Iterator[Stack]:
    """The Booka that may be broken, which looks at its lines all the time meanwhile."""
    with fragile_stack.changed("messaging", MESSAGING_WATCH_SECONDS="2", MESSAGING_SWEEP_GRACE_SECONDS="0.5"):
        yield fragile_stack


@pytest.fixture
async def salon(stack: Stack) -> Salon:
    return await provision(stack.layout, new_id(), SalonPlan.studio().without_a_day_off())


@pytest.fixture
def clients(sandbox: Sandbox, salon: Salon) -> Callable[[int], list[Phone]]:
    def create(count: int) -> list[Phone]:
        return [Phone(sandbox, salon.instance, f"3519{new_id().int % 10**8:08d}", f"Client {n}") for n in range(count)]

    return create


async def once_each(tables: Tables, salon: Salon, phones: list[Phone], texts: list[str]) -> None:
    """Every text of every client is stored once, in order, and is answered, together with the others of that client.

    A client's turns reach dialog within a millisecond: once in a while the first one is answered before the rest is there.
    """
    answers = 0
    for phone in phones:
        rows = await tables.rows(
            """SELECT m.text, m.turn FROM messaging.messages AS m
               JOIN messaging.contact_aliases AS a ON a.tenant_id = m.tenant_id
               JOIN messaging.conversations AS v ON v.contact_id = a.contact_id AND v.id = m.conversation_id
               WHERE m.tenant_id = $1 AND a.kind = 'pn' AND a.value = $2 AND m.author = 'client' ORDER BY m.turn""",
            salon.tenant_id,
            phone.number,
        )
        assert [(row["text"], row["turn"]) for row in rows] == [(text, n + 1) for n, text in enumerate(texts)]
        heard = await phone.heard()
        assert 1 <= len(heard) <= min(2, len(texts)), heard
        answers += len(heard)
    assert answers <= len(phones) + 1


async def test_what_clients_wrote_while_messaging_was_down_is_answered_once(
    stack: Stack, salon: Salon, clients: Any, tables: Tables
) -> None:
    phones = clients(6)
    (messaging,) = stack.services["messaging"]
    await asyncio.to_thread(messaging.kill)
    for phone in phones:
        for text in ("hi", "I want a haircut", "are you there?"):
            await phone.say(text, copies=0)
    await asyncio.to_thread(messaging.start)
    await asyncio.to_thread(messaging.wait_ready)
    await asyncio.gather(*(phone.hear(60) for phone in phones))
    await tables.settled(salon.tenant_id)
    await once_each(tables, salon, phones, ["hi", "I want a haircut", "are you there?"])


async def test_what_was_lost_while_the_line_was_down_is_answered_and_the_state_is_told(
    stack: Stack, sandbox: Sandbox, salon: Salon, clients: Any, tables: Tables
) -> None:
    instance = f"/_/evolution/instances/{salon.instance}"
    await sandbox.call("PUT", instance, {"state": "close"})
    phones = clients(3)
    for phone in phones:
        await phone.say("hi", copies=0)
    await sandbox.call("PUT", instance, {"state": "open"})
    await asyncio.gather(*(phone.hear(60) for phone in phones))
    await tables.settled(salon.tenant_id)
    await once_each(tables, salon, phones, ["hi"])
    said = await tables.column(
        """SELECT convert_from(body, 'UTF8')::json #>> '{data,state}' FROM messaging.outbox
           WHERE tenant_id = $1 AND routing_key = 'messaging.channel.state-changed.v1' ORDER BY seq""",
        salon.tenant_id,
    )
    assert said[-2:] == ["close", "open"]


async def test_what_a_person_of_the_salon_typed_meanwhile_silences_booka(
    salon: Salon, clients: Any, tables: Tables
) -> None:
    attended, other = clients(2)
    await attended.say("This is Carla, how can I help?", from_me=True, copies=0)
    await other.say("hi", copies=0)
    await other.hear(60)
    await attended.say("thank you")
    assert await other.ask("haircut")
    await tables.settled(salon.tenant_id)
    assert await attended.heard() == []


@pytest.mark.parametrize("transcribed", [True, False])
async def test_a_voice_message_is_heard_or_asked_to_be_written(
    stack: Stack, sandbox: Sandbox, clients: Any, transcribed: bool
) -> None:
    await sandbox.call("POST", "/_/openai/script", [{"match": "OggS.*haircut", "reply": "I want a haircut"}])
    plan = SalonPlan.studio().without_a_day_off()
    salon = await provision(stack.layout, new_id(), plan, more={"transcribe": transcribed})
    phone = Phone(sandbox, salon.instance, f"3519{new_id().int % 10**8:08d}", "Maria")
    answer = await phone.ask("", kind="audio", media=VOICE)
    if transcribed:
        assert "haircut" in answer.lower()
    else:
        assert "I can only read text" in answer
