"""An ordered stop in the middle of traffic: what is in hand is finished, the rest is left to whoever comes next."""

import asyncio
import signal
import time

import pytest

from booka_stack.rush import large_salon

pytestmark = pytest.mark.e2e

GRACE_SECONDS = 30


async def test_each_service_stops_in_time_and_starts_again_under_load(rush):
    services = rush.stack.services
    salons = await rush.open(large_salon(), 2)
    [thinking] = await rush.open(large_salon(llm=True))
    crowd = rush.arrive([*rush.invite(salons, 54), *rush.invite([thinking], 6, mumbles=True)])
    stops = {}
    for number, (service, [process]) in enumerate(services.items()):
        assert await crowd.have_heard(30 + number * 60), "the traffic ended before the last service was stopped"
        asked = time.monotonic()
        process.signal(signal.SIGTERM)
        stops[service] = await asyncio.to_thread(process.join, GRACE_SECONDS), time.monotonic() - asked
        process.start()
    assert {service: code for service, (code, _) in stops.items()} == dict.fromkeys(services, 0), stops
    assert await rush.judge() == []
