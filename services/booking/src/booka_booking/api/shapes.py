"""Request and response bodies of the catalogue."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import is_currency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from booka_booking.api.hours import Day, Week

__all__ = ["ExceptionBody", "PolicyBody", "ProfileBody", "ServiceBody", "ServiceView", "StaffBody", "StaffView"]


def _zone(name: str) -> str:
    try:
        if "/" not in name and name != "UTC":
            raise ValueError(name)
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise ValueError("not an IANA time zone, e.g. America/Sao_Paulo") from None


def _locale(tag: str) -> str:
    try:
        Locale.parse(tag, sep="-")
    except (ValueError, LookupError, TypeError):
        raise ValueError("not a known BCP 47 language tag, e.g. pt-BR") from None
    except Exception as error:
        # babel's UnknownLocaleError derives from Exception alone.
        raise ValueError("not a known BCP 47 language tag, e.g. pt-BR") from error
    return tag


def _currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError("not an ISO 4217 currency, e.g. BRL")
    return code


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Minor = Annotated[int, Field(ge=0, le=1_000_000_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ExceptionBody(_Body):
    """A date with hours of its own; without any, the salon is closed."""

    day: date
    hours: Day = Field(default_factory=list)


class ProfileBody(_Body):
    """A salon's profile with its hours. Replaces the one that is there."""

    name: Name
    locale: Annotated[str, AfterValidator(_locale)] = Field(examples=["pt-BR"])
    zone: Annotated[str, AfterValidator(_zone)] = Field(examples=["America/Sao_Paulo"])
    currency: Annotated[str, AfterValidator(_currency)] = Field(examples=["BRL"])
    slot_grid_minutes: int = Field(15, ge=5, le=240, description="starts lie on multiples of this from local midnight")
    lead_minutes: int = Field(60, ge=0, le=43_200, description="how long before a start it can be booked at the latest")
    horizon_days: int = Field(60, ge=1, le=400, description="how far ahead a start can be booked")
    hours: Week
    exceptions: list[ExceptionBody] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _days_once(self) -> Self:
        if len({item.day for item in self.exceptions}) < len(self.exceptions):
            raise ValueError("exceptions name a day twice")
        return self


class ServiceBody(_Body):
    """A service. Replaces the one that is there."""

    name: Name
    duration_minutes: int = Field(ge=5, le=720)
    buffer_before_minutes: int = Field(0, ge=0, le=240)
    buffer_after_minutes: int = Field(0, ge=0, le=240)
    price_minor: Minor
    active: bool = True
    position: int = Field(0, ge=0, le=100_000, description="services are listed by this, then by name")


class ServiceView(ServiceBody):
    """A service as it is stored."""

    id: UUID


class StaffBody(_Body):
    """Somebody who works there. Replaces what is there."""

    name: Name
    service_ids: list[UUID] = Field(max_length=500)
    active: bool = True
    hours: Week | None = Field(None, description="null: whenever the salon is open")

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.hours is not None and not any(self.hours.values()):
            raise ValueError("hours are empty: leave them out for the salon's, or set active to false")
        return self


class StaffView(StaffBody):
    """Somebody as stored."""

    id: UUID


class PolicyBody(_Body):
    """Rules of the salon, or of one service. What is null is as the salon's default, or the software's, says."""

    deposit_kind: Literal["none", "fixed", "percent"] | None = None
    deposit_value: Minor | None = Field(None, description="minor units for fixed, 1 to 100 for percent")
    hold_seconds: int | None = Field(None, ge=1, le=86_400, description="600 by default")
    deposit_deadline_seconds: int | None = Field(
        None, ge=1, le=604_800, description="how long a hold lasts once its deposit is due; 1800 by default"
    )
    cancel_notice_hours: int | None = Field(
        None, ge=0, le=720, description="cancelled at least this long before, the deposit goes back; 24 by default"
    )
    max_holds_per_client: int | None = Field(None, ge=1, le=20, description="2 by default")

    @model_validator(mode="after")
    def _deposit(self) -> Self:
        if self.deposit_kind == "none":
            self.deposit_value = 0
        if (self.deposit_kind is None) != (self.deposit_value is None):
            raise ValueError("deposit_kind and deposit_value belong together")
        if self.deposit_kind == "percent" and not 1 <= (self.deposit_value or 0) <= 100:
            raise ValueError("a percentage lies between 1 and 100")
        return self
