"""A salon of the test's own, spoken to as its neighbours do and judged by what it says and stores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.policy import PolicyChange
from booka_booking.domain.salon import Profile, Service, Skill, Staff, TimeOff, Weekly
from booka_booking.domain.times import Span
from booka_booking.store import catalogue, offer, people, policies
from booka_booking.usecases import availability, changes, clients, confirmations, deposits, merging, reminders, waitlist
from booka_booking.usecases.catalogue import publish
from booka_booking.usecases.expiry import EXPIRE_HOLD, expire
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts import booking
from booka_common.contracts.envelope import Envelope, Message, enveloped
from booka_common.contracts.messaging import ContactErased, ContactMerged
from booka_common.contracts.payments import DepositPaid
from booka_common.contracts.scheduler import ReminderDue
from booka_common.contracts.waitlist import WaitlistLeaveRequested, WaitlistRequested
from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.testing import FrozenClock

from .judge import problems

Said = TypeVar("Said", bound=Message)

WEEK: Mapping[int, Sequence[Span]] = {day: (Span(540, 720), Span(780, 1080)) for day in range(1, 7)}
AFTERNOONS: Weekly = {day: (Span(780, 1080),) for day in (2, 3, 4)}
HANDLERS: dict[type[Message], Any] = {
    booking.AvailabilityRequested: availability.answer,
    booking.ConfirmationRequested: confirmations.answer,
    booking.MoveRequested: changes.answer_move,
    booking.CancellationQuoteRequested: changes.answer_quote,
    booking.CancellationRequested: changes.answer_cancellation,
    DepositPaid: deposits.answer,
    ReminderDue: reminders.answer,
    ContactMerged: merging.answer,
    ContactErased: clients.answer_erased,
    WaitlistRequested: waitlist.answer,
    WaitlistLeaveRequested: waitlist.answer_leave,
}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of March 2026 in São Paulo, which is three hours behind UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) + timedelta(hours=3)


class Salon:
    """São Paulo, Monday to Saturday 9-12 and 13-18, two chairs.

    | service | minutes | price | | by |
    |---|---|---|---|---|
    | cut | 45 | 9000 | a chair | Ana, Bia, Caio |
    | colour | 90, Ana is free from 30 to 60 | 20000, 30 % in advance | a chair, 15 after it | Ana, Caio |
    | blow | 30, Bia takes 45 | 6000, Bia 7000 | a chair | Ana, Bia |
    | updo | 60 | 15000 | a chair, 15 before and after it | Bia, Caio |
    | brow | 30 | 4000 | no chair | Ana, Bia |

    Caio works on the afternoons of Tuesday to Thursday.
    """

    def __init__(self, db: Database, tenant_id: UUID, clock: FrozenClock) -> None:
        self.db = db
        self.tenant_id = tenant_id
        self.clock = clock
        self.holds = Holds(db)
        self.cut, self.colour, self.blow, self.updo, self.brow = (new_id() for _ in range(5))
        self.ana, self.bia, self.caio = (new_id() for _ in range(3))
        self.chairs, self.window_chair, self.wall_chair = (new_id() for _ in range(3))
        self.profile = Profile(
            name="Salão Íris",
            locale="pt-BR",
            zone=ZoneInfo("America/Sao_Paulo"),
            currency="BRL",
            slot_grid_minutes=15,
            lead_minutes=60,
            horizon_days=30,
            opening=WEEK,
            exceptions={},
        )

    async def open(self) -> None:
        """Write the salon."""
        chairs = self.chairs
        async with self.db.tx(self.tenant_id) as tx:
            await catalogue.put_profile(tx, self.profile)
            await offer.put_pool(tx, chairs, "Cadeiras")
            await offer.put_resource(tx, self.window_chair, chairs, "Janela", active=True)
            await offer.put_resource(tx, self.wall_chair, chairs, "Parede", active=True)
            await self.put_service(tx, self.cut, "Corte", 45, 9000, pool_id=chairs)
            await self.put_service(
                tx, self.colour, "Coloração", 90, 20000, after=15, pool_id=chairs, gap_start_minutes=30, gap_minutes=30
            )
            await self.put_service(tx, self.blow, "Escova", 30, 6000, pool_id=chairs)
            await self.put_service(
                tx, self.updo, "Penteado", 60, 15000, buffer_before_minutes=15, after=15, pool_id=chairs
            )
            await self.put_service(tx, self.brow, "Sobrancelha", 30, 4000)
            await self.put_staff(tx, self.ana, "Ana", [self.cut, self.colour, self.blow, self.brow])
            bia = {self.cut: Skill(), self.blow: Skill(45, 7000), self.updo: Skill(), self.brow: Skill()}
            await self.put_staff(tx, self.bia, "Bia", bia)
            await self.put_staff(tx, self.caio, "Caio", [self.cut, self.colour, self.updo], hours=AFTERNOONS)
            await policies.put_policy(
                tx, self.colour, PolicyChange(deposit_kind="percent", deposit_value=30, cancel_notice_hours=24)
            )
            await publish(tx, self.occasion())

    def occasion(self) -> Occasion:
        """The salon's own people ask for something."""
        return Occasion.request(self.tenant_id, self.clock())

    async def put_service(
        self, tx: Tx, id: UUID, name: str, minutes: int, price: int, *, after: int = 0, **more: Any
    ) -> None:
        await offer.put_service(
            tx,
            Service(id=id, name=name, duration_minutes=minutes, price_minor=price, buffer_after_minutes=after, **more),
        )

    async def put_staff(
        self,
        tx: Tx,
        id: UUID,
        name: str,
        services: Iterable[UUID] | Mapping[UUID, Skill],
        *,
        active: bool = True,
        hours: Weekly | None = None,
    ) -> None:
        skills = services if isinstance(services, Mapping) else {service_id: Skill() for service_id in services}
        await people.put_staff(tx, Staff(id=id, name=name, skills=skills, hours=hours), active=active)

    async def put_policy(self, service_id: UUID | None = None, **change: Any) -> None:
        """Set the rules of the salon, or of one service, anew."""
        async with self.db.tx(self.tenant_id) as tx:
            await policies.put_policy(tx, service_id, PolicyChange(**change))

    async def change(self, **profile: Any) -> None:
        """Change something of the profile, hours and closed days among it."""
        self.profile = replace(self.profile, **profile)
        async with self.db.tx(self.tenant_id) as tx:
            await catalogue.lock_catalogue(tx)
            await catalogue.put_profile(tx, self.profile)
            await publish(tx, self.occasion())

    async def away(self, staff_id: UUID, day: date, opens: int = 0, closes: int = 1440) -> UUID:
        """Somebody has (a part of) a day off; returns its id."""
        id = new_id()
        async with self.db.tx(self.tenant_id) as tx:
            await people.put_time_off(tx, staff_id, id, TimeOff(day, day, None, Span(opens, closes)), None)
        return id

    async def works(self, staff_id: UUID, day: date, *spans: Span) -> None:
        """What somebody works on one date, instead of what their week says."""
        async with self.db.tx(self.tenant_id) as tx:
            await people.put_special_hours(tx, staff_id, day, spans, None)

    async def back(self, time_off_id: UUID) -> None:
        """A time off is called off."""
        async with self.db.tx(self.tenant_id) as tx:
            await people.delete_time_off(tx, time_off_id)

    def envelope(self, message: Said) -> Envelope[Said]:
        return Envelope.of(message, tenant_id=self.tenant_id, now=self.clock())

    async def hear(self, *messages: Message) -> None:
        """Have the salon's use cases take messages, each as it would come from the broker."""
        for message in messages:
            await self.deliver(self.envelope(message))

    async def deliver(self, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.data, booking.HoldRequested):
            await self.holds.answer(envelope, self.clock())
        else:
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

    def wants(self, *wanted: UUID | tuple[UUID, UUID | None]) -> tuple[booking.Want, ...]:
        """Services in order, each by anyone or, in a pair, by somebody."""
        pairs = [item if isinstance(item, tuple) else (item, None) for item in wanted]
        return tuple(booking.Want(service_id=service, staff_id=staff) for service, staff in pairs)

    def wish(
        self,
        start: datetime,
        *,
        service: UUID | None = None,
        staff: UUID | None = None,
        wants: tuple[booking.Want, ...] | None = None,
        **more: Any,
    ) -> booking.HoldRequested:
        known: dict[str, Any] = {"conversation_id": new_id(), "contact_id": new_id(), "contact_name": "Rui", **more}
        return booking.HoldRequested(
            request_id=new_id(), wants=wants or self.wants((service or self.cut, staff)), start=start, **known
        )

    async def held(self, start: datetime, **how: Any) -> booking.ReservationHeld:
        """Hold a start and return what was said of it."""
        wish = self.wish(start, **how)
        await self.hear(wish)
        found = [held for held in await self.said(booking.ReservationHeld) if held.request_id == wish.request_id]
        assert found, (await self.said(booking.HoldRefused))[-1]
        return found[0]

    async def booked(self, start: datetime, **how: Any) -> booking.ReservationHeld:
        """Hold a start, agree, and pay what is asked in advance; returns what was said of the hold."""
        held = await self.held(start, **how)
        await self.hear(self.yes(held))
        if held.deposit:
            await self.hear(self.payment(held, minor=held.deposit.minor))
        assert await self.status(held.reservation_id) == "confirmed"
        return held

    async def refused(self, wish: booking.HoldRequested) -> booking.HoldRefused:
        """Have a wish refused and return what was said."""
        await self.hear(wish)
        found = [no for no in await self.said(booking.HoldRefused) if no.request_id == wish.request_id]
        assert found, "it was granted"
        return found[0]

    async def find(self, day: int = 3, *, limit: int = 50, **how: Any) -> booking.AvailabilityFound:
        """What is free on a day of March 2026."""
        asked = booking.AvailabilityRequested(
            request_id=new_id(),
            conversation_id=new_id(),
            wants=how.pop("wants", None) or self.wants((how.pop("service", self.cut), how.pop("staff", None))),
            earliest=at(1, 0) + timedelta(days=day - 1),
            latest=at(1, 0) + timedelta(days=day),
            limit=limit,
            **how,
        )
        await self.hear(asked)
        return (await self.said(booking.AvailabilityFound))[-1]

    def yes(self, held: booking.ReservationHeld, name: str = "Rui Costa") -> booking.ConfirmationRequested:
        assert held.conversation_id is not None
        return booking.ConfirmationRequested(
            reservation_id=held.reservation_id, conversation_id=held.conversation_id, guest_name=name
        )

    def no(self, held: booking.ReservationHeld, quoted_at: datetime | None = None) -> booking.CancellationRequested:
        assert held.conversation_id is not None
        return booking.CancellationRequested(
            reservation_id=held.reservation_id, conversation_id=held.conversation_id, quoted_at=quoted_at
        )

    def another(self, held: booking.ReservationHeld, start: datetime, *staff_ids: UUID | None) -> booking.MoveRequested:
        """The client would like another time, or other people."""
        assert held.conversation_id is not None
        return booking.MoveRequested(
            request_id=new_id(),
            reservation_id=held.reservation_id,
            conversation_id=held.conversation_id,
            start=start,
            staff_ids=staff_ids,
        )

    async def quoted(self, held: booking.ReservationHeld) -> booking.CancellationQuoted:
        """What giving a visit up would mean now."""
        assert held.conversation_id is not None
        asked = booking.CancellationQuoteRequested(
            request_id=new_id(), reservation_id=held.reservation_id, conversation_id=held.conversation_id
        )
        await self.hear(asked)
        return (await self.said(booking.CancellationQuoted))[-1]

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
        """Run the salon's expiry jobs that are due, each in a transaction of its own, as its worker would."""
        async with self.db.tx(self.tenant_id) as tx:
            due = await tx.fetch(
                "SELECT id FROM jobs WHERE tenant_id = $1 AND type = $2 AND status = 'ready' AND scheduled_at <= $3",
                self.tenant_id,
                EXPIRE_HOLD,
                self.clock(),
            )
        for job in due:
            async with self.db.tx(self.tenant_id) as tx:
                row = await tx.fetchrow(
                    "UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND id = $2 AND status = 'ready' "
                    "RETURNING payload, correlation_id",
                    self.tenant_id,
                    job["id"],
                )
                if row is not None:
                    occasion = Occasion(self.tenant_id, self.clock(), "clock", row["correlation_id"])
                    await expire(tx, UUID(row["payload"]["reservation_id"]), occasion)

    async def status(self, reservation_id: UUID) -> str:
        async with self.db.tx(self.tenant_id) as tx:
            found: str = await tx.fetchval("SELECT status FROM reservations WHERE id = $1", reservation_id)
        return found

    async def seats(self, reservation_id: UUID) -> list[tuple[str, str | None, datetime]]:
        """Who does each service of a visit, on which chair, and when."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT staff_name, resource_name, starts_at FROM reservation_segments WHERE reservation_id = $1 "
                "ORDER BY position",
                reservation_id,
            )
        return [tuple(row) for row in rows]

    async def problems(self) -> list[str]:
        """Double bookings, and claims that do not say what was booked: counted without the constraint's help."""
        async with self.db.tx(self.tenant_id) as tx:
            return await problems(tx)
