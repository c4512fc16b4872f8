"""The life of a visit through the use cases, over a real PostgreSQL: what is said, and what is so afterwards."""

from datetime import timedelta
from uuid import UUID

import pytest

from booka_booking.store import offer, people
from booka_booking.usecases.catalogue import publish
from booka_common.contracts.booking import (
    CatalogueChanged,
    ConfirmationRefused,
    DepositDue,
    DepositUnusable,
    HoldRefused,
    ReminderReady,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationHeld,
)
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.money import Money

from .salon import Salon, at


async def test_the_catalogue_is_told_whole_with_deposits_computed(salon: Salon) -> None:
    (told,) = await salon.said(CatalogueChanged)
    by_name = {service.name: service for service in told.services}
    assert (told.revision, told.salon_name, told.zone, told.currency) == (2, "Salão Íris", "America/Sao_Paulo", "BRL")
    assert by_name["Corte"].deposit is None
    assert by_name["Coloração"].deposit == Money(minor=6000, currency="BRL")
    assert (by_name["Escova"].duration_minutes, by_name["Escova"].price.minor) == (30, 6000)  # Bia's own are not told
    assert [(member.name, len(member.service_ids)) for member in told.staff] == [("Ana", 4), ("Bia", 4), ("Caio", 3)]


async def test_nothing_is_told_before_there_is_something_to_book_and_everything_after(
    db: Database, salon: Salon
) -> None:
    other = Salon(db, new_id(), salon.clock)

    async def change(id: UUID, *, active: bool) -> None:
        async with db.tx(other.tenant_id) as tx:
            await other.put_service(tx, id, "Corte", 30, 100, active=active)
            await publish(tx, other.occasion())

    await change(other.cut, active=True)  # no profile, no staff
    assert await other.said(CatalogueChanged) == []
    await other.open()
    for service in (other.cut, other.colour, other.blow, other.updo, other.brow):
        await change(service, active=False)
    told = await other.said(CatalogueChanged)
    assert [len(message.services) for message in told] == [5, 4, 3, 2, 1, 0]
    assert [message.revision for message in told] == [2, 3, 4, 5, 6, 7]


async def test_from_hold_to_confirmation_without_a_deposit(salon: Salon) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    assert held.version == 1
    assert held.deposit is None
    assert held.expires_at == salon.clock() + timedelta(minutes=10)
    assert held.visit.service_names == ("Corte",)
    assert held.visit.staff_names == ("Ana",)
    assert held.visit.end - held.visit.start == timedelta(minutes=45)
    await salon.hear(salon.yes(held), salon.yes(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.version, confirmed.guest_name, confirmed.deposit_paid) == (2, "Rui Costa", None)
    assert confirmed.visit == held.visit
    salon.clock.advance(timedelta(hours=1))
    await salon.expire_due()  # the job of the hold's end finds a confirmed visit
    assert await salon.status(held.reservation_id) == "confirmed"
    assert await salon.said(ReservationExpired) == []


async def test_with_a_deposit_the_hold_lasts_until_it_is_paid(salon: Salon) -> None:
    held = await salon.held(at(3, 10), service=salon.colour)
    assert held.deposit == Money(minor=6000, currency="BRL")
    salon.clock.advance(timedelta(minutes=9))
    await salon.hear(salon.yes(held), salon.yes(held))
    (due,) = await salon.said(DepositDue)
    assert (due.amount.minor, due.version, due.locale, due.description) == (6000, 2, "pt-BR", "Coloração")
    assert due.expires_at == salon.clock() + timedelta(minutes=30)
    salon.clock.advance(timedelta(minutes=2))
    await salon.expire_due()  # the first end of the hold was put off
    assert await salon.status(held.reservation_id) == "held"
    await salon.hear(salon.payment(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.version, confirmed.deposit_paid, confirmed.reseated) == (
        3,
        Money(minor=6000, currency="BRL"),
        False,
    )


async def test_an_unpaid_hold_ends_and_its_start_is_free_again(salon: Salon) -> None:
    held = await salon.held(at(3, 10), service=salon.colour)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=31))
    await salon.expire_due()
    (expired,) = await salon.said(ReservationExpired)
    assert (expired.deposit_was_due, expired.version, expired.conversation_id) == (True, 3, held.conversation_id)
    await salon.held(at(3, 10), service=salon.colour)


