"""Outbox, relay, inbox, consumers and dead letters over a real PostgreSQL and a real RabbitMQ."""

import asyncio
import contextlib
import errno
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import aio_pika
import pytest

from booka_common import inbox, outbox, topology
from booka_common.consuming import Consumers
from booka_common.contracts.booking import HoldRequested, Want
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.payments import DepositPaid
from booka_common.db import Database
from booka_common.faults import FaultPoints
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.observability import Metrics
from booka_common.outbox import Relay
from booka_common.publisher import Outgoing, Publisher
from booka_common.testing import Tap, dead_letters, eventually, publish

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def amqp_url(settings):
    return settings.amqp_url.get_secret_value()


def paid(tenant_id: UUID) -> Envelope[DepositPaid]:
    data = DepositPaid(
        reservation_id=new_id(), transaction_id=new_id(), amount=Money(minor=500, currency="EUR"), paid_at=NOW
    )
    return Envelope.of(data, tenant_id=tenant_id, now=NOW)


def relay_of(db: Database, amqp_url: str, faults: FaultPoints | None = None) -> tuple[Relay, Publisher]:
    publisher = Publisher(amqp_url, "test")
    return Relay(db, publisher, Metrics("test"), faults or FaultPoints()), publisher


async def relaying(db: Database) -> None:
    """Wait until what commits is handed to the relay."""

    async def takes() -> bool:
        return db.signals.handoff is not None

    await eventually(takes)


async def unsent(db: Database, tenant_id: UUID) -> int:
    async with db.tx(tenant_id) as tx:
        return await tx.fetchval("SELECT count(*) FROM outbox WHERE tenant_id = $1 AND sent_at IS NULL", tenant_id)


async def test_what_commits_is_published_and_what_rolls_back_is_not(db, amqp_url, tenant_id):
    relay, publisher = relay_of(db, amqp_url)
    kept, dropped = paid(tenant_id), paid(tenant_id)
    async with Tap(amqp_url) as tap:
        async with db.tx(tenant_id) as tx:
            await outbox.put(tx, kept)
        with pytest.raises(ZeroDivisionError):
            async with db.tx(tenant_id) as tx:
                await outbox.put(tx, dropped)
                raise ZeroDivisionError
        await relay.step()
        heard = await tap.next(DepositPaid, tenant_id=tenant_id)
    assert heard.id == kept.id
    assert heard.data == kept.data
    assert await unsent(db, tenant_id) == 0
    await publisher.close()


async def test_what_is_written_while_a_batch_is_on_its_way_does_not_wait_for_the_next_look(db, amqp_url, tenant_id):
    relay, publisher = relay_of(db, amqp_url)
    running = asyncio.create_task(relay.run())

    async def none_unsent():
        return await unsent(db, tenant_id) == 0

    async with asyncio.timeout(8):  # each of these would wait for up to a second if a wake-up were lost
        for _ in range(25):
            for _ in range(2):
                async with db.tx(tenant_id) as tx:
                    await outbox.put(tx, paid(tenant_id))
            await eventually(none_unsent)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await publisher.close()


async def test_what_a_dead_writer_had_to_itself_comes_due_for_everybody(db, amqp_url, tenant_id):
    taken = []
    db.signals.handoff = taken.extend  # takes the messages, and dies
    envelope = paid(tenant_id)
    async with db.tx(tenant_id) as tx:
        await outbox.put(tx, envelope)
        assert taken == []
    assert [message.id for message in taken] == [envelope.id]
    async with db.tx(tenant_id) as tx:
        await outbox.put(tx, envelope)
    assert len(taken) == 1, "it is there already: the first one stands"
    relay, publisher = relay_of(db, amqp_url)
    async with Tap(amqp_url) as tap:
        while await relay.step():
            pass
        assert await unsent(db, tenant_id) == 1, "still its writer's"

        async def relayed():
            await relay.step()
            return await unsent(db, tenant_id) == 0

        await eventually(relayed, timeout=outbox.HANDED_OFF_FOR.total_seconds() + 8)
        assert (await tap.next(DepositPaid, tenant_id=tenant_id)).id == envelope.id
    await publisher.close()


async def test_a_broker_that_is_away_is_not_looked_for_with_every_commit(db, amqp_url, tenant_id):
    class Away(Publisher):
        ours: ClassVar[set[UUID]] = set()
        looks = 0

        async def publish(self, messages):
            self.looks += any(message.id in self.ours for message in messages)
            if self.looks == 1:
                raise ConnectionRefusedError("away")
            return await super().publish(messages)

    publisher = Away(amqp_url, "test")
    relay = Relay(db, publisher, Metrics("test"), FaultPoints())
    running = asyncio.create_task(relay.run())
    await relaying(db)
    for _ in range(5):
        envelope = paid(tenant_id)
        publisher.ours.add(envelope.id)
        async with db.tx(tenant_id) as tx:
            await outbox.put(tx, envelope)
    assert publisher.looks == 1

    async def none_unsent():
        return await unsent(db, tenant_id) == 0

    await eventually(none_unsent, timeout=outbox.HANDED_OFF_FOR.total_seconds() + 8)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await publisher.close()


