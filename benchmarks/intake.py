"""Taking in webhooks, next to the same rows by pgbench, the webhook as it is usually written, and a route that does nothing."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from benchmarks.calendars import durable_postgres, pgbench
from benchmarks.clients import webhook
from benchmarks.hammer import Volley, fire
from benchmarks.report import Result, percentile
from benchmarks.running import cpu_seconds
from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_common.migrate import migrate
from booka_common.testing.servers import PostgresServer, RabbitServer, free_port
from booka_messaging.settings import SERVICE
from booka_stack.processes import Process

__all__ = ["measure"]

_CONNECTIONS = (1, 16, 64)
_REQUESTS = {connections: int(os.environ.get("REQUESTS", "6000")) for connections in _CONNECTIONS} | {1: 1500}
_ROUNDS = int(os.environ.get("ROUNDS", "3"))
_SECONDS = float(os.environ.get("SECONDS", "3"))
_CLIENTS = 200
_INSTANCE = "salon"
#: `c` is the client's conversation, `n` counts up in each of them; what a client of pgbench writes is what a webhook does.
_PGBENCH = """\\set n :n + 1
\\set c :client_id + 1
WITH message AS (
    INSERT INTO messaging.messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text,
        metadata, status, turn, sent_at, received_at)
    VALUES ('{tenant}', gen_random_uuid(), '{channel}', lpad(:c::text, 32, '0')::uuid, 'in', 'client',
        md5(random()::text), 'text', 'Bom dia! Queria marcar um corte para amanha',
        '{{"type": "conversation", "source": "android", "instanceId": "6b1c9f6e-5d0a-4a53-9c0e-6f0f6e7f1a11"}}', 'received',
        {round} * 1000000 + :n, now(), now())
)
INSERT INTO messaging.outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
VALUES (gen_random_uuid(), '{tenant}', 'messaging.message.received.v1', gen_random_uuid(), '{body}',
    clock_timestamp() + interval '1 day');
