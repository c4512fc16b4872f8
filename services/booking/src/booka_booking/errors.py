"""The refusals of booking, by their stable codes."""

from collections.abc import Mapping, Sequence

from booka_common.contracts.booking import Slot
from booka_common.errors import Conflict, Gone, Invalid, NotFound, Refusal

__all__ = [
    "HoldExpired",
    "SlotTaken",
    "UnknownClient",
    "UnknownEntry",
    "UnknownReservation",
    "WrongState",
    "slot_refusal",
    "state_refusal",
    "waiting_refusal",
]


class UnknownReservation(NotFound):
    """No reservation of this id belongs to the salon."""

    default_code = "unknown_reservation"


class UnknownClient(NotFound):
    """No client of this id belongs to the salon."""

    default_code = "unknown_client"


class UnknownEntry(NotFound):
    """No entry of this id is on the salon's waiting list."""

    default_code = "unknown_entry"


class HoldExpired(Gone):
    """The hold is over; `alternatives` are the next free starts."""

    default_code = "hold_expired"


class SlotTaken(Conflict):
    """Somebody else has the start; `alternatives` are the next free ones."""

    default_code = "slot_taken"


class WrongState(Conflict):
    """The reservation is not in a state that allows it."""

    default_code = "wrong_state"


_DETAILS: Mapping[str, str] = {
    "slot_taken": "somebody else has this start",
    "not_offered": "the salon does not offer this then: outside grid, hours, lead time or horizon, or nobody does it",
    "in_the_past": "the start lies in the past; for the salon, more than 12 hours back",
    "unknown_service": "the salon has no such service",
    "unknown_staff": "nobody active of this id works at the salon",
    "too_many_holds": "the client holds as many starts as the salon allows: confirm or cancel one first",
    "salon_not_ready": "the salon has no profile yet: PUT /v1/profile first",
    "hold_expired": "the hold is over",
    "already_cancelled": "the reservation is cancelled",
    "not_confirmed": "only a confirmed visit can be moved, completed or missed",
    "not_started": "the visit has not begun yet",
    "already_over": "the visit has begun or is over",
    "too_late": "by its terms it is too late for the client to move it: the salon still can",
    "too_many_entries": "the client waits for as much as a client may: remove an entry first",
    "too_many_moves": "the client has moved it as often as its terms allow: the salon still can",
}


_WAITING: Mapping[str, str] = {
    "not_offered": "none of it can be booked: the salon or the person does not do it, or the days are beyond the horizon",
    "in_the_past": "the last day is over",
    "unknown_reservation": "the contact has no such visit",
    "already_over": "the visit to be replaced is cancelled, has begun or is over",
    "other_services": "the visit to be replaced is of other services: only its time and its people can change",
}


def slot_refusal(code: str, alternatives: Sequence[Slot]) -> Refusal:
    """The refusal of a start: 400 for what makes no sense, 409 for what clashes with how things stand."""
    kind: type[Refusal] = Conflict
    if code in ("unknown_service", "unknown_staff", "in_the_past"):
        kind = Invalid
    elif code == "slot_taken":
        kind = SlotTaken
    return kind(_DETAILS[code], code=code, alternatives=_shown(alternatives))


def state_refusal(code: str, alternatives: Sequence[Slot] = ()) -> Refusal:
    """The refusal of a step: 410 for a hold that is over, 409 for any other state."""
    kind: type[Refusal] = HoldExpired if code == "hold_expired" else WrongState
    return kind(_DETAILS[code], code=code, alternatives=_shown(alternatives))


def waiting_refusal(code: str) -> Refusal:
    """Why somebody is not on the waiting list: 400 for what makes no sense, 409 for what clashes with how things stand."""
    senseless = ("unknown_service", "unknown_staff", "in_the_past", "unknown_reservation")
    return (Invalid if code in senseless else Conflict)(_WAITING.get(code) or _DETAILS[code], code=code)


def _shown(slots: Sequence[Slot]) -> list[object]:
    return [slot.model_dump(mode="json") for slot in slots]
