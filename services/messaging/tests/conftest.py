"""The service, a salon of the test's own, its lines as each layer sees them, and the gateways outside."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import Service
from booka_common.testing import FrozenClock, eventually, running
from booka_messaging import store
from booka_messaging.app import create_app
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.kind import Kind
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.store import Habits
from booka_sandbox.app import create_app as sandbox_app
from booka_sandbox.serving import free_socket, serving
from booka_sandbox.settings import Settings as SandboxSettings

from .console import check_refusals
from .desk import Desk, DeskOf, desk_at
from .lines import Line
from .meta import APP_SECRET, OLD_APP_SECRET, VERIFY_TOKEN
from .meta import Line as MetaLine
from .outside import KEY, Outside
from .salon import Salon
from .stub import Fault, GatewayStub, gateway_stub
from .watched import Watched
from .worlds import CloudWorld, Sandbox, World, sandbox_at_work, strict_meta, world_of


def pytest_configure(config: pytest.Config) -> None:
    """aiormq leaves a coroutine unawaited when a connection and its event loop end together, as they do after a test."""
    for line in (
        "ignore:coroutine 'FutureStore.reject_all' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object FutureStore.reject_all:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def settings(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    return Settings(**provision(SERVICE), send_recheck_seconds=0.05)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    async with Database(settings.database_url.get_secret_value(), SERVICE.name) as database:
        yield database


@asynccontextmanager
async def started_app(settings: Settings, gateways: Sequence[Kind] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """The service running and connected to its broker.

    To stop it while it still connects would leave the broker's client reconnecting for ever.
    """
    async with running(create_app(settings, gateways=gateways)) as client:

        async def connected() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(connected)
        yield client


@pytest.fixture
def started(
    forget_jobs: Callable[[Service], None],
) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """`async with started(settings) as client`, or `started(settings, gateways)`; it has nothing to do for others' salons."""
    forget_jobs(SERVICE)
    return started_app


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayStub]:
    async with gateway_stub() as stub:
        yield stub


@pytest.fixture
def fault() -> type[Fault]:
    return Fault


@pytest.fixture
def salon_of() -> type[Salon]:
    """To make one: `salon_of(tenant_id, client)`."""
    return Salon


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def line_of(db: Database, clock: FrozenClock) -> Callable[..., Awaitable[Line]]:
    """To make one: `await line_of(tenant_id, takeover_minutes=None)`. It has been the salon's for 30 days."""

    async def make(tenant_id: UUID, **habits: Any) -> Line:
        async with db.tx(tenant_id) as tx:
            channel = await store.put_channel(
                tx, new_id(), gateway="evolution", instance=f"salon-{new_id()}", base_url="http://127.0.0.1:9", api_key=b"sealed",
                auth_mode="hmac", secret=b"sealed", active=True, habits=Habits(**habits), now=clock() - timedelta(days=30),
            )  # fmt: skip
        return Line(db, channel, clock)

    return make


@pytest.fixture
async def line(line_of: Callable[..., Awaitable[Line]], tenant_id: UUID) -> Line:
    return await line_of(tenant_id)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    bound = free_socket()
    app = sandbox_app(SandboxSettings(port=bound.getsockname()[1], retry_scale=0.001))
    async with serving(app, bound) as url, httpx.AsyncClient(base_url=url, timeout=15) as http:
        found = Outside(url, http, f"salon-{new_id().hex[-8:]}")
        await found.control("PUT", f"/evolution/instances/{found.name}", {"token": KEY, "own_number": "351210000000"})
        yield found


@pytest.fixture
async def client(settings: Settings, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The service, over HTTP."""
    async with started(settings) as http:
        yield http


@pytest.fixture
async def salon(client: httpx.AsyncClient, salon_of: type[Salon], tenant_id: UUID) -> Salon:
    made = salon_of(tenant_id, client)
    await made.provision()
    return made


@pytest.fixture
async def every_refusal_is_documented(client: httpx.AsyncClient) -> None:
    """A refusal that its route's OpenAPI does not tell of fails the test."""
    await check_refusals(client)


@pytest.fixture
async def somebody_wrote(salon: Salon, gateway: GatewayStub) -> None:
    """The salon's line is at `gateway`, and a client has said good morning."""
    await salon.provision(gateway.url)
    await salon.deliver(salon.text("Olá, bom dia"))


@pytest.fixture
async def desk_of(outside: Outside, settings: Settings, db: Database, tenant_id: UUID) -> AsyncIterator[DeskOf]:
    """`await desk_of("cloud", show_typing=True)`."""
    async with AsyncExitStack() as stack:

        async def make(kind: str, **habits: Any) -> Desk:
            return await stack.enter_async_context(desk_at(kind, outside.url, settings, db, tenant_id, **habits))

        yield make


@pytest.fixture(params=["evolution", "cloud"])
async def desk(request: pytest.FixtureRequest, desk_of: DeskOf) -> Desk:
    """A line whose client has just written."""
    made: Desk = await desk_of(request.param)
    await made.client_writes()
    return made


@pytest.fixture
async def cloud(desk_of: DeskOf) -> Desk:
    """The same, at the Cloud API only."""
    made: Desk = await desk_of("cloud")
    await made.client_writes()
    return made


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with sandbox_at_work() as found:
        yield found


@pytest.fixture(params=["evolution", "cloud"])
async def world(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[World]:
    async with world_of(request.param, sandbox) as found:
        yield found


@pytest.fixture
async def meta(sandbox: Sandbox) -> AsyncIterator[CloudWorld]:
    """Only the Cloud API, which refuses what is said outside the window."""
    async with strict_meta(sandbox) as found:
        yield found


@pytest.fixture
async def watched(db: Database, settings: Settings, outside: Outside, tenant_id: UUID) -> AsyncIterator[Watched]:
    seconds = timedelta(seconds=5)
    async with (
        Evolution(connect=seconds, total=seconds, connections=4) as evolution,
        Cloud(connect=seconds, total=seconds, connections=4) as cloud,
    ):
        found = Watched(db, settings, evolution, cloud, tenant_id)
        await found.put(outside)
        yield found


@pytest.fixture
def with_app(settings: Settings, gateway: GatewayStub) -> Settings:
    """With a Meta app that the salons share, and with the gateway in Meta's place."""
    app = {
        "cloud_app_secrets": (SecretStr(APP_SECRET), SecretStr(OLD_APP_SECRET)),
        "cloud_verify_token": SecretStr(VERIFY_TOKEN),
        "cloud_graph_url": gateway.url,
    }
    return settings.model_copy(update=app)


@pytest.fixture
def open_line(client: httpx.AsyncClient, gateway: GatewayStub) -> Any:
    """`await open_line()`: a line of a salon of its own; `open_line(OWN)`: with a Meta app of its own."""

    async def opened(secret: str | None = None, tenant_id: UUID | None = None) -> MetaLine:
        return await MetaLine(client, tenant_id or new_id(), gateway.url, secret).open()

    return opened