"""


@dataclass(frozen=True)
class _Target:
    """Somebody who takes webhooks: one process and the PostgreSQL behind it."""

    name: str
    url: str
    path: str
    secret: bytes
    pid: int
    postgres_pid: int

    async def run(self, connections: int) -> "_Run":
        requests = [self._request(number) for number in range(_REQUESTS[connections])]
        pids = (self.pid, self.postgres_pid)
        before = cpu_seconds(pids)
        volley = await fire(self.url, requests, connections=connections)
        after = cpu_seconds(pids)
        if volley.refused:
            raise RuntimeError(f"{volley.refused} webhooks of {self.name} were not answered 200")
        return _Run(volley, *(after[pid] - before[pid] for pid in pids))

    def _request(self, number: int) -> bytes:
        body = webhook(
            _INSTANCE, self.path, f"3519{number % _CLIENTS:08}", "Bom dia! Queria marcar um corte para amanha"
        )
        signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-booka-signature: sha256={signature}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class _Run:
    """`python`, `postgres`: CPU seconds."""

    volley: Volley
    python: float
    postgres: float

    @property
    def rate(self) -> float:
        return len(self.volley.each) / self.volley.seconds

    def per_1000(self, *, postgres: bool = True) -> float:
        return (self.python + (self.postgres if postgres else 0)) / len(self.volley.each) * 1000

    def ms(self, share: float) -> float:
        return percentile(self.volley.each, share) * 1000


async def measure() -> list[Result]:
    """All in turn, a few rounds of each, with 1, 16 and 64 connections."""
    folder = Path(tempfile.mkdtemp(prefix="booka-bench-"))
    try:
        with durable_postgres() as server:
            async with AsyncExitStack() as opened:
                return await _measure(server, folder, opened)
    finally:
        rmtree(folder, ignore_errors=True)


async def _measure(server: PostgresServer, folder: Path, opened: AsyncExitStack) -> list[Result]:
    rabbit = RabbitServer(folder / "rabbitmq", free_port(), free_port())
    await asyncio.to_thread(rabbit.start)
    opened.callback(rabbit.kill)
    tenant_id, channel_id = new_id(), new_id()
    for name in ("plain", "alone", "published"):
        await _create(server, name)
    plain_url = server.url_for("postgres", "plain")
    conversations = await _people(plain_url, tenant_id, channel_id)
    postgres_pid = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    start = _Starter(opened, folder, postgres_pid)
    environment = {
        "PLAIN_SECRET": secrets.token_urlsafe(32),
        "PLAIN_TENANT": str(tenant_id),
        "PLAIN_CHANNEL": str(channel_id),
        "PLAIN_CONVERSATIONS": json.dumps(conversations),
        "PLAIN_DATABASE_URL": plain_url,
    }
    targets = [
        start.plain("empty", environment),
        start.plain("plain", environment),
        await start.messaging("alone", server, "amqp://guest:guest@127.0.0.1:9/"),
        await start.messaging("published", server, rabbit.create_vhost("booka")),
    ]
    script = {"tenant": tenant_id, "channel": channel_id, "body": "x" * 620}
    results: list[Result] = []
    for target in targets:  # plans are made, caches filled, everybody has written once
        await target.run(16)
    for connections in _CONNECTIONS:
        runs: dict[str, list[_Run]] = {target.name: [] for target in targets}
        benches: list[_Bench] = []
        for number in range(_ROUNDS):
            text = _PGBENCH.format(**script, round=connections * 10 + number)
            benches.append(await _bench(plain_url, text, connections, postgres_pid))
            for target in targets:
                runs[target.name].append(await target.run(connections))
        results += _results(connections, runs, benches)
    await _check(server)
    return results


@dataclass(frozen=True)
class _Bench:
    rate: float
    per_1000: float


async def _bench(url: str, script: str, connections: int, postgres_pid: int) -> _Bench:
    before = cpu_seconds((postgres_pid,))[postgres_pid]
    rate = await asyncio.to_thread(pgbench, url, script, clients=connections, seconds=_SECONDS)
    used = cpu_seconds((postgres_pid,))[postgres_pid] - before
    return _Bench(rate, used / (rate * max(round(_SECONDS), 1)) * 1000)


def _results(connections: int, runs: dict[str, list[_Run]], benches: Sequence[_Bench]) -> list[Result]:
    def rate(name: str) -> float:
        return median(run.rate for run in runs[name])

    def cpu(name: str, *, postgres: bool = True) -> float:
        return median(run.per_1000(postgres=postgres) for run in runs[name])

    def ms(name: str, share: float) -> float:
        return median(run.ms(share) for run in runs[name])

    at = f"intake.{connections}"
    bench, plain, empty = median(one.rate for one in benches), rate("plain"), rate("empty")
    plain_cpu = cpu("plain")
    results = [
        Result.of(f"{at}.pgbench", bench, "/s", note="the same rows, one insert at a time"),
        Result.of(f"{at}.pgbench.cpu", median(one.per_1000 for one in benches), "s/1000", note="PostgreSQL alone"),
        Result.of(f"{at}.empty", empty, "/s", note="raw ASGI that does nothing, same server"),
        Result.of(f"{at}.empty.cpu", cpu("empty", postgres=False), "s/1000"),
        Result.of(f"{at}.plain", plain, "/s", floor=bench, note="FastAPI, asyncpg, a statement each; floor: pgbench"),
        Result.of(f"{at}.plain.p99", ms("plain", 0.99), "ms"),
        Result.of(f"{at}.plain.cpu", plain_cpu, "s/1000", note=_split(cpu, "plain")),
    ]
    for name, what in (
        ("alone", "RabbitMQ away, nothing published"),
        ("published", "every message published meanwhile"),
    ):
        results += [
            Result.of(f"{at}.{name}", rate(name), "/s", floor=bench, note=f"{what}; floor: pgbench"),
            Result.of(f"{at}.{name}.plain", rate(name), "/s", floor=plain, note="floor: the plain endpoint"),
            Result.of(
                f"{at}.{name}.p50", ms(name, 0.5), "ms", floor=ms("plain", 0.5), note="floor: the plain endpoint"
            ),
            Result.of(
                f"{at}.{name}.p99", ms(name, 0.99), "ms", floor=ms("plain", 0.99), note="floor: the plain endpoint"
            ),
            Result.of(
                f"{at}.{name}.cpu", cpu(name), "s/1000", floor=plain_cpu, note=f"{_split(cpu, name)}; floor: plain"
            ),
        ]
    return results


def _split(cpu: Any, name: str) -> str:
    python = cpu(name, postgres=False)
    return f"CPU seconds of 1000: Python {python:.3f}, PostgreSQL {cpu(name) - python:.3f}"


async def _create(server: PostgresServer, name: str) -> None:
    admin = await asyncpg.connect(server.url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    await migrate(
        server.url_for("postgres", name),
        server.url_for(f"booka_{SERVICE.name}", name),
        schema=SERVICE.name,
        package=SERVICE.package,
        system_tables=SERVICE.system_tables,
        shared_tables=SERVICE.shared_tables,
    )


async def _people(url: str, tenant_id: UUID, channel_id: UUID) -> dict[str, str]:
    """Clients with a conversation each, for those who look nobody up."""
    admin = await asyncpg.connect(url)
    await admin.execute("SET search_path = messaging, public")
    await admin.execute(
        """INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, created_at, updated_at)
           VALUES ($1, $2, 'evolution', 'salon', 'http://127.0.0.1:9', '', 'hmac', '', now(), now())""",
        tenant_id,
        channel_id,
    )
    rows = await admin.fetch(
        """WITH person AS (
               INSERT INTO contacts (tenant_id, id, created_at)
               SELECT $1, lpad((n + 1)::text, 32, '0')::uuid, now() FROM generate_series(0, $3::integer - 1) AS n
               RETURNING id
           )
           INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at)
           SELECT $1, id, $2, id, now(), now() FROM person
           RETURNING id""",
        tenant_id,
        channel_id,
        _CLIENTS,
    )
    await admin.close()
    found = sorted(str(row["id"]) for row in rows)
    return {f"3519{number:08}": conversation_id for number, conversation_id in enumerate(found)}


class _Starter:
    """Starts the processes that take webhooks; they end with the benchmark."""

    def __init__(self, opened: AsyncExitStack, folder: Path, postgres_pid: int) -> None:
        self._opened = opened
        self._folder = folder
        self._postgres_pid = postgres_pid

    def plain(self, name: str, environment: dict[str, str]) -> _Target:
        url = self._start(name, "benchmarks.plain_endpoint", (name,), {**environment}, "PLAIN_PORT", "/ready")
        secret = environment["PLAIN_SECRET"].encode()
        return self._target(name, url, "/webhooks/evolution/plain", secret)

    async def messaging(self, name: str, server: PostgresServer, amqp_url: str) -> _Target:
        internal, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        environment = {
            "MESSAGING_DATABASE_URL": server.url_for(f"booka_{SERVICE.name}", name),
            "MESSAGING_AMQP_URL": amqp_url,
            "MESSAGING_INTERNAL_SECRETS": internal,
            "MESSAGING_ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "MESSAGING_LOG_LEVEL": "ERROR",
        }
        url = self._start(name, "booka_messaging", ("serve",), environment, "MESSAGING_PORT", "/readyz")
        channel_id = new_id()
        channel = {
            "gateway": "evolution",
            "instance": _INSTANCE,
            "base_url": "http://127.0.0.1:9",
            "api_key": "not-a-real-key",
            "auth": {"mode": "hmac", "secret": secret},
        }
        async with httpx.AsyncClient(auth=SignedAuth(internal, new_id())) as http:
            (await http.put(f"{url}/v1/channels/{channel_id}", json=channel)).raise_for_status()
        return self._target(name, url, f"/webhooks/evolution/{channel_id}", secret.encode())

    def _start(
        self, name: str, module: str, arguments: tuple[str, ...], environment: dict[str, str], port: str, ready: str
    ) -> str:
        number = free_port()
        url = f"http://127.0.0.1:{number}"
        environment = {**environment, port: str(number)}
        process = Process(name, module, arguments, environment, self._folder / f"{name}.log", f"{url}{ready}")
        process.start()
        self._opened.callback(process.kill)
        process.wait_ready()
        self._pid = process.pid or 0
        return url

    def _target(self, name: str, url: str, path: str, secret: bytes) -> _Target:
        return _Target(name, url, path, secret, self._pid, self._postgres_pid)


async def _check(server: PostgresServer) -> None:
    """Every webhook is there once, with its turn and its message for the broker."""
    wanted = sum(_REQUESTS[connections] for connections in _CONNECTIONS) * _ROUNDS + _REQUESTS[16]
    for name in ("alone", "published"):
        admin = await asyncpg.connect(server.url_for("postgres", name))
        messages = await admin.fetchval("SELECT count(*) FROM messaging.messages WHERE turn IS NOT NULL")
        said = await admin.fetchval(
            "SELECT count(*) FROM messaging.outbox WHERE routing_key LIKE 'messaging.message.%'"
        )
        await admin.close()
        if messages != wanted or said != wanted:
            raise RuntimeError(f"{name}: {wanted} webhooks, {messages} messages, {said} of them told")
