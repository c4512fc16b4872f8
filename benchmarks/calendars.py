"""Salons with full calendars, in a PostgreSQL of a benchmark's own; written by SQL, so that a million visits take a minute."""

import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from booka_booking.domain.salon import Profile, Service, Skill, Staff
from booka_booking.domain.times import Span
from booka_booking.settings import SERVICE
from booka_booking.store import catalogue, offer, people
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.migrate import migrate
from booka_common.testing.servers import PostgresServer, free_port

__all__ = ["HALF_AN_HOUR", "Calendars", "Chair", "calendars", "durable_postgres", "pgbench", "today"]

HALF_AN_HOUR = timedelta(minutes=30)
_DATABASE = "booka"


@dataclass(frozen=True)
class Chair:
    """One person of one salon, who does one service of half an hour."""

    tenant_id: UUID
    service_id: UUID
    staff_id: UUID


@dataclass
class Calendars:
    """A booking database with salons in it."""

    server: PostgresServer
    chairs: list[Chair] = field(default_factory=list)

    @property
    def admin_url(self) -> str:
        """As the superuser, whom no row level security binds."""
        return self.server.url_for("postgres", _DATABASE)

    @property
    def postgres_pid(self) -> int:
        """Of the server's first process."""
        return int((self.server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    @property
    def service_url(self) -> str:
        """As the service's role."""
        return self.server.url_for(f"booka_{SERVICE.name}", _DATABASE)

    def database(self, pool_size: int) -> Database:
        """As the service opens it."""
        return Database(self.service_url, SERVICE.name, pool_size=pool_size, planner=SERVICE.planner)

    async def open_salon(self, staff: int, *, opens: int = 0, closes: int = 1440, grid: int = 30) -> list[Chair]:
        """A salon with that many people, all of whom do its one service; open every day, in UTC."""
        tenant_id, service_id = new_id(), new_id()
        team = [new_id() for _ in range(staff)]
        async with self.database(1) as db, db.tx(tenant_id) as tx:
            await catalogue.put_profile(
                tx,
                Profile(
                    name="Salon", locale="en", zone=ZoneInfo("UTC"), currency="EUR", slot_grid_minutes=grid, lead_minutes=0,
                    horizon_days=400, opening={day: (Span(opens, closes),) for day in range(1, 8)}, exceptions={},
                ),
            )  # fmt: skip
            await offer.put_service(tx, Service(service_id, "Haircut", 30, 2500))
            for number, staff_id in enumerate(team):
                await people.put_staff(tx, Staff(staff_id, f"Person {number:02}", {service_id: Skill()}), active=True)
        opened = [Chair(tenant_id, service_id, staff_id) for staff_id in team]
        self.chairs += opened
        return opened

    async def fill(self, chairs: Sequence[Chair], days: range, hours: range, *, whole: bool = True) -> int:
        """A visit of half an hour at every hour of `hours` on every day (0 is today) of every calendar; returns how many.

        Args:
            whole: False leaves out clients and segments, which nobody reads who looks for free time.
        """
        admin = await asyncpg.connect(self.admin_url)
        try:
            # Foreign keys are triggers: what is written here fits together, and need not be looked up a million times.
            await admin.execute("SET session_replication_role = replica; SET search_path = booking, public")
            await admin.execute(
                """CREATE TEMPORARY TABLE visit AS
                   SELECT c.tenant_id, c.service_id, c.staff_id, gen_random_uuid() AS id, gen_random_uuid() AS client_id,
                          $4::timestamptz + day * interval '1 day' + hour * interval '1 hour' AS starts_at
                   FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS c (tenant_id, service_id, staff_id),
                        generate_series($5::integer, $6::integer) AS day, generate_series($7::integer, $8::integer) AS hour""",
                [chair.tenant_id for chair in chairs],
                [chair.service_id for chair in chairs],
                [chair.staff_id for chair in chairs],
                today(),
                days[0],
                days[-1],
                hours[0],
                hours[-1],
            )
            for statement in (*(_BESIDE if whole else ()), *_FILL):
                await admin.execute(statement)
            return len(chairs) * len(days) * len(hours)
        finally:
            await admin.close()

    async def settle(self) -> None:
        """Statistics and visibility as autovacuum leaves them, and nothing left to be written."""
        admin = await asyncpg.connect(self.admin_url)
        await admin.execute("SET search_path = booking, public")
        await admin.execute("VACUUM ANALYZE")
        await admin.execute("CHECKPOINT")
        await admin.close()


_BESIDE = (
    """INSERT INTO clients (tenant_id, id, contact_id, name, created_at)
       SELECT tenant_id, client_id, client_id, 'Maria', starts_at - interval '7 days' FROM visit""",
    """INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name,
           starts_at, ends_at, price_minor)
       SELECT tenant_id, id, 0, service_id, 'Haircut', staff_id, 'Ana', starts_at, starts_at + interval '30 minutes', 2500
       FROM visit""",
)
_FILL = (
    """INSERT INTO reservations (tenant_id, id, contact_id, client_id, status, version, starts_at, ends_at, currency,
           price_minor, terms, created_at)
       SELECT tenant_id, id, client_id, client_id, 'confirmed', 2, starts_at, starts_at + interval '30 minutes', 'EUR', 2500,
           '{"deposit_minor": 0, "hold_seconds": 600, "deposit_deadline_seconds": 1800, "cancel_notice_hours": 24,
             "late_kind": "refund_share", "late_value": 0, "reschedule_limit": 3, "max_holds_per_client": 2}',
           starts_at - interval '7 days'
       FROM visit""",
    """INSERT INTO claims (tenant_id, calendar_id, busy_from, busy_until, reservation_id, active)
       SELECT tenant_id, staff_id, starts_at, starts_at + interval '30 minutes', id, true FROM visit""",
)


def today() -> datetime:
    """The last midnight, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def durable_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL with fsync on, in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="booka-bench-"))
    server = PostgresServer(folder / "postgres", free_port(), durable=True)
    try:
        server.start()
        yield server
    finally:
        server.stop("immediate")
        rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def calendars() -> AsyncIterator[Calendars]:
    """A booking database without salons."""
    with durable_postgres() as server:
        admin = await asyncpg.connect(server.url)
        await admin.execute(f"CREATE DATABASE {_DATABASE}")
        await admin.close()
        found = Calendars(server)
        await migrate(
            found.admin_url,
            found.service_url,
            schema=SERVICE.name,
            package=SERVICE.package,
            system_tables=SERVICE.system_tables,
            shared_tables=SERVICE.shared_tables,
        )
        yield found


def pgbench(url: str, script: str, *, clients: int, seconds: float) -> float:
    """Transactions per second of `script`, prepared, in a closed loop."""
    binary = str(next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True))))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        options = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(max(round(seconds), 1)),
            "-D",
            "n=0",
        ]
        command = [binary, *options, "-f", file.name, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next((line for line in said.splitlines() if line.startswith("tps")), None)
    if line is None:
        raise RuntimeError(f"pgbench measured nothing: {said}")
    return float(line.split()[2])
