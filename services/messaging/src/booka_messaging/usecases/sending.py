"""What goes out to clients: a job becomes one call to the gateway.

Gateways have no idempotency key. So every attempt is marked before its call, and a run that finds the mark of an earlier
one first finds out what became of that (see `proving`, `receipts`).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

from booka_common.batching import Batcher
from booka_common.db import Database
from booka_common.errors import Unavailable
from booka_common.jobs import Done, Job, Outcome, Postponed, RetryIn
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.identity import correlated
from booka_messaging.domain.model import Alias, address
from booka_messaging.domain.pacing import may_go
from booka_messaging.domain.rendering import Form, Unsayable, form_of, gaps, window_open
from booka_messaging.providers.gateway import (
    Choices,
    Gateway,
    Line,
    NotNow,
    Option,
    OutcomeUnknown,
    Refused,
    SendOutcome,
    Sent,
    Template,
)
from booka_messaging.store import OutboundMessage
from booka_messaging.store.outgoing import send_again
from booka_messaging.store.paces import pace_sends
from booka_messaging.usecases.channels import api_key
from booka_messaging.usecases.circuits import Circuits, LineOfSalon
from booka_messaging.usecases.endings import Ending
from booka_messaging.usecases.identifying import sighted
from booka_messaging.usecases.proving import find_in_store

__all__ = ["Sending"]

_log = logging.getLogger(__name__)
#: A receipt that proves an attempt may take so many times as long as a look into a store.
_RECEIPT_WAITS = 4
#: Who was away waits for a receipt half as long again as it has been since the attempt: a provider pauses about as long as it has
#: tried already, give or take a quarter.
_HALF_AS_LONG_AGAIN = 1.5
_LONGEST_WAIT = timedelta(minutes=15)
_SOON = timedelta(seconds=1)
_SELDOM = timedelta(minutes=1)
_TYPING_SECONDS = 1.5


class Sending:
    """Runs the `send_message` jobs. Those that run at the same time share the commits before and after their calls.

    Args:
        gateways: by the name in `channels.gateway`.
        recheck: how long after an unknown outcome the gateway's store is asked.
        within: what was asked for longer ago is not sent any more.
        probe: how long it may take to ask a gateway whether a line works.
        listening_since: tells since when receipts are taken (`listening`); None: they always were.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        gateways: Mapping[str, Gateway],
        *,
        recheck: timedelta,
        within: timedelta = timedelta(hours=24),
        probe: timedelta = timedelta(seconds=10),
        listening_since: Callable[[], datetime] | None = None,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._gateways = gateways
        self._recheck = recheck
        self._within = within
        self._listening_since = listening_since
        self._circuits = Circuits(db, probe=probe)
        self._begins: Batcher[_Begin, OutboundMessage | None] = Batcher(self._begin)
        self._paces: Batcher[_Begin, datetime] = Batcher(self._pace)

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Send the message of `job`, unless an earlier attempt did."""
        begin = _Begin(job, UUID(job.payload["message_id"]), now)
        # Who queued it may have begun it.
        message: OutboundMessage | None = job.given or await self._begins.do(begin)
        if message is None:
            return Done()
        if message.deleted:
            ending = Ending(job, begin.message_id, message, now)
            return ending.declined("channel_deleted", "the channel was deleted before it was sent")
        if message.gateway not in self._gateways:
            return await self._unknown(begin, message)
        call = self._call(begin, message)
        if not message.begun:
            hindered = await self._hindered(begin, call)
            if hindered is not None:
                return hindered
            message = await self._begins.do(begin)
            if message is None:
                return Done()
            if not message.begun:
                return Postponed("something came in between", now + _SOON)
            call = self._call(begin, message)
        if call.to is None:
            return call.ending.failed("no_address", "nothing is known to write to")
        if message.attempted_at is not None and (ended := await self._proven(call, message.attempted_at)) is not None:
            return ended
        return await self._sent(call, call.to)

    async def _unknown(self, begin: "_Begin", message: OutboundMessage) -> Outcome:
        """This version has no such kind of gateway, as after a rollback: nothing was tried, and another version may go on."""
        ending = Ending(begin.job, begin.message_id, message, begin.now)
        if message.received_at <= begin.now - self._within:
            return ending.failed("too_late", f"it could not be sent for {self._within}")
        reason = f"this version knows no gateway {message.gateway!r}"
        return Postponed(reason, begin.now + _SELDOM, ending.untaken if message.begun else None)

    def _call(self, begin: "_Begin", message: OutboundMessage) -> "_Call":
        key = api_key(begin.job.tenant_id, message.channel_id, message.api_key, self._sealer)
        return _Call(
            ending=Ending(begin.job, begin.message_id, message, begin.now),
            gateway=self._gateways[message.gateway],
            line=Line(message.base_url, message.instance, key),
            to=address(message.aliases),
        )

    async def _begin(self, batch: Sequence["_Begin"]) -> list[OutboundMessage | None]:
        """Mark attempts before their calls, and load what those need."""
        keys = [begin.key for begin in batch]
        now = max(begin.now for begin in batch)
        async with self._db.shared_tx([tenant_id for tenant_id, _ in keys]) as tx:
            if held := [begin.held for begin in batch if begin.held is not None]:
                await store.overtake(tx, held)  # conversations are locked before messages
            messages = await store.begin_sends(tx, sorted(keys), since=now - self._within, now=now)
        return [messages.get(key) for key in keys]

    async def _pace(self, batch: Sequence["_Begin"]) -> list[datetime]:
        now = max(begin.now for begin in batch)
        async with self._db.shared_tx([begin.job.tenant_id for begin in batch]) as tx:
            moments = await pace_sends(tx, [begin.key for begin in batch], now=now)
        return [moments.get(begin.message_id, now) for begin in batch]

    async def _hindered(self, begin: "_Begin", call: "_Call") -> Outcome | None:
        """Why a message may not go now; None: it may after all."""
        message, ending, now = call.message, call.ending, begin.now
        if not message.active:
            return ending.failed("channel_inactive", "the channel is switched off")
        if message.attempted_at is None and (declined := call.declined()) is not None:
            return declined
        if message.received_at <= now - self._within:
            return ending.failed("too_late", f"it could not be sent for {self._within}")
        blocked_until = message.circuit.blocked_until
        if blocked_until is not None:
            if blocked_until <= now:
                blocked_until = await self._circuits.probe(call.of, call.gateway, call.line, now=now)
            if blocked_until is not None:
                return Postponed(f"the line does not work: {message.blocked_reason}", blocked_until)
        if not may_go(message.paced_at, now):
            moment = await self._paces.do(begin)
            if moment > now:
                return Postponed("the pace of the line", moment)
        return None

    async def _proven(self, call: "_Call", attempted_at: datetime) -> Outcome | None:
        """What became of earlier attempts; None: nothing, as far as anybody can tell, and another one is marked."""
        message, now = call.message, call.ending.now
        if call.gateway.capabilities.proof == "store":
            try:
                found = await find_in_store(
                    self._db, call.gateway, call.line, call.of.tenant_id, message, attempted_at, now
                )
            except Unavailable as error:
                await self._circuits.failed(call.of, str(error), down=False, now=now)
                return RetryIn(f"outcome unknown: {error}", self._recheck)
            if found is not None:
                return call.ending.done(found)
        elif message.tried_at is not None and now < (until := self._proven_by(message.tried_at)):
            # A receipt would have ended the message before.
            return Postponed("waiting for a receipt", until)
        if (declined := call.declined()) is not None:
            return declined
        async with self._db.tx(call.of.tenant_id) as tx:
            await send_again(tx, call.ending.message_id, now=now)
        return None

    def _proven_by(self, tried_at: datetime) -> datetime:
        """When the receipt of an attempt must have come, if the gateway took it."""
        since = tried_at if self._listening_since is None else max(tried_at, self._listening_since())
        return since + max(_RECEIPT_WAITS * self._recheck, min(_HALF_AS_LONG_AGAIN * (since - tried_at), _LONGEST_WAIT))

    async def _sent(self, call: "_Call", to: Alias) -> Outcome:
        message, ending, now = call.message, call.ending, call.ending.now
        form = call.form()
        if isinstance(form, Unsayable):
            return ending.failed(form.code, form.detail)
        if message.show_typing and message.purpose == "reply" and form != "template":
            await _show_typing(call, to)
        outcome = await _call_gateway(call, to, form)
        if isinstance(outcome, Refused) and outcome.code == "window_closed" and form != "template":
            # Our clock thought otherwise.
            again = call.form(free=False)
            outcome = outcome if isinstance(again, Unsayable) else await _call_gateway(call, to, again)
        match outcome:
            case Sent(provider_id, aliases):
                await self._works(call)
                await self._learn(call, to, aliases)
                return ending.done(provider_id)
            case Refused(code, detail):
                await self._works(call)
                return ending.failed(code, detail)
            case NotNow(reason, delay, line_down, unreachable):
                if line_down or unreachable:
                    blocked_until = await self._circuits.failed(call.of, reason, down=line_down, now=now)
                    if blocked_until is None:
                        return RetryIn(reason, delay, ending.untaken)
                    return Postponed(reason, blocked_until, ending.untaken)
                # A rate is over some time: a message is given up for its age, not for how often that was asked.
                return Postponed(reason, now + (delay or _between_tries(now - message.received_at)), ending.untaken)
            case OutcomeUnknown(reason):
                # The gateway may still be at it; its store tells only after a while.
                await self._circuits.failed(call.of, reason, down=False, now=now)
                stored = call.gateway.capabilities.proof == "store"
                return RetryIn(f"outcome unknown: {reason}", self._recheck * (1 if stored else _RECEIPT_WAITS))
            case _:
                assert_never(outcome)

    async def _works(self, call: "_Call") -> None:
        if not call.message.circuit.works:
            await self._circuits.worked(call.of, now=call.ending.now)

    async def _learn(self, call: "_Call", to: Alias, told: Sequence[Alias]) -> None:
        """Whom the gateway says that it wrote to. The send counts, whether that can be kept or not."""
        together = correlated(to, told)
        if together <= set(call.message.aliases):
            return
        try:
            async with self._db.tx(call.of.tenant_id) as tx:
                await sighted(tx, call.of.tenant_id, call.of.channel_id, sorted(together), now=call.ending.now)
        except Exception:
            _log.exception("what a gateway said of whom it wrote to was not kept")


@dataclass(frozen=True, slots=True)
class _Begin:
    job: Job
    message_id: UUID
    now: datetime

    @property
    def key(self) -> tuple[UUID, UUID]:
        return self.job.tenant_id, self.message_id

    @property
    def held(self) -> tuple[UUID, UUID, int] | None:
        """For a message that was held back: its tenant, its conversation, and its position there."""
        payload = self.job.payload
        return (
            (self.job.tenant_id, UUID(payload["held_in"]), payload["held_position"])
            if "held_position" in payload
            else None
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """A message, and the gateway that is to have it."""

    ending: Ending
    gateway: Gateway
    line: Line
    to: Alias | None

    @property
    def message(self) -> OutboundMessage:
        return self.ending.message

    @property
    def of(self) -> LineOfSalon:
        return LineOfSalon(self.ending.job.tenant_id, self.message.channel_id, self.message.line_state)

    def declined(self) -> Outcome | None:
        """Why it must not be sent; None: nothing speaks against it."""
        if self.message.blocked:
            return self.ending.declined("blocked", "the salon takes no notice of this person")
        if self.message.attended:
            return self.ending.declined("attended", "a person of the salon answers")
        return None

    def form(self, *, free: bool = True) -> Form | Unsayable:
        """In which form it goes. `free`: whether the line may take free text."""
        message, can = self.message, self.gateway.capabilities
        taken = not message.as_template and window_open(message.client_at, can.window, self.ending.now)
        return form_of(
            free=free and taken,
            asks=message.choices is not None,
            interactive=can.interactive,
            wording=message.wording,
            approved=message.approved,
        )


def _between_tries(waited: timedelta) -> timedelta:
    """How long a message waits that the gateway has no room for: the longer it has waited already, the longer."""
    return max(_SOON, min(waited / 10, _SELDOM))


async def _call_gateway(call: _Call, to: Alias, form: Form) -> SendOutcome:
    message, reference = call.message, str(call.ending.message_id)
    match form:
        case "text":
            return await call.gateway.send_text(call.line, to, message.text, reference=reference)
        case "choices":
            choices = _choices(message.choices or {}, message.text)
            return await call.gateway.send_choices(call.line, to, choices, reference=reference)
        case "template":
            return await call.gateway.send_template(call.line, to, _template(message), reference=reference)
        case _:
            assert_never(form)


def _choices(asked: Mapping[str, Any], text: str) -> Choices:
    options = tuple(Option(one["id"], one["title"], one["description"]) for one in asked["choices"])
    return Choices(text, asked["lead"], options, asked["button"])


def _template(message: OutboundMessage) -> Template:
    approved, wording = message.approved, message.wording
    if approved is None or wording is None:
        raise ValueError("a template was chosen for a message that names none")
    return Template(approved.provider_name, approved.language, gaps(wording, approved), message.text)


async def _show_typing(call: _Call, to: Alias) -> None:
    """Best effort; the answer is what counts."""
    try:
        async with asyncio.timeout(_TYPING_SECONDS):
            await call.gateway.show_typing(call.line, to, call.message.answering)
    except TimeoutError:
        pass
