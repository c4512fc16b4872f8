"""From the body of a webhook that proved who it is to what is taken in of it, on every line that it tells of."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

from booka_common.db import Database
from booka_common.errors import BookaError, is_transient
from booka_messaging import store
from booka_messaging.domain.attending import is_bygone
from booka_messaging.domain.bodies import UnreadableBody, parse
from booka_messaging.domain.model import Alias, ChatEvent, Ignored, told_at
from booka_messaging.domain.reading import UNREADABLE
from booka_messaging.errors import MalformedWebhook, UnknownChannel, UnknownGateway
from booka_messaging.providers.kind import Kind
from booka_messaging.store import Channel, UnreadDelivery
from booka_messaging.usecases.directory import Directory
from booka_messaging.usecases.holding import Held
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.receiving import Outcome as Taken
from booka_messaging.usecases.rereading import Unread

__all__ = ["OUTCOMES", "Answer", "Deliveries", "Outcome", "Reread"]

_log = logging.getLogger(__name__)

Outcome = Taken | Literal["kept", "held", "unknown"]
#: All of them: of a body of which several things came, the first of these is said.
OUTCOMES: tuple[Outcome, ...] = ("kept", "held", "accepted", "stale", "duplicate", "unknown", "ignored")
#: Groups of events of one body that are under way at once: each may need a connection to the database.
_AT_ONCE = 8
_HEARD_EVERY = timedelta(minutes=1)
#: Of what was held for a line, so much is taken in at once.
_HELD_AT_ONCE = 50
_MAX_REMEMBERED = 10_000
_UNREADABLE = Ignored(UNREADABLE)
_BYGONE = Ignored("bygone")


class Answer(NamedTuple):
    """What came of a webhook. `strangers`: how many lines it told of that nobody here has."""

    outcome: Outcome
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class Reread:
    """What came of one that was kept. `error`: why it still cannot be read."""

    id: UUID
    outcome: Outcome
    error: str | None


class _Read(NamedTuple):
    outcome: Outcome
    problem: str | None = None


class Deliveries:
    """Takes in whole webhooks. Whatever comes of one is committed when its answer is known.

    Args:
        kinds: of gateways, by name.
    """

    def __init__(
        self,
        db: Database,
        directory: Directory,
        intake: Intake,
        unread: Unread,
        held: Held,
        kinds: Mapping[str, Kind],
    ) -> None:
        self._db = db
        self._directory = directory
        self._intake = intake
        self._unread = unread
        self._held = held
        self._kinds = kinds
        self._heard: dict[UUID, datetime] = {}

    async def of_channel(self, channel: Channel, body: bytes, *, path_event: str | None, now: datetime) -> Answer:
        """A body that came to the address of one channel. What it tells of other lines is passed over.

        Raises:
            MalformedWebhook: it is no JSON object. It is kept.
            UnknownChannel: it is of another instance of the gateway.
            Unavailable: something of it could not be stored; repeated, what was stored is not stored again.
        """
        kind = self._kinds[channel.gateway]
        try:
            payload = parse(body)
        except UnreadableBody as error:
            await self._unread.keep(channel, body, path_event=path_event, error=str(error), now=now)
            raise MalformedWebhook(str(error)) from None
        read = await self._take(channel, payload, path_event, now)
        if read.problem is not None:
            mine = kind.part_of(payload, channel.instance)
            kept = body if mine is payload else _text(mine)
            await self._unread.keep(channel, kept, path_event=path_event, error=read.problem, now=now)
        told = kind.lines_of(payload)
        strangers = sum(line != channel.instance for line in told) if told else 0
        return Answer("unknown" if read.outcome == "ignored" and strangers else read.outcome, strangers)

    async def of_app(self, gateway: str, body: bytes, *, now: datetime) -> Answer:
        """A body of the installation's own app there: of any lines, of any salons. Lines that nobody has are passed over,
        what is for one that is switched off is held.

        Raises:
            MalformedWebhook: it is no JSON object. It is kept: by the line that it names, else as nobody's.
            Unavailable: something of it could not be stored, perhaps of one line only.
        """
        kind = self._kinds[gateway]
        try:
            payload = parse(body)
        except UnreadableBody as error:
            await self._keep_unparsed(kind, body, str(error), now)
            raise MalformedWebhook(str(error)) from None
        told = kind.lines_of(payload)
        if not told:
            return Answer("ignored")
        channels = await self._directory.lines(gateway, told)
        alone = len(told) == 1
        work = (self._of_line(kind, channel, payload, alone=alone, now=now) for channel in channels.values())
        outcomes = await _all(work)
        strangers = [line for line in told if line not in channels]
        if strangers:
            _log.warning(
                "a webhook of %s tells of lines that no channel has: %s", kind.title, ", ".join(strangers[:10])
            )
            outcomes.append("unknown")
        return Answer(min(outcomes, key=OUTCOMES.index), len(strangers))

    async def _of_line(
        self,
        kind: Kind,
        channel: Channel,
        payload: Mapping[str, Any],
        *,
        alone: bool,
        came_at: datetime | None = None,
        now: datetime,
    ) -> Outcome:
        mine = payload if alone else kind.part_of(payload, channel.instance)
        if not channel.active:
            await self._held.hold(kind.name, channel.instance, _text(mine), now=now)
            return "held"
        read = await self._take(channel, mine, None, now, came_at)
        if read.problem is not None:
            await self._unread.keep(channel, _text(mine), path_event=None, error=read.problem, now=now)
        return read.outcome

    async def _keep_unparsed(self, kind: Kind, body: bytes, error: str, now: datetime) -> None:
        """Nobody can tell which part of it belongs to whom: a salon is shown it if it names that line and no other.

        A line that is switched off may be written down by anybody.
        """
        named = () if kind.shared is None else kind.shared.named_in(body)
        channels = await self._directory.lines(kind.name, named)
        if len(named) == 1 and (mine := [channel for channel in channels.values() if channel.active]):
            for channel in mine:
                await self._unread.keep(channel, body, path_event=None, error=error, now=now)
        else:
            await self._unread.keep_nobodys(channels.values(), body, error=error, now=now)

    async def take_held(self, channel: Channel, *, now: datetime) -> bool:
        """Take in what was held for the line of `channel`, which is in use now, some of it at a time; False: that was all.

        Raises:
            Unavailable: something of it could not be stored; what could be is not stored again.
        """
        kind = self._kinds[channel.gateway]
        held = await self._held.waiting(channel, limit=_HELD_AT_ONCE)
        for one in held:
            try:
                payload = parse(one.body)
            except UnreadableBody as error:
                await self._unread.keep(channel, one.body, path_event=None, error=str(error), now=now)
            else:
                await self._of_line(kind, channel, payload, alone=True, came_at=one.received_at, now=now)
            await self._held.drop(channel, one)
        if held:
            _log.info("%d webhooks were taken in that were held while channel %s was off", len(held), channel.id)
        return len(held) == _HELD_AT_ONCE

    async def replay(self, channel: Channel, kept: Iterable[UnreadDelivery], *, now: datetime) -> list[Reread]:
        """Read what was kept once more, one after the other; what was taken in of it meanwhile is a duplicate."""
        found = []
        for delivery in kept:
            try:
                read = await self._take(channel, parse(delivery.body), delivery.path_event, now, delivery.received_at)
            except UnreadableBody as error:
                read = _Read("kept", str(error))
            except UnknownChannel:
                read = _Read("kept", "it is of another instance of the gateway")
            await self._unread.settle(channel, delivery.id, error=read.problem, now=now)
            found.append(Reread(delivery.id, read.outcome, read.problem))
        return found

    async def _take(
        self,
        channel: Channel,
        payload: Mapping[str, Any],
        path_event: str | None,
        now: datetime,
        came_at: datetime | None = None,
    ) -> _Read:
        """Take in what can be read of `payload`, and say what cannot.

        Args:
            came_at: if it is taken in later than it came.
        """
        came_at = came_at or now
        try:
            events = self._kinds[channel.gateway].events(payload, channel.instance, path_event, came_at)
            if any(map(partial(_is_bygone, now=came_at), events)):
                events = tuple(event for event in events if not _is_bygone(event, came_at)) or (_BYGONE,)
        except (UnknownChannel, UnknownGateway):
            raise
        except Exception as error:
            _log.exception("the parser of %s failed", channel.gateway)
            return _Read("kept", f"the parser failed: {type(error).__name__}")
        try:
            if len(events) == 1:
                outcome = await self._intake.receive(channel, events, now=now)
            else:
                groups = _by_person(events)
                outcomes = await _all(self._intake.receive(channel, group, now=now) for group in groups)
                outcome = min(outcomes, key=OUTCOMES.index)
        except Exception as error:
            if isinstance(error, BookaError) or is_transient(error):
                raise
            _log.exception("the intake failed")
            return _Read("kept", f"the intake failed: {type(error).__name__}")
        heard = self._heard.get(channel.id)
        if heard is None or now - heard >= _HEARD_EVERY:
            await self._note_heard(channel, now)
        if _UNREADABLE in events:
            return _Read("kept", "a message without its id, its author or its content")
        return _Read(outcome)

    async def _note_heard(self, channel: Channel, now: datetime) -> None:
        """To the minute: what is told here is whether a line is silent, not when exactly it spoke."""
        if len(self._heard) >= _MAX_REMEMBERED:
            self._heard.clear()
        self._heard[channel.id] = now
        try:
            async with self._db.tx(channel.tenant_id) as tx:
                await store.set_heard(tx, channel.id, now=now)
        except Exception as error:
            if not is_transient(error):
                raise
            self._heard.pop(channel.id, None)  # what came is stored; the next one notes it


def _is_bygone(event: ChatEvent, now: datetime) -> bool:
    at = told_at(event)
    return at is not None and is_bygone(at, now)


def _by_person(events: Sequence[ChatEvent]) -> list[list[ChatEvent]]:
    """Events in groups that have nobody in common, each in the order in which it was told.

    What names nobody is a group of its own: states of messages and of the line, which come in any order anyway.
    """
    groups: list[list[int]] = []
    of: dict[Alias | None, int] = {}
    for number, event in enumerate(events):
        names: Sequence[Alias | None] = getattr(event, "aliases", ()) or (None,)
        places = sorted({of[name] for name in names if name in of})
        place = places[0] if places else len(groups)
        if not places:
            groups.append([])
        for other in places[1:]:  # they turn out to be one person
            groups[place] += groups[other]
            groups[other] = []
            of = {name: place if found == other else found for name, found in of.items()}
        groups[place].append(number)
        of |= dict.fromkeys(names, place)
    return [[events[number] for number in sorted(group)] for group in groups if group]


async def _all(work: Iterable[Any]) -> list[Any]:
    """Do all of it, a few at a time, and only then raise what went wrong: first what is worth another attempt."""
    items = list(work)
    if len(items) == 1:
        return [await items[0]]
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Any) -> Any:
        async with free:
            return await item

    outcomes = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failures:
        raise min(failures, key=lambda failure: not is_transient(failure))
    return outcomes


def _text(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload).encode()
