"""The catalogue's statements: everything prepares, and the whole salon comes in one of them."""

from collections.abc import Iterator
from datetime import date
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest

from booka_booking.domain.policy import Policy, PolicyChange
from booka_booking.domain.salon import Resource, Service, Skill, Staff, TimeOff
from booka_booking.domain.times import Span
from booka_booking.settings import Settings
from booka_booking.store import catalogue, clients, conflicts, feeds, offer, people, policies
from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_common.testing.statements import prepare

from .salon import Salon

MODULES = (catalogue, clients, conflicts, feeds, offer, people, policies)


def statements() -> Iterator[Any]:
    for module in MODULES:
        for name, sql in module.queries.items():
            yield pytest.param(sql, id=name)


@pytest.mark.parametrize("sql", list(statements()))
async def test_every_statement_prepares_and_names_the_tenant(settings: Settings, sql: str) -> None:
    await prepare(settings.database_url.get_secret_value(), "booking", [("it", sql)])
    assert "tenant_id" in sql or ":catalogue" in sql


class Counting:
    """A transaction that counts its round trips."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.trips = 0

    def __getattr__(self, name: str) -> Any:
        if name in ("fetch", "fetchrow", "fetchval", "execute"):
            self.trips += 1
        return getattr(self.tx, name)


async def test_the_whole_salon_comes_in_one_round_trip(db: Database, salon: Salon) -> None:
    pool, chair, broken, long = new_id(), new_id(), new_id(), new_id()
    colour = Service(
        id=long, name="Luzes", duration_minutes=120, price_minor=30000, category="Cor", buffer_before_minutes=5,
        buffer_after_minutes=10, gap_start_minutes=40, gap_minutes=45, pool_id=pool, online=False, position=7,
    )  # fmt: skip
    off = TimeOff(date(2026, 3, 2), None, frozenset({1, 5}), Span(720, 780))
    week = TimeOff(date(2026, 3, 9), date(2026, 3, 15), None, Span(0, 1440))
    async with db.tx(salon.tenant_id) as tx:
        await offer.put_pool(tx, pool, "Cadeiras")
        await offer.put_resource(tx, chair, pool, "Cadeira 1", active=True)
        await offer.put_resource(tx, broken, pool, "Cadeira 2", active=False)
        await offer.put_service(tx, colour)
        member = Staff(
            salon.ana, "Ana", {long: Skill(100, 35000), salon.cut: Skill()}, {2: (Span(540, 720), Span(780, 1080))}
        )
        await people.put_staff(tx, member, active=True)
        for time_off in (off, week):
            await people.put_time_off(tx, salon.ana, new_id(), time_off, "por isso")
        special = {date(2026, 3, 15): (), date(2026, 3, 21): (Span(540, 600), Span(660, 720))}
        for day, spans in special.items():
            await people.put_special_hours(tx, salon.ana, day, spans, None)
        await people.retire_staff(tx, salon.bia)
        await policies.put_policy(tx, None, PolicyChange(hold_seconds=60, reschedule_limit=0))
        await policies.put_policy(
            tx, long, PolicyChange(deposit_kind="fixed", deposit_value=500, late_kind="fee", late_value=9)
        )
        counting = Counting(tx)
        found = await catalogue.get_salon(cast("Tx", counting))
        later = await catalogue.get_salon(tx, [salon.cut], since=date(2026, 3, 16))
    assert counting.trips == 1
    assert found is not None
    assert later is not None
    policy = Policy(
        deposit_kind="fixed", deposit_value=500, hold_seconds=60, late_kind="fee", late_value=9, reschedule_limit=0
    )
    assert found.services[long] == Service(
        **{**{name: getattr(colour, name) for name in Service.__slots__}, "policy": policy}
    )
    assert found.services[salon.cut].policy == Policy(hold_seconds=60, reschedule_limit=0)
    assert found.pools[pool] == [Resource(chair, "Cadeira 1")]
    assert salon.bia not in [person.id for person in found.staff]
    (ana,) = (person for person in found.staff if person.id == salon.ana)
    assert (ana.skills, ana.hours) == (member.skills, {2: [Span(540, 720), Span(780, 1080)]})
    assert list(ana.time_off) == [off, week]
    assert ana.special == special
    assert set(later.services) == {salon.cut}
    (ana,) = (person for person in later.staff if person.id == salon.ana)
    assert (ana.skills, list(ana.time_off)) == ({salon.cut: Skill()}, [off])
    assert list(ana.special) == [date(2026, 3, 21)]


async def test_versions_of_addresses_never_come_back(db: Database, salon: Salon) -> None:
    async def valid() -> int | None:
        feed = await people.get_feed(tx, salon.ana)
        return feed.version if feed else None

    async with db.tx(salon.tenant_id) as tx:
        seen: list[int | None] = [await valid()]
        for step in ("open", "open", "close", "close", "open", "close", "open"):
            await (people.open_feed if step == "open" else people.close_feed)(tx, salon.ana)
            seen.append(await valid())
        assert seen == [None, 1, 3, None, None, 5, None, 7]
        assert await people.get_feed(tx, new_id()) is None
        assert await people.open_feed(tx, new_id()) is None
        assert not await people.close_feed(tx, new_id())


@pytest.mark.parametrize("foreign", ["pool", "service"])
async def test_what_belongs_to_another_salon_cannot_be_referred_to(db: Database, salon: Salon, foreign: str) -> None:
    """The database holds this too, whatever the API lets through."""
    pool = new_id()
    async with db.tx(salon.tenant_id) as tx:
        await offer.put_pool(tx, pool, "Cadeiras")
    stranger: UUID = new_id()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with db.tx(stranger) as tx:
            if foreign == "pool":
                await offer.put_resource(tx, new_id(), pool, "Cadeira", active=True)
            else:
                await people.put_staff(tx, Staff(new_id(), "Eva", {salon.cut: Skill()}), active=True)
