"""What a visit takes of people and chairs, over a real PostgreSQL: several services, gaps, buffers, who does it."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from booka_booking.domain.times import Span
from booka_booking.store import offer
from booka_common.contracts.booking import HoldRefused, ReservationConfirmed, ReservationHeld
from booka_common.contracts.envelope import Message
from booka_common.ids import new_id

from .salon import WEEK, Salon, at


async def test_services_in_one_visit_follow_each_other_by_one_person(salon: Salon) -> None:
    held = await salon.held(at(3, 13), wants=salon.wants(salon.cut, salon.colour))
    assert held.visit.service_names == ("Corte", "Coloração")
    assert held.visit.staff_names == ("Ana", "Ana")
    assert held.visit.end - held.visit.start == timedelta(minutes=135)
    assert (held.visit.price.minor, held.deposit and held.deposit.minor) == (29000, 6000)
    assert {chair for _, chair, _ in await salon.seats(held.reservation_id)} == {"Janela"}
    refused = await salon.refused(salon.wish(at(3, 15, 15), staff=salon.ana))
    assert refused.alternatives[0].start == at(3, 15, 30)  # the buffer after colouring
    assert await salon.problems() == []


async def test_different_people_do_what_each_was_asked_for_on_one_chair(salon: Salon) -> None:
    wants = salon.wants((salon.cut, salon.ana), (salon.blow, salon.bia), (salon.brow, salon.ana))
    held = await salon.held(at(3, 10), wants=wants)
    assert await salon.seats(held.reservation_id) == [
        ("Ana", "Janela", at(3, 10)),
        ("Bia", "Janela", at(3, 10, 45)),
        ("Ana", None, at(3, 11, 30)),
    ]
    assert held.visit.staff_names == ("Ana", "Bia", "Ana")  # as in slots: whoever hears it knows who does what
    assert held.visit.price.minor == 9000 + 7000 + 4000  # Bia's price
    # Between her two services Ana has 45 minutes for somebody else.
    between = await salon.held(at(3, 10, 45), service=salon.cut, staff=salon.ana)
    assert await salon.seats(between.reservation_id) == [("Ana", "Parede", at(3, 10, 45))]
    assert await salon.problems() == []


async def test_a_visit_of_which_a_part_is_taken_is_not_held_at_all(salon: Salon) -> None:
    await salon.held(at(3, 10, 45), service=salon.brow, staff=salon.bia)
    wants = salon.wants((salon.cut, salon.ana), (salon.brow, salon.bia))
    refused = await salon.refused(salon.wish(at(3, 10), wants=wants))
    assert refused.code == "slot_taken"
    assert [slot.staff_names for slot in refused.alternatives] == [("Ana", "Bia")] * 3
    assert refused.alternatives[0].start == at(3, 10, 30)
    assert len(await salon.said(ReservationHeld)) == 1
    await salon.held(at(3, 10), staff=salon.ana)  # nothing of it was kept
    assert await salon.problems() == []


async def test_for_anybody_it_is_one_person_if_one_can_and_else_few_changes(salon: Salon) -> None:
    alone = await salon.held(at(3, 14), wants=salon.wants(salon.cut, salon.updo))  # Ana does no updos
    assert [name for name, _, _ in await salon.seats(alone.reservation_id)] == ["Bia", "Bia"]
    nobody = await salon.held(at(6, 13), wants=salon.wants(salon.updo, salon.colour, salon.cut))
    assert [name for name, _, _ in await salon.seats(nobody.reservation_id)] == ["Bia", "Ana", "Ana"]
    caio = await salon.held(at(4, 13, 15), wants=salon.wants(salon.updo, salon.colour, salon.cut))
    assert [name for name, _, _ in await salon.seats(caio.reservation_id)] == ["Caio"] * 3
    assert await salon.problems() == []


async def test_in_the_gap_of_one_client_there_is_time_for_another_but_not_on_the_same_chair(salon: Salon) -> None:
    colour = await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)  # Ana is free from 10:30 to 11
    refused = await salon.refused(salon.wish(at(3, 10, 15), service=salon.blow, staff=salon.ana))
    assert refused.alternatives[0].start == at(3, 10, 30)
    within = await salon.held(at(3, 10, 30), service=salon.blow, staff=salon.ana)
    assert await salon.seats(colour.reservation_id) == [("Ana", "Janela", at(3, 10))]
    assert await salon.seats(within.reservation_id) == [("Ana", "Parede", at(3, 10, 30))]
    # No chair is left for a third one, whoever would have the time; what needs none is done.
    assert (await salon.refused(salon.wish(at(3, 10, 30), staff=salon.bia))).code == "slot_taken"
    await salon.held(at(3, 10, 30), service=salon.brow, staff=salon.bia)
    assert await salon.problems() == []


async def test_a_gap_that_is_too_short_is_no_time_for_anybody(salon: Salon) -> None:
    await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)
    for minute in (30, 45):
        assert (await salon.refused(salon.wish(at(3, 10, minute), staff=salon.ana))).code == "slot_taken"
    assert at(3, 10, 30) in {slot.start for slot in (await salon.find(service=salon.brow, staff=salon.ana)).slots}


async def test_without_a_chair_there_is_no_visit_though_somebody_is_free(salon: Salon) -> None:
    await salon.held(at(3, 14), staff=salon.ana)
    await salon.held(at(3, 14), staff=salon.bia)
    refused = await salon.refused(salon.wish(at(3, 14), staff=salon.caio))
    assert (refused.code, refused.alternatives[0].start) == ("slot_taken", at(3, 14, 45))
    async with salon.db.tx(salon.tenant_id) as tx:
        await offer.put_resource(tx, new_id(), salon.chairs, "Sofá", active=True)
    await salon.held(at(3, 14), staff=salon.caio)
    assert await salon.problems() == []


async def test_a_chair_is_kept_over_the_buffers_too(salon: Salon) -> None:
    await salon.held(at(3, 14), service=salon.updo, staff=salon.bia)  # a chair and Bia from 13:45 to 15:15
    await salon.held(at(3, 15), staff=salon.ana)
    taken = await salon.refused(salon.wish(at(3, 15), staff=salon.caio))
    assert taken.alternatives[0].start == at(3, 15, 15)
    for hour, minute in ((13, 15), (15, 0)):
        assert (await salon.refused(salon.wish(at(3, hour, minute), staff=salon.bia))).code == "slot_taken"
    await salon.held(at(3, 13), staff=salon.bia)
    await salon.held(at(3, 15, 15), service=salon.brow, staff=salon.bia)
    assert await salon.problems() == []


async def test_between_services_of_one_person_there_is_no_buffer(salon: Salon) -> None:
    wants = salon.wants((salon.updo, salon.bia), (salon.updo, salon.bia), (salon.brow, salon.bia))
    held = await salon.held(at(3, 14), wants=wants)
    assert held.visit.end == at(3, 16, 30)
    await salon.held(at(3, 16, 30), service=salon.brow, staff=salon.bia)  # none after a service without one
    assert await salon.problems() == []


async def test_buffers_may_reach_out_of_the_hours_but_the_visit_may_not(salon: Salon) -> None:
    starts = {slot.start for slot in (await salon.find(service=salon.updo, staff=salon.bia)).slots}
    assert at(3, 9) in starts
    assert at(3, 17) in starts
    assert at(3, 17, 15) not in starts


async def test_somebodys_own_duration_and_price_are_pinned(salon: Salon) -> None:
    own = await salon.booked(at(3, 10), service=salon.blow, staff=salon.bia)
    usual = await salon.held(at(3, 10), service=salon.blow, staff=salon.ana)
    assert (own.visit.end, own.visit.price.minor) == (at(3, 10, 45), 7000)
    assert (usual.visit.end, usual.visit.price.minor) == (at(3, 10, 30), 6000)
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_staff(tx, salon.bia, "Beatriz", [salon.blow])
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert confirmed.visit == own.visit
    assert (await salon.held(at(3, 11), service=salon.blow, staff=salon.bia)).visit.price.minor == 6000


async def test_whoever_has_hours_of_their_own_is_there_only_then(salon: Salon) -> None:
    assert (await salon.refused(salon.wish(at(3, 10), staff=salon.caio))).code == "not_offered"
    refused = await salon.refused(salon.wish(at(6, 14), staff=salon.caio))  # a Friday
    assert (refused.code, refused.alternatives[0].start) == ("not_offered", at(10, 13))
    off = await salon.away(salon.caio, date(2026, 3, 10), 13 * 60, 15 * 60)
    assert (await salon.refused(salon.wish(at(10, 14, 30), staff=salon.caio))).alternatives[0].start == at(10, 15)
    await salon.back(off)
    await salon.held(at(10, 14, 30), staff=salon.caio)


async def test_closing_a_day_leaves_what_is_booked_and_takes_no_more(salon: Salon) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    await salon.change(exceptions={date(2026, 3, 3): ()})
    assert (await salon.refused(salon.wish(at(3, 14)))).code == "not_offered"
    await salon.hear(salon.yes(held))
    assert await salon.status(held.reservation_id) == "confirmed"
    await salon.change(exceptions={date(2026, 3, 3): (Span(14 * 60, 16 * 60),)})
    assert {slot.start for slot in (await salon.find(3)).slots} == {
        at(3, 14) + timedelta(minutes=15) * n for n in range(6)
    }
    await salon.change(exceptions={}, opening={**WEEK, 2: (Span(600, 660),)})
    assert [slot.start for slot in (await salon.find(3, staff=salon.bia)).slots] == [at(3, 10), at(3, 10, 15)]


async def test_the_least_booked_of_the_day_gets_the_next(salon: Salon) -> None:
    names = [(await salon.held(at(4, hour))).visit.staff_names for hour in (13, 14, 15, 16)]
    assert names == [("Ana",), ("Bia",), ("Caio",), ("Ana",)]
    assert (await salon.held(at(5, 13))).visit.staff_names == ("Ana",)  # of that day
    await salon.held(at(6, 9), service=salon.colour, staff=salon.ana)
    longest = [
        (await salon.held(at(6, hour, minute))).visit.staff_names[0] for hour, minute in ((11, 0), (13, 0), (14, 0))
    ]
    assert longest == ["Bia", "Bia", "Ana"]  # minutes are counted, not visits; those of the gap are not


@pytest.mark.parametrize(("assignment", "expected"), [("fair", "Ana"), ("last_first", "Bia")])
async def test_the_last_one_goes_first_if_the_salon_wants_it_so(salon: Salon, assignment: str, expected: str) -> None:
    await salon.change(assignment=assignment)
    contact = new_id()
    await salon.booked(at(3, 9), staff=salon.bia, contact_id=contact)
    again = await salon.held(at(4, 9), contact_id=contact)
    assert again.visit.staff_names == (expected,)
    (slot, *_) = (await salon.find(5, contact_id=contact)).slots
    assert slot.staff_names == (expected,)
    assert (await salon.held(at(5, 9))).visit.staff_names == ("Ana",)  # somebody else


async def test_the_last_one_is_not_waited_for(salon: Salon) -> None:
    await salon.change(assignment="last_first")
    contact = new_id()
    await salon.booked(at(3, 9), staff=salon.bia, contact_id=contact)
    await salon.held(at(4, 9), staff=salon.bia)
    assert (await salon.held(at(4, 9), contact_id=contact)).visit.staff_names == ("Ana",)


async def test_who_comes_need_not_be_who_writes(salon: Salon) -> None:
    held = await salon.held(at(3, 10), guest_name="Dona Célia")
    other = await salon.held(at(3, 14), contact_name="Rui")
    await salon.hear(salon.yes(other, "Seu João"))
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT r.id, r.guest_name, c.name FROM reservations AS r JOIN clients AS c ON c.id = r.client_id "
            "WHERE r.tenant_id = $1",
            salon.tenant_id,
        )
    assert {row["id"]: (row["guest_name"], row["name"]) for row in rows} == {
        held.reservation_id: ("Dona Célia", "Rui"),
        other.reservation_id: ("Seu João", "Rui"),
    }
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert confirmed.guest_name == "Seu João"


async def test_a_hold_that_is_over_makes_way_for_whoever_asks_and_ends_once(salon: Salon) -> None:
    wants = salon.wants((salon.cut, salon.ana), (salon.brow, salon.bia))
    old, beside = await salon.held(at(3, 10), wants=wants), await salon.held(at(3, 14), staff=salon.ana)
    salon.clock.advance(timedelta(minutes=10))
    found = await salon.find(3, service=salon.brow, staff=salon.bia)
    assert at(3, 10, 45) in {slot.start for slot in found.slots}  # offered before anybody ended it
    assert await salon.status(old.reservation_id) == "held"
    await salon.held(at(3, 10, 45), service=salon.brow, staff=salon.bia)
    assert await salon.status(old.reservation_id) == "expired"
    assert await salon.status(beside.reservation_id) == "held"  # not in anybody's way
    await salon.held(at(3, 10), staff=salon.ana)  # all of it is free, not only the part in the way
    await salon.expire_due()
    assert await salon.status(beside.reservation_id) == "expired"
    assert (await salon.all_said()).count("booking.reservation.expired.v1") == 2
    assert await salon.problems() == []


@pytest.mark.parametrize("limit", [1, 5, 50])
async def test_everything_offered_can_be_booked(salon: Salon, limit: int) -> None:
    wants = salon.wants(salon.cut, (salon.brow, salon.bia), salon.colour)
    await salon.held(at(4, 14), service=salon.updo)
    await salon.held(at(4, 13), service=salon.colour, staff=salon.ana)
    for slot in (await salon.find(4, wants=wants, limit=limit)).slots:
        held = await salon.held(slot.start, wants=wants)
        assert (held.visit.start, held.visit.end) == (slot.start, slot.end)
        assert tuple(name for name, _, _ in await salon.seats(held.reservation_id)) == slot.staff_names
        await salon.hear(salon.no(held))
    assert await salon.problems() == []


async def test_a_request_for_what_is_not_there_says_so_in_full(salon: Salon) -> None:
    wants = salon.wants((salon.cut, salon.ana), (UUID(int=9), None))
    refused = await salon.refused(salon.wish(at(3, 10), wants=wants))
    assert (refused.code, refused.alternatives) == ("unknown_service", ())
    kinds: tuple[type[Message], ...] = (ReservationHeld, HoldRefused)
    assert [len(await salon.said(kind)) for kind in kinds] == [0, 1]
