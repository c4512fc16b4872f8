"""A client turns out to have two conversations: one of them goes on, with what was known and talked about in either."""

import asyncio
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
    HoldRequested,
    ReservationConfirmed,
)
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased, ContactMerged, ConversationMerged, SendRequested
from booka_common.ids import new_id
from booka_common.testing import eventually, publish, running
from booka_dialog import usecases
from booka_dialog.app import create_app
from booka_dialog.settings import Settings
from booka_dialog.usecases import GAP, Deps

from .house import FRIDAY_15, NOW
from .left_behind import jobs_of, outbox, said
from .talking import Client

pytestmark = pytest.mark.usefixtures("open_salon")


def became(one: Client, other: Client) -> Envelope[ContactMerged]:
    pair = ConversationMerged(conversation_id=other.conversation_id, merged_conversation_id=one.conversation_id)
    data = ContactMerged(contact_id=other.contact_id, merged_contact_id=one.contact_id, conversations=(pair,))
    return one.says_service(data)


@pytest.fixture
def number(client: Client) -> Client:
    """The same client, as known by their number."""
    return Client(client.tenant_id, client.house)


async def writes(deps: Deps, who: Client, *texts: str) -> None:
    for text in texts:
        await usecases.take_turn(deps, who.writes(text))


async def answers(deps: Deps, who: Client, data: Any) -> None:
    await usecases.take_answer(deps, who.says_service(data), data.conversation_id, data)


async def booked(deps: Deps, who: Client, version: int = 2) -> UUID:
    """Booking confirms a visit of a client."""
    reservation_id = new_id()
    visit = ReservationConfirmed(
        reservation_id=reservation_id,
        conversation_id=who.conversation_id,
        version=version,
        visit=who.house.visit(FRIDAY_15),
        guest_name="Maria Silva",
    )
    await answers(deps, who, visit)
    return reservation_id


async def session_of(deps: Deps, who: Client) -> Any:
    return (await usecases.get_session(deps, who.tenant_id, who.conversation_id)).session


async def test_cancel_finds_the_visit_booked_under_the_old_id(deps: Deps, client: Client, number: Client) -> None:
    await writes(deps, client, "hi")
    visit = await booked(deps, client)
    await writes(deps, number, "hi")
    await usecases.merge(deps, became(client, number))
    await writes(deps, number, "cancel")
    (asked,) = await outbox(deps, client.tenant_id, CancellationQuoteRequested)
    assert (asked["reservation_id"], asked["conversation_id"]) == (str(visit), str(number.conversation_id))
    quoted = CancellationQuoted(
        request_id=asked["request_id"],
        reservation_id=visit,
        conversation_id=client.conversation_id,  # even if booking still knows it by the old one
        quoted_at=NOW,
        cancellable=True,
        movable=True,
    )
    await answers(deps, client, quoted)
    await writes(deps, number, "yes")
    (gone,) = await outbox(deps, client.tenant_id, CancellationRequested)
    assert (gone["reservation_id"], gone["conversation_id"]) == (str(visit), str(number.conversation_id))


async def test_an_unfinished_talk_is_kept_and_its_answer_comes(deps: Deps, client: Client, number: Client) -> None:
    await writes(deps, client, "haircut with Ana on friday")
    await writes(deps, number, "hi")
    await usecases.merge(deps, became(client, number))
    (asked,) = await outbox(deps, client.tenant_id, AvailabilityRequested)
    found = AvailabilityFound(
        request_id=asked["request_id"],
        conversation_id=client.conversation_id,
        exact=True,
        slots=(client.house.slot(FRIDAY_15),),
    )
    for _ in range(2):
        await answers(deps, client, found)
    last = (await outbox(deps, client.tenant_id, SendRequested))[-1]
    assert last["conversation_id"] == str(number.conversation_id)
    assert last["position"] == 2, "counted where the talk goes on"
    await writes(deps, number, "1")
    (hold,) = await outbox(deps, client.tenant_id, HoldRequested)
    assert hold["contact_id"] == str(number.contact_id)
    assert hold["conversation_id"] == str(number.conversation_id)


async def test_of_two_unfinished_talks_the_newer_one_goes_on(deps: Deps, client: Client, number: Client) -> None:
    await writes(deps, client, "haircut with Ana on friday")
    await writes(deps, number, "hi", "manicure")
    before = await session_of(deps, number)
    await usecases.merge(deps, became(client, number))
    assert await session_of(deps, number) == before


