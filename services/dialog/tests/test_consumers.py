"""The service on a real broker: the tests publish what the other services would say."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
    MoveRequested,
    ReminderReady,
    ReservationConfirmed,
    ReservationMoved,
)
from booka_common.contracts.llm import InterpretationRequested, LlmSettingsChanged
from booka_common.contracts.messaging import ContactErased, MessageFailed, SendRequested
from booka_common.contracts.payments import CheckoutOpened
from booka_common.contracts.waitlist import WaitlistJoined, WaitlistOffered, WaitlistRequested
from booka_common.ids import new_id
from booka_common.testing import Tap, dead_letters, eventually, publish, running
from booka_dialog import usecases
from booka_dialog.app import create_app
from booka_dialog.settings import Settings
from booka_dialog.usecases import Deps

from .house import DEPOSIT


@pytest.fixture
async def tap(settings: Settings) -> AsyncIterator[Tap]:
    """The service is running and consuming, and everything said is heard."""
    app = create_app(settings)
    async with Tap(settings.amqp_url.get_secret_value()) as tap, running(app) as http:

        async def consuming() -> bool:
            return bool((await http.get("/readyz")).json().get("rabbitmq"))

        await eventually(consuming)
        yield tap


@pytest.fixture
def url(settings: Settings) -> str:
    return settings.amqp_url.get_secret_value()


@pytest.fixture
async def salon(deps: Deps, client: Any) -> Any:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))
    return client


async def test_a_whole_conversation(
    tap: Tap, url: str, salon: Any, tenant_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("booka_dialog", "booka_common"):
        caplog.set_level(logging.DEBUG, name)
    now = datetime.now(UTC)
    said = 0

    async def reply() -> str:
        nonlocal said
        text = (await tap.next(SendRequested, tenant_id=tenant_id, after=said)).data.text
        said += 1
        return text

    await publish(url, salon.writes("hello", at=now))
    assert (await reply()).startswith("Hi! This is Studio Bela.")
    await publish(url, salon.writes("haircut with Ana", at=now))
    assert "When would you like to come?" in await reply()
    await publish(url, salon.writes("tomorrow", at=now))
    request = await tap.next(AvailabilityRequested, tenant_id=tenant_id)
    start = request.data.earliest + timedelta(hours=10)
    found = AvailabilityFound(
        request_id=request.data.request_id,
        conversation_id=salon.conversation_id,
        exact=True,
        slots=(salon.house.slot(start),),
    )
    await publish(url, salon.says_service(found))
    assert "Haircut with Ana, free times:" in await reply()
    await publish(url, salon.writes("1", at=now))
    hold = await tap.next(HoldRequested, tenant_id=tenant_id)
    assert hold.data.start == start
    held = salon.house.held(hold.data, deposit=DEPOSIT, now=now)
    await publish(url, salon.says_service(held))
    assert await reply() == "What name should I put the booking under?"
    await publish(url, salon.writes("Maria Secreta", at=now))
    assert "Name: Maria Secreta" in await reply()
    await publish(url, salon.writes("yes", at=now))
    confirmation = await tap.next(ConfirmationRequested, tenant_id=tenant_id)
    assert confirmation.data.guest_name == "Maria Secreta"
    on = {"reservation_id": held.reservation_id, "conversation_id": salon.conversation_id}
    await publish(url, salon.says_service(CheckoutOpened(
        **on, transaction_id=new_id(), url="https://pay.example/1", amount=DEPOSIT, expires_at=held.expires_at
    )))  # fmt: skip
    assert "https://pay.example/1" in await reply()
    confirmed = ReservationConfirmed(
        **on, version=2, visit=held.visit, guest_name="Maria Secreta", deposit_paid=DEPOSIT
    )
    await publish(url, salon.says_service(confirmed))
    assert (await reply()).startswith("Booked! *Haircut* with Ana")
    await publish(url, salon.says_service(ReminderReady(**on, reminder_id=new_id(), visit=held.visit)))
    reminder = await tap.next(SendRequested, tenant_id=tenant_id, after=said)
    assert reminder.data.purpose == "reminder"
    assert len(tap.seen(SendRequested, tenant_id=tenant_id)) == said + 1
    logged = "".join(record.getMessage() for record in caplog.records if record.name.startswith("booka"))
    assert "Secreta" not in logged
    assert "tomorrow" not in logged


async def test_the_same_messages_five_times_have_one_effect(tap: Tap, url: str, salon: Any, tenant_id: UUID) -> None:
    hello, service = salon.writes("hi"), salon.writes("haircut with Ana on friday")
    await publish(url, *[hello, service] * 5)
    request = await tap.next(AvailabilityRequested, tenant_id=tenant_id)
    found = salon.says_service(AvailabilityFound(
        request_id=request.data.request_id, conversation_id=salon.conversation_id, exact=True,
        slots=(salon.house.slot(datetime.now(UTC) + timedelta(days=1)),),
    ))  # fmt: skip
    await publish(url, *[found] * 5)
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "free times" in sent.text)
    await publish(url, salon.writes("1"))
    await tap.next(HoldRequested, tenant_id=tenant_id)
    sent = [envelope.data.text for envelope in tap.seen(SendRequested, tenant_id=tenant_id)]
    assert sum("free times" in text for text in sent) == 1
    assert sum("Studio Bela" in text for text in sent) <= 1
    assert len(tap.seen(AvailabilityRequested, tenant_id=tenant_id)) == 1
    assert len(tap.seen(HoldRequested, tenant_id=tenant_id)) == 1


async def test_a_visit_is_moved_then_cancelled_on_quoted_terms(tap: Tap, url: str, salon: Any, tenant_id: UUID) -> None:
    now = datetime.now(UTC)
    on = {"reservation_id": new_id(), "conversation_id": salon.conversation_id}
    visit = salon.house.visit(now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2))
    later = visit.model_copy(update={"start": visit.start + timedelta(days=1), "end": visit.end + timedelta(days=1)})

    async def told(words: str) -> str:
        found = await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: words in sent.text)
        return str(found.data.text)

    await publish(url, salon.writes("hi", at=now))
    await told("Which service")
    await publish(url, salon.says_service(ReservationConfirmed(**on, version=2, visit=visit, deposit_paid=DEPOSIT)))
    await told("Booked!")
    await publish(url, salon.writes("reschedule", at=now))
    quote = (await tap.next(CancellationQuoteRequested, tenant_id=tenant_id)).data
    terms = {"quoted_at": now, "cancellable": True, "movable": True, "refund": DEPOSIT}
    quoted = salon.says_service(CancellationQuoted(**on, request_id=quote.request_id, **terms))
    await publish(url, *[quoted] * 5)
    await told("come instead")
    await publish(url, salon.writes("as soon as possible", at=now))
    request = (await tap.next(AvailabilityRequested, tenant_id=tenant_id)).data
    assert request.moving == on["reservation_id"]
    slot = salon.house.slot(later.start)
    found = AvailabilityFound(
        request_id=request.request_id, conversation_id=salon.conversation_id, exact=True, slots=(slot,)
    )
    await publish(url, salon.says_service(found))
    await told("free times")
    await publish(url, salon.writes("1", at=now))
    await told("Shall I move your visit?")
    await publish(url, salon.writes("yes", at=now))
    asked = (await tap.next(MoveRequested, tenant_id=tenant_id)).data
    assert (asked.reservation_id, asked.start) == (on["reservation_id"], later.start)
    moved = salon.says_service(ReservationMoved(**on, version=3, visit=later))
    await publish(url, *[moved] * 5)
    await told("Your visit was moved.")
    await publish(url, salon.writes("cancel", at=now))
    quote = (await tap.next(CancellationQuoteRequested, tenant_id=tenant_id, after=1)).data
    await publish(url, salon.says_service(CancellationQuoted(**on, request_id=quote.request_id, **terms)))
    assert "all of your deposit of R$20.00 comes back" in await told("Shall I cancel this visit?")
    await publish(url, salon.writes("yes", at=now))
    cancelled = (await tap.next(CancellationRequested, tenant_id=tenant_id)).data
    assert cancelled.quoted_at is not None
    sent = [envelope.data.text for envelope in tap.seen(SendRequested, tenant_id=tenant_id)]
    assert sum("Your visit was moved." in text for text in sent) == 1
    assert sum("come instead" in text for text in sent) == 1


async def test_terms_that_nobody_quotes(tap: Tap, url: str, salon: Any, tenant_id: UUID) -> None:
    now = datetime.now(UTC)
    visit = salon.house.visit(now + timedelta(days=2))
    confirmed = ReservationConfirmed(
        reservation_id=new_id(), conversation_id=salon.conversation_id, version=2, visit=visit
    )
    await publish(url, salon.writes("thanks", at=now))
    await tap.next(SendRequested, tenant_id=tenant_id)
    await publish(url, salon.says_service(confirmed))
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "Booked!" in sent.text)
    await publish(url, salon.writes("cancel", at=now))
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "Shall I cancel" in sent.text)


async def test_the_waiting_list(tap: Tap, url: str, salon: Any, tenant_id: UUID) -> None:
    now = datetime.now(UTC)
    await publish(url, salon.writes("waiting list for a haircut with Ana next week", at=now))
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "Shall I put you" in sent.text)
    await publish(url, salon.writes("yes", at=now))
    request = (await tap.next(WaitlistRequested, tenant_id=tenant_id)).data
    on = {"entry_id": new_id(), "conversation_id": salon.conversation_id}
    await publish(url, salon.says_service(WaitlistJoined(
        **on, request_id=request.request_id, first_day=request.first_day, last_day=request.last_day
    )))  # fmt: skip
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "You are on the waiting list" in sent.text)
    offer = salon.says_service(WaitlistOffered(
        **on, reservation_id=new_id(), contact_id=salon.contact_id, version=1, service_ids=(salon.house.services["Haircut"],),
        visit=salon.house.visit(now + timedelta(days=7)), expires_at=now + timedelta(minutes=15),
    ))  # fmt: skip
    await publish(url, *[offer] * 5)
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "Would you like it?" in sent.text)
    await publish(url, salon.writes("yes", at=now))
    await publish(url, salon.writes("Maria", at=now))
    confirmation = (await tap.next(ConfirmationRequested, tenant_id=tenant_id)).data
    assert confirmation.reservation_id == offer.data.reservation_id
    sent = [envelope.data.text for envelope in tap.seen(SendRequested, tenant_id=tenant_id)]
    assert sum("Would you like it?" in text for text in sent) == 1


async def test_a_catalogue_arrives_by_message(tap: Tap, url: str, client: Any, tenant_id: UUID) -> None:
    await publish(url, client.writes("hi"))
    await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "not open yet" in sent.text)
    await publish(url, client.says_service(client.house.catalogue))
    turn = 1

    async def open_now() -> bool:
        nonlocal turn
        turn += 1
        await publish(url, client.writes("hi", turn=turn))
        sent = await tap.next(SendRequested, tenant_id=tenant_id, after=turn - 1)
        return "Which service" in sent.data.text

    await eventually(open_now)


async def test_the_model_too_late(tap: Tap, url: str, salon: Any, deps: Deps, tenant_id: UUID) -> None:
    await usecases.keep_llm_setting(deps, salon.says_service(LlmSettingsChanged(revision=1, enabled=True)))
    await publish(url, salon.writes("manicure"), salon.writes("like the one my cousin had"))
    await tap.next(InterpretationRequested, tenant_id=tenant_id)
    sent = await tap.next(SendRequested, tenant_id=tenant_id, where=lambda sent: "did not understand" in sent.text)
    assert "When would you like" in sent.data.text


async def test_a_turn_that_never_comes(tap: Tap, url: str, salon: Any, tenant_id: UUID) -> None:
    await publish(url, salon.writes("hi", turn=2))
    assert "Studio Bela" in (await tap.next(SendRequested, tenant_id=tenant_id)).data.text


async def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(
    tap: Tap, url: str, salon: Any, tenant_id: UUID
) -> None:
    broken = salon.writes("hi").model_copy(update={"version": 0, "tenant_id": tenant_id})
    await publish(url, broken, salon.writes("hi", turn=1))
    await tap.next(SendRequested, tenant_id=tenant_id)
    ((headers, _body), *_) = await dead_letters(url, "dialog.message-received")
    assert "ValidationError" in str(headers["x-booka-reason"])


async def test_an_erased_client_is_forgotten(tap: Tap, url: str, salon: Any, deps: Deps, tenant_id: UUID) -> None:
    await publish(url, salon.writes("my name is Maria Secreta"))
    await tap.next(SendRequested, tenant_id=tenant_id)
    erased = salon.says_service(ContactErased(contact_id=salon.contact_id, conversation_ids=(salon.conversation_id,)))
    await publish(url, *[erased] * 5)

    async def forgotten() -> bool:
        stored = await usecases.get_session(deps, tenant_id, salon.conversation_id)
        return not stored.session.greeted

    await eventually(forgotten)


async def test_an_undelivered_reply_is_counted_and_answered_by_nobody(
    tap: Tap, url: str, salon: Any, tenant_id: UUID
) -> None:
    failed = MessageFailed(
        message_id=new_id(),
        conversation_id=salon.conversation_id,
        request_id=new_id(),
        code="blocked",
        detail="the number is gone",
    )
    await publish(url, salon.says_service(failed), salon.writes("hi"))
    await tap.next(SendRequested, tenant_id=tenant_id)
    assert len(tap.seen(SendRequested, tenant_id=tenant_id)) == 1
