"""Holds that share a transaction: each comes out as if it had been alone."""

import asyncio
from datetime import timedelta

import asyncpg
import httpx
import pytest

from booka_booking.domain.planning import Ask
from booka_booking.settings import SERVICE, Settings
from booka_booking.store import reservations
from booka_booking.usecases.expiry import EXPIRE_HOLD, plan_expiry
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.wishes import Held, NotHeld, Wish
from booka_common.contracts.booking import HoldRefused, ReservationHeld
from booka_common.db import Database
from booka_common.errors import Unavailable
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, eventually

from .salon import Salon, at
from .together import at_once, codes, kept_open, transactions, waits, wish


async def test_what_waits_at_the_same_time_is_written_by_one_transaction(warm: Salon) -> None:
    outcomes = await at_once(
        warm.holds, warm, *(wish(warm, at(3, 9, minute)) for minute in (0, 30)), wish(warm, at(4, 9))
    )
    assert codes(outcomes) == ["held"] * 3
    assert len(await transactions(warm, *outcomes)) == 1
    said = {held.reservation_id for held in await warm.said(ReservationHeld)}
    assert {outcome.reservation.id for outcome in outcomes if isinstance(outcome, Held)} < said
    assert await warm.problems() == []


async def test_what_is_written_is_what_was_decided(warm: Salon) -> None:
    """One service brings its segment along, several come besides; the end of each is planned as `plan_expiry` would."""
    two = Wish(Ask(warm.wants((warm.brow, warm.ana), (warm.brow, warm.ana))), at(4, 9), contact_id=new_id())
    outcomes = await at_once(warm.holds, warm, wish(warm, at(3, 9)), two, wish(warm, at(3, 10), guest_name="Rita"))
    assert codes(outcomes) == ["held"] * 3
    assert len(await transactions(warm, *outcomes)) == 1
    for outcome in outcomes:
        assert isinstance(outcome, Held)
        it = outcome.reservation
        async with warm.db.tx(warm.tenant_id) as tx:
            assert await reservations.get(tx, it.id) == it
            (entry,) = await reservations.list_history(tx, it.id)
            assert entry["staff_ids"] == [warm.ana]
            await plan_expiry(tx, it, warm.occasion())  # which finds that it is planned
            ends = await tx.fetch(
                "SELECT scheduled_at FROM jobs WHERE type = $1 AND payload = $2",
                EXPIRE_HOLD,
                {"reservation_id": str(it.id)},
            )
        assert [end["scheduled_at"] for end in ends] == [it.expires_at]
    assert await warm.problems() == []


async def test_of_two_on_one_start_one_wins_and_the_other_hears_what_else_there_is(warm: Salon) -> None:
    outcomes = await at_once(warm.holds, warm, wish(warm, at(3, 10)), wish(warm, at(3, 10)), wish(warm, at(3, 10, 30)))
    assert sorted(codes(outcomes)) == ["held", "held", "slot_taken"]
    assert len(await transactions(warm, *outcomes)) == 1
    (no,) = [outcome for outcome in outcomes if isinstance(outcome, NotHeld)]
    assert [slot.start for slot in no.alternatives] == [at(3, 11), at(3, 11, 15), at(3, 11, 30)]


async def test_starts_that_overlap_do_not_fit_together(warm: Salon) -> None:
    outcomes = await at_once(warm.holds, warm, *(wish(warm, at(3, 10, minute)) for minute in (0, 15, 30, 45)))
    assert sorted(codes(outcomes)) == ["held", "held", "slot_taken", "slot_taken"]
    assert await warm.problems() == []


async def test_a_client_gets_as_many_as_allowed(warm: Salon) -> None:
    contact = new_id()
    wishes = [wish(warm, at(3, 9 + hour), contact_id=contact) for hour in range(3)]
    outcomes = await at_once(warm.holds, warm, *wishes, wish(warm, at(4, 9)))
    assert codes(outcomes) == ["held", "held", "too_many_holds", "held"]
    assert len(await transactions(warm, outcomes[0], outcomes[3])) == 1  # for the client alone, the others did not wait


async def test_a_request_is_granted_once(warm: Salon) -> None:
    asked = warm.wish(at(3, 10), service=warm.brow, staff=warm.ana)
    envelope = warm.envelope(asked)
    await asyncio.gather(*(warm.deliver(envelope) for _ in range(3)), warm.hear(asked, asked))
    granted = [held for held in await warm.said(ReservationHeld) if held.request_id == asked.request_id]
    assert len(granted) == 1
    assert await warm.said(HoldRefused) == []


async def test_the_same_request_by_somebody_else_is_the_same_request(warm: Salon) -> None:
    request = new_id()
    first, second = await at_once(warm.holds, warm, *(wish(warm, at(3, hour), request_id=request) for hour in (10, 11)))
    assert isinstance(first, Held)
    assert isinstance(second, Held)
    assert first.reservation.id == second.reservation.id
    assert (first.new, second.new) == (True, False)


