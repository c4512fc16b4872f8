"""Somebody who talks to the salon: without any machinery, or with a phone, as messaging tells of them."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    HoldRequested,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    Want,
)
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import InterpretationReady
from booka_common.contracts.messaging import MessageReceived
from booka_common.contracts.payments import CheckoutOpened
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import (
    ClientSaid,
    Context,
    Effect,
    Input,
    Say,
    Session,
    converse,
    dump_session,
    load_session,
)

from .house import DEPOSIT, FRIDAY_15, NOW, House


@dataclass
class Talk:
    """A conversation with the pure core; the session goes through JSON at every step, as it does in the database."""

    house: House
    session: Session = field(default_factory=lambda: Session(conversation_id=new_id(), contact_id=new_id()))
    now: datetime = NOW
    llm_enabled: bool = False
    told: int = 0
    effects: tuple[Effect, ...] = ()

    def take(self, *given: Input) -> str:
        """Take inputs in at once; what the client is told, or an empty text."""
        context = Context(
            now=self.now, request_id=new_id(), salon=self.house.salon, llm_enabled=self.llm_enabled, said=self.told
        )
        after, self.effects = converse(self.session, given, context)
        self.session = load_session(dump_session(after))
        assert self.session == after
        texts = [effect.text for effect in self.effects if isinstance(effect, Say)]
        assert len(texts) <= 1
        self.told += len(texts)
        return texts[0] if texts else ""

    def says(self, *texts: str) -> str:
        """The client writes."""
        return self.take(*(ClientSaid(text=text) for text in texts))

    def taps(self, number: int) -> str:
        """The client taps a choice of what was said last."""
        choices = self.one(Say).choices
        assert choices is not None
        choice = choices.choices[number - 1]
        return self.take(ClientSaid(text=choice.title, kind="choice", choice_id=choice.id))

    def one(self, kind: type[Any]) -> Any:
        """The only effect of this kind in the last step."""
        found = [effect for effect in self.effects if isinstance(effect, kind)]
        assert len(found) == 1, self.effects
        return found[0]

    def none(self, kind: type[Any]) -> bool:
        """Whether the last step had no effect of this kind."""
        return not any(isinstance(effect, kind) for effect in self.effects)

    def knows(self, **fields: Any) -> "Talk":
        """With parts of the session set."""
        self.session = replace(self.session, **fields)
        return self

    def found(self, *starts: datetime, exact: bool = True, staff: str = "Ana") -> str:
        """Booking answers the open availability question."""
        request = self.one(AvailabilityRequested)
        return str(
            self.take(
                AvailabilityFound(
                    request_id=request.request_id,
                    conversation_id=request.conversation_id,
                    exact=exact,
                    slots=tuple(self.house.slot(start, staff) for start in starts),
                )
            )
        )

    @property
    def services(self) -> list[str]:
        """The services of the visit in the making, by name."""
        return [self.house.service_name(wish.service_id) for wish in self.session.wishes]

    @property
    def people(self) -> list[str | None]:
        """Who was chosen for each of them, by name."""
        return [self.house.staff_name(wish.staff_id) if wish.staff_id else None for wish in self.session.wishes]

    def at_slots(self) -> str:
        """Up to the list of free times."""
        self.says("haircut with Ana on friday")
        return self.found(FRIDAY_15, FRIDAY_15 + timedelta(minutes=45))

    def at_summary(self, *, deposit: Money | None = None) -> str:
        """Up to the summary of a held time."""
        self.at_slots()
        self.says("1")
        self.take(self.house.held(self.one(HoldRequested), deposit=deposit))
        return str(self.says("Maria Silva"))

    def at_payment(self) -> str:
        """Up to the deposit link."""
        self.at_summary(deposit=DEPOSIT)
        self.says("yes")
        return str(self.take(self.opened()))

    def opened(self, url: str = "https://pay.example/1") -> CheckoutOpened:
        """Payments has a page for the deposit."""
        held = self.session.held
        assert held is not None
        return CheckoutOpened(
            reservation_id=held.reservation_id,
            conversation_id=self.session.conversation_id,
            transaction_id=new_id(),
            url=url,
            amount=DEPOSIT,
            expires_at=self.now + timedelta(minutes=15),
        )

    def confirmed(self, **fields: Any) -> ReservationConfirmed:
        """Booking confirms the held time."""
        held = self.session.held
        return ReservationConfirmed(
            **{
                "reservation_id": held.reservation_id if held else new_id(),
                "conversation_id": self.session.conversation_id,
                "version": 2,
                "visit": held.visit if held else self.house.visit(FRIDAY_15),
                "guest_name": "Maria Silva",
                **fields,
            }
        )

    def at_done(self) -> str:
        """Up to the confirmed visit."""
        self.at_payment()
        return str(self.take(self.confirmed(deposit_paid=DEPOSIT)))

    def gone(
        self: Any, reservation_id: Any, *, was: Any = "held", by: Any = "client", refund: Money | None = None
    ) -> ReservationCancelled:
        """Booking has freed a time."""
        return ReservationCancelled(
            reservation_id=reservation_id,
            conversation_id=self.session.conversation_id,
            version=3,
            was=was,
            by=by,
            refund=refund,
        )

    def ask_hold(self) -> HoldRequested:
        """The hold that is open, as booking would see it."""
        pending = self.session.pending
        assert pending is not None
        assert self.session.wishes
        return HoldRequested(
            request_id=pending.request_id,
            conversation_id=self.session.conversation_id,
            contact_id=self.session.contact_id,
            wants=tuple(Want(service_id=wish.service_id, staff_id=wish.staff_id) for wish in self.session.wishes),
            start=FRIDAY_15,
        )

    def expired(self, reservation_id: UUID | None = None, *, version: int = 2, due: bool = True) -> ReservationExpired:
        """The time is up of what is held, or of another reservation; `due`: a deposit was waited for."""
        return ReservationExpired(
            reservation_id=reservation_id or self.session.held.reservation_id,
            conversation_id=self.session.conversation_id,
            version=version,
            deposit_was_due=due,
        )

    def ready(self, request: Any, intent: Any = "book", **fields: Any) -> InterpretationReady:
        """The model's answer."""
        return InterpretationReady(
            request_id=request.request_id, conversation_id=request.conversation_id, intent=intent, **fields
        )


@dataclass
class Client:
    """Somebody with a phone, as messaging tells of them."""

    tenant_id: UUID
    house: House
    conversation_id: UUID = field(default_factory=new_id)
    contact_id: UUID = field(default_factory=new_id)
    turn: int = 0

    def writes(
        self,
        text: str,
        *,
        turn: int | None = None,
        kind: Any = "text",
        choice_id: str | None = None,
        at: datetime = NOW,
        attended: bool = False,
    ) -> Envelope[MessageReceived]:
        """The next message, or the one of a given turn."""
        self.turn = turn or self.turn + 1
        data = MessageReceived(
            message_id=new_id(),
            conversation_id=self.conversation_id,
            contact_id=self.contact_id,
            turn=self.turn,
            kind=kind,
            text=text,
            choice_id=choice_id,
            sent_at=at,
            attended=attended,
        )
        return Envelope.of(data, tenant_id=self.tenant_id, now=at)

    def says_service(self, data: Any, at: datetime = NOW) -> Envelope[Any]:
        """What another service says."""
        return Envelope.of(data, tenant_id=self.tenant_id, now=at)
