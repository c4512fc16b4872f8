"""Starts again at once what has ended, as Kubernetes would, and remembers how each process ended."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from booka_stack.processes import Process
from booka_stack.stack import Stack

__all__ = ["End", "Supervisor"]

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class End:
    """How a process ended.

    Attributes:
        service: whose it was.
        code: as `subprocess` has it: negative for a signal.
        crash_at: the crash point that it died at, if any.
    """

    service: str
    code: int
    crash_at: str


class Supervisor:
    """Keeps every process of every service running, from `async with Supervisor(…)` until its end.

    Args:
        crash_points: for each service, one after the other, where a newly started process of it is to die.
    """

    def __init__(self, stack: Stack, crash_points: Mapping[str, Sequence[str]] | None = None) -> None:
        self._stack = stack
        self.crash_points = {name: deque((crash_points or {}).get(name, ())) for name in stack.services}
        self.ends: list[End] = []
        self._armed: dict[str, str] = {}
        self._killed: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Supervisor":
        self._tasks = [
            asyncio.create_task(self._keep(service, process))
            for service, processes in self._stack.services.items()
            for process in processes
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self, process: Process) -> None:
        """`kill -9`, wherever it is; a crash point that it has not come to is kept for its successor."""
        if process.running():
            self._killed.add(process.name)
            process.kill()

    @property
    def fired(self) -> list[tuple[str, str]]:
        """Service and crash point of every process that died at one."""
        return [(end.service, end.crash_at) for end in self.ends if end.crash_at]

    @property
    def waiting(self) -> dict[str, list[str]]:
        """Crash points that nobody has died at yet."""
        waiting: dict[str, list[str]] = {}
        for service, processes in self._stack.services.items():
            armed = [self._armed[process.name] for process in processes if self._armed.get(process.name)]
            if armed or self.crash_points[service]:
                waiting[service] = [*armed, *self.crash_points[service]]
        return waiting

    async def _keep(self, service: str, process: Process) -> None:
        while True:
            if process.running():
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            code = process.join(0) or 0
            points, point = self.crash_points[service], self._armed.pop(process.name, "")
            if point and (code == 0 or process.name in self._killed):
                points.appendleft(point)
                point = ""
            self._killed.discard(process.name)
            self.ends.append(End(service, code, point))
            point = points.popleft() if points else ""
            self._armed[process.name] = point
            process.start(**({f"{service.upper()}_CRASH_AT": point} if point else {}))
