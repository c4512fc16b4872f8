"""Which webhooks are believed, by every way of proving who they are, at the service's own door."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import httpx
import jwt
import pytest

from booka_common.db import Database
from booka_common.service import system_clock
from booka_common.signing import SecretSet
from booka_messaging import store
from booka_messaging.providers.registry import kinds_of_gateways
from booka_messaging.settings import Settings
from booka_messaging.usecases.directory import secret_field

from .meta import Line, body_of, change, text

AuthMode = Literal["hmac", "header", "jwt", "meta"]
MODES: tuple[AuthMode, ...] = ("hmac", "header", "jwt", "meta")
OLD, NEW, FOREIGN = "o" * 40, "n" * 40, "f" * 40
Headers = list[tuple[bytes, bytes]]


def mac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def token(secret: str, **claims: Any) -> str:
    issued = int(system_clock().timestamp())
    whole = {"iat": issued, "exp": issued + 600, "app": "evolution", "action": "webhook", **claims}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, secret, "HS256")


def proof(mode: AuthMode, secret: str, body: bytes) -> tuple[str, str]:
    """The header that the gateway sends."""
    match mode:
        case "hmac":
            return "x-booka-signature", f"sha256={mac(secret, body)}"
        case "header":
            return "x-booka-webhook-secret", secret
        case "jwt":
            return "authorization", f"Bearer {token(secret)}"
        case "meta":
            return "x-hub-signature-256", f"sha256={mac(secret, body)}"


class Door:
    """A line that proves itself in one way, with the secret before still valid."""

    def __init__(self, mode: AuthMode, http: httpx.AsyncClient, salon: Any, line: Line) -> None:
        self.mode, self.http, self._salon, self._line = mode, http, salon, line
        self.channel_id: UUID = line.id if mode == "meta" else salon.channel_id
        self.path = f"/webhooks/cloud/{line.id}" if mode == "meta" else salon.path

    async def open(self) -> "Door":
        if self.mode == "meta":
            self._line.secret = OLD
            await self._line.open()
        else:
            await self._salon.provision(auth={"mode": self.mode, "secret": OLD})
        return self

    async def rotate(self, secret: str = NEW) -> None:
        path = f"/v1/channels/{self.channel_id}/rotate-secret"
        answer = await self.http.post(path, json={"secret": secret}, auth=self._salon.auth)
        assert answer.status_code == 200, answer.text

    def body(self, said: str = "oi") -> bytes:
        made: bytes = self._salon.body(self._salon.text(said))
        return body_of(change(self._line.number, text(said))) if self.mode == "meta" else made

    def proof(self, secret: str, body: bytes) -> tuple[bytes, bytes]:
        name, value = proof(self.mode, secret, body)
        return name.encode(), value.encode()

    async def post(self, body: bytes, headers: Headers) -> httpx.Response:
        return await self.http.post(self.path, content=body, headers=headers)


@pytest.fixture(params=MODES)
async def door(
    request: pytest.FixtureRequest, client: httpx.AsyncClient, salon_of: Any, gateway: Any, tenant_id: UUID
) -> Door:
    return await Door(request.param, client, salon_of(tenant_id, client), Line(client, tenant_id, gateway.url)).open()


def forgeries(door: Door, body: bytes) -> dict[str, Headers]:
    """What must not be believed, by what is wrong with it; whatever it is made with is valid otherwise."""
    name, good = door.proof(NEW, body)
    foreign = door.proof(FOREIGN, body)[1]
    prefix, _, bare = good.rpartition(b" " if door.mode == "jwt" else b"=")
    found: dict[str, Headers] = {
        "no header": [],
        "empty": [(name, b"")],
        "another secret": [(name, foreign)],
        "given twice": [(name, good), (name, good)],
        "given twice, one of them right": [(name, good), (name, foreign)],
        "given twice, in two spellings": [(name, good), (name.title(), good)],
        "cut by one": [(name, good[:-1])],
        "cut in half": [(name, good[: len(good) // 2])],
        "one more": [(name, good + b"0")],
        "wrong case": [(name, prefix + good[len(prefix) : len(good) - len(bare)] + bare.swapcase())],
        "not ASCII": [(name, good[:-1] + b"\xff")],
        "UTF-8": [(name, "é".encode() + good)],
        "in another header": [(b"x-signature", good)],
        "as a list": [(name, good + b"," + good)],
    }
    if door.mode in ("hmac", "meta"):
        found |= {
            "no prefix": [(name, bare)],
            "the prefix of another algorithm": [(name, b"sha1=" + bare)],
            "the prefix in capitals": [(name, b"SHA256=" + bare)],
            "the prefix alone": [(name, b"sha256=")],
            "no secret": [(name, b"sha256=" + mac("", body).encode())],
            "the secret itself": [(name, b"sha256=" + NEW.encode())],
        }
    if door.mode == "jwt":
        now = int(system_clock().timestamp())
        made = {
            "expired for longer than Evolution repeats": token(NEW, exp=now - 31 * 60),
            "without an end": token(NEW, exp=None),
            "an end that is no time": token(NEW, exp="soon"),
            "unsigned": jwt.encode({"exp": now + 600}, "", "none"),
            "another algorithm": jwt.encode({"exp": now + 600}, NEW * 2, "HS512"),
        }
        found |= {what: [(name, b"Bearer " + one.encode())] for what, one in made.items()}
        found |= {
            "no prefix": [(name, bare)],
            "another scheme": [(name, b"Basic " + bare)],
            "the prefix alone": [(name, b"Bearer ")],
        }
    return found


async def test_forgeries_are_refused_and_change_nothing(door: Door, db: Database, tenant_id: UUID) -> None:
    await door.rotate()
    body = door.body()
    for what, headers in forgeries(door, body).items():
        answer = await door.post(body, headers)
        assert answer.status_code == 401, what
        assert answer.json()["code"] in ("bad_signature", "stale_token"), what
    if door.mode in ("hmac", "meta"):  # the others are not bound to the body: what Evolution has to offer
        for changed in (body + b" ", body[:-1], body.replace(b"oi", b"Oi"), b"", b"\xef\xbb\xbf" + body):
            assert (await door.post(changed, [door.proof(NEW, body)])).status_code == 401, changed
    async with db.tx(tenant_id) as tx:
        for table in ("messages", "contacts", "unread_deliveries"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608
    for secret in (NEW, OLD):
        body = door.body()
        assert (await door.post(body, [door.proof(secret, body)])).json() == {"outcome": "accepted"}, secret


async def test_a_token_of_the_future_and_a_late_one_are_believed(
    client: httpx.AsyncClient, salon_of: Any, tenant_id: UUID
) -> None:
    """Evolution makes one token for all attempts of a delivery, and its clock may be wrong: the end is all that counts."""
    salon = salon_of(tenant_id, client)
    await salon.provision(auth={"mode": "jwt", "secret": OLD})
    now = int(system_clock().timestamp())
    for claims in ({"iat": now + 3600, "nbf": now + 3600, "exp": now + 4200}, {"iat": now - 1800, "exp": now - 1200}):
        body = salon.body(salon.text())
        headers = {"authorization": f"Bearer {token(OLD, **claims)}"}
        assert (await client.post(salon.path, content=body, headers=headers)).status_code == 200, claims


async def test_a_rotation_in_the_middle_of_traffic_loses_nothing(door: Door, db: Database, tenant_id: UUID) -> None:
    bodies = [door.body(f"oi {number}") for number in range(60)]
    rotating = asyncio.Event()

    async def deliver(number: int) -> int:
        if number == 20:
            await door.rotate()
            rotating.set()
        if number >= 20:
            await rotating.wait()
        # The gateway learns of the new secret a little later than we do, and repeats with the old one for longer.
        secret = NEW if number >= 30 and number % 3 else OLD
        return (await door.post(bodies[number], [door.proof(secret, bodies[number])])).status_code

    assert await asyncio.gather(*(deliver(number) for number in range(60))) == [200] * 60
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM messages WHERE turn IS NOT NULL") == 60
    await door.rotate(FOREIGN)
    body = door.body()
    assert (await door.post(body, [door.proof(OLD, body)])).status_code == 401, "two at most are valid"


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("weak", ["", "s" * 23])
async def test_an_empty_or_short_secret_is_our_fault_and_lets_nobody_in(
    door: Door, settings: Settings, started: Any, db: Database, tenant_id: UUID, weak: str
) -> None:
    """No such secret can be set; if one is there nevertheless, nothing made with it may be believed."""
    sealed = settings.sealer().seal(tenant_id, secret_field(door.channel_id), weak)
    now = system_clock()
    async with db.tx(tenant_id) as tx:
        await store.rotate_channel(tx, door.channel_id, secret=sealed, previous_until=now + timedelta(days=1), now=now)
    async with started(settings) as elsewhere:
        door.http = elsewhere
        for secret in (weak, OLD):
            body = door.body()
            # An empty key signs nothing that a JWT library would make.
            forged = (
                [(b"authorization", b"Bearer ")] if door.mode == "jwt" and not secret else [door.proof(secret, body)]
            )
            answer = await door.post(body, forged)
            assert (answer.status_code, answer.json()["code"]) == (503, "config_missing")
            assert str(door.channel_id) in answer.json()["variable"]


def test_the_matrix_is_complete(settings: Settings) -> None:
    """A new way of proving who one is belongs in here."""
    ways: Callable[..., Any] = proof
    assert {ways(mode, NEW, b"")[0] for mode in MODES} == {
        "x-booka-signature", "x-booka-webhook-secret", "authorization", "x-hub-signature-256",
    }  # fmt: skip
    assert set(MODES) == {mode for kind in kinds_of_gateways(settings) for mode in kind.modes}
    assert "secrets" in repr(SecretSet("x", (NEW,)))
    assert NEW not in repr(SecretSet("x", (NEW,)))
