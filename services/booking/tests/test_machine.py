"""Whatever a salon's clients, its people, the clock and the broker do: booking and a small model of it agree after every step.

`make test` plays a few short histories, `make nightly` long ones for half an hour (`MINUTES=…`). What failed is kept in
`.hypothesis` and played first the next time; it is also printed as a line `@reproduce_failure(…)`, which goes above `machine`
below to play it anywhere.
A history that found something becomes a test of its own, with the rules called one by one.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from booka_booking.domain.times import Span
from booka_booking.settings import Settings
from booka_booking.usecases import changes, completion, confirmations
from booka_common.contracts import booking
from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.payments import DepositPaid
from booka_common.ids import new_id
from booka_common.money import Money

from .answers import Told
from .model import BEHIND, DAY, SERVICES, Rules, Visit, Wanted, end_of
from .playing import Play, World

DAYS = st.integers(0, 2)
WANTED = [(service, staff) for service, spec in SERVICES.items() for staff in (None, None, *spec.by)]
WANTS: st.SearchStrategy[tuple[Wanted, ...]] = st.one_of(
    st.just((("colour", "Ana"),)),
    st.lists(st.sampled_from([*WANTED, ("colour", None), ("colour", "Bia")]), min_size=1, max_size=3).map(tuple),
)
WHICH = st.integers(0, 50)
CLIENTS = st.integers(0, 3)
LATE = st.sampled_from([False, False, True])
BY: st.SearchStrategy[Literal["client", "salon"]] = st.sampled_from(["client", "client", "salon"])
HOURS = [(), ((600, 720),), ((480, 900),), None]
SPANS = [(0, 1440), (0, 720), (840, 870)]
MINUTES = int(os.environ.get("BOOKA_NIGHTLY_MINUTES", "30"))


class SalonMachine(RuleBasedStateMachine):
    """The rules by which the salon is played."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.play = Play(world)
        self.salon, self.answers, self.model = self.play.salon, self.play.answers, self.play.answers.model
        self.requests: dict[UUID, booking.HoldRequested] = {}
        self.posted: list[Envelope[Any]] = []
        self.waiting: list[Envelope[Any]] = []
        self.heard: set[UUID] = set()

    # What clients do. `late`: the message is posted, and comes when it comes.

    @initialize(visits=st.lists(st.tuples(CLIENTS, WANTS, DAYS, WHICH, st.booleans()), min_size=1, max_size=4))
    def begin(self, visits: list[tuple[int, tuple[Wanted, ...], int, int, bool]]) -> None:
        for client, wants, day, which, agreed in visits:
            if agreed:
                self.book(client, wants, day, which)
            else:
                self.hold_what_is_free(client, wants, day, which, late=False)

    @rule(client=CLIENTS, wants=WANTS, day=DAYS, which=WHICH, late=LATE)
    def hold_what_is_free(self, client: int, wants: tuple[Wanted, ...], day: int, which: int, late: bool) -> None:
        if all(staff is None or staff in SERVICES[service].by for service, staff in wants):
            free = self.model.offered(wants, self.day(day), self.answers.now)
            if free:
                self.ask_for(client, wants, free[which % len(free)], late)

    @rule(client=CLIENTS, wants=WANTS, day=DAYS, which=WHICH)
    def book(self, client: int, wants: tuple[Wanted, ...], day: int, which: int) -> None:
        """From the first question to the deposit, without any trouble."""
        before = len(self.model.visits)
        self.hold_what_is_free(client, wants, day, which, late=False)
        if len(self.model.visits) > before:
            visit = self.visit(before)
            self.post(booking.ConfirmationRequested(**self.of(visit), guest_name="Rui"), False)
            if visit.deposit:
                self.post(self.payment(visit), False)

    @rule(
        client=CLIENTS,
        which=WHICH,
        wants=st.one_of(st.none(), WANTS),
        later=st.sampled_from([0, 0, -15, 30, 45, 60, 7, 720]),
    )
    def hold_what_somebody_has(self, client: int, which: int, wants: tuple[Wanted, ...] | None, later: int) -> None:
        """What somebody has or had, or something near it: perhaps it is taken, perhaps it is not offered at all."""
        if self.model.visits:
            visit = self.visit(which)
            self.ask_for(client, wants or visit.wants, visit.start + timedelta(minutes=later), False)

    def ask_for(self, client: int, wants: tuple[Wanted, ...], start: Any, late: bool) -> None:
        conversation, contact = self.answers.clients[client]
        wish = booking.HoldRequested(
            request_id=new_id(),
            conversation_id=conversation,
            contact_id=contact,
            wants=self.answers.wanted(wants),
            start=start,
        )
        self.requests[wish.request_id] = wish
        self.post(wish, late)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH)
    def ask_again(self, which: int) -> None:
        """The same request in another envelope."""
        self.post(list(self.requests.values())[which % len(self.requests)], False)

    @precondition(lambda self: self.model.visits)
    @rule(which=WHICH, late=LATE)
    def agree(self, which: int, late: bool) -> None:
        said = booking.ConfirmationRequested(**self.of(self.visit(which)), guest_name="Rui")
        self.post(said, late)

    @precondition(lambda self: any(visit.deposit for visit in self.model.visits.values()))
    @rule(which=WHICH, late=LATE, again=st.sampled_from([False, False, False, True]))
    def pay(self, which: int, late: bool, again: bool) -> None:
        owing = [visit for visit in self.model.visits.values() if visit.deposit]
        visit = owing[which % len(owing)]
        before = [payment for payment, (of, _) in self.answers.transactions.items() if of == visit.id]
        self.post(self.payment(visit, before[0] if again and before else None), late)

    @precondition(lambda self: self.model.visits)
    @rule(which=WHICH, quoted=st.sampled_from([None, 0, 5, 15, 16, -1]), late=LATE)
    def give_up(self, which: int, quoted: int | None, late: bool) -> None:
        """Some of them agree to what they were told some minutes ago."""
        quoted_at = None if quoted is None else self.answers.now - timedelta(minutes=quoted)
        self.post(booking.CancellationRequested(**self.of(self.visit(which)), quoted_at=quoted_at), late)

    @precondition(lambda self: self.model.visits)
    @rule(which=WHICH)
    def quote(self, which: int) -> None:
        self.post(booking.CancellationQuoteRequested(request_id=new_id(), **self.of(self.visit(which))), False)

    @precondition(lambda self: any(visit.status == "confirmed" for visit in self.model.visits.values()))
    @rule(
        which=WHICH,
        by=BY,
        day=DAYS,
        free=WHICH,
        change=st.booleans(),
        other=st.permutations([None, "Ana", "Bia"]),
        late=LATE,
    )
    def move(
        self, which: int, by: Literal["client", "salon"], day: int, free: int, change: bool, other: list[str | None],
        late: bool,
    ) -> None:  # fmt: skip
        confirmed = [visit for visit in self.model.visits.values() if visit.status == "confirmed"]
        visit = confirmed[which % len(confirmed)]
        start = visit.start
        if free % 5:
            starts = self.model.offered(visit.wants, self.day(day), self.answers.now, visit.id)
            start = starts[free % len(starts)] if starts else start + timedelta(minutes=15 * (free % 4))
        staff = tuple(other[: len(visit.wants)]) if change else ()
        ids = tuple(self.answers.people[name] if name else None for name in staff)
        if by == "client":
            said = booking.MoveRequested(request_id=new_id(), **self.of(visit), start=start, staff_ids=ids)
            self.post(said, late)
            return

        async def work(tx: Any, it: Any) -> None:
            await changes.move(tx, it, self.salon.occasion(), by="salon", start=start, staff_ids=ids)

        self.play.expect(lambda: self.answers.moved(visit, start, staff, by), self.play.locked(visit.id, work))

    @rule(day=DAYS, wants=WANTS)
    def look(self, day: int, wants: tuple[Wanted, ...]) -> None:
        """What is offered is exactly what can be had."""
        midnight = datetime.combine(self.day(day), time(), UTC) + BEHIND
        asked = booking.AvailabilityRequested(
            request_id=new_id(),
            conversation_id=self.answers.clients[0][0],
            wants=self.answers.wanted(wants),
            earliest=midnight,
            latest=midnight + timedelta(days=1),
            limit=50,
        )
        self.post(asked, False)

    # What the broker and the clock do.

    @precondition(lambda self: self.waiting)
    @rule(which=WHICH)
    def arrive(self, which: int) -> None:
        """Something that was posted a while ago comes, in any order."""
        self.deliver(self.waiting.pop(which % len(self.waiting)))

    @precondition(lambda self: self.posted)
    @rule(which=WHICH)
    def arrive_again(self, which: int) -> None:
        """Something that has come already comes once more."""
        self.deliver(self.posted[which % len(self.posted)])

    @rule(minutes=st.sampled_from([1, 9, 10, 10, 11, 20, 30, 30, 60, 600]), which=st.one_of(st.none(), WHICH))
    def wait(self, minutes: int, which: int | None) -> None:
        """Some minutes go by, or it becomes as late as some minutes around what the terms of a visit speak of."""
        until = self.answers.now + timedelta(minutes=minutes)
        if which is not None and self.model.visits:
            visit = self.visit(which)
            moments = (visit.start, visit.free_until, visit.expires or visit.start, visit.start - timedelta(hours=1),
                       end_of(visit) + DAY)  # fmt: skip
            until = moments[which % 5] + timedelta(minutes=(which // 5) % 3 - 1)
        self.salon.clock.advance(max(until - self.answers.now, timedelta()))

    @rule()
    def end_holds(self) -> None:
        """The worker comes by."""

        def then() -> list[Told]:
            visits = self.model.visits.values()
            return [self.answers.lapse(visit) for visit in visits if visit.overdue(self.answers.now)]

        self.play.expect(then, self.salon.expire_due())

    @rule()
    def look_back(self) -> None:
        """It comes by for what is over, too."""

        async def work() -> None:
            async with self.salon.db.tx(self.salon.tenant_id) as tx:
                await completion.look(tx, replace(self.salon.occasion(), who="clock"))

        self.play.expect(self.answers.completed, work())

    # What the salon's people do.

    @precondition(lambda self: self.model.visits)
    @rule(which=WHICH, outcome=st.sampled_from(["confirmed", "cancelled", "completed", "no_show"]))
    def decide(self, which: int, outcome: Literal["confirmed", "cancelled", "completed", "no_show"]) -> None:
        """Confirm without a deposit, cancel, or say how it went."""
        visit, occasion = self.visit(which), self.salon.occasion()

        def then() -> list[Told]:
            match outcome:
                case "confirmed":
                    return self.answers.agreed(visit, waive=True, answer=False)
                case "cancelled":
                    return self.answers.cancelled(visit, "salon", None)
            return self.answers.finished(visit, outcome)

        async def work(tx: Any, it: Any) -> None:
            match outcome:
                case "confirmed":
                    await confirmations.confirm(tx, it, occasion, guest_name=None, waive_deposit=True)
                case "cancelled":
                    await changes.cancel(tx, it, occasion, by="salon", why="test")
                case _:
                    await changes.finish(tx, it, occasion, outcome)

        self.play.expect(then, self.play.locked(visit.id, work))

    @rule(day=DAYS, hours=st.sampled_from(HOURS), weekly=st.sampled_from([False, False, True]))
    def change_hours(self, day: int, hours: tuple[tuple[int, int], ...] | None, weekly: bool) -> None:
        """A day, or that day of every week, is closed, has other hours, or is as it used to be again."""
        self.model.change_hours(self.day(day), hours, weekly=weekly)
        special = {day: tuple(Span(*span) for span in spans) for day, spans in self.model.special.items()}
        opening = {day: tuple(Span(*span) for span in spans) for day, spans in self.model.week.items() if spans}
        self.play.expect(list, self.salon.change(exceptions=special, opening=opening))

    @rule(person=st.sampled_from(["Ana", "Bia", "Caio"]), day=DAYS, span=st.sampled_from(SPANS), back=st.booleans())
    def take_off(self, person: str, day: int, span: tuple[int, int], back: bool) -> None:
        """Somebody is away, or whoever was is back."""
        if back and self.model.off:
            self.play.expect(list, self.salon.back(self.model.off.popitem()[0]))
            return
        off = self.day(day)

        async def work() -> None:
            id = await self.salon.away(self.answers.people[person], off, *span)
            self.model.off[id] = (person, off, span)

        self.play.expect(list, work())

    @rule(
        percent=st.sampled_from([0, 30, 50]),
        notice=st.sampled_from([0, 2, 24, 48]),
        late=st.sampled_from([("refund_share", 0), ("refund_share", 35), ("fee", 1500), ("fee", 20000)]),
        moves=st.integers(0, 2),
    )
    def change_rules(self, percent: int, notice: int, late: tuple[str, int], moves: int) -> None:
        self.model.rules = Rules(percent, notice, late, moves)
        change = self.salon.put_policy(
            self.salon.colour,
            deposit_kind="percent" if percent else "none",
            deposit_value=percent,
            cancel_notice_hours=notice,
            late_kind=late[0],
            late_value=late[1],
            reschedule_limit=moves,
        )
        self.play.expect(list, change)

    @invariant()
    def agrees(self) -> None:
        self.play.compare()

    def post(self, message: Message, late: bool) -> None:
        envelope = self.salon.envelope(message)
        if late:
            self.waiting.append(envelope)
        else:
            self.deliver(envelope)

    def deliver(self, envelope: Envelope[Any]) -> None:
        again = envelope.id in self.heard
        if not again:
            self.heard.add(envelope.id)
            self.posted.append(envelope)
        self.play.expect(list if again else lambda: self.answers.answer(envelope.data), self.salon.deliver(envelope))

    def payment(self, visit: Visit, again: UUID | None = None) -> DepositPaid:
        amount = Money(minor=visit.deposit, currency="BRL")
        return DepositPaid(**self.of(visit), transaction_id=again or new_id(), amount=amount, paid_at=self.answers.now)

    def day(self, ahead: int) -> date:
        return (self.answers.now - BEHIND).date() + timedelta(days=ahead)

    def visit(self, which: int) -> Visit:
        return list(self.model.visits.values())[which % len(self.model.visits)]

    def of(self, visit: Visit) -> dict[str, Any]:
        return {"reservation_id": visit.id, "conversation_id": self.answers.clients[visit.client][0]}


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    with World.opened(settings) as found:
        yield found


@pytest.mark.timeout(MINUTES * 60 + 1200)
def test_booking_does_what_the_model_does(world: World, *, nightly: bool) -> None:
    # A failure prints a @reproduce_failure(…) that goes here, above `machine`.
    def machine() -> SalonMachine:
        return SalonMachine(world)

    def play(histories: int, steps: int) -> None:
        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # anything that makes one will do
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )

    if not nightly:
        return play(20, 50)
    end = monotonic() + MINUTES * 60
    while monotonic() < end:
        play(30, 100)
    return None
