"""Lines of both sorts: provisioned, rotated, changed, found by webhooks, tried; and never anybody else's."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.errors import NotConfigured
from booka_common.ids import new_id
from booka_common.sealing import Sealer
from booka_common.testing import signed
from booka_messaging.errors import UnknownChannel
from booka_messaging.settings import Settings
from booka_messaging.store import Channel
from booka_messaging.usecases.channels import ChannelOrder, Channels, api_key
from booka_messaging.usecases.directory import Directory

from .salon import code

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
META = {"mode": "meta", "secret": "m" * 32, "verify_token": "v" * 32}


@pytest.fixture
def order() -> ChannelOrder:
    """For a line that no other channel has."""
    instance = f"salon-{new_id()}"
    return ChannelOrder("evolution", instance, "http://127.0.0.1:9", "gateway-key", "hmac", "s" * 40, active=True)


@pytest.fixture
def sealer(settings: Settings) -> Sealer:
    return settings.sealer()


@pytest.fixture
def directory(db: Database, sealer: Sealer) -> Directory:
    return Directory(db, sealer, seconds=60)


@pytest.fixture
def channels(db: Database, sealer: Sealer, directory: Directory) -> Channels:
    return Channels(db, sealer, directory, {})


@pytest.fixture
async def channel(channels: Channels, tenant_id: UUID, order: ChannelOrder) -> Channel:
    return await channels.put(tenant_id, new_id(), order, now=NOW)


def line_id() -> str:
    return str(new_id().int)[-15:]


async def test_rotation_keeps_the_old_secret_for_its_time(
    db: Database, channels: Channels, channel: Channel, order: ChannelOrder, directory: Directory, tenant_id: UUID
) -> None:
    await directory.find(channel.id)
    async with db.tx(tenant_id) as tx:
        await channels.rotate(tx, channel, "t" * 40, keep=timedelta(days=7), now=NOW)
    found = await directory.find(channel.id)
    assert found.secrets(NOW).values == ("t" * 40, "s" * 40)
    assert found.secrets(NOW + timedelta(days=7)).values == ("t" * 40,)
    await channels.put(tenant_id, channel.id, order, now=NOW)
    assert (await directory.find(channel.id)).secrets(NOW).values == ("s" * 40,)


async def test_secrets_are_sealed_to_their_tenant_channel_and_field(
    channel: Channel, order: ChannelOrder, sealer: Sealer, tenant_id: UUID
) -> None:
    assert b"gateway-key" not in channel.api_key
    assert channel.secret is not None
    assert api_key(tenant_id, channel.id, channel.api_key, sealer) == "gateway-key"
    for tenant, other, sealed in (
        (new_id(), channel.id, channel.api_key),
        (tenant_id, new_id(), channel.api_key),
        (tenant_id, channel.id, channel.secret),
    ):
        with pytest.raises(NotConfigured):
            api_key(tenant, other, sealed, sealer)
    assert "gateway-key" not in repr(order)
    assert str(order.secret) not in repr(order)


async def test_the_directory_forgets_after_its_time_and_never_answers_for_what_is_off(
    db: Database, order: ChannelOrder, sealer: Sealer, tenant_id: UUID
) -> None:
    clock = [0.0]
    directory = Directory(db, sealer, seconds=3, monotonic=lambda: clock[0])
    here = Channels(db, sealer, directory, {})
    elsewhere = Channels(db, sealer, Directory(db, sealer, seconds=3), {})
    channel = await here.put(tenant_id, new_id(), order, now=NOW)
    assert (await directory.find(channel.id)).channel == channel
    await elsewhere.put(tenant_id, channel.id, replace(order, active=False), now=NOW)
    assert (await directory.find(channel.id)).channel == channel, "remembered"
    clock[0] = 3.0
    for channel_id in (channel.id, new_id()):
        with pytest.raises(UnknownChannel):
            await directory.find(channel_id)
    found = await asyncio.gather(*(directory.find(channel.id) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, UnknownChannel) for one in found)
    await elsewhere.put(tenant_id, channel.id, order, now=NOW)
    found = await asyncio.gather(*(directory.find(channel.id) for _ in range(5)))
    assert len({id(one) for one in found}) == 1, "they shared one look"


class Line:
    """A salon's line of the Cloud API, as those who provision it see it."""

    def __init__(self, http: httpx.AsyncClient, tenant_id: UUID, number: str | None = None) -> None:
        self.http = http
        self.auth = signed(tenant_id)
        self.id = new_id()
        self.number = number or line_id()

    def order(self, **changes: Any) -> dict[str, Any]:
        return {
            "gateway": "cloud",
            "instance": self.number,
            "base_url": "http://127.0.0.1:9/v23.0",
            "api_key": "EAA-access-token",
            "auth": META,
            **changes,
        }

    async def put(self, **changes: Any) -> httpx.Response:
        return await self.http.put(f"/v1/channels/{self.id}", json=self.order(**changes), auth=self.auth)

    async def post(self, what: str, body: Any, **headers: str) -> httpx.Response:
        return await self.http.post(f"/v1/channels/{self.id}/{what}", json=body, auth=self.auth, headers=headers)

    async def get(self, what: str = "") -> httpx.Response:
        return await self.http.get(f"/v1/channels/{self.id}{what}", auth=self.auth)


