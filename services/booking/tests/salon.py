"""A salon of the test's own, spoken to as its neighbours do and judged by what it says and stores."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.salon import Policy, PolicyChange, Profile, Service, Staff
from booka_booking.domain.times import Span
from booka_booking.store import catalogue
from booka_booking.usecases import availability, changes, confirmations, deposits, holds, reminders
from booka_booking.usecases.catalogue import publish
from booka_booking.usecases.expiry import expire
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts import booking
from booka_common.contracts.envelope import Envelope, Message, enveloped
from booka_common.contracts.payments import DepositPaid
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.testing import FrozenClock

Said = TypeVar("Said", bound=Message)

WEEK: Mapping[int, Sequence[Span]] = {day: (Span(540, 720), Span(780, 1080)) for day in range(1, 7)}
HANDLERS: dict[type[Message], Any] = {
    booking.AvailabilityRequested: availability.answer,
    booking.HoldRequested: holds.answer,
    booking.ConfirmationRequested: confirmations.answer,
    booking.CancellationRequested: changes.answer_cancellation,
    DepositPaid: deposits.answer,
    ReminderDue: reminders.answer,
}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of March 2026 in São Paulo, which is three hours behind UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) + timedelta(hours=3)


class Salon:
    """São Paulo, Monday to Saturday 9-12 and 13-18; Ana and Bia cut, Ana also colours, which takes a deposit of 30 %."""

    def __init__(self, db: Database, tenant_id: UUID, clock: FrozenClock) -> None:
        self.db = db
        self.tenant_id = tenant_id
        self.clock = clock
        self.cut, self.colour, self.ana, self.bia = new_id(), new_id(), new_id(), new_id()

    async def open(self) -> None:
        """Write the salon."""
        async with self.db.tx(self.tenant_id) as tx:
            await catalogue.put_profile(
                tx,
                Profile(
                    name="Salão Íris",
                    locale="pt-BR",
                    zone=ZoneInfo("America/Sao_Paulo"),
                    currency="BRL",
                    slot_grid_minutes=15,
                    lead_minutes=60,
                    horizon_days=30,
                    opening=WEEK,
                    exceptions={},
                ),
            )
            await self.put_service(tx, self.cut, "Corte", 45, 9000)
            await self.put_service(tx, self.colour, "Coloração", 90, 20000, after=15)
            await self.put_staff(tx, self.ana, "Ana", {self.cut, self.colour})
            await self.put_staff(tx, self.bia, "Bia", {self.cut})
            await catalogue.put_policy(
                tx, self.colour, PolicyChange(deposit_kind="percent", deposit_value=30, cancel_notice_hours=24)
            )
            await publish(tx, Occasion.request(self.tenant_id, self.clock()))

    async def put_service(
        self, tx: Tx, id: UUID, name: str, minutes: int, price: int, *, after: int = 0, active: bool = True
    ) -> None:
        await catalogue.put_service(tx, Service(id, name, minutes, 0, after, price, active, 0, Policy()))

    async def put_staff(self, tx: Tx, id: UUID, name: str, services: set[UUID], *, active: bool = True) -> None:
        await catalogue.put_staff(tx, Staff(id, name, frozenset(services), None), active=active)

    def envelope(self, message: Said) -> Envelope[Said]:
        return Envelope.of(message, tenant_id=self.tenant_id, now=self.clock())

    async def hear(self, *messages: Message) -> None:
        """Have the salon's use cases take messages, each as it would come from the broker."""
        for message in messages:
            await self.deliver(self.envelope(message))

    async def deliver(self, envelope: Envelope[Any]) -> None:
        await HANDLERS[type(envelope.data)](self.db, envelope, self.clock())

    async def said(self, kind: type[Said]) -> list[Said]:
        """Everything of this kind that the salon has said so far."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq",
                self.tenant_id,
                kind.key,
            )
        return [enveloped(kind).model_validate_json(row["body"]).data for row in rows]

    async def all_said(self) -> list[str]:
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch("SELECT routing_key FROM outbox WHERE tenant_id = $1 ORDER BY seq", self.tenant_id)
        return [row["routing_key"] for row in rows]

    def wish(self, start: datetime, *, service: UUID | None = None, staff: UUID | None = None) -> booking.HoldRequested:
        return booking.HoldRequested(
            request_id=new_id(),
            conversation_id=new_id(),
            contact_id=new_id(),
            contact_name="Rui",
            service_ids=(service or self.cut,),
            staff_id=staff,
            start=start,
        )

    async def held(self, start: datetime, **how: Any) -> booking.ReservationHeld:
        """Hold a start and return what was said of it."""
        wish = self.wish(start, **how)
        await self.hear(wish)
        found = [held for held in await self.said(booking.ReservationHeld) if held.request_id == wish.request_id]
        assert found, (await self.said(booking.HoldRefused))[-1]
        return found[0]

    def yes(self, held: booking.ReservationHeld, name: str = "Rui Costa") -> booking.ConfirmationRequested:
        assert held.conversation_id is not None
        return booking.ConfirmationRequested(
            reservation_id=held.reservation_id, conversation_id=held.conversation_id, guest_name=name
        )

    def no(self, held: booking.ReservationHeld) -> booking.CancellationRequested:
        assert held.conversation_id is not None
        return booking.CancellationRequested(reservation_id=held.reservation_id, conversation_id=held.conversation_id)

    def payment(
        self, held: booking.ReservationHeld, transaction_id: UUID | None = None, minor: int = 6000
    ) -> DepositPaid:
        return DepositPaid(
            reservation_id=held.reservation_id,
            conversation_id=held.conversation_id,
            transaction_id=transaction_id or new_id(),
            amount=Money(minor=minor, currency="BRL"),
            paid_at=self.clock(),
        )

    async def expire_due(self) -> None:
        """Run the salon's expiry jobs that are due, as its worker would."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND status = 'ready' AND scheduled_at <= $2 "
                "RETURNING payload, correlation_id",
                self.tenant_id,
                self.clock(),
            )
            for row in rows:
                occasion = Occasion(self.tenant_id, self.clock(), "clock", row["correlation_id"])
                await expire(tx, UUID(row["payload"]["reservation_id"]), occasion)

    async def status(self, reservation_id: UUID) -> str:
        async with self.db.tx(self.tenant_id) as tx:
            found: str = await tx.fetchval("SELECT status FROM reservations WHERE id = $1", reservation_id)
        return found

    async def overlaps(self) -> int:
        """Double bookings, counted without the constraint's help."""
        async with self.db.tx(self.tenant_id) as tx:
            found: int = await tx.fetchval(
                """SELECT count(*) FROM reservation_segments AS a JOIN reservation_segments AS b
                   ON a.tenant_id = b.tenant_id AND a.staff_id = b.staff_id AND a.active AND b.active
                      AND (a.reservation_id, a.position) < (b.reservation_id, b.position)
                      AND a.busy_from < b.busy_until AND b.busy_from < a.busy_until
                   WHERE a.tenant_id = $1""",
                self.tenant_id,
            )
        return found
