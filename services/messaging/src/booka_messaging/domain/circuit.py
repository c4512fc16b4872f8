"""A line's circuit breaker: after failures in a row nothing is sent for a while, then its gateway is asked before anything is.

Open: nothing is sent until `blocked_until`. After that the first who comes asks the gateway; if it says that the line works,
sending is tried again and one failure opens the circuit anew. Only a send that works closes it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

__all__ = ["Circuit", "after_failure", "after_probe"]

_THRESHOLD = 5
_FIRST = timedelta(seconds=30)
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a line's health; all empty: it works.

    Attributes:
        failures: in a row.
        openings: in a row, without a send in between that worked.
        blocked_until: nothing is sent before that, nor after it until the gateway was asked.
    """

    failures: int = 0
    openings: int = 0
    blocked_until: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether nothing is the matter."""
        return self == Circuit()


def after_failure(circuit: Circuit, now: datetime, *, down: bool) -> Circuit:
    """A call failed by the line's fault. What was under way when the circuit opened counts no more.

    Args:
        down: nothing can be sent until somebody acts, so it opens at once and for long.
    """
    if circuit.blocked_until is not None:
        return circuit
    failed = replace(circuit, failures=circuit.failures + 1)
    return _opened(failed, now, down=down) if down or failed.failures >= _THRESHOLD else failed


def after_probe(circuit: Circuit, now: datetime, *, works: bool) -> Circuit:
    """The gateway was asked whether the line can send."""
    if works:
        return replace(circuit, failures=_THRESHOLD - 1, blocked_until=None)
    return _opened(circuit, now, down=False)


def _opened(circuit: Circuit, now: datetime, *, down: bool) -> Circuit:
    openings = circuit.openings + 1
    closed_for = _LONGEST if down else min(_FIRST * 2 ** min(openings - 1, 10), _LONGEST)
    return replace(circuit, openings=openings, blocked_until=now + closed_for)
