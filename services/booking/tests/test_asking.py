"""Whose a visit is goes by the client: whichever conversation it was made in, or none; and never by anybody else's word."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.domain.reservation import Reservation
from booka_booking.store import reservations
from booka_common.contracts import booking
from booka_common.contracts.messaging import ContactMerged
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .salon import Salon, at
from .waiting import accept, full_day, join, last_offer, run_due, settle


@dataclass(frozen=True)
class Client:
    """Somebody who writes in a conversation."""

    contact_id: UUID | None = field(default_factory=new_id)
    conversation_id: UUID = field(default_factory=new_id)

    @property
    def ids(self) -> dict[str, Any]:
        return {"contact_id": self.contact_id, "conversation_id": self.conversation_id}

    def quote(self, id: UUID) -> booking.CancellationQuoteRequested:
        return booking.CancellationQuoteRequested(request_id=new_id(), reservation_id=id, **self.ids)

    def cancel(self, id: UUID) -> booking.CancellationRequested:
        return booking.CancellationRequested(reservation_id=id, **self.ids)

    def move(self, id: UUID) -> booking.MoveRequested:
        return booking.MoveRequested(request_id=new_id(), reservation_id=id, start=at(5, 10), **self.ids)

    def agree(self, id: UUID) -> booking.ConfirmationRequested:
        return booking.ConfirmationRequested(reservation_id=id, guest_name="Rui", **self.ids)


async def phoned_in(client: httpx.AsyncClient, salon: Salon, who: Client, *, agreed: bool = True) -> UUID:
    """The salon writes a visit on the fourth down for a contact, without any conversation."""
    body = {
        "wants": [{"service_id": str(salon.cut), "staff_id": str(salon.ana)}],
        "start": at(4, 10).isoformat(),
        "by": "salon",
        "agreed": agreed,
        "contact_id": str(who.contact_id),
        "guest_name": "Rui Costa",
    }
    answer = await client.post("/v1/reservations", json=body)
    assert (answer.status_code, answer.json()["conversation_id"]) == (201, None), answer.text
    return UUID(answer.json()["id"])


async def read(salon: Salon, id: UUID) -> Reservation:
    async with salon.db.tx(salon.tenant_id) as tx:
        found = await reservations.get(tx, id)
    assert found is not None
    return found


async def hindered(salon: Salon, who: Client, id: UUID) -> bool:
    """Whether somebody who tries everything gets nowhere, and changes nothing."""
    before = await read(salon, id)
    quotes, refused = len(await salon.said(booking.CancellationQuoted)), len(await salon.said(booking.MoveRefused))
    await salon.hear(who.quote(id), who.move(id), who.cancel(id), who.agree(id))
    (quote,) = (await salon.said(booking.CancellationQuoted))[quotes:]
    (no,) = (await salon.said(booking.MoveRefused))[refused:]
    assert (await salon.said(booking.ConfirmationRefused))[-1].code == "unknown_reservation"
    assert (quote.conversation_id, no.conversation_id) == (who.conversation_id, who.conversation_id)
    return (quote.cancellable, quote.movable, quote.refund, no.code) == (
        False,
        False,
        None,
        "unknown_reservation",
    ) and await read(salon, id) == before


async def test_who_called_manages_the_visit_by_chat(client: httpx.AsyncClient, salon: Salon) -> None:
    who = Client()
    id = await phoned_in(client, salon, who)
    await salon.hear(who.quote(id))
    (quote,) = await salon.said(booking.CancellationQuoted)
    assert (quote.conversation_id, quote.cancellable, quote.movable) == (who.conversation_id, True, True)
    assert (await read(salon, id)).conversation_id is None, "nothing changes by asking"
    await salon.hear(who.move(id))
    (moved,) = await salon.said(booking.ReservationMoved)
    assert (moved.conversation_id, moved.visit.start) == (who.conversation_id, at(5, 10))
    await salon.hear(who.cancel(id))
    (cancelled,) = await salon.said(booking.ReservationCancelled)
    assert (cancelled.conversation_id, cancelled.by) == (who.conversation_id, "client")


async def test_what_was_kept_on_the_phone_is_agreed_to_by_chat(client: httpx.AsyncClient, salon: Salon) -> None:
    who = Client()
    id = await phoned_in(client, salon, who, agreed=False)
    await salon.hear(who.agree(id))
    (confirmed,) = await salon.said(booking.ReservationConfirmed)
    assert (confirmed.conversation_id, confirmed.reservation_id) == (who.conversation_id, id)


@pytest.mark.parametrize("made", ["by phone", "by chat"])
async def test_nobody_else_may(client: httpx.AsyncClient, salon: Salon, made: str) -> None:
    who = Client()
    if made == "by phone":
        id = await phoned_in(client, salon, who)
    else:
        id = (await salon.booked(at(4, 10), staff=salon.ana, **who.ids)).reservation_id
    assert await hindered(salon, Client(), id)
    assert await hindered(salon, Client(contact_id=None), id)
    assert await hindered(salon, Client(conversation_id=who.conversation_id), id), "whatever conversation they name"
    await salon.hear(who.cancel(id))
    assert await salon.status(id) == "cancelled"


async def test_nobody_may_in_another_salon(
    client: httpx.AsyncClient, salon: Salon, db: Database, clock: FrozenClock
) -> None:
    who = Client()
    id = await phoned_in(client, salon, who)
    other = Salon(db, new_id(), clock)
    await other.open()
    before = await read(salon, id)
    await other.hear(who.quote(id), who.move(id), who.cancel(id), who.agree(id))
    assert not (await other.said(booking.CancellationQuoted))[-1].cancellable
    assert (await other.said(booking.MoveRefused))[-1].code == "unknown_reservation"
    assert (await other.said(booking.ConfirmationRefused))[-1].code == "unknown_reservation"
    assert await read(salon, id) == before


async def test_who_does_not_say_who_they_are_is_known_by_their_conversation(salon: Salon) -> None:
    who = Client()
    visit = await salon.booked(at(4, 10), staff=salon.ana, **who.ids)
    await salon.hear(Client(contact_id=None, conversation_id=who.conversation_id).cancel(visit.reservation_id))
    assert await salon.status(visit.reservation_id) == "cancelled"


async def test_a_visit_of_nobody_in_particular_is_not_managed_by_chat(client: httpx.AsyncClient, salon: Salon) -> None:
    who = Client()
    id = await phoned_in(client, salon, who)
    async with salon.db.tx(salon.tenant_id) as tx:
        await tx.execute("UPDATE reservations SET contact_id = NULL WHERE id = $1", id)
    assert await hindered(salon, who, id)
    assert await hindered(salon, Client(contact_id=None), id)


@pytest.mark.parametrize("says", ["old", "new"])
async def test_the_client_is_one_under_all_ids(client: httpx.AsyncClient, salon: Salon, says: str) -> None:
    old, new = Client(), Client()
    assert old.contact_id is not None
    assert new.contact_id is not None
    id = await phoned_in(client, salon, old)
    await salon.hear(ContactMerged(contact_id=new.contact_id, merged_contact_id=old.contact_id, conversations=()))
    await salon.hear((old if says == "old" else new).cancel(id))
    assert await salon.status(id) == "cancelled"


async def test_it_goes_on_where_its_client_asks(salon: Salon) -> None:
    who = Client()
    visit = await salon.booked(at(4, 10), staff=salon.ana, **who.ids)
    elsewhere = Client(contact_id=who.contact_id)
    await salon.hear(elsewhere.move(visit.reservation_id))
    assert (await read(salon, visit.reservation_id)).conversation_id == elsewhere.conversation_id
    (moved,) = await salon.said(booking.ReservationMoved)
    assert moved.conversation_id == elsewhere.conversation_id


async def test_what_is_refused_changes_nothing(salon: Salon) -> None:
    """Not even where the client is told of the visit."""
    who = Client()
    id = (await salon.booked(at(4, 10), staff=salon.ana, **who.ids)).reservation_id
    await salon.booked(at(5, 10), staff=salon.ana, **Client().ids)
    before = await read(salon, id)
    elsewhere = Client(contact_id=who.contact_id)
    await salon.hear(elsewhere.move(id))
    (refused,) = await salon.said(booking.MoveRefused)
    assert (refused.code, refused.conversation_id) == ("slot_taken", elsewhere.conversation_id)
    assert await read(salon, id) == before


async def test_moved_by_an_offer_it_is_spoken_of_where_the_yes_was_said(
    client: httpx.AsyncClient, salon: Salon
) -> None:
    first, _ = await full_day(salon)
    who = Client()
    id = await phoned_in(client, salon, who)
    entry = await join(salon, replaces=id, **who.ids)
    await settle(salon)
    await salon.hear(salon.no(first))
    await run_due(salon)
    await salon.hear(accept(await last_offer(salon, entry.entry_id)))
    (moved,) = await salon.said(booking.ReservationMoved)
    assert (moved.reservation_id, moved.conversation_id) == (id, who.conversation_id)
    due = ReminderDue(reminder_id=new_id(), reservation_id=id, reservation_version=moved.version, minutes_before=1440)
    await salon.hear(due)
    (reminder,) = await salon.said(booking.ReminderReady)
    assert reminder.conversation_id == who.conversation_id
    assert await hindered(salon, Client(), id)
    await salon.hear(who.cancel(id))
    assert await salon.status(id) == "cancelled"
    assert await salon.problems() == []
