"""Two contacts turn out to be one person: so do their clients, with all they have booked and wait for."""

import asyncio
from datetime import timedelta
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_common.contracts import booking
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased, ContactMerged, ConversationMerged
from booka_common.contracts.waitlist import WaitlistLeaveRequested, WaitlistLeft
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, eventually, publish, running

from .salon import Salon, at
from .test_terms import finished
from .waiting import entry, join, run_due


class Known:
    """Somebody as messaging knows them by one id: a contact and their conversation."""

    def __init__(self) -> None:
        self.contact_id, self.conversation_id = new_id(), new_id()

    @property
    def ids(self) -> dict[str, Any]:
        return {"contact_id": self.contact_id, "conversation_id": self.conversation_id}

    def became(self, other: "Known") -> ContactMerged:
        pair = ConversationMerged(conversation_id=other.conversation_id, merged_conversation_id=self.conversation_id)
        return ContactMerged(contact_id=other.contact_id, merged_contact_id=self.contact_id, conversations=(pair,))


async def clients(salon: Salon) -> list[dict[str, Any]]:
    """All clients with the number of their reservations."""
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            """SELECT c.contact_id, c.name, c.phone, c.notes, c.version,
                   (SELECT count(*) FROM reservations AS r WHERE r.client_id = c.id) AS reservations
               FROM clients AS c WHERE c.tenant_id = $1 ORDER BY c.created_at""",
            salon.tenant_id,
        )
    return [dict(row) for row in rows]


async def reserved_by(salon: Salon) -> set[tuple[UUID | None, UUID | None]]:
    """Contacts and conversations of all reservations."""
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT contact_id, conversation_id FROM reservations WHERE tenant_id = $1", salon.tenant_id
        )
    return {(row["contact_id"], row["conversation_id"]) for row in rows}


async def noted(salon: Salon, who: Known, notes: str) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await tx.execute(
            "UPDATE clients SET notes = $3 WHERE tenant_id = $1 AND contact_id = $2",
            salon.tenant_id,
            who.contact_id,
            notes,
        )


async def test_two_clients_with_visits_become_one(salon: Salon) -> None:
    lid, number = Known(), Known()
    first = await salon.booked(at(3, 10), contact_name="Maria", phone=None, **lid.ids)
    second = await salon.booked(at(4, 10), contact_name=None, phone="+351912345678", **number.ids)
    await noted(salon, lid, "allergic")
    await noted(salon, number, "likes tea")
    message = salon.envelope(lid.became(number))
    for _ in range(3):
        await salon.deliver(message)
        await run_due(salon)
    (one,) = await clients(salon)
    assert (one["contact_id"], one["name"], one["phone"]) == (number.contact_id, "Maria", "+351912345678")
    assert (one["notes"], one["reservations"], one["version"]) == ("likes tea\nallergic", 2, 2)
    assert await reserved_by(salon) == {(number.contact_id, number.conversation_id)}
    for visit in (first, second):
        moved = visit.model_copy(update={"conversation_id": number.conversation_id})
        await salon.hear(salon.no(moved))
        assert await salon.status(visit.reservation_id) == "cancelled"
    assert {said.conversation_id for said in await salon.said(booking.ReservationCancelled)} == {number.conversation_id}
    assert await salon.problems() == []


async def test_who_has_only_been_known_by_the_other_id_keeps_their_client(salon: Salon) -> None:
    lid, number = Known(), Known()
    await salon.booked(at(3, 10), **lid.ids)
    (before,) = await clients(salon)
    await salon.hear(lid.became(number))
    (after,) = await clients(salon)
    assert after == {**before, "contact_id": number.contact_id, "version": before["version"] + 1}


async def test_nobody_here_is_merged_without_a_trace(salon: Salon) -> None:
    await salon.hear(Known().became(Known()))
    assert await clients(salon) == []


async def test_they_are_no_new_client_any_more(salon: Salon) -> None:
    await salon.put_policy(salon.colour, deposit_kind="percent", deposit_value=30, deposit_for="new_clients")
    lid, number = Known(), Known()
    await finished(salon, await salon.booked(at(3, 10), **lid.ids))
    assert (await salon.held(at(4, 10), service=salon.colour, **number.ids)).deposit is not None
    await salon.hear(lid.became(number))
    assert (await salon.held(at(5, 10), service=salon.colour, **number.ids)).deposit is None


async def test_visits_add_up_to_the_waiver(salon: Salon) -> None:
    await salon.put_policy(salon.colour, deposit_kind="percent", deposit_value=30, deposit_waived_after=2)
    lid, number = Known(), Known()
    await finished(salon, await salon.booked(at(3, 10), **lid.ids))
    await finished(salon, await salon.booked(at(4, 10), **number.ids))
    await salon.hear(lid.became(number))
    assert (await salon.held(at(5, 10), service=salon.colour, **number.ids)).deposit is None


async def test_the_limit_of_holds_counts_both(salon: Salon) -> None:
    lid, number = Known(), Known()
    await salon.held(at(3, 10), **lid.ids)
    await salon.held(at(3, 11), **number.ids)
    await salon.hear(lid.became(number))
    assert (await salon.refused(salon.wish(at(4, 10), **number.ids))).code == "too_many_holds"