async def test_heard_again_it_changes_nothing(deps: Deps, client: Client, number: Client) -> None:
    await booked(deps, client)
    message = became(client, number)
    await asyncio.gather(*(usecases.merge(deps, message) for _ in range(5)))
    once = await session_of(deps, number)
    await writes(deps, number, "hi")
    after = await session_of(deps, number)
    await usecases.merge(deps, message)
    await usecases.merge(deps, became(client, number))
    assert await session_of(deps, number) == after
    assert len(once.visits) == len(after.visits) == 1


async def test_late_turns_of_the_old_conversation_are_answered_once_where_the_talk_goes_on(
    deps: Deps, client: Client, number: Client
) -> None:
    first, late = client.writes("hi"), client.writes("haircut")
    await usecases.take_turn(deps, first)
    await writes(deps, number, "hi")
    await usecases.merge(deps, became(client, number))
    for turn in (first, late, late, first):
        await usecases.take_turn(deps, turn)
    told = await outbox(deps, client.tenant_id, SendRequested)
    assert [one["conversation_id"] for one in told] == [
        str(client.conversation_id),
        *2 * [str(number.conversation_id)],
    ]
    talk = await session_of(deps, number)
    assert (len(talk.wishes), talk.contact_id) == (1, number.contact_id)


async def test_a_turn_that_waits_for_a_missing_one_is_answered_there(
    deps: Deps, client: Client, number: Client
) -> None:
    await usecases.take_turn(deps, client.writes("haircut", turn=2))
    await usecases.merge(deps, became(client, number))
    (gap,) = await jobs_of(deps, client.tenant_id, GAP)
    async with deps.db.tx(client.tenant_id) as tx:
        await usecases.take_gap(deps, tx, gap)
    (told,) = await outbox(deps, client.tenant_id, SendRequested)
    assert told["conversation_id"] == str(number.conversation_id)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_chain_ends_the_same_in_any_order_and_repeated(
    deps: Deps, client: Client, order: tuple[int, ...]
) -> None:
    people = [client, *(Client(client.tenant_id, client.house) for _ in range(3))]
    visits = {await booked(deps, one) for one in people}
    messages = [became(one, other) for one, other in pairwise(people)]
    for place in (*order, *order):
        await usecases.merge(deps, messages[place])
    last = await session_of(deps, people[3])
    assert {known.reservation_id for known in last.visits} == visits
    assert (last.conversation_id, last.contact_id) == (people[3].conversation_id, people[3].contact_id)
    for one in people:
        assert await session_of(deps, one) == last
    await writes(deps, client, "hi")
    assert (await outbox(deps, client.tenant_id, SendRequested))[-1]["conversation_id"] == str(
        people[3].conversation_id
    )


@pytest.mark.parametrize("turn", range(3))
async def test_they_write_while_they_become_one(deps: Deps, client: Client, number: Client, turn: int) -> None:
    await writes(deps, client, "hi")
    await writes(deps, number, "hi")
    visits = [new_id() for _ in range(4)]
    heard = [
        ReservationConfirmed(
            reservation_id=id,
            conversation_id=(client, number)[place % 2].conversation_id,
            version=2,
            visit=client.house.visit(FRIDAY_15),
            guest_name="Maria Silva",
        )
        for place, id in enumerate(visits)
    ]
    turns = [(client, number)[place % 2].writes(f"hello {turn}") for place in range(4)]
    await asyncio.gather(
        *(answers(deps, client, data) for data in heard),
        *(usecases.take_turn(deps, one) for one in turns),
        *(usecases.merge(deps, became(client, number)) for _ in range(2)),
    )
    assert {known.reservation_id for known in (await session_of(deps, number)).visits} == set(visits)


async def test_who_was_erased_stays_forgotten(deps: Deps, client: Client, number: Client) -> None:
    await booked(deps, client)
    erased = ContactErased(
        contact_id=number.contact_id,
        conversation_ids=(client.conversation_id, number.conversation_id),
        merged_ids=(client.contact_id,),
    )
    await usecases.forget(deps, client.says_service(erased))
    await usecases.merge(deps, became(client, number))
    await writes(deps, client, "hi")
    await writes(deps, number, "hi")
    assert (await session_of(deps, number)).visits == ()
    assert len(await said(deps, client.tenant_id)) == 1, "what was said before"


async def test_over_the_broker(settings: Settings, deps: Deps, client: Client, number: Client) -> None:
    await booked(deps, client)
    async with running(create_app(settings)):
        await publish(settings.amqp_url.get_secret_value(), *[became(client, number)] * 5)

        async def known() -> bool:
            async with deps.db.tx(client.tenant_id) as tx:
                found = await usecases.get_session(deps, tx.tenant_id or new_id(), client.conversation_id)
            return found.session.conversation_id == number.conversation_id

        await eventually(known)
    assert len((await session_of(deps, number)).visits) == 1
