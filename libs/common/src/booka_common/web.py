"""The HTTP side that every service shares: problem+json, health, metrics, body limit, and the jobs an operator can see."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.telemetry import TelemetryConfig
from faststream.specification import AsyncAPI
from faststream.specification.asyncapi import get_asyncapi_html
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from booka_common import jobs
from booka_common.db import Database, load_queries
from booka_common.errors import BookaError, NotFound, is_transient
from booka_common.internal import Caller
from booka_common.observability import Metrics, work

__all__ = ["Hot", "Problem", "answer_to", "create_web", "jobs_api", "problem", "refused"]

_log = logging.getLogger(__name__)
_job_queries = load_queries("booka_common", "jobs.sql")
_outbox_queries = load_queries("booka_common", "outbox.sql")

Check = Callable[[], Awaitable[bool]]
#: Routes that are asked so often that FastAPI's own part of an answer is worth saving, by method and path: `app.state.hot`.
#: They are declared with FastAPI as well, which documents them.
Hot = dict[tuple[str, str], Callable[[Request], Awaitable[Response]]]
#: JSON has characters that PostgreSQL has not: U+0000, in a text and in a jsonb, and that UTF-8 has not: half a surrogate pair.
_UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError, UnicodeEncodeError)


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is stable; `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """A problem+json response."""
    titles = {400: "Bad request", 401: "Unauthorized", 404: "Not found", 409: "Conflict", 410: "Gone", 413: "Too large",
              412: "Precondition failed", 422: "Unprocessable", 428: "Precondition required",
              503: "Service unavailable"}  # fmt: skip
    body = {
        "type": "about:blank",
        "title": titles.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        **(extra or {}),
    }
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def refused(error: BookaError) -> JSONResponse:
    """`error` as its problem+json response."""
    return problem(error.status, error.code, error.detail, headers=error.headers, extra=error.extra)


def answer_to(error: Exception) -> Response:
    """What a request is answered that ended with `error`: a refusal, 503 if it may succeed later, else 500, which is logged."""
    try:
        return _refusal(error)
    except Exception as other:
        if is_transient(other):
            return problem(503, "unavailable", "temporarily unavailable, try again", headers={"Retry-After": "5"})
        _log.error("request failed", exc_info=other)
        return problem(500, "internal_error", "an internal error, logged with the trace id")


async def _refused(_request: Request, error: Exception) -> Response:
    return _refusal(error)


def _refusal(error: Exception) -> Response:
    """Raises `error` itself if it is none."""
    if isinstance(error, BookaError):
        return refused(error)
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "refused")
        return problem(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        errors = [{"at": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
        malformed = any(item["type"] == "json_invalid" for item in error.errors())
        status, code = (400, "malformed") if malformed else (422, "invalid")
        return problem(
            status, code, "; ".join(f"{item['at']}: {item['message']}" for item in errors), extra={"errors": errors}
        )
    if isinstance(error, _UNSTORABLE):
        return problem(400, "unstorable_text", "a text contains a character that cannot be stored")
    raise error


class _Edge:
    """Measures every request, limits its body, continues its trace, and turns what escaped into 503 or 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int, hot: Hot) -> None:
        self._app = app
        self._hot = hot
        self._requests = metrics.requests
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        status = 500
        answered = False

        async def counted(message: AsgiMessage) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
            await send(message)

        received = 0

        async def limited() -> AsgiMessage:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(413, f"the body is larger than {self._max_body_bytes} bytes")
            return message

        traceparent = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None
        )
        hot = self._hot.get((scope["method"], scope["path"]))
        with work(traceparent=traceparent if traceparent and traceparent.count("-") == 3 else None):
            try:
                app = self._app if hot is None else await hot(Request(scope, limited))
                await app(scope, limited, counted)
            except Exception as error:
                if answered:
                    raise
                response = answer_to(error)
                status = response.status_code
                await response(scope, receive, send)
            finally:
                route = scope["path"] if hot else getattr(scope.get("route"), "path", "unmatched")
                self._requests.count(scope["method"], route, status, time.perf_counter() - started)
        return None


