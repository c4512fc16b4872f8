"""Pages of reservations while these are moved about: whatever stays where it is comes exactly once."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from booka_booking.settings import Settings
from booka_common.ids import new_id

from .salon import Salon, at

WINDOW = {"from": at(1, 0).isoformat(), "to": at(29, 0).isoformat()}
ROUNDS = 30

#: A week later, and back: far more often than anybody moves a visit, so that it happens within a request too.
_TO_AND_FRO = """
DO $$
DECLARE later interval := '7 days';
BEGIN
    FOR n IN 1..100000 LOOP
        UPDATE reservations SET starts_at = starts_at + later, ends_at = ends_at + later WHERE id = '{id}';
        UPDATE reservation_segments SET starts_at = starts_at + later, ends_at = ends_at + later WHERE reservation_id = '{id}';
        COMMIT;
        later := -later;
    END LOOP;
END $$
"""


@pytest.mark.parametrize("by", [(), ("staff_id",), ("client_id",), ("staff_id", "client_id", "status")])
async def test_nothing_is_passed_over_because_something_else_is_moved(
    client: httpx.AsyncClient, salon: Salon, settings: Settings, by: tuple[str, ...]
) -> None:
    how: dict[str, Any] = {"staff": salon.ana, "contact_id": new_id()}
    restless = await salon.booked(at(3, 9), **how)
    standing = [(await salon.booked(at(day, 10), **how)).reservation_id for day in (4, 5, 6, 7)]
    their_id = (await client.get(f"/v1/reservations/{restless.reservation_id}")).json()["client_id"]
    known = {"staff_id": str(salon.ana), "client_id": their_id, "status": "confirmed"}
    if by:
        # What is not asked for stands between what is.
        await salon.booked(at(5, 14), staff=salon.bia)

    async def read() -> list[UUID]:
        found: list[UUID] = []
        params: dict[str, str] = {**WINDOW, "limit": "1", **{name: known[name] for name in by}}
        while True:
            page = (await client.get("/v1/reservations", params=params)).json()
            found += [UUID(item["id"]) for item in page["items"]]
            if page["next"] is None:
                return [id for id in found if id != restless.reservation_id]
            params["cursor"] = page["next"]

    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(),
        server_settings={"search_path": "booking, public", "app.tenant_id": str(salon.tenant_id)},
    )
    moving = asyncio.create_task(connection.execute(_TO_AND_FRO.format(id=restless.reservation_id)))
    try:
        pages = [await read() for _ in range(ROUNDS)]
        assert not moving.done(), moving.exception()
    finally:
        connection.terminate()
        await asyncio.gather(moving, return_exceptions=True)
    assert pages == [standing] * ROUNDS
