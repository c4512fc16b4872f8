"""What Booka takes when nobody talks to it: memory of each service, and the time from `up` to ready."""

import asyncio
import tempfile
from pathlib import Path
from shutil import rmtree

from benchmarks.report import Result
from benchmarks.running import memory, processes
from booka_stack.layout import SERVICES, Layout
from booka_stack.stack import Stack

__all__ = ["measure"]


async def measure() -> list[Result]:
    """Bring one up in a new folder, look at its memory after 5 s, and bring it up again in the same folder."""
    folder = Path(tempfile.mkdtemp(prefix="booka-bench-"))
    layout = Layout.private(folder)
    try:
        with Stack(layout, durable=True) as first:
            await asyncio.sleep(5)
            results = _memory(first)
        results.append(_start("new_folder", first))
        with Stack(layout, durable=True) as second:
            results.append(_start("existing_folder", second))
        return results
    finally:
        rmtree(folder, ignore_errors=True)


def _memory(stack: Stack) -> list[Result]:
    used = {name: memory(pid) for name, pid in processes(stack).items() if name in SERVICES}
    return [
        Result.of(
            "idle.memory", sum(one.rss for one in used.values()), "MB", note="RSS of the six services, 5 s after ready"
        ),
        Result.of(
            "idle.memory.pss",
            sum(one.pss for one in used.values()),
            "MB",
            note="the same with shared pages counted once",
        ),
        *(
            Result.of(f"idle.memory.{name}", one.rss, "MB", note=f"RSS; PSS {one.pss:.0f}, USS {one.uss:.0f}")
            for name, one in used.items()
        ),
    ]


def _start(which: str, stack: Stack) -> Result:
    timings = stack.timings
    note = ", ".join(f"{name} at {seconds:.1f}" for name, seconds in timings.items() if name != "ready")
    return Result.of(f"idle.start.{which}", timings["ready"], "s", note=f"`make up` until ready; {note}")
