"""Reading what gateways send: every version's shapes, and anything at all without an exception."""

from datetime import datetime, timedelta

from booka_common.ids import new_id
from booka_messaging.domain.model import (
    Alias,
    Person,
    address,
    merge,
    phone_of,
    same_number,
)

from .evolution_posts import LID, NOW, PN


def test_phone_numbers() -> None:
    assert phone_of([LID, PN]) == "+351912345678"
    assert phone_of([LID]) is None
    assert phone_of([Alias("pn", "00000")]) is None


def test_where_to_write() -> None:
    newer = Alias("pn", "351911111111")
    assert address([PN, LID, newer]) == newer
    assert address([LID]) == LID
    assert address([]) is None


def test_numbers_as_gateways_rewrite_them() -> None:
    assert same_number(Alias("pn", "5511987654321"), Alias("pn", "551187654321"))
    assert same_number(Alias("pn", "5215512345678"), Alias("pn", "525512345678"))
    assert not same_number(Alias("pn", "5511987654321"), Alias("pn", "5511987654322"))
    assert not same_number(Alias("pn", "77001122334455"), LID)


def test_of_two_contacts_the_one_who_wrote_last_goes_on() -> None:
    def person(active_at: datetime | None) -> Person:
        return Person(new_id(), None, None, new_id(), active_at)

    old, recent, never = person(NOW - timedelta(days=2)), person(NOW), person(None)
    for people in ([old, recent, never], [never, recent, old]):
        decision = merge(people)
        assert decision.survivor == recent
        assert set(decision.others) == {old, never}