async def test_what_is_in_hand_at_the_end_is_published_and_marked(db, amqp_url, tenant_id):
    relay, publisher = relay_of(db, amqp_url)
    running = asyncio.create_task(relay.run())
    await relaying(db)
    async with db.tx(tenant_id) as tx:
        await outbox.put(tx, *(paid(tenant_id) for _ in range(300)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert db.signals.handoff is None
    await relay.flush(timedelta(seconds=20))
    assert await unsent(db, tenant_id) == 0
    await publisher.close()


async def test_a_message_nobody_is_bound_to_stays_in_the_outbox(db, amqp_url, tenant_id):
    relay, publisher = relay_of(db, amqp_url)

    class Unroutable(DepositPaid):
        key = "payments.nobody.listens.v1"

    data = Unroutable(**paid(tenant_id).data.model_dump())
    async with db.tx(tenant_id) as tx:
        await outbox.put(tx, Envelope.of(data, tenant_id=tenant_id, now=NOW))
    await relay.step()
    async with db.tx(tenant_id) as tx:
        row = await tx.fetchrow("SELECT sent_at, attempts, last_error FROM outbox WHERE tenant_id = $1", tenant_id)
    assert row["sent_at"] is None
    assert row["attempts"] == 1
    assert "Delivery" in row["last_error"] or "Publish" in row["last_error"]
    await publisher.close()


async def test_sent_messages_can_be_replayed(db, amqp_url, tenant_id):
    relay, publisher = relay_of(db, amqp_url)
    envelope = paid(tenant_id)
    async with Tap(amqp_url) as tap:
        async with db.tx(tenant_id) as tx:
            await outbox.put(tx, envelope)
        await relay.step()
        async with db.tx(tenant_id) as tx:
            assert await outbox.replay(tx, routing_key=DepositPaid.key, since=timedelta(hours=1)) == 1
        await relay.step()
        again = await tap.next(DepositPaid, tenant_id=tenant_id, after=1)
    assert again.id == envelope.id
    await publisher.close()


async def test_a_tx_that_swallows_an_error_does_not_pretend_to_commit(db, tenant_id):
    with pytest.raises(Exception, match="rolled back"):
        async with db.tx(tenant_id) as tx:
            with contextlib.suppress(Exception):
                await tx.execute("SELECT 1/0")


class Listener:
    """A booking-like consumer: one effect per message, in one transaction with the inbox row."""

    def __init__(self, db: Database, amqp_url: str) -> None:
        self.db = db
        self.consumers = Consumers("booking", amqp_url, Metrics("test"), FaultPoints(), prefetch=10)
        self.failures: list[Exception] = []
        self.consumers.subscribe(DepositPaid, self.on_paid)

    async def on_paid(self, envelope: Envelope[DepositPaid]) -> None:
        if self.failures:
            raise self.failures.pop()
        async with self.db.tx(envelope.tenant_id) as tx:
            if await inbox.once(tx, "booking.deposit-paid", envelope.id):
                await tx.execute(
                    "INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, 'paid')", envelope.tenant_id, new_id()
                )

    async def effects(self, tenant_id: UUID) -> int:
        async with self.db.tx(tenant_id) as tx:
            return await tx.fetchval("SELECT count(*) FROM notes WHERE tenant_id = $1", tenant_id)

    async def __aenter__(self) -> "Listener":
        self.task = asyncio.create_task(self.consumers.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumers.stop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_five_deliveries_have_one_effect(db, amqp_url, tenant_id):
    envelope, last = paid(tenant_id), paid(tenant_id)
    async with Listener(db, amqp_url) as listener:
        await asyncio.gather(*(publish(amqp_url, envelope) for _ in range(5)))
        await publish(amqp_url, last)

        async def all_seen():
            async with db.tx(tenant_id) as tx:
                return await tx.fetchval("SELECT count(*) = 2 FROM inbox WHERE tenant_id = $1", tenant_id)

        await eventually(all_seen)
        assert await listener.effects(tenant_id) == 2


async def test_a_transient_fault_is_retried_and_a_bug_is_a_dead_letter_with_its_reason(db, amqp_url, tenant_id):
    async with Listener(db, amqp_url) as listener:
        listener.failures = [OSError("the network blinked")]
        await publish(amqp_url, paid(tenant_id))
        await eventually(lambda: listener.effects(tenant_id))
        for bug, reason in (
            (ValueError("a bug, plainly"), "ValueError: a bug, plainly"),
            # What ZoneInfo says of a name that is none: it will not get shorter.
            (
                OSError(errno.ENAMETOOLONG, "File name too long"),
                f"OSError: [Errno {errno.ENAMETOOLONG}] File name too long",
            ),
        ):
            listener.failures = [bug]
            await publish(amqp_url, paid(tenant_id))
            headers, _ = (await dead_letters(amqp_url, "booking.deposit-paid"))[0]
            assert headers["x-booka-reason"] == reason
        await publish(amqp_url, paid(tenant_id))

        async def two():
            return await listener.effects(tenant_id) == 2

        await eventually(two)


@pytest.mark.parametrize(
    "body",
    [b"not json", b"[]", b"{}", b'{"id": 1}', b"\x00\xff\xfe", b"[" * 5000, b'{"data": null}'],
    ids=["text", "list", "empty", "wrong", "bytes", "deep", "null"],
)
async def test_poison_lands_in_the_dead_letter_queue_while_good_traffic_flows(db, amqp_url, tenant_id, body):
    async with Listener(db, amqp_url) as listener:
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
            await exchange.publish(aio_pika.Message(body), DepositPaid.key)
        await publish(amqp_url, paid(tenant_id))
        (headers, kept), *_ = await dead_letters(amqp_url, "booking.deposit-paid")
        assert kept == body
        assert headers["x-booka-reason"].startswith("ValidationError")
        assert headers["x-booka-queue"] == "booking.deposit-paid"
        await eventually(lambda: listener.effects(tenant_id))


async def test_a_dead_letter_moved_back_to_its_queue_is_buried_again_with_its_reason(db, amqp_url):
    async with Listener(db, amqp_url):
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            # A shovel or the management page moves it straight to the queue, whose name is then the routing key.
            await channel.default_exchange.publish(aio_pika.Message(b"still poison"), "booking.deposit-paid")
        ((headers, body),) = await dead_letters(amqp_url, "booking.deposit-paid")
    assert body == b"still poison"
    assert headers["x-booka-queue"] == "booking.deposit-paid"
    assert headers["x-booka-reason"].startswith("ValidationError")


async def test_poison_that_came_by_an_unknown_route_is_not_lost(db, amqp_url):
    async with Listener(db, amqp_url):
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
            queue = await channel.get_queue("booking.deposit-paid", ensure=False)
            await queue.bind(exchange, "a.binding.by.hand")
            await exchange.publish(aio_pika.Message(b"poison"), "a.binding.by.hand")
            ((headers, body),) = await dead_letters(amqp_url, "booking.deposit-paid")
            await queue.unbind(exchange, "a.binding.by.hand")
    assert body == b"poison"
    assert headers["x-first-death-queue"] == "booking.deposit-paid"  # by the queue's policy


async def test_a_message_that_is_in_hand_at_shutdown_is_not_lost(db, amqp_url, tenant_id):
    listener = Listener(db, amqp_url)
    entered = asyncio.Event()

    async def stuck(_: Envelope[DepositPaid]) -> None:
        entered.set()
        raise OSError("the database is away")

    listener.consumers = Consumers("booking", amqp_url, Metrics("test"), FaultPoints())
    listener.consumers.subscribe(DepositPaid, stuck)
    async with listener:
        await publish(amqp_url, paid(tenant_id))
        await entered.wait()
    async with Listener(db, amqp_url) as healthy:
        await eventually(lambda: healthy.effects(tenant_id))


def test_every_message_has_a_listener_or_is_known_to_have_none():
    heard = {message for messages in topology.HEARS.values() for message in messages} | set(topology.UNHEARD)
    said = {message for messages in topology.SAYS.values() for message in messages}
    assert said == heard


async def test_what_nobody_hears_is_confirmed_and_what_lost_its_queue_is_not(amqp_url):
    publisher = Publisher(amqp_url, "test")
    keys = [topology.UNHEARD[0].key, "booking.queue.forgotten.v1"]
    try:
        outcomes = await publisher.publish([Outgoing(new_id(), key, new_id(), b"{}") for key in keys])
    finally:
        await publisher.close()
    assert [outcome is None for outcome in outcomes] == [True, False]


async def test_a_hold_request_survives_the_wire(amqp_url, tenant_id):
    data = HoldRequested(
        request_id=new_id(),
        conversation_id=new_id(),
        contact_id=new_id(),
        wants=(Want(service_id=new_id()),),
        start=NOW,
    )
    envelope = Envelope.of(data, tenant_id=tenant_id, now=NOW)
    async with Tap(amqp_url) as tap:
        await publish(amqp_url, envelope)
        assert await tap.next(HoldRequested, tenant_id=tenant_id) == envelope
