"""Getting on the waiting list and off it: by message, by HTTP, and once however often it is said."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from booka_booking.app import create_app
from booka_booking.domain.times import Span
from booka_booking.store import clients
from booka_booking.usecases.waitlist_jobs import END_WAITING
from booka_common.contracts.booking import (
    CatalogueChanged,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
)
from booka_common.contracts.waitlist import (
    WaitlistJoined,
    WaitlistLeaveRequested,
    WaitlistLeft,
    WaitlistOffered,
    WaitlistRefused,
)
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, Tap, eventually, publish, running, signed

from .salon import Salon, at
from .waiting import accept, entry, full_day, join, last_offer, offered_to, refused, run_due, settle, wish_to_wait


async def test_whoever_asks_for_the_same_twice_is_on_the_list_once(salon: Salon) -> None:
    wish = wish_to_wait(salon, contact_name="Lia")
    envelope = salon.envelope(wish)
    await salon.deliver(envelope)
    await salon.deliver(envelope)  # delivered twice
    await salon.hear(wish)  # said twice
    again = wish.model_copy(update={"request_id": new_id(), "contact_name": "Lia Reis"})
    await salon.hear(again)  # asked twice
    first, second = await salon.said(WaitlistJoined)
    assert first.entry_id == second.entry_id
    assert (second.request_id, second.first_day) == (again.request_id, date(2026, 3, 3))
    other = await join(salon, contact_id=wish.contact_id, until_minute=600)
    assert other.entry_id != first.entry_id
    async with salon.db.tx(salon.tenant_id) as tx:
        (known,) = await clients.list_clients(tx, contact_id=wish.contact_id, limit=5)
    assert known["name"] == "Lia"


async def test_what_cannot_be_waited_for_is_refused(salon: Salon) -> None:
    async def code(**how: Any) -> str:
        return await refused(salon, wish_to_wait(salon, **how))

    assert await code(wants=salon.wants(new_id())) == "unknown_service"
    assert await code(wants=salon.wants((salon.cut, new_id()))) == "unknown_staff"
    assert await code(wants=salon.wants((salon.updo, salon.ana))) == "not_offered"
    assert await code(first_day=date(2026, 2, 1), last_day=date(2026, 3, 1)) == "in_the_past"
    assert await code(first_day=date(2026, 3, 2), last_day=date(2026, 3, 2), until_minute=360) == "in_the_past"
    assert await code(first_day=date(2026, 3, 4), last_day=date(2026, 3, 3)) == "not_offered"
    assert await code(from_minute=600, until_minute=600) == "not_offered"
    assert await code(first_day=date(2026, 4, 2), last_day=date(2026, 4, 2)) == "not_offered"
    assert await code(first_day=date.max, last_day=date.max) == "not_offered"
    nobody = Salon(salon.db, new_id(), salon.clock)
    assert await refused(nobody, wish_to_wait(nobody)) == "salon_not_ready"
    assert await salon.said(WaitlistJoined) == []


async def test_the_days_are_those_ahead(salon: Salon) -> None:
    joined = await join(salon, first_day=date(2026, 1, 1), last_day=date.max)
    assert (joined.first_day, joined.last_day) == (date(2026, 3, 2), date(2027, 3, 3))


async def test_a_client_waits_for_five_things(salon: Salon) -> None:
    client = new_id()
    joined = [await join(salon, contact_id=client, from_minute=hour) for hour in range(5)]
    one_more = wish_to_wait(salon, contact_id=client, from_minute=5)
    assert await refused(salon, one_more) == "too_many_entries"
    await join(salon)
    leaving = (await entry(salon, joined[0].entry_id)).conversation_id
    await salon.hear(WaitlistLeaveRequested(conversation_id=leaving, entry_id=joined[0].entry_id))
    await join(salon, contact_id=client, from_minute=5)


async def test_leaving_one_or_all_and_only_ones_own(salon: Salon) -> None:
    talk = new_id()
    mine = [await join(salon, conversation_id=talk, from_minute=hour) for hour in range(3)]
    other = await join(salon)
    await salon.hear(WaitlistLeaveRequested(conversation_id=talk, entry_id=other.entry_id))
    assert await salon.said(WaitlistLeft) == []
    await salon.hear(WaitlistLeaveRequested(conversation_id=talk, entry_id=mine[1].entry_id))
    assert [left.entry_id for left in await salon.said(WaitlistLeft)] == [mine[1].entry_id]
    leave = WaitlistLeaveRequested(conversation_id=talk)
    await salon.hear(leave, leave)
    left = await salon.said(WaitlistLeft)
    assert {item.entry_id for item in left} == {item.entry_id for item in mine}
    assert ([item.reason for item in left], len(left)) == (["asked"] * 3, 3)
    assert (await entry(salon, other.entry_id)).status == "waiting"


async def test_leaving_gives_up_what_is_being_offered_for_the_next(salon: Salon) -> None:
    first, _ = await full_day(salon)
    one, two = await join(salon), await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    offer = await last_offer(salon, one.entry_id)
    await salon.hear(WaitlistLeaveRequested(conversation_id=offer.conversation_id))
    assert (await salon.said(ReservationCancelled))[-1].reservation_id == offer.reservation_id
    assert (await entry(salon, one.entry_id)).status == "left"
    await run_due(salon)
    assert [item.visit.start for item in await offered_to(salon, two.entry_id)] == [at(3, 9)]


async def test_leaving_does_not_touch_what_was_agreed_to(salon: Salon) -> None:
    await salon.change(exceptions={date(2026, 3, 3): (Span(540, 630),)})
    visit = await salon.booked(at(3, 9), service=salon.colour, staff=salon.ana)
    one = await join(salon, wants=salon.wants((salon.colour, salon.ana)))
    await settle(salon)
    await salon.hear(salon.no(visit))
    await run_due(salon)
    offer = await last_offer(salon, one.entry_id)
    await salon.hear(accept(offer), WaitlistLeaveRequested(conversation_id=offer.conversation_id))
    assert (await entry(salon, one.entry_id)).status == "left"
    assert await salon.status(offer.reservation_id) == "held"
    salon.clock.advance(timedelta(minutes=31))
    await run_due(salon)
    assert (await salon.said(ReservationExpired))[-1].reservation_id == offer.reservation_id
    assert (await entry(salon, one.entry_id)).status == "left"
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["asked"]


async def test_leaving_does_not_cancel_a_visit_that_came_of_an_offer(salon: Salon) -> None:
    first, _ = await full_day(salon)
    one = await join(salon)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    offer = await last_offer(salon, one.entry_id)
    await salon.hear(accept(offer), WaitlistLeaveRequested(conversation_id=offer.conversation_id))
    assert await salon.status(offer.reservation_id) == "confirmed"
    assert [left.reason for left in await salon.said(WaitlistLeft)] == ["booked"]


async def test_a_salon_that_moves_to_another_zone_ends_its_days_there(salon: Salon) -> None:
    one = await join(salon, wants=salon.wants((salon.updo, salon.caio)), from_minute=600, until_minute=601)
    await salon.change(zone=ZoneInfo("Pacific/Pago_Pago"))
    salon.clock.at = at(4, 0)
    await run_due(salon)
    assert (await entry(salon, one.entry_id)).status == "waiting"
    salon.clock.at = at(4, 8)
    await run_due(salon)
    assert (await entry(salon, one.entry_id)).status == "over"


# --- HTTP


def body(salon: Salon, **how: Any) -> dict[str, Any]:
    return {
        "contact_id": str(new_id()),
        "conversation_id": str(new_id()),
        "wants": [{"service_id": str(salon.cut), "staff_id": str(salon.ana)}],
        "first_day": "2026-03-03",
        "last_day": "2026-03-04",
        **how,
    }


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(new_id())}


async def test_the_list_over_http(salon: Salon, client: httpx.AsyncClient) -> None:
    asked = body(salon, contact_name="Lia", phone="+5511", begins="09:30", ends="12:00", request_id=str(new_id()))
    headers = key()
    answer = await client.post("/v1/waitlist", json=asked, headers=headers)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"'), answer.text
    made = answer.json()
    assert (made["status"], made["begins"], made["ends"], made["offers"]) == ("waiting", "09:30", "12:00", 0)
    again = await client.post("/v1/waitlist", json=asked, headers=headers)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", made)
    anew = await client.post("/v1/waitlist", json=asked, headers=key())
    assert (anew.status_code, anew.json()["id"]) == (200, made["id"])
    salon.clock.advance(timedelta(seconds=1))
    other = (await client.post("/v1/waitlist", json=body(salon, last_day="2026-03-03"), headers=key())).json()

    async def listed(**how: Any) -> list[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get("/v1/waitlist", params={**how, **cursor, "limit": 1})).json()
            found += [item["id"] for item in page["items"]]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    assert await listed() == [made["id"], other["id"]]
    assert await listed(day="2026-03-04") == [made["id"]]
    assert await listed(day="2026-03-05") == []
    assert await listed(contact_id=other["contact_id"]) == [other["id"]]
    assert await listed(status="offered") == []

    one = f"/v1/waitlist/{made['id']}"
    assert (await client.get(one)).json() == {**made, "offered": []}
    assert (await client.delete(one, headers=key())).json()["code"] == "version_required"
    stale = await client.delete(one, headers={**key(), "If-Match": '"2"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    gone = await client.delete(one, headers={**key(), "If-Match": '"1"'})
    assert gone.status_code == 204
    assert await listed(status="left") == [made["id"]]
    over = await client.delete(one, headers={**key(), "If-Match": '"2"'})
    assert (over.status_code, over.json()["code"]) == (409, "not_waiting")
    unknown = await client.delete(f"/v1/waitlist/{new_id()}", headers={**key(), "If-Match": '"1"'})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_entry")
    foreign = await client.get(one, auth=signed(new_id(), salon.clock))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown_entry")


async def test_refusals_over_http(salon: Salon, client: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, Any], int, str | None]] = [
        ({"first_day": "2026-03-05"}, 422, None),
        ({"begins": "12:00", "ends": "12:00"}, 422, None),
        ({"wants": []}, 422, None),
        ({"conversation_id": None}, 422, None),
        ({"wants": [{"service_id": str(new_id())}]}, 400, "unknown_service"),
        ({"first_day": "2026-02-01", "last_day": "2026-03-01"}, 400, "in_the_past"),
        ({"first_day": "2026-06-01", "last_day": "2026-06-01"}, 409, "not_offered"),
    ]
    for change, status, code in cases:
        answer = await client.post("/v1/waitlist", json=body(salon, **change), headers=key())
        assert answer.status_code == status, answer.text
        assert code is None or answer.json()["code"] == code
    cursor = await client.get("/v1/waitlist", params={"cursor": "bm8"})
    assert (cursor.status_code, cursor.json()["code"]) == (400, "bad_cursor")
    assert await salon.said(WaitlistJoined) == []


async def test_what_the_salon_frees_is_offered_when_it_asks_for_a_check(
    salon: Salon, client: httpx.AsyncClient
) -> None:
    async def check(first: str = "2026-03-03", last: str = "2026-03-03") -> httpx.Response:
        asked = {"first_day": first, "last_day": last}
        return await client.post("/v1/waitlist/check", json=asked, headers=key())

    day_off = await salon.away(salon.ana, date(2026, 3, 3))
    waiting = await join(salon)
    salon.clock.advance(timedelta(seconds=61))

    async def looked() -> bool:
        async with salon.db.tx(salon.tenant_id) as tx:
            return not await tx.fetchval(
                "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND status <> 'done' AND type <> $2",
                salon.tenant_id,
                END_WAITING,
            )

    await eventually(looked)
    await salon.back(day_off)
    assert await offered_to(salon, waiting.entry_id) == []
    answer = await check()
    assert (answer.status_code, answer.json()) == (202, {"waiting": 1})
    (offer,) = await eventually(lambda: offered_to(salon, waiting.entry_id))
    shown = (await client.get(f"/v1/waitlist/{waiting.entry_id}")).json()
    assert (shown["status"], shown["offers"]) == ("offered", 1)
    (made,) = shown["offered"]
    assert (made["reservation_id"], made["outcome"]) == (str(offer.reservation_id), "open")
    assert (await check("2026-03-10", "2026-03-10")).json() == {"waiting": 0}
    assert (await check("2026-03-04", "2026-03-03")).status_code == 422
    assert (await check("2026-03-01", "2026-05-03")).status_code == 422
    assert (await check("9999-12-31", "9999-12-31")).status_code == 422
    gone = await client.delete(
        f"/v1/waitlist/{waiting.entry_id}", headers={**key(), "If-Match": f'"{shown["version"]}"'}
    )
    assert gone.status_code == 204
    assert await salon.status(offer.reservation_id) == "cancelled"
    detail = (await client.get(f"/v1/waitlist/{waiting.entry_id}")).json()
    assert (detail["status"], [item["outcome"] for item in detail["offered"]]) == ("left", ["withdrawn"])


# --- topics


async def test_from_the_list_to_a_visit_with_everything_delivered_five_times(
    app: httpx.AsyncClient, settings: Any, salon: Salon, clock: FrozenClock
) -> None:
    url, tenant_id = settings.amqp_url.get_secret_value(), salon.tenant_id
    first, _ = await full_day(salon)
    async with Tap(url) as tap:
        wish = wish_to_wait(salon)
        await publish(url, *[salon.envelope(wish)] * 5)
        joined = await tap.next(WaitlistJoined, tenant_id=tenant_id)
        assert joined.data.request_id == wish.request_id
        stray = wish_to_wait(salon, wants=salon.wants(new_id()))
        await publish(url, *[salon.envelope(stray)] * 5)
        assert (await tap.next(WaitlistRefused, tenant_id=tenant_id)).data.code == "unknown_service"
        await publish(url, *[salon.envelope(salon.no(first))] * 5)
        offered = await tap.next(WaitlistOffered, tenant_id=tenant_id)
        assert (offered.data.entry_id, offered.data.visit.start) == (joined.data.entry_id, at(3, 9))
        await publish(url, *[salon.envelope(accept(offered.data))] * 5)
        left = await tap.next(WaitlistLeft, tenant_id=tenant_id)
        assert (left.data.entry_id, left.data.reason) == (joined.data.entry_id, "booked")
        leave = WaitlistLeaveRequested(conversation_id=wish.conversation_id)
        again = wish.model_copy(update={"request_id": new_id()})
        await publish(url, *[salon.envelope(leave)] * 5, *[salon.envelope(again)] * 5)
        await tap.next(WaitlistJoined, tenant_id=tenant_id, after=1)
        last = wish_to_wait(salon, conversation_id=wish.conversation_id, from_minute=1)
        await publish(url, salon.envelope(last))
        await tap.next(WaitlistJoined, tenant_id=tenant_id, after=2)
    for kind, count in (
        (WaitlistJoined, 3),
        (WaitlistRefused, 1),
        (WaitlistOffered, 1),
        (ReservationConfirmed, 3),
        (CatalogueChanged, 2),
    ):
        assert len(await salon.said(kind)) == count, kind


async def test_offers_go_round_by_themselves_with_two_replicas_running(
    app: httpx.AsyncClient, settings: Any, salon: Salon, clock: FrozenClock
) -> None:
    url, tenant_id = settings.amqp_url.get_secret_value(), salon.tenant_id
    first, _ = await full_day(salon)
    async with Tap(url) as tap, running(create_app(settings, clock)):
        waiting = {(await join(salon)).entry_id for _ in range(3)}
        await publish(url, salon.envelope(salon.no(first)))
        asked = []
        for n in range(3):
            asked.append(await tap.next(WaitlistOffered, tenant_id=tenant_id, after=n))
            clock.advance(timedelta(minutes=15))
        assert {item.data.entry_id for item in asked} == waiting
        await tap.next(ReservationExpired, tenant_id=tenant_id, after=2)
        clock.at = at(4, 0)
        for n in range(3):
            await tap.next(WaitlistLeft, tenant_id=tenant_id, after=n)
    assert len(await salon.said(WaitlistOffered)) == 3
