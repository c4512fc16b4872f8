"""A change over HTTP happens once, however often and however concurrently it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import pytest
from common_probe import SERVICE
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from booka_common.db import Database
from booka_common.errors import Conflict, Gone
from booka_common.idempotency import (
    AnsweredBefore,
    Keyed,
    KeyInProgress,
    Once,
    OnceRoute,
    claim_all,
    once,
    store_all,
    straight,
)
from booka_common.ids import new_id
from booka_common.internal import authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.testing import running, signed
from booka_common.versions import IfMatch, check_version, etag


class Note(BaseModel):
    id: UUID = Field(default_factory=new_id)
    text: str = Field(max_length=100)


class Gate:
    """Lets a test stop a request in the middle of its transaction."""

    def __init__(self) -> None:
        self.entered, self.leave = asyncio.Event(), asyncio.Event()


def hot(db: Database) -> Callable[[Once, Note], Awaitable[Response]]:
    async def post_hot(asked: Once, body: Note) -> Response:
        async with db.tx(asked.tenant_id) as tx:
            (problem,) = await claim_all(tx, [asked.keyed])
            if isinstance(problem, AnsweredBefore):
                return await asked.answer_again()
            if body.text == "no":
                raise Conflict("not now", code="no")
            response = Response(body.text, 201)
            await store_all(tx, [(asked.keyed, response)])
        return response

    return post_hot


def build(settings: Any, gate: Gate) -> Any:
    runtime = Runtime.of(SERVICE, settings)
    app = assemble(runtime, {})
    router = APIRouter(prefix="/v1", route_class=OnceRoute)
    caller = authenticate(settings.secret_set("internal_secrets"), runtime.now)
    ask = once(runtime.db, caller)
    Asked = Annotated[Once, Depends(ask)]

    async def write(asked: Once, note: Note, tx: Any) -> None:
        await tx.execute(
            "INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)", asked.tenant_id, note.id, note.text
        )

    @router.post("/notes", status_code=201)
    async def post_note(asked: Asked, body: Note, response: Response, shout: bool = False) -> Note:
        async with asked.tx() as tx:
            await write(asked, body, tx)
            if body.text == "wait":
                gate.entered.set()
                await gate.leave.wait()
            if body.text == "no":
                raise Conflict("not now", code="no")
            if body.text == "bug inside":
                raise RuntimeError(body.text)
        if body.text == "over":
            raise Gone("it is over", code="over")
        if body.text == "bug outside":
            raise RuntimeError(body.text)
        response.headers["ETag"] = etag(1)
        response.headers["X-Other"] = "not kept"
        return body

    @router.put("/notes/{version}")
    async def put_note(asked: Asked, version: int, given: IfMatch, body: Note) -> Note:
        async with asked.tx() as tx:
            check_version(given, version or None)
            await write(asked, body, tx)
        return body

    @router.delete("/notes", status_code=204)
    async def delete_notes(asked: Asked) -> None:
        async with asked.tx() as tx:
            await tx.execute("DELETE FROM notes WHERE tenant_id = $1", asked.tenant_id)

    @router.get("/notes")
    async def count_notes() -> int:
        return 0

    app.include_router(router)
    app.state.hot["POST", "/v1/hot"] = straight(ask, caller, Note, hot(runtime.db))
    return app


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
async def client(settings, gate, tenant_id):
    async with running(build(settings, gate)) as http:
        http.auth = signed(tenant_id)
        yield http


async def count(db, tenant_id, table="notes"):
    async with db.tx(tenant_id) as tx:
        return await tx.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant_id)  # noqa: S608


def key(text: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": text or str(new_id())}


async def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(client, db, tenant_id):
    body, headers = {"text": "hello"}, key()
    first, again = [await client.post("/v1/notes", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert {name: again.headers.get(name) for name in ("content-type", "etag", "x-other")} == {
        "content-type": "application/json", "etag": '"1"', "x-other": None,
    }  # fmt: skip
    assert await count(db, tenant_id) == 1
    gone = [await client.delete("/v1/notes", headers=headers | key("k")) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in gone] == [(204, b"")] * 2


async def test_a_key_is_needed_and_has_to_be_one(client, db, tenant_id):
    async def send(*keys: bytes) -> tuple[int, str]:
        request = client.build_request("POST", "/v1/notes", json={"text": 5})
        request = next(signed(tenant_id).sync_auth_flow(request))
        del request.headers["idempotency-key"]
        raw = [*request.headers.raw, *((b"Idempotency-Key", text) for text in keys)]
        request.headers = type(request.headers)(raw)
        answer = await client.send(request, auth=None)
        return answer.status_code, answer.json()["code"]

    assert await send() == (400, "idempotency_key_missing")
    for bad in ((b"",), (b"a b",), (b"x" * 256,), ("é".encode(),), (b"one", b"two")):
        assert await send(*bad) == (400, "idempotency_key_malformed"), bad
    for good in (b"x" * 255, rb"');DROP_TABLE_notes;--\$1%s"):
        assert await send(good) == (422, "invalid"), good
    answer = await client.post("/v1/notes", json={"text": "quoted"}, headers=key(r"'||\x27$1"))
    assert answer.status_code == 201
    assert await count(db, tenant_id) == 1


async def test_a_key_is_for_one_request_of_one_salon(client, db, tenant_id):
    headers, note = key(), {"id": str(new_id()), "text": "mine"}
    assert (await client.post("/v1/notes", json=note, headers=headers)).status_code == 201
    for method, path, body, more in (
        ("POST", "/v1/notes", {**note, "text": "other"}, {}),
        ("POST", "/v1/notes?shout=1", note, {}),
        ("PUT", "/v1/notes/0", note, {}),
        ("POST", "/v1/notes", note, {"If-Match": '"1"'}),
    ):
        answer = await client.request(method, path, json=body, headers=headers | more)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused"), (method, path, body)
    stranger = await client.post("/v1/notes", json=note, headers=headers, auth=signed(new_id()))
    assert (stranger.status_code, "idempotent-replayed" in stranger.headers) == (201, False)
    assert await count(db, tenant_id) == 1


async def test_of_many_at_once_one_works_and_the_others_do_not_wait(client, db, tenant_id, gate):
    headers, body = key(), {"text": "wait"}
    first = asyncio.create_task(client.post("/v1/notes", json=body, headers=headers))
    await gate.entered.wait()
    async with asyncio.timeout(5):  # the first one's transaction stays open all the while
        others = await asyncio.gather(*(client.post("/v1/notes", json=body, headers=headers) for _ in range(8)))
    assert {(answer.status_code, answer.json()["code"]) for answer in others} == {(409, "idempotency_key_in_progress")}
    assert {answer.headers["retry-after"] for answer in others} == {"1"}
    other_key = await client.post("/v1/notes", json={"text": "free"}, headers=key())
    assert other_key.status_code == 201
    gate.leave.set()
    assert (await first).status_code == 201
    again = await client.post("/v1/notes", json=body, headers=headers)
    assert (again.json(), again.headers["idempotent-replayed"]) == ((await first).json(), "true")
    assert await count(db, tenant_id) == 2


async def test_storms_have_one_effect_each(client, db, tenant_id):
    for _ in range(20):
        headers, body = key(), {"text": "storm"}
        answers = await asyncio.gather(*(client.post("/v1/notes", json=body, headers=headers) for _ in range(8)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await count(db, tenant_id) == 20


async def test_a_refusal_that_changed_nothing_is_looked_at_anew(client, db, tenant_id):
    headers = key()
    for _ in range(2):
        answer = await client.post("/v1/notes", json={"text": "no"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "no")
        assert "idempotent-replayed" not in answer.headers
    assert await count(db, tenant_id) == 0
    assert (await client.post("/v1/notes", json={"text": "yes"}, headers=headers)).status_code == 201


async def test_a_refusal_that_changed_something_stands(client, db, tenant_id):
    headers = key()
    for replayed in (None, "true"):
        answer = await client.post("/v1/notes", json={"text": "over"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (410, "over")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers.get("idempotent-replayed") == replayed
    assert await count(db, tenant_id) == 1


@pytest.mark.parametrize("text", ["bug inside", "bug outside"])
async def test_a_fault_leaves_neither_the_change_nor_the_key(client, db, tenant_id, text):
    for _ in range(2):
        assert (await client.post("/v1/notes", json={"text": text}, headers=key("same"))).status_code == 500
    assert await count(db, tenant_id) == await count(db, tenant_id, "idempotency_keys") == 0
    assert (await client.post("/v1/notes", json={"text": "well"}, headers=key("same"))).status_code == 201


async def test_a_request_that_is_cut_off_leaves_neither_the_change_nor_the_key(client, db, tenant_id, gate):
    body, headers = {"text": "wait"}, key()
    cut = asyncio.create_task(client.post("/v1/notes", json=body, headers=headers))
    await gate.entered.wait()
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    gate.leave.set()
    assert await count(db, tenant_id) == 0
    answer = await client.post("/v1/notes", json=body, headers=headers)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)


async def test_a_change_names_the_version_it_was_made_for(client, db, tenant_id):
    async def put(current: int, given: str | None) -> tuple[int, str | None, Any]:
        headers = {} if given is None else {"If-Match": given}
        answer = await client.put(f"/v1/notes/{current}", json={"text": "v"}, headers=headers)
        return answer.status_code, answer.headers.get("etag"), answer.json().get("code")

    assert await put(0, None) == (200, None, None)
    assert await put(0, '"1"') == (412, None, "version_conflict")
    assert await put(3, None) == (428, None, "version_required")
    assert await put(3, '"2"') == (412, '"3"', "version_conflict")
    assert await put(3, '"3"') == (200, None, None)
    for bad in ("3", '"0"', '"-1"', '"x"', 'W/"3"', '"3", "4"', "*", '""', '"' + "9" * 30 + '"'):
        assert await put(3, bad) == (400, None, "if_match_malformed"), bad
    assert await count(db, tenant_id) == 2
    conflict = await client.put("/v1/notes/3", json={"text": "v"}, headers={"If-Match": '"2"'})
    assert conflict.json()["version"] == 3


async def test_openapi_shows_the_headers_and_the_refusals(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    post, put = paths["/v1/notes"]["post"], paths["/v1/notes/{version}"]["put"]
    for operation in (post, put, paths["/v1/notes"]["delete"]):
        shown = [item for item in operation["parameters"] if item["name"] == "Idempotency-Key"]
        assert [item["required"] for item in shown] == [True]
        assert {"400", "409", "422"} <= operation["responses"].keys()
    assert {"412", "428"} <= put["responses"].keys()
    assert "If-Match" in [item["name"] for item in put["parameters"]]
    assert "ETag" in put["responses"]["200"]["headers"]
    assert put["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Note")
    assert "parameters" not in paths["/v1/notes"]["get"]
    assert "412" not in post["responses"]


async def test_a_route_that_forgets_it_is_refused_at_the_start():
    router = APIRouter(route_class=OnceRoute)

    async def change() -> None: ...

    with pytest.raises(TypeError, match="does not depend on `once`"):
        router.post("/change")(change)
    router.get("/look")(change)


async def test_answers_are_forgotten_after_a_while(client, db, tenant_id):
    from datetime import timedelta

    from booka_common.db import load_queries

    await client.post("/v1/notes", json={"text": "old"}, headers=key())
    await client.post("/v1/notes", json={"text": "new"}, headers=key())
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            "UPDATE idempotency_keys SET created_at = created_at - interval '8 days' WHERE tenant_id = $1 AND ctid = "
            "(SELECT min(ctid) FROM idempotency_keys WHERE tenant_id = $1)",
            tenant_id,
        )
    async with db.system_tx() as tx:
        await tx.execute(load_queries("booka_common", "idempotency.sql")["idempotency_prune"], timedelta(days=7))
    assert await count(db, tenant_id, "idempotency_keys") == 1


async def test_requests_that_share_a_transaction_have_a_key_each(db, tenant_id):
    other = new_id()
    first, second, stranger = (Keyed(tenant, "k", "POST /v1/notes", b"") for tenant in (tenant_id, tenant_id, other))
    async with db.shared_tx([tenant_id, other]) as tx:
        problems = await claim_all(tx, [first, second, stranger])
        assert [type(problem) for problem in problems] == [type(None), KeyInProgress, type(None)]
        await store_all(tx, [(first, Response("ours")), (stranger, Response("theirs"))])
        async with db.tx(tenant_id) as elsewhere:
            assert [type(problem) for problem in await claim_all(elsewhere, [first])] == [KeyInProgress]
    async with db.shared_tx([tenant_id, other]) as tx:
        problems = await claim_all(tx, [second, stranger])
        assert [type(problem) for problem in problems] == [AnsweredBefore] * 2
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT body FROM idempotency_keys WHERE tenant_id = $1", tenant_id) == b"ours"


async def test_a_hot_route_is_one_like_all_others(client, db, tenant_id):
    headers = key()
    first, again = [await client.post("/v1/hot", json={"text": "hello"}, headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.text) for answer in (first, again)] == [(201, "hello")] * 2
    assert again.headers["idempotent-replayed"] == "true"
    reused = await client.post("/v1/hot", json={"text": "other"}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    for sent, status, code in (
        ({"json": {"text": "no"}}, 409, "no"),
        ({"json": {"text": 5}}, 422, "invalid"),
        ({"content": b"{"}, 400, "malformed"),
        ({"content": b"x" * 300_000}, 413, "too_large"),
        ({"json": {"text": "hello"}, "auth": None}, 401, "bad_signature"),
        ({"json": {"text": "hello"}, "headers": key("k k")}, 400, "idempotency_key_malformed"),
    ):
        answer = await client.post("/v1/hot", **sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code), sent
    invalid = await client.post("/v1/hot", json={"text": 5})
    assert invalid.json()["errors"] == (await client.post("/v1/notes", json={"text": 5})).json()["errors"]
    assert 'route="/v1/hot"' in (await client.get("/metrics")).text
