"""Booking alone, as it is deployed: one process, with RabbitMQ behind it."""

import asyncio
import base64
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from uuid import UUID, uuid4

from benchmarks.calendars import Calendars
from benchmarks.wire import Line
from booka_common.signing import sign_request
from booka_common.testing.servers import RabbitServer, free_port
from booka_stack.processes import Process

__all__ = ["Serving", "serving"]


class Serving:
    """Its HTTP, with a connection for each request that is under way."""

    def __init__(self, url: str, secret: str, pid: int) -> None:
        self.pid = pid
        self._url = url
        self._secret = secret.encode()
        self._idle: list[Line] = []

    async def post(self, tenant_id: UUID, path: str, body: bytes) -> int:
        """A signed request with an `Idempotency-Key` of its own; its status."""
        signed = sign_request(
            self._secret, method="POST", target=path, tenant=str(tenant_id), now=datetime.now(UTC), body=body
        )
        headers = "".join(f"{name}: {value}\r\n" for name, value in {**signed, "idempotency-key": uuid4().hex}.items())
        line = self._idle.pop() if self._idle else Line(self._url)
        status = await line.post(path, body, headers)
        self._idle.append(line)
        return status

    def close(self) -> None:
        """Hang up."""
        for line in self._idle:
            line.close()


@asynccontextmanager
async def serving(found: Calendars) -> AsyncIterator[Serving]:
    """Booking on `found`, ready."""
    folder = Path(tempfile.mkdtemp(prefix="booka-bench-"))
    rabbit = RabbitServer(folder / "rabbitmq", free_port(), free_port())
    port, secret = free_port(), secrets.token_urlsafe(32)
    try:
        await asyncio.to_thread(rabbit.start)
        environment = {
            "BOOKING_DATABASE_URL": found.service_url,
            "BOOKING_AMQP_URL": rabbit.create_vhost("booka"),
            "BOOKING_INTERNAL_SECRETS": secret,
            "BOOKING_ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "BOOKING_HOST": "127.0.0.1",
            "BOOKING_PORT": str(port),
        }
        url = f"http://127.0.0.1:{port}"
        process = Process("booking", "booka_booking", ("serve",), environment, folder / "booking.log", f"{url}/readyz")
        process.start()
        try:
            await asyncio.to_thread(process.wait_ready)
            service = Serving(url, secret, process.pid or 0)
            yield service
            service.close()
        finally:
            process.kill()
    finally:
        rabbit.kill()
        rmtree(folder, ignore_errors=True)
