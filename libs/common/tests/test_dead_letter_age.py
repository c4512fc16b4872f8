"""Dead letters hold what people wrote, so nobody keeps them for ever."""

import re
from datetime import timedelta

from booka_common import topology


def test_every_dead_letter_queue_lets_go_after_thirty_days_and_no_other_does() -> None:
    told = topology.definitions(topology.HEARS)
    for queue in (one["name"] for one in told["queues"]):
        limits = [one["definition"] for one in told["policies"] if re.search(one["pattern"], queue)]
        assert len(limits) == 1, "of several policies only one would hold"
        ages = [limit.get("message-ttl") for limit in limits]
        assert ages == [timedelta(days=30) / timedelta(milliseconds=1) if queue.endswith(".dlq") else None]
