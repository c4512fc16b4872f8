"""A line's state, whoever finds out about it: its gateway, a send that failed, or somebody who asked."""

from datetime import datetime
from typing import Literal, cast, get_args
from uuid import UUID

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ChannelStateChanged
from booka_common.db import Tx
from booka_messaging import store
from booka_messaging.usecases.rounds import sweep_soon

__all__ = ["LineState", "line_changed"]

LineState = Literal["open", "connecting", "close", "refused", "away"]
_STATES = frozenset(get_args(LineState))


async def line_changed(tx: Tx, channel_id: UUID, state: str, detail: str | None, now: datetime) -> bool:
    """Write a line's state, and say so if it is another one than before.

    Args:
        state: a `LineState`; one that a new version of a gateway invents changes nothing.
        detail: why; kept also if the state is the same.

    Returns:
        Whether it is another one.
    """
    if state not in _STATES:
        return False
    reason = detail[:500] if detail else None
    change = await store.note_line_state(tx, channel_id, state=state, reason=reason, now=now)
    if change is None or tx.tenant_id is None:
        return False
    told = ChannelStateChanged(
        channel_id=channel_id, state=cast(LineState, state), before=change.before, detail=reason or ""
    )
    await outbox.put(tx, Envelope.of(told, tenant_id=tx.tenant_id, now=now))
    if state == "open" and change.before is not None:
        await sweep_soon(tx, channel_id, now=now)
    return True
