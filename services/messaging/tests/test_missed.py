"""What was missed is taken in once and in order, over real HTTP against the sandbox's Evolution API."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from booka_common.contracts.messaging import (
    ConversationTakenOver,
    MessageReceived,
)
from booka_common.ids import new_id
from booka_common.jobs import Done, Postponed, RetryIn
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.rounds import SWEEP, WATCH

from .outside import CLIENT, KEY
from .watched import EVERY, Hurried, Watched

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
