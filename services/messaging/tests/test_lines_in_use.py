"""Lines of the app that salons share: whose a phone number id is, and what becomes of what comes while a line is switched off."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.runtime import clean_up
from booka_common.service import system_clock
from booka_common.testing import eventually
from booka_messaging import store
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.usecases.holding import Held

from .meta import Line, body_of, change, text
from .salon import code


@pytest.fixture
async def client(with_app: Settings, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Which looks at a line when that is switched on, and then not for a while."""
    async with started(with_app) as http:
        yield http


async def switch(line: Line, *, active: bool) -> httpx.Response:
    return await line.http.patch(f"/v1/channels/{line.id}", json={"active": active}, auth=line.auth)


async def claim(line: Line, number: str, *, active: bool = False, **order: Any) -> httpx.Response:
    """Write down that a line of the shared app is `line`'s."""
    body = {"gateway": "cloud", "instance": number, "base_url": "http://127.0.0.1:9/v23.0", "api_key": "EAA-of-another"}
    return await line.http.put(f"/v1/channels/{line.id}", json={**body, "active": active, **order}, auth=line.auth)


def stranger(client: httpx.AsyncClient) -> Line:
    return Line(client, new_id(), "http://127.0.0.1:9")


async def held(db: Database, number: str) -> list[bytes]:
    async with db.system_tx() as tx:
        rows = await tx.fetch("SELECT body FROM held_deliveries WHERE line = $1 ORDER BY id", number)
    return [row["body"] for row in rows]


async def test_who_only_writes_a_line_down_keeps_nobody_from_it(client: httpx.AsyncClient, gateway: Any) -> None:
    rightful = Line(client, new_id(), gateway.url)
    squatters = [stranger(client) for _ in range(3)]
    assert [(await claim(one, rightful.number)).status_code for one in squatters[:2]] == [200, 200]
    own = {"auth": {"mode": "meta", "secret": "m" * 32, "verify_token": "v" * 32}}
    theirs = await claim(squatters[2], rightful.number, active=True, base_url=f"{gateway.url}/v23.0", **own)
    assert theirs.status_code == 200, "what comes there is signed by an app of their own"
    await rightful.open()
    assert (await rightful.post(body_of(change(rightful.number, text("olá"))))).json() == {"outcome": "accepted"}
    assert await rightful.texts() == ["olá"]
    assert [await one.texts() for one in squatters] == [[], [], []]


async def test_of_those_who_prove_a_line_one_uses_it(client: httpx.AsyncClient, gateway: Any) -> None:
    """Whatever version of Meta's API they name; whose it is is not told."""
    first, second = Line(client, new_id(), gateway.url), Line(client, new_id(), gateway.url)
    second.number = first.number
    await first.open()
    taken = await claim(second, first.number, active=True, base_url=f"{gateway.url}/v24.0")
    assert code(taken) == (409, "line_taken")
    assert str(first.id) not in taken.text
    assert code(await client.get(f"/v1/channels/{second.id}", auth=second.auth)) == (404, "unknown_channel")
    assert (await switch(first, active=False)).status_code == 200
    await second.open()
    assert code(await switch(first, active=True)) == (409, "line_taken")


async def test_what_comes_while_a_line_is_off_is_taken_in_when_it_is_on(
    client: httpx.AsyncClient, open_line: Any, db: Database
) -> None:
    line, other = await open_line(), await open_line()
    await switch(line, active=False)
    mixed = body_of(change(line.number, text("está aí?")), change(other.number, text("bom dia")))
    for _ in range(2):  # Meta repeats
        assert (await line.post(mixed)).json() == {"outcome": "held"}
    assert (await line.post(body_of(change(line.number, text("alô?"))))).json() == {"outcome": "held"}
    assert (await line.texts(), await other.texts()) == ([], ["bom dia"])
    bodies = await held(db, line.number)
    assert len(bodies) == 2
    assert not [body for body in bodies if b"bom dia" in body], "of that line only"
    assert 'outcome="held"' in (await client.get("/metrics")).text

    await switch(line, active=True)

    async def both() -> bool:
        return await line.texts() == ["está aí?", "alô?"] and await held(db, line.number) == []

    await eventually(both)
    (conversation,) = (await line.get("/v1/conversations"))["items"]
    assert conversation["turns"] == 2, "they are answered"
    assert (await line.post(body_of(change(line.number, text("obrigada"))))).json() == {"outcome": "accepted"}


async def test_who_only_writes_a_line_down_gets_nothing_of_it(
    client: httpx.AsyncClient, gateway: Any, db: Database
) -> None:
    """What is held goes to who proves that the line is theirs."""
    squatter, rightful = stranger(client), Line(client, new_id(), gateway.url)
    squatter.number = rightful.number
    await claim(squatter, rightful.number)
    whole = body_of(change(rightful.number, text("segredo")))
    assert (await rightful.post(whole)).json() == {"outcome": "held"}
    assert code(await rightful.post(whole[:-3])) == (400, "malformed")
    assert await squatter.unread("?also=read") == []
    assert code(await switch(squatter, active=True)) == (400, "bad_base_url")
    await rightful.open()

    async def arrived() -> bool:
        return await rightful.texts() == ["segredo"]

    await eventually(arrived)
    assert (await squatter.texts(), await squatter.unread("?also=read")) == ([], [])


async def test_what_is_held_is_handed_to_the_channel_that_uses_the_line_then(db: Database, tenant_id: UUID) -> None:
    """Whoever has looked at a channel goes on with it as it was; another salon may have the line by now."""
    channel_id, number = new_id(), str(new_id().int % 10**15)

    async def put(instance: str, *, active: bool = True, secret: bytes | None = None) -> store.Channel:
        async with db.tx(tenant_id) as tx:
            return await store.put_channel(
                tx, channel_id, gateway="cloud", instance=instance, base_url="http://127.0.0.1:9/v23.0", api_key=b"sealed",
                auth_mode="meta", secret=secret, active=active, now=system_clock(),
            )  # fmt: skip

    channel, holding = await put(number), Held(db, ())
    for said in (b"1", b"2", b"3"):
        await holding.hold("cloud", number, said, now=system_clock())
    assert [one.body for one in await holding.waiting(channel, limit=2)] == [b"1", b"2"]
    for other in (put(number, active=False), put(f"{number}0"), put(number, secret=b"sealed")):
        await other
        assert await holding.waiting(channel, limit=2) == []
    await put(number)
    assert len(await holding.waiting(channel, limit=9)) == 3


async def test_of_what_is_held_the_oldest_makes_room_and_goes_after_a_week(
    open_line: Any, db: Database, tenant_id: UUID
) -> None:
    line = await open_line(tenant_id=tenant_id)
    await switch(line, active=False)
    holding = Held(db, ("the-installations-secret",))
    for number in (0, 1, 2, 3, 4, 4, 2):
        body = b'{"number": %d, "said": "the-installations-secret"}' % number
        await holding.hold("cloud", line.number, body, now=system_clock(), most=3)
    before = await held(db, line.number)
    assert [body[:12] for body in before] == [b'{"number": 2', b'{"number": 3', b'{"number": 4']
    assert all(b"secret" not in body for body in before)
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM held_deliveries") == 0, "no salon sees it"
    a_week_ago = system_clock() - SERVICE.keep[("queries/held.sql", "held_prune")]
    await holding.hold("cloud", line.number, b'{"number": 5}', now=a_week_ago)
    assert await held(db, line.number) == [*before, b'{"number": 5}']
    await clean_up(db, SERVICE)
    assert await held(db, line.number) == before
