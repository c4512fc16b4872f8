"""Typed functions over `queries/`; rows become the words of the domain here and nowhere else."""

from booka_messaging.store.channels import (
    Channel,
    channel_by_id,
    get_channel,
    list_channels,
    put_channel,
    rotate_channel,
    set_connection,
)
from booka_messaging.store.identity import lock_identity, people, put_person, record_merge
from booka_messaging.store.incoming import Incoming, Settled, Taken, take_messages
from booka_messaging.store.linestate import StateChange, note_line_state
from booka_messaging.store.outgoing import (
    Accepted,
    Asked,
    OutboundMessage,
    Queued,
    Touched,
    begin_sends,
    finish_sends,
    ours_among,
    overtake,
    queue_sends,
    record_failure,
    record_receipt,
    release_held,
)
from booka_messaging.store.reading import conversation_exists

__all__ = [
    "Accepted",
    "Asked",
    "Channel",
    "Incoming",
    "OutboundMessage",
    "Queued",
    "Settled",
    "StateChange",
    "Taken",
    "Touched",
    "begin_sends",
    "channel_by_id",
    "conversation_exists",
    "finish_sends",
    "get_channel",
    "list_channels",
    "lock_identity",
    "note_line_state",
    "ours_among",
    "overtake",
    "people",
    "put_channel",
    "put_person",
    "queue_sends",
    "record_failure",
    "record_merge",
    "record_receipt",
    "release_held",
    "rotate_channel",
    "set_connection",
    "take_messages",
]
