"""Conflicts in random salons: what could be booked has none, and after any change exactly what could not be booked again has."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from booka_booking.domain.availability import choose
from booka_booking.domain.conflicts import Booked, BookedPart, conflicts_of
from booka_booking.domain.diary import Diary, Hours, Seating
from booka_booking.domain.explaining import hindrances
from booka_booking.domain.lifecycle import claims_of, segments_of
from booka_booking.domain.planning import Team
from booka_booking.domain.salon import Salon, TimeOff
from booka_booking.domain.times import Interval, Span

from .situations import Situation, people, situations, weeks


def booked(seating: Seating) -> Booked:
    segments = segments_of(seating)
    return Booked(
        id=segments[0].service_id,
        status="confirmed",
        version=2,
        guest_name=None,
        start=segments[0].start,
        end=segments[-1].end,
        parts=tuple(
            BookedPart(item.position, item.service_id, item.staff_id, item.resource_id, item.start, item.end)
            for item in segments
        ),
        claims=tuple((claim.calendar_id, Interval(claim.busy_from, claim.busy_until)) for claim in claims_of(seating)),
    )


def something_free(it: Situation) -> Seating:
    found = (choose(it.diary, it.plan, start) for start in it.truly_free[:20])
    seating = next((seating for seating in found if seating is not None), None)
    assume(seating is not None)
    assert seating is not None
    return seating


def pauses(it: Situation, visit: Booked) -> st.SearchStrategy[Sequence[TimeOff]]:
    """A while off somewhere around the visit, so that it begins and ends within its parts and gaps."""
    local = visit.start.astimezone(it.salon.profile.zone)
    at = local.hour * 60 + local.minute

    def laid(pair: tuple[int, int]) -> Sequence[TimeOff]:
        begins = at + pair[0] * 5
        span = Span(max(begins, 0), min(begins + pair[1] * 5, 1440))
        return (TimeOff(local.date(), None, None, span),) if span.opens < span.closes else ()

    return st.tuples(st.integers(-4, 24), st.integers(1, 8)).map(laid)


def nothing_taken(salon: Salon, visit: Booked) -> Diary:
    return Diary(Hours(salon, Interval(visit.start, visit.end)), {})


@given(situations(most=2))
@settings(max_examples=100, deadline=None)
def test_what_can_be_booked_is_in_no_conflict(it: Situation) -> None:
    visit = booked(something_free(it))
    assert list(conflicts_of(nothing_taken(it.salon, visit), visit)) == []


@given(situations(most=2), st.data())
@settings(max_examples=150, deadline=None)
def test_after_a_change_of_hours_the_conflicts_are_what_would_hinder_it(it: Situation, data: st.DataObject) -> None:
    seating = something_free(it)
    visit = booked(seating)
    others = {
        person.id: data.draw(people(person.name, list(it.salon.services.values()), it.now)) for person in it.salon.staff
    }
    changed = replace(
        it.salon,
        profile=replace(it.salon.profile, opening=data.draw(st.one_of(st.just(it.salon.profile.opening), weeks))),
        staff=[
            replace(
                person,
                hours=others[person.id].hours,
                special=others[person.id].special,
                time_off=data.draw(st.one_of(pauses(it, visit), st.just(others[person.id].time_off))),
            )
            for person in it.salon.staff
        ],
    )
    diary = nothing_taken(changed, visit)
    by_id = {person.id: person for person in changed.staff}
    team = Team.of(it.plan, [by_id[person.id] for person in seating.team.people])
    found = [(item.code, item.position, item.span) for item in conflicts_of(diary, visit)]
    judged = [(item.code, item.position, item.span) for item in hindrances(diary, team, seating.start)]
    assert {item[:2] for item in found} == {item[:2] for item in judged if item[0] in ("salon_closed", "not_working")}


@given(situations(most=2), st.data())
@settings(max_examples=60, deadline=None)
def test_whoever_and_whatever_has_gone_is_named(it: Situation, data: st.DataObject) -> None:
    visit = booked(something_free(it))
    part = data.draw(st.sampled_from(visit.parts))
    service = it.salon.services[part.service_id]
    person = next(person for person in it.salon.staff if person.id == part.staff_id)

    def codes(**change: object) -> set[tuple[str, object]]:
        changed = replace(it.salon, **change)  # type: ignore[arg-type]
        return {(item.code, item.about) for item in conflicts_of(nothing_taken(changed, visit), visit)}

    without = {id: other for id, other in it.salon.services.items() if id != service.id}
    expected = {("service_retired", service.id)}
    assert codes(services=without) == expected
    assert codes(services=without | {service.id: replace(service, active=False)}) == expected
    rest = [other for other in it.salon.staff if other.id != person.id]
    assert codes(staff=rest) == {("staff_retired", person.id)}
    unskilled = replace(person, skills={id: skill for id, skill in person.skills.items() if id != service.id})
    assert codes(staff=[*rest, unskilled]) == {("not_performed", person.id)}
    gone = {item.resource_id for item in visit.parts if item.resource_id is not None}
    assert codes(pools={}) == {("resource_retired", id) for id in gone}
