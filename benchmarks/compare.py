"""`python -m benchmarks.compare OTHER_TREE [LAPS]`: what a turn costs here and there, in alternating laps.

Both trees have a whole stack of their own, up at the same time, and take turns at 50 conversations; the load client is this
tree's for both. The two laps of a pair have the same neighbours on the machine, so the ratio of their CPU seconds is
worth something even while others are at work. OTHER_TREE is a checkout with a `.venv`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.running import private_stack
from benchmarks.turn import AT_ONCE, rehearsed

_HERE = Path(__file__).parent.parent
_TURNS = int(os.environ.get("TURNS", "1200"))


async def _laps() -> None:
    """A stack that does one lap for every line of stdin, and says in JSON what it cost: CPU seconds of 1000 turns by part."""
    with private_stack() as stack:
        async with rehearsed(stack, AT_ONCE, turns=_TURNS) as salons:
            print("ready", flush=True)
            for _ in sys.stdin:
                lap = await salons.run(_TURNS)
                cpu = {name: seconds / len(lap.turns) * 1000 for name, seconds in lap.cpu.items()}
                client = cpu.pop("client")
                cpu.pop("sandbox")
                print(orjson.dumps({**cpu, "all": sum(cpu.values()), "(client)": client, **lap.per_turn,
                                    "turns/s": len(lap.turns) / lap.seconds}).decode(), flush=True)  # fmt: skip


class _Runner:
    """The laps of one tree, in a process of its own."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.laps: list[dict[str, float]] = []
        self._process = subprocess.Popen(
            [tree / ".venv/bin/python", "-m", "benchmarks.compare"],
            cwd=_HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PATH": f"{tree}/.venv/bin:{os.environ['PATH']}"},
        )  # fmt: skip

    def read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the stack of {self.tree} has ended")
        return line

    def lap(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.laps.append(orjson.loads(self.read()))

    def close(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        self._process.wait()


def main(other: Path, laps: int) -> None:
    """Run the laps and print the medians; the ratio is the median of the pairs'."""
    runners: list[_Runner] = []
    console = Console()
    try:
        for tree in (other, _HERE):
            runners.append(_Runner(tree))
            runners[-1].read()  # it is up
        for number in range(laps):
            for runner in runners if number % 2 else reversed(runners):  # nobody is always the first
                runner.lap()
            console.print(f"lap {number + 1}: " + " / ".join(f"{one.laps[-1]['all']:.2f}" for one in runners))
    except KeyboardInterrupt:
        console.print("that is enough")
    finally:
        for runner in runners:
            runner.close()
    console.print(_table(runners))


def _table(runners: Sequence[_Runner]) -> Table:
    pairs = list(zip(*(runner.laps for runner in runners), strict=False))
    there, here = zip(*pairs, strict=True)
    table = Table(title=f"CPU seconds of 1000 turns, counts of one turn; {len(here)} laps of {_TURNS}")
    for column in ("", str(runners[0].tree), str(runners[1].tree), "ratio", "of the pairs"):
        table.add_column(column, justify="right")
    for name in here[0]:
        ratios = [b[name] / a[name] if a[name] else 1.0 for a, b in pairs]
        table.add_row(
            name,
            f"{median(lap[name] for lap in there):.3g}",
            f"{median(lap[name] for lap in here):.3g}",
            f"{median(ratios):.3f}",
            f"{min(ratios):.3f} … {max(ratios):.3f}",
        )
    return table


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
    else:
        uvloop.run(_laps())
