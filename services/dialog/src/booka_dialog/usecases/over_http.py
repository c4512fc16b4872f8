"""Conversations over HTTP: looked at, started, and fed as if the client had written."""

from dataclasses import dataclass
from uuid import UUID

from booka_common import inbox
from booka_common.ids import derived_id, new_id
from booka_dialog import store
from booka_dialog.domain import ClientSaid, Input, Session
from booka_dialog.errors import SalonNotOpen, SessionExists, SessionNotFound
from booka_dialog.usecases.taking import Deps
from booka_dialog.usecases.talking import Cause, Talk, in_hand, keep

__all__ = ["Stepped", "get_session", "input_over_http", "start_session"]


@dataclass(frozen=True, slots=True)
class Stepped:
    """A session after a step over HTTP, and what was said to the client."""

    session: Session
    texts: tuple[str, ...]


async def get_session(deps: Deps, tenant_id: UUID, conversation_id: UUID) -> store.StoredSession:
    """The conversation as it stands.

    Raises:
        SessionNotFound: the salon has none of this id.
    """
    async with deps.db.tx(tenant_id) as tx:
        stored = await store.get_session(tx, conversation_id)
    if stored is None:
        raise SessionNotFound("no conversation of this id")
    return stored


async def start_session(deps: Deps, tenant_id: UUID, session: Session, said: ClientSaid) -> Stepped:
    """Start a conversation as if the client had written `said`.

    Raises:
        SessionExists: there is one of this id.
        SalonNotOpen: the salon has nothing to book yet.
    """
    async with deps.db.tx(tenant_id) as tx:
        await store.lock(tx, session.conversation_id)
        found = await store.load(tx, tenant_id, session.conversation_id)
        if found.session is not None:
            raise SessionExists("this conversation has been started already")
        if found.salon is None or not found.salon.open:
            raise SalonNotOpen("the salon has no bookable catalogue yet")
        talk = Talk(found, deps.limits, deps.now())
        talk.session = session
        cause = new_id()
        texts = talk.take([said], Cause(cause, tenant_id, cause))
        await keep(tx, [talk])
    return Stepped(talk.session, texts)


async def input_over_http(
    deps: Deps, tenant_id: UUID, conversation_id: UUID, given: Input, input_id: UUID | None
) -> Stepped:
    """Take an input in that came over HTTP; its effects are those of a message, and its texts are returned as well.

    Args:
        input_id: repeated with the same id in this conversation, an input has no second effect and no texts.

    Raises:
        SessionNotFound: the salon has no conversation of this id.
    """
    # The caller's id as one of ours: of this salon and conversation, whoever else has the same idea.
    cause = derived_id(tenant_id, conversation_id, input_id) if input_id else new_id()
    async with deps.db.tx(tenant_id) as tx:
        fresh = await inbox.once(tx, "dialog.http-input", cause)
        await store.lock(tx, conversation_id)
        found = await store.load(tx, tenant_id, conversation_id)
        if found.session is None:
            raise SessionNotFound("no conversation of this id")
        talks = await in_hand(tx, [found], deps.limits, deps.now())
        if not fresh:
            return Stepped(talks[-1].session, ())
        texts = talks[0].take([given], Cause(cause, tenant_id, cause))
        await keep(tx, talks)
    return Stepped(talks[-1].session, texts)
