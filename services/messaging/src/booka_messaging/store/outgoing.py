"""What is said to clients, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import asyncpg

from booka_common.contracts.envelope import Fact
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx, load_queries
from booka_messaging.domain.circuit import Circuit
from booka_messaging.domain.model import STATES, Alias, AliasKind, Author, Delivery, Receipt
from booka_messaging.domain.pacing import CATCH_UP, LATE, OTHERS_SHARE, REPLIES_SHARE
from booka_messaging.domain.rendering import Approved, Wording
from booka_messaging.store.incoming import TakenMeanwhile

__all__ = [
    "Accepted",
    "Asked",
    "OutboundMessage",
    "Queued",
    "Touched",
    "begin_sends",
    "echo_of",
    "finish_sends",
    "finish_shown",
    "ours_among",
    "overtake",
    "queue_sends",
    "record_failure",
    "record_receipt",
    "release_held",
    "send_again",
    "send_anew",
    "send_as_template",
    "sent_by_software",
    "sent_job",
    "unnamed_send",
    "untaken",
]

queries = load_queries("booka_messaging", "queries/outgoing.sql")


@dataclass(frozen=True, slots=True)
class Touched:
    """A message of ours of which more is known now.

    Attributes:
        proven: that it was sent was not known before.
        raised: its state is another one.
        status: what is known of it by all receipts, early ones among them.
    """

    id: UUID
    conversation_id: UUID
    request_id: UUID
    author: Author = "booka"
    proven: bool = False
    raised: bool = True
    status: Delivery = "sent"


async def record_receipt(
    tx: Tx, channel_id: UUID, receipt: Receipt, *, about: UUID | None, now: datetime
) -> Touched | None:
    """Take a receipt in; None if as much is known already, or it is no message of ours (yet).

    Args:
        about: the message that it says it is about.

    Raises:
        TakenMeanwhile: if somebody was storing it as a person's words, that is undone the next time.
    """
    try:
        row = await tx.fetchrow(
            queries["receipt_apply"],
            tx.tenant_id,
            channel_id,
            receipt.provider_id,
            receipt.status,
            STATES,
            now,
            about,
            receipt.code or "gateway_error",
        )
    except asyncpg.UniqueViolationError as error:
        raise TakenMeanwhile.instead_of(error) from None
    return Touched(**row) if row else None


async def echo_of(
    tx: Tx, channel_id: UUID, aliases: Sequence[Alias], text: str, *, since: UUID, by: datetime
) -> UUID | None:
    """Our message that was told to this person in these words by an attempt of which it is not known what became.

    Args:
        since: a message id that is older than it.
        by: the attempt was not later.
    """
    message_id: UUID | None = await tx.fetchval(
        queries["echo_candidate"],
        tx.tenant_id,
        channel_id,
        [alias.kind for alias in aliases],
        [alias.value for alias in aliases],
        text,
        by,
        since,
    )
    return message_id


async def unnamed_send(
    tx: Tx,
    channel_id: UUID,
    aliases: Sequence[Alias],
    text: str,
    *,
    provider_id: str,
    at: datetime,
    within: timedelta,
    since: UUID,
) -> Touched | None:
    """The message of ours that its gateway took without naming it: told to this person in these words, nearest to `at`.

    None if there is none, or `provider_id` is that of another one of ours.

    Args:
        since: a message id that is older than it.
    """
    row = await tx.fetchrow(
        queries["send_unnamed"],
        tx.tenant_id,
        channel_id,
        [alias.kind for alias in aliases],
        [alias.value for alias in aliases],
        text,
        at,
        provider_id,
        within,
        since,
    )
    return Touched(**row) if row else None


async def sent_by_software(tx: Tx, channel_id: UUID, provider_id: str, *, now: datetime) -> None:
    """Note that nobody typed this message: it went out through the gateway, and is not one of ours in a conversation."""
    await tx.execute(queries["sent_by_software"], tx.tenant_id, channel_id, provider_id, now)


async def sent_job(tx: Tx, job_type: str, request_id: UUID, *, now: datetime) -> tuple[UUID, str | None] | None:
    """Let the job of a message that turned out to be sent end now; return its correlation id and trace."""
    row = await tx.fetchrow(queries["send_job"], tx.tenant_id, job_type, str(request_id), now)
    tx.wake(tx.signals.jobs_written)
    return (row["correlation_id"], row["traceparent"]) if row else None


async def send_as_template(tx: Tx, message_id: UUID) -> bool:
    """Queue a message once more, to go as a template; False if it did already, or the line has none for it."""
    return await tx.execute(queries["send_as_template"], tx.tenant_id, message_id) > 0


async def send_anew(tx: Tx, message_id: UUID) -> None:
    """Queue a message once more that is known not to have arrived."""
    await tx.execute(queries["send_anew"], tx.tenant_id, message_id)


@dataclass(frozen=True, slots=True)
class Queued:
    """An outgoing message that was stored.

    Attributes:
        conversation_id: where it goes.
        in_turn: what was to be said before it is known already.
        fills_gap: others were held back for it.
        paced_at: its moment on its line.
        hurries: something that is to be sent later comes before it in its conversation.
    """

    channel_id: UUID
    conversation_id: UUID
    in_turn: bool
    fills_gap: bool
    paced_at: datetime
    hurries: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to be stored as message `id`. `written_by`: a person of the salon, in the console; None: Booka."""

    id: UUID
    tenant_id: UUID
    request_id: UUID
    data: SendRequested
    written_by: str | None = None


