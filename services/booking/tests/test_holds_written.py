"""A hold on its way to the database: a row of some forty columns, which go by their order."""

from dataclasses import asdict
from datetime import timedelta

import orjson

from booka_booking.domain.policy import Terms
from booka_booking.domain.reservation import Claim, Reservation, Segment
from booka_booking.store.holds import Following, NewHold, Who, as_row
from booka_common.ids import new_id
from booka_common.publisher import Outgoing

from .salon import Salon, at

_HOUR = timedelta(hours=1)
_START = at(3, 9)
_TERMS = Terms(0, 600, 1800, 24, "refund_share", 50, 3, 2)


def _segment() -> Segment:
    return Segment(
        position=0, service_id=new_id(), service_name="Brows", staff_id=new_id(), staff_name="Ana", wanted_staff_id=new_id(),
        resource_id=new_id(), resource_name="Chair", start=_START, end=_START + _HOUR, price_minor=2500,
    )  # fmt: skip


def _hold(*segments: Segment) -> NewHold:
    """Nothing in it is the same as anything else."""
    it = Reservation(
        id=new_id(), status="held", version=1, segments=segments,
        claims=(Claim(new_id(), _START - _HOUR, _START + 2 * _HOUR), Claim(new_id(), _START, _START + _HOUR)),
        currency="EUR", price_minor=2600, terms=_TERMS, expires_at=_START - 2 * _HOUR, zone="UTC",
        request_id=new_id(), conversation_id=new_id(), contact_id=new_id(), guest_name="Rita",
    )  # fmt: skip
    return NewHold(
        new_id(), it, Who(new_id(), "Maria", "+351910000000"), 7, 2, "client", "requested", _START - 3 * _HOUR
    )


async def test_everything_of_a_hold_arrives_in_its_place(salon: Salon) -> None:
    part = _segment()
    hold = _hold(part)
    it, claim = hold.it, hold.it.claims[0]
    answer = {"request": "POST /v1", "payload_hash": "abcd", "status": 201, "headers": {"etag": '"1"'}}
    follows = Following(Outgoing(new_id(), "k", new_id(), b"said"), "00-1-2-00", "key", new_id(), answer, b"answered")
    async with salon.db.tx(salon.tenant_id) as tx:
        row = await tx.fetchrow("SELECT * FROM unnest($1::new_hold[])", [as_row(hold, follows)])
    assert row is not None
    found = dict(row)
    assert orjson.loads(found.pop("terms")) == asdict(_TERMS)
    assert orjson.loads(found.pop("headers")) == answer["headers"]
    assert found == {
        "id": it.id, "tenant_id": hold.tenant_id, "contact_id": it.contact_id, "request_id": it.request_id,
        "conversation_id": it.conversation_id, "client_id": hold.client.id, "contact_name": "Maria", "phone": "+351910000000",
        "guest_name": "Rita", "changes": 7, "most_holds": 2, "now": hold.now, "starts_at": it.start, "ends_at": it.end,
        "expires_at": it.expires_at, "currency": "EUR", "price_minor": 2600, "who": "client", "why": "requested",
        "staff_ids": None, "claims": 2, "calendar_id": claim.calendar_id, "busy_from": claim.busy_from,
        "busy_until": claim.busy_until, "service_id": part.service_id, "service_name": "Brows", "staff_id": part.staff_id,
        "staff_name": "Ana", "wanted_staff_id": part.wanted_staff_id, "resource_id": part.resource_id, "resource_name": "Chair",
        "said_id": follows.said.id, "correlation_id": follows.said.correlation_id, "said": b"said", "traceparent": "00-1-2-00",
        "message_id": follows.message_id, "key": "key", "request": "POST /v1", "payload_hash": "abcd", "status": 201,
        "answer": b"answered",
    }  # fmt: skip


async def test_of_several_segments_the_row_says_who_takes_part(salon: Salon) -> None:
    hold = _hold(_segment(), _segment())
    async with salon.db.tx(salon.tenant_id) as tx:
        row = await tx.fetchrow("SELECT * FROM unnest($1::new_hold[])", [as_row(hold)])
    assert row is not None
    assert row["staff_ids"] == list(hold.it.staff_ids)
    assert {name for name, value in row.items() if value is None} == {
        "service_id", "service_name", "staff_id", "staff_name", "wanted_staff_id", "resource_id", "resource_name",
        "said_id", "correlation_id", "said", "traceparent", "message_id", "key", "request", "payload_hash", "status", "headers",
        "answer",
    }  # fmt: skip
