"""A private PostgreSQL and RabbitMQ on ports and folders of their own, for tests and for a local Booka.

Both listen on 127.0.0.1 only. They use the system packages' binaries and touch none of the system's data.
"""

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from booka_common import topology

__all__ = ["PostgresServer", "RabbitServer", "free_port"]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, and that no other call returns as long as this process lives.

    Whoever gets it may listen seconds later, or stop and listen again: neither this process nor another one that asks
    here is given it meanwhile, nor does the system give it to an outgoing connection.
    """
    while True:
        port = random.randint(12_000, 32_000)  # noqa: S311 - below the usual range of outgoing connections
        with socket.socket(type=socket.SOCK_DGRAM) as claim, socket.socket() as probe:
            try:
                claim.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            claim.detach()  # nobody uses UDP here: the same port of it, open until this process ends, says that it is taken
        return port


def _wait(ready: Callable[[], bool], what: str, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"{what} did not start; its log ends with:\n{tail}")
        time.sleep(0.05)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class PostgresServer:
    """PostgreSQL in `folder`. As root it runs as the `postgres` user, because it refuses to run as root.

    Args:
        durable: False switches fsync off: survives `kill -9` of the server, not a power cut. For tests.
    """

    folder: Path
    port: int
    durable: bool = True
    _bin: Path = field(init=False)

    def __post_init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[4]))
        on_path = shutil.which("postgres")
        if not found and not on_path:
            raise RuntimeError("PostgreSQL is not installed: run `make setup`")
        self._bin = found[-1] if found else Path(str(on_path)).parent

    @property
    def url(self) -> str:
        """The superuser's URL of the `postgres` database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def url_for(self, user: str, database: str) -> str:
        """A URL for `user` on `database`."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def _as_owner(self, *command: str | Path) -> list[str]:
        text = [str(part) for part in command]
        return (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *text] if os.geteuid() == 0 else text
        )

    def start(self) -> None:
        """Create the cluster if it is not there, start it and wait until it answers."""
        data, log = self.folder / "data", self.folder / "postgres.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            for parent in self.folder.parents:
                if not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)  # the postgres user has to pass through
            shutil.chown(self.folder, "postgres", "postgres")
        if not (data / "PG_VERSION").exists():
            subprocess.run(
                self._as_owner(
                    self._bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
                ),
                check=True, capture_output=True, cwd="/",
            )  # fmt: skip
            settings: Mapping[str, object] = {
                "listen_addresses": "'127.0.0.1'",
                "port": self.port,
                "unix_socket_directories": "''",
                "max_connections": 300,
                "shared_buffers": "'256MB'",
                "fsync": "on" if self.durable else "off",
                "wal_level": "minimal",
                "max_wal_senders": 0,
                "max_wal_size": "'1GB'",
                "timezone": "'UTC'",
            }
            with (data / "postgresql.conf").open("a") as conf:
                conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
        subprocess.run(
            self._as_owner(self._bin / "pg_ctl", "-D", data, "-l", log, "-o", f"-p {self.port}", "-w", "-t", "60", "start"),
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `mode` is pg_ctl's: fast, immediate."""
        subprocess.run(
            self._as_owner(self._bin / "pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop"),
            check=False, capture_output=True, cwd="/",
        )  # fmt: skip

    def kill(self) -> None:
        """`kill -9` the postmaster and all its children."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
        for victim in (pid, *map(int, children)):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 10
        while _listening(self.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)


@dataclass
class RabbitServer:
    """RabbitMQ with the management API in `folder`, under an Erlang port mapper of its own."""

    folder: Path
    port: int
    api_port: int

    @property
    def api_url(self) -> str:
        """Where the management API listens."""
        return f"http://guest:guest@127.0.0.1:{self.api_port}"

    def amqp_url(self, vhost: str) -> str:
        """The URL of a virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{urllib.parse.quote(vhost, safe='')}?heartbeat=10"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if not server.exists():
            raise RuntimeError("RabbitMQ is not installed: run `make setup`")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.api_port}\n"
            "management_agent.disable_metrics_collector = true\n"
            "log.console = false\nlog.file.level = warning\n"
            "disk_free_limit.absolute = 50MB\n"
            "loopback_users.guest = true\n"
        )
        log = self.folder / "server.log"
        epmd, dist = free_port(), free_port()
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"booka{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd),
        }
        with log.open("ab") as out:
            # A session of its own, so that it outlives the process that started it and dies as one group. The port mapper
            # is part of the group: one that Erlang starts by itself would be a daemon that nobody stops. RabbitMQ writes its
            # id after seconds only, and whoever gives up before has to find the group, too.
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", 'echo $$ >"$RABBITMQ_PID_FILE"; epmd & exec "$0"', str(server)],
                env=environment, stdout=out, stderr=out, cwd=self.folder, check=True,
            )  # fmt: skip
        _wait(lambda: _listening(self.port) and _listening(self.api_port) and self._answers(), "RabbitMQ", log)

    def _answers(self) -> bool:
        try:
            self.call("GET", "/api/overview")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def stop(self, seconds: float = 30) -> None:
        """Stop it in order: SIGTERM, wait until it is gone, then `kill -9` whatever is left of its process group."""
        group = self._signal(signal.SIGTERM)
        if group is not None:
            self._wait_gone(group, seconds)
            self._signal(signal.SIGKILL, group)

    def kill(self) -> None:
        """`kill -9` the whole process group, and wait until it is gone."""
        group = self._signal(signal.SIGKILL)
        if group is not None:
            self._wait_gone(group, 10)

    def _group(self) -> int | None:
        try:
            return os.getpgid(int((self.folder / "pid").read_text()))
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None

    def _wait_gone(self, group: int, seconds: float) -> None:
        # By the group and not by the pid file: RabbitMQ removes that first and takes seconds to end after it.
        deadline = time.monotonic() + seconds
        living = ["pgrep", "--pgroup", str(group), "--runstates", "D,R,S"]
        while subprocess.run(living, stdout=subprocess.DEVNULL, check=False).returncode == 0:
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def _signal(self, what: signal.Signals, group: int | None = None) -> int | None:
        """Signal the process group; returns it, or None if there is none."""
        group = group or self._group()
        if group is None:
            return None
        try:
            os.killpg(group, what)
        except ProcessLookupError:
            return None
        return group

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One request to the management API; returns the parsed answer.

        Raises:
            urllib.error.HTTPError: it was refused.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}{path}",
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={
                "content-type": "application/json",
                "authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            raw = answer.read()
        return orjson.loads(raw) if raw else None

    def create_vhost(self, name: str) -> str:
        """A virtual host that holds the topology of all services; returns its AMQP URL."""
        quoted = urllib.parse.quote(name, safe="")
        self.call("PUT", f"/api/vhosts/{quoted}")
        self.call("PUT", f"/api/permissions/{quoted}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        self.call("POST", f"/api/definitions/{quoted}", topology.definitions(topology.HEARS))
        return self.amqp_url(name)
