"""What scheduler says."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from booka_common.contracts.envelope import Message

__all__ = ["ReminderDue"]


class ReminderDue(Message):
    """The time of a planned reminder has come. Booking checks the visit before anybody is told."""

    key: ClassVar[str] = "scheduler.reminder.due.v1"

    reminder_id: UUID
    reservation_id: UUID
    reservation_version: int = Field(description="the version the reminder was planned for; another one voids it")
    minutes_before: int
