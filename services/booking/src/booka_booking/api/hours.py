"""Hours as they go over HTTP: `{"mon": [{"opens": "09:00", "closes": "18:00"}]}`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from booka_booking.domain.salon import Weekly
from booka_booking.domain.times import Span

__all__ = [
    "CLOCK", "Day", "Hours", "Week", "Weekday", "hours_shown", "span_of", "span_shown", "spans_of", "week_of", "week_shown",
    "weekday_numbers", "weekdays_shown",
]  # fmt: skip

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"


class Hours(BaseModel):
    """From one local time to another of the same day; 24:00 is its end."""

    model_config = ConfigDict(extra="forbid")

    opens: str = Field(pattern=CLOCK, examples=["09:00"])
    closes: str = Field(pattern=CLOCK, examples=["18:00"])

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("closes must be after opens; hours past midnight are written as two days")
        return self


def _apart(hours: list[Hours]) -> list[Hours]:
    ordered = sorted(hours, key=lambda item: item.opens)
    if any(later.opens < earlier.closes for earlier, later in pairwise(ordered)):
        raise ValueError("the hours of a day overlap")
    return ordered


Day = Annotated[list[Hours], Field(max_length=12), AfterValidator(_apart)]
Week = Annotated[dict[Weekday, Day], Field(description="a weekday that is left out has no hours")]


def spans_of(hours: Iterable[Hours]) -> tuple[Span, ...]:
    """As minutes of the day."""
    return tuple(Span(_minutes(item.opens), _minutes(item.closes)) for item in hours)


def span_of(begins: str, ends: str) -> Span:
    """As minutes of the day."""
    return Span(_minutes(begins), _minutes(ends))


def span_shown(span: Span) -> tuple[str, str]:
    """As it goes over HTTP."""
    return _clock(span.opens), _clock(span.closes)


def weekday_numbers(names: Iterable[Weekday]) -> frozenset[int]:
    """ISO weekdays, Monday being 1."""
    return frozenset(_WEEKDAYS.index(name) + 1 for name in names)


def weekdays_shown(numbers: Iterable[int]) -> list[Weekday]:
    """As they go over HTTP, from Monday on."""
    return [_WEEKDAYS[number - 1] for number in sorted(numbers)]


def week_of(week: Mapping[Weekday, Sequence[Hours]]) -> Weekly:
    """By ISO weekday, without the empty ones."""
    return {_WEEKDAYS.index(name) + 1: spans_of(hours) for name, hours in week.items() if hours}


def week_shown(week: Weekly) -> dict[Weekday, list[Hours]]:
    """As it goes over HTTP."""
    return {_WEEKDAYS[number - 1]: hours_shown(spans) for number, spans in sorted(week.items())}


def hours_shown(spans: Iterable[Span]) -> list[Hours]:
    """As it goes over HTTP."""
    return [Hours(opens=_clock(span.opens), closes=_clock(span.closes)) for span in spans]


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