async def queue_sends(tx: Tx, batch: Sequence[Asked], *, now: datetime) -> list[Queued | None]:
    """Store outgoing messages, one at most for a conversation; None where there is no such conversation or it is stored."""
    rows = await tx.fetch(
        queries["sends_queue"],
        [asked.tenant_id for asked in batch],
        [asked.data.conversation_id for asked in batch],
        [asked.id for asked in batch],
        [asked.data.text for asked in batch],
        [asked.request_id for asked in batch],
        [asked.data.purpose if asked.written_by is None else None for asked in batch],
        [asked.data.position for asked in batch],
        ["booka" if asked.written_by is None else "salon" for asked in batch],
        [asked.written_by for asked in batch],
        [_json(asked.data.choices) for asked in batch],
        [_json(asked.data.template) for asked in batch],
        now,
        now - CATCH_UP,
        REPLIES_SHARE,
        OTHERS_SHARE,
    )
    queued = {row["id"]: Queued(**{name: row[name] for name in Queued.__slots__}) for row in rows}
    return [queued.get(asked.id) for asked in batch]


def _json(fact: Fact | None) -> dict[str, Any] | None:
    return None if fact is None else fact.model_dump(mode="json")


async def release_held(
    tx: Tx, tenant_id: UUID, conversation_id: UUID, position: int, *, job_type: str, lane: str, now: datetime
) -> None:
    """Let the jobs start that were held back for the request at `position`."""
    await tx.execute(queries["send_release"], tenant_id, conversation_id, job_type, lane, position, now)


