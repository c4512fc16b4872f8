"""JSON of any shape, made of the words that a parser looks for, and what must hold of a message that was read in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from hypothesis import strategies as st

from booka_common.contracts.messaging import MessageReceived
from booka_common.ids import new_id
from booka_messaging.domain.model import ChatMessage, phone_of

__all__ = ["json_of", "must_hold"]


def json_of(keys: st.SearchStrategy[str], words: Sequence[str], *, wide: int, leaves: int) -> st.SearchStrategy[Any]:
    """Values nested at will; objects of up to `wide` of the keys, about `leaves` leaves in all."""
    leaf = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.just(2**70)
        | st.floats()
        | st.sampled_from(words)
        | st.text(max_size=10, alphabet=st.characters())
    )
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=wide),
        max_leaves=leaves,
    )


def must_hold(message: ChatMessage, now: datetime) -> None:
    """It fits the database and the contract, and is of no time to come."""
    assert message.sent_at <= now
    assert 1 <= len(message.provider_id) <= 128
    assert b"\\u0000" not in orjson.dumps(message.metadata)
    received = MessageReceived(
        message_id=new_id(), conversation_id=new_id(), contact_id=new_id(), turn=1, kind=message.kind, text=message.text,
        choice_id=message.choice_id, contact_name=message.name, phone=phone_of(message.aliases), sent_at=message.sent_at,
    )  # fmt: skip
    assert b"\\u0000" not in received.model_dump_json().encode()
