"""A salon with a waiting list: clients who wait, and the jobs that are due, run one by one as its worker would."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from booka_booking.domain.times import Span
from booka_booking.domain.waitlist import Entry
from booka_booking.jobs import job_types
from booka_booking.store import waitlist as store
from booka_booking.usecases.waitlist_jobs import OFFER_FREED
from booka_common.contracts import booking
from booka_common.contracts.waitlist import (
    WaitlistJoined,
    WaitlistOffered,
    WaitlistRefused,
    WaitlistRequested,
)
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_common.jobs import Done, Job

from .salon import Salon, at

__all__ = [
    "FIVE_PAST", "accept", "decline", "entry", "full_day", "jobs", "join", "last_offer", "offered_to", "outcomes", "refused",
    "run_due", "settle", "step", "wish_to_wait",
]  # fmt: skip

FIVE_PAST = timedelta(minutes=15, seconds=6)


async def full_day(salon: Salon, day: int = 3, count: int = 2) -> list[booking.ReservationHeld]:
    """The salon is open from nine on for `count` cuts of 45 minutes by Ana, and all of them are booked."""
    opened = {**salon.profile.exceptions, date(2026, 3, day): (Span(540, 540 + 45 * count),)}
    await salon.change(exceptions=opened)
    starts = [at(day, 9) + timedelta(minutes=45 * n) for n in range(count)]
    return [await salon.booked(start, staff=salon.ana) for start in starts]


def wish_to_wait(salon: Salon, day: int = 3, **how: Any) -> WaitlistRequested:
    """Somebody new waits for a cut with Ana on a day of March 2026."""
    first = date(2026, 3, day)
    known: dict[str, Any] = {
        "request_id": new_id(),
        "conversation_id": new_id(),
        "contact_id": new_id(),
        "wants": salon.wants((salon.cut, salon.ana)),
        "first_day": first,
        "last_day": first,
        **how,
    }
    return WaitlistRequested(**known)


async def join(salon: Salon, day: int = 3, **how: Any) -> WaitlistJoined:
    """Put somebody on the list."""
    wish = wish_to_wait(salon, day, **how)
    await salon.hear(wish)
    found = [joined for joined in await salon.said(WaitlistJoined) if joined.request_id == wish.request_id]
    assert found, (await salon.said(WaitlistRefused))[-1]
    return found[0]


async def refused(salon: Salon, wish: WaitlistRequested) -> str:
    """Why somebody is not put on the list."""
    await salon.hear(wish)
    (found,) = [no.code for no in await salon.said(WaitlistRefused) if no.request_id == wish.request_id]
    return found


async def entry(salon: Salon, entry_id: UUID) -> Entry:
    async with salon.db.tx(salon.tenant_id) as tx:
        found = await store.get(tx, entry_id)
    assert found is not None
    return found


async def offered_to(salon: Salon, entry_id: UUID) -> list[WaitlistOffered]:
    """Every offer that was made to an entry, in order."""
    return [offer for offer in await salon.said(WaitlistOffered) if offer.entry_id == entry_id]


async def last_offer(salon: Salon, entry_id: UUID) -> WaitlistOffered:
    """What an entry was offered last."""
    return (await offered_to(salon, entry_id))[-1]


def accept(offer: WaitlistOffered) -> booking.ConfirmationRequested:
    return booking.ConfirmationRequested(
        reservation_id=offer.reservation_id, conversation_id=offer.conversation_id, guest_name="Lia"
    )


def decline(offer: WaitlistOffered) -> booking.CancellationRequested:
    return booking.CancellationRequested(reservation_id=offer.reservation_id, conversation_id=offer.conversation_id)


async def step(salon: Salon) -> bool:
    """Run the salon's next due job; False if there is none."""
    async with salon.db.tx(salon.tenant_id) as tx:
        row = await tx.fetchrow(
            "SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent "
            "FROM jobs WHERE tenant_id = $1 AND status = 'ready' AND scheduled_at <= $2 "
            "ORDER BY scheduled_at, seq LIMIT 1 FOR UPDATE SKIP LOCKED",
            salon.tenant_id,
            salon.clock(),
        )
        if row is None:
            return False
        await tx.execute("UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND id = $2", salon.tenant_id, row["id"])
        await _run(salon, tx, Job(**row, lease_token=new_id()))
    return True


async def run_due(salon: Salon) -> int:
    """Run what is due until nothing is; return how many looks for something to offer there were."""
    before = await _looks(salon)
    while await step(salon):
        pass
    return await _looks(salon) - before


async def settle(salon: Salon) -> None:
    """Let the time pass after which a newcomer is looked for, and look."""
    salon.clock.advance(timedelta(seconds=61))
    await run_due(salon)


async def outcomes(salon: Salon, entry_id: UUID) -> list[str]:
    """What became of the offers to somebody who waits, oldest first."""
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT outcome FROM waitlist_offers WHERE tenant_id = $1 AND entry_id = $2 ORDER BY made_at, starts_at",
            salon.tenant_id,
            entry_id,
        )
    return [row["outcome"] for row in rows]


async def jobs(salon: Salon, type: str = OFFER_FREED) -> int:
    """How many of a kind there are, done or not."""
    async with salon.db.tx(salon.tenant_id) as tx:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND type = $2", salon.tenant_id, type
        )
    return count


async def _run(salon: Salon, tx: Tx, job: Job) -> None:
    outcome = await job_types(salon.clock)[job.type].handler(job)
    assert isinstance(outcome, Done)
    if outcome.record:
        await outcome.record(tx)


async def _looks(salon: Salon) -> int:
    async with salon.db.tx(salon.tenant_id) as tx:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND type = $2 AND status = 'done'",
            salon.tenant_id,
            OFFER_FREED,
        )
    return count
