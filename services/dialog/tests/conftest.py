"""A salon to talk to, and somebody who talks to it without any machinery."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CatalogueChanged,
    CatalogueService,
    CatalogueStaff,
    HoldRequested,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationHeld,
    Slot,
    Visit,
    Want,
)
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import InterpretationReady
from booka_common.contracts.messaging import MessageReceived
from booka_common.contracts.payments import CheckoutOpened
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.testing import FrozenClock
from booka_dialog.domain import (
    ClientSaid,
    Context,
    Effect,
    Input,
    Salon,
    Say,
    Session,
    converse,
    dump_session,
    load_session,
)
from booka_dialog.settings import SERVICE, Settings
from booka_dialog.usecases import Deps, Limits

FRIDAY_15 = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
DEPOSIT = Money(minor=2000, currency="BRL")
# Wednesday, 25 November 2026, 10:00 in São Paulo.
NOW = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)


def real(minor: int) -> Money:
    return Money(minor=minor, currency="BRL")


@dataclass(frozen=True)
class House:
    """The salon of the tests: who does what, by name."""

    catalogue: CatalogueChanged
    services: dict[str, UUID]
    staff: dict[str, UUID]

    @property
    def salon(self) -> Salon:
        return Salon(self.catalogue)

    def service_name(self, service_id: UUID) -> str:
        return next(name for name, found in self.services.items() if found == service_id)

    def staff_name(self, staff_id: UUID | None) -> str:
        return next((name for name, found in self.staff.items() if found == staff_id), "Ana")

    def slot(self, start: datetime, staff: str = "Ana") -> Slot:
        people = staff.split("+")
        return Slot(
            start=start,
            end=start + timedelta(minutes=45 * len(people)),
            staff_ids=tuple(self.staff[name] for name in people),
            staff_names=tuple(people),
        )

    def visit(self, start: datetime, service: str = "Haircut", staff: str = "Ana") -> Visit:
        return Visit(
            start=start,
            end=start + timedelta(minutes=45 * len(service.split("+"))),
            zone=self.catalogue.zone,
            service_names=tuple(service.split("+")),
            staff_names=tuple(staff.split("+")),
            price=real(8000 * len(service.split("+"))),
        )

    def held(self, hold: Any, *, deposit: Money | None = None, now: datetime = NOW) -> ReservationHeld:
        """Booking's yes to a HoldRequested."""
        return ReservationHeld(
            reservation_id=new_id(),
            request_id=hold.request_id,
            conversation_id=hold.conversation_id,
            contact_id=hold.contact_id,
            version=1,
            visit=self.visit(
                hold.start,
                "+".join(self.service_name(want.service_id) for want in hold.wants),
                "+".join(self.staff_name(want.staff_id) for want in hold.wants),
            ),
            deposit=deposit,
            expires_at=now + timedelta(minutes=15),
        )


def house_of(locale: str, revision: int = 1, **performers: Sequence[str]) -> House:
    names = ("Haircut", "Manicure", "Hair Coloring") if locale.startswith("en") else ("Corte", "Manicure", "Coloração")
    services = {name: new_id() for name in names}
    performers = performers or {"Ana": (names[0], names[2]), "Bia": (names[0],), "Carla": (names[1],)}
    staff = {name: new_id() for name in performers}
    return House(
        CatalogueChanged(
            revision=revision,
            salon_name="Studio Bela",
            locale=locale,
            zone="America/Sao_Paulo",
            currency="BRL",
            services=tuple(
                CatalogueService(service_id=service_id, name=name, duration_minutes=45, price=real(8000))
                for name, service_id in services.items()
            ),
            staff=tuple(
                CatalogueStaff(
                    staff_id=staff[name], name=name, service_ids=tuple(services[service] for service in does)
                )
                for name, does in performers.items()
            ),
        ),
        services,
        staff,
    )


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

    def ready(self, request: Any, intent: Any = "book", **fields: Any) -> InterpretationReady:
        """The model's answer."""
        return InterpretationReady(
            request_id=request.request_id, conversation_id=request.conversation_id, intent=intent, **fields
        )


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def make_house() -> Callable[..., House]:
    return house_of


@pytest.fixture
def house() -> House:
    return house_of("en-GB")


@pytest.fixture
def casa() -> House:
    return house_of("pt-BR")


@pytest.fixture
def talk(house: House) -> Talk:
    return Talk(house)


@pytest.fixture
def conversa(casa: House) -> Talk:
    return Talk(casa)


@pytest.fixture(scope="session")
def new_talk() -> Callable[[House], Talk]:
    return Talk


@pytest.fixture(scope="session")
def settings(provision: Callable[..., dict[str, Any]]) -> Settings:
    """A migrated database and a virtual host; short waits where a test has to sit one out."""
    return Settings(
        **provision(SERVICE), port=0, gap_seconds=0.3, interpretation_timeout_seconds=0.3, quote_timeout_seconds=0.3
    )


@pytest.fixture
async def deps(settings: Settings) -> AsyncIterator[Deps]:
    """The use cases on a database of their own"""
    async with Database(settings.database_url.get_secret_value(), SERVICE.name, pool_size=12) as db:
        yield Deps(
            db=db,
            now=FrozenClock(NOW),
            limits=Limits(
                patience=timedelta(seconds=8),
                quote_patience=timedelta(seconds=5),
                answer_patience=timedelta(seconds=30),
                gap=timedelta(seconds=5),
            ),
        )


@pytest.fixture
def client(tenant_id: UUID, house: House) -> "Client":
    return Client(tenant_id, house)


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
