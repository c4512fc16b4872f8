"""Booking in a database and the model beside it: something is done to both, and then they are compared."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from booka_booking.settings import SERVICE, Settings
from booka_booking.store import reservations as store
from booka_common.contracts import booking
from booka_common.contracts.envelope import Message, enveloped
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .answers import Answers, Told
from .judge import problems
from .model import BEHIND, SERVICES, Wanted, parts_of
from .salon import Salon

Result = TypeVar("Result")

KINDS: dict[str, type[Message]] = {
    kind.key: kind
    for kind in (
        booking.AvailabilityFound, booking.CancellationQuoted, booking.ConfirmationRefused, booking.DepositDue,
        booking.DepositUnusable, booking.HoldRefused, booking.MoveRefused, booking.ReservationCancelled,
        booking.ReservationConfirmed, booking.ReservationExpired, booking.ReservationFinished, booking.ReservationHeld,
        booking.ReservationMoved,
    )
}  # fmt: skip

_ROWS = """
SELECT r.id, r.status, r.version, r.moves, r.starts_at, r.expires_at, r.deposit_due_at, r.paid_minor, r.transaction_id,
    r.price_minor, (r.terms->>'deposit_minor')::integer AS deposit,
    ARRAY(SELECT s.staff_name FROM reservation_segments AS s WHERE s.reservation_id = r.id ORDER BY s.position) AS people,
    ARRAY(SELECT s.resource_name FROM reservation_segments AS s WHERE s.reservation_id = r.id ORDER BY s.position) AS chairs,
    ARRAY(SELECT h.version || ' ' || h.status FROM reservation_history AS h WHERE h.reservation_id = r.id ORDER BY h.seq)
        AS history
FROM reservations AS r WHERE r.tenant_id = $1
"""
_SAID = "SELECT seq, routing_key, body FROM outbox WHERE tenant_id = $1 AND seq > $2 ORDER BY seq"
_DEPOSITS = "SELECT transaction_id, reservation_id, unusable_because FROM deposits"


class World:
    """One event loop and one database for all the histories of a test."""

    def __init__(self, runner: asyncio.Runner, db: Database) -> None:
        self.runner = runner
        self.db = db

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    @classmethod
    @contextmanager
    def opened(cls, found: Settings) -> Iterator["World"]:
        with asyncio.Runner() as runner:
            db = Database(found.database_url.get_secret_value(), SERVICE.name, acquire_timeout=timedelta(seconds=30))
            runner.run(db.open())
            try:
                yield cls(runner, db)
            finally:
                runner.run(db.close())


@dataclass
class Seen:
    """Everything of the salon in the database that is compared."""

    rows: dict[UUID, Any] = field(default_factory=dict)
    said: list[Any] = field(default_factory=list)
    deposits: dict[UUID, tuple[UUID, str | None]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Play:
    """The salon of `salon.py` in a database, and the model."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = FrozenClock()
        self.salon = Salon(world.db, new_id(), self.clock)
        self.answers = Answers(self.salon, self.clock)
        self.seen = Seen()
        self._seq = 0
        world.run(self.salon.open())
        world.run(self._look())

    def expect(self, then: Callable[[], list[Told]], work: Coroutine[Any, Any, Any]) -> None:
        """Have booking do `work`, and the model what it ought to do; then look whether they agree."""
        self.answers.adopt = None
        expected = then()
        self.world.run(work)
        self.world.run(self._look())
        if self.answers.adopt is not None:
            expected += self.answers.adopt(self.seen.rows)
        said = self.seen.said
        assert sorted(type(message).key for message in said) == sorted(kind.key for kind, _ in expected), (
            said,
            expected,
        )
        for kind, wanted in expected:
            assert any(type(message) is kind and self._fits(message, wanted) for message in said), (said, kind, wanted)

    def compare(self) -> None:
        """Booking is where the model is, nobody is in two places, and every payment was judged once."""
        model = self.answers.model
        assert self.seen.rows.keys() == model.visits.keys()
        for id, row in self.seen.rows.items():
            visit = model.visits[id]
            found = {
                "status": row["status"], "version": row["version"], "moves": row["moves"], "start": row["starts_at"],
                "people": tuple(row["people"]), "chairs": tuple(row["chairs"]), "paid": row["paid_minor"],
                "transaction": row["transaction_id"], "price": row["price_minor"], "deposit": row["deposit"],
                "history": [(int(version), status) for version, status in (item.split() for item in row["history"])],
            }  # fmt: skip
            assert found == {name: getattr(visit, name) for name in found}, id
            if visit.status == "held":
                assert (row["expires_at"], row["deposit_due_at"]) == (visit.expires, visit.due)
        assert self.seen.problems == []
        assert self.seen.deposits == self.answers.transactions
        used = {visit.transaction: visit.id for visit in model.visits.values() if visit.transaction}
        assert used == {payment: of for payment, (of, why) in self.answers.transactions.items() if why is None}

    async def locked(self, reservation_id: UUID, work: Callable[[Any, Any], Coroutine[Any, Any, Any]]) -> None:
        """Do something with a reservation as an API call would."""
        async with self.world.db.tx(self.salon.tenant_id) as tx:
            await work(tx, await store.lock(tx, reservation_id))

    async def _look(self) -> None:
        async with self.world.db.tx(self.salon.tenant_id) as tx:
            rows = await tx.fetch(_ROWS, self.salon.tenant_id)
            said = await tx.fetch(_SAID, self.salon.tenant_id, self._seq)
            deposits = await tx.fetch(_DEPOSITS)
            wrong = await problems(tx)
        self._seq = said[-1]["seq"] if said else self._seq
        messages = [
            enveloped(KINDS[row["routing_key"]]).model_validate_json(row["body"]).data
            for row in said
            if row["routing_key"] != booking.CatalogueChanged.key
        ]
        self.seen = Seen(
            {row["id"]: row for row in rows}, messages, {row[0]: (row[1], row[2]) for row in deposits}, wrong
        )

    def _fits(self, message: Any, wanted: dict[str, Any]) -> bool:
        for name, value in wanted.items():
            if name == "alternatives":
                self._check_alternatives(message, value)
            elif name == "slots":
                self._check_slots(message.slots, *value)
            elif getattr(message, name) not in (value if isinstance(value, set) else {value}):
                return False
        return True

    def _check_alternatives(self, message: Any, asked: tuple[tuple[Wanted, ...], datetime] | None) -> None:
        """What is offered instead can be had, and there is nothing else before it on that day."""
        unable = asked is not None and any(staff and staff not in SERVICES[service].by for service, staff in asked[0])
        if asked is None or unable or message.code == "too_many_holds":
            assert message.alternatives == ()
            return
        wants, start = asked
        besides, now = getattr(message, "reservation_id", None), self.clock()
        first = max(start, now)
        today = self.answers.model.offered(wants, (first - BEHIND).date(), now, besides)
        expected = [free for free in today if free >= first][:3]
        assert [slot.start for slot in message.alternatives][: len(expected)] == expected
        self._check_seats(message.alternatives, wants, besides)

    def _check_slots(self, slots: tuple[booking.Slot, ...], wants: tuple[Wanted, ...], free: list[datetime]) -> None:
        if free:
            assert [slot.start for slot in slots] == free
        self._check_seats(slots, wants, None)

    def _check_seats(self, slots: tuple[booking.Slot, ...], wants: tuple[Wanted, ...], besides: UUID | None) -> None:
        for slot in slots:
            assert slot.staff_names in self.answers.model.fairest(wants, slot.start, self.clock(), besides), slot
            assert slot.end == parts_of(wants, slot.staff_names, slot.start)[-1]["ends"]
