"""A whole Booka on this machine: servers, sandbox and the six services as separate processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

from booka_common.cli import REFUSED
from booka_common.testing.servers import PostgresServer, RabbitServer, free_port
from booka_stack.external import declare
from booka_stack.layout import SERVICES, Layout
from booka_stack.processes import Process, inherited

__all__ = ["Stack"]


class Stack:
    """Starts and stops everything; tests use it to kill parts of it.

    Args:
        replicas: processes per service. The first listens on the layout's port, the others on free ones.
        services: those that are to run.
        durable: False runs PostgreSQL without fsync, for tests.
    """

    def __init__(
        self, layout: Layout, *, replicas: int = 1, services: Sequence[str] = SERVICES, durable: bool = True
    ) -> None:
        self.layout = layout
        self.timings: dict[str, float] = {}
        ports = layout.ports
        self.postgres = PostgresServer(layout.folder / "postgres", ports["postgres"], durable=durable)
        self.rabbit = RabbitServer(layout.folder / "rabbitmq", ports["amqp"], ports["rabbitmq_api"])
        self._external_postgres = os.environ.get("BOOKA_POSTGRES_URL")
        self._external_amqp = os.environ.get("BOOKA_AMQP_URL")
        self.amqp_url = self._external_amqp or self.rabbit.amqp_url("booka")
        self.sandbox = Process(
            "sandbox",
            "booka_sandbox",
            (),
            layout.sandbox_environment(),
            layout.folder / "sandbox.log",
            f"{layout.url('sandbox')}/_/health",
        )
        self.services: dict[str, list[Process]] = {
            name: [self._service(name, index) for index in range(replicas)] for name in services
        }

    def database_url(self, user: str | None = None) -> str:
        """The URL of the `booka` database, as `user` or as the administrator."""
        admin = urlsplit(self._external_postgres or self.postgres.url)
        host = admin.netloc.rpartition("@")[2]
        netloc = admin.netloc if user is None else f"{user}:{user}@{host}"
        return urlunsplit(("postgresql", netloc, "/booka", "", ""))

    def _service(self, name: str, index: int) -> Process:
        port = self.layout.ports[name] if index == 0 else free_port()
        environment = self.layout.service_environment(
            name, port, database=self.database_url(f"booka_{name}"), admin=self.database_url(), amqp=self.amqp_url
        )
        suffix = f"-{index}" if index else ""
        return Process(
            f"{name}{suffix}",
            f"booka_{name}",
            ("serve",),
            environment,
            self.layout.folder / f"{name}{suffix}.log",
            f"http://127.0.0.1:{port}/readyz",
        )

    def up(self) -> None:
        """Start everything and wait until it is ready; `timings` says what took how long.

        Raises:
            RuntimeError: a part did not get ready, with the end of its log; or `migrate` refused what is there, with its reason.
            subprocess.SubprocessError: `psql` or `migrate` failed otherwise, or takes for ever.
        """
        started = time.monotonic()
        if self._external_postgres is None:
            self.postgres.start()
        self.timings["postgres"] = time.monotonic() - started
        # The Erlang node takes longest to come up: migrate meanwhile.
        migrating = self._migrate()
        if self._external_amqp is None:
            self.rabbit.start()
            self.rabbit.create_vhost("booka")
        else:
            asyncio.run(declare(self._external_amqp))
        self.timings["rabbitmq"] = time.monotonic() - started
        self._migrated(migrating)
        self.timings["migrated"] = time.monotonic() - started
        self.start(self.processes())
        self.timings["ready"] = time.monotonic() - started

    def _migrate(self) -> "dict[str, subprocess.Popen[str]]":
        admin = urlsplit(self.database_url())
        server = urlunsplit((admin.scheme, admin.netloc, "/postgres", "", ""))
        exists = subprocess.run(
            ["psql", "-X", "-q", "-t", "-A", "-d", server, "-c", "SELECT 1 FROM pg_database WHERE datname = 'booka'"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()
        if not exists:
            subprocess.run(["psql", "-X", "-q", "-d", server, "-c", "CREATE DATABASE booka"], check=True)
        with (self.layout.folder / "migrate.log").open("ab") as log:
            return {
                name: subprocess.Popen(
                    [sys.executable, "-m", replicas[0].module, "migrate"],
                    env={**inherited(), **replicas[0].environment},
                    stdout=log,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for name, replicas in self.services.items()
            }

    def _migrated(self, migrating: "Mapping[str, subprocess.Popen[str]]") -> None:
        try:
            said = {name: process.communicate(timeout=120)[1] for name, process in migrating.items()}
        finally:
            for process in migrating.values():
                process.kill()  # what has not ended
        failed = {name: process.returncode for name, process in migrating.items() if process.returncode}
        if not failed:
            return
        lines = [said[name] or f"{name}: ended with {code}\n" for name, code in failed.items()]
        text = "".join(["migrate failed:\n", *lines])
        if REFUSED in failed.values():
            where = "drop the database `booka`" if self._external_postgres else f"remove {self.layout.folder}"
            text += f"What is there is of another version of Booka. To start afresh, {where}."
        raise RuntimeError(text)

    def start(self, processes: Iterable[Process]) -> None:
        """Start `processes` together and wait until each is ready."""
        wanted = list(processes)
        for process in wanted:
            process.start()
        for process in wanted:
            process.wait_ready()

    @contextmanager
    def doubled(self) -> Iterator[None]:
        """One replica more of every service, until the block ends."""
        more = {name: self._service(name, len(replicas)) for name, replicas in self.services.items()}
        for name, process in more.items():
            self.services[name].append(process)
        try:
            self.start(more.values())
            yield
        finally:
            for name, process in more.items():
                self.services[name].remove(process)
                process.signal(signal.SIGTERM)
            for process in more.values():
                process.stop()

    @contextmanager
    def changed(self, service: str, **environment: str) -> Iterator[None]:
        """Every replica of a service with other settings, until the block ends: `changed("llm", LLM_BASE_URL="…")`."""
        usual = [(process, process.environment) for process in self.services[service]]
        try:
            self._restart({process: {**before, **environment} for process, before in usual})
            yield
        finally:
            self._restart(dict(usual))

    def _restart(self, wanted: Mapping[Process, Mapping[str, str]]) -> None:
        for process, environment in wanted.items():
            process.stop()
            process.environment = environment
        self.start(wanted)

    def is_up(self) -> bool:
        """Whether every part answers already."""
        return all(process.ready() for process in self.processes())

    def processes(self) -> list[Process]:
        """The sandbox and every replica of every service."""
        return [self.sandbox, *(process for replicas in self.services.values() for process in replicas)]

    def down(self) -> None:
        """Stop everything in order: services drain, then the sandbox, then the servers."""
        services = [process for replicas in self.services.values() for process in replicas]
        for process in services:
            process.signal(signal.SIGTERM)
        for process in [*services, self.sandbox]:
            process.stop()
        if self._external_amqp is None and self.postgres.durable:
            self.rabbit.stop(15)
        elif self._external_amqp is None:
            self.rabbit.kill()  # its folder goes next: nothing to put in order
        if self._external_postgres is None:
            self.postgres.stop()

    def __enter__(self) -> "Stack":
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
