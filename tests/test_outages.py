"""A server goes away while clients write: nothing that was answered with 2xx is lost, and all of it is done afterwards."""

import asyncio

import httpx
import pytest

from booka_stack.rush import large_salon

pytestmark = pytest.mark.e2e


async def states(stack, path) -> dict[str, int]:
    """The status that each service answers on `path`."""
    async with httpx.AsyncClient(timeout=10) as http:
        return {
            name: (await http.get(f"{stack.layout.url(name)}{path}")).status_code for name in sorted(stack.services)
        }


async def test_webhooks_are_taken_while_rabbitmq_is_away(rush):
    stack, sandbox = rush.stack, rush.sandbox
    salons = await rush.open(large_salon(), 2)
    chatting = rush.arrive(rush.invite(salons, 24))
    assert await chatting.have_heard(48)
    await asyncio.to_thread(stack.rabbit.stop)
    try:
        last = (await sandbox.call("GET", "/_/health"))["last_seq"]
        late = rush.invite(salons, 12)
        rush.arrive(late)
        for guest in late:
            taken = await sandbox.wait(
                "webhook.delivered", after=last, event="messages.upsert", number=guest.phone.number
            )
            assert (taken["status"], taken["attempts"]) == (200, 1)
        assert set((await states(stack, "/healthz")).values()) == {200}
        assert set((await states(stack, "/readyz")).values()) == {200}
        assert not any(guest.heard for guest in late)
    finally:
        await asyncio.to_thread(stack.rabbit.start)
    assert await rush.judge() == []


async def test_nothing_that_was_acknowledged_is_lost_when_postgres_is_killed(rush):
    stack, sandbox = rush.stack, rush.sandbox
    salons = await rush.open(large_salon(), 2)
    chatting = rush.arrive(rush.invite(salons, 24))
    assert await chatting.have_heard(48)
    last = (await sandbox.call("GET", "/_/health"))["last_seq"]
    await asyncio.to_thread(stack.postgres.kill)
    try:
        late = rush.invite(salons, 12)
        rush.arrive(late)
        for guest in late:
            refused = await sandbox.wait("webhook.retrying", after=last, number=guest.phone.number)
            assert refused["status"] == 503
        assert set((await states(stack, "/healthz")).values()) == {200}
        assert set((await states(stack, "/readyz")).values()) == {503}
    finally:
        await asyncio.to_thread(stack.postgres.start)
    # Every message that a client wrote is stored, those that were being taken when it died included.
    assert await rush.judge() == []
    assert await sandbox.ledger("webhook.abandoned") == []
    assert set((await states(stack, "/readyz")).values()) == {200}