@pytest.fixture
def line(client: httpx.AsyncClient, tenant_id: UUID) -> Line:
    return Line(client, tenant_id)


async def test_a_line_with_a_meta_app_of_its_own(line: Line) -> None:
    view = (await line.put()).json()
    assert (view["gateway"], view["instance"], view["auth_mode"], view["own_app"]) == (
        "cloud",
        line.number,
        "meta",
        True,
    )
    assert view["webhook_path"] == f"/webhooks/cloud/{line.id}"
    shown = (await line.get()).text
    for secret in (META["secret"], META["verify_token"], "EAA-access-token"):
        assert secret not in shown
    rotated = await line.post("rotate-secret", {"secret": "r" * 32})
    assert rotated.status_code == 200
    assert rotated.json()["previous_secret_until"] is not None
    assert code(await line.get("/pairing")) == (409, "no_pairing")


async def test_a_line_with_an_app_of_its_own_is_claimed_within_its_salon_only(
    line: Line, client: httpx.AsyncClient, tenant_id: UUID
) -> None:
    """It hears what its own app hears, so what others claim takes nothing from it; the same salon would answer twice."""
    assert (await line.put()).status_code == 200
    second = Line(client, tenant_id, line.number)
    for version in ("v23.0", "v24.0"):
        refused = await second.put(base_url=f"http://127.0.0.1:9/{version}")
        assert code(refused) == (409, "line_taken")
        assert str(line.id) not in refused.text
    assert code(await second.get()) == (404, "unknown_channel")
    assert (await line.put()).status_code == 200, "the same one again is no other"
    assert (await Line(client, new_id(), line.number).put()).status_code == 200, "nobody is kept from their line"


async def test_an_instance_of_evolution_has_one_channel(client: httpx.AsyncClient, tenant_id: UUID) -> None:
    """Another one would find everything missing that is said there, and answer it as well, perhaps for another salon."""
    instance = f"salon-{new_id()}"

    async def put(tenant: UUID, channel_id: UUID, base_url: str = "http://127.0.0.1:9", **more: Any) -> httpx.Response:
        auth = {"mode": "hmac", "secret": "s" * 40}
        order = {"instance": instance, "base_url": base_url, "api_key": "gateway-key", "auth": auth, **more}
        return await client.put(f"/v1/channels/{channel_id}", json=order, auth=signed(tenant))

    first, second = new_id(), new_id()
    assert (await put(tenant_id, first)).status_code == 200
    assert (await put(tenant_id, first)).status_code == 200, "the same one again is no other"
    for tenant in (tenant_id, new_id()):
        refused = await put(tenant, new_id(), "http://127.0.0.1:9/")
        assert code(refused) == (409, "line_taken")
        assert str(first) not in refused.text
    assert (await put(new_id(), new_id(), "http://127.0.0.1:10")).status_code == 200, "of another server"
    assert (await put(tenant_id, second, active=False)).status_code == 200

    async def switch_on() -> httpx.Response:
        return await client.patch(f"/v1/channels/{second}", json={"active": True}, auth=signed(tenant_id))

    assert code(await switch_on()) == (409, "line_taken")
    assert (await put(tenant_id, first, active=False)).status_code == 200
    assert (await switch_on()).json()["active"] is True


