"""The circuit breakers of lines, which all replicas share, and what is said when they open and close."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database
from booka_messaging.domain.circuit import Circuit, after_failure, after_probe
from booka_messaging.providers.gateway import Gateway, Line
from booka_messaging.store.paces import begin_probe, lock_circuit, put_circuit
from booka_messaging.usecases.linestate import line_changed

__all__ = ["Circuits", "LineOfSalon"]

#: Whoever finds that somebody else asks the gateway comes again then.
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LineOfSalon:
    """A line. `state`: what was last said of it."""

    tenant_id: UUID
    channel_id: UUID
    state: str | None


class Circuits:
    """Notes what calls to gateways say about their lines.

    Args:
        probe: how long asking a gateway takes at most.
    """

    def __init__(self, db: Database, *, probe: timedelta = timedelta(seconds=10)) -> None:
        self._db = db
        self._probe = probe

    async def failed(self, of: LineOfSalon, reason: str, *, down: bool, now: datetime) -> datetime | None:
        """A call failed by the line's fault; return until when nothing is sent, None if something still is.

        Args:
            down: nothing can be sent until somebody acts.
        """
        async with self._db.tx(of.tenant_id) as tx:
            before = await lock_circuit(tx, of.channel_id, now=now)
            after = after_failure(before, now, down=down)
            if after != before:
                await put_circuit(tx, of.channel_id, after, reason=reason)
            opened = before.blocked_until is None and after.blocked_until is not None
            # That the gateway says it is closed tells more than that it does not answer.
            if opened and (down or of.state in (None, "open")):
                await line_changed(tx, of.channel_id, "refused" if down else "away", reason, now)
        return after.blocked_until

    async def worked(self, of: LineOfSalon, *, now: datetime) -> None:
        """A call went through, after others did not."""
        async with self._db.tx(of.tenant_id) as tx:
            before = await lock_circuit(tx, of.channel_id, now=now)
            if before.works:
                return
            await put_circuit(tx, of.channel_id, Circuit(), reason=None)
            if before.openings:
                await line_changed(tx, of.channel_id, "open", None, now)

    async def probe(self, of: LineOfSalon, gateway: Gateway, line: Line, *, now: datetime) -> datetime | None:
        """Ask the gateway whether the line works, unless somebody does; return until when nothing is sent, None: try."""
        async with self._db.tx(of.tenant_id) as tx:
            ours = await begin_probe(tx, of.channel_id, until=now + self._probe, now=now)
        if not ours:
            return now + _SOON
        found = await gateway.connection(line)
        async with self._db.tx(of.tenant_id) as tx:
            before = await lock_circuit(tx, of.channel_id, now=now)
            if before.blocked_until is None:
                return None
            after = after_probe(before, now, works=found.state == "open")
            await put_circuit(tx, of.channel_id, after, reason=found.detail or found.state)
            if found.state != "open":
                await line_changed(tx, of.channel_id, found.state, found.detail, now)
        return after.blocked_until