def create_web(
    *,
    title: str,
    description: str,
    db: Database,
    metrics: Metrics,
    required_migrations: frozenset[str],
    checks: dict[str, Check],
    alive: Callable[[], bool],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    max_body_bytes: int,
    asyncapi: AsyncAPI,
) -> FastAPI:
    """The FastAPI application with the routes and behaviour that all services have in common.

    Args:
        required_migrations: `/readyz` is 503 until the schema has them all.
        checks: further states that `/readyz` reports without failing on them (RabbitMQ: the outbox bridges its absence).
        alive: `/healthz` is 503 once this is False.
        asyncapi: of what the service hears and says, for `/asyncapi` and `/asyncapi.json`.
    """
    # `observability` measures and traces; FastAPI's own would look for exporters with every request.
    silent: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(title=title, description=description, version="1", lifespan=lifespan, telemetry=silent)
    app.state.hot = {}
    app.add_middleware(_Edge, metrics=metrics, max_body_bytes=max_body_bytes, hot=app.state.hot)
    for kind in (BookaError, HTTPException, RequestValidationError, *_UNSTORABLE):
        app.add_exception_handler(kind, _refused)
    plumbing = APIRouter(tags=["operations"])

    @plumbing.get("/healthz", summary="Alive: the process works")
    async def healthz() -> Response:
        return (
            JSONResponse({"alive": True})
            if alive()
            else problem(503, "dead", "a background task has ended; restart the process")
        )

    @plumbing.get("/readyz", summary="Ready: the database answers and has the schema this version needs")
    async def readyz() -> Response:
        states = {name: await check() for name, check in checks.items()}
        try:
            async with db.system_tx() as tx:
                applied = {row["name"] for row in await tx.fetch("SELECT name FROM schema_migrations")}
        except Exception as error:
            return problem(
                503, "database_unavailable", f"the database does not answer: {type(error).__name__}", extra=states
            )
        missing = sorted(required_migrations - applied)
        if missing:
            return problem(503, "schema_outdated", f"run migrate: missing {', '.join(missing)}", extra=states)
        return JSONResponse({"ready": True, "database": True, **states})

    @plumbing.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics_page() -> Response:
        try:
            async with db.system_tx() as tx:
                backlog = await tx.fetchrow(_outbox_queries["outbox_backlog"])
                counts = {row["status"]: row["count"] for row in await tx.fetch(_job_queries["job_counts"])}
            metrics.outbox_pending.set(backlog["pending"] if backlog else 0)
            metrics.outbox_oldest.set(backlog["oldest_seconds"] if backlog else 0)
            for status in ("ready", "running", "dead"):
                metrics.jobs_by_status.labels(status).set(counts.get(status, 0))
        except Exception as error:
            _log.warning("metrics without the database: %r", error)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @plumbing.get("/asyncapi", summary="What the service hears and says on the broker", response_class=HTMLResponse)
    async def asyncapi_page() -> Response:
        return HTMLResponse(get_asyncapi_html(asyncapi.to_specification(), try_it_out_path=None))

    @plumbing.get("/asyncapi.json", summary="The same as an AsyncAPI document")
    async def asyncapi_document() -> Response:
        return Response(asyncapi.to_specification().to_json(), media_type="application/json")

    app.include_router(plumbing)
    return app


class JobView(BaseModel):
    """A job as an operator sees it."""

    id: UUID
    type: str
    status: Literal["ready", "running", "done", "dead", "cancelled"]
    payload: dict[str, Any]
    attempts: int
    max_attempts: int
    scheduled_at: datetime
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


class JobPage(BaseModel):
    """A page of jobs, newest first. `next` is the `before` of the next page."""

    items: list[JobView]
    next: UUID | None


def jobs_api(db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]) -> APIRouter:
    """`GET /v1/jobs` and `POST /v1/jobs/{id}/replay`: the tenant's jobs, and another chance for a dead one."""
    unsigned = {"model": Problem, "description": "`bad_signature`, `stale_timestamp`, `bad_tenant`"}
    wrong = {"model": Problem, "description": "`invalid`"}
    away = {"model": Problem, "description": "`unavailable`, `config_missing`, `database_unavailable`"}
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses={401: unsigned, 422: wrong, 503: away})
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("", summary="Jobs, the newest first")
    async def list_jobs(
        who: Signed,
        status: Literal["ready", "running", "done", "dead", "cancelled"] | None = None,
        before: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> JobPage:
        async with db.tx(who.tenant_id) as tx:
            rows = await tx.fetch(_job_queries["job_list"], who.tenant_id, status, before, limit)
        items = [JobView(**row) for row in rows]
        return JobPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.post(
        "/{job_id}/replay",
        status_code=202,
        summary="Give a dead job all its attempts again",
        responses={404: {"model": Problem, "description": "`not_found`: no dead job of this id"}},
    )
    async def replay_job(who: Signed, job_id: UUID) -> Response:
        async with db.tx(who.tenant_id) as tx:
            if not await jobs.replay(tx, job_id, now=now()):
                raise NotFound("no dead job of this id")
        return Response(status_code=202)

    return router
