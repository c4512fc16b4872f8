"""Webhooks that could not be read, as somebody at the salon looks through them: line by line, page by page."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.ids import new_id


@pytest.fixture
async def lines(client: httpx.AsyncClient, salon_of: Any, tenant_id: UUID) -> list[Any]:
    """Two of one salon."""
    found = [salon_of(tenant_id, client) for _ in range(2)]
    for line in found:
        await line.provision()
    return found


def base(line: Any) -> str:
    return f"/v1/channels/{line.channel_id}/unread"


async def replayed(line: Any, **order: Any) -> Any:
    answer = await line.http.post(f"{base(line)}/replay", json=order, auth=line.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_line_has_its_own_in_pages(lines: list[Any]) -> None:
    first, second = lines
    for number in range(5):
        assert (await first.deliver({"key": number})).json() == {"outcome": "kept"}
    await second.deliver({"key": "odd"})
    seen: list[str] = []
    page = await first.get(f"{base(first)}?limit=2")
    while True:
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        page = await first.get(f"{base(first)}?limit=2&before={page['next']}")
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    (other,) = (await second.get(base(second)))["items"]
    assert other["id"] not in seen
    crossed = await first.http.get(f"{base(first)}/{other['id']}", auth=first.auth)
    assert (crossed.status_code, crossed.json()["code"]) == (404, "unknown_unread")
    assert [one["id"] for one in (await replayed(second))["items"]] == [other["id"]]
    assert [one["id"] for one in (await replayed(first))["items"]] == seen[::-1]


async def test_more_than_a_request_takes_are_read_again_in_several(lines: list[Any], db: Database) -> None:
    line, ids = lines[0], sorted(new_id() for _ in range(103))
    async with db.tx(line.tenant_id) as tx:
        await tx.execute(
            """INSERT INTO unread_deliveries (tenant_id, id, channel_id, digest, body, error, received_at)
               SELECT $1, id, $2, convert_to(id::text, 'UTF8'), '{}', 'odd', now() FROM unnest($3::uuid[]) AS n (id)""",
            line.tenant_id,
            line.channel_id,
            ids,
        )
    begun = await replayed(line)
    assert [one["id"] for one in begun["items"]] == [str(id) for id in ids[:100]]
    assert begun["next"] == str(ids[99])
    rest = await replayed(line, after=begun["next"])
    assert [one["id"] for one in rest["items"]] == [str(id) for id in ids[100:]]
    assert (rest["next"], rest["read"]) == (None, 0)
