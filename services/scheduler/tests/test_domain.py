"""Which reminders follow from what is heard, in whatever order and however often."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from booka_scheduler.domain import Reminder, Standing, choose, due_outcome, merge, plan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RESERVATION = UUID("0195562c-0000-7000-8000-000000000001")

starts = st.integers(-3 * 1440, 60 * 1440).map(lambda minutes: NOW + timedelta(minutes=minutes))
minute_lists = st.lists(st.integers(5, 43_200), max_size=5, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Standing], list[Standing]]:
    """The events of one reservation as they happened, and as they are heard: shuffled, with repetitions."""
    count = draw(st.integers(1, 5))
    events = [Standing(version, draw(starts)) for version in range(2, 2 + count)]
    if draw(st.booleans()):
        events.append(Standing(draw(st.integers(2, 2 + count)), None))
    repeated = draw(st.lists(st.sampled_from(events), max_size=6))
    return events, draw(st.permutations(events + repeated))


class Planner:
    """The scheduler's handling of events without a database, as `usecases.reservation_heard` does it."""

    def __init__(self, minutes: list[int]) -> None:
        self.minutes = minutes
        self.known: Standing | None = None
        self.planned: dict[UUID, Reminder] = {}

    def hear(self, event: Standing) -> None:
        standing = merge(self.known, event)
        if standing == self.known:
            return
        self.known = standing
        reminders = plan(RESERVATION, standing, self.minutes, NOW)
        self.planned = {reminder.id: reminder for reminder in reminders if reminder.status == "planned"}


@given(histories(), minute_lists)
def test_any_order_with_repetitions_ends_as_the_true_order_does(
    history: tuple[list[Standing], list[Standing]], minutes: list[int]
) -> None:
    happened, heard = history
    orderly, disorderly = Planner(minutes), Planner(minutes)
    for event in happened:
        orderly.hear(event)
    for event in heard:
        disorderly.hear(event)
    assert disorderly.known == orderly.known
    assert disorderly.planned == orderly.planned
    if any(event.cancelled for event in happened):
        assert not disorderly.planned


@given(starts, minute_lists)
def test_reminders_are_planned_in_the_future_and_before_the_visit(start: datetime, minutes: list[int]) -> None:
    reminders = plan(RESERVATION, Standing(2, start), minutes, NOW)
    assert sorted(reminder.minutes_before for reminder in reminders) == sorted(minutes)
    assert len({reminder.id for reminder in reminders}) == len(minutes)
    for reminder in reminders:
        assert reminder.due_at == start - timedelta(minutes=reminder.minutes_before)
        assert (reminder.status == "planned") == (reminder.due_at > NOW)


def test_another_version_has_other_reminders() -> None:
    start = NOW + timedelta(days=3)
    before = plan(RESERVATION, Standing(2, start), [120], NOW)
    after = plan(RESERVATION, Standing(3, start), [120], NOW)
    assert before[0].id != after[0].id


def test_one_is_enough_after_an_outage_and_none_once_the_visit_has_begun() -> None:
    (reminder,) = plan(RESERVATION, Standing(2, NOW + timedelta(hours=3)), [120], NOW)
    assert due_outcome(reminder, superseded=False, now=reminder.due_at) == "sent"
    assert due_outcome(reminder, superseded=True, now=reminder.due_at) == "skipped"
    assert due_outcome(reminder, superseded=False, now=reminder.starts_at) == "skipped"


def test_asked_for_one_now_the_next_planned_goes_first_then_the_last_skipped() -> None:
    reminders = plan(RESERVATION, Standing(2, NOW + timedelta(hours=30)), [2880, 1800, 1440, 120], NOW)
    assert [reminder.status for reminder in reminders] == ["skipped", "skipped", "planned", "planned"]
    chosen = choose(reminders, None)
    assert chosen is not None
    assert chosen.minutes_before == 1440
    chosen = choose(reminders[:2], None)
    assert chosen is not None
    assert chosen.minutes_before == 1800
    assert choose(reminders, 120) == reminders[3]
    assert choose((), None) is None
