"""The salon as the conversation knows it: the catalogue that booking published last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_common.contracts.booking import CatalogueChanged, CatalogueService, CatalogueStaff
from booka_dialog.understanding import Language, Named, Names, Vocabulary

__all__ = ["Salon"]


@dataclass(frozen=True)
class Salon:
    """What can be booked, and how the salon speaks."""

    catalogue: CatalogueChanged

    @cached_property
    def zone(self) -> ZoneInfo:
        """Where the salon is."""
        return ZoneInfo(self.catalogue.zone)

    @property
    def language(self) -> Language:
        """What the salon speaks by default; languages without texts get English."""
        return "pt" if self.catalogue.locale.lower().startswith("pt") else "en"

    @property
    def day_first(self) -> bool:
        """Whether 3/4 is 3 April here."""
        return self.catalogue.locale.lower() not in {"en-us", "en_us"}

    @cached_property
    def services(self) -> Sequence[CatalogueService]:
        """In the salon's own order, only those that somebody performs."""
        return [service for service in self.catalogue.services if self.performers(service.service_id)]

    @property
    def open(self) -> bool:
        """Whether there is anything to book."""
        return bool(self.services)

    def service(self, service_id: UUID | None) -> CatalogueService | None:
        """The service of this id, if it can be booked."""
        return next((service for service in self.services if service.service_id == service_id), None)

    def person(self, staff_id: UUID | None) -> CatalogueStaff | None:
        """The member of staff of this id."""
        return next((person for person in self.catalogue.staff if person.staff_id == staff_id), None)

    def performers(self, service_id: UUID | None) -> Sequence[CatalogueStaff]:
        """Who performs this service."""
        return [person for person in self.catalogue.staff if service_id in person.service_ids]

    @cached_property
    def names(self) -> Names:
        """The names that clients may use."""
        return Names(
            services=Vocabulary(
                [Named(service.service_id, service.name) for service in self.services],
                concepts=True,
                first_enough=False,
            ),
            staff=Vocabulary(
                [Named(person.staff_id, person.name) for person in self.catalogue.staff],
                concepts=False,
                first_enough=True,
            ),
        )

    def today(self, now: datetime) -> date:
        """The present day at the salon."""
        return now.astimezone(self.zone).date()
