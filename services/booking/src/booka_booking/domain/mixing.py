"""Several people for one visit: who does what, with as few changes between them as can be."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from booka_booking.domain.diary import Diary, Seating
from booka_booking.domain.planning import Part, Plan, Team
from booka_booking.domain.salon import Staff
from booka_booking.domain.times import Interval

__all__ = ["Mix"]


class _State(NamedTuple):
    """The services before `position` are done, the last of them by `last`; what comes next begins at `begins`.

    `run` is where the resource that is in use since an earlier service is needed from. Whatever was chosen before does not
    matter for what can follow, so there are few of these, although there are many ways to get to each.
    """

    position: int
    last: Staff | None
    begins: timedelta
    run: timedelta

    @property
    def key(self) -> tuple[int, UUID | None, timedelta, timedelta]:
        """The same for equal states."""
        return self.position, self.last.id if self.last else None, self.begins, self.run


class Mix:
    """Everybody who could do some of a visit at one start."""

    def __init__(self, diary: Diary, plan: Plan, start: datetime) -> None:
        self._diary = diary
        self._plan = plan
        self._start = start
        self._known: dict[tuple[int, UUID | None, timedelta, timedelta], int | None] = {}

    @property
    def possible(self) -> bool:
        """Whether there is any combination."""
        return self._changes(_State(0, None, timedelta(), timedelta())) is not None

    def seat(self, rank: Callable[[Staff], Any]) -> Seating | None:
        """The combination with the fewest changes, if there is any; among those, at every service the same person goes on if
        possible, and else it is the first by `rank` and in the salon's order."""
        state = _State(0, None, timedelta(), timedelta())
        left = self._changes(state)
        if left is None:
            return None
        people: list[Staff] = []
        while state.position < len(self._plan.services):
            last = state.last
            able = sorted(self._plan.able[state.position], key=rank)
            for person in sorted(able, key=partial(_changed, last)):
                after = self._after(state, person)
                rest = self._changes(after) if after else None
                if after and rest is not None and rest + _changed(last, person) <= left:
                    left -= _changed(last, person)
                    people.append(person)
                    state = after
                    break
        return self._diary.seat(Team.of(self._plan, people), self._start)

    def _changes(self, state: _State) -> int | None:
        """With how few changes of the person the rest can be done; None if it cannot."""
        if state.key not in self._known:
            self._known[state.key] = self._fewest(state)
        return self._known[state.key]

    def _fewest(self, state: _State) -> int | None:
        if state.position == len(self._plan.services):
            return 0 if self._ended(state) else None
        found: int | None = None
        for person in self._plan.able[state.position]:
            changed = _changed(state.last, person)
            if found is not None and changed >= found:
                continue
            after = self._after(state, person)
            rest = self._changes(after) if after else None
            if rest is not None and (found is None or rest + changed < found):
                found = rest + changed
        return found

    def _after(self, state: _State, person: Staff) -> _State | None:
        """`person` does the next service; None if this cannot be."""
        services = self._plan.services
        service = services[state.position]
        part = Part.of(service, self._plan.wants[state.position].staff_id, person, state.begins)
        before = part.begins - timedelta(minutes=service.buffer_before_minutes)
        goes_on = state.last is not None and state.last.id == person.id
        if not goes_on and not (self._free(person, before, part.begins) and self._left(state)):
            return None
        if not all(
            self._diary.works(person, self._at(stretch.begins, stretch.ends))
            and self._free(person, stretch.begins, stretch.ends)
            for stretch in part.work
        ):
            return None
        run = state.run
        if not state.position or services[state.position - 1].pool_id != service.pool_id:
            if not self._equipped(state):
                return None
            run = before
        return _State(state.position + 1, person, part.ends, run)

    def _ended(self, state: _State) -> bool:
        whole = self._at(timedelta(), state.begins)
        return self._diary.open_for(whole) and self._left(state) and self._equipped(state)

    def _left(self, state: _State) -> bool:
        """Whether the last one has the time after the service that belongs to it."""
        if state.last is None:
            return True
        return self._free(state.last, state.begins, self._buffered(state))

    def _equipped(self, state: _State) -> bool:
        """Whether there is a resource for the run of services that ends here, if it needs one."""
        pool_id = self._plan.services[state.position - 1].pool_id if state.position else None
        if pool_id is None:
            return True
        return self._diary.free_resource(pool_id, self._at(state.run, self._buffered(state))) is not None

    def _buffered(self, state: _State) -> timedelta:
        return state.begins + timedelta(minutes=self._plan.services[state.position - 1].buffer_after_minutes)

    def _free(self, person: Staff, begins: timedelta, ends: timedelta) -> bool:
        return begins == ends or self._diary.conflict(person.id, self._at(begins, ends)) is None

    def _at(self, begins: timedelta, ends: timedelta) -> Interval:
        return Interval(self._start + begins, self._start + ends)


def _changed(last: Staff | None, person: Staff) -> bool:
    return last is not None and last.id != person.id
