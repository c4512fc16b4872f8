"""A believable salon, provisioned the way an operator would: over the services' signed HTTP API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

import httpx

from booka_common.internal import SignedAuth
from booka_stack.layout import Layout
from booka_stack.wires import Gateway, wire

__all__ = ["DEMO_TENANT", "Salon", "SalonPlan", "provision"]

DEMO_TENANT = UUID("0190b00c-a000-7000-8000-000000000001")

_WEEK = {
    **{
        day: [{"opens": "09:00", "closes": "13:00"}, {"opens": "14:00", "closes": "19:00"}]
        for day in ("tue", "wed", "thu", "fri")
    },
    "sat": [{"opens": "09:00", "closes": "17:00"}],
}


@dataclass(frozen=True)
class SalonPlan:
    """What a salon offers.

    Attributes:
        services: name, minutes, price in minor units.
        staff: name, and the names of the services she or he performs.
        policy: as `PUT /v1/policy` of booking takes it.
        profile: overrides of the profile.
        pools: the resources of each pool, by name.
        service_details: by service, what else `PUT /v1/services/{id}` takes; `pool` is the name of one.
        staff_details: by person, what else `PUT /v1/staff/{id}` takes.
        skills: by person and service, a duration or price of their own.
        time_off: by person, as `PUT /v1/staff/{id}/time-off/{id}` takes it.
    """

    name: str
    locale: str
    zone: str
    currency: str
    services: tuple[tuple[str, int, int], ...]
    staff: tuple[tuple[str, tuple[str, ...]], ...]
    policy: dict[str, Any]
    profile: dict[str, Any]
    llm_enabled: bool = False
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    service_details: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    staff_details: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    skills: Mapping[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    time_off: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)

    @classmethod
    def demo(cls) -> "SalonPlan":
        """Studio Lumière as it is shown: chairs, a colour that leaves time for others, part-time, lunch, a senior's price."""
        return replace(
            cls.studio(),
            pools={"Chairs": ("Chair 1", "Chair 2", "Chair 3"), "Nail tables": ("Nail table",)},
            service_details={
                "Haircut": {"category": "Hair", "pool": "Chairs"},
                "Colour & gloss": {
                    "category": "Hair", "pool": "Chairs", "gap_start_minutes": 30, "gap_minutes": 30,
                    "buffer_after_minutes": 10,
                },
                "Manicure": {"category": "Hands", "pool": "Nail tables"},
                "Brow design": {"category": "Face"},
            },
            staff_details={
                "Carla": {"hours": {day: [{"opens": "10:00", "closes": "16:00"}] for day in ("thu", "fri", "sat")}},
            },
            skills={("Ana", "Haircut"): {"duration_minutes": 60, "price_minor": 4500}},
            time_off={
                "Beatriz": ({"weekdays": ["sat"], "begins": "12:30", "ends": "13:30", "reason": "lunch"},),
            },
        )  # fmt: skip

    @classmethod
    def studio(cls, *, deposit: bool = True, **policy: Any) -> "SalonPlan":
        """Studio Lumière: hair and hands in Lisbon, speaking English to its guests."""
        return cls(
            name="Studio Lumière",
            locale="en-GB",
            zone="Europe/Lisbon",
            currency="EUR",
            services=(
                ("Haircut", 45, 3500),
                ("Colour & gloss", 90, 8900),
                ("Manicure", 40, 2200),
                ("Brow design", 30, 1800),
            ),
            staff=(
                ("Ana", ("Haircut", "Colour & gloss")),
                ("Beatriz", ("Haircut", "Manicure", "Brow design")),
                ("Carla", ("Manicure", "Brow design")),
            ),
            policy={"deposit_kind": "percent", "deposit_value": 30, **policy}
            if deposit
            else {"deposit_kind": "none", **policy},
            profile={"hours": _WEEK, "lead_minutes": 0, "slot_grid_minutes": 15},
        )

    @classmethod
    def salao(cls, *, deposit: bool = True, **policy: Any) -> "SalonPlan":
        """Salão da Júlia: hair and hands in São Paulo, speaking Portuguese."""
        return replace(
            cls.studio(deposit=deposit, **policy),
            name="Salão da Júlia",
            locale="pt-BR",
            zone="America/Sao_Paulo",
            currency="BRL",
            services=(("Corte", 45, 8000), ("Coloração", 90, 21000), ("Manicure", 40, 4500)),
            staff=(("Ana", ("Corte", "Coloração")), ("Bia", ("Corte", "Manicure"))),
        )

    def without_a_day_off(self) -> "SalonPlan":
        """The same salon, open every day from 8 to 20, for bookings that must not depend on what day it is."""
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        hours = {day: [{"opens": "08:00", "closes": "20:00"}] for day in days}
        return replace(self, profile={**self.profile, "hours": hours})


