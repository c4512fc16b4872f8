"""The state of one conversation: a frozen value that goes to JSON and back."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from booka_common.contracts.booking import Slot, Visit
from booka_common.contracts.waitlist import Replaced
from booka_common.money import Money
from booka_dialog.domain.earlier import brought_up_to_date
from booka_dialog.understanding import Language, When

__all__ = [
    "Held",
    "Interpreting",
    "KnownVisit",
    "Listed",
    "Pending",
    "Quote",
    "Session",
    "State",
    "Wish",
    "dump_session",
    "load_session",
]

State = Literal[
    "idle", "service", "add_or_replace", "staff", "when", "searching", "slot", "holding", "name", "confirm", "change",
    "remove", "confirming", "paying", "again", "which_visit", "which_move", "quoting", "cancel_visit", "cancelling",
    "cannot_move", "confirm_move", "moving", "waitlist", "listing", "which_entry", "offer", "offer_name", "done",
]  # fmt: skip
#: Nothing is being talked about.
AT_REST: frozenset[State] = frozenset({"idle", "done"})
_AWAITING: frozenset[State] = frozenset(
    {"searching", "holding", "confirming", "quoting", "cancelling", "moving", "listing"}
)
_AGREED: frozenset[State] = frozenset({"confirming", "cancelling", "moving"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One service of the visit that the client wants.

    Attributes:
        staff_id: who the client wants to do it.
        anyone: the client does not mind who does it.
        among: services that are equally likely meant, of which `service_id` is the first; empty once it is clear.
    """

    service_id: UUID
    staff_id: UUID | None = None
    anyone: bool = False
    among: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A question to booking that has not been answered yet."""

    kind: Literal["availability", "hold", "quote", "move", "waitlist"]
    request_id: UUID
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreting:
    """A text that the model was asked to read. `overtaken`: the client has been answered since, so its answer only adds."""

    request_id: UUID
    text: str
    overtaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A start that is kept for the client.

    Attributes:
        url: where the deposit is paid, once that is known.
        entry_id: it was offered from the waiting list.
        wishes: what it is for, where the session does not say.
        agreed: the client has said yes to it.
        replaces: the visit that moves here if they do.
    """

    reservation_id: UUID
    visit: Visit
    deposit: Money | None
    expires_at: datetime
    url: str | None = None
    entry_id: UUID | None = None
    wishes: tuple[Wish, ...] = ()
    agreed: bool = False
    replaces: Replaced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVisit:
    """A confirmed visit that lies ahead. `wishes`: what was asked for, where that happened in this conversation."""

    reservation_id: UUID
    visit: Visit
    deposit_paid: Money | None = None
    version: int = 0
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the terms of a confirmed visit say, as booking quoted them."""

    reservation_id: UUID
    quoted_at: datetime
    refund: Money | None = None
    kept: Money | None = None
    free_until: datetime | None = None
    movable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A place on the waiting list."""

    entry_id: UUID
    service_ids: tuple[UUID, ...]
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation.

    Attributes:
        state: what the client was asked last, or what is being waited for.
        wishes: the services of the visit in their order.
        staff_id, any_staff: said for the visit as a whole before its services were known.
        apart: the client wants to choose somebody for each service.
        adding: the service named next is one more, it does not take the place of the others.
        unsure: services that may be meant besides the wishes or instead of them.
        choices: what the numbers of the list shown last stand for, see `domain.choices`.
        shown_at: which of the things said it was that showed them so that they can be tapped; None: none.
        slots: the starts offered last.
        for_other: somebody else than the contact will come.
        releasing: a hold that is being given up; its time is looked for again only once it is free.
        visits: confirmed visits ahead, so that they can be named, moved and cancelled.
        target: the reservation whose cancellation the client waits to hear of, or is asked about.
        moving: the confirmed visit for which another time is looked for.
        later_than: "other times": only starts after this one are of interest.
        for_list: the client wants to wait for a time rather than choose one.
        missed: a wish for a time in which nothing was free, so that the client may wait for it.
        listed: the client's places on the waiting list.
        offers: holds offered from the waiting list while something else was being talked about.
        waiting_since: since when the client has been waiting for somebody else's answer.
        interrupted: the state to go back to once an offer has got its name.
        misunderstood: texts in a row that nobody understood.
    """

    conversation_id: UUID
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None
    language: Language | None = None
    greeted: bool = False
    state: State = "idle"
    wishes: tuple[Wish, ...] = ()
    staff_id: UUID | None = None
    any_staff: bool = False
    apart: bool = False
    adding: bool = False
    unsure: tuple[UUID, ...] = ()
    when: When = field(default_factory=When)
    choices: tuple[str, ...] = ()
    shown_at: int | None = None
    slots: tuple[Slot, ...] = ()
    chosen: Slot | None = None
    guest_name: str | None = None
    for_other: bool = False
    held: Held | None = None
    pending: Pending | None = None
    interpreting: Interpreting | None = None
    releasing: UUID | None = None
    visits: tuple[KnownVisit, ...] = ()
    target: UUID | None = None
    moving: UUID | None = None
    quote: Quote | None = None
    later_than: datetime | None = None
    for_list: bool = False
    missed: When | None = None
    listed: tuple[Listed, ...] = ()
    offers: tuple[Held, ...] = ()
    waiting_since: datetime | None = None
    interrupted: State | None = None
    misunderstood: int = 0
    touched_at: datetime | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next word is somebody else's, so that silence is no neglect."""
        return self.state in _AWAITING or (self.interpreting is not None and not self.interpreting.overtaken)

    @property
    def agreed_at(self) -> datetime | None:
        """Since when the client has been waiting to hear that what they agreed to is done; None: they are not."""
        return self.waiting_since if self.state in _AGREED else None

    @property
    def untouched(self) -> bool:
        """Whether the client was asked for a service and has not said anything about a visit yet."""
        nothing = not self.wishes and self.when.empty and self.staff_id is None and not self.any_staff
        return self.state == "service" and nothing and not self.for_list and not self.for_other

    def cleared(self) -> "Session":
        """This conversation without a booking in the making; who the client is and what is booked stays."""
        return replace(
            self, state="idle", wishes=(), staff_id=None, any_staff=False, apart=False, adding=False, unsure=(), when=When(),
            choices=(), shown_at=None, slots=(), chosen=None,
            guest_name=None if self.for_other else self.guest_name, for_other=False,
            held=None, pending=None, interpreting=None, target=None, moving=None, quote=None, later_than=None,
            for_list=False, missed=None, interrupted=None, misunderstood=0,
        )  # fmt: skip

    def rested(self) -> "Session":
        """`cleared`, in the state in which a conversation ends: with a visit ahead or without."""
        return replace(self.cleared(), state="done" if self.visits else "idle")

    def upcoming(self, now: datetime) -> "Session":
        """This conversation without the visits that are over, and without what was being talked about them."""
        ahead = tuple(known for known in self.visits if known.visit.end > now)
        if len(ahead) == len(self.visits):
            return self
        left = replace(self, visits=ahead)
        asked = self.moving or (self.target if self.state in {"quoting", "cancel_visit", "cannot_move"} else None)
        return left if asked is None or left.known(asked) else left.rested()

    def timed(self, before: "Session", now: datetime) -> "Session":
        """This conversation with the time since when its client has been waiting."""
        same = self.state == before.state and self.pending == before.pending
        since = None if not self.waiting else before.waiting_since if same and before.waiting_since else now
        return self if since == self.waiting_since else replace(self, waiting_since=since)

    @property
    def ahead(self) -> tuple[KnownVisit, ...]:
        """The confirmed visits, the next one first."""
        return tuple(sorted(self.visits, key=lambda known: known.visit.start))

    def known(self, reservation_id: UUID | None) -> KnownVisit | None:
        """The confirmed visit of this reservation."""
        return next((known for known in self.visits if known.reservation_id == reservation_id), None)

    def offered(self, reservation_id: UUID | None) -> Held | None:
        """The offer of the waiting list that waits in the background, of this reservation."""
        return next((offer for offer in self.offers if offer.reservation_id == reservation_id), None)

    def without(self, reservation_id: UUID) -> "Session":
        """This conversation without that confirmed visit."""
        return replace(self, visits=tuple(known for known in self.visits if known.reservation_id != reservation_id))

    def without_offer(self, reservation_id: UUID) -> "Session":
        """This conversation without that offer in the background."""
        return replace(self, offers=tuple(offer for offer in self.offers if offer.reservation_id != reservation_id))

    def replacing_none(self, reservation_id: UUID) -> "Session":
        """This conversation once that visit does not stand any more: what was offered in its place stands by itself."""

        def alone(offer: Held) -> Held:
            gone = offer.replaces is not None and offer.replaces.reservation_id == reservation_id
            return replace(offer, replaces=None) if gone else offer

        held = alone(self.held) if self.held else None
        return replace(self, held=held, offers=tuple(alone(offer) for offer in self.offers))

    def with_offer(self, offer: Held) -> "Session":
        """This conversation with `offer` in the background, in the place of an earlier form of it."""
        known = any(found.reservation_id == offer.reservation_id for found in self.offers)
        if not known:
            return replace(self, offers=(*self.offers, offer))
        changed = tuple(offer if found.reservation_id == offer.reservation_id else found for found in self.offers)
        return replace(self, offers=changed)


_adapter = TypeAdapter(Session)


def dump_session(session: Session) -> dict[str, Any]:
    """The session as JSON types; what is empty is left out."""
    document: dict[str, Any] = _adapter.dump_python(session, mode="json", exclude_defaults=True)
    return document


def load_session(document: dict[str, Any]) -> Session:
    """The session that `dump_session` wrote, now or in an earlier version; unknown fields of a newer one are ignored."""
    return _adapter.validate_python(brought_up_to_date(document))
