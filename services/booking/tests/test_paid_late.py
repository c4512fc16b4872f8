"""A deposit that comes after its hold is over takes the time again, unless the salon would not take the visit any more."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest

from booka_booking.store import offer
from booka_common.contracts.booking import DepositUnusable, ReservationConfirmed, ReservationHeld

from .salon import AFTERNOONS, Salon, at

TUESDAY = date(2026, 3, 3)


async def overdue(salon: Salon) -> ReservationHeld:
    """Colouring by Ana on Tuesday at ten, agreed to and not paid in time."""
    held = await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=31))
    await salon.expire_due()
    assert await salon.status(held.reservation_id) == "expired"
    return held


async def closes(salon: Salon) -> None:
    await salon.change(exceptions={TUESDAY: ()})


async def opens_later(salon: Salon) -> None:
    await salon.change(opening={**salon.profile.opening, 2: AFTERNOONS[2]})


async def gives_ana_the_day_off(salon: Salon) -> None:
    await salon.away(salon.ana, TUESDAY)


async def loses_ana(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_staff(tx, salon.ana, "Ana", [salon.colour], active=False)


async def has_ana_colour_no_more(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_staff(tx, salon.ana, "Ana", [salon.cut])


async def colours_no_more(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await offer.retire_service(tx, salon.colour)


async def loses_the_chair(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await offer.retire_resource(tx, salon.window_chair)


@pytest.mark.parametrize(
    "change",
    [closes, opens_later, gives_ana_the_day_off, loses_ana, has_ana_colour_no_more, colours_no_more, loses_the_chair],
    ids=lambda change: change.__name__,
)
async def test_what_the_salon_would_not_take_any_more_is_not_taken_by_a_late_payment(
    salon: Salon, change: Callable[[Salon], Awaitable[None]]
) -> None:
    late = await overdue(salon)
    await change(salon)
    payment = salon.payment(late)
    await salon.hear(payment)
    (unusable,) = await salon.said(DepositUnusable)
    assert (unusable.reason, unusable.transaction_id) == ("not_offered", payment.transaction_id)
    assert await salon.said(ReservationConfirmed) == []
    assert await salon.status(late.reservation_id) == "expired"
    assert await salon.problems() == []


async def test_what_does_not_touch_the_visit_does_not_keep_it_from_being_seated_again(salon: Salon) -> None:
    """Another day closed, a service that only the salon books by now, dearer and longer: what was promised holds."""
    late = await overdue(salon)
    await salon.change(exceptions={date(2026, 3, 4): ()}, lead_minutes=10_000, slot_grid_minutes=240)
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_service(tx, salon.colour, "Cor", 120, 30000, after=15, pool_id=salon.chairs, online=False)
    await salon.hear(salon.payment(late))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.reseated, confirmed.visit) == (True, late.visit)


async def test_a_hold_in_time_is_kept_to_though_the_day_was_closed(salon: Salon) -> None:
    """It is a promise, so it stands; that it does not fit is for a person, see GET /v1/conflicts."""
    held = await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)
    await salon.hear(salon.yes(held))
    await closes(salon)
    await salon.hear(salon.payment(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.reseated, confirmed.visit) == (False, held.visit)
