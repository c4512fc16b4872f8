"""The pytest plugin: a private PostgreSQL and RabbitMQ, started when the first test asks and stopped with the session.

Under xdist all workers share the two servers; every service gets a database and a virtual host per worker. Tests keep
apart by using a tenant of their own.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from booka_common.cli import tidy_less
from booka_common.ids import new_id
from booka_common.migrate import migrate
from booka_common.service import Service
from booka_common.testing import ENCRYPTION_KEY, INTERNAL_SECRET
from booka_common.testing.servers import PostgresServer, RabbitServer, free_port

_FOLDER = "BOOKA_TEST_FOLDER"
_OWNER = "BOOKA_TEST_OWNER"

# Stops the servers if the run is killed before it can do so itself. Debian's sh knows no `kill --`.
_WATCH = """
while kill -0 "$1" 2>/dev/null; do sleep 1; done
kill -9 "-$(ps -o pgid= "$(cat "$2/rabbitmq/pid")" | tr -d ' ')" 2>/dev/null
kill -QUIT "$(head -n 1 "$2/postgres/data/postmaster.pid")" 2>/dev/null
sleep 1
rm -rf "$2"
"""


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process names the folder that its workers share."""
    if not hasattr(config, "workerinput"):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="booka-test-")
        os.environ[_OWNER] = str(os.getpid())
        # aiormq leaves a coroutine behind when a connection is cut while the loop ends.
        config.addinivalue_line("filterwarnings", "ignore:coroutine 'FutureStore.reject_all':RuntimeWarning")
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_finish() -> None:
    """Whoever runs the tests looks for garbage as seldom as a service does: a sixth of the time of what starts services."""
    tidy_less()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started and remove its files."""
    if hasattr(config, "workerinput") or _FOLDER not in os.environ:
        return
    folder = Path(os.environ.pop(_FOLDER))
    if (folder / "servers.json").exists():
        postgres, rabbit = _known(folder)
        postgres.stop("immediate")
        rabbit.kill()
    shutil.rmtree(folder, ignore_errors=True)


def watch(owner: int, folder: Path) -> None:
    """Let a process of its own end the two servers in `folder`, and remove it, once the process `owner` is gone."""
    subprocess.run(  # noqa: S603 - our own words
        ["setsid", "--fork", "sh", "-c", _WATCH, "watch", str(owner), str(folder)],  # noqa: S607
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _known(folder: Path) -> tuple[PostgresServer, RabbitServer]:
    ports = orjson.loads((folder / "servers.json").read_bytes())
    return (
        PostgresServer(folder / "postgres", ports["postgres"], durable=False),
        RabbitServer(folder / "rabbitmq", ports["amqp"], ports["api"]),
    )


@pytest.fixture(scope="session")
def servers() -> tuple[PostgresServer, RabbitServer]:
    """The two servers, shared by the whole run."""
    folder = Path(os.environ[_FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "servers.json").exists():
            ports = {"postgres": free_port(), "amqp": free_port(), "api": free_port()}
            postgres = PostgresServer(folder / "postgres", ports["postgres"], durable=False)
            rabbit = RabbitServer(folder / "rabbitmq", ports["amqp"], ports["api"])
            (folder / "servers.json").write_bytes(orjson.dumps(ports))
            watch(int(os.environ[_OWNER]), folder)
            starting = threading.Thread(target=postgres.start)
            starting.start()
            rabbit.start()
            starting.join()
    return _known(folder)


def run_async(work: Callable[[], Any]) -> Any:
    """Run a coroutine function from a synchronous fixture, away from any loop the test runner may have."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work()))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


@dataclass(frozen=True, slots=True)
class Migrated:
    """A database with a service's schema, as its owner and as the service's role reach it."""

    migrate_url: str
    database_url: str


@pytest.fixture(scope="session")
def migrated(servers: tuple[PostgresServer, RabbitServer], worker_name: str) -> Callable[[Service, str], Migrated]:
    """`migrated(SERVICE, "crowd")` makes a database of that name for tests that need one of their own."""
    postgres = servers[0]

    async def create(service: Service, database: str) -> Migrated:
        made = Migrated(postgres.url_for("postgres", database), postgres.url_for(f"booka_{service.name}", database))
        admin = await asyncpg.connect(postgres.url)
        try:
            await admin.execute(f'CREATE DATABASE "{database}"')
        finally:
            await admin.close()
        await migrate(
            made.migrate_url,
            made.database_url,
            schema=service.name,
            package=service.package,
            system_tables=service.system_tables,
            shared_tables=service.shared_tables,
        )
        return made

    def make(service: Service, name: str) -> Migrated:
        found: Migrated = run_async(lambda: create(service, f"{name}_{worker_name}"))
        return found

    return make


@pytest.fixture(scope="session")
def provision(
    servers: tuple[PostgresServer, RabbitServer], migrated: Callable[[Service, str], Migrated], worker_name: str
) -> Callable[[Service], dict[str, Any]]:
    """`provision(SERVICE)` gives the settings of a fresh, migrated database and of a virtual host with all queues.

    Those of one service are the same for all tests of a session.
    """
    rabbit = servers[1]
    ready: dict[str, dict[str, Any]] = {}

    def settings(service: Service) -> dict[str, Any]:
        if service.package not in ready:
            made = migrated(service, service.package)
            ready[service.package] = {
                "database_url": made.database_url,
                "migrate_url": made.migrate_url,
                "amqp_url": rabbit.create_vhost(f"{service.package}-{worker_name}"),
                "internal_secrets": (INTERNAL_SECRET,),
                "encryption_keys": (ENCRYPTION_KEY,),
            }
        return ready[service.package]

    return settings


@pytest.fixture
def forget_jobs(provision: Callable[[Service], dict[str, Any]]) -> Callable[[Service], None]:
    """`forget_jobs(SERVICE)` calls back what earlier tests left to do, or this test's worker would do it, at its providers."""

    async def forget(service: Service) -> None:
        connection = await asyncpg.connect(provision(service)["migrate_url"])
        try:
            await connection.execute(
                f"""UPDATE {service.name}.jobs
                    SET status = 'cancelled', finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL
                    WHERE status IN ('ready', 'running')"""  # noqa: S608 - our own words
            )
        finally:
            await connection.close()

    return lambda service: run_async(lambda: forget(service))


@pytest.fixture(scope="session")
def worker_name() -> str:
    """`gw0`, `gw1` … under xdist, else `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def tenant_id() -> UUID:
    """A tenant that only this test knows."""
    return new_id()
