"""Lines are looked after, and what was missed is taken in, over real HTTP against the sandbox's Evolution API."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from booka_common.contracts.messaging import (
    ChannelFellSilent,
    ChannelStateChanged,
    ConversationTakenOver,
    MessageReceived,
)
from booka_common.db import Database
from booka_common.errors import Unavailable
from booka_common.ids import new_id
from booka_common.jobs import Done, Job, Postponed, RetryIn
from booka_common.testing import Tap
from booka_messaging import store
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import Gateway
from booka_messaging.settings import Settings
from booka_messaging.store import Channel
from booka_messaging.store.channels import set_heard
from booka_messaging.store.watching import put_watch
from booka_messaging.usecases.directory import key_field
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.rounds import SWEEP, WATCH
from booka_messaging.usecases.sweeping import Sweeps
from booka_messaging.usecases.watching import Lines, Watching

CLIENT = "351912345678"
KEY = "the-key-of-the-line-0123456789"
EVERY, SILENT = timedelta(minutes=5), timedelta(hours=12)


class Hurried(Intake):
    """Fails before its n-th message, as a service that is killed there."""

    def __init__(self, db: Database, fails_before: int) -> None:
        super().__init__(db, stale_after=timedelta(days=1))
        self.left = fails_before

    async def receive(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise Unavailable("the database is away")
        return await super().receive(*args, **kwargs)


class Watched:
    """A line of a salon at the sandbox, with what looks after it."""

    def __init__(self, db: Database, settings: Settings, evolution: Evolution, cloud: Cloud, tenant_id: UUID) -> None:
        self.db = db
        self.settings = settings
        self.gateways: dict[str, Gateway] = {"evolution": evolution, "cloud": cloud}
        self.tenant_id = tenant_id
        self.channel_id = new_id()
        self.registry = CollectorRegistry()
        self.sweeps = self.sweeping(Intake(db, stale_after=timedelta(days=1)))
        self.watching = self.watching_with(self.sweeps)

    def sweeping(self, intake: Intake, grace: timedelta = timedelta(0)) -> Sweeps:
        registry = CollectorRegistry()
        return Sweeps(self.db, self.settings.sealer(), self.gateways, intake, registry, grace=grace)

    def watching_with(self, sweeps: Sweeps) -> Watching:
        sealer = self.settings.sealer()
        return Watching(self.db, sealer, self.gateways, sweeps, every=EVERY, silent_after=SILENT)

    async def put(self, outside: Any, *, active: bool = True, gateway: str = "evolution") -> Channel:
        key = self.settings.sealer().seal(self.tenant_id, key_field(self.channel_id), KEY)
        async with self.db.tx(self.tenant_id) as tx:
            return await store.put_channel(
                tx, self.channel_id, gateway=gateway, instance=outside.name, base_url=f"{outside.url}/evolution",
                api_key=key, auth_mode="hmac", secret=b"sealed", active=active, now=datetime.now(UTC) - timedelta(days=30),
            )  # fmt: skip

    async def channel(self) -> Channel:
        async with self.db.tx(self.tenant_id) as tx:
            found = await store.get_channel(tx, self.channel_id)
        assert found is not None
        return found

    def job(self, kind: str, **payload: str) -> Job:
        facts = {"channel_id": str(self.channel_id), **payload}
        return Job(new_id(), self.tenant_id, kind, facts, 1, 10, datetime.now(UTC), new_id(), None, new_id())

    async def look(self, now: datetime | None = None) -> Any:
        return await self.watching.run(self.job(WATCH), now or datetime.now(UTC))

    async def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        async with self.db.tx(self.tenant_id) as tx:
            return [dict(row) for row in await tx.fetch(query, self.tenant_id, *args)]

    async def messages(self) -> list[tuple[str, str, int | None]]:
        """Author, text and turn of all messages as they were sent."""
        rows = await self.rows("SELECT author, text, turn FROM messages WHERE tenant_id = $1 ORDER BY sent_at, id")
        return [(row["author"], row["text"], row["turn"]) for row in rows]

    async def told(self, kind: Any) -> list[Any]:
        rows = await self.rows(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq", kind.key
        )
        return [kind.model_validate(json.loads(row["body"])["data"]) for row in rows]

    async def jobs(self, kind: str) -> list[dict[str, Any]]:
        return await self.rows(
            "SELECT status, payload, scheduled_at FROM jobs WHERE tenant_id = $1 AND type = $2 ORDER BY seq", kind
        )


@pytest.fixture
async def watched(db: Database, settings: Settings, outside: Any, tenant_id: UUID) -> AsyncIterator[Watched]:
    seconds = timedelta(seconds=5)
    async with (
        Evolution(connect=seconds, total=seconds, connections=4) as evolution,
        Cloud(connect=seconds, total=seconds, connections=4) as cloud,
    ):
        found = Watched(db, settings, evolution, cloud, tenant_id)
        await found.put(outside)
        yield found


# --- what was missed


async def test_what_no_webhook_brought_is_taken_in_once_and_in_order(watched: Watched, outside: Any) -> None:
    await outside.loses("bom dia", 300)
    await outside.loses("quero cortar o cabelo", 299)
    await outside.loses("Aqui é a Carla", 200, number="351913333333", from_me=True)
    await outside.loses("olá", 100, number="351914444444")
    now = datetime.now(UTC)
    assert await watched.look(now) == Postponed("looked at", now + EVERY)
    expected = [
        ("client", "bom dia", 1),
        ("client", "quero cortar o cabelo", 2),
        ("salon", "Aqui é a Carla", None),
        ("client", "olá", 1),
    ]
    assert await watched.messages() == expected
    # The last one of a conversation is told first, so that whoever hears the first one answers both.
    assert [said.text for said in await watched.told(MessageReceived)] == ["quero cortar o cabelo", "bom dia", "olá"]
    assert len(await watched.told(ConversationTakenOver)) == 1
    assert (await watched.channel()).swept_through == now
    await asyncio.gather(watched.look(), watched.look())
    assert await watched.messages() == expected
    assert len(await watched.told(MessageReceived)) == 3


async def test_a_look_that_dies_in_between_is_made_good_by_the_next(watched: Watched, outside: Any) -> None:
    for number in range(5):
        await outside.loses(f"text {number}", 100 - number, number=f"35191234567{number}")
    for fails_before in (1, 3, 2):
        broken = watched.watching_with(watched.sweeping(Hurried(watched.db, fails_before)))
        assert isinstance(await broken.run(watched.job(WATCH), datetime.now(UTC)), Postponed)
        assert (await watched.channel()).swept_through is None
    assert len(await watched.messages()) == 3
    await watched.look()
    assert await watched.messages() == [("client", f"text {number}", 1) for number in range(5)]
    assert [said.text for said in await watched.told(MessageReceived)] == [f"text {number}" for number in range(5)]


async def test_what_we_sent_is_not_taken_for_typed_by_the_salon(watched: Watched, outside: Any) -> None:
    await outside.loses("oi", 100)
    await watched.look()
    (conversation,) = await watched.rows("SELECT id, channel_id FROM conversations WHERE tenant_id = $1")
    line = f"{outside.url}/evolution/message/sendText/{outside.name}"
    sent = {}
    for text in ("recorded", "no answer came", "given up"):
        answer = await outside.http.post(line, json={"number": CLIENT, "text": text}, headers={"apikey": KEY})
        sent[text] = answer.json()["key"]["id"]
    async with watched.db.tx(watched.tenant_id) as tx:
        for text, status, provider_id in (
            ("recorded", "sent", sent["recorded"]),
            ("no answer came", "queued", None),
            ("given up", "failed", None),
        ):
            await tx.execute(
                """INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind,
                       text, status, request_id, purpose, attempted_at, received_at)
                   VALUES ($1, $2, $3, $4, 'out', 'booka', $5, 'text', $6, $7, $8, 'reply', now(), now())""",
                watched.tenant_id, new_id(), conversation["channel_id"], conversation["id"], provider_id, text, status,
                new_id(),
            )  # fmt: skip
    await watched.look()
    assert [author for author, _, _ in await watched.messages() if author == "salon"] == []
    assert await watched.told(ConversationTakenOver) == []


async def test_history_is_kept_and_not_answered(watched: Watched, outside: Any) -> None:
    await outside.loses("há dois dias", 2 * 86400)
    await outside.loses("agora", 60)
    await outside.loses("há muito", 20 * 86400)
    await watched.look()
    assert await watched.messages() == [("client", "há dois dias", None), ("client", "agora", 1)]
    assert [said.text for said in await watched.told(MessageReceived)] == ["agora"]


async def test_what_may_still_come_by_itself_is_waited_for(watched: Watched, outside: Any) -> None:
    await outside.loses("há um minuto", 60)
    await outside.loses("agora mesmo", 0)
    grace = timedelta(seconds=10)
    patient = watched.watching_with(watched.sweeping(Intake(watched.db, stale_after=timedelta(days=1)), grace))
    now = datetime.now(UTC)
    assert await patient.run(watched.job(WATCH), now) == Postponed("looked at", now + grace)
    assert [text for _, text, _ in await watched.messages()] == ["há um minuto"]
    later = now + grace + timedelta(seconds=1)
    assert await patient.run(watched.job(WATCH), later) == Postponed("looked at", later + EVERY)
    assert [text for _, text, _ in await watched.messages()] == ["há um minuto", "agora mesmo"]


async def heard_of(outside: Any, start: int, pace: float) -> None:
    """700 messages of three people, more than the gateway tells at once; `pace` in seconds."""
    many = [
        {
            "number": f"3519{number % 3:08}",
            "text": f"text {number}",
            "copies": 0,
            "timestamp": start + int(number * pace),
        }
        for number in range(700)
    ]
    await outside.control("POST", f"/evolution/instances/{outside.name}/messages", many)


async def test_a_long_gap_is_gone_through_stretch_by_stretch(watched: Watched, outside: Any) -> None:
    await heard_of(outside, int(datetime.now(UTC).timestamp()) - 3000, 4)
    now = datetime.now(UTC)
    assert await watched.look(now) != Postponed("looked at", now)
    assert len(await watched.messages()) == 700


async def test_a_line_that_was_busy_a_moment_ago_is_not_looked_at_for_ever(watched: Watched, outside: Any) -> None:
    """A look goes back a little behind the one before; so much may have come in there that this alone takes several questions."""
    await watched.look(datetime.now(UTC))
    await heard_of(outside, int(datetime.now(UTC).timestamp()) - 110, 0.14)
    for _ in range(2):
        now = datetime.now(UTC)
        assert await watched.look(now) != Postponed("looked at", now)
        assert len(await watched.messages()) == 700


async def test_a_store_that_cannot_be_asked_is_asked_from_the_same_moment_again(watched: Watched, outside: Any) -> None:
    await outside.loses("oi", 60)
    await outside.fails("findMessages")
    await watched.look()
    assert (await watched.channel()).swept_through is None
    await watched.look()
    assert [text for _, text, _ in await watched.messages()] == ["oi"]


async def test_while_a_line_does_not_work_its_gap_stays_open(watched: Watched, outside: Any) -> None:
    await watched.look()
    before = (await watched.channel()).swept_through
    await outside.is_now("close")
    await watched.look()
    assert (await watched.channel()).swept_through == before
    assert (await watched.channel()).state == "close"


async def test_what_one_person_wrote_stays_in_order_however_each_of_it_names_them(
    watched: Watched, outside: Any
) -> None:
    start = int(datetime.now(UTC).timestamp()) - 600
    for number in range(40):
        told = {
            "push_name": f"Rui {number // 10}" if number % 3 else "1234",
            "addressing": ("pn", "lid", "lid_only")[number % 3],
        }
        await outside.control("PUT", f"/evolution/instances/{outside.name}", {"version": "2.3.6"})
        await outside.loses(f"text {number}", copies=0, timestamp=start + number, **told)
        if number == 9:
            await watched.look()
    since = datetime.fromtimestamp(start, UTC)
    await watched.sweeps.sweep(await watched.channel(), since, now=datetime.now(UTC))
    assert await watched.messages() == [("client", f"text {number}", number + 1) for number in range(40)]


# --- gaps


async def test_a_line_that_works_again_is_swept_at_once_and_when_all_has_arrived(
    watched: Watched, outside: Any
) -> None:
    now = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)
    changes = (
        ("open", 0),
        ("close", 5),
        ("open", 10),
        ("close", 12),
        ("open", 14),
        ("open", 15),
        ("close", 20),
        ("open", 70),
    )
    for state, seconds in changes:
        async with watched.db.tx(watched.tenant_id) as tx:
            await line_changed(tx, watched.channel_id, state, None, now + timedelta(seconds=seconds))
    times = [job["scheduled_at"] - now for job in await watched.jobs(SWEEP)]
    soon, settled = timedelta(seconds=2), timedelta(minutes=10)
    again = [timedelta(seconds=10), timedelta(seconds=70)]
    assert times == [after + wait for after in again for wait in (soon, settled)]


async def test_a_gap_is_looked_through_from_its_start_whatever_was_swept_since(watched: Watched, outside: Any) -> None:
    await watched.look()
    since = datetime.now(UTC) - timedelta(hours=3)
    await outside.loses("durante a pausa", 2 * 3600)
    await watched.look()
    assert await watched.messages() == [], "it reached the gateway's store after that time was looked through"
    outcome = await watched.sweeps.run(watched.job(SWEEP, since=since.isoformat()), datetime.now(UTC))
    assert isinstance(outcome, Done)
    assert await watched.messages() == [("client", "durante a pausa", 1)]


async def test_what_one_run_leaves_of_a_gap_is_the_next_jobs(watched: Watched, outside: Any) -> None:
    await outside.loses("cedo", 600)
    await outside.loses("agora mesmo", 0)
    sweeps = watched.sweeping(Intake(watched.db, stale_after=timedelta(days=1)), timedelta(seconds=30))
    since = datetime.now(UTC) - timedelta(hours=1)
    outcome = await sweeps.run(watched.job(SWEEP, since=since.isoformat()), datetime.now(UTC))
    assert isinstance(outcome, Done)
    assert outcome.record is not None
    async with watched.db.tx(watched.tenant_id) as tx:
        await outcome.record(tx)
    (job,) = await watched.jobs(SWEEP)
    assert datetime.fromisoformat(job["payload"]["since"]) == (await watched.channel()).swept_through
    assert [text for _, text, _ in await watched.messages()] == ["cedo"]


async def test_a_gap_without_a_store_or_of_a_line_that_is_off_is_none(watched: Watched, outside: Any) -> None:
    job = watched.job(SWEEP, since=datetime.now(UTC).isoformat())
    await outside.fails("findMessages")
    assert isinstance(await watched.sweeps.run(job, datetime.now(UTC)), RetryIn)
    await watched.put(outside, gateway="cloud")
    assert await watched.sweeps.run(job, datetime.now(UTC)) == Done()
    await watched.put(outside, active=False)
    await outside.fails("findMessages")
    assert await watched.sweeps.run(job, datetime.now(UTC)) == Done()


# --- states and silence


async def test_a_lines_state_is_said_when_it_changes(watched: Watched, outside: Any) -> None:
    for state in ("open", "open", "close", "close", "open"):
        await outside.is_now(state)
        await watched.look()
    await outside.fails("connectionState", times=2)
    await watched.look()
    await watched.look()
    said = [(told.before, told.state) for told in await watched.told(ChannelStateChanged)]
    assert said == [(None, "open"), ("open", "close"), ("close", "open"), ("open", "away")]


async def test_what_a_webhook_said_meanwhile_is_newer(watched: Watched, outside: Any) -> None:
    asked = datetime.now(UTC)
    async with watched.db.tx(watched.tenant_id) as tx:
        await line_changed(tx, watched.channel_id, "close", "401", asked + timedelta(seconds=1))
    await watched.look(asked)
    assert (await watched.channel()).state == "close"
    await watched.look(asked + timedelta(seconds=2))
    assert (await watched.channel()).state == "open"


async def test_a_line_that_falls_silent_is_told_once_for_each_silence(watched: Watched, outside: Any) -> None:
    start = datetime.now(UTC)
    heard, later = start, timedelta(minutes=1)
    for _ in range(2):
        async with watched.db.tx(watched.tenant_id) as tx:
            await set_heard(tx, watched.channel_id, now=heard)
        await watched.look(heard + SILENT)
        assert (await watched.channel()).silent_since is None
        await watched.look(heard + SILENT + later)
        assert (await watched.channel()).silent_since == heard + SILENT + later
        await watched.look(heard + 2 * SILENT)
        assert (await watched.channel()).silent_since == heard + SILENT + later
        heard += 3 * SILENT
    said = [told.last_heard_at for told in await watched.told(ChannelFellSilent)]
    assert said == [start, start + 3 * SILENT]


async def test_a_line_that_does_not_work_is_not_silent_too(watched: Watched, outside: Any) -> None:
    await outside.is_now("close")
    await watched.look(datetime.now(UTC) + 5 * SILENT)
    assert await watched.told(ChannelFellSilent) == []


# --- the job that never ends


async def test_a_line_has_one_watch_whoever_asks_for_it(watched: Watched, outside: Any) -> None:
    now = datetime.now(UTC)

    async def ask(seconds: int) -> None:
        async with watched.db.tx(watched.tenant_id) as tx:
            await put_watch(tx, watched.tenant_id, watched.channel_id, at=now + timedelta(seconds=seconds))

    await asyncio.gather(*(ask(seconds) for seconds in (3, 1, 2, 5, 4)))
    (job,) = await watched.jobs(WATCH)
    assert job["scheduled_at"] == now + timedelta(seconds=1)


async def test_a_watch_ends_with_its_line_and_starts_again_with_it(watched: Watched, outside: Any) -> None:
    lines = Lines(watched.db, watched.registry, lambda: datetime.now(UTC))
    await lines.look()
    assert [job["status"] for job in await watched.jobs(WATCH)] == ["ready"]
    for status in ("done", "dead", "cancelled"):
        await watched.put(outside, active=False)
        assert await watched.look() == Done()
        await watched.rows("UPDATE jobs SET status = $2 WHERE tenant_id = $1 RETURNING id", status)
        await lines.look()
        assert [job["status"] for job in await watched.jobs(WATCH)] == [status]
        await watched.put(outside, active=True)
        await lines.look()
        assert [job["status"] for job in await watched.jobs(WATCH)] == ["ready"]


async def test_at_the_start_lines_are_looked_at_soon_and_not_later_than_planned(watched: Watched, outside: Any) -> None:
    now = datetime.now(UTC)
    lines = Lines(watched.db, watched.registry, lambda: now)
    async with watched.db.tx(watched.tenant_id) as tx:
        await put_watch(tx, watched.tenant_id, watched.channel_id, at=now + EVERY)
    await lines.look()
    assert (await watched.jobs(WATCH))[0]["scheduled_at"] == now + EVERY
    await lines.look(at_start=True)
    assert (await watched.jobs(WATCH))[0]["scheduled_at"] <= now + timedelta(seconds=20)


async def test_lines_are_counted_by_state(watched: Watched, outside: Any) -> None:
    lines = Lines(watched.db, watched.registry, lambda: datetime.now(UTC))

    def count(state: str) -> float:
        return watched.registry.get_sample_value("booka_messaging_lines", {"state": state}) or 0

    await lines.look()
    unknown, close = count("unknown"), count("close")
    await outside.is_now("close")
    await watched.look()
    await lines.look()
    assert (count("unknown"), count("close")) == (unknown - 1, close + 1)
    silent = watched.registry.get_sample_value("booka_messaging_silent_lines") or 0
    await watched.rows("UPDATE channels SET silent_since = now() WHERE tenant_id = $1 RETURNING id")
    await lines.look()
    assert watched.registry.get_sample_value("booka_messaging_silent_lines") == silent + 1


# --- all of it


def _says(text: str, told: MessageReceived) -> bool:
    return told.text == text


async def test_the_service_finds_what_it_missed_and_goes_on_looking(
    settings: Settings, started: Any, salon_of: Any, outside: Any, tenant_id: UUID
) -> None:
    fast = settings.model_copy(update={"watch_seconds": 0.3, "sweep_grace_seconds": 0.0})
    async with started(fast) as client, Tap(fast.amqp_url.get_secret_value()) as tap:
        salon = salon_of(tenant_id, client)
        salon.instance = outside.name
        await salon.provision(f"{outside.url}/evolution", api_key=KEY)
        await tap.next(ChannelStateChanged, tenant_id=tenant_id, where=lambda told: told.state == "open")
        for text in ("primeira", "segunda"):
            await outside.loses(text)
            await tap.next(MessageReceived, tenant_id=tenant_id, where=partial(_says, text))
        await outside.is_now("close")
        await tap.next(ChannelStateChanged, tenant_id=tenant_id, where=lambda told: told.state == "close")
        lines = (await client.get("/metrics")).text
        assert "booka_messaging_missed_messages_total" in lines
        # The broker may get one twice, under the same id.
        assert len({told.id for told in tap.seen(MessageReceived, tenant_id=tenant_id)}) == 2
