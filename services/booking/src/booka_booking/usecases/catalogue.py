"""Changing what a salon offers, and telling the others the whole of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from booka_booking.domain.policy import Client
from booka_booking.domain.salon import Salon
from booka_booking.domain.waitlist import Look
from booka_booking.store import catalogue as store
from booka_booking.store import waitlist
from booka_booking.usecases import conflicts
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist_jobs import Planned, plan_look
from booka_common import outbox
from booka_common.contracts.booking import CatalogueChanged, CatalogueService, CatalogueStaff
from booka_common.db import Tx
from booka_common.money import Money

__all__ = ["Change", "changing", "publish", "snapshot"]

#: Seconds within which changes are followed by one look at the waiting list.
_TOGETHER = 30
#: Longer than a change takes to be committed.
_SETTLED = timedelta(seconds=15)


@dataclass(slots=True)
class Change:
    """A change of the catalogue. `conflicts`: how many visits ahead the calendar would not allow after it."""

    tx: Tx
    conflicts: int = 0


@asynccontextmanager
async def changing(tx: Tx, occasion: Occasion) -> AsyncIterator[Change]:
    """Change the catalogue in the block: nobody else does meanwhile, and after it the whole of it is told.

    What became free by it (somebody is back, the salon opens longer) is offered to those who wait.
    """
    await store.lock_catalogue(tx)
    change = Change(tx)
    yield change
    salon = await publish(tx, occasion)
    if salon is not None:
        change.conflicts = await conflicts.count(tx, salon, occasion.now)
        await _offer_soon(tx, salon, occasion)


async def _offer_soon(tx: Tx, salon: Salon, occasion: Occasion) -> None:
    """Have the waiting list looked at once for all changes of about the same time, after they are committed."""
    zone = salon.profile.zone
    today = occasion.now.astimezone(zone).date()
    last = today + timedelta(days=salon.profile.horizon_days)
    if await waitlist.count_live(tx, today, last):
        turn = int(occasion.now.timestamp()) // _TOGETHER + 1
        planned = Planned(Look.at_days(today, last, zone), f"catalogue:{turn}")
        await plan_look(tx, planned, occasion, datetime.fromtimestamp(turn * _TOGETHER, UTC) + _SETTLED)


async def publish(tx: Tx, occasion: Occasion) -> Salon | None:
    """Count a change that was made under `store.lock_catalogue`, and tell the catalogue as it now is; None without a profile.

    Nothing is told before there is something to book; from then on everything is, even that nothing is left.
    """
    await store.bump(tx)
    salon = await store.get_salon(tx)
    if salon is None:
        return None
    message = snapshot(salon)
    if message.services or await store.announced(tx):
        await store.mark_announced(tx)
        await outbox.put(tx, occasion.say(message))
    return salon


def snapshot(salon: Salon) -> CatalogueChanged:
    """The catalogue as clients may book it: active services that are offered online and that somebody active performs.

    Prices and durations are the services' own, though somebody may differ; deposits are those of new clients.
    """
    currency = salon.profile.currency
    performed = {service_id for member in salon.staff for service_id in member.skills}
    offered = [
        service for service in salon.services.values() if service.active and service.online and service.id in performed
    ]
    ids = {service.id for service in offered}
    services = []
    for service in offered:
        price = Money(minor=service.price_minor, currency=currency)
        deposit = service.policy.deposit(price, Client())
        services.append(
            CatalogueService(
                service_id=service.id,
                name=service.name,
                duration_minutes=service.duration_minutes,
                price=price,
                deposit=deposit if deposit.minor else None,
            )
        )
    staff = [
        CatalogueStaff(
            staff_id=member.id,
            name=member.name,
            service_ids=tuple(service.id for service in offered if service.id in member.skills),
        )
        for member in salon.staff
        if member.skills.keys() & ids
    ]
    return CatalogueChanged(
        revision=salon.revision,
        salon_name=salon.profile.name,
        locale=salon.profile.locale,
        zone=salon.profile.zone.key,
        currency=currency,
        services=tuple(services),
        staff=tuple(staff),
    )
