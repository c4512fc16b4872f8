"""`python -m benchmarks [name …]`: run all benchmarks, or those named here or in `ONLY`, on the event loop of the services."""

import os
import pkgutil
import sys
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from benchmarks.report import Result, keep, show


def _benchmarks() -> dict[str, Callable[[], Coroutine[Any, Any, list[Result]]]]:
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__")
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    return {name: module.measure for name, module in modules.items() if hasattr(module, "measure")}


def main() -> None:
    """Run, write `results.json`, print the table."""
    benchmarks = _benchmarks()
    wanted = sys.argv[1:] or os.environ.get("ONLY", "").replace(",", " ").split() or list(benchmarks)
    unknown = [name for name in wanted if name not in benchmarks]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are {', '.join(benchmarks)}")
    console = Console(stderr=True)
    results: list[Result] = []
    for name in wanted:
        console.print(f"[bold]{name}[/bold] …")
        started = time.monotonic()
        results += uvloop.run(benchmarks[name]())
        console.print(f"[bold]{name}[/bold] took {time.monotonic() - started:.0f} s")
    keep(results)
    show(results)


if __name__ == "__main__":
    main()
