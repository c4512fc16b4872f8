"""Changes over HTTP that happen once, however often they are asked for: the `Idempotency-Key` header.

    router = APIRouter(prefix="/v1", route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.post("/notes", status_code=201)
    async def post_note(asked: Asked, body: NoteBody) -> NoteView:
        async with asked.tx() as tx:
            note = await notes.write(tx, body)       # a refusal raised in here: rolled back, and looked at anew next time
        return NoteView(note)                        # a refusal raised out here: what was written stays, the refusal too

The transaction is committed after the route has made its answer, together with that answer. The same request again gets the
stored answer with `Idempotent-Replayed: true`; while the first is being worked on it is told 409, and never waits. A crash
leaves neither the change nor the key. Kept for seven days.

Changes that were asked for at the same time may share a transaction: see `claim_all`. Refusals that are kept may share a call:
see `answer_all`.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from booka_common.db import Database, Tx, load_queries
from booka_common.errors import Conflict, Invalid, Refusal, Unprocessable
from booka_common.internal import Caller, target_of
from booka_common.versions import ETAG, if_match
from booka_common.web import Problem, refused

__all__ = [
    "AnsweredBefore",
    "KeyInProgress",
    "Keyed",
    "Once",
    "OnceRoute",
    "answer_all",
    "claim_all",
    "in_progress",
    "kept",
    "once",
    "store_all",
    "straight",
]

_queries = load_queries("booka_common", "idempotency.sql")
_Body = TypeVar("_Body", bound=BaseModel)

_MUTATIONS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("content-type", "etag", "location")
# What idempotency_claim raises, see the migration.
_RUNNING, _ANSWERED = "BKRUN", "BKANS"
_SCOPE = "booka.once"
_MARK = "asks_once"

_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "chosen by the caller, the same when the request is repeated; a UUID does",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}
_REFUSALS: Mapping[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "`idempotency_key_missing`, `idempotency_key_malformed`, or malformed"},
    409: {"model": Problem, "description": "`idempotency_key_in_progress`, or it clashes with how things stand"},
    422: {"model": Problem, "description": "`idempotency_key_reused` with another request, or invalid"},
}
_VERSIONED: Mapping[int | str, dict[str, Any]] = {
    412: {"model": Problem, "description": "`version_conflict`: it has changed; `version` is the current one"},
    428: {"model": Problem, "description": "`version_required`: it exists, and If-Match is missing"},
}


class KeyInProgress(Conflict):
    """The same request is being worked on at this moment."""

    default_code = "idempotency_key_in_progress"

    @property
    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"Retry-After": "1"}


class AnsweredBefore(Exception):
    """The request has been answered before: `Once.answer_again` has that answer."""


class _Answered(Exception):
    """`response` is what the request was answered before."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request for a change, with its key."""

    tenant_id: UUID
    key: str
    request: str
    payload_hash: bytes


