"""The only way to a database connection: a transaction that is bound to one tenant, or to the service's plumbing.

Row level security is FORCEd on every tenant table (see `migrate`). `Database.tx` sets the tenant for one transaction, so
a statement that forgets its WHERE still sees one salon. `Database.shared_tx` sets the tenants of a batch, for the tables
that a service says it batches. `Database.system_tx` switches to the `<role>_system` role, which
has rights on the plumbing tables (outbox, inbox, jobs …) of all tenants and on nothing else.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import orjson

from booka_common.errors import Unavailable
from booka_common.memory import Memories
from booka_common.queries import Queries, load_queries
from booka_common.signals import Signal, Signals

__all__ = ["Database", "Queries", "Signal", "Signals", "Tx", "as_json", "load_queries"]

#: Of a pool of its own, besides `pool_size`.
_SYSTEM_CONNECTIONS = 2
#: Of the pool, kept for calls.
_CALLERS = 2
_LOCK = re.compile(r"[0-9A-Za-z:-]+")


class Tx:
    """An open transaction. What it wrote counts only after its block ended without an exception.

    It begins with its first statement, so that one that takes no arguments can go in the same round trip as BEGIN.
    """

    __slots__ = ("_begin", "_connection", "_then", "_wakes", "memories", "signals", "tenant_id")

    def __init__(
        self, connection: Any, begin: str, tenant_id: UUID | None, signals: "Signals", memories: "Memories"
    ) -> None:
        self._connection = connection
        self._begin = begin
        self._wakes: set[Signal] = set()
        self._then: list[Callable[[], None]] = []
        self.tenant_id = tenant_id
        self.signals = signals
        self.memories = memories

    async def fetch(self, query: str, *args: object) -> Sequence[Any]:
        """All rows."""
        if self._begin:
            await self.begin()
        rows: Sequence[Any] = await self._connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: object) -> Any | None:
        """The first row, or None."""
        if self._begin:
            await self.begin()
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        if self._begin:
            await self.begin()
        return await self._connection.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> int:
        """Run a statement; return how many rows it touched."""
        if self._begin:
            await self.begin()
        tag: str = await self._connection.execute(query, *args)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    @property
    def begun(self) -> bool:
        """Whether there is anything to commit."""
        return not self._begin

    async def begin(self, first: str = "") -> None:
        """Send BEGIN if it has not been sent, and `first` with it: text without arguments, so nothing from outside is in it."""
        begin, self._begin = self._begin, ""
        await self._connection.execute(f"{begin}; {first}" if begin else first)

    async def lock(self, names: Iterable[str]) -> None:
        """Take advisory locks one after the other, until the transaction ends. Whoever takes several takes them in one order.

        Args:
            names: of letters, digits, `:` and `-`; they are the same locks in every schema, so they start with the tenant.
        """
        wanted = list(names)
        if wrong := [name for name in wanted if not _LOCK.fullmatch(name)]:
            raise ValueError(f"not a name of a lock: {wrong[0]!r}")
        if wanted:
            await self.begin(
                "; ".join(f"SELECT pg_advisory_xact_lock(hashtextextended('{name}', 0))" for name in wanted)
            )

    def wake(self, signal: Signal) -> None:
        """Set `signal` once this transaction has committed."""
        self._wakes.add(signal)

    def then(self, callback: Callable[[], None]) -> None:
        """Call `callback` once this transaction has committed; not if the savepoint that it belongs to is undone."""
        self._then.append(callback)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: an exception undoes it and leaves the transaction usable."""
        await self.begin("SAVEPOINT part")
        before = len(self._then)
        try:
            yield
        except BaseException:
            del self._then[before:]
            await self._connection.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            raise
        await self._connection.execute("RELEASE SAVEPOINT part")

    def committed(self) -> None:
        """Tell those who wait for it. Called by `Database` after COMMIT."""
        for signal in self._wakes:
            signal.set()
        for callback in self._then:
            callback()


def _listed(tenants: Collection[UUID]) -> str:
    """As an array of PostgreSQL; made of numbers, so there is nothing to escape."""
    return f"{{{','.join([f'{tenant.int:032x}' for tenant in set(tenants)])}}}"


