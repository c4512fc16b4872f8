"""Receipts that are faster than the proof of what they are about: with it they count at once, in whatever order they come."""

from itertools import permutations
from typing import Any

import pytest

from booka_common.contracts.messaging import MessageDelivered, MessageFailed, MessageSent
from booka_common.ids import new_id
from booka_common.jobs import RetryIn
from booka_messaging.domain.model import STATES, Alias, Echoed, Receipt

from .desk import Desk, DeskOf
from .outside import CLIENT

WORDS = "Confirmado!"


async def unanswered(desk: Desk) -> None:
    """A text that the gateway took without an answer."""
    await desk.client_writes()
    await desk.fails("error_after", status=502)
    await desk.control("POST", f"{desk.path}/hold")
    await desk.asks(WORDS)
    assert isinstance(await desk.step(), RetryIn)


async def test_an_echo_behind_its_receipts_ends_the_send(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("evolution")
    await unanswered(desk)
    posts = (await desk.control("POST", f"{desk.path}/release", {"order": "reversed"}))["posts"]
    events = await desk.hears(posts)
    assert [type(event) for event in events] == [Receipt, Echoed], "as the gateway told it"
    (message,) = await desk.messages()
    assert (message["status"], message["provider_id"]) == ("delivered", events[-1].provider_id)
    for _ in range(2):
        assert (len(await desk.told(MessageSent)), len(await desk.told(MessageDelivered))) == (1, 1)
        await desk.works()
    assert await desk.sent() == [WORDS]


TOLD = [("delivered", "read"), ("sent", "read"), ("sent", "failed"), ("failed", "delivered")]


@pytest.mark.parametrize("order", [order for told in TOLD for order in permutations(("echo", *told))], ids="-".join)
async def test_in_any_order_the_most_that_was_told_counts(desk_of: DeskOf, order: tuple[Any, ...]) -> None:
    """The echo says which message it is about, the receipts do not."""
    desk: Desk = await desk_of("evolution")
    await unanswered(desk)
    id = new_id().hex
    for what in order:
        echo = Echoed("echo", id, (Alias("pn", CLIENT),), WORDS, desk.clock())
        await desk.intake.receive(desk.channel, [echo if what == "echo" else Receipt(id, what)], now=desk.clock())
    highest = max({*order} - {"echo"}, key=STATES.index)
    failure = "gateway_error" if highest == "failed" else None
    (message,) = await desk.messages()
    assert (message["status"], message["provider_id"], message["failure"]) == (highest, id, failure)
    assert len(await desk.told(MessageSent)) == 1
    last = (await desk.told(MessageFailed if failure else MessageDelivered))[-1]
    assert failure or last.status == highest
    await desk.works()
    assert (await desk.sent(), await desk.messages()) == ([WORDS], [message])
