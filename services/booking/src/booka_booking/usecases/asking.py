"""Whose reservation it is that somebody asks about in a conversation."""

from typing import Protocol
from uuid import UUID

from booka_booking.domain.reservation import Reservation
from booka_booking.store import merging, reservations
from booka_common.db import Tx

__all__ = ["Asked", "goes_on", "of_asker", "theirs"]


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
    """A locked reservation whose client asks to change it; it goes on in the conversation in which they do. None: not theirs."""
    if it is None or not await theirs(tx, it, asked):
        return None
    return await goes_on(tx, it, asked.conversation_id)


async def goes_on(tx: Tx, it: Reservation, conversation_id: UUID) -> Reservation:
    """A locked reservation with this conversation as the one in which its client is told of it."""
    if it.conversation_id == conversation_id:
        return it
    stays = await merging.resolve(tx, conversation_id)
    await reservations.put_conversation(tx, it.id, stays)
    return it._replace(conversation_id=stays)