class Once:
    """One request for a change. `who` asks; `tx` is where it happens, once."""

    def __init__(self, db: Database, who: Caller, keyed: Keyed) -> None:
        self.who = who
        self.keyed = keyed
        self._db = db
        self._open: tuple[AbstractAsyncContextManager[Tx], Tx] | None = None

    @property
    def tenant_id(self) -> UUID:
        """Whose data it is about."""
        return self.who.tenant_id

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """The transaction of the change, one for each request. An exception inside it rolls it back; otherwise it is
        committed with the route's answer, or with a refusal that is raised after it.

        Raises:
            KeyInProgress: 409 with Retry-After.
            Unprocessable: 422 `idempotency_key_reused`.
        """
        transaction = self._db.tx(self.tenant_id, opening=f"SELECT idempotency_claim({_literal(self.keyed.key)})")
        try:
            tx = await transaction.__aenter__()
        except asyncpg.PostgresError as error:
            state = getattr(error, "sqlstate", None)
            if state == _RUNNING:
                raise in_progress() from None
            if state == _ANSWERED:
                raise _Answered(await self.answer_again()) from None
            raise
        try:
            yield tx
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        self._open = transaction, tx

    async def answer_again(self) -> Response:
        """What the request was answered before.

        Raises:
            KeyInProgress, Unprocessable: as `tx`.
        """
        async with self._db.tx(self.tenant_id) as tx:
            row = await tx.fetchrow(_queries["idempotency_get"], self.tenant_id, self.keyed.key)
        if row is None:  # pruned in between
            raise KeyInProgress("what this Idempotency-Key was answered has just been forgotten: ask again")
        if (row["request"], row["payload_hash"]) != (self.keyed.request, self.keyed.payload_hash):
            raise Unprocessable("this Idempotency-Key was used for another request", code="idempotency_key_reused")
        return Response(row["body"], row["status"], headers={**row["headers"], "Idempotent-Replayed": "true"})

    async def finish(self, response: Response) -> None:
        """Commit what was done together with its answer. Called by `OnceRoute`."""
        if self._open is None:
            return
        transaction, tx = self._open
        self._open = None
        try:
            await store_all(tx, [(self.keyed, response)])
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        await transaction.__aexit__(None, None, None)

    async def abandon(self, error: BaseException) -> None:
        """Roll back what was done, for no answer came of it. Called by `OnceRoute`."""
        if self._open is not None:
            transaction, _ = self._open
            self._open = None
            await transaction.__aexit__(type(error), error, error.__traceback__)


def once(db: Database, caller: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Once]]:
    """A FastAPI dependency for the routes of a router whose `route_class` is `OnceRoute`.

    Its refusals: those of `caller`; 400 `idempotency_key_missing` or `idempotency_key_malformed`.
    """

    async def asked(request: Request, who: Annotated[Caller, Depends(caller)]) -> Once:
        found = Once(db, who, await _read(request, who))
        request.scope[_SCOPE] = found
        return found

    setattr(asked, _MARK, True)
    return asked


