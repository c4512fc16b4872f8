"""The waiting list: who waits for what, and what of the time that became free is offered to whom."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.availability import choose, free_starts
from booka_booking.domain.diary import Diary, Hours
from booka_booking.domain.planning import Plan
from booka_booking.domain.reservation import Claim, Reservation
from booka_booking.domain.salon import Profile
from booka_booking.domain.times import Interval, instant, local_day, merge
from booka_common.contracts.booking import Want

__all__ = [
    "MOST_ENTRIES", "Entry", "EntryStatus", "Look", "Outcome", "Waiting", "after_offer", "as_it_was", "candidates",
    "days_to_wait", "in_turn", "not_replaceable", "outcome_of", "replaceable",
]  # fmt: skip

#: A client waits for so many things at most.
MOST_ENTRIES = 5

EntryStatus = Literal["waiting", "offered", "booked", "left", "over"]
Outcome = Literal["open", "booked", "declined", "unanswered", "withdrawn"]

_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who waits for a start on one of these days, in this part of the local day.

    Attributes:
        from_minute, until_minute: of the local day; no start before the one, none at or after the other.
        offers: how many were made so far.
        replaces: the visit that is to be moved to what becomes free.
    """

    id: UUID
    request_id: UUID
    conversation_id: UUID
    contact_id: UUID
    contact_name: str | None
    phone: str | None
    wants: tuple[Want, ...]
    first_day: date
    last_day: date
    from_minute: int
    until_minute: int
    created_at: datetime
    status: EntryStatus = "waiting"
    offers: int = 0
    version: int = 1
    replaces: UUID | None = None

    @property
    def live(self) -> bool:
        """Whether it is still on the list."""
        return self.status in ("waiting", "offered")

    def fits(self, start: datetime, zone: ZoneInfo) -> bool:
        """Whether a visit from `start` on is on one of the days and in the part of the day."""
        local = start.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return self.first_day <= local.date() <= self.last_day and self.from_minute <= minute < self.until_minute

    def served_by(self, it: Reservation, zone: ZoneInfo) -> bool:
        """Whether a visit is just what is waited for."""
        return (
            len(self.wants) == len(it.segments)
            and all(
                want.service_id == part.service_id and want.staff_id in (None, part.staff_id)
                for want, part in zip(self.wants, it.segments, strict=True)
            )
            and self.fits(it.start, zone)
        )

    def ends(self, zone: ZoneInfo) -> datetime:
        """When the last day is over."""
        return local_day(self.last_day, zone).end

    def like(self, other: "Entry") -> bool:
        """Whether the same client waits for the same, in place of whatever visit."""
        return self == replace(
            other,
            id=self.id,
            request_id=self.request_id,
            conversation_id=self.conversation_id,
            contact_name=self.contact_name,
            phone=self.phone,
            created_at=self.created_at,
            status=self.status,
            offers=self.offers,
            version=self.version,
            replaces=self.replaces,
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry with the starts that it was offered before."""

    entry: Entry
    offered: frozenset[datetime]


@dataclass(frozen=True, slots=True)
class Look:
    """A look for something to offer.

    Attributes:
        window: the time that a visit left behind, or whole days.
        first_day, last_day: the local dates on which what is offered can begin.
        freed: what that visit took of people and resources; only starts that its going made possible are offered. Empty:
            every free start in the window is.
        besides: entries that are not offered anything, for they have been, or have let go of just this.
        only: nothing is offered to anybody else.
    """

    window: Interval
    first_day: date
    last_day: date
    freed: tuple[Claim, ...] = ()
    besides: tuple[UUID, ...] = ()
    only: UUID | None = None

    @classmethod
    def after(cls, before: Reservation, after: Reservation, now: datetime) -> "Look | None":
        """Into the time that a change of a reservation made free, if any of it is ahead."""
        if before.status not in ("held", "confirmed"):
            return None
        kept = after.claims if after.seated else ()
        freed = tuple(claim for claim in before.claims if claim not in kept)
        if not freed:
            return None
        window = Interval(min(claim.busy_from for claim in freed), max(claim.busy_until for claim in freed))
        if window.end <= now:
            return None
        # What reaches into it may begin on the evening before.
        zone = ZoneInfo(before.zone)
        return cls(window, (window.start - _DAY).astimezone(zone).date(), window.end.astimezone(zone).date(), freed)

    @classmethod
    def at_days(cls, first: date, last: date, zone: ZoneInfo, *, only: UUID | None = None) -> "Look":
        """Into everything that is free on these local dates."""
        return cls(Interval(local_day(first, zone).start, local_day(last, zone).end), first, last, only=only)

    def besides_too(self, entry_id: UUID) -> "Look":
        """The same, and nothing for this entry."""
        return replace(self, besides=(*self.besides, entry_id))

    def starts(self, plan: Plan) -> Interval:
        """The starts that come into question: those of the window, or those of visits that reach into what was freed."""
        if not self.freed:
            return self.window
        before, after = plan.reach
        return Interval(self.window.start - after, self.window.end - before)


def in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Who is asked first: whoever was offered least, then whoever has waited longest."""
    return sorted(waiting, key=lambda item: (item.entry.offers, item.entry.created_at, item.entry.id))


def as_it_was(hours: Hours, taken: Mapping[UUID, Iterable[Interval]], freed: Iterable[Claim]) -> Diary:
    """The diary of before `freed` was given up, but for what was taken since."""
    spans: dict[UUID, list[Interval]] = {calendar: list(own) for calendar, own in taken.items()}
    for claim in freed:
        spans.setdefault(claim.calendar_id, []).append(Interval(claim.busy_from, claim.busy_until))
    return Diary(hours, {calendar: merge(own) for calendar, own in spans.items()})


def candidates(
    diary: Diary,
    before: Diary | None,
    look: Look,
    waiting: Sequence[Waiting],
    plans: Mapping[tuple[Want, ...], Plan],
    now: datetime,
) -> Iterator[tuple[Entry, datetime]]:
    """Whom to offer which start: every fitting start of the first in turn, then those of the next.

    Args:
        before: the diary with the freed time still taken: a start that was free then is nothing new.
        plans: what is waited for, as far as the salon offers it now; who waits for anything else is passed over.
    """
    zone = diary.salon.profile.zone
    starts: dict[tuple[Want, ...], list[datetime]] = {}
    for item in in_turn(waiting):
        entry = item.entry
        plan = plans.get(entry.wants)
        if plan is None or entry.id in look.besides or entry.status != "waiting":
            continue
        if entry.wants not in starts:
            starts[entry.wants] = _new_starts(diary, before, look, plan, now)
        for start in starts[entry.wants]:
            if start not in item.offered and entry.fits(start, zone):
                yield entry, start


def _new_starts(diary: Diary, before: Diary | None, look: Look, plan: Plan, now: datetime) -> list[datetime]:
    free = [opening.start for opening in free_starts(diary, plan, look.starts(plan), now)]
    if before is None:
        return free
    new = [start for start in free if choose(before, plan, start) is None]
    # First what begins where the freed time begins: what begins earlier breaks the time before it up as well.
    return sorted(new, key=lambda start: (start + plan.reach[0] < look.window.start, start))


def outcome_of(before: Reservation, after: Reservation, *, by_client: bool) -> Outcome | None:
    """What became of a hold that may be an offer; None if nothing has been decided."""
    if after.status == "confirmed" and before.status in ("held", "expired"):
        return "booked"
    if before.status != "held":
        return None
    if after.status == "cancelled":
        return "declined" if by_client else "withdrawn"
    return "unanswered" if after.status == "expired" else None


def replaceable(it: Reservation, now: datetime) -> bool:
    """Whether a visit stands and lies ahead, so that it can be moved to what becomes free."""
    return it.status in ("held", "confirmed") and not it.overdue(now) and it.start > now


def not_replaceable(
    it: Reservation, wants: Sequence[Want], now: datetime
) -> Literal["already_over", "other_services"] | None:
    """Why nobody can wait for another time of this visit; None if they can. A move leaves its services as they are."""
    if not replaceable(it, now):
        return "already_over"
    same = [want.service_id for want in wants] == [part.service_id for part in it.segments]
    return None if same else "other_services"


def after_offer(entry: Entry, outcome: Outcome, now: datetime, zone: ZoneInfo) -> EntryStatus:
    """What an entry is after one of its offers ended so."""
    if not entry.live:
        return entry.status
    if outcome == "booked":
        return "booked"
    return "over" if entry.ends(zone) <= now else "waiting"


def days_to_wait(
    profile: Profile, first: date, last: date, from_minute: int, until_minute: int, now: datetime
) -> tuple[date, date] | Literal["in_the_past", "not_offered"]:
    """The days that are waited for of those asked for: from today on, at most a year ahead; or why there is none.

    A first day beyond the horizon is refused: until it comes nearer nothing of it can be booked at all.
    """
    zone = profile.zone
    today = now.astimezone(zone).date()
    if first > last or from_minute >= until_minute:
        return "not_offered"
    if last < today:
        return "in_the_past"
    if first > today + timedelta(days=profile.horizon_days):
        return "not_offered"
    first, last = max(first, today), min(last, today + max(_YEAR, timedelta(days=profile.horizon_days)))
    until = instant(datetime.combine(last, time()) + timedelta(minutes=until_minute), zone)
    return "in_the_past" if until <= now else (first, last)
