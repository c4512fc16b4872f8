"""A gateway takes a message without saying under which id: what it shows of it later names it, and nobody is taken for typing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageDelivered, MessageSent, SendRequested
from booka_common.db import Database
from booka_common.service import system_clock
from booka_common.testing import Tap, publish
from booka_messaging import store
from booka_messaging.providers.evolution import Evolution
from booka_messaging.settings import Settings
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.sweeping import Sweeps

from .salon import Salon
from .stub import Fault, GatewayStub

pytestmark = pytest.mark.usefixtures("somebody_wrote")
NAMELESS = Fault(201, {"status": "PENDING"}, takes=True)
CALL = timedelta(seconds=2)


class Told:
    """A salon whose gateway names nothing of what it takes, and what the broker is told."""

    def __init__(self, tap: Tap, salon: Salon, gateway: GatewayStub, amqp_url: str, conversation_id: UUID) -> None:
        self.tap, self.salon, self.gateway = tap, salon, gateway
        self._amqp_url, self._conversation_id = amqp_url, conversation_id
        self.sent = 0

    async def says(self, text: str, *, nameless: bool = True) -> dict[str, Any]:
        """Booka says something; what the gateway has of it."""
        if nameless:
            self.gateway.faults.append(NAMELESS)
        data = SendRequested(conversation_id=self._conversation_id, text=text, purpose="notice")
        asked = Envelope.of(data, tenant_id=self.salon.tenant_id, now=system_clock())
        await publish(self._amqp_url, asked)
        await self.tap.next(MessageSent, tenant_id=self.salon.tenant_id, where=lambda told: told.request_id == asked.id)
        return self.gateway.sent[-1]

    async def receipt(self, record: dict[str, Any]) -> None:
        key = record["key"]
        update = {"keyId": key["id"], "remoteJid": key["remoteJid"], "fromMe": True, "status": "DELIVERY_ACK"}
        assert (await self.salon.deliver(update, "messages.update")).status_code == 200

    async def ours(self) -> list[tuple[str, str]]:
        """Author and state of all that is shown of what went out, oldest first."""
        return [(one["author"], one["status"]) for one in await self.salon.messages() if one["author"] != "client"]

    async def ids(self, db: Database) -> list[str | None]:
        async with db.tx(self.salon.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT provider_id FROM messages WHERE tenant_id = $1 AND request_id IS NOT NULL ORDER BY id",
                self.salon.tenant_id,
            )
        return [row["provider_id"] for row in rows]

    async def attended(self) -> bool:
        conversation = await self.salon.get(f"/v1/conversations/{self._conversation_id}")
        return conversation["attended"] is not None


@pytest.fixture
async def told(salon: Salon, gateway: GatewayStub, settings: Settings) -> AsyncIterator[Told]:
    amqp_url = settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap:
        yield Told(tap, salon, gateway, amqp_url, await salon.conversation())


@asynccontextmanager
async def sweeping(db: Database, settings: Settings) -> AsyncIterator[Sweeps]:
    async with Evolution(connect=CALL, total=CALL, connections=2) as evolution:
        intake = Intake(db, stale_after=timedelta(days=1))
        gateways = {"evolution": evolution}
        yield Sweeps(db, settings.sealer(), gateways, intake, CollectorRegistry(), grace=timedelta(0))


@pytest.mark.parametrize("event", ["send.message", "messages.upsert"])
@pytest.mark.parametrize("early", [False, True])
async def test_an_echo_names_it_and_its_receipts_count(told: Told, db: Database, event: str, early: bool) -> None:
    """The echo may look as if it had been typed; the receipt may be faster."""
    record = await told.says("A sua visita é amanhã")
    assert await told.ids(db) == [None]
    if early:
        await told.receipt(record)
    for _ in range(2):
        assert (await told.salon.deliver(record, event)).status_code == 200
    assert await told.ids(db) == [record["key"]["id"]]
    if not early:
        assert await told.ours() == [("booka", "sent")]
        await told.receipt(record)
    await told.tap.next(MessageDelivered, tenant_id=told.salon.tenant_id)
    assert (await told.ours(), await told.attended()) == ([("booka", "delivered")], False)
    assert len({one.id for one in told.tap.seen(MessageSent, tenant_id=told.salon.tenant_id)}) == 1


async def test_what_is_found_in_the_gateways_store_names_it(told: Told, db: Database, settings: Settings) -> None:
    """Oldest first, each what was said nearest to it."""
    records = [await told.says(text) for text in ("bom dia", "até já", "bom dia")]
    async with db.tx(told.salon.tenant_id) as tx:
        channel = await store.get_channel(tx, told.salon.channel_id)
        # Half a minute between them, here and there.
        await tx.execute(
            "UPDATE messages SET sent_at = sent_at - interval '30 seconds' WHERE id ="
            " (SELECT min(id::text)::uuid FROM messages WHERE request_id IS NOT NULL)"
        )
    assert channel is not None
    records[0]["messageTimestamp"] -= 30
    async with sweeping(db, settings) as sweeps:
        for _ in range(2):
            now = datetime.now(UTC) + timedelta(seconds=1)
            await sweeps.sweep(channel, now - timedelta(minutes=5), now=now)
    assert await told.ids(db) == [record["key"]["id"] for record in records]
    assert (await told.ours(), await told.attended()) == ([("booka", "sent")] * 3, False)


async def test_the_echo_of_one_that_has_its_id_names_no_other(told: Told, db: Database) -> None:
    """A gateway repeats what it shows."""
    named = await told.says("bom dia", nameless=False)
    await told.says("bom dia")
    for event, outcome in (("send.message", "ignored"), ("messages.upsert", "duplicate")):
        assert (await told.salon.deliver(named, event)).json() == {"outcome": outcome}
    assert await told.ids(db) == [named["key"]["id"], None]


@pytest.mark.parametrize("how", ["other words", "somebody else", "much later"])
async def test_what_a_person_types_is_theirs(told: Told, db: Database, how: str) -> None:
    record = await told.says("bom dia")
    typed = {**record, "key": {**record["key"], "id": "TYPED"}}
    if how == "other words":
        typed["message"] = {"conversation": "bom dia!"}
    elif how == "somebody else":
        typed["key"]["remoteJid"] = "351933333333@s.whatsapp.net"
    else:
        async with db.tx(told.salon.tenant_id) as tx:
            await tx.execute(
                "UPDATE messages SET sent_at = sent_at - interval '3 minutes' WHERE request_id IS NOT NULL"
            )
    assert (await told.salon.deliver(typed)).json() == {"outcome": "accepted"}
    assert await told.ids(db) == [None]
    async with db.tx(told.salon.tenant_id) as tx:
        assert await tx.fetchval("SELECT author FROM messages WHERE provider_id = 'TYPED'") == "salon"
