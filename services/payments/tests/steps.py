"""Steps that many tests take: an event comes in, a page is opened, a deposit is collected."""

import asyncio
from typing import Any

from booka_payments.providers.stripe_webhook import read_event
from booka_payments.usecases import deposits
from booka_payments.usecases.intake import take_event

from .desk import Desk
from .stripe_stub import StripeStub


async def hear(desk: Desk, stub: StripeStub, type: str, thing: dict[str, Any], times: int = 1) -> list[str]:
    """An event, delivered `times` at once; its signature is the business of other tests."""
    event = read_event(stub.event(type, thing))
    assert event is not None
    return list(await asyncio.gather(*(take_event(desk.db, event, desk.now()) for _ in range(times))))


async def open_page(desk: Desk, reservation: Any, **due: Any) -> str:
    """A deposit falls due and its page is opened; the page's id."""
    await deposits.deposit_due(desk.db, reservation.due(**due), desk.now())
    await desk.work()
    session_id = (await desk.transaction(reservation.id)).session_id
    assert session_id is not None
    return session_id


async def collect(desk: Desk, stub: StripeStub, reservation: Any, **due: Any) -> Any:
    """A deposit falls due and is paid; its transaction."""
    session = stub.pay(await open_page(desk, reservation, **due))
    await hear(desk, stub, "checkout.session.completed", session)
    await desk.work()
    return await desk.transaction(reservation.id)
