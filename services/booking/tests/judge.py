"""Judges a salon's rows from outside: neither the constraint nor any of booking's code has a part in it.

Twice over: are there two claims on one calendar at once, and, worked out anew from what was booked and from the services'
durations, gaps and buffers, would anybody have to be in two places, or two clients sit on one chair? And does every history
lead to where the reservation is? Buffers and durations must not have been changed meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from uuid import UUID

from booka_common.db import Tx

__all__ = ["Span", "joined", "needs_of", "people_needed", "problems", "seats_needed"]

SEATED = ("held", "confirmed", "completed", "no_show")

_CLAIMS_AT_ONCE = """
SELECT a.reservation_id AS one, b.reservation_id AS other, a.calendar_id, a.busy_from
FROM claims AS a JOIN claims AS b ON a.calendar_id = b.calendar_id AND a.ctid < b.ctid
WHERE a.active AND b.active AND a.busy_from < b.busy_until AND b.busy_from < a.busy_until
"""

_BOOKED = """
SELECT r.id, r.status, r.version, r.starts_at, r.ends_at, r.price_minor,
    (SELECT json_agg(json_build_array(h.version, h.status, h.starts_at) ORDER BY h.seq)
     FROM reservation_history AS h WHERE h.reservation_id = r.id) AS history,
    (SELECT json_agg(json_build_array(c.calendar_id, c.busy_from, c.busy_until, c.active) ORDER BY c.calendar_id, c.busy_from)
     FROM claims AS c WHERE c.reservation_id = r.id) AS claims,
    (SELECT json_agg(json_build_object(
                'staff', s.staff_id, 'resource', s.resource_id, 'starts', s.starts_at, 'ends', s.ends_at,
                'price', s.price_minor, 'before', v.buffer_before_minutes, 'after', v.buffer_after_minutes,
                'gap_start', v.gap_start_minutes, 'gap', v.gap_minutes, 'pool', v.pool_id, 'sits_in', x.pool_id,
                'minutes', coalesce(k.duration_minutes, v.duration_minutes)) ORDER BY s.position)
     FROM reservation_segments AS s
     JOIN services AS v ON v.id = s.service_id
     LEFT JOIN staff_services AS k ON k.staff_id = s.staff_id AND k.service_id = s.service_id
     LEFT JOIN resources AS x ON x.id = s.resource_id
     WHERE s.reservation_id = r.id) AS parts
FROM reservations AS r
"""

Span = tuple[datetime, datetime]


async def problems(tx: Tx) -> list[str]:
    """What is wrong with the rows that `tx` sees; nothing, if all is well."""
    found = [f"claims at once: {dict(row)}" for row in await tx.fetch(_CLAIMS_AT_ONCE)]
    taken: dict[str, list[tuple[datetime, datetime, UUID]]] = defaultdict(list)
    for row in await tx.fetch(_BOOKED):
        parts = [_read(part) for part in row["parts"]]
        found += [f"{row['id']}: {what}" for what in _odd(row, parts)]
        needed = needs_of(parts)
        seated = row["status"] in SEATED
        claimed: dict[str, list[Span]] = defaultdict(list)
        for calendar, begins, ends, active in row["claims"] or ():
            claimed[calendar].append((datetime.fromisoformat(begins), datetime.fromisoformat(ends)))
            if active != seated:
                found.append(f"{row['id']}: {row['status']}, and a claim is {'' if active else 'not '}active")
        if {calendar: joined(spans) for calendar, spans in claimed.items()} != needed:
            found.append(f"{row['id']}: claims {dict(claimed)}, needs {needed}")
        if seated:
            for calendar, spans in needed.items():
                taken[calendar] += [(begins, ends, row["id"]) for begins, ends in spans]
    for calendar, uses in taken.items():
        for one, other in pairwise(sorted(uses)):
            if other[0] < one[1]:
                found.append(f"{calendar} is needed by {one[2]} until {one[1]}, by {other[2]} from {other[0]}")
    return found


def needs_of(parts: Sequence[Any]) -> dict[Any, list[Span]]:
    """By person and by chair, what a visit takes."""
    seats: dict[Any, list[Span]] = defaultdict(list)
    for seat, span in seats_needed(parts):
        seats[seat].append(span)
    return {**people_needed(parts), **{seat: joined(spans) for seat, spans in seats.items()}}


def _read(part: Any) -> Any:
    return {
        **part,
        "starts": datetime.fromisoformat(part["starts"]),
        "ends": datetime.fromisoformat(part["ends"]),
    }


def _odd(row: Any, parts: list[Any]) -> Iterator[str]:
    """What cannot be of a visit by itself."""
    if (row["starts_at"], row["ends_at"]) != (parts[0]["starts"], parts[-1]["ends"]):
        yield "it does not last as long as its services"
    if any(one["ends"] != other["starts"] for one, other in pairwise(parts)):
        yield "its services do not follow each other"
    if sum(part["price"] for part in parts) != row["price_minor"]:
        yield "its price is not that of its services"
    versions = [version for version, _, _ in row["history"]]
    if versions[0] != 1 or any(later - earlier not in (0, 1) for earlier, later in pairwise(versions)):
        yield f"its history has gaps: {versions}"
    version, status, starts = row["history"][-1]
    if (version, status, datetime.fromisoformat(starts)) != (row["version"], row["status"], row["starts_at"]):
        yield "its history does not end where it is"
    for part in parts:
        if part["ends"] - part["starts"] != timedelta(minutes=part["minutes"]):
            yield f"a service takes {part['ends'] - part['starts']}"
        if part["pool"] != part["sits_in"]:
            yield "a service sits where it should not"
    for pool, run in groupby(parts, key=lambda part: part["pool"]):
        if pool and len({part["resource"] for part in run}) > 1:
            yield "it changes the chair between two services"


def people_needed(parts: Sequence[Any]) -> dict[Any, list[Span]]:
    """By person, what a visit takes of their time. Only the first of somebody's services in a row has the buffer before it."""
    needed: dict[Any, list[Span]] = defaultdict(list)
    for _, group in groupby(parts, key=lambda part: part["staff"]):
        run = list(group)
        for index, part in enumerate(run):
            begins = part["starts"] - timedelta(minutes=part["before"] if index == 0 else 0)
            ends = part["ends"] + timedelta(minutes=part["after"] if index == len(run) - 1 else 0)
            if part["gap"]:
                stops = part["starts"] + timedelta(minutes=part["gap_start"])
                needed[part["staff"]] += [(begins, stops), (stops + timedelta(minutes=part["gap"]), ends)]
            else:
                needed[part["staff"]].append((begins, ends))
    return {person: joined(spans) for person, spans in needed.items()}


def seats_needed(parts: Sequence[Any]) -> list[tuple[Any, Span]]:
    """The chairs that a visit takes, and when: one for all services in a row that need one."""
    needed = []
    for pool, group in groupby(parts, key=lambda part: part["pool"]):
        run = list(group)
        if pool:
            begins = run[0]["starts"] - timedelta(minutes=run[0]["before"])
            needed.append((run[0]["resource"], (begins, run[-1]["ends"] + timedelta(minutes=run[-1]["after"]))))
    return needed


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as can be."""
    found: list[Span] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return found
