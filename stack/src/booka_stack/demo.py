"""One booking by chat, played live: what was said, what every hop did, and how long it took."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from booka_stack.layout import SERVICES, Layout
from booka_stack.phone import Phone, Sandbox
from booka_stack.salon import DEMO_TENANT, Salon, SalonPlan, provision
from booka_stack.stack import Stack

__all__ = ["addresses", "play"]

_PAY_LINK = re.compile(r"http\S+/pay/(\w+)")
_HOPS = " UNION ALL ".join(
    f"SELECT '{name}' AS service, routing_key, created_at FROM {name}.outbox WHERE tenant_id = $1 AND created_at >= $2"  # noqa: S608 - our own names
    for name in SERVICES
)


@dataclass
class _Stage:
    """Where the play is shown and looked behind."""

    console: Console
    tables: Any
    salon: Salon
    phone: Phone
    sandbox: Sandbox

    async def turn(self, text: str) -> str:
        """Say `text`, wait for the answer, and show both with what happened in between."""
        started = datetime.now(UTC)
        self.console.print(
            Padding(Panel(Text(text), title=self.phone.name, title_align="right", style="green"), (0, 0, 0, 40))
        )
        answer = await self.phone.ask(text)
        await self._show(answer, started, f"Evolution webhook → {self.phone.number}", "Evolution sendText")
        return answer

    async def listen(self, started: datetime, origin: str) -> str:
        """Wait for what the salon says unasked."""
        answer = await self.phone.hear()
        await self._show(answer, started, origin, "Evolution sendText")
        return answer

    async def _show(self, answer: str, started: datetime, origin: str, end: str) -> None:
        ended = datetime.now(UTC)
        hops = Table(box=None, padding=(0, 1), show_header=False, style="dim")
        hops.add_column(justify="right")
        hops.add_column()
        hops.add_row("0 ms", origin)
        for row in await self.tables.fetch(f"{_HOPS} ORDER BY created_at", DEMO_TENANT, started):
            hops.add_row(_ms(started, row["created_at"]), f"{row['service']:<9} says {row['routing_key']}")
        hops.add_row(_ms(started, ended), f"{end}: the phone has it")
        self.console.print(hops)
        self.console.print(
            Padding(Panel(Text(answer), title=self.salon.name, title_align="left", style="cyan"), (0, 40, 0, 0))
        )


def _ms(start: datetime, end: datetime) -> str:
    return f"{max((end - start).total_seconds() * 1000, 0):.0f} ms"


def _an_open_day(zone: str) -> str:
    """A weekday after today on which the studio is open, as a client would write it."""
    day = datetime.now(ZoneInfo(zone)) + timedelta(days=1)
    while day.isoweekday() not in {2, 3, 4, 5}:
        day += timedelta(days=1)
    return day.strftime("%A").lower()


async def play(stack: Stack, console: Console) -> bool:
    """Provision the demo salon and play one booking with a deposit; True if the visit was confirmed and paid once."""
    layout = stack.layout
    salon = await provision(layout, DEMO_TENANT, SalonPlan.demo())
    console.rule(f"[bold]{salon.name}[/] · a client books by chat")
    sandbox = Sandbox(layout.url("sandbox"))
    tables = await asyncpg.connect(stack.database_url())
    number = f"3519{int(datetime.now(UTC).timestamp()) % 10**8:08d}"
    stage = _Stage(console, tables, salon, Phone(sandbox, salon.instance, number, "Maria"), sandbox)
    try:
        return await _conversation(stage, layout)
    finally:
        await tables.close()
        await sandbox.close()


async def _conversation(stage: _Stage, layout: Layout) -> bool:
    await stage.turn("Hi!")
    await stage.turn(f"A haircut with Ana, {_an_open_day(stage.salon.zone)} after 3 please")
    await stage.turn("2")
    await stage.turn("1")
    link = await stage.turn("yes")
    found = _PAY_LINK.search(link)
    if found is None:
        stage.console.print("[red]No payment link came.[/]")
        return False
    stage.console.print(f"[dim]Maria opens {found[0]} and pays.[/]")
    started = datetime.now(UTC)
    async with httpx.AsyncClient(timeout=20) as browser:
        (await browser.get(found[0])).raise_for_status()
        await browser.post(found[0])
    await stage.listen(started, "Stripe checkout.session.completed webhook, signed")
    return await _books(stage, found[1])


async def _books(stage: _Stage, session: str) -> bool:
    """What the services hold now, side by side with what the outside saw."""
    reservation = await stage.tables.fetchrow(
        """SELECT r.id, r.status FROM booking.reservations AS r
           JOIN payments.transactions AS t ON t.tenant_id = r.tenant_id AND t.reservation_id = r.id
           WHERE t.tenant_id = $1 AND t.session_id = $2""",
        DEMO_TENANT,
        session,
    )
    if reservation is None:
        return False
    transaction = await stage.tables.fetchrow(
        "SELECT status, amount_minor, currency FROM payments.transactions WHERE tenant_id = $1 AND session_id = $2",
        DEMO_TENANT,
        session,
    )
    reminders: list[Any] = []
    for _ in range(100):
        reminders = await stage.tables.fetch(
            "SELECT minutes_before FROM scheduler.reminders WHERE tenant_id = $1 AND reservation_id = $2 ORDER BY 1 DESC",
            DEMO_TENANT,
            reservation["id"],
        )
        if reminders:
            break
        await asyncio.sleep(0.05)
    charges = await stage.sandbox.ledger("charge", session_id=session)
    table = Table(title="How it stands", show_header=False)
    table.add_row("booking", f"reservation {reservation['id']} is {reservation['status']}")
    table.add_row(
        "payments",
        f"transaction is {transaction['status']}: {transaction['amount_minor'] / 100:.2f} {transaction['currency']}",
    )
    hours = " and ".join(f"{row['minutes_before'] // 60} h" for row in reminders)
    table.add_row("scheduler", f"reminders planned {hours} before" if hours else "no reminder is ahead")
    table.add_row("Stripe (sandbox)", f"{len(charges)} charge")
    stage.console.print(table)
    return bool(reservation["status"] == "confirmed" and len(charges) == 1)


def addresses(layout: Layout, salon_instance: str) -> Table:
    """Where to look around."""
    table = Table(title="Booka is up", show_header=False)
    table.add_row("Chat with the salon", f"{layout.url('sandbox')}/phone/{salon_instance}")
    table.add_row("Sandbox and ledger", f"{layout.url('sandbox')}/  ·  /_/ledger")
    for name in SERVICES:
        table.add_row(name, f"{layout.url(name)}/docs  ·  /asyncapi  ·  /metrics")
    table.add_row("Logs", f"{layout.folder}/*.log")
    return table
