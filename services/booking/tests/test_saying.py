"""What is said without pydantic is what pydantic would say."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from booka_booking.api.views import ReservationView, shown, written
from booka_booking.domain.policy import Terms
from booka_booking.domain.reservation import Reservation, Segment
from booka_booking.usecases.holds import told
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.saying import said_of
from booka_common.contracts.booking import HoldRequested, ReservationHeld, Want
from booka_common.contracts.envelope import Envelope
from booka_common.ids import new_id

from .salon import at

TERMS = Terms(
    deposit_minor=0,
    hold_seconds=600,
    deposit_deadline_seconds=1800,
    cancel_notice_hours=24,
    late_kind="refund_share",
    late_value=50,
    reschedule_limit=3,
    max_holds_per_client=2,
)


def segment(position: int, start: datetime, **more: Any) -> Segment:
    known: dict[str, Any] = {
        "position": position,
        "service_id": new_id(),
        "service_name": 'Côr & „corte“ \\ "à francesa"\n💇',
        "staff_id": new_id(),
        "staff_name": "Ana",
        "wanted_staff_id": None,
        "resource_id": None,
        "resource_name": None,
        "start": start,
        "end": start + timedelta(minutes=30),
        "price_minor": 2500,
        **more,
    }
    return Segment(**known)


def reservation(start: datetime, **more: Any) -> Reservation:
    parts = (
        segment(0, start),
        segment(
            1, start + timedelta(minutes=30), wanted_staff_id=new_id(), resource_id=new_id(), resource_name="Chair"
        ),
        segment(2, start + timedelta(hours=1), staff_name="Bia"),
    )
    known: dict[str, Any] = {
        "id": new_id(),
        "status": "held",
        "version": 1,
        "segments": parts,
        "claims": (),
        "currency": "EUR",
        "price_minor": 7500,
        "terms": TERMS,
        "expires_at": start - timedelta(days=1, microseconds=3),
        "zone": "Europe/Lisbon",
        **more,
    }
    return Reservation(**known)


FULL = reservation(
    at(3, 9), request_id=new_id(), conversation_id=new_id(), contact_id=new_id(), client_id=new_id(), guest_name="Zoë"
)
SAID = [
    FULL,
    reservation(at(3, 9)),
    FULL._replace(terms=replace(TERMS, deposit_minor=1500)),
    *(
        reservation(datetime(2026, month, 5, 9, 0, 0, microsecond, ZoneInfo(zone)), zone=zone)
        for zone in ("UTC", "Europe/London", "Asia/Kolkata", "America/Sao_Paulo")
        for month in (1, 7)
        for microsecond in (0, 120)
    ),
]


@pytest.mark.parametrize("it", SAID)
def test_a_hold_is_said_as_its_message_would_be(it: Reservation) -> None:
    occasion = Occasion.request(new_id(), at(1, 9))
    said = said_of(it, occasion)
    found = Envelope[ReservationHeld].model_validate_json(said.body)
    expected: Envelope[ReservationHeld] = occasion.say(told(it, occasion), id=said.id)
    assert found == expected
    assert found.data.request_id is None, "nobody on the broker asked for it: dialog would cancel it"
    assert found.model_dump_json().encode() == said.body or it.start.tzinfo is not FULL.start.tzinfo
    assert (said.routing_key, said.correlation_id) == (ReservationHeld.key, expected.correlation_id)


def test_what_follows_from_a_message_says_so() -> None:
    asked = HoldRequested(
        request_id=new_id(),
        conversation_id=new_id(),
        contact_id=new_id(),
        wants=(Want(service_id=new_id()),),
        start=at(3, 9),
    )
    heard = Envelope.of(asked, tenant_id=new_id(), now=at(1, 8), correlation_id=new_id(), traceparent="00-1-2-01")
    occasion = replace(Occasion.message(heard, at(1, 9), "client"), traceparent="00-3-4-01")
    said = said_of(FULL, occasion)
    expected: Envelope[ReservationHeld] = occasion.say(told(FULL, occasion), id=said.id)
    assert expected.data.request_id == FULL.request_id
    assert said.body == expected.model_dump_json().encode()
    assert (expected.causation_id, expected.correlation_id, expected.traceparent) == (
        heard.id,
        heard.correlation_id,
        "00-3-4-01",
    )


@pytest.mark.parametrize("it", [*SAID, FULL._replace(status="confirmed", paid_minor=1500, expires_at=None, moves=2)])
def test_a_reservation_is_written_as_it_is_shown(it: Reservation) -> None:
    assert ReservationView.model_validate_json(written(it)) == shown(it)
    assert written(it) == shown(it).model_dump_json().encode() or it.start.tzinfo is not FULL.start.tzinfo
