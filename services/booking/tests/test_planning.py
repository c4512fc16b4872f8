"""What a visit takes of whom: work, buffers, gaps and resources of a team, and who comes into it at all."""

from datetime import timedelta
from itertools import groupby, pairwise, product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from booka_booking.domain.planning import Party, Team, resolve
from booka_booking.domain.salon import Skill

from .domain_salons import ask_of, person, plan_of, resource, salon_of, service
from .oracle import MINUTE, bits
from .situations import POOLS, Situation, situations

CUT = service(1, 30, buffer_before_minutes=5, buffer_after_minutes=10)
COLOUR = service(2, 90, buffer_before_minutes=15, buffer_after_minutes=20, gap_start_minutes=20, gap_minutes=40)
ANA, BIA = person("Ana", CUT, COLOUR), person("Bia", CUT, COLOUR, own={0: Skill(45, 12000), 1: Skill(75, None)})
SALON = salon_of((CUT, COLOUR), (ANA, BIA))


def minutes(stretches: Any) -> list[tuple[str, int, int]]:
    return [(s.staff.name, s.begins // MINUTE, s.ends // MINUTE) for s in stretches]


def team(*pairs: Any) -> Team:
    return Team.of(plan_of(SALON, *(wanted for wanted, _ in pairs)), [who for _, who in pairs])


def test_a_service_takes_its_time_and_its_buffers() -> None:
    alone = team((CUT, ANA))
    assert minutes(alone.work) == [("Ana", 0, 30)]
    assert minutes(alone.claims) == [("Ana", -5, 40)]
    assert alone.duration == timedelta(minutes=30)


def test_in_the_gap_the_person_is_free_and_the_buffers_stay_outside() -> None:
    alone = team((COLOUR, ANA))
    assert minutes(alone.work) == [("Ana", 0, 20), ("Ana", 60, 90)]
    assert minutes(alone.claims) == [("Ana", -15, 20), ("Ana", 60, 110)]


def test_an_own_duration_keeps_the_gap_where_it_is_and_an_own_price_counts() -> None:
    parts = team((CUT, BIA), (COLOUR, BIA))
    assert minutes(parts.work) == [("Bia", 0, 45), ("Bia", 45, 65), ("Bia", 105, 120)]
    assert [part.price_minor for part in parts.parts] == [12000, 9000]


def test_between_two_services_of_one_person_there_is_no_buffer() -> None:
    assert minutes(team((CUT, ANA), (COLOUR, ANA)).claims) == [("Ana", -5, 50), ("Ana", 90, 140)]


def test_different_people_each_keep_their_own_buffers() -> None:
    assert minutes(team((CUT, ANA), (COLOUR, BIA)).claims) == [("Ana", -5, 40), ("Bia", 15, 50), ("Bia", 90, 125)]


def test_whoever_comes_back_has_their_own_overlapping_times_joined() -> None:
    long = service(3, 10, buffer_before_minutes=15, buffer_after_minutes=30)
    ana, bia = person("Ana", long), person("Bia", long)
    plan = plan_of(salon_of((long,), (ana, bia)), long, long, long)
    assert minutes(Team.of(plan, [ana, bia, ana]).claims) == [("Ana", -15, 60), ("Bia", -5, 50)]


def test_a_resource_is_kept_over_a_run_with_the_outer_buffers() -> None:
    chair, other = POOLS
    wash, cut = (
        service(1, 10, pool_id=chair, buffer_before_minutes=5),
        service(2, 20, pool_id=chair, buffer_after_minutes=7),
    )
    talk, nails = service(3, 15), service(4, 25, pool_id=other)
    ana, bia = person("Ana", wash, cut, talk, nails), person("Bia", wash, cut, talk, nails)
    salon = salon_of((wash, cut, talk, nails), (ana, bia), pools={chair: (resource(1),), other: (resource(2),)})

    def needs(*wanted: Any) -> list[tuple[UUID, list[int], int, int]]:
        plan = plan_of(salon, *wanted)
        return [
            (need.pool_id, list(need.positions), need.begins // MINUTE, need.ends // MINUTE)
            for need in Team.of(plan, [ana, bia, ana, bia][: len(wanted)]).needs
        ]

    assert needs(wash, cut) == [(chair, [0, 1], -5, 37)]
    assert needs(cut, wash) == [(chair, [0, 1], 0, 30)], "no buffer in the middle of a run"
    assert needs(wash, talk, cut) == [(chair, [0], -5, 10), (chair, [2], 25, 52)]
    assert needs(wash, nails, cut) == [(chair, [0], -5, 10), (other, [1], 10, 35), (chair, [2], 35, 62)]
    assert needs(talk) == []


@given(situations(most=4))
@settings(max_examples=60, deadline=None)
def test_any_team_takes_exactly_the_minutes_that_the_rules_say(it: Situation) -> None:
    for people in list(product(*it.plan.able))[:6]:
        found = Team.of(it.plan, people)
        offset, wanted, worked = 1500, {who.id: 0 for who in people}, {who.id: 0 for who in people}
        begins, last = offset, len(people) - 1
        for n, (part, who) in enumerate(zip(it.plan.services, people, strict=True)):
            ends = begins + (who.skills[part.id].duration_minutes or part.duration_minutes)
            gap = begins + part.gap_start_minutes
            work = bits(begins, ends) & ~(bits(gap, gap + part.gap_minutes) if part.gap_minutes else 0)
            first = n == 0 or people[n - 1].id != who.id
            final = n == last or people[n + 1].id != who.id
            worked[who.id] |= work
            wanted[who.id] |= work
            wanted[who.id] |= bits(begins - part.buffer_before_minutes, begins) if first else 0
            wanted[who.id] |= bits(ends, ends + part.buffer_after_minutes) if final else 0
            begins = ends
        for stretches, expected in ((found.claims, wanted), (found.work, worked)):
            taken = {who.id: 0 for who in people}
            for item in stretches:
                assert item.begins < item.ends
                mask = bits(offset + item.begins // MINUTE, offset + item.ends // MINUTE)
                assert not taken[item.staff.id] & mask, "stretches of one person are disjoint"
                taken[item.staff.id] |= mask
            assert taken == expected
        assert found.duration == (begins - offset) * MINUTE
        before, after = it.plan.reach
        assert all(before <= item.begins and item.ends <= after for item in found.claims)
        assert all(before <= item.begins and item.ends <= after for item in found.needs)


@given(situations(most=4))
@settings(max_examples=60, deadline=None)
def test_claims_of_one_person_do_not_even_touch(it: Situation) -> None:
    for people in list(product(*it.plan.able))[:4]:
        claims = sorted(Team.of(it.plan, people).claims, key=lambda item: (item.staff.id, item.begins))
        for _, own in groupby(claims, key=lambda item: item.staff.id):
            assert all(a.ends < b.begins for a, b in pairwise(own))


@given(situations())
@settings(max_examples=60, deadline=None)
def test_a_plan_names_everybody_and_everything_it_may_take(it: Situation) -> None:
    for want, able, wanted in zip(it.plan.wants, it.plan.able, it.plan.services, strict=True):
        assert wanted.id == want.service_id
        can = [who for who in it.salon.staff if wanted.id in who.skills and want.staff_id in (None, who.id)]
        assert list(able) == can
    assert set(it.plan.staff_ids) == {who.id for able in it.plan.able for who in able}
    assert set(it.plan.pool_ids) == {item.pool_id for item in it.plan.services if item.pool_id}
    for found in it.plan.teams:
        open_to = {who.id for who, want in zip(found.people, it.plan.wants, strict=True) if want.staff_id is None}
        assert len(open_to) <= 1
    if not it.plan.mixable:
        assert {found.people[0].id for found in it.plan.teams} or it.plan.teams
        assert len(list(product(*it.plan.able))) == len(it.plan.teams)


@pytest.mark.parametrize(
    ("changed", "by", "expected"),
    [
        ({}, "client", None),
        ({"active": False}, "client", "not_offered"),
        ({"active": False}, "salon", "not_offered"),
        ({"online": False}, "client", "not_offered"),
        ({"online": False}, "salon", None),
        ({"duration_minutes": 720, "buffer_after_minutes": 240}, "client", None),
    ],
)
def test_what_a_salon_does_for_whom(changed: dict[str, Any], by: Party, expected: str | None) -> None:
    wanted = service(1, changed.pop("duration_minutes", 30), **changed)
    found = resolve(salon_of((wanted,), (person("Ana", wanted),)), ask_of(wanted, by=by))
    assert (found if isinstance(found, str) else None) == expected


def test_what_a_salon_does_not_do_at_all() -> None:
    other, ana, stranger = service(9), person("Ana", CUT), person("Zoe", CUT)
    salon = salon_of((CUT, COLOUR), (ana,))
    assert resolve(salon, ask_of(CUT, other)) == "unknown_service"
    assert resolve(salon, ask_of((CUT, stranger))) == "unknown_staff"
    assert resolve(salon, ask_of(COLOUR)) == "not_offered", "nobody can"
    assert resolve(salon, ask_of((COLOUR, ana))) == "not_offered", "not she"
    assert resolve(salon, ask_of((other, stranger))) == "unknown_service", "the first that is wrong"


@pytest.mark.parametrize(("length", "offered"), [(720, True), (721, False)])
def test_a_visit_with_its_buffers_lasts_a_day_at_most(length: int, offered: bool) -> None:
    long = service(1, 720 - 15, buffer_before_minutes=10, buffer_after_minutes=5)
    slow = service(2, 60)
    ana = person("Ana", long, slow, own={1: Skill(length, None)})
    found = resolve(salon_of((long, slow), (ana,)), ask_of(long, slow))
    assert (found != "not_offered") == offered