async def test_an_overdue_hold_makes_way_before_its_job_has_run(salon: Salon) -> None:
    first = await salon.held(at(3, 10), staff=salon.ana)
    salon.clock.advance(timedelta(minutes=10))
    second = await salon.held(at(3, 10, 30), staff=salon.ana)
    assert await salon.status(first.reservation_id) == "expired"
    assert await salon.status(second.reservation_id) == "held"
    assert [expired.reservation_id for expired in await salon.said(ReservationExpired)] == [first.reservation_id]


async def test_a_taken_start_is_refused_with_the_next_three(salon: Salon) -> None:
    await salon.held(at(3, 10), staff=salon.ana)
    refused = await salon.refused(salon.wish(at(3, 10, 15), staff=salon.ana))
    assert refused.code == "slot_taken"
    assert [slot.start for slot in refused.alternatives] == [at(3, 10, 45), at(3, 11), at(3, 11, 15)]
    assert {slot.staff_names for slot in refused.alternatives} == {("Ana",)}


async def test_anybody_means_the_least_booked_of_those_free(salon: Salon) -> None:
    names = [(await salon.held(start)).visit.staff_names[0] for start in (at(3, 9), at(3, 10), at(3, 9), at(3, 16))]
    assert names == ["Ana", "Bia", "Bia", "Caio"]
    assert (await salon.refused(salon.wish(at(3, 9)))).code == "slot_taken"


async def test_the_same_request_in_another_envelope_holds_once(salon: Salon) -> None:
    wish = salon.wish(at(3, 10))
    await salon.hear(wish, wish, wish)
    assert len(await salon.said(ReservationHeld)) == 1
    assert await salon.said(HoldRefused) == []


async def test_the_same_request_after_its_hold_is_over_changes_nothing(salon: Salon) -> None:
    wish = salon.wish(at(3, 10), staff=salon.ana)
    await salon.hear(wish)
    salon.clock.advance(timedelta(minutes=10))
    await salon.hear(wish)
    assert len(await salon.said(ReservationHeld)) == 1
    assert await salon.said(ReservationExpired) == []


async def test_a_client_holds_two_at_most(salon: Salon) -> None:
    wish = salon.wish(at(3, 9))
    starts = (at(3, 9), at(3, 10), at(3, 11))
    await salon.hear(*(wish.model_copy(update={"request_id": new_id(), "start": start}) for start in starts))
    assert len(await salon.said(ReservationHeld)) == 2
    (refused,) = await salon.said(HoldRefused)
    assert (refused.code, refused.alternatives) == ("too_many_holds", ())
    salon.clock.advance(timedelta(minutes=10))
    await salon.hear(wish.model_copy(update={"request_id": new_id(), "start": at(4, 9)}))
    assert len(await salon.said(ReservationHeld)) == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"start": at(3, 10, 7)}, "not_offered"),
        ({"start": at(3, 11, 30)}, "not_offered"),
        ({"start": at(3, 12, 30)}, "not_offered"),
        ({"start": at(8, 10)}, "not_offered"),
        ({"start": at(2, 6, 45)}, "not_offered"),
        ({"start": at(30, 10) + timedelta(days=30)}, "not_offered"),
        ({"start": at(1, 10)}, "in_the_past"),
    ],
    ids=["grid", "runs over", "break", "sunday", "lead", "horizon", "past"],
)
async def test_what_is_not_offered_is_refused(salon: Salon, change: dict[str, object], code: str) -> None:
    assert (await salon.refused(salon.wish(at(3, 10)).model_copy(update=change))).code == code


async def test_whom_or_what_nobody_knows_is_refused(salon: Salon) -> None:
    for wanted, code in (((UUID(int=7), None), "unknown_service"), ((salon.cut, UUID(int=7)), "unknown_staff")):
        wants = salon.wants(salon.brow, wanted)
        assert (await salon.refused(salon.wish(at(3, 10), wants=wants))).code == code


