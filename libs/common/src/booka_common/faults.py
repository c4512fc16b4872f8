"""Named points at which a test may kill the process; in production they do nothing."""

import os
import signal
from collections import Counter

__all__ = ["FaultPoints"]


class FaultPoints:
    """Kills the process at the n-th passage of a point: `FaultPoints.parse("relay.confirmed:5,worker.called:12")`.

    Points: `consumer.committed` (after commit, before ack), `relay.confirmed` (after confirm, before mark),
    `worker.called` (after the provider's answer, before its record), `worker.called.send_message` (the same, of one type).
    """

    def __init__(self, at: dict[str, int] | None = None) -> None:
        self._at = at or {}
        self._passed: Counter[str] = Counter()

    @classmethod
    def parse(cls, spec: str) -> "FaultPoints":
        """Read `name:n[,name:n …]`; an empty text gives points that never fire."""
        pairs = (item.rpartition(":") for item in spec.split(",") if item.strip())
        return cls({name.strip(): int(count) for name, _, count in pairs})

    def hit(self, name: str) -> None:
        """Pass the point `name`."""
        if name not in self._at:
            return
        self._passed[name] += 1
        if self._passed[name] == self._at[name]:
            os.kill(os.getpid(), signal.SIGKILL)
