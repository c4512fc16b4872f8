"""Who has a visit and waits for a better time: at the yes the visit moves there, and they end with one visit."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.store import reservations
from booka_booking.usecases.changes import cancel
from booka_common.contracts.booking import (
    DepositDue,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationHeld,
    ReservationMoved,
)
from booka_common.contracts.messaging import ContactMerged, ConversationMerged
from booka_common.contracts.waitlist import WaitlistLeft, WaitlistOffered
from booka_common.ids import new_id
from booka_common.testing import eventually

from .salon import Salon, at
from .waiting import (
    accept,
    entry,
    full_day,
    join,
    last_offer,
    offered_to,
    outcomes,
    refused,
    run_due,
    settle,
    wish_to_wait,
)


async def waits(salon: Salon, visit: ReservationHeld, **how: Any) -> UUID:
    """Whoever has this visit waits for the third of March instead."""
    known = {"contact_id": visit.contact_id, "conversation_id": visit.conversation_id, **how}
    return (await join(salon, replaces=visit.reservation_id, **known)).entry_id


async def offered(salon: Salon, **how: Any) -> tuple[ReservationHeld, UUID, WaitlistOffered]:
    """A visit on the fifth, whose client waits for the third and is being offered nine o'clock of it."""
    first, _ = await full_day(salon)
    visit = await salon.booked(at(5, 14), staff=salon.ana, **how)
    entry_id = await waits(salon, visit)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    return visit, entry_id, await last_offer(salon, entry_id)


async def read(salon: Salon, reservation_id: UUID) -> Any:
    async with salon.db.tx(salon.tenant_id) as tx:
        return await reservations.get(tx, reservation_id)


async def history(salon: Salon, reservation_id: UUID) -> tuple[str, str, datetime]:
    """Who changed a reservation last, why, and what start it has since."""
    async with salon.db.tx(salon.tenant_id) as tx:
        last = (await reservations.list_history(tx, reservation_id))[-1]
    return last["who"], last["why"], last["starts_at"]


async def test_the_visit_moves_with_its_deposit_whatever_its_terms_say_of_moving(salon: Salon) -> None:
    visit, entry_id, offer = await offered(salon)
    await salon.put_policy(salon.cut, deposit_kind="fixed", deposit_value=3000)
    # A second one, paid for, that its client may not move any more.
    await salon.put_policy(
        salon.cut, deposit_kind="fixed", deposit_value=3000, reschedule_limit=0, cancel_notice_hours=700
    )
    paid = await salon.booked(at(5, 15), staff=salon.ana)
    await salon.hear(salon.another(paid, at(6, 9)))
    assert (await read(salon, paid.reservation_id)).start == at(5, 15), "the client may not move it"
    dues = len(await salon.said(DepositDue))
    waiting = await waits(salon, paid)
    await settle(salon)
    assert await offered_to(salon, waiting) == []
    await salon.hear(salon.no(ReservationHeld(**offer.model_dump(exclude={"entry_id", "service_ids", "replaces"}))))
    await run_due(salon)
    better = await last_offer(salon, waiting)
    assert better.replaces is not None
    assert (better.replaces.reservation_id, better.replaces.visit.start) == (paid.reservation_id, at(5, 15))
    assert better.deposit is None
    before = await read(salon, paid.reservation_id)
    await salon.hear(accept(better), accept(better))
    after = await read(salon, paid.reservation_id)
    assert (after.start, after.status, after.version) == (at(3, 9), "confirmed", before.version + 1)
    assert (after.paid_minor, after.transaction_id, after.terms, after.moves) == (
        3000,
        before.transaction_id,
        before.terms,
        0,
    )
    assert after.guest_name == "Rui Costa", "not whoever said yes"
    assert await history(salon, after.id) == ("client", "took_offer", at(3, 9))
    assert await salon.status(better.reservation_id) == "cancelled"
    assert (await history(salon, better.reservation_id))[1] == "took_offer"
    assert await outcomes(salon, waiting) == ["booked"]
    assert (await entry(salon, waiting)).status == "booked"
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["booked"]
    (moved,) = await salon.said(ReservationMoved)
    assert (moved.offer_id, moved.version, moved.visit.start) == (better.reservation_id, after.version, at(3, 9))
    assert moved.conversation_id == paid.conversation_id
    assert len(await salon.said(DepositDue)) == dues
    assert better.reservation_id not in {it.reservation_id for it in await salon.said(ReservationCancelled)}
    assert (await entry(salon, entry_id)).status == "waiting", "the other one goes on waiting"
    assert await salon.status(visit.reservation_id) == "confirmed"
    assert await salon.problems() == []


