"""A salon written over HTTP, as its staff would: what a test needs to say is only what differs."""

from typing import Any
from uuid import UUID

import httpx

from booka_common.ids import new_id

__all__ = ["PROFILE", "Desk", "day"]

PROFILE: dict[str, Any] = {
    "name": "Studio Um",
    "locale": "pt-BR",
    "zone": "America/Sao_Paulo",
    "currency": "BRL",
    "slot_grid_minutes": 30,
    "lead_minutes": 0,
    "hours": {name: [{"opens": "09:00", "closes": "18:00"}] for name in ("mon", "tue", "wed", "thu", "fri", "sat")},
}


def day(*hours: str) -> list[dict[str, str]]:
    """`day("09:00-12:00", "13:00-18:00")`."""
    return [dict(zip(("opens", "closes"), span.split("-"), strict=True)) for span in hours]


class Desk:
    """Writes things, minding their versions, and insists that it worked."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        now = await self.client.get(path)
        headers = {"If-Match": now.headers["etag"]} if "etag" in now.headers else {}
        answer = await self.client.put(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        found: dict[str, Any] = answer.json()
        return found

    async def delete(self, path: str) -> httpx.Response:
        now = await self.client.get(path)
        answer = await self.client.delete(path, headers={"If-Match": now.headers["etag"]})
        assert answer.status_code in (200, 204), answer.text
        return answer

    async def profile(self, **change: Any) -> dict[str, Any]:
        return await self.put("/v1/profile", {**PROFILE, **change})

    async def service(self, name: str = "Corte", id: UUID | None = None, **change: Any) -> str:
        id = id or new_id()
        body = {"name": name, "duration_minutes": 60, "price_minor": 5000, **change}
        await self.put(f"/v1/services/{id}", body)
        return str(id)

    async def staff(self, name: str, *services: str | dict[str, Any], id: UUID | None = None, **change: Any) -> str:
        id = id or new_id()
        skills = [{"service_id": item} if isinstance(item, str) else item for item in services]
        await self.put(f"/v1/staff/{id}", {"name": name, "services": skills, **change})
        return str(id)

    async def pool(self, name: str, *resources: str) -> tuple[str, list[str]]:
        pool_id, ids = str(new_id()), [str(new_id()) for _ in resources]
        await self.put(f"/v1/resource-pools/{pool_id}", {"name": name})
        for id, resource in zip(ids, resources, strict=True):
            await self.put(f"/v1/resources/{id}", {"name": resource, "pool_id": pool_id})
        return pool_id, ids

    async def book(
        self, start: str, *wants: tuple[str, str | None], confirm: bool = True, **more: Any
    ) -> dict[str, Any]:
        """Hold a visit and confirm it."""
        asked = [{"service_id": service, "staff_id": staff} for service, staff in wants]
        held = await self.client.post("/v1/reservations", json={"wants": asked, "start": start, **more})
        assert held.status_code == 201, held.text
        found: dict[str, Any] = held.json()
        if confirm:
            found = await self.step(found["id"], "confirm")
        return found

    async def step(self, reservation_id: str, step: str, **body: Any) -> dict[str, Any]:
        answer = await self.client.post(f"/v1/reservations/{reservation_id}/{step}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def conflicts(self, **params: Any) -> list[tuple[str, list[str]]]:
        """By reservation, the codes of what is wrong."""
        answer = await self.client.get("/v1/conflicts", params=params)
        assert answer.status_code == 200, answer.text
        return [
            (item["reservation_id"], [reason["code"] for reason in item["reasons"]]) for item in answer.json()["items"]
        ]
