"""Whose reservation it is that somebody asks about in a conversation."""

from typing import Protocol
from uuid import UUID

from booka_booking.domain.reservation import Reservation
from booka_booking.store import merging
from booka_common.db import Tx

__all__ = ["Asked", "of_asker", "theirs"]


class Asked(Protocol):
    """A client's request, as far as it says who asks and where."""

    @property
    def conversation_id(self) -> UUID: ...
    @property
    def contact_id(self) -> UUID | None: ...


async def theirs(tx: Tx, it: Reservation, asked: Asked) -> bool:
    """Whether a reservation is of whoever asks: of their contact, whichever conversation it was made in, or none.

    Where it is not known of either whose contact it is, the conversation tells.
    """
    if it.contact_id is not None and asked.contact_id is not None:
        return await merging.same(tx, it.contact_id, asked.contact_id)
    return await merging.same(tx, it.conversation_id, asked.conversation_id)


async def of_asker(tx: Tx, it: Reservation | None, asked: Asked) -> Reservation | None:
    """A locked reservation, as it is to be changed for whoever asks; None: it is not theirs.

    It goes on in the conversation in which they ask, once something of it is changed and saved.
    """
    if it is None or not await theirs(tx, it, asked):
        return None
    if it.conversation_id == asked.conversation_id:
        return it
    return it._replace(conversation_id=await merging.resolve(tx, asked.conversation_id))
