"""What holds of a reservation whatever happens to it: quotes keep their word, and no order of steps breaks the rules."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.lifecycle import Nothing, Quote, Refused, Reseat
from booka_booking.domain.reservation import Reservation, Status
from booka_common.money import Money

from .stages import NOON, START, confirmed, held, in_state, seating, with_terms

late_terms = st.fixed_dictionaries(
    {
        "late_kind": st.sampled_from(["refund_share", "fee"]),
        "late_value": st.integers(0, 100),
        "cancel_notice_hours": st.integers(0, 80),
        "reschedule_limit": st.integers(0, 3),
    }
)
instants = st.integers(-80 * 60, 60).map(lambda minutes: START + timedelta(minutes=minutes))
states = st.sampled_from(["held", "confirmed", "completed", "no_show", "cancelled", "expired"])


@given(states, late_terms, instants, st.integers(0, 5000), st.integers(0, 4))
@settings(max_examples=300)
def test_a_quote_says_what_cancelling_and_moving_then_do(
    status: Status, terms: dict[str, Any], now: datetime, paid: int, moves: int
) -> None:
    it = with_terms(in_state(status), **terms)._replace(moves=moves)
    if status == "confirmed":
        it = it._replace(paid_minor=paid)
    quote = rules.quote(it, now)
    assert quote == rules.quote(it, now), "it hangs on nothing else"
    if not quote.cancellable:
        assert quote == Quote(False, None, None, None, "not_confirmed")
        live = (it.status == "held" and not it.overdue(now)) or it.status == "confirmed"
        assert not live or now >= it.start
        return
    after = rules.cancel(it, "client", now)
    assert isinstance(after, Reservation)
    back = quote.refund.minor if quote.refund else 0
    kept = quote.kept.minor if quote.kept else 0
    assert back + kept == it.paid_minor
    assert it.refund("client", now) == quote.refund
    assert (quote.free_until is not None) == (now <= it.free_until)
    assert quote.free_until is None or kept == 0
    assert (quote.hindered is None) == (rules.movable(it, "client", now) is None)
    if quote.hindered:
        assert rules.movable(it, "client", now) == Refused(quote.hindered)


@given(late_terms, instants, st.integers(1, 5000))
def test_in_time_or_by_the_salon_all_comes_back_and_later_what_the_terms_say(
    terms: dict[str, Any], now: datetime, paid: int
) -> None:
    it = with_terms(confirmed(), **terms)._replace(paid_minor=paid)
    whole = Money(minor=paid, currency="BRL")
    assert it.refund("salon", now) == whole
    in_time = it.start - now >= timedelta(hours=it.terms.cancel_notice_hours)
    back = it.refund("client", now)
    if in_time:
        assert back == whole
    else:
        share = terms["late_kind"] == "refund_share"
        expected = (paid * terms["late_value"] * 2 + 100) // 200 if share else max(paid - terms["late_value"], 0)
        assert (back.minor if back else 0) == expected
    assert it._replace(paid_minor=0).refund("salon", now) is None
    earlier = it.refund("client", now - timedelta(hours=1))
    assert (earlier.minor if earlier else 0) >= (back.minor if back else 0), "waiting never pays"


STEPS = ("agree", "agree free", "expire", "pay", "cancel", "salon cancels", "complete", "no_show", "move", "time")


@given(st.lists(st.sampled_from(STEPS), max_size=14), st.integers(0, 5000))
@settings(max_examples=200)
def test_whatever_happens_in_whatever_order_the_rules_hold(taken: list[str], deposit: int) -> None:
    now, it = NOON, with_terms(held(), deposit_minor=deposit)
    for number, step in enumerate(taken):
        before, outcome = it, _step(it, step, now, number)
        if step == "time":
            now += timedelta(hours=13)
        if isinstance(outcome, Reseat):
            outcome = outcome.after
        if not isinstance(outcome, Reservation):
            continue
        it = outcome
        changed = (before.status, before.expires_at, before.claims) != (it.status, it.expires_at, it.claims)
        assert it.version == before.version + changed
        assert it.status == "expired" or (it.status == "held") == (it.expires_at is not None)
        assert before.status not in ("completed", "no_show", "cancelled"), "these are for good"
        if it.status == "confirmed" and before.status == "held" and deposit and step == "agree":
            raise AssertionError("confirmed without the deposit")
        assert it.paid_minor in (0, deposit)
        assert it.id == before.id
        assert it.price_minor == before.price_minor


def _step(it: Reservation, step: str, now: datetime, number: int) -> object:
    match step:
        case "agree":
            return rules.agree(it, guest_name="Rui", now=now)
        case "agree free":
            return rules.agree(it, guest_name="Rui", now=now, waive_deposit=True)
        case "expire":
            return rules.expire(it, now)
        case "pay":
            return rules.pay(it, transaction_id=UUID(int=number), paid_minor=it.terms.deposit_minor, now=now)
        case "cancel" | "salon cancels":
            return rules.cancel(it, "client" if step == "cancel" else "salon", now)
        case "complete" | "no_show":
            return rules.finish(it, "completed" if step == "complete" else "no_show", now)
        case "move" if rules.movable(it, "client", now) is None:
            return rules.move(it, seating(it.start + timedelta(minutes=15)), "client")
        case _:
            return Nothing()