async def test_what_it_leaves_is_offered_to_the_next(salon: Salon) -> None:
    _, _, offer = await offered(salon)
    next_one = await join(salon, day=5, from_minute=14 * 60, until_minute=14 * 60 + 1)
    await settle(salon)
    assert await offered_to(salon, next_one.entry_id) == []
    await salon.hear(accept(offer))
    await run_due(salon)
    assert (await last_offer(salon, next_one.entry_id)).visit.start == at(5, 14)
    assert await salon.problems() == []


@pytest.mark.parametrize("gone", ["cancelled", "begun", "judged"])
async def test_without_its_visit_an_offer_is_one_like_any_other(salon: Salon, gone: str) -> None:
    visit, entry_id, offer = await offered(salon)
    match gone:
        case "cancelled":
            await salon.hear(salon.no(visit))
        case "begun":
            async with salon.db.tx(salon.tenant_id) as tx:
                await tx.execute(
                    "UPDATE reservations SET starts_at = $2 WHERE id = $1",
                    visit.reservation_id,
                    salon.clock() - timedelta(minutes=1),
                )
                await tx.execute(
                    "UPDATE reservation_segments SET starts_at = $2 WHERE reservation_id = $1",
                    visit.reservation_id,
                    salon.clock() - timedelta(minutes=1),
                )
        case _:
            async with salon.db.tx(salon.tenant_id) as tx:
                await tx.execute("UPDATE reservations SET status = 'completed' WHERE id = $1", visit.reservation_id)
    before = await salon.status(visit.reservation_id)
    await salon.hear(accept(offer))
    assert await salon.status(offer.reservation_id) == "confirmed"
    assert await salon.status(visit.reservation_id) == before
    assert (await salon.said(ReservationConfirmed))[-1].reservation_id == offer.reservation_id
    assert await salon.said(ReservationMoved) == []
    assert (await entry(salon, entry_id)).status == "booked"


async def test_a_visit_that_went_before_the_offer_was_made_is_not_spoken_of(salon: Salon) -> None:
    first, _ = await full_day(salon)
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    entry_id = await waits(salon, visit)
    await settle(salon)
    await salon.hear(salon.no(visit), salon.no(first))
    await run_due(salon)
    offer = await last_offer(salon, entry_id)
    assert offer.replaces is None
    await salon.hear(accept(offer))
    assert await salon.status(offer.reservation_id) == "confirmed"


async def test_a_visit_that_is_only_held_is_given_up_for_the_offer(salon: Salon) -> None:
    first, _ = await full_day(salon)
    await salon.put_policy(None, hold_seconds=3600)
    visit = await salon.held(at(5, 14), staff=salon.ana)
    entry_id = await waits(salon, visit)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    offer = await last_offer(salon, entry_id)
    assert offer.replaces is not None
    await salon.hear(accept(offer))
    assert await salon.status(offer.reservation_id) == "confirmed"
    assert await salon.status(visit.reservation_id) == "cancelled"
    assert await history(salon, visit.reservation_id) == ("client", "took_offer", at(5, 14))
    assert await salon.problems() == []


async def test_too_late_a_yes_leaves_the_visit_where_it_is(salon: Salon) -> None:
    visit, _, offer = await offered(salon)
    salon.clock.at = offer.expires_at
    await salon.hear(accept(offer))
    assert await salon.status(offer.reservation_id) == "expired"
    assert (await read(salon, visit.reservation_id)).start == at(5, 14)