def straight(
    ask: Callable[[Request, Caller], Awaitable[Once]],
    caller: Callable[[Request], Awaitable[Caller]],
    body: type[_Body],
    route: Callable[[Once, _Body], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """`route(asked, body)` without FastAPI in between, see `web.Hot`. It does not use `asked.tx`.

    Args:
        ask: what `once` made for `caller`.
    """

    async def answer(request: Request) -> Response:
        asked = await ask(request, await caller(request))
        try:
            read = body.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from None
        return await route(asked, read)

    return answer


class OnceRoute(APIRoute):
    """A route whose changes happen once. Reading routes are as they are.

    Raises:
        TypeError: a route that changes something does not depend on `once`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._changes = bool(_MUTATIONS.intersection(options.get("methods") or ()))
        if self._changes:
            calls = _calls(get_dependant(path=path, call=endpoint))
            if not any(hasattr(call, _MARK) for call in calls):
                raise TypeError(f"{path} changes something and does not depend on `once`")
            shown = {**_REFUSALS}
            if if_match in calls:
                status = options.get("status_code") or 200
                shown |= _VERSIONED if status == 204 else {**_VERSIONED, status: ETAG}
            options["responses"] = {**shown, **(options.get("responses") or {})}
            options["openapi_extra"] = {"parameters": [_PARAMETER], **(options.get("openapi_extra") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the commit after it."""
        answer = super().get_route_handler()
        if not self._changes:
            return answer

        async def answer_once(request: Request) -> Response:
            try:
                response = await answer(request)
            except _Answered as before:
                return before.response
            except Refusal as refusal:
                response = refused(refusal)
            except BaseException as error:
                if (asked := _of(request)) is not None:
                    await asked.abandon(error)
                raise
            if (asked := _of(request)) is not None:
                await asked.finish(response)
            return response

        return answer_once


async def claim_all(tx: Tx, asked: Sequence[Keyed]) -> list[KeyInProgress | AnsweredBefore | None]:
    """Have the keys of requests to oneself until the transaction ends, for changes of any tenants that share it.

    Returns:
        For each request, what keeps it from being done now; None: nothing.
    """
    tenants, keys = [one.tenant_id for one in asked], [one.key for one in asked]
    free = {row["id"] for row in await tx.fetch(_queries["idempotency_lock"], tenants, keys)}
    answered = {row["id"] for row in await tx.fetch(_queries["idempotency_answered"], tenants, keys)}
    found: list[KeyInProgress | AnsweredBefore | None] = []
    met: set[tuple[UUID, str]] = set()  # a lock that this transaction has it would get once more
    for place, one in enumerate(asked, 1):
        if place not in free or (one.tenant_id, one.key) in met:
            found.append(in_progress())
        else:
            found.append(AnsweredBefore() if place in answered else None)
        met.add((one.tenant_id, one.key))
    return found


async def store_all(tx: Tx, answers: Sequence[tuple[Keyed, Response]]) -> None:
    """Keep the answers of requests whose keys were claimed, together with what was done."""
    await tx.execute(
        _queries["idempotency_store"],
        [asked.tenant_id for asked, _ in answers],
        [asked.key for asked, _ in answers],
        [asked.request for asked, _ in answers],
        [asked.payload_hash for asked, _ in answers],
        [response.status_code for _, response in answers],
        [_kept_headers(response) for _, response in answers],
        [bytes(response.body) for _, response in answers],
    )


async def answer_all(
    db: Database, answers: Sequence[tuple[Keyed, Response]]
) -> list[KeyInProgress | AnsweredBefore | None]:
    """Keep what requests of any tenants are answered that change nothing else, by one call; whoever is told the same should
    get the same `Response`, which then goes to the database once.

    Returns:
        For each request, what has kept it from being answered so; None: nothing. What was answered is durable.
    """
    places: dict[int, int] = {}
    told: list[Response] = []
    for _, response in answers:
        if id(response) not in places:
            told.append(response)
            places[id(response)] = len(told)
    rows = await db.shared_call(
        {asked.tenant_id for asked, _ in answers},
        "idempotency_answer",
        [asked.tenant_id for asked, _ in answers],
        [asked.key for asked, _ in answers],
        [asked.request for asked, _ in answers],
        [asked.payload_hash for asked, _ in answers],
        [places[id(response)] for _, response in answers],
        [response.status_code for response in told],
        [_kept_headers(response) for response in told],
        [bytes(response.body) for response in told],
    )
    found: list[KeyInProgress | AnsweredBefore | None] = [None] * len(answers)
    for place, answered in rows:
        found[place - 1] = AnsweredBefore() if answered else in_progress()
    return found


def _kept_headers(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}


def kept(asked: Keyed, response: Response) -> dict[str, object]:
    """What `store_all` writes of an answer besides tenant, key and body, for those who write it by themselves, as JSON."""
    return {
        "request": asked.request,
        "payload_hash": asked.payload_hash.hex(),
        "status": response.status_code,
        "headers": _kept_headers(response),
    }


def in_progress() -> KeyInProgress:
    """Somebody else has the key."""
    return KeyInProgress("a request with this Idempotency-Key is being worked on: ask again")


def _of(request: Request) -> Once | None:
    found: Once | None = request.scope.get(_SCOPE)
    return found


def _calls(dependant: Dependant) -> list[Any]:
    return [call for part in dependant.dependencies for call in (part.call, *_calls(part))]


async def _read(request: Request, who: Caller) -> Keyed:
    given = request.headers.getlist("idempotency-key")
    if not given:
        raise Invalid("a change needs an Idempotency-Key", code="idempotency_key_missing")
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Invalid(
            "the Idempotency-Key has to be one of 1 to 255 visible ASCII characters", code="idempotency_key_malformed"
        )
    # The condition is part of what is asked for: with another one it is another request.
    condition = "\n".join(request.headers.getlist("if-match")).encode()
    payload = hashlib.sha256(hashlib.sha256(condition).digest() + await request.body()).digest()
    return Keyed(who.tenant_id, given[0], f"{request.method} {target_of(request)}", payload)


def _literal(key: str) -> str:
    """`key` as SQL that holds hexadecimal digits and nothing of the caller's."""
    return f"convert_from('\\x{key.encode('ascii').hex()}'::bytea, 'UTF8')"