async def test_somebody_who_does_not_do_it_or_a_retired_service_is_not_offered(db: Database, salon: Salon) -> None:
    assert (await salon.refused(salon.wish(at(3, 10), service=salon.colour, staff=salon.bia))).code == "not_offered"
    async with db.tx(salon.tenant_id) as tx:
        await offer.retire_service(tx, salon.cut)
        await people.retire_staff(tx, salon.bia)
    assert (await salon.refused(salon.wish(at(3, 10)))).code == "not_offered"
    assert (await salon.refused(salon.wish(at(3, 10), staff=salon.bia))).code == "unknown_staff"


async def test_a_salon_without_a_profile_is_not_ready(db: Database, salon: Salon) -> None:
    other = Salon(db, new_id(), salon.clock)
    assert (await other.refused(other.wish(at(3, 10)))).code == "salon_not_ready"
    found = await other.find()
    assert (found.exact, found.slots) == (False, ())


async def test_too_late_a_yes_is_refused_and_the_start_offered_again(salon: Salon) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    salon.clock.advance(timedelta(minutes=10))
    await salon.hear(salon.yes(held))
    (refused,) = await salon.said(ConfirmationRefused)
    assert refused.code == "hold_expired"
    assert refused.alternatives[0].start == at(3, 10)
    assert len(await salon.said(ReservationExpired)) == 1
    await salon.expire_due()
    assert len(await salon.said(ReservationExpired)) == 1


async def test_a_yes_to_a_strangers_or_cancelled_hold_is_refused(salon: Salon) -> None:
    held = await salon.held(at(3, 10))
    await salon.hear(salon.yes(held).model_copy(update={"conversation_id": new_id()}))
    await salon.hear(salon.no(held), salon.yes(held))
    assert [refused.code for refused in await salon.said(ConfirmationRefused)] == [
        "unknown_reservation",
        "already_cancelled",
    ]


async def test_paid_after_expiry_is_reseated_if_still_free(salon: Salon) -> None:
    held = await salon.held(at(3, 10), service=salon.colour)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=31))
    await salon.expire_due()
    await salon.hear(salon.payment(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.reseated, confirmed.version) == (True, 4)
    assert (await salon.refused(salon.wish(at(3, 10), service=salon.colour))).code == "slot_taken"


async def test_paid_after_expiry_takes_the_place_of_a_hold_that_is_over_too(salon: Salon) -> None:
    held = await salon.held(at(3, 10), service=salon.colour)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=31))
    squatter = await salon.held(at(3, 10), service=salon.colour)
    salon.clock.advance(timedelta(minutes=10))
    await salon.hear(salon.payment(held))
    assert await salon.status(squatter.reservation_id) == "expired"
    assert await salon.status(held.reservation_id) == "confirmed"
    assert await salon.problems() == []


async def test_paid_after_expiry_goes_back_if_somebody_else_came(salon: Salon) -> None:
    held = await salon.held(at(3, 10), service=salon.colour)
    await salon.hear(salon.yes(held))
    salon.clock.advance(timedelta(minutes=31))
    await salon.held(at(3, 10), service=salon.colour)
    payment = salon.payment(held)
    await salon.hear(payment, payment)
    (unusable,) = await salon.said(DepositUnusable)
    assert (unusable.reason, unusable.transaction_id) == ("slot_taken", payment.transaction_id)
    salon.clock.advance(timedelta(minutes=11))
    await salon.expire_due()  # free again, but that payment has been given back
    await salon.hear(payment)
    assert await salon.status(held.reservation_id) == "expired"


async def test_deposits_that_cannot_be_used_go_back(salon: Salon) -> None:
    paid, cancelled, late = [await salon.held(at(day, 10), service=salon.colour) for day in (4, 5, 3)]
    first = salon.payment(paid)
    await salon.hear(salon.yes(paid), salon.yes(cancelled), salon.yes(late), first, first)
    await salon.hear(salon.payment(paid), salon.no(cancelled), salon.payment(cancelled))
    salon.clock.advance(timedelta(days=2))
    await salon.hear(salon.payment(late))
    stray = salon.payment(paid).model_copy(update={"reservation_id": new_id()})
    await salon.hear(stray)
    reasons = [unusable.reason for unusable in await salon.said(DepositUnusable)]
    assert reasons == ["already_paid", "cancelled", "in_the_past", "unknown_reservation"]
    assert len(await salon.said(ReservationConfirmed)) == 1


