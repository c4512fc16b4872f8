"""Pages of reservations while these are moved about: whatever stays where it is comes exactly once."""

import asyncio
from uuid import UUID

import asyncpg
import httpx

from booka_booking.settings import Settings

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


async def test_nothing_is_passed_over_because_something_else_is_moved(
    client: httpx.AsyncClient, salon: Salon, settings: Settings
) -> None:
    restless = await salon.booked(at(3, 9), staff=salon.ana)
    standing = [(await salon.booked(at(day, 10), staff=salon.ana)).reservation_id for day in (4, 5, 6, 7)]

    async def read() -> list[UUID]:
        found: list[UUID] = []
        params: dict[str, str] = {**WINDOW, "limit": "1"}
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
