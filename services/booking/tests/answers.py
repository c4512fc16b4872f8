"""What booking ought to answer to every message, and what it ought to be after it: the model's side of the machine."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common.contracts import booking
from booka_common.contracts.envelope import Message
from booka_common.contracts.payments import DepositPaid
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.testing import FrozenClock

from .model import BACK, DAY, DEADLINE, HOLD, MOST_HOLDS, QUOTE, SERVICES, Model, Visit, Wanted, clash, end_of
from .salon import Salon

Told = tuple[type[Message], dict[str, Any]]


class Answers:
    """The model with everything that was asked of it. Who does a visit is up to booking, within what is fair: `adopt` looks."""

    def __init__(self, salon: Salon, clock: FrozenClock) -> None:
        self.clock = clock
        self.model = Model()
        self.services: dict[str, UUID] = {name: getattr(salon, name) for name in SERVICES}
        self.people: dict[str, UUID] = {name: getattr(salon, name.lower()) for name in ("Ana", "Bia", "Caio")}
        self.clients = [(new_id(), new_id()) for _ in range(4)]
        self.granted: dict[UUID, UUID] = {}
        self.transactions: dict[UUID, tuple[UUID, str | None]] = {}
        #: Set by an answer that hangs on whom booking chose: takes the rows by reservation, gives what is told.
        self.adopt: Callable[[dict[UUID, Any]], list[Told]] | None = None

    @property
    def now(self) -> datetime:
        return self.clock()

    def answer(self, said: Any) -> list[Told]:
        """What the model says to a message, changing itself."""
        match said:
            case booking.HoldRequested():
                return self.held(said)
            case booking.AvailabilityRequested():
                return [self.offers(said)]
            case DepositPaid():
                return self.paid(said)
        visit = self.model.visits[said.reservation_id]
        match said:
            case booking.ConfirmationRequested():
                return self.agreed(visit)
            case booking.CancellationRequested():
                return self.cancelled(visit, "client", said.quoted_at)
            case booking.CancellationQuoteRequested():
                return [self.quoted(visit)]
            case booking.MoveRequested():
                return self.moved(visit, said.start, self.named(said.staff_ids), "client")
        raise AssertionError(said)

    def held(self, wish: booking.HoldRequested) -> list[Told]:
        if wish.request_id in self.granted:
            return []
        client = next(index for index, (_, contact) in enumerate(self.clients) if contact == wish.contact_id)
        wants = self.plain(wish.wants)
        code = self.model.refusal(wants, wish.start, self.now, "client")
        codes = {code} if code else set()
        if code in (None, "slot_taken") and self.model.open_holds(client, self.now) >= MOST_HOLDS:
            # Of what is taken as well, it is told what is found first: where somebody has to be chosen, that it is taken.
            codes.add("too_many_holds")
        if codes:
            return [
                (
                    booking.HoldRefused,
                    {"request_id": wish.request_id, "code": codes, "alternatives": (wants, wish.start)},
                )
            ]
        fair = self.model.fairest(wants, wish.start, self.now)

        def adopt(rows: dict[UUID, Any]) -> list[Told]:
            (row,) = (row for id, row in rows.items() if id not in self.model.visits)
            people = tuple(row["people"])
            assert people in fair, (people, fair)
            price = sum(SERVICES[service].by[person][1] for (service, _), person in zip(wants, people, strict=True))
            deposit, terms = self.model.terms(wants)
            visit = Visit(
                id=row["id"], client=client, wants=wants, start=wish.start, people=people, chairs=tuple(row["chairs"]),
                price=price, deposit=deposit, rules=terms, expires=min(self.now + HOLD, wish.start),
            )  # fmt: skip
            self.granted[wish.request_id] = visit.id
            self.model.visits[visit.id] = visit
            told = {"request_id": wish.request_id, "expires_at": visit.expires, "deposit": money(deposit)}
            return [(booking.ReservationHeld, told), *self.make_way(visit)]

        self.adopt = adopt
        return []

    def make_way(self, visit: Visit) -> list[Told]:
        return [self.lapse(other) for other in self.model.lapsed_in_the_way(visit, self.now)]

    def lapse(self, visit: Visit) -> Told:
        visit.becomes("expired")
        said = {"reservation_id": visit.id, "version": visit.version, "deposit_was_due": visit.due is not None}
        return booking.ReservationExpired, said

    def agreed(self, visit: Visit, *, waive: bool = False, answer: bool = True) -> list[Told]:
        refused: list[Told] = []
        if visit.status in ("confirmed", "completed", "no_show"):
            return []
        if visit.status in ("cancelled", "expired") or visit.overdue(self.now):
            code = "already_cancelled" if visit.status == "cancelled" else "hold_expired"
            if answer:
                refused = [(booking.ConfirmationRefused, {"reservation_id": visit.id, "code": code})]
            return [*refused, self.lapse(visit)] if visit.overdue(self.now) else refused
        if visit.deposit and not waive:
            if visit.due is not None:
                return []
            visit.due = min(self.now + DEADLINE, visit.start)
            visit.becomes("held", expires=visit.due)
            return [(booking.DepositDue, {"reservation_id": visit.id, "expires_at": visit.due})]
        visit.becomes("confirmed", expires=None, due=None)
        return [self.confirmed(visit)]

    def confirmed(self, visit: Visit, *, reseated: bool = False) -> Told:
        said = {"version": visit.version, "deposit_paid": money(visit.paid), "reseated": reseated}
        return booking.ReservationConfirmed, {"reservation_id": visit.id, **said}

    def paid(self, said: DepositPaid) -> list[Told]:
        if said.transaction_id in self.transactions:
            return []
        visit = self.model.visits[said.reservation_id]
        why, told = self.judged(visit, said)
        self.transactions[said.transaction_id] = (visit.id, why)
        if why is not None:
            told = [*told, (booking.DepositUnusable, {"transaction_id": said.transaction_id, "reason": why})]
        return told

    def judged(self, visit: Visit, said: DepositPaid) -> tuple[str | None, list[Told]]:
        if visit.status == "cancelled":
            return "cancelled", []
        if visit.transaction is not None:
            return "already_paid", []
        if visit.start <= self.now:
            return "in_the_past", [self.lapse(visit)] if visit.overdue(self.now) else []
        payment = {"transaction": said.transaction_id, "paid": said.amount.minor}
        if visit.status == "confirmed":
            visit.transaction, visit.paid = said.transaction_id, said.amount.minor
            visit.history.append((visit.version, "confirmed"))
            return None, [self.confirmed(visit)]
        reseated = visit.status == "expired"
        if reseated and not self.model.still_there(visit):
            return "not_offered", []
        if reseated and clash(self.model.needs(visit), self.model.taken(self.now, visit.id)):
            return "slot_taken", []
        visit.becomes("confirmed", expires=None, due=None, **payment)
        return None, [self.confirmed(visit, reseated=reseated), *(self.make_way(visit) if reseated else [])]

    def cancelled(self, visit: Visit, by: str, quoted_at: datetime | None) -> list[Told]:
        judged = visit.status in ("completed", "no_show")
        if visit.status in ("cancelled", "expired") or (judged and by == "client"):
            return []
        if by == "client" and visit.status == "confirmed" and visit.start <= self.now:
            return []
        if visit.overdue(self.now):
            return [self.lapse(visit)]
        kept_to = quoted_at is not None and quoted_at <= self.now <= quoted_at + QUOTE
        refund = visit.refund(quoted_at if quoted_at and kept_to else self.now) if by == "client" else visit.paid
        was = "confirmed" if judged else visit.status
        visit.becomes("cancelled", expires=None)
        said = {"version": visit.version, "was": was, "by": by, "refund": money(refund)}
        return [(booking.ReservationCancelled, {"reservation_id": visit.id, **said})]

    def quoted(self, visit: Visit) -> Told:
        said: dict[str, Any] = {"reservation_id": visit.id, "cancellable": False, "refund": None, "kept": None}
        if visit.status in ("held", "confirmed") and not visit.overdue(self.now) and visit.start > self.now:
            refund = visit.refund(self.now)
            said |= {"cancellable": True, "refund": money(refund), "kept": money(visit.paid - refund)}
        return booking.CancellationQuoted, {**said, "movable": self.immovable(visit, "client") is None}

    def immovable(self, visit: Visit, by: str) -> str | None:
        if visit.status != "confirmed":
            return "not_confirmed"
        if visit.start < self.now - BACK if by == "salon" else visit.start <= self.now:
            return "already_over"
        if by == "client" and self.now > visit.free_until:
            return "too_late"
        return "too_many_moves" if by == "client" and visit.moves >= visit.rules.moves else None

    def moved(self, visit: Visit, start: datetime, staff: tuple[str | None, ...], by: str) -> list[Told]:
        code = self.immovable(visit, by)
        wants = visit.wants
        if staff:
            wants = tuple((service, name) for (service, _), name in zip(wants, staff, strict=True))
        alternatives: Any = None
        if code is None:
            code = self.model.refusal(wants, start, self.now, by, visit.id)
            alternatives = (wants, start)
        if code is not None:
            told = {"reservation_id": visit.id, "code": code, "alternatives": alternatives}
            return [(booking.MoveRefused, told)] if by == "client" else []
        fair = self.model.fairest(wants, start, self.now, visit.id)

        def adopt(rows: dict[UUID, Any]) -> list[Told]:
            row = rows[visit.id]
            people = tuple(row["people"])
            assert people in fair, (people, fair)
            moves = visit.moves + (by == "client")
            seat = {"people": people, "chairs": tuple(row["chairs"]), "wants": wants, "start": start}
            visit.becomes("confirmed", moves=moves, **seat)
            told = {"reservation_id": visit.id, "version": visit.version}
            return [(booking.ReservationMoved, told), *self.make_way(visit)]

        self.adopt = adopt
        return []

    def completed(self) -> list[Told]:
        """A day after their end, visits that nobody has judged count as completed."""
        due = [
            visit
            for visit in self.model.visits.values()
            if visit.status == "confirmed" and end_of(visit) <= self.now - DAY
        ]
        return [told for visit in due for told in self.finished(visit, "completed")]

    def finished(self, visit: Visit, outcome: str) -> list[Told]:
        if (
            visit.status not in ("confirmed", "completed", "no_show")
            or visit.status == outcome
            or self.now < visit.start
        ):
            return []
        visit.becomes(outcome)
        return [(booking.ReservationFinished, {"reservation_id": visit.id, "outcome": outcome})]

    def offers(self, asked: booking.AvailabilityRequested) -> Told:
        wants = self.plain(asked.wants)
        day = (asked.earliest - timedelta(hours=3)).date()
        free: list[datetime] = []
        if all(staff is None or staff in SERVICES[service].by for service, staff in wants):
            free = self.model.offered(wants, day, self.now)
        return booking.AvailabilityFound, {"exact": bool(free), "slots": (wants, free)}

    def wanted(self, wants: tuple[Wanted, ...]) -> tuple[booking.Want, ...]:
        return tuple(
            booking.Want(service_id=self.services[service], staff_id=self.people[staff] if staff else None)
            for service, staff in wants
        )

    def plain(self, wants: tuple[booking.Want, ...]) -> tuple[Wanted, ...]:
        services = {id: name for name, id in self.services.items()}
        return tuple(
            (services[want.service_id], staff)
            for want, staff in zip(wants, self.named([want.staff_id for want in wants]), strict=True)
        )

    def named(self, staff_ids: Sequence[UUID | None]) -> tuple[str | None, ...]:
        names = {id: name for name, id in self.people.items()}
        return tuple(names[id] if id else None for id in staff_ids)


def money(minor: int) -> Money | None:
    return Money(minor=minor, currency="BRL") if minor else None