async def test_what_is_under_way_with_the_old_conversation_finds_its_reservation(salon: Salon) -> None:
    lid, number = Known(), Known()
    held = await salon.held(at(3, 10), **lid.ids)
    visit = await salon.booked(at(4, 10), **lid.ids)
    await salon.hear(lid.became(number))
    await salon.hear(salon.yes(held))
    assert await salon.status(held.reservation_id) == "confirmed"
    assert (await salon.quoted(visit)).cancellable
    await salon.hear(salon.another(visit, at(5, 10)))
    assert len(await salon.said(booking.ReservationMoved)) == 1
    await salon.hear(salon.no(visit))
    assert await salon.status(visit.reservation_id) == "cancelled"
    stranger = held.model_copy(update={"conversation_id": new_id()})
    await salon.hear(salon.no(stranger))
    assert await salon.status(held.reservation_id) == "confirmed", "nobody else may"


async def test_a_hold_that_comes_late_with_the_old_id_is_theirs_soon(salon: Salon) -> None:
    lid, number = Known(), Known()
    await salon.booked(at(3, 10), **number.ids)
    await salon.hear(lid.became(number))
    held = await salon.held(at(4, 10), **lid.ids)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=1))
    await run_due(salon)
    (one,) = await clients(salon)
    assert (one["contact_id"], one["reservations"]) == (number.contact_id, 2)
    assert await reserved_by(salon) == {(number.contact_id, number.conversation_id)}
    assert await salon.status(held.reservation_id) == "confirmed"


async def test_the_waiting_list_goes_with_them(salon: Salon) -> None:
    lid, number = Known(), Known()
    joined = await join(salon, **lid.ids)
    await salon.hear(lid.became(number))
    waits = await entry(salon, joined.entry_id)
    assert (waits.contact_id, waits.conversation_id) == (number.contact_id, number.conversation_id)
    await salon.hear(WaitlistLeaveRequested(conversation_id=lid.conversation_id, entry_id=joined.entry_id))
    (left,) = await salon.said(WaitlistLeft)
    assert left.conversation_id == number.conversation_id


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_chain_ends_the_same_in_any_order_and_repeated(salon: Salon, order: tuple[int, ...]) -> None:
    people = [Known() for _ in range(4)]
    for day, one in enumerate(people, 3):
        await salon.booked(at(day, 10), **one.ids)
    messages = [salon.envelope(one.became(other)) for one, other in pairwise(people)]
    for place in (*order, *order):
        await salon.deliver(messages[place])
    (stays,) = await clients(salon)
    assert (stays["contact_id"], stays["reservations"]) == (people[3].contact_id, 4)
    assert await reserved_by(salon) == {(people[3].contact_id, people[3].conversation_id)}


@pytest.mark.parametrize("turn", range(3))
async def test_they_book_while_they_become_one(salon: Salon, turn: int) -> None:
    lid, number = Known(), Known()
    wishes = [salon.wish(at(3 + turn, hour), **one.ids) for hour, one in ((10, lid), (14, number), (15, lid))]
    await salon.booked(at(10, 10), **lid.ids)
    await salon.booked(at(10, 14), **number.ids)
    merged = salon.envelope(lid.became(number))
    await asyncio.gather(
        *(salon.hear(wish) for wish in wishes), *(salon.deliver(merged) for _ in range(3)), join(salon, **lid.ids)
    )
    held = {one.request_id for one in await salon.said(booking.ReservationHeld)}
    refused = {one.request_id: one.code for one in await salon.said(booking.HoldRefused)}
    assert {wish.request_id for wish in wishes} <= held | set(refused)
    assert set(refused.values()) <= {"too_many_holds"}
    salon.clock.advance(timedelta(minutes=1))
    await run_due(salon)
    (one,) = await clients(salon)
    assert one["contact_id"] == number.contact_id
    assert await reserved_by(salon) == {(number.contact_id, number.conversation_id)}
    assert await salon.problems() == []


@pytest.mark.parametrize("erased_first", [False, True])
async def test_who_is_erased_is_forgotten_under_all_ids(salon: Salon, erased_first: bool) -> None:
    lid, number = Known(), Known()
    await salon.booked(at(3, 10), contact_name="Maria", **lid.ids)
    await salon.booked(at(3, 14), contact_name="Maria", **number.ids)
    salon.clock.advance(at(4, 0) - salon.clock())
    erased = ContactErased(
        contact_id=number.contact_id,
        conversation_ids=(lid.conversation_id, number.conversation_id),
        merged_ids=(lid.contact_id,),
    )
    messages = (erased, lid.became(number)) if erased_first else (lid.became(number), erased)
    await salon.hear(*messages)
    await run_due(salon)
    assert {(one["contact_id"], one["name"]) for one in await clients(salon)} == {(None, None)}
    assert {known for ids in await reserved_by(salon) for known in ids} == {None}


async def test_heard_five_times_over_the_broker_it_is_done_once(
    settings: Settings, salon: Salon, clock: FrozenClock
) -> None:
    lid, number = Known(), Known()
    await salon.booked(at(3, 10), **lid.ids)
    await salon.booked(at(4, 10), **number.ids)
    message: Envelope[ContactMerged] = salon.envelope(lid.became(number))
    async with running(create_app(settings, clock)):
        await publish(settings.amqp_url.get_secret_value(), *[message] * 5)

        async def one_client() -> bool:
            return len(await clients(salon)) == 1

        await eventually(one_client)
    assert [one["version"] for one in await clients(salon)] == [2]
