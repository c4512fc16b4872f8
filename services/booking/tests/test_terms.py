"""Deposits, late cancellations and moves as the terms of a visit say, over a real PostgreSQL."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.planning import Ask
from booka_booking.domain.policy import Terms
from booka_booking.domain.reservation import Reservation, Segment
from booka_booking.store import reservations as store
from booka_booking.usecases import changes
from booka_booking.usecases.wishes import Held, Wish
from booka_common.contracts.booking import (
    DepositUnusable,
    MoveRefused,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationHeld,
    ReservationMoved,
)
from booka_common.ids import new_id
from booka_common.money import Money

from .salon import Salon, at


def reais(minor: int) -> Money:
    return Money(minor=minor, currency="BRL")


async def finished(salon: Salon, held: ReservationHeld, outcome: Any = "completed") -> None:
    """The visit took place, or not."""
    salon.clock.advance(max(held.visit.start - salon.clock(), timedelta()))
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, held.reservation_id)
        assert it is not None
        assert isinstance(await changes.finish(tx, it, salon.occasion(), outcome), Reservation)


async def moved_by_salon(salon: Salon, held: ReservationHeld, start: Any, *staff_ids: Any) -> Any:
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, held.reservation_id)
        assert it is not None
        return await changes.move(tx, it, salon.occasion(), by="salon", start=start, staff_ids=staff_ids)


async def test_a_deposit_for_new_clients_only(salon: Salon) -> None:
    await salon.put_policy(salon.colour, deposit_kind="percent", deposit_value=30, deposit_for="new_clients")
    contact = new_id()
    missed = await salon.booked(at(3, 10), service=salon.colour, contact_id=contact)
    await finished(salon, missed, "no_show")
    again = await salon.booked(at(4, 10), service=salon.colour, contact_id=contact)
    assert again.deposit == reais(6000)  # whoever did not come is still new
    await finished(salon, again)
    third = await salon.held(at(5, 10), service=salon.colour, contact_id=contact)
    assert third.deposit is None
    assert (await salon.held(at(6, 10), service=salon.colour)).deposit == reais(6000)


async def test_a_deposit_is_waived_after_so_many_visits(salon: Salon) -> None:
    await salon.put_policy(deposit_kind="fixed", deposit_value=1000, deposit_waived_after=2)
    contact, asked = new_id(), []
    for day in (3, 4, 5):
        held = await salon.booked(at(day, 10), contact_id=contact)
        asked.append(held.deposit)
        await finished(salon, held)
    assert asked == [reais(1000), reais(1000), None]


async def test_a_client_whom_the_salon_wrote_in_is_known_too(salon: Salon) -> None:
    await salon.put_policy(salon.colour, deposit_kind="percent", deposit_value=30, deposit_for="new_clients")
    await salon.change(assignment="last_first")
    first = await salon.booked(at(3, 10), staff=salon.bia)
    await finished(salon, first)
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.get(tx, first.reservation_id)
        assert it is not None
    by_hand = [
        await salon.holds.hold(Wish(Ask(salon.wants(service)), start, client_id=it.client_id), salon.occasion())
        for service, start in ((salon.colour, at(4, 10)), (salon.cut, at(5, 10)))
    ]
    colour, cut = [outcome.reservation for outcome in by_hand if isinstance(outcome, Held)]
    assert colour.deposit is None
    assert colour.client_id == it.client_id
    assert cut.segments[0].staff_name == "Bia"


@pytest.mark.parametrize(
    ("terms", "refund"),
    [
        ({}, None),
        ({"late_kind": "refund_share", "late_value": 50}, reais(3000)),
        ({"late_kind": "refund_share", "late_value": 100}, reais(6000)),
        ({"late_kind": "fee", "late_value": 2500}, reais(3500)),
        ({"late_kind": "fee", "late_value": 9000}, None),
    ],
    ids=["nothing", "half", "all", "fee", "fee above the deposit"],
)
async def test_cancelled_late_what_the_terms_say_comes_back(salon: Salon, terms: Any, refund: Money | None) -> None:
    await salon.put_policy(salon.colour, deposit_kind="percent", deposit_value=30, cancel_notice_hours=48, **terms)
    client, by_salon = [await salon.booked(at(day, 10), service=salon.colour) for day in (4, 5)]
    await salon.put_policy(salon.colour, deposit_kind="none", deposit_value=0)  # too late to matter
    salon.clock.advance(timedelta(days=1, hours=22))  # 30 hours before
    quoted = await salon.quoted(client)
    assert (quoted.refund, quoted.cancellable, quoted.free_until) == (refund, True, None)
    assert (quoted.kept.minor if quoted.kept else 0) == 6000 - (refund.minor if refund else 0)
    await salon.hear(salon.no(client))
    async with salon.db.tx(salon.tenant_id) as tx:
        it = await store.lock(tx, by_salon.reservation_id)
        assert it is not None
        await changes.cancel(tx, it, salon.occasion(), by="salon", why="ill")
    first, second = await salon.said(ReservationCancelled)
    assert (first.refund, second.refund) == (refund, reais(6000))


async def test_a_quote_is_kept_to_for_fifteen_minutes(salon: Salon) -> None:
    visits = [await salon.booked(at(day, 10), service=salon.colour) for day in (4, 5)]
    for visit, minutes, refund in ((visits[0], 15, reais(6000)), (visits[1], 16, None)):
        salon.clock.advance(visit.visit.start - timedelta(hours=24) - salon.clock())
        quoted = await salon.quoted(visit)
        assert (quoted.refund, quoted.free_until) == (reais(6000), salon.clock())
        salon.clock.advance(timedelta(minutes=minutes))
        assert (await salon.quoted(visit)).refund is None
        await salon.hear(salon.no(visit, quoted.quoted_at))
        assert (await salon.said(ReservationCancelled))[-1].refund == refund


async def test_a_quote_from_the_future_is_none(salon: Salon) -> None:
    visit = await salon.booked(at(4, 10), service=salon.colour)
    salon.clock.advance(visit.visit.start - timedelta(hours=2) - salon.clock())
    await salon.hear(salon.no(visit, salon.clock() + timedelta(minutes=1)))
    (cancelled,) = await salon.said(ReservationCancelled)
    assert cancelled.refund is None


async def test_a_quote_of_what_is_over_unknown_or_somebody_elses(salon: Salon) -> None:
    visit = await salon.booked(at(3, 10))
    strange = visit.model_copy(update={"conversation_id": new_id()})
    unknown = visit.model_copy(update={"reservation_id": new_id()})
    held = await salon.held(at(3, 14))
    over = [strange, unknown]
    quoted = await salon.quoted(held)
    assert (quoted.cancellable, quoted.movable, quoted.not_movable_because) == (True, False, "not_confirmed")
    for it in over:
        quoted = await salon.quoted(it)
        assert (quoted.cancellable, quoted.refund, quoted.movable) == (False, None, False)
    salon.clock.advance(at(3, 10) - salon.clock())
    assert not (await salon.quoted(visit)).cancellable
    await salon.hear(salon.no(visit))
    assert await salon.status(visit.reservation_id) == "confirmed"  # it has begun: only the salon can


@given(
    hours=st.integers(0, 100),
    notice=st.integers(0, 72),
    late=st.one_of(
        st.tuples(st.just("refund_share"), st.integers(0, 100)), st.tuples(st.just("fee"), st.integers(0, 8000))
    ),
    paid=st.integers(0, 10_000),
)
def test_what_is_quoted_comes_back_and_the_rest_is_kept(
    hours: int, notice: int, late: tuple[Any, int], paid: int
) -> None:
    now = at(3, 10)
    it = visit_in(timedelta(hours=hours), notice, late, paid)
    quoted = rules.quote(it, now)
    assert quoted.cancellable == (hours > 0) == isinstance(rules.cancel(it, "client", now), Reservation)
    if not quoted.cancellable:
        return
    back, kept = (amount.minor if amount else 0 for amount in (quoted.refund, quoted.kept))
    assert back + kept == paid
    if hours >= notice:
        expected = paid
    elif late[0] == "fee":
        expected = max(0, paid - late[1])
    else:
        expected = int((Decimal(paid) * late[1] / 100).quantize(Decimal(1), ROUND_HALF_UP))
    assert back == expected
    assert quoted.refund == it.refund("client", now)
    assert it.refund("salon", now) == (reais(paid) if paid else None)


def visit_in(ahead: timedelta, notice: int, late: tuple[Any, int], paid: int) -> Reservation:
    """A confirmed visit that begins `ahead` of 3 March, 10:00."""
    start = at(3, 10) + ahead
    ids = [new_id() for _ in range(3)]
    part = Segment(0, ids[0], "Corte", ids[1], "Ana", None, None, None, start, start + timedelta(minutes=45), 9000)
    terms = Terms(paid, 600, 1800, notice, late[0], late[1], 3, 2)
    return Reservation(
        ids[2], "confirmed", 3, (part,), (), "BRL", 9000, terms, None, "America/Sao_Paulo", paid_minor=paid
    )


async def test_a_client_moves_up_to_the_limit_and_the_salon_beyond(salon: Salon) -> None:
    await salon.put_policy(reschedule_limit=2)
    visit = await salon.booked(at(9, 10), staff=salon.ana)
    for day in (10, 11, 12):
        await salon.hear(salon.another(visit, at(day, 10)))
    (refused,) = await salon.said(MoveRefused)
    assert (refused.code, refused.alternatives) == ("too_many_moves", ())
    assert (await salon.quoted(visit)).not_movable_because == "too_many_moves"
    after = await moved_by_salon(salon, visit, at(13, 10))
    assert (after.moves, after.version, after.start) == (2, 5, at(13, 10))
    moved = await salon.said(ReservationMoved)
    assert [(move.visit.start, move.version) for move in moved] == [(at(10, 10), 3), (at(11, 10), 4), (at(13, 10), 5)]


async def test_a_client_moves_up_to_the_notice_and_the_salon_after_it(salon: Salon) -> None:
    visit = await salon.booked(at(5, 10), staff=salon.ana)
    salon.clock.advance(at(4, 10) - salon.clock())
    assert (await salon.quoted(visit)).movable
    salon.clock.advance(timedelta(seconds=1))
    assert (await salon.quoted(visit)).not_movable_because == "too_late"
    await salon.hear(salon.another(visit, at(6, 10)))
    assert [refused.code for refused in await salon.said(MoveRefused)] == ["too_late"]
    assert (await moved_by_salon(salon, visit, at(6, 10))).start == at(6, 10)
    salon.clock.advance(at(6, 22) - salon.clock() + timedelta(seconds=1))
    assert await moved_by_salon(salon, visit, at(7, 10)) == rules.Refused("already_over")


async def test_a_move_that_only_changes_the_person_keeps_the_price(salon: Salon) -> None:
    visit = await salon.booked(at(4, 10), service=salon.blow, staff=salon.ana)
    await salon.hear(salon.another(visit, at(4, 10), salon.bia))
    (moved,) = await salon.said(ReservationMoved)
    assert moved.visit.staff_names == ("Bia",)
    assert (moved.visit.end, moved.visit.price.minor) == (at(4, 10, 45), 6000)  # her time, the price agreed
    await salon.held(at(4, 10), service=salon.blow, staff=salon.ana)
    assert await salon.problems() == []


async def test_a_move_may_overlap_where_it_was_and_change_the_chair(salon: Salon) -> None:
    first = await salon.booked(at(4, 13), staff=salon.ana)
    second = await salon.booked(at(4, 13), staff=salon.bia)
    assert (await salon.seats(second.reservation_id))[0][1] == "Parede"
    await salon.hear(salon.another(first, at(4, 13, 15)))
    assert await salon.seats(first.reservation_id) == [("Ana", "Janela", at(4, 13, 15))]
    await salon.hear(salon.no(first), salon.another(second, at(4, 13)))
    assert await salon.seats(second.reservation_id) == [("Bia", "Janela", at(4, 13))]  # only the chair is another
    assert [move.version for move in await salon.said(ReservationMoved)] == [3, 3]
    assert await salon.problems() == []


async def test_a_move_keeps_whom_the_client_asked_for_and_leaves_open_what_was_open(salon: Salon) -> None:
    visit = await salon.booked(at(4, 13), wants=salon.wants((salon.cut, salon.bia), salon.blow))
    assert [name for name, _, _ in await salon.seats(visit.reservation_id)] == ["Bia", "Ana"]
    await salon.held(at(4, 15), service=salon.brow, staff=salon.ana)
    await salon.hear(salon.another(visit, at(4, 14, 15)))
    assert [name for name, _, _ in await salon.seats(visit.reservation_id)] == ["Bia", "Bia"]
    await salon.hear(salon.another(visit, at(4, 14, 15), salon.ana, salon.ana))
    (refused,) = await salon.said(MoveRefused)
    assert refused.code == "slot_taken"
    assert refused.alternatives[0].staff_names == ("Ana", "Ana")
    assert await salon.problems() == []


async def test_a_move_to_what_is_taken_or_not_offered_leaves_all_as_it_was(salon: Salon) -> None:
    visit = await salon.booked(at(4, 10), wants=salon.wants((salon.cut, salon.ana), (salon.brow, salon.bia)))
    await salon.held(at(4, 14, 45), service=salon.brow, staff=salon.bia)
    wanted = (at(4, 14), at(4, 12), at(4, 14, 5), at(1, 10))
    await salon.hear(*(salon.another(visit, start) for start in wanted))
    refused = await salon.said(MoveRefused)
    assert [no.code for no in refused] == ["slot_taken", "not_offered", "not_offered", "in_the_past"]
    assert [len(no.alternatives) for no in refused] == [3, 3, 3, 3]
    assert [seat[2] for seat in await salon.seats(visit.reservation_id)] == [at(4, 10), at(4, 10, 45)]
    stranger = salon.another(visit, at(4, 16)).model_copy(update={"conversation_id": new_id()})
    await salon.hear(stranger)
    assert (await salon.said(MoveRefused))[-1].code == "unknown_reservation"
    assert await salon.said(ReservationMoved) == []
    assert await salon.problems() == []


async def test_a_late_payment_for_a_visit_of_which_a_part_is_gone_goes_back(salon: Salon) -> None:
    wants = salon.wants((salon.colour, salon.ana), (salon.brow, salon.bia))
    late = await salon.held(at(3, 10), wants=wants)
    await salon.hear(salon.yes(late))
    salon.clock.advance(timedelta(minutes=31))
    await salon.expire_due()
    squatter = await salon.held(at(3, 11, 30), service=salon.brow, staff=salon.bia)
    first = salon.payment(late)
    await salon.hear(first)
    (unusable,) = await salon.said(DepositUnusable)
    assert (unusable.reason, unusable.transaction_id) == ("slot_taken", first.transaction_id)
    assert await salon.status(late.reservation_id) == "expired"
    await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)  # nothing of it was taken again
    assert await salon.status(squatter.reservation_id) == "held"
    assert await salon.problems() == []


async def test_a_late_payment_for_a_chair_that_is_gone_goes_back(salon: Salon) -> None:
    late = await salon.held(at(3, 14), service=salon.colour, staff=salon.ana)
    await salon.hear(salon.yes(late))
    salon.clock.advance(timedelta(minutes=31))
    await salon.held(at(3, 14), staff=salon.bia)
    await salon.held(at(3, 14), staff=salon.caio)  # both chairs; Ana is free
    await salon.hear(salon.payment(late))
    assert [no.reason for no in await salon.said(DepositUnusable)] == ["slot_taken"]
    assert await salon.problems() == []


async def test_a_late_payment_puts_all_of_a_visit_back_where_it_was(salon: Salon) -> None:
    wants = salon.wants((salon.colour, salon.ana), (salon.brow, salon.bia))
    late = await salon.held(at(3, 10), wants=wants)
    await salon.hear(salon.yes(late))
    salon.clock.advance(timedelta(minutes=31))
    lapsing = await salon.held(at(3, 11, 30), service=salon.brow, staff=salon.bia)
    salon.clock.advance(timedelta(minutes=10))
    await salon.hear(salon.payment(late))
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert (confirmed.reseated, confirmed.visit, confirmed.deposit_paid) == (True, late.visit, reais(6000))
    assert await salon.status(lapsing.reservation_id) == "expired"
    assert len(await salon.said(ReservationExpired)) == 2
    assert (await salon.refused(salon.wish(at(3, 11, 30), service=salon.brow, staff=salon.bia))).code == "slot_taken"
    assert await salon.problems() == []
