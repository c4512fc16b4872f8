"""A database with very many messages in it, written in SQL so that it takes seconds.

The first salon has nearly all of them; of the others there are enough that a plan by anything but the tenant would show. People
wrote one after the other, a few of them much more than the rest, the last one just now.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from uuid import UUID

__all__ = ["NEEDLE", "NOW", "Talks", "fill"]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SALONS = 20
#: A word that is in every ten-thousandth message.
NEEDLE = "balayage"


@dataclass(frozen=True)
class Talks:
    """One of the salons. What is in it can be named without asking."""

    number: int

    @property
    def tenant_id(self) -> UUID:
        return _named(f"tenant-{self.number}")

    @property
    def channel_id(self) -> UUID:
        return _named(f"channel-{self.number}")

    def conversation(self, number: int) -> UUID:
        """Its contact has the same id."""
        return _named(f"talk-{self.number}-{number}")


def _named(name: str) -> UUID:
    """As `md5(name)::uuid` in SQL."""
    return UUID(md5(name.encode()).hexdigest())  # noqa: S324 - a name


_SQL = """
CREATE TEMP TABLE salon AS
SELECT n, md5('tenant-' || n)::uuid AS id, md5('channel-' || n)::uuid AS channel_id,
    CASE WHEN n = 0 THEN :messages ELSE :messages / 100 END AS messages
FROM generate_series(0, :last_salon) AS n;

INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, created_at, updated_at)
SELECT id, channel_id, 'evolution', 'salon-' || n, 'http://127.0.0.1:9', '', 'hmac', '', :now, :now FROM salon;

CREATE TEMP TABLE talk AS
SELECT s.id AS tenant_id, s.channel_id, k, md5('talk-' || s.n || '-' || k)::uuid AS id,
    '55119' || lpad((k * 7919 % 100000000)::text, 8, '0') AS digits
FROM salon AS s, generate_series(0, s.messages / 20 - 1) AS k;

INSERT INTO contacts (tenant_id, id, name, phone, blocked_at, created_at)
SELECT tenant_id, id, CASE WHEN k % 500 = 7 THEN 'Conceição ' || k ELSE 'Client ' || k END, '+' || digits,
    CASE WHEN k % 300 = 0 THEN :now END, :now - interval '1 year' FROM talk;
INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
SELECT tenant_id, channel_id, 'pn', digits, id, :now FROM talk;

CREATE TEMP TABLE said AS
SELECT o.*, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(i % 4096), 3, '0') || '8'
    || lpad(to_hex(n), 15, '0'))::uuid AS id
FROM (
    SELECT s.n, s.id AS tenant_id, s.channel_id, i, md5('talk-' || s.n || '-' || (
            -- a tenth of the messages is written by one in a hundred
            CASE WHEN i % 10 = 0 THEN i * 31 % greatest(s.messages / 2000, 1) ELSE i * 7919 % (s.messages / 20) END
        ))::uuid AS talk_id,
        i * 13 % 7 AS dice, :now - (s.messages - i) * interval '20 seconds' AS at
    FROM salon AS s, generate_series(0, s.messages - 1) AS i
) AS o;

INSERT INTO conversations (tenant_id, id, channel_id, contact_id, turns, client_at, created_at, active_at, attended_by,
    takeover_id)
SELECT t.tenant_id, t.id, t.channel_id, t.id, 10, s.at, :now - interval '1 year', coalesce(s.at, :now - interval '1 year'),
    CASE WHEN t.k % 1000 = 3 THEN 'console' END, t.id
FROM talk AS t
LEFT JOIN (SELECT tenant_id, talk_id, max(at) AS at FROM said WHERE dice < 4 OR dice = 6 GROUP BY 1, 2) AS s
    ON s.tenant_id = t.tenant_id AND s.talk_id = t.id;

INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text, status, turn,
    request_id, purpose, sent_at, received_at)
SELECT tenant_id, id, channel_id, talk_id, CASE WHEN dice < 4 THEN 'in' ELSE 'out' END,
    CASE WHEN dice < 4 THEN 'client' WHEN dice < 6 THEN 'booka' ELSE 'salon' END, id::text, 'text',
    'Hello, I would like to come ' || i || ' on some day next week, in the afternoon'
        || CASE WHEN i % 10000 = 42 THEN ' for a :needle' ELSE '' END,
    CASE WHEN dice < 4 THEN 'received' WHEN i % 50 = 0 THEN 'failed' ELSE 'read' END, NULL,
    CASE WHEN dice IN (4, 5) THEN id END, CASE WHEN dice IN (4, 5) THEN 'reply' END, at, at
FROM said;
DROP TABLE said, talk, salon;
"""


async def fill(admin: Any, messages: int) -> None:
    """Write it; the first salon gets `messages`."""
    await admin.execute(
        "SET search_path = messaging, public; SET work_mem = '64MB'; SET maintenance_work_mem = '256MB'"
    )
    words = {
        "messages": str(messages),
        "last_salon": str(SALONS - 1),
        "now": f"'{NOW.isoformat()}'::timestamptz",
        "needle": NEEDLE,
    }
    text = _SQL
    for name, value in words.items():
        text = text.replace(f":{name}", value)
    async with admin.transaction():
        await admin.execute(text)
    await admin.execute("VACUUM (ANALYZE, FREEZE)")