async def test_a_line_of_the_shared_app_has_to_be_proved(line: Line) -> None:
    """What arrives for it at the installation's own Meta app would go to whoever says it is theirs."""
    assert code(await line.put(auth=None)) == (400, "bad_base_url"), "who is asked has to be Meta"
    assert code(await line.get()) == (404, "unknown_channel")
    switched_off = await line.put(auth=None, active=False)
    assert (switched_off.status_code, switched_off.json()["webhook_path"]) == (200, "/webhooks/cloud")
    assert code(await line.post("rotate-secret", {"secret": "r" * 32})) == (409, "shared_app")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"instance": "salon"}, (422, "invalid")),
        ({"base_url": "http://127.0.0.1:9"}, (400, "bad_base_url")),
        ({"base_url": "http://127.0.0.1:9/v23.0?x=1"}, (400, "bad_base_url")),
        ({"base_url": "http://u:p@127.0.0.1:9/v23.0"}, (400, "bad_base_url")),
        ({"api_key": "short"}, (422, "invalid")),
        ({"api_key": "EAA-access-token\n"}, (400, "bad_secret")),  # as it is pasted; every call would fail
        ({"auth": {"mode": "hmac", "secret": "s" * 40}}, (422, "invalid")),
        ({"auth": {**META, "secret": "s" * 23}}, (400, "weak_secret")),
        ({"auth": {**META, "verify_token": "v" * 23}}, (400, "weak_secret")),
        ({"auth": {**META, "secret": "s" * 30 + "é"}}, (400, "bad_secret")),
        ({"auth": {"mode": "meta", "secret": "s" * 40}}, (422, "invalid")),
        ({"gateway": "pigeon"}, (422, "invalid")),
        ({"gateway": ["cloud"]}, (422, "invalid")),
        ({"takeover_minutes": 0}, (422, "invalid")),
        ({"messages_per_minute": 0}, (422, "invalid")),
        ({"show_typing": "perhaps"}, (422, "invalid")),
        ({"previous_secret": "x" * 40}, (422, "invalid")),
    ],
)
async def test_orders_that_make_no_sense(line: Line, changes: Any, answer: Any) -> None:
    refused = await line.put(**changes)
    assert code(refused) == answer
    assert "s" * 23 not in refused.text
    assert (await line.get()).status_code == 404


async def test_habits_are_put_and_changed(line: Line, client: httpx.AsyncClient) -> None:
    names = ("takeover_minutes", "messages_per_minute", "show_typing", "transcribe", "active")

    def habits(answer: httpx.Response) -> tuple[Any, ...]:
        assert answer.status_code == 200, answer.text
        return tuple(answer.json()[name] for name in names)

    async def patch(**body: Any) -> httpx.Response:
        return await client.patch(f"/v1/channels/{line.id}", json=body, auth=line.auth)

    assert code(await patch(show_typing=True)) == (404, "unknown_channel")
    assert habits(await line.put()) == (120, 1200, False, False, True)
    assert habits(await line.put(takeover_minutes=None, show_typing=True)) == (None, 1200, True, False, True)
    assert habits(await patch(takeover_minutes=30)) == (30, 1200, True, False, True)
    assert habits(await patch(messages_per_minute=60, transcribe=True)) == (30, 60, True, True, True)
    assert habits(await patch(takeover_minutes=None)) == (None, 60, True, True, True)
    assert habits(await patch(active=False, show_typing=False)) == (None, 60, False, True, False)
    assert habits(await patch()) == (None, 60, False, True, False)
    assert code(await patch(instance="other")) == (422, "invalid")
    assert code(await patch(active=None)) == (422, "invalid")
    stranger = await client.patch(f"/v1/channels/{line.id}", json={"active": True}, auth=signed(new_id()))
    assert code(stranger) == (404, "unknown_channel")