@dataclass(frozen=True)
class Salon:
    """A provisioned salon. `instance`: the gateway's name of its line."""

    tenant_id: UUID
    channel_id: UUID
    gateway: Gateway
    instance: str
    name: str
    zone: str
    service_ids: dict[str, UUID]
    staff_ids: dict[str, UUID]


def catalogue(tenant_id: UUID, plan: SalonPlan) -> Iterator[tuple[str, dict[str, Any]]]:
    """The requests to booking that write a salon, in an order in which each finds what it refers to."""

    def id_of(kind: str, name: str) -> str:
        return str(uuid5(tenant_id, f"{kind}/{name}"))

    texts = {"name": plan.name, "locale": plan.locale, "zone": plan.zone, "currency": plan.currency}
    yield "/v1/profile", {**texts, **plan.profile}
    for pool, resources in plan.pools.items():
        yield f"/v1/resource-pools/{id_of('pool', pool)}", {"name": pool}
        for name in resources:
            path = f"/v1/resources/{id_of('resource', f'{pool}/{name}')}"
            yield path, {"name": name, "pool_id": id_of("pool", pool)}
    for position, (name, minutes, price) in enumerate(plan.services):
        details = dict(plan.service_details.get(name, {}))
        pool_id = id_of("pool", details.pop("pool")) if "pool" in details else None
        own = {
            "name": name,
            "duration_minutes": minutes,
            "price_minor": price,
            "position": position,
            "pool_id": pool_id,
        }
        yield f"/v1/services/{id_of('service', name)}", {**own, **details}
    yield "/v1/policy", plan.policy
    for name, performed in plan.staff:
        skills = [
            {"service_id": id_of("service", service), **plan.skills.get((name, service), {})} for service in performed
        ]
        path = f"/v1/staff/{id_of('staff', name)}"
        yield path, {"name": name, "services": skills, **plan.staff_details.get(name, {})}
        for number, time_off in enumerate(plan.time_off.get(name, ())):
            # The same day every time, so that writing it again changes nothing.
            yield f"{path}/time-off/{id_of('time-off', f'{name}/{number}')}", {"starts_on": "2026-01-01", **time_off}


async def provision(
    layout: Layout, tenant_id: UUID, plan: SalonPlan, *, gateway: Gateway = "evolution", **line: Any
) -> Salon:
    """Create or update a salon in booking, messaging, llm and the sandbox's gateway. Safe to repeat.

    Args:
        line: how its line is to be, as `wire` takes it.

    Raises:
        httpx.HTTPStatusError: a service refused; its problem+json is in the response.
    """
    service_ids = {name: uuid5(tenant_id, f"service/{name}") for name, _, _ in plan.services}
    staff_ids = {name: uuid5(tenant_id, f"staff/{name}") for name, _ in plan.staff}
    signed = SignedAuth(layout.internal_secret, tenant_id)
    async with httpx.AsyncClient(timeout=20, auth=signed) as http:

        async def put(service: str, path: str, body: dict[str, Any]) -> None:
            url = f"{layout.url(service)}{path}"
            answer = await http.put(url, json=body)
            if answer.status_code == 428:  # it is there from an earlier time
                version = (await http.get(url)).headers["etag"]
                answer = await http.put(url, json=body, headers={"If-Match": version})
            if answer.is_error:
                raise httpx.HTTPStatusError(f"{path}: {answer.text}", request=answer.request, response=answer)

        for path, body in catalogue(tenant_id, plan):
            await put("booking", path, body)
        if plan.llm_enabled:
            await put("llm", "/v1/settings", {"enabled": True})
    channel_id, instance = await wire(layout, tenant_id, plan.name, gateway=gateway, **line)
    return Salon(tenant_id, channel_id, gateway, instance, plan.name, plan.zone, service_ids, staff_ids)
