"""A database with very many visits of a hundred salons in it, written in SQL so that it takes seconds.

The first salon has a fifth of everything. Everybody works around the clock, and is booked from 8 to 18 every day, for 45 of 60
minutes, from long ago until two weeks from now.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from uuid import UUID

SALONS = 100
STAFF = 8
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Crowd:
    """One of the salons. What is in it can be named without asking."""

    number: int

    @property
    def tenant_id(self) -> UUID:
        return named("tenant", self.number)

    def staff(self, number: int) -> UUID:
        return named("staff", self.number, number)

    def service(self, number: int) -> UUID:
        """0 to 2: by anybody, 15 minutes longer each; 2 needs a chair."""
        return named("service", self.number, number)

    def client(self, number: int) -> UUID:
        """A client, whose contact has the same id."""
        return named("client", self.number, number)


def named(kind: str, *numbers: int) -> UUID:
    """As `md5('kind-1-2')::uuid` in SQL."""
    return UUID(md5("-".join([kind, *map(str, numbers)]).encode()).hexdigest())  # noqa: S324 - a name


_SALONS = """
CREATE TEMP TABLE salon AS
SELECT n,
    md5('tenant-' || n)::uuid AS id, CASE WHEN n = 0 THEN :visits / 5 ELSE :visits * 4 / 5 / :last_salon END AS visits
FROM generate_series(0, :last_salon) AS n;

INSERT INTO profiles (tenant_id, name, locale, zone, currency, slot_grid_minutes, lead_minutes, horizon_days, assignment)
SELECT id, 'Salon ' || n, 'pt-BR', 'Africa/Lagos', 'BRL', 15, 0, 60, 'last_first' FROM salon;
INSERT INTO opening_hours SELECT id, day, 0, 1440 FROM salon, generate_series(1, 7) AS day;
INSERT INTO policies (tenant_id, deposit_kind, deposit_value, deposit_for) SELECT id, 'percent', 30, 'new_clients' FROM salon;
INSERT INTO resource_pools (tenant_id, id, name) SELECT id, md5('pool-' || n)::uuid, 'Chairs' FROM salon;
INSERT INTO resources (tenant_id, id, pool_id, name, active)
SELECT id, md5('chair-' || n || '-' || k)::uuid, md5('pool-' || n)::uuid, 'Chair ' || k, true
FROM salon, generate_series(0, 3) AS k;
INSERT INTO services (tenant_id, id, name, duration_minutes, buffer_before_minutes, buffer_after_minutes, gap_start_minutes,
    gap_minutes, pool_id, price_minor, active, online, position)
SELECT id, md5('service-' || n || '-' || k)::uuid, 'Service ' || k, 15 * (k + 1), 0, 0, 0, 0,
    CASE WHEN k = 2 THEN md5('pool-' || n)::uuid END, 9000, true, true, k
FROM salon, generate_series(0, 2) AS k;
INSERT INTO staff (tenant_id, id, name, active)
SELECT id, md5('staff-' || n || '-' || k)::uuid, 'Person ' || k, true FROM salon, generate_series(0, :last_person) AS k;
INSERT INTO staff_services (tenant_id, staff_id, service_id)
SELECT id, md5('staff-' || n || '-' || k)::uuid, md5('service-' || n || '-' || s)::uuid
FROM salon, generate_series(0, :last_person) AS k, generate_series(0, 2) AS s;
"""

_VISITS = """
INSERT INTO clients (tenant_id, id, contact_id, name, phone, created_at)
SELECT salon.id, c.id, c.id, 'Client ' || k, '+55119' || lpad(k::text, 8, '0'), :now
FROM salon, generate_series(0, visits / 10 - 1) AS k, LATERAL (
    SELECT md5('client-' || n || '-' || k)::uuid) AS c (id);

CREATE TEMP TABLE visit AS
SELECT o.*, ('00000000-0000-7000-8000-' || lpad(to_hex(row_number() OVER ()), 12, '0'))::uuid AS id,
    starts_at + interval '45 minutes' AS ends_at,
    CASE WHEN dice < 10 THEN 'cancelled' WHEN dice < 15 THEN 'expired'
         WHEN starts_at > now THEN CASE WHEN dice < 20 THEN 'held' ELSE 'confirmed' END
         WHEN dice < 20 THEN 'no_show' ELSE 'completed' END AS status
FROM (
    SELECT s.id AS tenant_id, s.n, k, k % :staff AS who, k * 7919 % 101 AS dice, :now AS now,
        :today + make_interval(days => 14 - (s.visits - 1 - k) / :a_day, hours => 8 + k / :staff % 10)
            AS starts_at,
        md5('client-' || s.n || '-' || k * 31 % (s.visits / 10))::uuid AS client_id,
        md5('staff-' || s.n || '-' || k % :staff)::uuid AS staff_id, md5('service-' || s.n || '-1')::uuid AS service_id
    FROM salon AS s, generate_series(0, s.visits - 1) AS k
) AS o;

INSERT INTO reservations (tenant_id, id, request_id, conversation_id, contact_id, client_id, status, version, starts_at, ends_at,
    guest_name, currency, price_minor, terms, expires_at, created_at)
SELECT tenant_id, id, id, client_id, client_id, client_id, status, 1, starts_at, ends_at, 'Somebody', 'BRL', 9000,
    '{"deposit_minor": 0, "hold_seconds": 600, "deposit_deadline_seconds": 1800, "cancel_notice_hours": 24,
      "late_kind": "refund_share", "late_value": 0, "reschedule_limit": 3, "max_holds_per_client": 2}',
    CASE WHEN status = 'held' THEN now + make_interval(mins => 10 - k % 15) END, starts_at - interval '7 days'