def as_json(value: object) -> bytes:
    """As what is written into columns of that type.

    Raises:
        TypeError: something in it has no JSON.
    """
    return orjson.dumps(value, default=_plain)


def _as_json(value: object) -> str:
    return as_json(value).decode()


def _plain(value: object) -> str:
    """asyncpg's own kind of UUID, which orjson does not know.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


async def _prepare(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_as_json, decoder=orjson.loads)


async def _reset(connection: Any) -> None:
    # Only SET LOCAL and transaction-scoped locks are ever used, so a finished transaction leaves nothing behind and the
    # round trip of asyncpg's own reset can be saved.
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def _keep(_connection: Any) -> None:
    """Replaces the pool's reset query, see `_reset`."""


class Database:
    """The pool of one service on its own schema.

    Args:
        url: `postgresql://role@host/database`; the role is the service's own.
        schema: the service's schema; also the first entry of the search path.
        pool_size: connections at most.
        planner: settings of PostgreSQL's planner for all its connections.
    """

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        pool_size: int = 10,
        acquire_timeout: timedelta = timedelta(seconds=2),
        planner: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        self._planner = planner or {}
        self.schema = schema
        self.system_role = f"{urlsplit(url).username or f'booka_{schema}'}_system"
        self._pool_size = pool_size
        self._acquire_timeout = acquire_timeout.total_seconds()
        self._pool: Any = None
        self._system_pool: Any = None
        self._calls: dict[tuple[str, str], str] = {}
        #: Connections of the pool that wait for the next call; the others are for everybody.
        self._callers: list[Any] = []
        self._most_callers = min(_CALLERS, pool_size - 1)
        self.signals = Signals()
        self.memories = Memories()

    async def open(self) -> None:
        """Create the pools without connecting: the database may still be away when a service starts."""
        self._pool = await self._create_pool(self._pool_size)
        self._system_pool = await self._create_pool(
            _SYSTEM_CONNECTIONS, role=self.system_role, synchronous_commit="off"
        )

    async def _create_pool(self, size: int, **settings: str) -> Any:
        return await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=60,
            timeout=self._acquire_timeout,
            command_timeout=10,
            init=_prepare,
            reset=_keep,
            server_settings={
                "search_path": f"{self.schema}, public",
                "application_name": f"booka-{self.schema}",
                "statement_timeout": "10s",
                "lock_timeout": "5s",
                "idle_in_transaction_session_timeout": "30s",
                "jit": "off",
                # Statements go by key, so one plan fits every call. Left to itself, PostgreSQL plans again and again what
                # takes an array, because it cannot know how short ours are: a fifth of its time.
                "plan_cache_mode": "force_generic_plan",
                **self._planner,
                **settings,
            },
        )

    async def close(self) -> None:
        """Close the pools; connections that do not end within 5 s are cut."""
        while self._callers:
            await self._pool.release(self._callers.pop())
        for pool in (self._pool, self._system_pool):
            if pool is None:
                continue
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def __aenter__(self) -> "Database":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def tx(self, tenant_id: UUID, *, opening: str = "") -> AsyncIterator[Tx]:
        """A transaction that sees and writes one tenant's rows.

        Args:
            opening: a statement that goes with BEGIN, in the same round trip; it says no by raising. The text is sent as it
                is, so nothing from outside may be in it.

        Raises:
            Unavailable: no connection within the acquire timeout, or the database is away.
        """
        # The tenant is a UUID object, so there is nothing to escape; one simple-protocol round trip opens and binds.
        begin = f"BEGIN; SET LOCAL app.tenant_id = '{UUID(int=tenant_id.int)}'"
        async with self._transaction(begin, tenant_id) as tx:
            if opening:
                await tx.begin(opening)
            yield tx

    @asynccontextmanager
    async def shared_tx(self, tenants: Collection[UUID]) -> AsyncIterator[Tx]:
        """A transaction on rows of several tenants, for work of theirs that waited at the same time and shares a commit.

        It sees `tenants` and nobody else, in the plumbing and in the service's `shared_tables` and nowhere else. Its
        statements get the tenant with every row they are given, and match by it.

        Raises:
            Unavailable: as `tx`.
        """
        if len(set(tenants)) == 1:
            async with self.tx(next(iter(tenants))) as tx:
                yield tx
            return
        async with self._transaction(f"BEGIN; SET LOCAL app.tenant_ids = '{_listed(tenants)}'", None) as tx:
            yield tx

    async def shared_call(
        self, tenants: Collection[UUID], function: str, *args: object, wanted: str = "called.*"
    ) -> Sequence[Any]:
        """Call a function of the schema, in one round trip. It sees rows of `tenants`, as in `shared_tx`, and commits by itself.

        Args:
            function: its name. Its first argument is what has bound the tenants, which makes sure that it comes after that.
            wanted: columns of what it returns.

        Raises:
            Unavailable: as `tx`.
        """
        if (query := self._calls.get((function, wanted))) is None:
            places = "".join(f", ${number}" for number in range(2, len(args) + 2))
            query = self._calls[function, wanted] = (
                f"SELECT {wanted} FROM set_config('app.tenant_ids', $1, true) AS bound (tenants)"  # noqa: S608 - our own name
                f" CROSS JOIN LATERAL {function}(bound.tenants{places}) AS called"
            )
        connection = await self._for_a_call()
        try:
            rows: Sequence[Any] = await connection.fetch(query, _listed(tenants), *args)
        except BaseException:
            await self._pool.release(connection)  # which finds out what is left of it
            raise
        if len(self._callers) < self._most_callers:
            self._callers.append(connection)
        else:
            await self._pool.release(connection)
        return rows

    async def _for_a_call(self) -> Any:
        """One that made a call before, or one of the pool: to give it back and take it again costs as much as a message.

        The one that was answered last: its backend has just left a processor, which is idle if any is.
        """
        while self._callers:
            connection = self._callers.pop()
            if not connection.is_closed():
                return connection
            await self._pool.release(connection)
        return await self._acquire(self._pool)

    @asynccontextmanager
    async def system_tx(self, *, durable: bool = True) -> AsyncIterator[Tx]:
        """A transaction on the plumbing tables of all tenants; tenant tables are out of its reach.

        Args:
            durable: False lets COMMIT return before the disk has it, for marks whose loss only repeats work.
        """
        relaxed = "" if durable else "; SET LOCAL synchronous_commit = off"
        async with self._transaction(f'BEGIN; SET LOCAL ROLE "{self.system_role}"{relaxed}', None) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, begin: str, tenant_id: UUID | None) -> AsyncIterator[Tx]:
        connection = await self._acquire(self._pool)
        tx = Tx(connection, begin, tenant_id, self.signals, self.memories)
        try:
            yield tx
            # An error that was swallowed inside the block: Postgres rolled back and says so only here.
            if tx.begun and await connection.execute("COMMIT") != "COMMIT":
                raise Unavailable("the transaction was rolled back", code="rolled_back")
        except BaseException:
            if not connection.is_closed():
                try:
                    await _reset(connection)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    connection.terminate()
            raise
        finally:
            await self._pool.release(connection)
        tx.committed()

    async def system_fetch(self, query: str, *args: object) -> Sequence[Any]:
        """One statement on the plumbing tables of all tenants that commits by itself, in one round trip.

        It does not wait for the disk, so it is for marks whose loss only repeats work. Its few connections are the system
        role's for good.

        Raises:
            Unavailable: as `tx`.
        """
        connection = await self._acquire(self._system_pool)
        try:
            rows: Sequence[Any] = await connection.fetch(query, *args)
            return rows
        finally:
            await self._system_pool.release(connection)

    async def _acquire(self, pool: Any) -> Any:
        if pool is None:
            raise Unavailable("the database pool is not open", code="database_unavailable")
        try:
            return await pool.acquire(timeout=self._acquire_timeout)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unavailable(f"no database connection: {type(error).__name__}", code="database_unavailable") from error