async def overtake(tx: Tx, held: Sequence[tuple[UUID, UUID, int]]) -> None:
    """Go on without what is missing before these requests: the tenant, conversation and position of each."""
    tenants, conversations, positions = ([one[place] for one in held] for place in range(3))
    await tx.execute(queries["sends_overtake"], tenants, conversations, positions)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message on its way out, with everything the call needs.

    Attributes:
        choices: as `contracts.messaging.Choices`.
        wording, approved: what says the same as a template, and what the line's provider calls that.
        as_template: it is known that it does not go otherwise.
        attempted_at, tried_at: the first and the latest earlier attempt whose outcome is not known; None: there is none.
        paced_at: the moment that it had on its line.
        client_at: when the client last wrote.
        deleted: its line was.
        line_state: what was last said of the line.
        circuit, blocked_reason: whether it works.
        attended, blocked: why it must not be sent now.
        answering: the gateway's id of the client's last message, if it is shown that an answer is being written.
        begun: it may go now, and its attempt is marked.
        aliases: the client's, oldest first.
    """

    text: str
    author: Author
    purpose: str | None
    request_id: UUID
    conversation_id: UUID
    choices: Mapping[str, Any] | None
    wording: Wording | None
    approved: Approved | None
    as_template: bool
    attempted_at: datetime | None
    tried_at: datetime | None
    paced_at: datetime | None
    received_at: datetime
    client_at: datetime | None
    channel_id: UUID
    gateway: str
    instance: str
    base_url: str
    api_key: bytes
    active: bool
    deleted: bool
    line_state: str | None
    circuit: Circuit
    blocked_reason: str | None
    attended: bool
    blocked: bool
    show_typing: bool
    answering: str | None
    begun: bool
    aliases: tuple[Alias, ...]


_DERIVED = frozenset({"wording", "approved", "circuit", "aliases"})
_PLAIN = tuple(name for name in OutboundMessage.__slots__ if name not in _DERIVED)


async def begin_sends(
    tx: Tx, batch: Sequence[tuple[UUID, UUID]], *, since: datetime, now: datetime
) -> dict[tuple[UUID, UUID], OutboundMessage]:
    """Load what waits to be sent, by `(tenant_id, message_id)`, and mark the attempts of what may go now.

    Args:
        since: what was asked for before that does not go any more.
    """
    rows = await tx.fetch(
        queries["sends_begin"],
        [tenant_id for tenant_id, _ in batch],
        [message_id for _, message_id in batch],
        now,
        now - LATE,
        since,
    )
    return {(row["tenant_id"], row["id"]): _outbound(row) for row in rows}


def _outbound(row: Any) -> OutboundMessage:
    template, approved = row["template"], row["approved"]
    return OutboundMessage(
        **{name: row[name] for name in _PLAIN},
        wording=Wording(template["name"], template["locale"], tuple(template["parameters"])) if template else None,
        approved=Approved(**approved) if approved else None,
        circuit=Circuit(row["failures"], row["openings"], row["blocked_until"]),
        aliases=tuple(_alias(text) for text in row["aliases"]),
    )


async def send_again(tx: Tx, message_id: UUID, *, now: datetime) -> None:
    """Mark another attempt, after one whose outcome nobody can tell."""
    await tx.execute(queries["send_again"], tx.tenant_id, message_id, now)


async def untaken(tx: Tx, message_id: UUID, *, attempted_at: datetime | None, tried_at: datetime | None) -> None:
    """The gateway did not take it: put the marks back to those of earlier attempts."""
    await tx.execute(queries["send_untaken"], tx.tenant_id, message_id, attempted_at, tried_at)


def _alias(text: str) -> Alias:
    kind, _, value = text.partition(":")
    kinds: dict[str, AliasKind] = {name: name for name in get_args(AliasKind)}
    return Alias(kinds[kind], value)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has a message, under `provider_id` if it said so."""

    tenant_id: UUID
    message_id: UUID
    channel_id: UUID
    provider_id: str | None
    sent_at: datetime


async def finish_sends(tx: Tx, batch: Sequence[Accepted]) -> list[Delivery]:
    """Record what gateways have; return each message's state, which a fast receipt may have raised."""
    rows = await tx.fetch(
        queries["sends_done"],
        [accepted.tenant_id for accepted in batch],
        [accepted.message_id for accepted in batch],
        [accepted.channel_id for accepted in batch],
        [accepted.provider_id for accepted in batch],
        [accepted.sent_at for accepted in batch],
    )
    states: dict[UUID, Delivery] = {row["id"]: row["status"] for row in rows}
    return [states[accepted.message_id] for accepted in batch]


async def finish_shown(tx: Tx, accepted: Accepted) -> Delivery:
    """As `finish_sends`, for one that the gateway shows.

    Raises:
        TakenMeanwhile: if somebody was storing it as a person's words, that is undone the next time.
    """
    try:
        (state,) = await finish_sends(tx, [accepted])
    except asyncpg.UniqueViolationError as error:
        raise TakenMeanwhile.instead_of(error) from None
    return state


async def record_failure(tx: Tx, message_id: UUID, code: str) -> tuple[UUID, UUID] | None:
    """The message will not be sent; return its conversation and request, None if it was sent or failed before."""
    row = await tx.fetchrow(queries["send_failed"], tx.tenant_id, message_id, code)
    return (row["conversation_id"], row["request_id"]) if row else None


async def ours_among(tx: Tx, channel_id: UUID, provider_ids: Sequence[str]) -> set[str]:
    """Which of `provider_ids` are recorded as sent by us."""
    rows = await tx.fetch(queries["provider_ids_known"], tx.tenant_id, channel_id, list(provider_ids))
    return {row["provider_id"] for row in rows}
