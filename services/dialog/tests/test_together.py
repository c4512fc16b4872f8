"""Turns and answers that are taken in together come to what each of them comes to alone."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    ConfirmationRequested,
    HoldRequested,
    ReservationConfirmed,
)
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import InterpretationReady, InterpretationRequested, LlmSettingsChanged
from booka_common.contracts.messaging import ContactErased, MessageReceived
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import Service
from booka_common.testing.plugin import Migrated
from booka_dialog import usecases
from booka_dialog.settings import SERVICE
from booka_dialog.usecases import Deps

TEXTS = [
    "hi", "haircut", "haircut with Ana on friday", "manicure", "1", "2", "yes", "no", "cancel", "restart", "Maria Silva",
    "the lady with the red glasses", "anyone", "tomorrow",
]  # fmt: skip


@pytest.fixture(scope="module")
def another(migrated: Callable[[Service, str], Migrated]) -> str:
    """A second database, for what is taken alone."""
    return migrated(SERVICE, "dialog_alone").database_url


@pytest.fixture
async def alone(deps: Deps, another: str) -> AsyncIterator[Deps]:
    async with Database(another, SERVICE.name) as db:
        yield replace(deps, db=db)


async def take(deps: Deps, envelope: Envelope[Any]) -> None:
    if isinstance(envelope.data, MessageReceived):
        await usecases.take_turn(deps, envelope)
    else:
        await usecases.take_answer(deps, envelope, envelope.data.conversation_id, envelope.data)


async def picture(deps: Deps, tenant_id: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored of a salon; messages in the order in which each conversation said them.

    What is given to the model as context has no order among them: it names its turn.
    """
    async with deps.db.tx(tenant_id) as tx:
        return {
            name: [tuple(row) for row in await tx.fetch(query, tenant_id)]
            for name, query in {
                "sessions": "SELECT conversation_id, state, turns_taken, said, forgotten_at FROM sessions"
                " WHERE tenant_id = $1 ORDER BY 1",
                "turns": "SELECT conversation_id, turn, payload, taken_at IS NULL FROM turns WHERE tenant_id = $1 ORDER BY 1, 2",
                "jobs": "SELECT type, unique_key, payload, scheduled_at, correlation_id, status FROM jobs"
                " WHERE tenant_id = $1 ORDER BY 1, 2",
                "inbox": "SELECT consumer, message_id FROM inbox WHERE tenant_id = $1 ORDER BY 1, 2",
                "outbox": "SELECT convert_from(body, 'UTF8')::json #>> '{data,conversation_id}', routing_key, id,"
                " convert_from(body, 'UTF8') FROM outbox WHERE tenant_id = $1"
                " ORDER BY 1, CASE WHEN routing_key LIKE 'llm.context.given.%' THEN id::text END NULLS FIRST, seq",
            }.items()
        }


def answers(client: Any, said: list[tuple[Any, ...]], dice: random.Random) -> Iterator[Any]:
    """What other services say to some of what a conversation asked them."""
    for _, key, _, body in said:
        data = orjson.loads(body)["data"]
        if dice.random() < 0.3:
            continue
        if key == AvailabilityRequested.key:
            slots = tuple(
                client.house.slot(client.house_opens + timedelta(hours=hour)) for hour in range(dice.randrange(3))
            )
            yield AvailabilityFound(
                request_id=data["request_id"], conversation_id=client.conversation_id, exact=True, slots=slots
            )
        elif key == HoldRequested.key:
            yield client.house.held(HoldRequested.model_validate(data))
        elif key == ConfirmationRequested.key:
            yield ReservationConfirmed(
                reservation_id=data["reservation_id"],
                conversation_id=client.conversation_id,
                version=2,
                visit=client.house.visit(client.house_opens),
            )
        elif key == InterpretationRequested.key:
            yield InterpretationReady(
                request_id=data["request_id"], conversation_id=client.conversation_id, intent="book"
            )


def next_turns(client: Any, dice: random.Random) -> list[Envelope[MessageReceived]]:
    """At most one new message: those that have piled up are answered at once, which is another matter."""
    fate = dice.random()
    if fate < 0.2:
        return []
    message = client.writes(dice.choice(TEXTS), attended=dice.random() < 0.1)
    if fate < 0.3:
        client.lost.append(message)  # comes in a later batch, and those after it wait for it
        return []
    return [message]


@pytest.mark.parametrize("seed", range(8))
async def test_together_is_as_alone(deps: Deps, alone: Deps, client: Any, seed: int, now: Any) -> None:
    dice = random.Random(seed)
    unpublished = new_id()
    clients: list[Any] = []
    for place in range(7):
        one = replace(client, conversation_id=new_id(), contact_id=new_id())
        one.tenant_id = unpublished if place == 6 else client.tenant_id
        one.lost, one.house_opens, one.seen = [], now + timedelta(days=2), 0
        clients.append(one)
    for way in (deps, alone):
        await usecases.keep_catalogue(way, client.says_service(client.house.catalogue))
    setting = client.says_service(LlmSettingsChanged(revision=1, enabled=True))
    erased = client.says_service(ContactErased(contact_id=new_id(), conversation_ids=(clients[5].conversation_id,)))
    for way in (deps, alone):
        await usecases.keep_llm_setting(way, setting)
        await usecases.forget(way, erased)
    past: list[Envelope[Any]] = []
    for _ in range(10):
        said = (await picture(alone, client.tenant_id))["outbox"]
        told: list[Envelope[Any]] = []
        turns: list[Envelope[Any]] = []
        for one in clients:
            mine = [row for row in said if row[0] == str(one.conversation_id)]
            told += [one.says_service(data) for data in answers(one, mine[one.seen :], dice)]
            one.seen = len(mine)
            found = [one.lost.pop(0)] if one.lost and dice.random() < 0.5 else next_turns(one, dice)
            turns += found
        repeated = dice.sample(past, min(3, len(past)))
        for envelope in (*told, *repeated, *turns):  # a turn is answered after what was said about earlier ones
            await take(alone, envelope)
        batch = [
            *repeated,
            *turns,
            *told,
        ]  # the last turn that is heard is the one that answers are told to follow from
        batch += dice.sample([*turns, *told], (len(turns) + len(told)) // 2)
        await asyncio.gather(*(take(deps, envelope) for envelope in batch))
        past += told + turns
        for tenant_id in (client.tenant_id, unpublished):
            together, one_by_one = await picture(deps, tenant_id), await picture(alone, tenant_id)
            for name, rows in together.items():
                assert rows == one_by_one[name], name
    assert len((await picture(deps, client.tenant_id))["outbox"]) > 20
