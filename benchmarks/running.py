"""A Booka of a benchmark's own, and what its processes use."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import psutil  # type: ignore[import-untyped]

from booka_stack.layout import SERVICES, Layout
from booka_stack.stack import Stack

__all__ = ["Memory", "cpu_seconds", "memory", "private_stack", "processes"]

_TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def private_stack(services: Sequence[str] = SERVICES) -> Iterator[Stack]:
    """A running stack on free ports with fsync on, in a folder that goes with it. Nothing is tuned for the benchmark."""
    folder = Path(tempfile.mkdtemp(prefix="booka-bench-"))
    try:
        with Stack(Layout.private(folder), services=services, durable=True) as stack:
            yield stack
    finally:
        rmtree(folder, ignore_errors=True)


def processes(stack: Stack) -> dict[str, int]:
    """Part -> pid of its (first) process."""
    found = {process.name: process.pid for process in stack.processes()}
    postmaster = stack.postgres.folder / "data" / "postmaster.pid"
    found["postgres"] = int(postmaster.read_text().splitlines()[0])
    found["rabbitmq"] = int((stack.rabbit.folder / "pid").read_text())
    return {name: pid for name, pid in found.items() if pid is not None}


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds so far by process, with the children it has and those it had."""
    return {pid: sum(_times(member) for member in _family(pid)) for pid in pids}


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _times(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK  # utime, stime, cutime, cstime


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB of 10^6 bytes.

    Attributes:
        rss: resident, with everything that it shares.
        pss: resident, each shared page divided by those who share it: this adds up.
        uss: what would be free without it.
    """

    rss: float
    pss: float
    uss: float


def memory(pid: int) -> Memory:
    """What a process occupies now."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kib = {row[0].rstrip(":"): int(row[1]) for row in rows}
    return Memory(
        *(value * 1024 / 1e6 for value in (kib["Rss"], kib["Pss"], kib["Private_Clean"] + kib["Private_Dirty"]))
    )
