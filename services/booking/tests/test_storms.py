"""Many who want the same start at the same moment: what the first of them learns need not be found out by everybody."""

import asyncio
from datetime import timedelta

from booka_booking.usecases.wishes import Held
from booka_common.contracts.booking import HoldRefused
from booka_common.ids import new_id
from booka_common.testing import eventually

from .salon import Salon, at
from .together import at_once, codes, transactions, wish


async def reading(salon: Salon) -> int:
    """How many wait to read a salon's hours."""
    async with salon.db.tx(salon.tenant_id) as tx:
        found: int = await tx.fetchval(
            """SELECT count(*) FROM pg_stat_activity
               WHERE wait_event_type = 'Lock' AND query LIKE '%opening_hours%' AND pid <> pg_backend_pid()"""
        )
    return found


async def test_a_salon_that_nobody_remembers_is_read_once_for_all_who_ask(salon: Salon) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await tx.execute("LOCK TABLE opening_hours IN ACCESS EXCLUSIVE MODE")
        storm = asyncio.gather(*(salon.holds.hold(wish(salon, at(3, 10)), salon.occasion()) for _ in range(5)))
        await eventually(lambda: reading(salon))
        assert await reading(salon) == 1
    outcomes = await storm
    assert sorted(codes(outcomes)) == ["held", *["slot_taken"] * 4]
    assert await salon.problems() == []


async def test_a_refused_message_that_comes_many_times_at_once_is_answered_once(warm: Salon) -> None:
    asked = warm.envelope(warm.wish(at(3, 3), service=warm.brow, staff=warm.ana))  # at night
    await asyncio.gather(*(warm.deliver(asked) for _ in range(5)))
    assert [no.code for no in await warm.said(HoldRefused)] == ["not_offered"]


async def test_whoever_may_have_no_more_takes_the_start_from_nobody(warm: Salon) -> None:
    greedy = new_id()
    assert codes(
        await at_once(warm.holds, warm, *(wish(warm, at(4, hour), contact_id=greedy) for hour in (9, 10)))
    ) == ["held", "held"]
    outcomes = await at_once(
        warm.holds, warm, wish(warm, at(3, 10), contact_id=greedy), *(wish(warm, at(3, 10)) for _ in range(3))
    )
    assert codes(outcomes)[0] == "too_many_holds"
    assert sorted(codes(outcomes)[1:]) == ["held", "slot_taken", "slot_taken"]


async def test_a_request_that_was_granted_is_granted_still_behind_somebody_who_is_refused(warm: Salon) -> None:
    mine = wish(warm, at(3, 10))
    (first,) = await at_once(warm.holds, warm, mine)
    assert isinstance(first, Held)
    no, again = await at_once(warm.holds, warm, wish(warm, at(3, 10)), mine)
    assert codes([no]) == ["slot_taken"]
    assert isinstance(again, Held)
    assert (again.reservation.id, again.new) == (first.reservation.id, False)


async def test_a_start_that_only_overlaps_is_tried_by_itself(warm: Salon) -> None:
    """10:15 does not go with 10:00 and 10:30, and would have gone if the one at 10:00 had got nothing."""
    greedy = new_id()
    await at_once(warm.holds, warm, *(wish(warm, at(4, hour), contact_id=greedy) for hour in (9, 10)))
    outcomes = await at_once(
        warm.holds, warm, wish(warm, at(3, 10), contact_id=greedy), wish(warm, at(3, 10, 15)), wish(warm, at(3, 9, 30))
    )
    assert codes(outcomes) == ["too_many_holds", "held", "held"]
    assert len(await transactions(warm, *outcomes)) == 1


async def test_behind_a_hold_whose_time_is_up_one_gets_its_place(warm: Salon) -> None:
    old = await warm.held(at(3, 10), service=warm.brow, staff=warm.ana)
    warm.clock.advance(timedelta(hours=1))
    outcomes = await at_once(warm.holds, warm, *(wish(warm, at(3, 10)) for _ in range(8)))
    assert sorted(codes(outcomes)) == ["held", *["slot_taken"] * 7]
    assert await warm.status(old.reservation_id) == "expired"
    assert await warm.problems() == []
