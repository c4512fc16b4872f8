"""Failures on demand, for every provider: asked for over the control API, consumed by the next matching calls."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import JSONResponse

from booka_sandbox.ledger import Ledger

Kind = Literal["error_before", "error_after", "timeout_after", "delay"]
Provider = Literal["evolution", "cloud", "stripe", "openai"]


@dataclass
class Fault:
    """One order to fail. `error_before`: nothing happens, `status` is answered. `error_after`: the effect happens,
    `status` is answered. `timeout_after`: the effect happens, the answer comes `seconds` later. `delay`: `seconds`
    pass, then all is well. `match` is a regular expression on the call's subject (see README). `code`: the provider's
    own error code in the body, where it has such (cloud). `retry_after`: seconds in the header of that name. `share`:
    of the calls that match, by chance."""

    id: str
    provider: Provider
    operation: str
    kind: Kind
    status: int
    times: int
    seconds: float
    match: str | None
    code: int | None = None
    retry_after: int | None = None
    share: float = 1.0


class Faults:
    """The orders not yet used up, oldest first."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._orders: list[Fault] = []
        self._dice = random.Random(1)  # noqa: S311 - guards nothing, and is to fall the same way each time

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
            if fault.share < 1 and self._dice.random() >= fault.share:
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
        broken: Callable[[Fault], Any],
    ) -> Response:
        """Run one provider call. `effect` does the work; `broken(fault)` is the provider's own error body."""
        fault = self.take(provider, operation, subject)
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "error_before":
            return _failure(fault, broken)
        outcome = effect()
        response = outcome if isinstance(outcome, Response) else await outcome
        if fault is None or fault.kind == "delay":
            return response
        if fault.kind == "timeout_after":
            await asyncio.sleep(fault.seconds)
            return response
        return _failure(fault, broken)


def _failure(fault: Fault, broken: Callable[[Fault], Any]) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return JSONResponse(broken(fault), fault.status, headers)
