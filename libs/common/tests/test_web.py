"""What every service answers: problem+json, health, metrics, the body limit, and signed internal requests."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from common_probe import SERVICE
from fastapi import Depends, Request
from pydantic import BaseModel, SecretStr

from booka_common import jobs
from booka_common.db import Database
from booka_common.errors import NotConfigured
from booka_common.ids import new_id
from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.testing import eventually, running, signed


class Echo(BaseModel):
    n: int


class Kept(BaseModel):
    secret: SecretStr


def build(settings):
    runtime = Runtime.of(SERVICE, settings)
    app = assemble(runtime, {})
    caller = authenticate(settings.secret_set("internal_secrets"), runtime.now)

    @app.post("/v1/echo")
    async def echo(body: Echo, who: Annotated[Caller, Depends(caller)]) -> dict[str, str]:
        return {"tenant": str(who.tenant_id), "n": str(body.n)}

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.post("/v1/notes")
    async def note(body: dict[str, Any], who: Annotated[Caller, Depends(caller)]) -> None:
        async with runtime.db.tx(who.tenant_id) as tx:
            if "text" in body:
                args = (who.tenant_id, new_id(), body["text"])
                await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)", *args)
            else:
                await tx.execute("SELECT $1::jsonb", body)

    @app.post("/v1/secrets")
    async def keep(body: Kept, who: Annotated[Caller, Depends(caller)]) -> int:
        return len(body.secret.get_secret_value().encode())

    @app.get("/unconfigured")
    async def unconfigured() -> None:
        raise NotConfigured("PROBE_KEY", "set it")

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret detail")

    return app


@pytest.fixture
async def client(settings):
    async with running(build(settings)) as http:
        yield http


async def test_a_signed_request_gets_its_tenant_from_the_signature(client, tenant_id):
    answer = await client.post("/v1/echo", json={"n": 1}, auth=signed(tenant_id))
    assert answer.json() == {"tenant": str(tenant_id), "n": "1"}


@pytest.mark.parametrize("body", [{"text": "a\x00b"}, {"facts": ["a\x00b"]}], ids=["text", "jsonb"])
async def test_a_nul_is_the_callers_fault(client, tenant_id, body):
    answer = await client.post("/v1/notes", json=body, auth=signed(tenant_id))
    assert (answer.status_code, answer.json()["code"]) == (400, "unstorable_text")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.post("/v1/notes", json={"text": "a b"}, auth=signed(tenant_id))).status_code == 200


async def test_half_an_emoji_is_the_callers_fault(client, tenant_id):
    for path, body in (("/v1/secrets", rb'{"secret": "\ud83d"}'), ("/v1/notes", rb'{"text": "\ud83d"}')):
        answer = await client.post(path, content=body, auth=signed(tenant_id))
        assert (answer.status_code, answer.json()["code"]) in {(400, "unstorable_text"), (422, "invalid")}, path


async def test_what_is_signed_is_the_target_as_it_is_sent(client, tenant_id):
    job_id = str(new_id())
    for path in (f"/v1/jobs/{job_id}/replay", f"/v1/jobs/%30{job_id[1:]}/replay?a=%3F&b=%20"):
        answer = await client.post(path, auth=signed(tenant_id))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-booka-signature": "v1=00"}, "bad_signature"),
        ({"x-booka-tenant": str(new_id())}, "bad_signature"),
        ({"x-booka-timestamp": "1"}, "bad_signature"),
    ],
)
async def test_a_forged_request_is_401(client, tenant_id, change, code):
    request = client.build_request("POST", "/v1/echo", json={"n": 1})
    request = next(signed(tenant_id).sync_auth_flow(request))
    request.headers.update(change)
    answer = await client.send(request)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unsigned_request_is_401_and_a_missing_secret_is_503_that_names_it(client, settings, tenant_id):
    assert (await client.post("/v1/echo", json={"n": 1})).status_code == 401
    bare = settings.model_copy(update={"internal_secrets": ()})
    async with running(build(bare)) as unconfigured:
        answer = await unconfigured.post("/v1/echo", json={"n": 1}, auth=signed(tenant_id))
        assert answer.status_code == 503
        assert answer.json()["variable"] == "PROBE_INTERNAL_SECRETS"
        assert (await unconfigured.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"{", 400, "malformed"), (b'{"n": "x"}', 422, "invalid"), (b"\xff\xfe", 400, "malformed")],
)
async def test_bad_input_is_refused_precisely(client, tenant_id, body, status, code):
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/echo", content=body, headers=headers, auth=signed(tenant_id))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_oversized_body_is_413(client):
    answer = await client.post("/raw", content=b"x" * 300_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def endless():
        for _ in range(100):
            yield b"x" * 10_000

    answer = await client.post("/raw", content=endless())
    assert answer.status_code == 413


async def test_unconfigured_unknown_and_broken_routes(client):
    answer = await client.get("/unconfigured")
    assert (answer.status_code, answer.json()["variable"]) == (503, "PROBE_KEY")
    assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/nowhere")).json()["code"] == "not_found"
    broken = await client.get("/bug")
    assert broken.status_code == 500
    assert "secret detail" not in broken.text


async def test_health_and_metrics(client):
    assert (await client.get("/healthz")).status_code == 200

    async def connected():
        return (await client.get("/readyz")).json().get("rabbitmq")

    await eventually(connected)
    text = (await client.get("/metrics")).text
    assert "booka_outbox_pending 0" in text or "booka_outbox_pending" in text
    assert 'booka_http_requests_total{code="200",method="GET",route="/readyz"}' in text


async def test_ready_is_503_without_a_database(settings):
    from pydantic import SecretStr

    away = settings.model_copy(update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")})
    async with running(build(away)) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert (await client.get("/healthz")).status_code == 200


async def test_the_asyncapi_document_names_what_is_heard_and_said(client):
    document = (await client.get("/asyncapi.json")).json()
    assert "booking.reservation.held.v1" in str(document["channels"])
    page = await client.get("/asyncapi")
    assert "text/html" in page.headers["content-type"]
    assert "booka-booking" in page.text


async def test_a_dead_job_is_replayed_once_however_often_that_is_asked_for(client, settings, tenant_id):
    """Without a key: the job's own state says whether there is anything left to do."""
    now, job_id = datetime.now(UTC), new_id()
    async with Database(settings.database_url.get_secret_value(), SERVICE.name) as db:
        async with db.tx(tenant_id) as tx:
            # Of no type that a worker here runs, so it stays as it is.
            await jobs.put(tx, "nobodys", {}, scheduled_at=now, correlation_id=new_id(), id=job_id)
            await tx.execute(
                "UPDATE jobs SET status = 'dead', attempts = 10, last_error = 'away' WHERE id = $1", job_id
            )

        async def replay(who=tenant_id, id=job_id):
            return (await client.post(f"/v1/jobs/{id}/replay", auth=signed(who))).status_code

        assert [await replay(new_id()), await replay(id=new_id())] == [404, 404]
        assert sorted(await asyncio.gather(*(replay() for _ in range(5)))) == [202, 404, 404, 404, 404]
        (job,) = (await client.get("/v1/jobs", auth=signed(tenant_id))).json()["items"]
        assert (job["status"], job["attempts"]) == ("ready", 0)
        async with db.tx(tenant_id) as tx:
            await tx.execute("UPDATE jobs SET attempts = 3 WHERE id = $1", job_id)
        assert await replay() == 404
        (job,) = (await client.get("/v1/jobs?status=ready", auth=signed(tenant_id))).json()["items"]
        assert job["attempts"] == 3, "a repeated request gives back no attempt"
        for status in ("done", "cancelled"):
            async with db.tx(tenant_id) as tx:
                await tx.execute("UPDATE jobs SET status = $2, finished_at = now() WHERE id = $1", job_id, status)
            assert await replay() == 404


async def test_jobs_come_in_pages_and_after_a_job_that_is_gone_there_is_nothing(client, settings, tenant_id):
    now, ids = datetime.now(UTC), [new_id() for _ in range(3)]
    async with Database(settings.database_url.get_secret_value(), SERVICE.name) as db, db.tx(tenant_id) as tx:
        for job_id in ids:
            await jobs.put(tx, "nobodys", {}, scheduled_at=now, correlation_id=new_id(), id=job_id)

    async def page(**query):
        found = (await client.get("/v1/jobs", params=query, auth=signed(tenant_id))).json()
        return [item["id"] for item in found["items"]], found["next"]

    assert await page(limit=2) == ([str(ids[2]), str(ids[1])], str(ids[1]))
    assert await page(limit=2, before=ids[1]) == ([str(ids[0])], None)
    # From the start again, a reader that follows `next` would never end.
    assert await page(limit=2, before=new_id()) == ([], None)
