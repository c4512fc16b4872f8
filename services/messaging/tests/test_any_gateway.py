"""Which gateways there are is known to the registry and to their own modules, and to nobody else."""

import ast
import re
from pathlib import Path

import pytest

import booka_messaging
from booka_messaging.providers.registry import kinds_of_gateways
from booka_messaging.settings import Settings

PACKAGE = Path(booka_messaging.__file__).parent
#: What belongs to one gateway. Settings have names of their variables, and nothing else.
OWN = re.compile(r"providers/registry\.py|providers/(evolution|cloud)/|domain/(evolution|cloud)(_\w+)?\.py")


def knows(source: str, names: set[str]) -> list[str]:
    """What in a module is about one of these gateways: its name or address as a text, or what is imported of its own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            found += [node.value for word in re.split(r"\W", node.value) if word.lower() in names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            parts = (re.split(r"[._]", one.removeprefix("booka_messaging.")) for one in imported)
            found += [node.module for words in parts if names & set(words)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if names & set(re.split(r"[._]", alias.name))]
    return found


@pytest.fixture
def names(settings: Settings) -> set[str]:
    return {kind.name for kind in kinds_of_gateways(settings)}


def test_no_other_module_knows_one_of_them(names: set[str]) -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if not OWN.match(str(path.relative_to(PACKAGE)))]
    assert len(modules) > 60
    assert {str(path): what for path in modules if (what := knows(path.read_text("utf-8"), names))} == {}


def test_no_statement_knows_one_of_them(names: set[str]) -> None:
    files = list((PACKAGE / "queries").glob("*.sql"))
    assert len(files) > 10
    assert {path.name for path in files for name in names if f"'{name}'" in path.read_text("utf-8")} == set()


@pytest.mark.parametrize(
    "source",
    [
        "if channel.gateway == 'cloud': pass",
        "route = f'/webhooks/evolution/{channel}'",
        "from booka_messaging.domain import cloud",
        "from booka_messaging.providers.evolution import Evolution",
        "from booka_messaging.domain.cloud_codes import verdict",
        "import booka_messaging.domain.cloud",
    ],
)
def test_the_check_can_fail(source: str, names: set[str]) -> None:
    assert knows(source, names)
