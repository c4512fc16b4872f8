"""Somebody's calendar for other programs to subscribe to: an address that cannot be guessed, and what is read there."""

import base64
import binascii
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID

from icalendar import Calendar, Event

from booka_booking.domain.times import Interval, instant
from booka_booking.store import catalogue, feeds, people
from booka_booking.store.feeds import FeedVisit
from booka_common.db import Tx
from booka_common.errors import Unauthenticated
from booka_common.signing import SecretSet, sign, verify

__all__ = ["FeedAddress", "read", "render", "token_of", "verified"]

_PAST = timedelta(days=30)
_MOST = 20_000
_PURPOSE: Final = b"booka-calendar-v1"
_STATUS: Final = {"held": "TENTATIVE", "cancelled": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Whose calendar a token is for. `version` is that of the address; a newer one, or none, makes it void."""

    tenant_id: UUID
    staff_id: UUID
    version: int


def token_of(secrets: SecretSet, address: FeedAddress) -> str:
    """The part of the address that cannot be guessed: the same for the same address and secret.

    Raises:
        NotConfigured: no usable secret.
    """
    body = _packed(address)
    return _text(body + bytes.fromhex(sign(secrets.usable()[0], _PURPOSE + body)))


def verified(secrets: SecretSet, token: str) -> FeedAddress | None:
    """Whose calendar a token is for; None if it is not one of ours.

    Raises:
        NotConfigured: no usable secret.
    """
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        body, mac = raw[:36], raw[36:]
        # Only the spelling that was given out: the decoder overlooks characters that mean nothing.
        if len(mac) != 32 or _text(raw) != token:
            return None
        verify(secrets, _PURPOSE + body, [mac.hex()])
    except (binascii.Error, UnicodeEncodeError, Unauthenticated):
        return None
    tenant, staff, version = struct.unpack(">16s16sI", body)
    return FeedAddress(UUID(bytes=tenant), UUID(bytes=staff), version)


async def read(tx: Tx, address: FeedAddress, now: datetime) -> bytes | None:
    """The calendar, from 30 days back to the salon's horizon; None if the address is not valid any more."""
    feed = await people.get_feed(tx, address.staff_id)
    if feed is None or feed.version != address.version:
        return None
    salon = await catalogue.get_salon(tx, [], since=now.date())
    if salon is None:
        return None
    zone = salon.profile.zone
    # Whole days, so that the calendar does not change by being looked at.
    first = instant(datetime.combine((now - _PAST).astimezone(zone).date(), time()), zone)
    last = instant(
        datetime.combine(now.astimezone(zone).date() + timedelta(days=salon.profile.horizon_days + 1), time()), zone
    )
    found = await feeds.visits(tx, address.staff_id, Interval(first, last), now, limit=_MOST)
    return render(f"{feed.staff_name} – {salon.profile.name}", found)


def render(title: str, visits: Iterable[FeedVisit]) -> bytes:
    """A calendar (RFC 5545), all times in UTC. Who comes is named; how to reach them is not."""
    calendar = Calendar()
    calendar.add("prodid", "-//Booka//Staff calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", title)
    for visit in visits:
        event = Event()
        event.add("uid", f"{visit.reservation_id}-{visit.position}@booka")
        event.add("dtstamp", visit.changed_at)
        event.add("last-modified", visit.changed_at)
        event.add("dtstart", visit.start)
        event.add("dtend", visit.end)
        event.add("sequence", visit.version)
        event.add("status", _STATUS.get(visit.status, "CONFIRMED"))
        event.add("summary", " – ".join(filter(None, (visit.service_name, visit.guest_name))))
        if visit.resource_name:
            event.add("location", visit.resource_name)
        calendar.add_component(event)
    body: bytes = calendar.to_ical()
    return body


def _packed(address: FeedAddress) -> bytes:
    return struct.pack(">16s16sI", address.tenant_id.bytes, address.staff_id.bytes, address.version)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
