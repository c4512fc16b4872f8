"""Request and response bodies of the catalogue."""

import unicodedata
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import is_currency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from booka_booking.api.hours import CLOCK, Day, Week, Weekday

__all__ = [
    "Changed", "ExceptionBody", "Name", "PolicyBody", "PolicyChanged", "PolicyView", "PoolBody", "PoolChanged", "PoolView",
    "Position", "ProfileBody", "ProfileChanged", "ProfileView", "ResourceBody", "ResourceChanged", "ResourceView", "ServiceBody",
    "ServiceChanged", "ServiceView", "SkillBody", "SpecialHoursBody", "SpecialHoursChanged", "SpecialHoursView", "StaffBody",
    "StaffChanged", "StaffView", "Text", "TimeOffBody", "TimeOffChanged", "TimeOffView", "Versioned", "printable",
]  # fmt: skip


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


def printable(text: str) -> str:
    """`text` if it has neither control characters nor what turns the direction of writing around."""
    if any(unicodedata.category(character) == "Cc" or character in "\u202a\u202b\u202d\u202e" for character in text):
        raise ValueError("contains a control character")
    return text


def _lines(text: str) -> str:
    printable(text.replace("\n", "").replace("\t", ""))
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(printable)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_lines)]
Minor = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
Position = Annotated[int, Field(ge=0, le=100_000)]
Clock = Annotated[str, Field(pattern=CLOCK)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Versioned(BaseModel):
    """A thing as it is stored. `version` goes up with every change; it is also the `ETag` of the answer."""

    version: int


class Changed(BaseModel):
    """The answer to a change."""

    conflicts: int = Field(
        description="visits ahead that the calendar as it now is would not allow: GET /v1/conflicts lists them"
    )


class ExceptionBody(_Body):
    """A date with hours of its own; without any, the salon is closed."""

    day: date
    hours: Day = Field(default_factory=list)


class ProfileBody(_Body):
    """A salon's profile with its hours. Replaces the one that is there."""

    name: Name
    locale: Annotated[str, Field(max_length=35), AfterValidator(_locale)] = Field(examples=["pt-BR"])
    zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = Field(examples=["America/Sao_Paulo"])
    currency: Annotated[str, Field(max_length=3), AfterValidator(_currency)] = Field(examples=["BRL"])
    slot_grid_minutes: int = Field(15, ge=5, le=240, description="starts lie on multiples of this from local midnight")
    lead_minutes: int = Field(
        60, ge=0, le=43_200, description="how long before a start clients can book it at the latest"
    )
    horizon_days: int = Field(60, ge=1, le=400, description="how far ahead a start can be booked")
    assignment: Literal["fair", "last_first"] = Field(
        "fair",
        description="who gets a visit for which anyone would do: the least booked, or the client's last one if free",
    )
    complete_after_hours: int | None = Field(
        24, ge=1, le=720, description="so long after its end a confirmed visit counts as completed; null: by hand only"
    )
    hours: Week
    exceptions: list[ExceptionBody] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _days_once(self) -> Self:
        if len({item.day for item in self.exceptions}) < len(self.exceptions):
            raise ValueError("exceptions name a day twice")
        return self


class ProfileView(ProfileBody, Versioned):
    """The profile as it is stored."""


class ProfileChanged(ProfileView, Changed):
    """The profile as it now is."""


class ServiceBody(_Body):
    """A service. Replaces the one that is there; visits that are booked stay as they are."""

    name: Name
    category: Annotated[Name, Field(max_length=80)] | None = None
    duration_minutes: int = Field(ge=5, le=720, description="of the client's time, the gap included")
    buffer_before_minutes: int = Field(0, ge=0, le=240)
    buffer_after_minutes: int = Field(0, ge=0, le=240)
    gap_start_minutes: int = Field(0, ge=0, le=720, description="when the processing gap begins, from the start")
    gap_minutes: int = Field(0, ge=0, le=720, description="in which whoever does it is free for others; 0: none")
    pool_id: UUID | None = Field(None, description="it needs one resource of this pool, all the time")
    price_minor: Minor
    active: bool = True
    online: bool = Field(True, description="clients may book it themselves; if not, only the salon does")
    position: Position = Field(0, description="services are listed by this, then by name")

    @model_validator(mode="after")
    def _gap_inside(self) -> Self:
        if self.gap_minutes == 0:
            self.gap_start_minutes = 0
        elif not 0 < self.gap_start_minutes < self.gap_start_minutes + self.gap_minutes < self.duration_minutes:
            raise ValueError("the gap has to lie inside the duration, with some work before it and after it")
        return self


class ServiceView(ServiceBody, Versioned):
    """A service as it is stored."""

    id: UUID


class ServiceChanged(ServiceView, Changed):
    """A service as it now is."""


class PoolBody(_Body):
    """Chairs, rooms or machines of which any one will do."""

    name: Name


class PoolView(PoolBody, Versioned):
    """A pool as it is stored; `resources` counts what is active in it."""

    id: UUID
    resources: int


class PoolChanged(PoolBody, Versioned, Changed):
    """A pool as it now is."""

    id: UUID


class ResourceBody(_Body):
    """One chair, room or machine."""

    name: Name
    pool_id: UUID
    active: bool = True


class ResourceView(ResourceBody, Versioned):
    """A resource as it is stored."""

    id: UUID


class ResourceChanged(ResourceView, Changed):
    """A resource as it now is."""


class SkillBody(_Body):
    """A service that somebody performs, with a duration and a price of their own where they differ (null: as the service's)."""

    service_id: UUID
    duration_minutes: int | None = Field(None, ge=5, le=720, description="a gap keeps its start and length")
    price_minor: Minor | None = None


class StaffBody(_Body):
    """Somebody who works there. Replaces what is there; time off and special hours are kept apart."""

    name: Name
    services: list[SkillBody] = Field(max_length=500)
    active: bool = True
    hours: Week | None = Field(None, description="null: whenever the salon is open")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.hours is not None and not any(self.hours.values()):
            raise ValueError("hours are empty: leave them out for the salon's, or set active to false")
        if len({skill.service_id for skill in self.services}) < len(self.services):
            raise ValueError("services name one twice")
        return self


class StaffView(StaffBody, Versioned):
    """Somebody as stored."""

    id: UUID


class StaffChanged(StaffView, Changed):
    """Somebody as it now is."""


class SpecialHoursBody(_Body):
    """What somebody works on one date instead of what their week says, as far as the salon is open and without time off."""

    hours: Day = Field(description="empty: nothing")
    reason: Name | None = None


class SpecialHoursView(SpecialHoursBody, Versioned):
    """Special hours as they are stored."""

    day: date


class SpecialHoursChanged(SpecialHoursView, Changed):
    """Special hours as they now are."""


class TimeOffBody(_Body):
    """When somebody does not work although the week says so: on every day, or on these weekdays, from one date to another."""

    starts_on: date
    ends_on: date | None = Field(None, description="included; null: for good")
    weekdays: list[Weekday] | None = Field(None, min_length=1, max_length=7, description="null: every day")
    begins: Clock = Field("00:00", examples=["12:00"])
    ends: Clock = Field("24:00", examples=["13:00"])
    reason: Name | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("ends_on lies before starts_on")
        if self.begins >= self.ends:
            raise ValueError("ends has to be after begins; time off past midnight is written as two")
        if self.weekdays is not None and len(set(self.weekdays)) < len(self.weekdays):
            raise ValueError("weekdays name a day twice")
        return self


class TimeOffView(TimeOffBody, Versioned):
    """A time off as it is stored."""

    id: UUID


class TimeOffChanged(TimeOffView, Changed):
    """A time off as it now is."""


class PolicyBody(_Body):
    """Rules of the salon, or of one service. What is null is as the salon's default, or the software's, says."""

    deposit_kind: Literal["none", "fixed", "percent"] | None = None
    deposit_value: Minor | None = Field(None, description="minor units for fixed, 1 to 100 for percent")
    deposit_for: Literal["all", "new_clients"] | None = Field(None, description="new: without a completed visit")
    deposit_waived_after: int | None = Field(
        None, ge=0, le=1000, description="completed visits after which nobody is asked for a deposit; 0: everybody is"
    )
    hold_seconds: int | None = Field(None, ge=1, le=86_400, description="600 by default")
    deposit_deadline_seconds: int | None = Field(
        None, ge=1, le=604_800, description="how long a hold lasts once its deposit is due; 1800 by default"
    )
    cancel_notice_hours: int | None = Field(
        None,
        ge=0,
        le=720,
        description="until this long before, a visit may be moved or its deposit comes back; 24 by default",
    )
    late_kind: Literal["refund_share", "fee"] | None = Field(None, description="what a late cancellation costs")
    late_value: Minor | None = Field(
        None,
        description="refund_share: percent of the deposit that comes back, 0 by default; fee: minor units that do not",
    )
    reschedule_limit: int | None = Field(None, ge=0, le=100, description="how often a client may move; 3 by default")
    max_holds_per_client: int | None = Field(None, ge=1, le=20, description="2 by default")
    waitlist_offer_seconds: int | None = Field(
        None, ge=60, le=86_400, description="how long a start is kept for somebody on the waiting list; 900 by default"
    )

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if self.deposit_kind == "none":
            self.deposit_value = 0
        if (self.deposit_kind is None) != (self.deposit_value is None):
            raise ValueError("deposit_kind and deposit_value belong together")
        if self.deposit_kind == "percent" and not 1 <= (self.deposit_value or 0) <= 100:
            raise ValueError("a percentage of the price lies between 1 and 100")
        if (self.late_kind is None) != (self.late_value is None):
            raise ValueError("late_kind and late_value belong together")
        if self.late_kind == "refund_share" and (self.late_value or 0) > 100:
            raise ValueError("a share of the deposit lies between 0 and 100 percent")
        return self


class PolicyView(PolicyBody):
    """The rules as they are stored; `version` is null while nothing is set."""

    version: int | None


class PolicyChanged(PolicyBody, Versioned):
    """The rules as they now are. They hold for what is booked from now on, so nothing can clash with them."""