async def test_a_rotation_that_is_repeated_happens_once(line: Line) -> None:
    """Else the second one would put the new secret in the place of the old one, which is still in use."""
    await line.put()
    answers = [await line.post("rotate-secret", {"secret": "r" * 32}, **{"idempotency-key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotent-replayed"] == "true"
    unkeyed = await line.http.post(
        f"/v1/channels/{line.id}/rotate-secret",
        json={"secret": "r" * 32},
        auth=line.auth,
        headers={"idempotency-key": ""},
    )
    assert code(unkeyed) == (400, "idempotency_key_malformed")


async def test_a_line_is_tried(
    client: httpx.AsyncClient, salon_of: Any, gateway: Any, fault: Any, tenant_id: UUID
) -> None:
    salon = salon_of(tenant_id, client)
    path = f"/v1/channels/{salon.channel_id}"

    async def test(**body: Any) -> Any:
        answer = await client.post(f"{path}/test", json=body, auth=salon.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    await salon.provision()
    away = await test(to="+351912345678")
    assert (away["connection"]["state"], away["message"]) == ("away", None)
    assert (await salon.get(path))["state"] == "away"

    await salon.provision(gateway.url)
    assert (await salon.get(f"{path}/connection"))["state"] == "open"
    assert (await salon.get(path))["state"] == "open"
    assert (await test())["message"] is None
    sent = (await test(to="+351912345678", text="olá"))["message"]
    assert (sent["outcome"], gateway.texts()) == ("sent", ["olá"])
    gateway.faults.append(fault(400, {"response": {"message": [{"exists": False}]}}))
    assert (await test(to="351912345678"))["message"]["code"] == "recipient_unknown"
    refused = await client.post(f"{path}/test", json={"to": "Rui"}, auth=salon.auth)
    assert code(refused) == (422, "invalid")
    for what in ("connection", "pairing"):
        assert code(await client.get(f"{path}/{what}", auth=signed(new_id()))) == (404, "unknown_channel")
    stranger = await client.post(f"{path}/test", json={}, auth=signed(new_id()))
    assert code(stranger) == (404, "unknown_channel")


async def test_a_phone_is_tied_to_a_line(
    client: httpx.AsyncClient, salon_of: Any, gateway: Any, tenant_id: UUID
) -> None:
    salon = salon_of(tenant_id, client)
    path = f"/v1/channels/{salon.channel_id}/pairing"
    await salon.provision()
    assert code(await client.get(path, auth=salon.auth)) == (503, "gateway_away")
    await salon.provision(gateway.url)
    gateway.pairing = {"pairingCode": None, "code": None, "count": 0}
    assert code(await client.get(path, auth=salon.auth)) == (503, "gateway_away")
    gateway.pairing = {"pairingCode": "ABCD1234", "code": "2@abc", "base64": "data:image/png;base64,AA==", "count": 1}
    shown = await salon.get(f"{path}?number=351912345678")
    assert shown == {"connected": False, "code": "ABCD1234", "qr": "2@abc", "image": "data:image/png;base64,AA=="}
    gateway.pairing = {"instance": {"instanceName": salon.instance, "state": "open"}}
    assert (await salon.get(path))["connected"] is True
    gateway.pairing = None
    assert code(await client.get(path, auth=salon.auth)) == (409, "line_refused")
    assert code(await client.get(f"{path}?number=rui", auth=salon.auth)) == (422, "invalid")
