"""What booking says of visits that are moved or given up, in a talk."""

from datetime import datetime, timedelta
from typing import Any

from booka_common.contracts.booking import (
    CancellationQuoted,
    CancellationQuoteRequested,
    MoveRefused,
    MoveRequested,
    ReservationConfirmed,
    ReservationMoved,
)
from booka_common.ids import new_id

from .house import FRIDAY_15, SATURDAY_15


def quoted(talk: Any, **terms: Any) -> str:
    """Booking answers the open question about the terms."""
    request = talk.one(CancellationQuoteRequested)
    fields = {"quoted_at": talk.now, "cancellable": True, "movable": True, **terms}
    return str(
        talk.take(
            CancellationQuoted(
                request_id=request.request_id,
                reservation_id=request.reservation_id,
                conversation_id=request.conversation_id,
                **fields,
            )
        )
    )


def moved(talk: Any, start: datetime, version: int = 3) -> ReservationMoved:
    known = talk.session.visits[0]
    visit = known.visit.model_copy(update={"start": start, "end": start + timedelta(minutes=45)})
    return ReservationMoved(
        reservation_id=known.reservation_id,
        conversation_id=talk.session.conversation_id,
        version=version,
        visit=visit,
    )


def refused(talk: Any, code: Any, *alternatives: datetime) -> MoveRefused:
    request = talk.one(MoveRequested)
    return MoveRefused(
        request_id=request.request_id,
        reservation_id=request.reservation_id,
        conversation_id=request.conversation_id,
        code=code,
        alternatives=tuple(talk.house.slot(start) for start in alternatives),
    )


def second(talk: Any) -> ReservationConfirmed:
    """One more confirmed visit."""
    confirmed: ReservationConfirmed = talk.confirmed(
        reservation_id=new_id(), visit=talk.house.visit(FRIDAY_15 + timedelta(days=3), "Manicure", "Carla")
    )
    talk.take(confirmed)
    return confirmed


def at_confirm_move(talk: Any) -> str:
    talk.at_done()
    talk.says("can we move it to saturday 3pm?")
    quoted(talk)
    return str(talk.found(SATURDAY_15))
