"""Bodies that tell of much at once: Meta puts up to a thousand updates and 3 MB into one. All of it counts, or it is kept."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from booka_common.ids import new_id
from booka_messaging.domain import cloud, evolution
from booka_messaging.domain.model import ChatMessage, Ignored, Receipt
from booka_messaging.domain.reading import MAX_EVENTS, UNREADABLE
from booka_messaging.settings import Settings

from .meta import APP_SECRET, Line, body_of, change, text

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINE, OTHER = "123456123", "999999999"


@pytest.fixture
async def client(settings: Settings, gateway: Any, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = {"cloud_app_secrets": (SecretStr(APP_SECRET),), "cloud_graph_url": gateway.url}
    async with started(settings.model_copy(update=app)) as http:
        yield http


async def test_a_post_of_a_thousand_changes_is_taken_in_whole(client: httpx.AsyncClient, gateway: Any) -> None:
    """Refused with 413 it would be repeated for seven days and never get smaller."""
    line = await Line(client, new_id(), gateway.url).open()
    said = "Olá, queria marcar um corte para amanhã. " * 20
    many = [change(line.number, text(f"{number} {said}", number=f"35191{number % 50:07}")) for number in range(1100)]
    body = body_of(*many)
    assert 1_000_000 < len(body) < 3 * 1024 * 1024
    answer = await line.post(body)
    assert (answer.status_code, answer.json()) == (200, {"outcome": "accepted"})
    conversations = 0
    after: str | None = ""
    while after is not None:
        page = await line.get(f"/v1/conversations?limit=50{after}")
        conversations += sum(one["turns"] for one in page["items"])
        after = None if page["next"] is None else f"&cursor={page['next']}"
    assert conversations == 1100


def statuses(count: int, line: str) -> dict[str, Any]:
    told = [{"id": f"wamid.{number}", "status": "sent"} for number in range(count)]
    return change(line, statuses=told)


def test_nothing_of_a_post_is_passed_over() -> None:
    post = json.loads(body_of(*(statuses(1200, line) for line in (OTHER, OTHER, OTHER, OTHER, OTHER, LINE))))
    found = cloud.read_for(post, LINE, NOW)
    assert len(found) == 1200
    assert all(isinstance(event, Receipt) for event in found)
    assert len(cloud.read(post, NOW)) == 7200


def test_whatever_is_too_much_is_kept() -> None:
    post = json.loads(body_of(statuses(MAX_EVENTS + 5, LINE)))
    assert cloud.read_for(post, LINE, NOW)[-1] == Ignored(UNREADABLE)
    assert len(cloud.read_for(post, LINE, NOW)) == MAX_EVENTS + 1
    exactly = json.loads(body_of(statuses(MAX_EVENTS, LINE)))
    assert isinstance(cloud.read_for(exactly, LINE, NOW)[-1], Receipt)


def test_a_list_of_evolution_is_read_to_its_end() -> None:
    one = {"key": {"remoteJid": "351912345678@s.whatsapp.net", "id": "x"}, "message": {"conversation": "oi"}}
    found = evolution.read({"event": "messages.upsert", "data": [one] * 1200}, NOW)
    assert len(found) == 1200
    assert all(isinstance(event, ChatMessage) for event in found)
    found = evolution.read({"event": "messages.upsert", "data": [one] * (MAX_EVENTS + 1)}, NOW)
    assert (len(found), found[-1]) == (MAX_EVENTS + 1, Ignored(UNREADABLE))
    assert evolution.read({"event": "from.the.future", "data": [one] * 3}, NOW) == (Ignored("event"),)


def test_a_person_is_found_among_many_at_once() -> None:
    """One look through all contacts for each message would take minutes."""
    many = 12_000
    contacts = [{"wa_id": f"35191{number:07}", "profile": {"name": f"Rui {number}"}} for number in range(many)]
    said = [text(id=f"wamid.{number}", number=f"35191{number:07}") for number in range(many)]
    started = datetime.now(UTC)
    found = cloud.read_for(json.loads(body_of(change(LINE, *said, contacts=contacts[::-1]))), LINE, NOW)
    took = (datetime.now(UTC) - started).total_seconds()
    assert [event.name for event in found if isinstance(event, ChatMessage)] == [f"Rui {n}" for n in range(many)]
    assert took < 5
