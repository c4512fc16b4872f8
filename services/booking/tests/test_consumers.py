"""Over a real RabbitMQ: one conversation's messages, each delivered five times at once, have one effect each."""

from datetime import timedelta

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationQuoted,
    CancellationQuoteRequested,
    CatalogueChanged,
    DepositDue,
    HoldRefused,
    HoldRequested,
    MoveRefused,
    ReminderReady,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationHeld,
    ReservationMoved,
    Want,
)
from booka_common.contracts.scheduler import ReminderDue
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, Tap, publish, running

from .salon import Salon, at


async def test_a_conversation_with_everything_delivered_five_times(
    settings: Settings, salon: Salon, clock: FrozenClock
) -> None:
    url, tenant_id = settings.amqp_url.get_secret_value(), salon.tenant_id
    async with Tap(url) as tap, running(create_app(settings, clock)):
        await tap.next(CatalogueChanged, tenant_id=tenant_id)
        conversation, contact = new_id(), new_id()
        asked = AvailabilityRequested(
            request_id=new_id(),
            conversation_id=conversation,
            wants=salon.wants(salon.colour, salon.brow),
            earliest=at(3, 0),
            latest=at(4, 0),
            limit=4,
        )
        envelope = salon.envelope(asked)
        await publish(url, *[envelope] * 5)
        found = await tap.next(AvailabilityFound, tenant_id=tenant_id)
        assert found.data.exact
        assert (found.correlation_id, found.causation_id) == (envelope.correlation_id, envelope.id)
        slot = found.data.slots[0]
        wish = HoldRequested(
            request_id=new_id(),
            conversation_id=conversation,
            contact_id=contact,
            wants=tuple(
                Want(service_id=service, staff_id=staff)
                for service, staff in zip((salon.colour, salon.brow), slot.staff_ids, strict=True)
            ),
            start=slot.start,
        )
        await publish(url, *[salon.envelope(wish)] * 5)
        held = (await tap.next(ReservationHeld, tenant_id=tenant_id)).data
        await publish(url, *[salon.envelope(salon.yes(held))] * 5)
        await tap.next(DepositDue, tenant_id=tenant_id)
        await publish(url, *[salon.envelope(salon.payment(held))] * 5)
        confirmed = (await tap.next(ReservationConfirmed, tenant_id=tenant_id)).data
        due = ReminderDue(
            reminder_id=new_id(),
            reservation_id=held.reservation_id,
            reservation_version=confirmed.version,
            minutes_before=120,
        )
        await publish(url, *[salon.envelope(due)] * 5)
        await tap.next(ReminderReady, tenant_id=tenant_id)
        await publish(url, *[salon.envelope(salon.another(held, at(4, 14)))] * 5)
        moved = (await tap.next(ReservationMoved, tenant_id=tenant_id)).data
        assert (moved.version, moved.visit.start) == (confirmed.version + 1, at(4, 14))
        await publish(url, *[salon.envelope(salon.another(held, at(4, 12)))] * 5)
        assert (await tap.next(MoveRefused, tenant_id=tenant_id)).data.code == "not_offered"
        quote = CancellationQuoteRequested(
            request_id=new_id(), reservation_id=held.reservation_id, conversation_id=conversation
        )
        await publish(url, *[salon.envelope(quote)] * 5)
        quoted = (await tap.next(CancellationQuoted, tenant_id=tenant_id)).data
        assert quoted.refund == held.deposit
        await publish(url, *[salon.envelope(salon.no(held, quoted.quoted_at))] * 5)
        cancelled = (await tap.next(ReservationCancelled, tenant_id=tenant_id)).data
        assert cancelled.refund == quoted.refund
        # Whatever of the repetitions is still under way comes before the answer to a message that is sent after them.
        await publish(url, *[salon.envelope(wish.model_copy(update={"request_id": new_id()}))] * 5)
        await tap.next(ReservationHeld, tenant_id=tenant_id, after=1)
        for kind, count in (
            (AvailabilityFound, 1),
            (ReservationHeld, 2),
            (HoldRefused, 0),
            (DepositDue, 1),
            (ReservationConfirmed, 1),
            (ReminderReady, 1),
            (ReservationMoved, 1),
            (MoveRefused, 1),
            (CancellationQuoted, 1),
            (ReservationCancelled, 1),
        ):
            assert len(await salon.said(kind)) == count, kind


async def test_a_hold_ends_by_itself_with_two_replicas_running(
    settings: Settings, salon: Salon, clock: FrozenClock
) -> None:
    url, tenant_id = settings.amqp_url.get_secret_value(), salon.tenant_id
    async with Tap(url) as tap, running(create_app(settings, clock)), running(create_app(settings, clock)):
        await publish(url, salon.envelope(salon.wish(at(3, 10))))
        held = await tap.next(ReservationHeld, tenant_id=tenant_id)
        clock.advance(timedelta(minutes=10))
        expired = await tap.next(ReservationExpired, tenant_id=tenant_id)
        assert expired.data.reservation_id == held.data.reservation_id
        assert expired.correlation_id == held.correlation_id
        await publish(url, salon.envelope(salon.wish(at(3, 10))))
        await tap.next(ReservationHeld, tenant_id=tenant_id, after=1)
        assert len(await salon.said(ReservationExpired)) == 1
