"""The ids by which providers know messages are forgotten too: Meta writes the client's number into its own."""

import base64
from datetime import timedelta
from typing import Any

from booka_common.jobs import Job
from booka_messaging.domain.model import Alias, Price, Receipt
from booka_messaging.store.charges import charge_sums, put_charge
from booka_messaging.usecases.contacts import FORGET_IDS, erase, forget_ids

NUMBER = "351912345678"
MINUTE = timedelta(minutes=1)


def wamid(part: str, number: str = NUMBER) -> str:
    """As Meta makes them."""
    return "wamid." + base64.b64encode(b"\x1c\x18" + number.encode() + part.encode()).decode()


async def all_ids(line: Any) -> list[str]:
    """Every provider's id that is stored, and what is in it."""
    found = []
    for table in ("messages", "receipts", "charges"):
        rows = await line.rows(
            f"SELECT provider_id FROM {table} WHERE tenant_id = $1 AND provider_id LIKE 'wamid%'"  # noqa: S608
        )
        found += [base64.b64decode(row["provider_id"].removeprefix("wamid.")).decode("latin-1") for row in rows]
    return found


async def jobs_of(line: Any) -> list[Job]:
    found: list[Job] = await line.jobs(FORGET_IDS)
    return found


async def test_nine_days_after_an_erasure_no_id_is_left(line: Any) -> None:
    somebody_else = Alias("pn", "351933333333")
    await line.client("oi", Alias("pn", NUMBER), id=wamid("a"))
    await line.client("oi", somebody_else, id=wamid("b", "351933333333"))
    (message,) = await line.rows("SELECT id FROM messages WHERE tenant_id = $1 AND provider_id = $2", wamid("a"))
    await line.take(Receipt(wamid("a"), "sent"), Receipt(wamid("c"), "failed"))  # the second: of an earlier attempt
    await line.rows("UPDATE receipts SET message_id = $2 WHERE tenant_id = $1", message["id"])
    async with line.db.tx(line.tenant_id) as tx:
        for part in ("a", "c"):
            await put_charge(tx, line.channel.id, wamid(part), Price(True, "utility", "PMP"), now=line.clock())
    contact = (await line.rows("SELECT id FROM contacts WHERE tenant_id = $1 AND phone = $2", f"+{NUMBER}"))[0]
    async with line.db.tx(line.tenant_id) as tx:
        await erase(tx, contact["id"], line.clock())
    assert await line.client("oi", Alias("pn", NUMBER), id=wamid("a")) == "duplicate", "a repetition brings nobody back"
    (job,) = await jobs_of(line)
    (planned,) = await line.rows("SELECT scheduled_at FROM jobs WHERE tenant_id = $1 AND type = $2", FORGET_IDS)
    assert planned["scheduled_at"] == line.clock() + timedelta(days=9)
    for _ in range(2):
        async with line.db.tx(line.tenant_id) as tx:
            await forget_ids(tx, job)
        assert all(NUMBER not in id for id in await all_ids(line))
    assert any(id.endswith("351933333333b") for id in await all_ids(line)), "nobody else is forgotten"
    now = line.clock()
    async with line.db.tx(line.tenant_id) as tx:
        (summed,) = await charge_sums(tx, start=now - MINUTE, end=now + MINUTE)
    assert summed.messages == 2, "what was counted stays counted"
