"""What goes out through the gateway and is not Booka's in a conversation: nobody typed it, so nobody takes anything over."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from booka_common.db import Database
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.evolution import alias_of
from booka_messaging.domain.model import Alias, Echoed
from booka_messaging.providers.evolution import Evolution
from booka_messaging.settings import Settings
from booka_messaging.store import Channel
from booka_messaging.usecases.channels import Channels
from booka_messaging.usecases.directory import Directory, key_field
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.sweeping import Sweeps

CLIENT = "351912345678"
CALL = timedelta(seconds=2)


class Shared:
    """A line at the sandbox that other software uses, too."""

    def __init__(self, db: Database, settings: Settings, evolution: Evolution, channel: Channel, outside: Any) -> None:
        self.db, self.channel, self.outside = db, channel, outside
        sealer, gateways = settings.sealer(), {"evolution": evolution}
        self.intake = Intake(db, stale_after=timedelta(days=1))
        self.channels = Channels(db, sealer, Directory(db, sealer, seconds=0), gateways)
        self._sweeps = Sweeps(db, sealer, gateways, self.intake, CollectorRegistry(), grace=timedelta(0))

    async def sends(self, text: str) -> Echoed:
        """Other software sends something; what the gateway tells of it."""
        answer = await self.outside.http.post(
            f"/evolution/message/sendText/{self.outside.name}",
            json={"number": CLIENT, "text": text},
            headers={"apikey": "the-key-of-the-line-0123456789"},
        )
        assert answer.status_code == 201, answer.text
        key = answer.json()["key"]
        alias = alias_of(key["remoteJid"])
        assert alias is not None
        return Echoed("echo", key["id"], (alias,), text, datetime.now(UTC))

    async def types(self, text: str) -> None:
        """Somebody types on the phone, and the webhook is lost."""
        await self.outside.loses(text, from_me=True)

    async def sweep(self) -> None:
        now = datetime.now(UTC) + timedelta(seconds=1)
        await self._sweeps.sweep(self.channel, now - timedelta(minutes=5), now=now)

    async def talks(self) -> list[tuple[str, bool]]:
        """What is known of what was said, and whether a person attends."""
        async with self.db.tx(self.channel.tenant_id) as tx:
            rows = await tx.fetch(
                """SELECT m.text, v.attended_by IS NOT NULL AS attended FROM messages AS m
                   JOIN conversations AS v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
                   WHERE m.tenant_id = $1 ORDER BY m.id""",
                self.channel.tenant_id,
            )
        return [(row["text"], row["attended"]) for row in rows]


@pytest.fixture
async def shared(outside: Any, settings: Settings, db: Database, tenant_id: UUID) -> AsyncIterator[Shared]:
    channel_id = new_id()
    key = settings.sealer().seal(tenant_id, key_field(channel_id), "the-key-of-the-line-0123456789")
    async with db.tx(tenant_id) as tx:
        channel = await store.put_channel(
            tx, channel_id, gateway="evolution", instance=outside.name, base_url=f"{outside.url}/evolution", api_key=key,
            auth_mode="hmac", secret=b"sealed", active=True, now=datetime.now(UTC) - timedelta(days=30),
        )  # fmt: skip
    async with Evolution(connect=CALL, total=CALL, connections=4) as evolution:
        yield Shared(db, settings, evolution, channel, outside)


async def test_what_other_software_sends_is_not_taken_for_typed(shared: Shared) -> None:
    """A campaign to all clients would silence Booka in all their conversations."""
    for echoed in (await shared.sends("Promoção!"), await shared.sends("Só hoje!")):
        for _ in range(2):
            assert await shared.intake.receive(shared.channel, [echoed], now=datetime.now(UTC)) == "ignored"
    await shared.sweep()
    assert await shared.talks() == []
    await shared.types("Olá, é a Ana")
    await shared.sweep()
    assert await shared.talks() == [("Olá, é a Ana", True)]


async def test_trying_a_line_takes_nothing_over(shared: Shared) -> None:
    """Whoever tries it with their own phone, and then talks to Booka with that, would hear nothing for two hours."""
    tested = await shared.channels.test(
        shared.channel.tenant_id, shared.channel.id, to=Alias("pn", CLIENT), text="teste", now=datetime.now(UTC)
    )
    assert tested.sent is not None
    await shared.sweep()
    assert await shared.talks() == []
