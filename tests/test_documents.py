"""What is written for people follows the code, and every link leads somewhere."""

import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from booka_common.settings import ServiceSettings, settings_table

ROOT = Path(__file__).parent.parent
SERVICES = ("booking", "dialog", "llm", "messaging", "payments", "scheduler")
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def pages() -> list[Path]:
    inside = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
    return sorted({page for page in inside if not page.relative_to(ROOT).parts[0].startswith(".")})


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_catalogue_of_messages_follows_the_contracts():
    script = ROOT / "scripts" / "render_events.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_in_the_catalogue_no_two_things_share_a_name():
    """The second of two equal headings has another anchor, and links to it lead to the first."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "events.md").read_text("utf-8"), re.MULTILINE)
    lowered = [heading.lower() for heading in headings]
    assert {heading for heading in lowered if lowered.count(heading) > 1} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_readme_lists_the_settings_as_they_are(service):
    settings = import_module(f"booka_{service}.settings").Settings
    assert issubclass(settings, ServiceSettings)
    assert settings_table(settings) in (ROOT / "services" / service / "README.md").read_text("utf-8")
    assert all(field.description for field in settings.model_fields.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_readme_names_routes_that_exist(service):
    settings = import_module(f"booka_{service}.settings").Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none", amqp_url="amqp://127.0.0.1:1/"
    )
    documented = import_module(f"booka_{service}.app").create_app(settings).openapi()["paths"]
    there = {(method.upper(), nameless(path)) for path, methods in documented.items() for method in methods}
    page = (ROOT / "services" / service / "README.md").read_text("utf-8")
    named = {
        (method, nameless(re.sub(r"[?\[].*", "", path)))
        for methods, path in re.findall(r"`((?:(?:GET|PUT|POST|PATCH|DELETE)(?:`?, `?)?)+) (/[^\s`]*)", page)
        for method in re.findall(r"[A-Z]+", methods)
    }
    assert len(named) > 4
    assert named <= there


def nameless(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.parametrize("service", SERVICES)
def test_there_are_alarms(service):
    page = (ROOT / "services" / service / "README.md").read_text("utf-8")
    assert re.findall(r"`(booka_\w+)", page.partition("## Alarms")[2])


@pytest.mark.parametrize("page", pages(), ids=name)
def test_metrics_that_are_named_exist(page):
    services = {page.parent.name} & set(SERVICES) or set(SERVICES)  # its own service's page, or any
    existing = metrics(ROOT / "libs/common/src").union(*(metrics(ROOT / "services" / one / "src") for one in services))
    packages = {path.name for path in (*ROOT.glob("*/src/*"), *ROOT.glob("*/*/src/*"))}
    for named, more in re.findall(r"\b(booka_\w+)(\*?)", page.read_text("utf-8")):
        known = any(metric.startswith(named) for metric in existing) if more else named in existing | packages
        assert known, f"{name(page)} names {named}{more}"


@cache
def metrics(folder: Path) -> frozenset[str]:
    return frozenset(re.findall(r'"(booka_\w+)"', "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_settings_that_are_named_exist(page):
    prefixes = "|".join(one.upper() for one in (*SERVICES, "sandbox", "booka"))
    assert set(re.findall(rf"\b(?:{prefixes})_[A-Z_]*[A-Z]\b", page.read_text("utf-8"))) <= variables()


@cache
def variables() -> frozenset[str]:
    """Of the environment: each service's settings, and what tests, stack and scripts read by themselves."""
    code = [path for path in repository() if path.suffix == ".py" or path.parent.name == "scripts"]
    own = re.findall(r"\bBOOKA_[A-Z_]+", "".join(path.read_text("utf-8") for path in (*code, ROOT / "Makefile")))
    settings = {one: import_module(f"booka_{one}.settings").Settings.model_fields for one in (*SERVICES, "sandbox")}
    return frozenset(own) | {f"{one}_{field}".upper() for one, fields in settings.items() for field in fields}


@pytest.mark.parametrize("page", pages(), ids=name)
def test_files_that_are_named_exist(page):
    """By the end of their path: `usecases/holding.py` is one of some service."""
    for named in re.findall(r"`([\w./-]+\.(?:py|sql|md|json|toml))`", page.read_text("utf-8")):
        if "NNNN" not in named and not named.startswith(".run/"):
            assert any(f"/{name(path)}".endswith(f"/{named}") for path in repository()), f"{name(page)} names {named}"


@cache
def repository() -> tuple[Path, ...]:
    """All files but those that are made by installing and running."""
    found = []
    for folder, inside, files in os.walk(ROOT):
        inside[:] = [one for one in inside if one not in {".venv", ".git", ".run", "__pycache__", ".hypothesis"}]
        found += [Path(folder) / file for file in files]
    return tuple(found)


def test_commands_and_ports_that_are_named_exist():
    cli = (ROOT / "libs/common/src/booka_common/cli.py").read_text("utf-8")
    ports = {
        import_module(f"booka_{one}.settings").Settings.model_fields["port"].default for one in (*SERVICES, "sandbox")
    }
    for page in pages():
        text = page.read_text("utf-8")
        for command in re.findall(r"python -m booka_<?\w+>? (\w+)`", text):
            assert f'"{command}"' in cli, f"{name(page)}: {command}"
        for port in re.findall(r"127\.0\.0\.1:(\d+)", text):
            assert int(port) in ports, f"{name(page)}: {port}"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)} -> {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file.read_text("utf-8")), f"{name(page)} -> {target}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_tests_that_are_named_exist(page):
    for path, test in re.findall(r"`?([\w/]+/test_\w+\.py)(?:::(\w+))?", page.read_text("utf-8")):
        file = next((base / path for base in (page.parent, ROOT) if (base / path).exists()), None)
        assert file, f"{name(page)} names {path}"
        assert not test or f"def {test}(" in file.read_text("utf-8"), f"{name(page)} names {path}::{test}"


def test_decisions_are_numbered_and_listed():
    numbers = [int(path.name[:4]) for path in ADRS]
    assert numbers == list(range(1, len(numbers) + 1))
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert [path.name for path in ADRS if f"]({path.name})" not in index] == []


@pytest.mark.parametrize("page", ADRS, ids=name)
def test_a_decision_is_short_and_complete(page):
    text = page.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context", "Decision", "Consequences", "Alternatives", "When to revisit",
    ]  # fmt: skip
    assert len(text.splitlines()) <= 40


@pytest.mark.parametrize(("folder", "code"), [("libs/common", "booka_common"), ("stack", "booka_stack")])
def test_a_page_names_every_module(folder, code):
    source = ROOT / folder / "src" / code
    modules = {path.stem for path in source.glob("*.py")} | {path.parent.name for path in source.glob("*/__init__.py")}
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / folder / "README.md").read_text("utf-8"), re.MULTILINE)
    named = {word.rstrip("/") for row in rows for word in re.findall(r"`([\w/]+)`", row)}
    assert named == modules - {"__init__", "__main__"}


def test_the_makefile_has_what_the_readme_promises():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for page in pages():
        for target in re.findall(r"`make (\w+)", page.read_text("utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name(page)}: make {target}"