async def test_what_cannot_be_stored_hurts_nobody_else(warm: Salon) -> None:
    outcomes = await asyncio.gather(
        *(warm.holds.hold(one, warm.occasion()) for one in (
            wish(warm, at(3, 9)),
            wish(warm, at(3, 10), guest_name="\x00"),
            wish(warm, at(3, 11)),
            wish(warm, at(1, 11)),
            Wish(Ask(warm.wants(new_id())), at(3, 11)),
        )),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(outcomes[1], asyncpg.CharacterNotInRepertoireError)
    others = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert codes(others) == ["held", "held", "in_the_past", "unknown_service"]


@pytest.fixture
async def neighbour(db: Database, salon: Salon, clock: FrozenClock) -> Salon:
    """A salon whose holds share transactions with those of `salon`: it is in the same lane."""
    tenant_id = next(id for id in iter(new_id, None) if id.int % 2 == salon.tenant_id.int % 2)
    found = Salon(db, tenant_id, clock)
    found.holds = salon.holds
    await found.open()
    await found.held(at(7, 9), service=found.brow, staff=found.ana)
    return found


async def test_salons_that_share_a_transaction_share_nothing_else(warm: Salon, neighbour: Salon) -> None:
    """Both are asked by the same request and for the same contact: only the salon tells one from the other."""
    request, contact = new_id(), new_id()
    salons = (warm, neighbour)
    outcomes = await asyncio.gather(
        *(
            warm.holds.hold(
                wish(salon, at(3, 10), request_id=request, contact_id=contact, guest_name=str(salon.tenant_id)),
                salon.occasion(),
            )
            for salon in salons
        ),
        *(warm.holds.hold(wish(salon, at(4, 10)), salon.occasion()) for salon in salons),
    )
    assert codes(outcomes) == ["held"] * 4
    assert len({xmin for salon in salons for xmin in await transactions(salon, *outcomes)}) == 1
    for salon, outcome in zip(salons, outcomes, strict=False):
        assert isinstance(outcome, Held)
        async with salon.db.tx(salon.tenant_id) as tx:
            row = await tx.fetchrow(
                """SELECT r.guest_name, c.contact_id, s.staff_id, k.calendar_id, h.who, j.payload
                   FROM reservations AS r JOIN clients AS c ON c.id = r.client_id
                   JOIN reservation_segments AS s ON s.reservation_id = r.id JOIN claims AS k ON k.reservation_id = r.id
                   JOIN reservation_history AS h ON h.reservation_id = r.id
                   JOIN jobs AS j ON j.payload ->> 'reservation_id' = r.id::text
                   WHERE r.id = $1""",
                outcome.reservation.id,
            )
        assert row is not None
        assert tuple(row)[:4] == (str(salon.tenant_id), contact, salon.ana, salon.ana)
        assert outcome.reservation.id in {held.reservation_id for held in await salon.said(ReservationHeld)}
        assert await salon.problems() == []


async def test_what_a_request_and_a_client_got_elsewhere_does_not_count_here(warm: Salon, neighbour: Salon) -> None:
    contact, request = new_id(), new_id()
    for hour in (9, 10):
        granted = await warm.holds.hold(
            wish(warm, at(3, hour), contact_id=contact, request_id=request if hour == 9 else new_id()), warm.occasion()
        )
        assert isinstance(granted, Held)
    outcomes = await asyncio.gather(
        warm.holds.hold(wish(warm, at(4, 9)), warm.occasion()),
        warm.holds.hold(wish(warm, at(3, 11), contact_id=contact), warm.occasion()),
        warm.holds.hold(wish(neighbour, at(3, 11), contact_id=contact), neighbour.occasion()),
        warm.holds.hold(wish(neighbour, at(3, 14), request_id=request), neighbour.occasion()),
    )
    assert codes(outcomes) == ["held", "too_many_holds", "held", "held"]
    assert [outcome.new for outcome in outcomes if isinstance(outcome, Held)] == [True] * 3
    assert len({xmin for salon in (warm, neighbour) for xmin in await transactions(salon, *outcomes)}) == 1


async def test_without_the_database_everybody_hears_that(warm: Salon, settings: Settings) -> None:
    url = settings.database_url.get_secret_value()
    async with Database(url, SERVICE.name, pool_size=2) as db:
        holds = Holds(db)
        assert codes(await at_once(holds, warm, wish(warm, at(3, 9)))) == ["held"]
    outcomes = await asyncio.gather(
        *(holds.hold(wish(warm, at(3, 9 + hour)), warm.occasion()) for hour in range(1, 3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]


async def test_whoever_goes_away_before_his_turn_gets_nothing(warm: Salon) -> None:
    async with kept_open(warm, at(3, 9)):
        first = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 9)), warm.occasion()))
        await eventually(lambda: waits(warm))
        leaving = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 10)), warm.occasion()))
        staying = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 11)), warm.occasion()))
        await asyncio.sleep(0)
        leaving.cancel()
    assert codes([await first, await staying]) == ["held", "held"]
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert codes(await at_once(warm.holds, warm, wish(warm, at(3, 10)))) == ["held"]


