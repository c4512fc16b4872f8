"""How the hot statements find their rows among very many: by an index, and few at a time.

Not single statements are looked at but whatever the use cases really run, as the service's own role under row level security:
PostgreSQL itself hands out the plan of every statement, with the rows it went through (auto_explain). Each is judged with the
plan made for its values, and with the one for any values, which asyncpg's prepared statements get when it seems cheaper.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from booka_booking.domain import lifecycle
from booka_booking.domain.planning import Ask
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.times import Interval
from booka_booking.domain.waitlist import Look
from booka_booking.settings import SERVICE
from booka_booking.store import clients, completion, conflicts, deposits, feeds, reservations, salons, waitlist
from booka_booking.store import holds as store
from booka_booking.usecases import availability, changes, expiry, holds
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import ALTERNATIVES, Held, Missed, Wish
from booka_common import jobs
from booka_common.contracts.booking import Want
from booka_common.db import Database, Tx, load_queries
from booka_common.ids import new_id
from booka_common.service import Service
from booka_common.testing.plugin import Migrated, run_async
from booka_common.testing.statements import Seen, judge, planned

from .crowd import NOW, STAFF, Crowd, fill

pytestmark = pytest.mark.timeout(1200)  # a million visits take their time on a busy machine

DAY = timedelta(days=1)
WEEK = Interval(NOW, NOW + 7 * DAY)
ROLE = "booka_booking"
#: The largest salon, and one of the many.
CROWDS = [Crowd(0), Crowd(41)]


@dataclass(frozen=True)
class Crowded:
    """The database and which of its tables are big."""

    url: str
    visits: int
    big: frozenset[str]


@pytest.fixture(scope="module")
def crowded(migrated: Callable[[Service, str], Migrated]) -> Crowded:
    """A million visits in `make nightly`, else fewer: the plans are the same."""
    visits = 1_000_000 if os.environ.get("BOOKA_NIGHTLY", "0") != "0" else 200_000

    url = migrated(SERVICE, "crowd").migrate_url

    async def make() -> Crowded:
        admin = await asyncpg.connect(url)
        try:
            await fill(admin, visits)
            big = await admin.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = 'booking'::regnamespace AND relkind = 'r' AND reltuples > 5000"
            )
        finally:
            await admin.close()
        return Crowded(url, visits, frozenset(row["relname"] for row in big))

    found: Crowded = run_async(make)
    return found


Watch = Callable[[Crowd], AbstractAsyncContextManager[tuple[Tx, list[Seen]]]]


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def watch(crowded: Crowded, request: pytest.FixtureRequest) -> AsyncIterator[Watch]:
    """`async with watch(crowd) as (tx, seen)`: a transaction of a salon, taken back at the end, with the plan of all it did."""

    def watched(crowd: Crowd) -> AbstractAsyncContextManager[tuple[Tx, list[Seen]]]:
        plans = f"SET LOCAL plan_cache_mode = {request.param}"
        return planned(db, crowd.tenant_id, role=ROLE, of=crowded.big, settings=plans)

    async with Database(crowded.url, SERVICE.name, pool_size=1) as db:
        yield watched


def used(seen: list[Seen], table: str) -> set[str]:
    """The indexes by which a table was read."""
    return {index for statement in seen for index in statement.indexes(table)}


def want(crowd: Crowd, *services: int, staff: int | None = None) -> tuple[Want, ...]:
    return tuple(
        Want(service_id=crowd.service(n), staff_id=None if staff is None else crowd.staff(staff)) for n in services
    )


def at_dawn(days: int) -> datetime:
    """A start at which everybody is free."""
    return NOW.replace(hour=4) + days * DAY


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_weeks_availability_reads_the_week_and_nothing_else(
    crowded: Crowded, watch: Watch, crowd: Crowd
) -> None:
    async with watch(crowd) as (tx, seen):
        found = await availability.find(tx, Ask(want(crowd, 0, 2)), WEEK, 5, NOW, contact_id=crowd.client(3))
        assert isinstance(found, availability.Found)
        assert found.exact
        assert len(found.slots) == 5
    judge(seen, crowded.big, 1200)  # 8 people, 12 days, 10 visits a day
    assert used(seen, "claims") == {"claims_busy"}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_month_by_day_reads_the_month_and_nothing_else(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        days = await availability.by_day(tx, Ask(want(crowd, 1)), Interval(NOW, NOW + 31 * DAY), NOW)
        assert not isinstance(days, str)
        assert len(days) == 32
    judge(seen, crowded.big, 1600)  # two weeks and two days are booked
    assert used(seen, "claims") == {"claims_busy"}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_explaining_a_start_reads_its_days(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        explained = await availability.explained(tx, Ask(want(crowd, 1, staff=1)), NOW + DAY, NOW)
        assert not isinstance(explained, str)
    judge(seen, crowded.big, 200)


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize("known", [True, False])
async def test_a_hold_looks_at_one_day_of_those_who_may_do_it(
    crowded: Crowded, watch: Watch, crowd: Crowd, known: bool
) -> None:
    contact = crowd.client(7) if known else new_id()
    async with watch(crowd) as (tx, seen):
        for wanted in (want(crowd, 0, 2), want(crowd, 1, staff=3)):
            wish = Wish(
                Ask(wanted), at_dawn(3 + len(wanted)), request_id=new_id(), contact_id=contact, contact_name="Rui"
            )
            await reservations.lock_client(tx, wish.contact_id, wish.request_id)
            held = await holds.keep(tx, wish, Occasion.request(crowd.tenant_id, NOW))
            assert isinstance(held, Held), held
            assert isinstance(await holds.keep(tx, wish, Occasion.request(crowd.tenant_id, NOW)), Missed)
            assert wish.request_id is not None
            assert list(await reservations.granted(tx, [wish.request_id])) == [wish.request_id]
    judge(seen, crowded.big, 400)
    # All visits of a calendar that has few of them are as near by the constraint's own index.
    assert used(seen, "claims") <= {"claims_busy", "claims_by_reservation", "claims_one_at_a_time"}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_holds_that_are_written_together_find_theirs_one_by_one(
    crowded: Crowded, watch: Watch, crowd: Crowd
) -> None:
    occasion = Occasion.request(crowd.tenant_id, NOW)
    async with watch(crowd) as (tx, seen):
        known = await salons.current(tx, NOW)
        assert known
        wanted = []
        for n in (*range(20), *range(10)):  # ten starts are wanted twice
            start = at_dawn(3 + n // 4)
            wish = Wish(Ask(want(crowd, 1, staff=n % 4)), start, request_id=new_id(), contact_id=new_id())
            it = holds.possible(known, wish, NOW)
            assert isinstance(it, holds.Possible)
            wanted.append(holds.decide(it, it.first, Client(), wish, occasion))
        verdicts = [written.verdict for written in await store.insert(tx, wanted)]
        assert sorted(verdicts) == ["held"] * 20 + ["taken"] * 10
    judge(seen, crowded.big, 2000)
    assert used(seen, "claims") == {"claims_busy"}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_hold_that_is_refused_looks_a_week_ahead_for_alternatives(
    crowded: Crowded, watch: Watch, crowd: Crowd
) -> None:
    async with watch(crowd) as (tx, seen):
        booked = await reservations.list_keys(
            tx, WEEK, status="confirmed", staff_id=crowd.staff(3), after=None, limit=1
        )
        (taken,) = await reservations.get_many(tx, [id for _, id in booked])
        wish = Wish(Ask(want(crowd, 2, staff=3)), taken.start, request_id=new_id(), contact_id=new_id())
        missed = await holds.keep(tx, wish, Occasion.request(crowd.tenant_id, NOW))
        assert isinstance(missed, Missed)
        assert missed.plan
        known = salons.recall(tx.memories, crowd.tenant_id)
        assert known
        found = await availability.next_slots(tx, known.salon, missed.plan, wish.start, ALTERNATIVES, NOW)
        assert len(found) == ALTERNATIVES
        window = availability.around(Interval(wish.start, wish.start + 7 * DAY))
        (stands,) = await tx.fetch(
            "SELECT * FROM as_things_stand('', $1, $2, $3, $4, $5, $6)",
            crowd.tenant_id, [new_id() for _ in range(50)], [crowd.staff(3)], *window, NOW,
        )  # fmt: skip
        assert stands["begins"]
    judge(seen, crowded.big, 1200)
    assert used(seen, "claims") <= {"claims_busy", "claims_one_at_a_time", "claims_by_reservation"}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_what_becomes_of_a_reservation_touches_its_own_rows(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    occasion = Occasion.request(crowd.tenant_id, NOW)
    async with watch(crowd) as (tx, seen):
        ids = [id for _, id in await reservations.list_keys(tx, WEEK, status="held", after=None, limit=50)]
        for id in ids[:3]:
            await expiry.expire(tx, id, occasion)
        held = (await reservations.lock_overdue(tx, ids, NOW + 3 * DAY))[-1]
        agreed = lifecycle.agree(held, guest_name="Rui", now=NOW - DAY, waive_deposit=True)
        assert isinstance(agreed, Reservation)
        await reservations.save(tx, held, agreed, who="salon", why="agreed", now=NOW)
        assert list(await reservations.granted(tx, [held.id])) == [held.id]
        assert len(await reservations.list_history(tx, held.id)) == 2
        await changes.cancel(tx, agreed, occasion, by="salon", why="asked")
        await tx.fetch(deposits.queries["deposit_unusable"], tx.tenant_id, held.id, "slot_taken")
    judge(seen, crowded.big, 600)  # the week has 560 visits, among which those are that are held


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize("status", [None, "held", "expired", "confirmed"])
async def test_a_page_of_reservations_reads_on_from_where_the_last_one_ended(
    crowded: Crowded, watch: Watch, crowd: Crowd, status: str | None
) -> None:
    async with watch(crowd) as (tx, seen):
        after = None
        for _ in range(3):
            keys = await reservations.list_keys(tx, WEEK, status=status, after=after, limit=20)
            page = await reservations.get_many(tx, [id for _, id in keys])
            assert [(it.start, it.id) for it in page] == keys
            assert len(page) == 20 or status is not None
            after = keys[-1] if keys else None
        by_staff = await reservations.list_keys(tx, WEEK, status=status, staff_id=crowd.staff(2), after=None, limit=20)
        of_client = await reservations.list_keys(
            tx,
            Interval(NOW - 4000 * DAY, NOW + 60 * DAY),
            status=status,
            client_id=crowd.client(5),
            after=None,
            limit=20,
        )
        of_both = [
            await reservations.list_keys(
                tx, window, status=status, staff_id=crowd.staff(staff), client_id=crowd.client(5), after=None, limit=20
            )
            for window in (WEEK, Interval(NOW - 4000 * DAY, NOW + 60 * DAY))
            for staff in range(STAFF)
        ]
        assert status is not None or (by_staff and of_client)
        assert sorted(key for keys in of_both[STAFF:] for key in keys) == of_client
    judge(seen, crowded.big, 700)  # the week has 560 visits
    assert used(seen, "reservations") <= {
        "reservations_by_start", "reservations_by_client", "reservations_pkey", "reservations_held_by_contact",
    }  # fmt: skip


@pytest.mark.parametrize("crowd", CROWDS)
async def test_the_first_page_of_a_wide_window_is_as_short_as_any(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    ever = Interval(NOW - 4000 * DAY, NOW + 4000 * DAY)
    async with watch(crowd) as (tx, seen):
        assert len(await reservations.list_keys(tx, ever, status=None, after=None, limit=50)) == 50
        assert len(await reservations.list_keys(tx, ever, status=None, after=(NOW, UUID(int=0)), limit=50)) == 50
        async for batch in conflicts.booked_ahead(tx, ever, NOW, after=(NOW + 13 * DAY, UUID(int=0))):
            assert batch
    judge(seen, crowded.big, 600)  # the last day's visits, each with its parts and claims


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_client_is_found_with_their_own_visits(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        known = await reservations.client_of(tx, crowd.client(5))
        assert known.last_staff_id is not None
        assert (await reservations.client_of(tx, new_id())).completed == 0
        assert await reservations.reach(tx, crowd.client(5)) is not None
        await reservations.count_holds(tx, crowd.client(5), NOW)
        assert await clients.get(tx, crowd.client(5), NOW) is not None
        assert len(await clients.list_clients(tx, contact_id=crowd.client(5), limit=10)) == 1
        assert await clients.lock_reservations(tx, crowd.client(5))
        await clients.ahead_until(tx, crowd.client(5), NOW)
    judge(seen, crowded.big, 60)


@pytest.mark.parametrize("crowd", CROWDS)
async def test_a_page_of_clients_reads_no_other_salons(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        page = await clients.list_clients(tx, limit=50)
        assert len(page) == 50
        last = page[-1]
        assert await clients.list_clients(tx, after=(last["name"] or "", last["id"]), limit=50)
    # They are put in order by name whenever they are asked for: an index for that would be written to with every new client.
    judge(seen, crowded.big, crowded.visits // 50)


@pytest.mark.parametrize("crowd", CROWDS)
async def test_the_waiting_list_is_read_by_who_still_waits(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    day = (NOW + 2 * DAY).date()
    look = Look(WEEK, day, day)
    async with watch(crowd) as (tx, seen):
        assert await waitlist.waiting(tx, look)
        assert await waitlist.count_live(tx, day, day)
        await waitlist.next_end(tx, look)
        await waitlist.end_offer(tx, new_id(), "declined", look, crowd.client(5))
        await waitlist.live(tx, contact_id=crowd.client(5))
        await waitlist.live(tx, conversation_id=crowd.client(5))
        assert await waitlist.find_request(tx, new_id()) is None
        assert await waitlist.list_offers(tx, new_id()) == []
        assert await waitlist.open_offers(tx, [new_id()]) == []
    judge(seen, crowded.big, 200)  # some 56 wait on these two weeks; some have been offered something
    async with watch(crowd) as (tx, seen):
        page = await waitlist.list_entries(tx, day=None, status=None, contact_id=None, after=None, limit=20)
        last = page[-1]
        await waitlist.list_entries(
            tx, day=None, status=None, contact_id=None, after=(last.created_at, last.id), limit=20
        )
    # With so many conditions left open, the plan for any values may go through the salon's whole list, and no other's.
    judge(seen, crowded.big, crowded.visits // 50)


@pytest.mark.parametrize("crowd", CROWDS)
async def test_feeds_and_conflicts_read_what_is_ahead(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        assert await feeds.visits(tx, crowd.staff(4), WEEK, NOW, limit=500)
        async for batch in conflicts.booked_ahead(tx, WEEK, NOW):
            assert batch
    judge(seen, crowded.big, 500 * 3 + 100)


@pytest.mark.parametrize("crowd", CROWDS)
async def test_what_is_over_is_found_among_all_that_was_judged(crowded: Crowded, watch: Watch, crowd: Crowd) -> None:
    async with watch(crowd) as (tx, seen):
        assert await completion.complete_after(tx) == DAY
        assert await completion.next_end(tx)
        assert len(await completion.lock_unjudged(tx, NOW + 5 * DAY, 20)) == 20
    judge(seen, crowded.big, 100)
    assert used(seen, "reservations") <= {"reservations_to_complete", "reservations_pkey"}


async def test_the_plumbing_finds_its_work_among_all_that_is_done(crowded: Crowded, watch: Watch) -> None:
    queue, out = load_queries("booka_common", "jobs.sql"), load_queries("booka_common", "outbox.sql")
    async with watch(Crowd(0)) as (tx, seen):
        assert await jobs.cancel(tx, "expire_hold", "nothing") is False
        await jobs.put(tx, "expire_hold", {}, scheduled_at=NOW, correlation_id=new_id(), unique_key="once")
        await tx.execute(f"SET LOCAL ROLE {ROLE}_system")
        token: UUID = new_id()
        claimed = await tx.fetch(
            queue["job_claim"], NOW + timedelta(hours=1), ["expire_hold"], 16, token, timedelta(minutes=1)
        )
        assert len(claimed) == 16
        assert claimed[0]["held_back"]
        await tx.execute(queue["job_heartbeat"], [token], timedelta(minutes=1))
        await tx.execute(queue["job_reclaim"])
        assert await tx.fetch(queue["job_done"], claimed[0]["id"], token)
        assert await tx.fetch(out["outbox_claim"], 100)
        await tx.fetchrow(out["outbox_backlog"])
    judge(seen, crowded.big, 500)  # all that is not sent yet is counted: one of five thousand
