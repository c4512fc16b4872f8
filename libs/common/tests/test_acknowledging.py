"""Acknowledgements stand for others only where everything before them is settled."""

from dataclasses import dataclass, field
from datetime import timedelta

from booka_common.acknowledging import Acknowledger
from booka_common.testing import eventually


@dataclass(eq=False)
class Channel:
    """A broker's side of a channel: what is not acknowledged, and what it was sent."""

    open: set[int] = field(default_factory=lambda: set(range(1, 11)))
    frames: list[tuple[int, bool]] = field(default_factory=list)
    broken: bool = False

    async def basic_ack(self, tag, multiple=False):
        if self.broken:
            raise ConnectionError
        assert tag in self.open
        self.frames.append((tag, multiple))
        self.open -= {other for other in self.open if other <= tag} if multiple else {tag}


@dataclass(eq=False)
class Message:
    channel: Channel
    delivery_tag: int

    async def reject(self, requeue):
        self.channel.open.remove(self.delivery_tag)

    async def nack(self, requeue):
        self.channel.open.remove(self.delivery_tag)


def patient():
    return Acknowledger(patience=timedelta(hours=1))


async def test_a_run_is_one_frame_and_what_is_beyond_a_gap_is_named():
    acks, channel = patient(), Channel()
    for tag in (2, 1, 3, 5, 6):
        await acks.handled(Message(channel, tag))
    assert channel.frames == []
    await acks.flush()
    assert channel.frames == [(3, True), (5, False), (6, False)]
    assert channel.open == {4, 7, 8, 9, 10}, "4 is still in work"
    for tag in (4, 7):
        await acks.handled(Message(channel, tag))
    await acks.flush()
    assert channel.frames[3:] == [(7, True)]
    assert channel.open == {8, 9, 10}


async def test_what_was_rejected_or_returned_is_no_gap_and_not_acknowledged():
    acks, channel = patient(), Channel()
    await acks.handled(Message(channel, 1))
    await acks.rejected(Message(channel, 2))
    await acks.returned(Message(channel, 3))
    await acks.handled(Message(channel, 4))
    await acks.flush()
    assert channel.frames == [(4, True)]
    assert channel.open == {5, 6, 7, 8, 9, 10}


async def test_each_channel_counts_for_itself():
    acks, one, other = patient(), Channel(), Channel()
    await acks.handled(Message(one, 1))
    await acks.handled(Message(other, 2))
    await acks.flush()
    assert (one.frames, other.frames) == ([(1, False)], [(2, False)])


async def test_it_waits_a_moment_for_others_and_not_for_many_and_not_at_the_end():
    channel = Channel()
    acks = Acknowledger(patience=timedelta(milliseconds=1), most=3)
    await acks.handled(Message(channel, 1))

    async def acknowledged():
        return channel.frames

    await eventually(acknowledged)
    assert channel.frames == [(1, False)]
    acks = Acknowledger(patience=timedelta(hours=1), most=3)
    channel = Channel()
    for tag in (1, 2, 3):
        await acks.handled(Message(channel, tag))
    assert channel.frames == [(3, True)]
    await acks.hurry()
    await acks.handled(Message(channel, 4))
    assert channel.frames[1:] == [(4, False)]


async def test_a_broken_channel_keeps_no_other_from_its_acknowledgements():
    acks, broken, whole = patient(), Channel(broken=True), Channel()
    await acks.handled(Message(broken, 1))
    await acks.handled(Message(whole, 1))
    await acks.flush()
    assert whole.frames == [(1, False)]
