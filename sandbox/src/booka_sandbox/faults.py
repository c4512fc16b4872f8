"""Failures on demand, for every provider: asked for over the control API, consumed by the next matching calls."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import JSONResponse

from booka_sandbox.ledger import Ledger

Kind = Literal["error_before", "error_after", "timeout_after", "delay"]
Provider = Literal["evolution", "stripe", "openai"]


@dataclass
class Fault:
    """One order to fail. `error_before`: nothing happens, `status` is answered. `error_after`: the effect happens,
    `status` is answered. `timeout_after`: the effect happens, the answer comes `seconds` later. `delay`: `seconds`
    pass, then all is well. `match` is a regular expression on the call's subject (see README)."""

    id: str
    provider: Provider
    operation: str
    kind: Kind
    status: int
    times: int
    seconds: float
    match: str | None


class Faults:
    """The orders not yet used up, oldest first."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Order a failure."""
        self._orders.append(fault)

    def pending(self) -> list[Fault]:
        """Orders with uses left."""
        return list(self._orders)

    def clear(self) -> None:
        """Cancel all orders."""
        self._orders.clear()

    def take(self, provider: Provider, operation: str, subject: str) -> Fault | None:
        """Use up one matching order; None in the ordinary case."""
        if not self._orders:
            return None
        for fault in self._orders:
            if fault.provider != provider or fault.operation not in {operation, "*"}:
                continue
            if fault.match is not None and not re.search(fault.match, subject):
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._orders.remove(fault)
            self._ledger.add("fault", provider=provider, operation=operation, fault=fault.kind, subject=subject)
            return fault
        return None

    async def run(
        self,
        provider: Provider,
        operation: str,
        subject: str,
        effect: Callable[[], Response | Awaitable[Response]],
        broken: Callable[[int], Any],
    ) -> Response:
        """Run one provider call. `effect` does the work; `broken(status)` is the provider's own error body."""
        fault = self.take(provider, operation, subject)
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "error_before":
            return JSONResponse(broken(fault.status), fault.status)
        outcome = effect()
        response = outcome if isinstance(outcome, Response) else await outcome
        if fault is None or fault.kind == "delay":
            return response
        if fault.kind == "timeout_after":
            await asyncio.sleep(fault.seconds)
            return response
        return JSONResponse(broken(fault.status), fault.status)