async def test_what_cannot_be_replaced_is_refused(salon: Salon) -> None:
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    mine = {"contact_id": visit.contact_id}

    async def code(replaces: UUID, **how: Any) -> str:
        return await refused(salon, wish_to_wait(salon, replaces=replaces, **{**mine, **how}))

    assert await code(new_id()) == "unknown_reservation"
    assert await code(visit.reservation_id, contact_id=new_id()) == "unknown_reservation"
    assert await code(visit.reservation_id, wants=salon.wants((salon.brow, salon.ana))) == "other_services"
    cut = (salon.cut, salon.ana)
    assert await code(visit.reservation_id, wants=salon.wants(cut, cut)) == "other_services"
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await reservations.lock(tx, visit.reservation_id)
        assert it is not None
        await cancel(tx, it, salon.occasion(), by="salon", why="by hand")
    assert await code(visit.reservation_id) == "already_over"
    hold = await salon.held(at(5, 14), staff=salon.ana)
    salon.clock.advance(timedelta(minutes=11))
    assert await code(hold.reservation_id, contact_id=hold.contact_id) == "already_over"


async def test_who_waits_already_and_says_only_now_what_it_is_instead_of(salon: Salon) -> None:
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    known: dict[str, Any] = {"contact_id": visit.contact_id, "conversation_id": visit.conversation_id}
    first = await join(salon, **known)
    again = await join(salon, **known, replaces=visit.reservation_id)
    assert (again.entry_id, again.replaces) == (first.entry_id, visit.reservation_id)
    assert (await entry(salon, first.entry_id)).version == 2
    plain = await join(salon, **known)
    assert (plain.entry_id, plain.replaces) == (first.entry_id, visit.reservation_id), "nobody ends up with two"
    assert (await entry(salon, first.entry_id)).version == 2


async def test_told_where_they_said_yes_and_where_they_had_booked(salon: Salon) -> None:
    first, _ = await full_day(salon)
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    talk = new_id()
    entry_id = await waits(salon, visit, conversation_id=talk)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    await salon.hear(accept(await last_offer(salon, entry_id)))
    told = await salon.said(ReservationMoved)
    assert [it.conversation_id for it in told] == [talk, visit.conversation_id]
    assert len({it.version for it in told}) == 1


async def test_a_visit_of_the_same_person_under_another_id(salon: Salon) -> None:
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    stays, talk = new_id(), new_id()
    assert visit.contact_id is not None
    assert visit.conversation_id is not None
    await salon.hear(
        ContactMerged(
            contact_id=stays,
            merged_contact_id=visit.contact_id,
            conversations=(ConversationMerged(conversation_id=talk, merged_conversation_id=visit.conversation_id),),
        )
    )
    assert (await join(salon, contact_id=stays, replaces=visit.reservation_id)).replaces == visit.reservation_id


# --- HTTP


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(new_id())}


async def test_over_http_the_salon_sees_it_and_says_yes_for_the_client(salon: Salon, client: httpx.AsyncClient) -> None:
    visit = await salon.booked(at(5, 14), staff=salon.ana)
    body = {
        "contact_id": str(visit.contact_id),
        "conversation_id": str(visit.conversation_id),
        "wants": [{"service_id": str(salon.cut), "staff_id": str(salon.ana)}],
        "first_day": "2026-03-03",
        "last_day": "2026-03-03",
    }
    for change, status, code in (
        ({"replaces": str(new_id())}, 400, "unknown_reservation"),
        ({"wants": [{"service_id": str(salon.brow)}], "replaces": str(visit.reservation_id)}, 409, "other_services"),
    ):
        answer = await client.post("/v1/waitlist", json={**body, **change}, headers=key())
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    made = await client.post("/v1/waitlist", json={**body, "replaces": str(visit.reservation_id)}, headers=key())
    assert (made.status_code, made.json()["replaces"]) == (201, str(visit.reservation_id))
    salon.clock.advance(timedelta(seconds=61))
    (offer,) = await eventually(lambda: offered_to(salon, UUID(made.json()["id"])))
    detail = (await client.get(f"/v1/waitlist/{made.json()['id']}")).json()
    assert [item["replaces"] for item in detail["offered"]] == [str(visit.reservation_id)]
    answer = await client.post(
        f"/v1/reservations/{offer.reservation_id}/confirm", json={}, headers={**key(), "If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["id"], answer.json()["status"]) == (str(visit.reservation_id), "confirmed")
    assert datetime.fromisoformat(answer.json()["visit"]["start"]).date() == date(2026, 3, 3)
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    again = await client.post(f"/v1/reservations/{offer.reservation_id}/confirm", json={}, headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "already_cancelled")
