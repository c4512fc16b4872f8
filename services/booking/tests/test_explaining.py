"""Why something is not offered at all, whenever it were to be: told like what stands in the way of a start."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_booking.domain.explaining import unoffered
from booka_booking.domain.planning import Ask, resolve
from booka_booking.domain.salon import Skill
from booka_booking.store import offer
from booka_common.contracts.booking import Want

from .domain_salons import person, salon_of, service
from .salon import Salon, at


@pytest.fixture
def why(client: httpx.AsyncClient, salon: Salon) -> Any:
    async def asked(*wants: str, by: str = "client") -> list[tuple[str, int | None, str | None]]:
        params: dict[str, Any] = {"want": wants, "start": at(3, 10).isoformat(), "by": by}
        answer = await client.get("/v1/availability/explain", params=params)
        assert answer.status_code == 200, answer.text
        assert answer.json()["offered"] == (not answer.json()["reasons"])
        return [(reason["code"], reason["position"], reason["calendar_id"]) for reason in answer.json()["reasons"]]

    return asked


async def test_what_is_not_for_clients_or_not_done_any_more(salon: Salon, why: Any) -> None:
    cut, brow, updo, ana = map(str, (salon.cut, salon.brow, salon.updo, salon.ana))
    async with salon.db.tx(salon.tenant_id) as tx:
        await offer.retire_service(tx, salon.cut)
        await salon.put_service(tx, salon.brow, "Sobrancelha", 30, 4000, online=False)
    assert await why(cut) == [("service_retired", 0, None)]
    assert await why(brow) == [("not_online", 0, None)]
    assert await why(brow, by="salon") == []
    assert await why(f"{updo}:{ana}") == [("not_performed", 0, ana)]
    assert await why(brow, f"{updo}:{ana}", cut) == [
        ("not_online", 0, None),
        ("not_performed", 1, ana),
        ("service_retired", 2, None),
    ]


async def test_what_nobody_does_and_what_lasts_too_long(salon: Salon, why: Any) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_staff(tx, salon.bia, "Bia", [salon.cut])
        await salon.put_staff(tx, salon.caio, "Caio", [salon.cut])
        await salon.put_service(tx, salon.brow, "Sobrancelha", 720, 4000)
        await salon.put_service(tx, salon.cut, "Corte", 720, 4000, after=1)
    assert await why(str(salon.updo)) == [("not_performed", 0, None)]
    assert await why(str(salon.brow), str(salon.cut)) == [("too_long", None, None)]


MINUTES = st.sampled_from([30, 720])


@given(st.data())
def test_there_is_a_reason_exactly_where_there_is_no_plan(data: st.DataObject) -> None:
    offered = [
        replace(service(n, data.draw(MINUTES)), active=data.draw(st.booleans()), online=data.draw(st.booleans()))
        for n in range(3)
    ]
    staff = [
        person(name, *data.draw(st.lists(st.sampled_from(offered), unique=True)), own={0: Skill(data.draw(MINUTES))})
        for name in ("Ana", "Bia")
    ]
    salon = salon_of(offered, staff)
    wants = data.draw(
        st.lists(
            st.builds(
                lambda it, who: Want(service_id=it.id, staff_id=who.id if who else None),
                st.sampled_from(offered),
                st.sampled_from([None, *staff]),
            ),
            min_size=1,
            max_size=3,
        )
    )
    ask = Ask(tuple(wants), data.draw(st.sampled_from(["client", "salon"])), booked=data.draw(st.booleans()))
    assert bool(list(unoffered(salon, ask))) == (resolve(salon, ask) == "not_offered")
