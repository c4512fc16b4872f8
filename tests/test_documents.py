"""What is written for people follows the code, and every link leads somewhere."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from booka_common.settings import ServiceSettings, settings_table

ROOT = Path(__file__).parent.parent
SERVICES = ("booking", "dialog", "llm", "messaging", "payments", "scheduler")
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def pages() -> list[Path]:
    inside = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
    return sorted(set(inside))


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
def test_alarms_name_metrics_that_exist(service):
    folders = [ROOT / "libs/common/src", ROOT / "services" / service / "src"]
    code = "".join(path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py"))
    existing = set(re.findall(r'"(booka_\w+)"', code))
    page = (ROOT / "services" / service / "README.md").read_text("utf-8")
    alarms = set(re.findall(r"`(booka_\w+)", page.partition("## Alarms")[2]))
    assert alarms
    assert alarms <= existing


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
    assert len(set(numbers)) == len(numbers)
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