async def test_a_start_that_is_kept_open_holds_up_whoever_wants_it_and_nobody_else(warm: Salon) -> None:
    async with kept_open(warm, at(3, 9)):
        first = asyncio.create_task(warm.holds.hold(wish(warm, at(3, 9)), warm.occasion()))
        await eventually(lambda: waits(warm))
        async with asyncio.timeout(4):
            assert codes(await at_once(warm.holds, warm, wish(warm, at(3, 10)))) == ["held"]
        assert not first.done()
    assert codes([await first]) == ["held"]


async def test_a_client_somebody_else_has_is_waited_for_by_nobody_else(warm: Salon) -> None:
    mine = wish(warm, at(3, 9))
    async with warm.db.tx(warm.tenant_id) as tx:
        await tx.lock([f"{warm.tenant_id}:contact:{mine.contact_id}"])
        waiting = asyncio.create_task(warm.holds.hold(mine, warm.occasion()))
        assert codes(await at_once(warm.holds, warm, wish(warm, at(3, 10)))) == ["held"]
        assert not waiting.done()
    assert codes([await waiting]) == ["held"]


async def test_a_calendar_somebody_needs_to_himself_keeps_only_its_own_holds(warm: Salon) -> None:
    async with warm.db.tx(warm.tenant_id) as tx:
        await tx.lock([f"{warm.tenant_id}:{warm.ana}"])
        outcomes = await at_once(warm.holds, warm, wish(warm, at(3, 9)), wish(warm, at(3, 9), warm.bia))
    assert codes(outcomes) == ["held", "held"]
    assert len(await transactions(warm, *outcomes)) == 2


async def test_a_refused_message_stays_refused(warm: Salon) -> None:
    taken = await warm.held(at(3, 10), service=warm.brow, staff=warm.ana)
    asked = warm.wish(at(3, 10), service=warm.brow, staff=warm.ana)
    envelope = warm.envelope(asked)
    await warm.deliver(envelope)
    await warm.hear(warm.no(taken))
    await warm.deliver(envelope)
    assert [no.code for no in await warm.said(HoldRefused)] == ["slot_taken"]
    assert asked.request_id not in {held.request_id for held in await warm.said(ReservationHeld)}


async def test_a_hold_whose_time_is_up_gives_way(warm: Salon) -> None:
    first = await warm.held(at(3, 10), service=warm.brow, staff=warm.ana)
    warm.clock.advance(timedelta(hours=1))
    outcomes = await at_once(warm.holds, warm, *(wish(warm, at(3, 10)) for _ in range(3)), wish(warm, at(3, 11)))
    assert sorted(codes(outcomes)) == ["held", "held", "slot_taken", "slot_taken"]
    assert await warm.status(first.reservation_id) == "expired"


async def test_one_key_twice_at_once_is_one_hold(client: httpx.AsyncClient, warm: Salon) -> None:
    body = {
        "wants": [{"service_id": str(warm.brow), "staff_id": str(warm.ana)}],
        "start": at(3, 10).isoformat(),
        "contact_id": str(new_id()),
    }
    headers = {"Idempotency-Key": new_id().hex}
    answers = await asyncio.gather(
        *(client.post("/v1/reservations", json=body, headers=headers) for _ in range(3)),
        client.post("/v1/reservations", json={**body, "contact_id": str(new_id()), "start": at(3, 11).isoformat()}),
    )
    assert answers[3].status_code == 201
    assert {answer.status_code for answer in answers[:3]} <= {201, 409}
    assert {answer.json().get("code") for answer in answers[:3]} <= {None, "idempotency_key_in_progress"}
    again = await client.post("/v1/reservations", json=body, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert {answer.json()["id"] for answer in answers[:3] if answer.status_code == 201} == {again.json()["id"]}


async def test_a_refusal_is_kept_under_its_key(client: httpx.AsyncClient, warm: Salon) -> None:
    taken = await warm.held(at(3, 10), service=warm.brow, staff=warm.ana)
    body = {"wants": [{"service_id": str(warm.brow), "staff_id": str(warm.ana)}], "start": at(3, 10).isoformat()}
    headers = {"Idempotency-Key": new_id().hex}
    first = await client.post("/v1/reservations", json=body, headers=headers)
    await warm.hear(warm.no(taken))
    again = await client.post("/v1/reservations", json=body, headers=headers)
    assert (first.status_code, first.json()["code"], len(first.json()["alternatives"])) == (409, "slot_taken", 3)
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
