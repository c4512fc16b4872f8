"""What has been kept long enough goes, however much there is of it."""

from datetime import timedelta

from common_probe import SERVICE

from booka_common.db import load_queries
from booka_common.ids import new_id
from booka_common.runtime import clean_up

MORE_THAN_ONE_STATEMENT_TAKES = 10_001


async def test_all_that_is_old_goes_and_no_statement_takes_too_much(db, tenant_id):
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            """INSERT INTO inbox (consumer, message_id, tenant_id, received_at)
               SELECT 'housekeeping', gen_random_uuid(), $1, now() - interval '31 days' FROM generate_series(1, $2)""",
            tenant_id,
            2 * MORE_THAN_ONE_STATEMENT_TAKES,
        )
        await tx.execute(
            "INSERT INTO inbox (consumer, message_id, tenant_id) VALUES ('housekeeping', $2, $1)", tenant_id, new_id()
        )

    async def left():
        async with db.tx(tenant_id) as tx:
            return await tx.fetchval("SELECT count(*) FROM inbox WHERE tenant_id = $1", tenant_id)

    async with db.system_tx() as tx:
        prune = load_queries("booka_common", "inbox.sql")["inbox_prune"]
        assert await tx.execute(prune, timedelta(days=30)) < MORE_THAN_ONE_STATEMENT_TAKES
    assert await left() > MORE_THAN_ONE_STATEMENT_TAKES
    await clean_up(db, SERVICE)
    assert await left() == 1
