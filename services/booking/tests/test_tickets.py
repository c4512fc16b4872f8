"""What makes a hold happen once, among holds that are written together."""

import asyncio
from typing import Any
from uuid import UUID

import httpx

from booka_booking.usecases.wishes import Held, NotHeld
from booka_common.contracts.booking import ReservationHeld
from booka_common.ids import new_id

from .salon import Salon, at
from .together import at_once, transactions, wish


def asked(salon: Salon, start: Any, **more: Any) -> dict[str, Any]:
    return {
        "wants": [{"service_id": str(salon.brow), "staff_id": str(salon.ana)}],
        "start": start.isoformat(),
        **more,
    }


async def kept(salon: Salon, key: str) -> bytes:
    async with salon.db.tx(salon.tenant_id) as tx:
        found: bytes = await tx.fetchval(
            "SELECT body FROM idempotency_keys WHERE tenant_id = $1 AND key = $2", salon.tenant_id, key
        )
    return found


async def rows(salon: Salon, table: str) -> int:
    async with salon.db.tx(salon.tenant_id) as tx:
        found: int = await tx.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", salon.tenant_id)  # noqa: S608
    return found


async def test_a_client_the_salon_knows_is_answered_by_the_id_he_has(client: httpx.AsyncClient, warm: Salon) -> None:
    contact, key = str(new_id()), new_id().hex
    first = await client.post("/v1/reservations", json=asked(warm, at(3, 10), contact_id=contact))
    second, stranger = await asyncio.gather(
        client.post(
            "/v1/reservations", json=asked(warm, at(3, 11), contact_id=contact), headers={"Idempotency-Key": key}
        ),
        client.post("/v1/reservations", json=asked(warm, at(4, 10), contact_id=str(new_id()))),
    )
    assert [answer.status_code for answer in (first, second, stranger)] == [201] * 3
    assert second.json()["client_id"] == first.json()["client_id"] != stranger.json()["client_id"]
    assert await kept(warm, key) == second.content
    again = await client.post(
        "/v1/reservations", json=asked(warm, at(3, 11), contact_id=contact), headers={"Idempotency-Key": key}
    )
    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (201, second.content, "true")
    assert again.headers["etag"] == second.headers["etag"]
    async with warm.db.tx(warm.tenant_id) as tx:
        stored = await tx.fetchval("SELECT client_id FROM reservations WHERE id = $1", UUID(second.json()["id"]))
    assert str(stored) == second.json()["client_id"]


async def test_a_hold_for_nobody_in_particular_is_answered_and_kept(client: httpx.AsyncClient, warm: Salon) -> None:
    key = new_id().hex
    answer = await client.post("/v1/reservations", json=asked(warm, at(3, 10)), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["client_id"]) == (201, None)
    assert await kept(warm, key) == answer.content


async def test_a_key_that_was_answered_grants_nothing_though_the_start_is_free_again(
    client: httpx.AsyncClient, warm: Salon
) -> None:
    headers, body = {"Idempotency-Key": new_id().hex}, asked(warm, at(3, 10), contact_id=str(new_id()))
    first = await client.post("/v1/reservations", json=body, headers=headers)
    async with warm.db.tx(warm.tenant_id) as tx:
        await tx.execute("DELETE FROM claims WHERE reservation_id = $1", UUID(first.json()["id"]))
    before = await rows(warm, "reservations")
    again, other = await asyncio.gather(
        client.post("/v1/reservations", json=body, headers=headers),
        client.post("/v1/reservations", json=asked(warm, at(4, 10), contact_id=str(new_id()))),
    )
    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (201, first.content, "true")
    assert other.status_code == 201
    assert await rows(warm, "reservations") == before + 1


async def test_a_key_of_somebody_else_is_waited_for_by_nobody(client: httpx.AsyncClient, warm: Salon) -> None:
    key = new_id().hex
    async with warm.db.tx(warm.tenant_id) as tx:
        await tx.execute(
            """SELECT pg_advisory_xact_lock(
                   hashtextextended(concat_ws(':', current_schema(), $1::uuid, 'idempotency', $2::text), 0))""",
            warm.tenant_id,
            key,
        )
        mine, other = await asyncio.gather(
            client.post(
                "/v1/reservations",
                json=asked(warm, at(3, 10), contact_id=str(new_id())),
                headers={"Idempotency-Key": key},
            ),
            client.post("/v1/reservations", json=asked(warm, at(4, 10), contact_id=str(new_id()))),
        )
    assert (mine.status_code, mine.json()["code"], other.status_code) == (409, "idempotency_key_in_progress", 201)


async def test_two_requests_with_one_key_at_once_are_one(client: httpx.AsyncClient, warm: Salon) -> None:
    headers = {"Idempotency-Key": new_id().hex}
    answers = await asyncio.gather(
        *(
            client.post("/v1/reservations", json=asked(warm, at(3, hour), contact_id=str(new_id())), headers=headers)
            for hour in (10, 11)
        )
    )
    assert sorted(answer.status_code for answer in answers) in ([201, 409], [201, 422])


async def test_a_message_that_was_heard_grants_nothing_though_the_start_is_free_again(warm: Salon) -> None:
    envelope = warm.envelope(warm.wish(at(3, 10), service=warm.brow, staff=warm.ana))
    await warm.deliver(envelope)
    async with warm.db.tx(warm.tenant_id) as tx:
        await tx.execute("DELETE FROM claims WHERE busy_from = $1", at(3, 10))
        # As if the request had never been granted: the message alone is what is known of it.
        await tx.execute("UPDATE reservations SET request_id = NULL WHERE request_id = $1", envelope.data.request_id)
    before = await rows(warm, "reservations")
    await warm.deliver(envelope)
    assert await rows(warm, "reservations") == before


async def test_what_is_said_is_what_is_written(warm: Salon) -> None:
    """While the process relays, messages go out from memory: they are those that the table keeps."""
    handed: list[Any] = []
    warm.db.signals.handoff = handed.extend
    try:
        outcomes = await at_once(warm.holds, warm, wish(warm, at(3, 9), guest_name='"Zoë" 💇'), wish(warm, at(3, 10)))
    finally:
        warm.db.signals.handoff = None
    assert [type(outcome) for outcome in outcomes] == [Held, Held]
    assert len(await transactions(warm, *outcomes)) == 1
    async with warm.db.tx(warm.tenant_id) as tx:
        found = await tx.fetch(
            """SELECT id, body, correlation_id, routing_key, next_attempt_at > clock_timestamp() AS ours
               FROM outbox WHERE id = ANY ($1)""",
            [message.id for message in handed],
        )
    stored = {row["id"]: (row["body"], row["correlation_id"], row["routing_key"], row["ours"]) for row in found}
    assert stored == {
        message.id: (message.body, message.correlation_id, ReservationHeld.key, True) for message in handed
    }
    assert len(stored) == 2


async def test_nothing_is_handed_over_for_a_hold_that_was_not_granted(warm: Salon) -> None:
    handed: list[Any] = []
    warm.db.signals.handoff = handed.extend
    try:
        outcomes = await at_once(warm.holds, warm, *(wish(warm, at(3, 9)) for _ in range(3)))
    finally:
        warm.db.signals.handoff = None
    assert sorted(type(outcome) is NotHeld for outcome in outcomes) == [False, True, True]
    assert len(handed) == 1
