"""What is said of a hold, as it goes over the wire.

The same as `occasion.say(told(it, occasion))`, which a test makes sure of. What we have decided ourselves need not be
validated to be said: that was a tenth of all that Python does for a hold.
"""

from collections.abc import Mapping

import orjson

from booka_booking.domain.reservation import Reservation
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts.booking import ReservationHeld
from booka_common.ids import new_id
from booka_common.publisher import Outgoing

__all__ = ["money_of", "said_of", "visit_of"]

_TYPE, _VERSION = ReservationHeld.type_and_version()


def said_of(it: Reservation, occasion: Occasion) -> Outgoing:
    """`ReservationHeld`."""
    id, cause = new_id(), occasion.cause
    body = orjson.dumps(
        {
            "id": id,
            "type": _TYPE,
            "version": _VERSION,
            "tenant_id": occasion.tenant_id,
            "occurred_at": occasion.now,
            "correlation_id": occasion.correlation_id,
            "causation_id": cause.id if cause else None,
            "traceparent": occasion.traceparent,
            "data": {
                "reservation_id": it.id,
                "request_id": it.request_id if cause else None,
                "conversation_id": it.conversation_id,
                "contact_id": it.contact_id,
                "version": it.version,
                "visit": visit_of(it),
                "deposit": money_of(it.terms.deposit_minor, it.currency),
                "expires_at": it.expires_at,
            },
        },
        default=str,
        option=orjson.OPT_UTC_Z,
    )
    return Outgoing(id, ReservationHeld.key, occasion.correlation_id, body)


def visit_of(it: Reservation) -> Mapping[str, object]:
    """`it.visit`."""
    segments = it.segments
    return {
        "start": it.start,
        "end": it.end,
        "zone": it.zone,
        "service_names": [segment.service_name for segment in segments],
        "staff_names": [segment.staff_name for segment in segments],
        "price": {"minor": it.price_minor, "currency": it.currency},
    }


def money_of(minor: int, currency: str) -> Mapping[str, object] | None:
    """An amount, if there is one."""
    return {"minor": minor, "currency": currency} if minor else None
