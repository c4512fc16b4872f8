"""Compares what clients said, heard and paid, by the sandbox's ledger, with what the services' tables say.

Every check returns what is wrong, as text, so that a test can show all of it at once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import aio_pika
import asyncpg

from booka_common import topology
from booka_stack.guest import Guest
from booka_stack.layout import SERVICES
from booka_stack.phone import Sandbox
from booka_stack.salon import Salon
from booka_stack.tables import Tables

__all__ = ["Audit"]


class Audit:
    """Judges the conversations of `salons` once they are over.

    Args:
        connection: asyncpg connection of the administrator, past row level security.
        amqp_url: of the stack's virtual host.
    """

    def __init__(self, connection: Any, amqp_url: str, sandbox: Sandbox, salons: Sequence[Salon]) -> None:
        self._connection = connection
        self._amqp_url = amqp_url
        self._sandbox = sandbox
        self._tenants = [salon.tenant_id for salon in salons]
        self._instances = {salon.instance for salon in salons}

    @classmethod
    async def of(cls, database_url: str, amqp_url: str, sandbox: Sandbox, salons: Sequence[Salon]) -> "Audit":
        """Open the administrator's connection."""
        return cls(await asyncpg.connect(database_url), amqp_url, sandbox, salons)

    async def close(self) -> None:
        """Close it."""
        await self._connection.close()

    async def quiet(self, seconds: float) -> list[str]:
        """Wait until nothing is under way any more: messages, jobs of the next minute, webhooks. What is left over."""
        deadline = time.monotonic() + seconds
        while left := await self._under_way():
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.1)
        try:
            await Tables(self._connection).settled(*self._tenants, timeout=max(deadline - time.monotonic(), 1))
        except AssertionError as error:
            return [str(error)]
        return []

    async def _under_way(self) -> list[str]:
        left = []
        for service in SERVICES:
            unsent = await self._connection.fetchval(
                f"SELECT count(*) FROM {service}.outbox WHERE sent_at IS NULL"  # noqa: S608 - our own names
            )
            busy = await self._connection.fetch(
                "SELECT type, status, attempts, last_error, count(*) AS jobs, min(scheduled_at) - now() AS due "  # noqa: S608
                f"FROM {service}.jobs WHERE status = 'running'"
                " OR (status = 'ready' AND scheduled_at < now() + interval '1 minute' AND type <> 'watch_line')"
                " GROUP BY 1, 2, 3, 4"
            )
            left += [f"{service}: {unsent} messages not published"] if unsent else []
            left += [f"{service}: not finished: {dict(row)}" for row in busy]
        health = await self._sandbox.call("GET", "/_/health")
        if health["webhooks_under_way"]:
            failing = await self._sandbox.call("GET", "/_/failing")
            left.append(f"{health['webhooks_under_way']} webhooks under way, failing {failing[:2]}")
        waiting = await self._waiting(entry.queue for name in SERVICES for entry in topology.subscriptions(name))
        return left + [f"{queue}: {count} messages wait" for queue, count in waiting.items()]

    async def _waiting(self, queues: Iterable[str]) -> dict[str, int]:
        connection = await aio_pika.connect(self._amqp_url)
        try:
            channel = await connection.channel()
            counts = {name: await channel.declare_queue(name, passive=True) for name in queues}
            return {
                name: queue.declaration_result.message_count or 0
                for name, queue in counts.items()
                if queue.declaration_result.message_count
            }
        finally:
            await connection.close()

    async def findings(self, guests: Sequence[Guest]) -> list[str]:
        """Everything that is wrong with the visits of `guests` and with what happened on the way."""
        return [
            *await self._dead(),
            *await self._replies(),
            *await self._received(),
            *await self._reservations(guests),
            *await self._money(guests),
            *await self._overlaps(),
            *await self._reminders(),
            *_endings(guests, await self._sent()),
        ]

    async def _sent(self) -> list[dict[str, Any]]:
        return [entry for entry in await self._sandbox.ledger("message.sent") if entry["instance"] in self._instances]

    async def _dead(self) -> list[str]:
        queues = (
            topology.dead_letter_queue(entry.queue) for name in SERVICES for entry in topology.subscriptions(name)
        )
        dead = [f"{count} dead letters in {queue}" for queue, count in (await self._waiting(queues)).items()]
        for service in SERVICES:
            rows = await self._connection.fetch(
                f"SELECT type, last_error FROM {service}.jobs WHERE status = 'dead' AND tenant_id = ANY ($1)",  # noqa: S608
                self._tenants,
            )
            dead += [f"dead job {service}.{row['type']}: {row['last_error']}" for row in rows]
        return dead

    async def _replies(self) -> list[str]:
        """Each reply that dialog asked for has one row in messaging and went out once."""
        asked = {
            row["id"]
            for row in await self._connection.fetch(
                "SELECT id FROM dialog.outbox WHERE routing_key = 'messaging.send.requested.v1' AND tenant_id = ANY ($1)",
                self._tenants,
            )
        }
        rows = await self._connection.fetch(
            "SELECT request_id, provider_id, status FROM messaging.messages WHERE author = 'booka' AND tenant_id = ANY ($1)",
            self._tenants,
        )
        sent = Counter(entry["key_id"] for entry in await self._sent())
        known = Counter(row["provider_id"] for row in rows)
        unsent = [row["status"] for row in rows if row["status"] not in ("sent", "delivered", "read")]
        wrong = [f"{count} replies are {status}" for status, count in Counter(unsent).items()]
        if asked != {row["request_id"] for row in rows}:
            wrong.append(f"dialog asked for {len(asked)} replies, messaging has {len(rows)}")
        if known != sent:
            wrong.append(
                f"messaging knows of {known.total()} sent messages, the gateway of {sent.total()}:"
                f" sent but not known {list(sent - known)[:5]}, known but not sent {list(known - sent)[:5]}"
            )
        return wrong

    async def _received(self) -> list[str]:
        """Each message that a client wrote is stored once and was answered."""
        said = Counter(
            entry["key_id"]
            for entry in await self._sandbox.ledger("message.said")
            if entry["instance"] in self._instances
        )
        rows = await self._connection.fetch(
            "SELECT provider_id FROM messaging.messages WHERE author = 'client' AND tenant_id = ANY ($1)", self._tenants
        )
        stored = Counter(row["provider_id"] for row in rows)
        pending = await self._connection.fetchval(
            "SELECT count(*) FROM dialog.turns WHERE taken_at IS NULL AND tenant_id = ANY ($1)", self._tenants
        )
        turns = await self._connection.fetchval(
            "SELECT count(*) FROM dialog.turns WHERE tenant_id = ANY ($1)", self._tenants
        )
        wrong = [f"{pending} turns are not answered"] if pending else []
        if said != stored:
            wrong.append(
                f"clients wrote {said.total()} messages, {stored.total()} are stored: lost {list(said - stored)[:5]}"
            )
        if turns != stored.total():
            wrong.append(f"{stored.total()} messages are stored, dialog has {turns} turns")
        return wrong

    async def _reservations(self, guests: Sequence[Guest]) -> list[str]:
        """Each guest has one reservation: confirmed if the guest pays, else expired."""
        rows = await self._connection.fetch(
            "SELECT c.phone, r.status FROM booking.reservations AS r"
            " JOIN booking.clients AS c ON c.tenant_id = r.tenant_id AND c.id = r.client_id"
            " WHERE r.tenant_id = ANY ($1)",
            self._tenants,
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault("".join(sign for sign in row["phone"] or "" if sign.isdigit()), []).append(row["status"])
        wrong = []
        for guest in guests:
            statuses = found.get(guest.phone.number, [])
            if statuses != ["confirmed" if guest.pays else "expired"]:
                wrong.append(f"{guest.phone.number} (pays: {guest.pays}) has reservations {statuses}")
        if len(rows) != len(guests):
            wrong.append(f"{len(guests)} guests, {len(rows)} reservations")
        return wrong

    async def _money(self, guests: Sequence[Guest]) -> list[str]:
        """One payment page and one charge per deposit, and nothing given back."""
        rows = await self._connection.fetch(
            "SELECT t.session_id, t.payment_intent, t.status, r.status AS visit, r.paid_minor"
            " FROM payments.transactions AS t JOIN booking.reservations AS r"
            " ON r.tenant_id = t.tenant_id AND r.id = t.reservation_id WHERE t.tenant_id = ANY ($1)",
            self._tenants,
        )
        ours = {str(tenant) for tenant in self._tenants}
        pages = Counter(
            entry["session_id"]
            for entry in await self._sandbox.ledger("checkout.created")
            if entry["metadata"].get("tenant_id") in ours
        )
        known = Counter(row["session_id"] for row in rows if row["session_id"])
        charges = Counter(
            entry["session_id"] for entry in await self._sandbox.ledger("charge") if entry["session_id"] in pages
        )
        paid = Counter(row["session_id"] for row in rows if row["visit"] == "confirmed")
        wrong = [f"charged {count} times: {session}" for session, count in charges.items() if count != 1]
        if known - pages or pages.total() > len(rows):  # a page made too late for its hold is known to nobody
            wrong.append(f"{pages.total()} payment pages for {len(rows)} transactions, {known.total()} of them known")
        if charges != paid:
            wrong.append(f"{charges.total()} charges, {paid.total()} confirmed visits with a deposit")
        wrong += [
            f"confirmed, but its transaction is {row['status']}, paid {row['paid_minor']}"
            for row in rows
            if row["visit"] == "confirmed" and (row["status"] != "paid" or not row["paid_minor"])
        ]
        if len(rows) > len(guests):
            wrong.append(f"{len(guests)} guests, {len(rows)} transactions")
        refunds = await self._connection.fetchval(
            "SELECT count(*) FROM payments.refunds WHERE tenant_id = ANY ($1)", self._tenants
        )
        return wrong + ([f"{refunds} refunds"] if refunds else [])

    async def _overlaps(self) -> list[str]:
        """Nobody of the staff, and no chair, has two visits at once."""
        count = await self._connection.fetchval(
            "SELECT count(*) FROM booking.claims AS a JOIN booking.claims AS b"
            " ON a.tenant_id = b.tenant_id AND a.calendar_id = b.calendar_id AND a.reservation_id < b.reservation_id"
            " AND a.busy_from < b.busy_until AND b.busy_from < a.busy_until AND a.active AND b.active"
            " WHERE a.tenant_id = ANY ($1)",
            self._tenants,
        )
        return [f"{count} visits overlap"] if count else []

    async def _reminders(self) -> list[str]:
        """Each reminder that the scheduler holds for sent was heard, once."""
        sent = await self._connection.fetchval(
            "SELECT count(*) FROM scheduler.reminders WHERE status = 'sent' AND tenant_id = ANY ($1)", self._tenants
        )
        late = await self._connection.fetchval(
            "SELECT count(*) FROM scheduler.reminders"
            " WHERE status = 'planned' AND due_at < now() AND tenant_id = ANY ($1)",
            self._tenants,
        )
        told = Counter(entry["number"] for entry in await self._sent() if entry["text"].startswith("Reminder:"))
        wrong = [f"{late} reminders are late"] if late else []
        if told.total() != sent or any(count > 1 for count in told.values()):
            wrong.append(f"{sent} reminders sent, heard: {sorted(told.values())}")
        return wrong


def _endings(guests: Sequence[Guest], sent: Sequence[dict[str, Any]]) -> list[str]:
    """Each guest heard the end once, and the link to the payment page at most once."""
    told: dict[str, list[str]] = {}
    for entry in sent:
        told.setdefault(entry["number"], []).append(entry["text"])
    wrong = []
    for guest in guests:
        texts = told.get(guest.phone.number, [])
        ends = sum(guest.end in text for text in texts)
        links = sum("/pay/" in text for text in texts)
        if ends != 1 or links > 1:
            wrong.append(f"{guest.phone.number} heard the end {ends} times, a payment link {links} times")
    return wrong
