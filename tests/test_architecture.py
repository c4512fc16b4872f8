"""What makes knowing one service knowing all: shapes, sizes and habits that no type checker sees."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

from booka_common import contracts, topology
from booka_common.contracts.envelope import Message
from booka_common.db import load_queries
from booka_common.migrate import migrations

ROOT = Path(__file__).parent.parent
SERVICES = ("booking", "dialog", "llm", "messaging", "payments", "scheduler")
SHAPE = {
    "__main__", "api", "app", "consumers", "domain", "errors", "jobs", "migrations", "py.typed", "queries", "settings",
    "store", "usecases",
}  # fmt: skip
EXTRAS = {
    "dialog": {"texts", "understanding"},
    "llm": {"context", "providers", "reading", "redaction"},
    "messaging": {"providers"},
    "payments": {"metrics", "providers", "webhooks"},
}
TESTS = {"test_api.py", "test_consumers.py", "test_domain.py", "test_store.py", "test_usecases.py"}


def package(service: str) -> Path:
    return ROOT / "services" / service / "src" / f"booka_{service}"


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def production() -> list[Path]:
    return [*sources(*ROOT.glob("services/*/src"), ROOT / "libs/common/src", ROOT / "sandbox/src", ROOT / "stack/src")]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


# --- shape


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_shape(service):
    # `queries` is `queries.sql` grown into a package.
    found = {
        path.stem if path.suffix == ".py" or path.stem == "queries" else path.name
        for path in package(service).iterdir()
    }
    assert found - {"__init__", "__pycache__"} == SHAPE | EXTRAS.get(service, set())
    beside = {path.name for path in (ROOT / "services" / service).iterdir()}
    assert {"README.md", "pyproject.toml", "src", "tests"} <= beside
    tests = {path.name for path in (ROOT / "services" / service / "tests").iterdir()}
    # A domain that has grown into a package may have a file of tests for each of its modules.
    if "test_lifecycle.py" in tests:
        tests.add("test_domain.py")
    assert tests >= TESTS


def test_there_is_no_other_service():
    assert {path.name for path in (ROOT / "services").iterdir() if path.is_dir()} == set(SERVICES)
    assert set(topology.HEARS) == set(topology.SAYS) == set(SERVICES)


def test_no_module_outgrows_400_lines():
    files = [*production(), *(path for service in SERVICES for path in query_files(service))]
    assert len(files) > 100
    assert not [named(path) for path in files if len(path.read_text("utf-8").splitlines()) > 400]


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_are_numbered_without_gaps(service):
    names = sorted(path.name for path in (package(service) / "migrations").iterdir() if path.suffix == ".sql")
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names)


# --- habits


def all_tests() -> list[Path]:
    beside = [*ROOT.glob("services/*/tests"), *(ROOT / part / "tests" for part in ("libs/common", "sandbox", "stack"))]
    return [*sources(*beside), *(ROOT / "tests").glob("*.py")]


def test_no_test_waits_for_a_fixed_time():
    assert len(all_tests()) > 50
    for path in all_tests():
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        sleeps = [
            ast.unparse(call) for call in calls if ast.unparse(call.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        ]
        assert set(sleeps) <= {"asyncio.sleep(0)"}, named(path)


def test_nothing_is_mocked_or_patched():
    for path in [*production(), *all_tests()]:
        tree = ast.parse(path.read_text("utf-8"))
        forbidden = {name for name in imported(tree) if name.split(".")[:2] == ["unittest", "mock"] or name == "mock"}
        names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        assert not forbidden | (names & {"monkeypatch", "mocker"}), named(path)


def test_no_service_blocks_its_event_loop():
    for path in sources(*ROOT.glob("services/*/src"), *ROOT.glob("services/*/tests")):
        tree = ast.parse(path.read_text("utf-8"))
        blocking = {"time.sleep", "requests", "urllib.request", "subprocess"}
        assert not blocking & {*called(tree), *imported(tree)}, named(path)


def test_only_main_reads_the_environment():
    for path in sources(*ROOT.glob("services/*/src")):
        tree = ast.parse(path.read_text("utf-8"))
        reads = [
            ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "environ"
        ]
        assert not [*reads, *(name for name in called(tree) if name.endswith("getenv"))], named(path)


def test_domains_ask_for_no_time_and_no_chance():
    pure = ("domain", "texts", "understanding")
    paths = [
        path
        for service in SERVICES
        for path in sources(package(service))
        if path.relative_to(package(service)).parts[0].removesuffix(".py") in pure
    ]
    assert len(paths) > 20
    impure = re.compile(
        r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time|time\.monotonic|new_id|uuid4|uuid7|random)$"
    )
    for path in paths:
        tree = ast.parse(path.read_text("utf-8"))
        assert not [name for name in [*called(tree), *imported(tree)] if impure.search(name)], named(path)


def test_nothing_is_left_to_do():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for path in [*production(), *ROOT.glob("services/*/src/*/**/*.sql")]:
        assert not marks.search(path.read_text("utf-8")), named(path)


# --- tenants


def tenant_tables(service: str) -> set[str]:
    text = "\n".join(path.read_text("utf-8") for path in (package(service) / "migrations").glob("*.sql"))
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", text, re.DOTALL)
    return {name for name, columns in tables if re.search(r"^\s*tenant_id\b", columns, re.MULTILINE)}


def query_files(service: str) -> list[Path]:
    return sorted([*package(service).glob("queries.sql"), *package(service).glob("queries/*.sql")])


def statements(service: str) -> dict[str, str]:
    names = [str(path.relative_to(package(service))) for path in query_files(service)]
    return {f"{name}: {key}": sql for name in names for key, sql in load_queries(f"booka_{service}", name).items()}


def unbound(sql: str, tables: set[str]) -> str | None:
    """Why `sql` may touch rows of another tenant, or None if it cannot."""
    why = re.search(r"-- cross-tenant: \S", sql)
    code = re.sub(r"--[^\n]*", "", sql)
    touched = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(\w+)", code)
    references = [name for name in touched if name in tables]
    if why or not references:
        return None
    compared = re.findall(r"tenant_id\s*(?:=|IS NOT DISTINCT FROM)\s*\$\d+", code)
    inserted = [
        columns
        for table, columns in re.findall(r"INSERT INTO\s+(\w+)[^(]*\(([^)]*)\)", code)
        if table in tables and "tenant_id" in re.split(r"\W+", columns)
    ]
    # A batch brings the tenant of each of its rows: unnest(…) AS i (tenant_id, …), matched by i.tenant_id.
    batches = re.findall(r"unnest\([^;]*?\)\s+AS (\w+) \([^)]*\btenant_id\b", code)
    batched = [alias for alias in batches if re.search(rf"tenant_id\s*=\s*{alias}\.tenant_id", code)]
    if not compared and not inserted and not batched:
        return "no tenant_id = $n"
    if len(re.findall(r"\btenant_id\b", code)) < len(references):
        return f"{len(references)} tenant tables, but tenant_id is not compared for each"
    return None


@pytest.mark.parametrize("service", SERVICES)
def test_every_statement_names_its_tenant(service):
    tables = tenant_tables(service)
    assert tables, "no tenant table found: the pattern is broken"
    wrong = {name: why for name, sql in statements(service).items() if (why := unbound(sql, tables))}
    assert not wrong


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("SELECT * FROM visits WHERE id = $1", True),
        ("SELECT * FROM visits WHERE tenant_id = $1 AND id = $2", False),
        ("SELECT * FROM visits AS v JOIN guests AS g ON g.id = v.guest_id WHERE v.tenant_id = $1", True),
        ("SELECT * FROM visits AS v JOIN guests AS g USING (tenant_id, guest_id) WHERE v.tenant_id = $1", False),
        ("DELETE FROM guests WHERE seen < $1", True),
        ("-- cross-tenant: removes what is old\nDELETE FROM guests WHERE seen < $1", False),
        ("-- cross-tenant:\nDELETE FROM guests WHERE seen < $1", True),
        ("INSERT INTO visits (tenant_id, id) VALUES ($1, $2)", False),
        ("INSERT INTO visits (id) VALUES ($2)", True),
        ("SELECT 1 FROM elsewhere", False),
        (
            "SELECT 1 FROM unnest($1::uuid[], $2::uuid[]) AS i (tenant_id, id)"
            " JOIN visits AS v ON v.tenant_id = i.tenant_id AND v.id = i.id",
            False,
        ),
        ("SELECT 1 FROM unnest($1::uuid[], $2::uuid[]) AS i (tenant_id, id) JOIN visits AS v ON v.id = i.id", True),
        ("SELECT 1 FROM unnest($1::uuid[]) AS i (id) JOIN visits AS v ON v.tenant_id = i.tenant_id", True),
    ],
)
def test_the_tenant_check_can_fail(sql, wrong):
    assert (unbound(sql, {"visits", "guests"}) is not None) == wrong


# --- messages


def all_messages() -> set[type[Message]]:
    owners = ("booking", "llm", "messaging", "payments", "scheduler", "waitlist")
    modules = [import_module(f"{contracts.__name__}.{owner}") for owner in owners]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Message) and value is not Message
    }


def test_every_message_is_said_by_one_service_and_heard_or_kept():
    said = [message for messages in topology.SAYS.values() for message in messages]
    heard = {message for messages in topology.HEARS.values() for message in messages}
    assert len(said) == len(set(said))
    assert set(said) == all_messages()
    assert heard | set(topology.UNHEARD) == set(said)
    assert not heard & set(topology.UNHEARD)


def test_keys_follow_the_grammar_and_are_unique():
    keys = [message.key for message in all_messages()]
    assert len(keys) == len(set(keys))
    for message in all_messages():
        owner, thing, what, version = message.key.split(".")
        module = message.__module__.rpartition(".")[2]
        assert owner == {"waitlist": "booking"}.get(module, module), message
        assert re.fullmatch(r"[a-z-]+", thing), message
        assert re.fullmatch(r"[a-z-]+", what), message
        assert re.fullmatch(r"v[1-9]\d*", version), message


def test_a_message_belongs_to_who_says_it_or_to_who_is_asked():
    for service, messages in topology.SAYS.items():
        for message in messages:
            owner = message.key.partition(".")[0]
            assert owner == service or message in topology.HEARS[owner], message


def test_queues_are_unique():
    queues = [entry.queue for service in SERVICES for entry in topology.subscriptions(service)]
    assert len(queues) == len(set(queues))


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, env={}, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_asyncapi_tells_all_that_a_service_hears_and_says(service: str) -> None:
    document: dict[str, Any] = json.loads(run("-m", f"booka_{service}", "asyncapi"))
    assert document["asyncapi"].startswith("3.")
    text = json.dumps(document["channels"])
    for entry in topology.subscriptions(service):
        assert f'"{entry.queue}"' in text
    for message in topology.SAYS[service]:
        assert f'"{message.key}"' in text
    actions = [operation["action"] for operation in document["operations"].values()]
    assert actions.count("receive") == len(topology.HEARS[service])
    assert actions.count("send") == len(topology.SAYS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_topology_prints_the_definitions_of_a_service(service):
    assert json.loads(run("-m", f"booka_{service}", "topology")) == topology.definitions([service])


# --- independence


def requirements(folder: Path) -> set[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return {re.split(r"[\s\[<>=~!;]", requirement)[0].lower() for requirement in project["dependencies"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_depends_on_nothing_of_ours_but_common(service):
    ours = {name for name in requirements(ROOT / "services" / service) if name.startswith("booka")}
    assert ours == {"booka-common"}


def test_common_and_the_sandbox_depend_on_nothing_of_ours():
    for folder in (ROOT / "libs/common", ROOT / "sandbox"):
        assert not {name for name in requirements(folder) if name.startswith("booka")}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_needs_only_what_it_and_common_declare(service):
    declared = requirements(ROOT / "services" / service) | requirements(ROOT / "libs/common")
    modules = {"pyjwt": "jwt", "aio-pika": "aio_pika"}
    allowed = {modules.get(name, name.replace("-", "_")) for name in declared} | {
        f"booka_{service}", "starlette", *sys.stdlib_module_names,
    }  # fmt: skip
    for path in sources(package(service)):
        foreign = {name.split(".")[0] for name in imported(ast.parse(path.read_text("utf-8")))} - allowed
        assert not foreign, named(path)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_alone(service):
    names = [f"booka_{service}", *(found.name for found in walk_packages([str(package(service))], f"booka_{service}."))]
    assert len(names) > 8
    code = (
        "import importlib, sys\n"
        f"for name in {[name for name in names if not name.endswith('__main__')]!r}: importlib.import_module(name)\n"
        "print('\\n'.join(sys.modules))"
    )
    loaded = {name.partition(".")[0] for name in run("-c", code).split()}
    assert {name for name in loaded if name.startswith("booka")} == {f"booka_{service}", "booka_common"}
    assert not loaded & {"pytest", "hypothesis", "_pytest"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_installs_alone_with_all_its_files(service: str, tmp_path: Path) -> None:
    subprocess.run(
        [
            os.environ.get("UV", "uv"), "sync", "--quiet", "--locked", "--no-dev", "--no-editable",
            "--package", f"booka-{service}",
            "--reinstall-package", f"booka-{service}", "--reinstall-package", "booka-common",
        ],
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}, cwd=ROOT, check=True, timeout=120,
    )  # fmt: skip
    files = [str(path.relative_to(package(service))) for path in query_files(service)]
    code = (
        "import json, pkgutil\n"
        "from booka_common.db import load_queries\n"
        "from booka_common.migrate import migrations\n"
        f"package, files = 'booka_{service}', {files!r}\n"
        "ours = [module.name for module in pkgutil.iter_modules() if module.name.startswith('booka')]\n"
        "read = [len(list(load_queries(package, name).items())) for name in files]\n"
        "print(json.dumps([sorted(ours), list(migrations(package)), read]))"
    )
    python = tmp_path / "venv" / "bin" / "python"
    done = subprocess.run([python, "-c", code], env={}, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    modules, names, read = json.loads(done.stdout)
    assert modules == sorted(["booka_common", f"booka_{service}"])
    assert names == list(migrations(f"booka_{service}"))
    assert sum(read) == len(statements(service))
