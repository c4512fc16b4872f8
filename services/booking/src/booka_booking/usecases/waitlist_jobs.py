"""What the waiting list has booking do later: look for something to offer, and end an entry whose last day is over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.reservation import Claim
from booka_booking.domain.times import Interval
from booka_booking.domain.waitlist import Entry, Look
from booka_booking.usecases.occasion import Occasion
from booka_common import jobs
from booka_common.db import Tx

__all__ = ["END_WAITING", "OFFER_FREED", "Planned", "plan_end", "plan_look"]

OFFER_FREED = "offer_freed"
END_WAITING = "end_waiting"

_LANE = "waitlist"


@dataclass(frozen=True, slots=True)
class Planned:
    """A look that is to be taken. `key` is of what caused it, `turn` counts the looks of one cause."""

    look: Look
    key: str
    turn: int = 0

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "Planned":
        """From the payload of its job."""
        read = datetime.fromisoformat
        look = Look(
            window=Interval(*map(read, payload["window"])),
            first_day=date.fromisoformat(payload["first_day"]),
            last_day=date.fromisoformat(payload["last_day"]),
            freed=tuple(Claim(UUID(id), read(begins), read(ends)) for id, begins, ends in payload["freed"]),
            besides=tuple(UUID(id) for id in payload["besides"]),
            only=UUID(payload["only"]) if payload["only"] else None,
        )
        return cls(look, payload["key"], payload["turn"])

    def payload(self) -> dict[str, Any]:
        """For its job."""
        look = self.look
        return {
            "window": [instant.isoformat() for instant in look.window],
            "first_day": look.first_day.isoformat(),
            "last_day": look.last_day.isoformat(),
            "freed": [[str(id), begins.isoformat(), ends.isoformat()] for id, begins, ends in look.freed],
            "besides": [str(id) for id in look.besides],
            "only": str(look.only) if look.only else None,
            "key": self.key,
            "turn": self.turn,
        }

    def next(self, look: Look) -> "Planned":
        """One more look for the same cause."""
        return replace(self, look=look, turn=self.turn + 1)


async def plan_look(tx: Tx, planned: Planned, occasion: Occasion, at: datetime | None = None) -> None:
    """Have it taken at `at`, else at once. Those of a salon that are due at once are taken one after the other."""
    await jobs.put(
        tx,
        OFFER_FREED,
        planned.payload(),
        scheduled_at=at or occasion.now,
        correlation_id=occasion.correlation_id,
        unique_key=f"{planned.key}:{planned.turn}",
        # One that is due later would hold up the whole lane until then.
        lane=None if at else _LANE,
    )


async def plan_end(tx: Tx, entry: Entry, zone: ZoneInfo, occasion: Occasion) -> None:
    """Have the entry ended when its last day is over."""
    ends = entry.ends(zone)
    await jobs.put(
        tx,
        END_WAITING,
        {"entry_id": str(entry.id)},
        scheduled_at=ends,
        correlation_id=occasion.correlation_id,
        unique_key=f"{entry.id}:{ends.isoformat()}",
    )
