"""Who is who, in whatever order it becomes known."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from booka_messaging.domain.identity import Known, contested, correlated, people_of, resolve
from booka_messaging.domain.model import Alias, Person, phone_of

NINE, EIGHT = Alias("pn", "5511987654321"), Alias("pn", "551187654321")
OTHER = Alias("pn", "351912345678")
LID, LID_2 = Alias("lid", "77001122334455"), Alias("lid", "88001122334455")
USER, USER_2 = Alias("bsuid", "BR.1234567890"), Alias("bsuid", "BR.9876543210")

ALIASES = st.sampled_from([NINE, EIGHT, OTHER, LID, LID_2, USER, USER_2, Alias("pn", "5511912345678")])
SIGHTINGS = st.lists(st.frozensets(ALIASES, min_size=1, max_size=3), min_size=1, max_size=8)


def person(number: int, written: int = 0) -> Person:
    active_at = datetime.fromtimestamp(1_772_442_000 + written, UTC)
    return Person(UUID(int=number), None, None, UUID(int=number), active_at)


class Contacts:
    """A store as `resolve` expects it to be kept."""

    def __init__(self) -> None:
        self.known: list[Known] = []

    def see(self, sighting: frozenset[Alias], when: int) -> None:
        found = resolve(sighting, self.known)
        gone = {one.contact_id for one in (*found.absorbed, *([found.survivor] if found.survivor else []))}
        survivor = found.survivor or person(1000 + when, when)
        self.known = [one for one in self.known if one.person.contact_id not in gone]
        self.known.append(Known(person(survivor.contact_id.int, when), found.aliases))

    def partition(self) -> frozenset[frozenset[Alias]]:
        return frozenset(one.aliases for one in self.known)


@settings(max_examples=300, deadline=None)
@given(SIGHTINGS, st.data())
def test_the_order_of_sightings_changes_nothing(sightings: list[frozenset[Alias]], data: st.DataObject) -> None:
    expected = people_of(sightings)
    for order in (sightings, data.draw(st.permutations(sightings))):
        contacts = Contacts()
        for when, sighting in enumerate(order):
            contacts.see(sighting, when)
        assert contacts.partition() == expected
    repeated = Contacts()
    for when, sighting in enumerate([*sightings, *sightings]):
        repeated.see(sighting, when)
    assert repeated.partition() == expected


@settings(max_examples=200, deadline=None)
@given(SIGHTINGS)
def test_people_are_what_hangs_together(sightings: list[frozenset[Alias]]) -> None:
    people = people_of(sightings)
    everybody = [alias for one in people for alias in one]
    assert len(everybody) == len(set(everybody)), "nobody is two people"
    assert set(everybody) == {alias for sighting in sightings for alias in sighting}
    assert all(any(sighting <= one for one in people) for sighting in sightings)
    joined = [alias for sighting in sightings if len(sighting) > 1 for alias in sighting]
    assert all(len(one) == 1 for one in people if not one & set(joined)), "nothing joins what was never seen together"


def test_numbers_that_look_alike_are_two_people_until_they_are_seen_together() -> None:
    known = [Known(person(1), frozenset({NINE}))]
    stranger = resolve({EIGHT}, known)
    assert stranger.survivor is None
    assert not stranger.absorbed
    assert stranger.added == {EIGHT}
    for sighting in ({NINE, EIGHT}, {EIGHT, LID}):
        known = [Known(person(1), frozenset({NINE, LID})), Known(person(2, 60), frozenset({EIGHT}))]
        found = resolve(sighting, known)
        assert (found.survivor, found.absorbed) == (person(2, 60), (person(1),))
        assert found.aliases == {NINE, EIGHT, LID}
        assert not found.contested


def test_the_answer_to_a_send_joins_spellings_and_ids_and_nothing_else() -> None:
    assert correlated(NINE, [EIGHT]) == {NINE, EIGHT}
    assert correlated(EIGHT, [LID, NINE]) == {NINE, EIGHT, LID}
    assert correlated(NINE, [USER]) == {NINE, USER}
    assert correlated(NINE, [NINE]) == frozenset()
    assert correlated(NINE, []) == frozenset()
    assert correlated(NINE, [OTHER]) == frozenset(), "somebody else"
    assert correlated(NINE, [LID, OTHER]) == frozenset(), "an answer that is wrong in part is wrong"
    assert correlated(LID, [LID_2]) == frozenset()


def test_a_person_with_two_of_what_people_have_one_of_is_contested() -> None:
    assert not contested({NINE, EIGHT, LID, USER})
    assert contested({NINE, LID, LID_2})
    assert contested({USER, USER_2})
    assert contested({NINE, OTHER})
    taken_over = resolve({NINE, LID_2}, [Known(person(1), frozenset({NINE, LID}))])
    assert taken_over.contested


def test_the_phone_is_a_valid_spelling_if_there_is_one() -> None:
    assert phone_of([EIGHT, NINE]) == phone_of([NINE, EIGHT]) == "+5511987654321"
    assert phone_of([EIGHT]) == "+551187654321"
