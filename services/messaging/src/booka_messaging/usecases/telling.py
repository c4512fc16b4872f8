"""What is said on the broker of a message that a client wrote.

Most of them are written by the statement that stores them, which alone knows their turn: it is given the envelope without what it
adds. A message whose fate is decided here, with others of its conversation, is said whole. What is said of a message that it
came has that message's id.
"""

from collections.abc import Mapping
from typing import Any

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageReceived
from booka_messaging.store import Incoming, Taken

__all__ = ["received", "to_be_said"]

_TYPE, _VERSION = MessageReceived.type_and_version()


def to_be_said(incoming: Incoming, traceparent: str | None) -> Mapping[str, Any]:
    """What is known of it before it is stored. `data` comes last: the statement goes on where it ends."""
    message = incoming.message
    return {
        "id": incoming.id,
        "type": _TYPE,
        "version": _VERSION,
        "tenant_id": incoming.tenant_id,
        "occurred_at": incoming.received_at,
        "correlation_id": incoming.id,
        "causation_id": None,
        "traceparent": traceparent,
        "data": {
            "message_id": incoming.id,
            "kind": message.kind,
            "text": message.text,
            "choice_id": message.choice_id,
            "sent_at": message.sent_at,
        },
    }


def received(
    incoming: Incoming, turn: int, taken: Taken, traceparent: str | None, *, attended: bool
) -> Envelope[MessageReceived]:
    """The same, whole."""
    message = incoming.message
    return Envelope.of(
        MessageReceived(
            message_id=incoming.id,
            conversation_id=taken.conversation_id,
            contact_id=taken.contact_id,
            turn=turn,
            kind=message.kind,
            text=message.text,
            choice_id=message.choice_id,
            contact_name=taken.name,
            phone=taken.phone,
            sent_at=message.sent_at,
            attended=attended,
        ),
        tenant_id=incoming.tenant_id,
        now=incoming.received_at,
        id=incoming.id,
        traceparent=traceparent,
    )
