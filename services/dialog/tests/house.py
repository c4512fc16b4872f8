"""The salon of the tests: who does what, by name, and what booking would say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common.contracts.booking import (
    CatalogueChanged,
    CatalogueService,
    CatalogueStaff,
    ReservationHeld,
    Slot,
    Visit,
)
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import (
    Salon,
)

FRIDAY = date(2026, 11, 27)
FRIDAY_15 = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
SATURDAY_15, THURSDAY_15 = FRIDAY_15 + timedelta(days=1), FRIDAY_15 - timedelta(days=1)
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
