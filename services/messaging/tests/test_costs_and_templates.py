"""What messages cost, and the approved texts of lines, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import CollectorRegistry

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import signed
from booka_messaging.domain.model import Price
from booka_messaging.usecases.charging import Charges

ORDER = {"provider_name": "lembrete_1", "language": "pt_BR", "parameters": 3}
DAY = datetime(2026, 3, 2, tzinfo=UTC)


async def test_a_template_is_put_read_replaced_and_taken_away(client: httpx.AsyncClient, salon: Any) -> None:
    base = f"/v1/channels/{salon.channel_id}/templates"
    put = await client.put(f"{base}/visit_reminder/pt-BR", json=ORDER, auth=salon.auth)
    assert put.status_code == 200, put.text
    assert put.json() | {"updated_at": None} == {
        "name": "visit_reminder", "locale": "pt-BR", **ORDER, "updated_at": None,
    }  # fmt: skip
    other = {"provider_name": "lembrete_2", "language": "pt", "parameters": 2}
    await client.put(f"{base}/visit_reminder/pt-BR", json=other, auth=salon.auth)
    await client.put(f"{base}/visit_moved/pt-BR", json=ORDER, auth=salon.auth)
    await client.put(f"{base}/visit_reminder/en", json=ORDER | {"language": "en"}, auth=salon.auth)
    assert [(one["name"], one["locale"], one["parameters"]) for one in (await salon.get(base))["items"]] == [
        ("visit_moved", "pt-BR", 3),
        ("visit_reminder", "en", 3),
        ("visit_reminder", "pt-BR", 2),
    ]
    found = await salon.get(f"{base}/visit_reminder/pt-BR")
    assert {name: found[name] for name in other} == other
    assert (await client.delete(f"{base}/visit_reminder/pt-BR", auth=salon.auth)).status_code == 204
    for gone in (
        await client.get(f"{base}/visit_reminder/pt-BR", auth=salon.auth),
        await client.delete(f"{base}/visit_reminder/pt-BR", auth=salon.auth),
    ):
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_template")


async def test_each_line_has_its_own_templates(
    client: httpx.AsyncClient, salon: Any, salon_of: Any, tenant_id: UUID
) -> None:
    second = salon_of(tenant_id, client)
    await second.provision()
    mine, theirs = (f"/v1/channels/{line.channel_id}/templates" for line in (salon, second))
    for locale in ("pt", "en"):
        await client.put(f"{mine}/visit_moved/{locale}", json=ORDER, auth=salon.auth)
    assert (await salon.get(theirs))["items"] == []
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"{theirs}/visit_moved/pt", auth=salon.auth)).status_code == 404
    await client.put(f"{theirs}/visit_moved/pt", json=ORDER, auth=salon.auth)
    assert (await client.delete(f"{mine}/visit_moved/pt", auth=salon.auth)).status_code == 204
    assert [one["locale"] for one in (await salon.get(mine))["items"]] == ["en"]
    assert [one["locale"] for one in (await salon.get(theirs))["items"]] == ["pt"]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("Visit/pt", ORDER),
        ("visit/p", ORDER),
        ("visit/pt_BR", ORDER),
        ("visit/pt", ORDER | {"parameters": 11}),
        ("visit/pt", ORDER | {"language": "../x"}),
        ("visit/pt", ORDER | {"more": 1}),
    ],
)
async def test_what_is_no_template_is_refused(
    client: httpx.AsyncClient, salon: Any, path: str, order: dict[str, Any]
) -> None:
    answer = await client.put(f"/v1/channels/{salon.channel_id}/templates/{path}", json=order, auth=salon.auth)
    assert answer.status_code == 422


async def test_another_salons_templates_are_out_of_reach(client: httpx.AsyncClient, salon: Any) -> None:
    base = f"/v1/channels/{salon.channel_id}/templates"
    await client.put(f"{base}/visit_moved/en", json=ORDER, auth=salon.auth)
    stranger = signed(new_id())
    for method, path in (
        ("PUT", "/visit_moved/en"),
        ("GET", "/visit_moved/en"),
        ("DELETE", "/visit_moved/en"),
        ("GET", ""),
    ):
        body = ORDER if method == "PUT" else None
        assert (await client.request(method, base + path, json=body, auth=stranger)).status_code == 404, method
    assert (await salon.get(f"{base}/visit_moved/en"))["provider_name"] == "lembrete_1"


async def test_messages_are_summed_by_day_line_and_price(
    client: httpx.AsyncClient, salon: Any, db: Database, tenant_id: UUID
) -> None:
    registry = CollectorRegistry()
    charges = Charges(db, registry)
    free, paid = Price(False, "service", "PMP"), Price(True, "utility", "PMP")
    told = [("a", free, 0), ("b", free, 0), ("c", paid, 0), ("c", paid, 1), ("d", paid, 24), ("e", paid, 48)]
    for provider_id, price, hours in told:
        async with db.tx(tenant_id) as tx:
            await charges.note(tx, salon.channel_id, provider_id, price, now=DAY + timedelta(hours=hours))
    found = await salon.get("/v1/charges?from=2026-03-02&to=2026-03-03")
    line = {"channel_id": str(salon.channel_id)}
    assert found["items"] == [
        {"day": "2026-03-02", **line, "category": "service", "billable": False, "messages": 2},
        {"day": "2026-03-02", **line, "category": "utility", "billable": True, "messages": 1},
        {"day": "2026-03-03", **line, "category": "utility", "billable": True, "messages": 1},
    ]
    counted = registry.get_sample_value("booka_messaging_charged_total", {"category": "utility", "billable": "true"})
    assert counted == 3
    second_day = await salon.get("/v1/charges?from=2026-03-03&to=2026-03-03")
    assert [(one["day"], one["messages"]) for one in second_day["items"]] == [("2026-03-03", 1)]
    assert (await client.get("/v1/charges?from=2026-03-02&to=2026-03-03", auth=signed(new_id()))).json()["items"] == []


async def test_what_is_rolled_back_is_not_counted(salon: Any, db: Database, tenant_id: UUID) -> None:
    registry = CollectorRegistry()
    charges = Charges(db, registry)
    with pytest.raises(RuntimeError):
        async with db.tx(tenant_id) as tx:
            await charges.note(tx, salon.channel_id, "a", Price(True, "utility", "PMP"), now=DAY)
            raise RuntimeError
    labels = {"category": "utility", "billable": "true"}
    assert not registry.get_sample_value("booka_messaging_charged_total", labels)


@pytest.mark.parametrize(
    ("days", "status"),
    [
        ("from=2026-03-02&to=2026-03-01", 400),
        ("from=2026-03-02&to=2027-03-03", 400),
        ("from=2026-03-02&to=2027-03-02", 200),
        ("from=9999-12-01&to=9999-12-31", 400),
        ("from=0001-01-01&to=0001-01-02", 200),
        ("from=2026-03-02&to=2026-03-02", 200),
        ("from=2026-02-30&to=2026-03-02", 422),
        ("from=2026-03-02", 422),
    ],
)
async def test_ranges_of_days(client: httpx.AsyncClient, salon: Any, days: str, status: int) -> None:
    assert (await client.get(f"/v1/charges?{days}", auth=salon.auth)).status_code == status