async def test_cancelled_in_time_the_deposit_comes_back_and_else_not(salon: Salon) -> None:
    early, late = [await salon.held(at(day, 10), service=salon.colour) for day in (5, 4)]
    await salon.hear(salon.yes(early), salon.yes(late), salon.payment(early), salon.payment(late))
    salon.clock.advance(at(3, 10) - salon.clock())
    await salon.hear(salon.no(early), salon.no(late))
    salon.clock.advance(timedelta(seconds=1))
    in_time, exact = await salon.said(ReservationCancelled)
    assert in_time.refund == exact.refund == Money(minor=6000, currency="BRL")  # 24 h before counts as in time
    assert (in_time.was, in_time.by) == ("confirmed", "client")
    third = await salon.held(at(4, 9), service=salon.colour)
    await salon.hear(salon.yes(third), salon.payment(third), salon.no(third), salon.no(third))
    assert (await salon.said(ReservationCancelled))[2:][0].refund is None
    assert len(await salon.said(ReservationCancelled)) == 3


async def test_giving_up_a_hold_frees_the_start_and_a_stranger_cannot(salon: Salon) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    await salon.hear(salon.no(held).model_copy(update={"conversation_id": new_id()}))
    assert await salon.status(held.reservation_id) == "held"
    await salon.hear(salon.no(held))
    (cancelled,) = await salon.said(ReservationCancelled)
    assert (cancelled.was, cancelled.refund) == ("held", None)
    await salon.held(at(3, 10), staff=salon.ana)


async def test_the_terms_are_those_of_the_day_the_hold_was_made(db: Database, salon: Salon) -> None:
    held = await salon.held(at(5, 10), service=salon.colour)
    await salon.put_policy(salon.colour, deposit_kind="none", deposit_value=0, cancel_notice_hours=700)
    async with db.tx(salon.tenant_id) as tx:
        await salon.put_service(tx, salon.colour, "Tinta", 30, 1)
    await salon.hear(salon.yes(held), salon.payment(held), salon.no(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    (cancelled,) = await salon.said(ReservationCancelled)
    assert (confirmed.visit.price.minor, confirmed.visit.service_names) == (20000, ("Coloração",))
    assert confirmed.visit.end - confirmed.visit.start == timedelta(minutes=90)
    assert cancelled.refund == Money(minor=6000, currency="BRL")


async def test_a_reminder_goes_out_only_for_the_visit_it_was_planned_for(salon: Salon) -> None:
    held = await salon.held(at(3, 10))

    def due(version: int) -> ReminderDue:
        return ReminderDue(
            reminder_id=new_id(), reservation_id=held.reservation_id, reservation_version=version, minutes_before=120
        )

    await salon.hear(due(1))
    await salon.hear(salon.yes(held))
    (confirmed,) = await salon.said(ReservationConfirmed)
    await salon.hear(due(confirmed.version - 1), due(confirmed.version))
    salon.clock.advance(at(3, 10) - salon.clock())
    await salon.hear(due(confirmed.version))
    (ready,) = await salon.said(ReminderReady)
    assert (ready.conversation_id, ready.visit.start) == (held.conversation_id, at(3, 10))


async def test_availability_spreads_over_the_window(salon: Salon) -> None:
    found = await salon.find(limit=4)
    assert found.exact
    assert [slot.start for slot in found.slots] == [at(3, 9), at(3, 10, 45), at(3, 14), at(3, 15, 45)]


async def test_with_nothing_in_the_window_the_next_ones_are_found(salon: Salon) -> None:
    found = await salon.find(8, limit=2)
    assert not found.exact
    assert [slot.start for slot in found.slots] == [at(9, 9), at(9, 9, 15)]


async def test_beyond_the_horizon_there_is_nothing(salon: Salon) -> None:
    found = await salon.find(31 + 15)
    assert (found.exact, found.slots) == (False, ())
