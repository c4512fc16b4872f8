"""The whole system as separate processes on private ports, judged by the sandbox's ledger and the services' tables."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from booka_common.ids import new_id
from booka_stack.phone import Phone, Sandbox
from booka_stack.rush import Rush
from booka_stack.salon import Salon, SalonPlan, provision
from booka_stack.stack import Stack
from booka_stack.tables import Tables
from booka_stack.temporary import temporary_stack

#: These break the Booka that they share. They take longest, so a worker begins with the first of them.
BREAKING = ("test_crashes.py", "test_gaps.py", "test_outages.py")
#: These do, too, and are for the other worker: to start one more Booka takes less than to wait for the first.
BREAKING_TOO = ("test_replicas.py", "test_shutdown.py")
#: These share none, and are for whoever is free.
APART = ("test_flood.py", "test_architecture.py", "test_documents.py")


def share(file: str) -> tuple[int, str]:
    """When a file of tests is to begin, and what shares its stack."""
    if file in APART:
        return 3 + APART.index(file), file
    if file in BREAKING_TOO:
        return 2, "breaking too"
    return (0, "breaking") if file in BREAKING else (1, "standing")


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Several workers: what shares a stack goes to one of them, or each would start its own.

    In place of `--dist loadgroup`, which no longer groups anything (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return share(Path(nodeid.partition("::")[0]).name)[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStack:
    """For `-n 2`."""
    config.option.loadscopereorder = False  # the order is that of the items
    return ByStack(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first."""
    items.sort(key=lambda item: share(item.path.name)[0])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One running Booka for all tests that leave it standing."""
    with temporary_stack(INTERPRETATION_TIMEOUT_SECONDS="4") as started:
        yield started


@pytest.fixture(scope="session")
def fragile_stack() -> Iterator[Stack]:
    """One running Booka for the tests that break parts of it and put them up again."""
    with temporary_stack(retry_scale=0.03) as started:
        yield started


@pytest.fixture
async def rush(fragile_stack: Stack) -> AsyncIterator[Rush]:
    """Salons full of guests on the stack that may be broken."""
    control = Sandbox(fragile_stack.layout.url("sandbox"))
    yield Rush(fragile_stack, control)
    await control.call("DELETE", "/_/disorder")
    await control.close()


@pytest.fixture
async def sandbox(stack: Stack) -> AsyncIterator[Sandbox]:
    """The sandbox's control API."""
    control = Sandbox(stack.layout.url("sandbox"))
    yield control
    await control.close()


@pytest.fixture
def open_salon(stack: Stack, tables: Tables) -> Callable[..., Awaitable[Salon]]:
    """`await open_salon(plan, gateway="cloud")` provisions a salon of a new tenant, and waits until the dialog knows it."""

    async def create(plan: SalonPlan | None = None, tenant_id: UUID | None = None, **line: Any) -> Salon:
        plan = plan or SalonPlan.studio().without_a_day_off()
        salon = await provision(stack.layout, tenant_id or new_id(), plan, **line)
        await tables.settled(salon.tenant_id)
        return salon

    return create


@pytest.fixture
def new_phone(sandbox: Sandbox) -> Callable[..., Phone]:
    """`new_phone(salon)` is a client whom nobody has heard of."""

    def create(salon: Salon, name: str = "Maria") -> Phone:
        return Phone(sandbox, salon.instance, f"3519{new_id().int % 10**8:08d}", name, salon.gateway)

    return create


@pytest.fixture
async def tables(stack: Stack) -> AsyncIterator[Tables]:
    """The tables of the running stack."""
    connection = await asyncpg.connect(stack.database_url())
    yield Tables(connection)
    await connection.close()
