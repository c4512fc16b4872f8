"""Statements in files of their own, by name."""

import re
from collections.abc import Iterable
from importlib import resources

__all__ = ["Queries", "load_queries"]

_NAME = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


class Queries:
    """The statements of one `.sql` file by name: `queries["hold_insert"]`."""

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def items(self) -> Iterable[tuple[str, str]]:
        """Every name with its statement, for tests that prepare them all."""
        return self._statements.items()


def load_queries(package: str, filename: str = "queries.sql") -> Queries:
    """Read `filename` of `package`: blocks that start with a `-- name: some_name` line.

    Raises:
        ValueError: text before the first name, or a name used twice.
    """
    text = (resources.files(package) / filename).read_text("utf-8")
    parts = _NAME.split(text)
    if any(line and not line.startswith("--") for line in parts[0].splitlines()):
        raise ValueError(f"{package}/{filename}: a statement stands before the first '-- name:' line")
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{filename}: a query name is used twice")
    return Queries({name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)})
