"""The fuzz target finds nothing in its own seeds, and would find something that is there."""

import importlib.util
import json
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from booka_messaging.domain.model import ChatMessage, Receipt

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PATH = Path(__file__).parent.parent / "fuzz" / "parsers.py"


@pytest.fixture(scope="module")
def target() -> Any:
    spec = importlib.util.spec_from_file_location("booka_messaging_fuzz_parsers", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Target()


def test_seeds_and_recipes_are_read(target: Any) -> None:
    for number, seed in enumerate(target.seeds):
        target(json.dumps(seed).encode())
        for step in (1, 7, 31):
            target(bytes([number, *((step * n) % 256 for n in range(400))]))
    for data in (b"", b"[]", b"{", b"\xff\x00", b"[" * 5000):
        target(data)


def test_seeds_reach_what_they_are_for(target: Any) -> None:
    events = [event for seed in target.seeds for event in target._evolution.read(seed, NOW)]
    events += [found.event for seed in target.seeds for found in target._cloud.read(seed, NOW)]
    kinds = {event.kind for event in events if isinstance(event, ChatMessage)}
    assert kinds >= {"text", "choice", "audio", "document", "location"}
    assert {event.status for event in events if isinstance(event, Receipt)} >= {"delivered", "failed", "read"}
    assert {event.reason for event in events if not isinstance(event, ChatMessage | Receipt) and hasattr(event, "reason")} >= {
        "echo", "edited", "deleted", "group", "system",
    }  # fmt: skip


def test_an_event_that_could_not_be_stored_is_a_finding(target: Any) -> None:
    (good, *_) = target._evolution.read(target.seeds[0], NOW)
    target._check(good)
    for broken in ({**good.metadata, "type": "\x00"}, {"type": "x" * 20_000}):
        unfit = ChatMessage(
            good.author, good.provider_id, good.aliases, None, "text", "", None, good.sent_at, metadata=broken
        )
        with pytest.raises(AssertionError, match="unfit"):
            target._check(unfit)
    with pytest.raises(AssertionError, match="not an event"):
        target._check(None)


def test_a_secret_that_is_left_is_a_finding(target: Any) -> None:
    careless = copy(target)
    careless._redaction = SimpleNamespace(redact=lambda body, _secrets: body)
    for word in (target.secret, f"a{target.secret}b", quote(target.secret)):
        body = json.dumps({"text": word}).encode()
        target._kept(body)
        with pytest.raises(AssertionError, match="a secret is left"):
            careless._kept(body)


def test_a_line_that_is_told_less_than_it_was_is_a_finding(target: Any) -> None:
    cloud = target._cloud
    hasty = copy(target)
    hasty._cloud = SimpleNamespace(
        read=cloud.read,
        read_for=cloud.read_for,
        lines_of=cloud.lines_of,
        part_of=lambda payload, _line: {**payload, "entry": []},
    )
    [payload, *_] = [seed for seed in target.seeds if cloud.lines_of(seed)]
    target._apart(payload)
    with pytest.raises(AssertionError, match="something else"):
        hasty._apart(payload)
