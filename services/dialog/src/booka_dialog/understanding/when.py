"""When somebody wants to come: a day or days, and a time of day."""

from dataclasses import dataclass, replace
from datetime import date, time

__all__ = ["When"]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A wish for a time, in the salon's local time. Everything may be left open.

    Attributes:
        day, last_day: the first and the last day wanted, both included; `last_day` None means `day` alone.
        start: no visit before this time of day; with `exact`, the very start that is wanted.
        end: no visit that starts at or after this time of day.
        soon: the next free time, whatever the day.
    """

    day: date | None = None
    last_day: date | None = None
    start: time | None = None
    end: time | None = None
    exact: bool = False
    soon: bool = False

    @property
    def has_day(self) -> bool:
        """Whether it says on which days to look."""
        return self.day is not None or self.soon

    @property
    def has_time(self) -> bool:
        """Whether it says anything about the time of day."""
        return self.start is not None or self.end is not None

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all."""
        return not self.has_day and not self.has_time

    def updated(self, new: "When") -> "When":
        """This wish after the client said `new`: what is new replaces what it is about, the rest stays."""
        days = new if new.has_day else self
        hours = new if new.has_time else self
        if new.soon and not new.has_time:
            hours = When()
        return replace(hours, day=days.day, last_day=days.last_day, soon=days.soon)