FROM visit;
INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name, starts_at,
    ends_at, price_minor)
SELECT tenant_id, id, 0, service_id, 'Service 1', staff_id, 'Person ' || who, starts_at, ends_at, 9000 FROM visit;
INSERT INTO claims (tenant_id, calendar_id, busy_from, busy_until, reservation_id, active, held_until)
SELECT tenant_id, staff_id, starts_at, ends_at, id, status NOT IN ('cancelled', 'expired'),
    CASE WHEN status = 'held' THEN now + make_interval(mins => 10 - k % 15) END
FROM visit;
INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
SELECT tenant_id, id, starts_at - interval '7 days', 1, status, 'client', 'requested', starts_at, ARRAY[staff_id] FROM visit;
INSERT INTO deposits (tenant_id, transaction_id, reservation_id, amount_minor, currency, paid_at)
SELECT tenant_id, id, id, 2700, 'BRL', starts_at - interval '7 days' FROM visit WHERE k % 4 = 0;
"""

_REST = """
INSERT INTO waitlist_entries (tenant_id, id, request_id, conversation_id, contact_id, wants, first_day, last_day, from_minute,
    until_minute, status, created_at)
SELECT v.tenant_id, v.id, v.id, v.client_id, v.client_id,
    jsonb_build_array(jsonb_build_object('service_id', v.service_id, 'staff_id', NULL)), v.starts_at::date, v.starts_at::date, 0,
    1440,
    CASE WHEN v.starts_at < v.now THEN 'over' WHEN k % 20 = 0 THEN 'waiting' ELSE 'left' END, v.starts_at - interval '9 days'
FROM visit AS v WHERE k % 10 = 0;
INSERT INTO waitlist_offers (tenant_id, reservation_id, entry_id, starts_at, made_at, outcome)
SELECT tenant_id, id, id, starts_at, starts_at - interval '8 days', 'unanswered' FROM visit WHERE k % 20 = 0;
INSERT INTO jobs (id, tenant_id, type, payload, status, max_attempts, scheduled_at, unique_key, correlation_id, finished_at)
SELECT id, tenant_id, 'expire_hold', '{}', CASE WHEN status = 'held' THEN 'ready' ELSE 'done' END, 20,
    CASE WHEN status = 'held' THEN now + make_interval(mins => 10 - k % 15) ELSE starts_at - interval '7 days' END, id, id,
    CASE WHEN status <> 'held' THEN starts_at - interval '7 days' END
FROM visit WHERE starts_at > :now - interval '90 days';
INSERT INTO outbox (id, tenant_id, routing_key, correlation_id, body, sent_at)
SELECT id, tenant_id, 'booking.reservation.held.v1', id, '', CASE WHEN k % 5000 <> 0 THEN starts_at END FROM visit
WHERE starts_at > :now - interval '90 days';
INSERT INTO inbox (consumer, message_id, tenant_id) SELECT 'booking.hold', id, tenant_id FROM visit
WHERE starts_at > :now - interval '90 days';
"""


async def fill(admin: Any, visits: int) -> None:
    """Write it. Indexes and constraints are built when everything is in, which is much quicker; they are the migrations' own."""
    await admin.execute("SET search_path = booking, public; SET work_mem = '64MB'; SET maintenance_work_mem = '256MB'")
    async with admin.transaction():
        await admin.execute(_said(_SALONS, visits))
        again = [statement async for statement in _taken_away(admin)]
        for part in (_VISITS, _REST):
            await admin.execute(_said(part, visits))
        for statement in again:
            await admin.execute(statement)
        await admin.execute("DROP TABLE visit, salon")
    await admin.execute("VACUUM (ANALYZE, FREEZE)")


def _said(text: str, visits: int) -> str:
    """SQL with the numbers in it."""
    words = {
        "visits": str(visits),
        "last_salon": str(SALONS - 1),
        "last_person": str(STAFF - 1),
        "staff": str(STAFF),
        "a_day": str(STAFF * 10),
        "now": f"'{NOW.isoformat()}'::timestamptz",
        "today": f"'{NOW.date()}'::timestamptz",
    }
    return re.sub(r"(?<!:):([a-z_]+)", lambda found: words[found[1]], text)


async def _taken_away(admin: Any) -> Any:
    """Drop what slows writing down; give the statements that bring it back, in order."""
    constraints = await admin.fetch(
        """SELECT c.conrelid::regclass::text AS at, quote_ident(c.conname) AS name, c.contype::text AS kind,
                  pg_get_constraintdef(c.oid) AS body
           FROM pg_constraint AS c WHERE c.connamespace = 'booking'::regnamespace AND c.contype IN ('f', 'x', 'u', 'p')
           ORDER BY c.contype = 'f' DESC"""
    )
    for row in constraints:
        await admin.execute(f"ALTER TABLE {row['at']} DROP CONSTRAINT {row['name']}")
    indexes = await admin.fetch(
        """SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS body
           FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'booking'::regnamespace"""
    )
    for row in indexes:
        await admin.execute(f"DROP INDEX {row['name']}")
    for row in indexes:
        yield row["body"]
    for row in reversed(constraints):
        # What is written here refers to what is there; looking it all up would take the longest of everything.
        unproven = " NOT VALID" if row["kind"] == "f" else ""
        yield f"ALTER TABLE {row['at']} ADD CONSTRAINT {row['name']} {row['body']}{unproven}"


__all__ = ["NOW", "STAFF", "Crowd", "fill"]
