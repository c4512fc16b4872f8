"""Refusals that are kept share a call, and happen once like everything else."""

import asyncpg
import pytest
from fastapi import Response

from booka_common.idempotency import AnsweredBefore, Keyed, KeyInProgress, answer_all, claim_all, kept, store_all
from booka_common.ids import new_id


async def test_refusals_that_share_a_call_have_a_key_each(db, tenant_id):
    other = new_id()

    def asked(tenant, name):
        return Keyed(tenant, name, f"POST /{name}", name.encode())

    no, never = Response("no", 409), Response("never", 400, headers={"Location": "/elsewhere"})
    first, twice, stranger, second = (
        asked(*what) for what in ((tenant_id, "a"), (tenant_id, "a"), (other, "a"), (tenant_id, "b"))
    )
    told = await answer_all(db, [(first, no), (twice, no), (stranger, no), (second, never)])
    assert [type(problem) for problem in told] == [type(None), KeyInProgress, type(None), type(None)]
    for tenant, expected in ((tenant_id, [("a", no), ("b", never)]), (other, [("a", no)])):
        async with db.tx(tenant) as tx:
            rows = await tx.fetch("SELECT * FROM idempotency_keys WHERE tenant_id = $1 ORDER BY key", tenant)
        assert [
            (row["key"], row["request"], row["payload_hash"], row["status"], row["body"], row["headers"])
            for row in rows
        ] == [
            (key, f"POST /{key}", key.encode(), response.status_code, response.body, kept(first, response)["headers"])
            for key, response in expected
        ]
    told = await answer_all(db, [(asked(other, "b"), no), (second, never), (asked(tenant_id, "c"), no)])
    assert [type(problem) for problem in told] == [type(None), AnsweredBefore, type(None)]


async def test_a_refusal_waits_for_nobody_who_has_its_key(db, tenant_id):
    taken, free = (Keyed(tenant_id, name, "POST /v1/notes", b"") for name in "ab")
    no = Response("no", 409)
    async with db.tx(tenant_id) as tx:
        assert await claim_all(tx, [taken]) == [None]
        await store_all(tx, [(taken, Response("yes"))])
        told = await answer_all(db, [(taken, no), (free, no)])
        assert [type(problem) for problem in told] == [KeyInProgress, type(None)]
    told = await answer_all(db, [(taken, no)])
    assert [type(problem) for problem in told] == [AnsweredBefore]
    async with db.tx(tenant_id) as tx:
        assert (
            await tx.fetchval("SELECT body FROM idempotency_keys WHERE tenant_id = $1 AND key = 'a'", tenant_id)
            == b"yes"
        )


async def test_an_answer_is_kept_for_nobody_but_those_who_asked(db, tenant_id):
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await db.shared_call(
            [new_id()], "idempotency_answer", [tenant_id], ["a"], ["POST /"], [b""], [1], [409], [{}], [b"no"]
        )
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1", tenant_id) == 0
