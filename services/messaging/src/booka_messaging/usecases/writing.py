"""Writing to a client as a person of the salon, which takes the conversation over: Booka falls silent with the same commit.

What can be known at once is said at once. The rest, as with everything that is sent, becomes known later and is told by the
message's state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.contracts.messaging import TemplateUse
from booka_common.db import Tx
from booka_messaging.domain.rendering import window_open
from booka_messaging.errors import (
    ChannelDeleted,
    ChannelInactive,
    ContactBlocked,
    ContactErased,
    NoAddress,
    UnknownConversation,
    WindowClosed,
)
from booka_messaging.store import reading as store
from booka_messaging.store.reading import MessageRow, Reach
from booka_messaging.usecases.attending import take_over
from booka_messaging.usecases.requesting import queue_written

__all__ = ["Draft", "reachable", "write"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person of the salon wants to say. `template`: the approved text that says the same, for outside the window."""

    text: str
    written_by: str
    template: TemplateUse | None = None


async def write(
    tx: Tx,
    conversation_id: UUID,
    draft: Draft,
    *,
    windows: Mapping[str, timedelta | None],
    attempts: int,
    now: datetime,
) -> MessageRow:
    """Take the conversation over and queue the message, after everything that waits to be said there.

    Args:
        windows: by gateway, for how long after the client's last message free texts are taken; None: always.
        attempts: tries to send it before it is given up.

    Raises:
        UnknownConversation: none of this tenant.
        ContactErased, ContactBlocked, ChannelDeleted, ChannelInactive, NoAddress, WindowClosed.
    """
    found = await reachable(tx, conversation_id)
    if found.blocked_at is not None:
        raise ContactBlocked
    if found.deleted:
        raise ChannelDeleted
    if not found.active:
        raise ChannelInactive
    if not found.has_address:
        raise NoAddress
    if not window_open(found.client_at, windows[found.gateway], now) and not _usable(found, draft.template):
        raise WindowClosed(found.templates)
    await take_over(tx, found.id, by="console", now=now)
    message_id = await queue_written(
        tx, found.id, draft.text, written_by=draft.written_by, template=draft.template, attempts=attempts, now=now
    )
    message = await store.message(tx, message_id) if message_id else None
    if message is None:
        raise UnknownConversation(conversation_id)
    return message


async def reachable(tx: Tx, conversation_id: UUID) -> Reach:
    """How the client can be written to.

    Raises:
        UnknownConversation: none of this tenant.
        ContactErased: nobody is there any more.
    """
    found = await store.reach(tx, conversation_id)
    if found is None:
        raise UnknownConversation(conversation_id)
    if found.erased_at is not None:
        raise ContactErased
    return found


def _usable(found: Reach, template: TemplateUse | None) -> bool:
    """Whether the line has this template in the locale, or at least in the language."""
    if template is None:
        return False
    language = template.locale.partition("-")[0]
    return any(
        known["name"] == template.name and known["locale"] in (template.locale, language) for known in found.templates
    )
