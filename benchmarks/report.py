"""Results: one figure each, kept in `results.json` and shown as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "Result", "keep", "percentile", "show"]

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Result:
    """One figure.

    Attributes:
        name: `<benchmark>.<what>`.
        floor: what the same thing costs without our code, measured in the same run; None where there is no such thing.
        ratio: value / floor. Ratios outlast machines; values do not.
        note: how to read it.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    note: str = ""

    @classmethod
    def of(cls, name: str, value: float, unit: str, *, floor: float | None = None, note: str = "") -> "Result":
        """A figure with its ratio, rounded to three significant digits."""
        ratio = _rounded(value / floor) if floor else None
        return cls(name, _rounded(value), unit, None if floor is None else _rounded(floor), ratio, note)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `values` lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def keep(results: Iterable[Result], file: Path = RESULTS) -> list[Result]:
    """Write `results`; figures of benchmarks that did not run this time stay as they were. Returns all of them."""
    fresh = list(results)
    ran = {result.name.partition(".")[0] for result in fresh}
    earlier = [Result(**item) for item in orjson.loads(file.read_bytes())] if file.exists() else []
    every = sorted(
        [*(one for one in earlier if one.name.partition(".")[0] not in ran), *fresh],
        key=lambda one: one.name.partition(".")[0],
    )
    file.write_bytes(
        orjson.dumps([asdict(one) for one in every], option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    return every


def show(results: Iterable[Result]) -> None:
    """Print a table."""
    table = Table(title="Booka, measured")
    table.add_column("name", no_wrap=True)
    for column in ("value", "unit", "floor", "ratio"):
        table.add_column(column, justify="left" if column == "unit" else "right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for one in results:
        table.add_row(one.name, _text(one.value), one.unit, _text(one.floor), _text(one.ratio), one.note)
    Console().print(table)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
