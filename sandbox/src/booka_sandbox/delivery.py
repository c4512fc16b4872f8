"""Webhook delivery: fire-and-forget in memory, with each provider's own retry rules."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from booka_sandbox.ledger import Ledger

Headers = Callable[[], Mapping[str, str]]
"""Called before every attempt: Stripe signs each attempt anew, Evolution repeats the headers of the first."""


@dataclass(frozen=True)
class RetryPolicy:
    """Delays in seconds: `base * 2**n`, at most `cap`, each varied by ±`jitter` (a share)."""

    attempts: int
    base: float
    cap: float
    jitter: float
    timeout: float
    final_statuses: frozenset[int]
    """Answers after which the provider gives up at once."""

    def delay(self, failures: int, scale: float) -> float:
        """Seconds until the next attempt after `failures` failed ones (≥ 1)."""
        plain = min(self.base * float(2 ** (failures - 1)), self.cap)
        return plain * scale * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - jitter, not a secret


EVOLUTION_RETRIES = RetryPolicy(10, 5.0, 300.0, 0.2, 30.0, frozenset({400, 401, 403, 404, 422}))
STRIPE_RETRIES = RetryPolicy(80, 5.0, 3600.0, 0.1, 20.0, frozenset())
"""Stripe repeats until 2xx for three days, whatever the answer is."""
CLOUD_RETRIES = RetryPolicy(38, 5.0, 21_600.0, 0.2, 10.0, frozenset())
"""Meta repeats until 200 for seven days, ever more seldom, whatever the answer is."""


@dataclass(frozen=True)
class Webhook:
    """One thing to deliver. `fields` go into the ledger entry of the outcome.

    `url`: where to; several, separated by blanks, are one address behind a load balancer: who does not listen is left out.
    """

    url: str
    body: bytes
    headers: Headers
    fields: Mapping[str, Any]


class Disorder:
    """An unruly way for webhooks. Shares (0–1) are of all webhooks; the same seed, the same luck.

    Args:
        doubled: sent twice at once.
        late: leaves up to `seconds` later, so that others overtake it; each copy by itself.
        unheard: the receiver's 2xx gets lost, and the provider repeats the webhook by its rule.
    """

    def __init__(self, *, doubled: float, late: float, seconds: float, unheard: float, seed: int) -> None:
        self._doubled, self._late, self._seconds, self._unheard = doubled, late, seconds, unheard
        self._dice = random.Random(seed)  # noqa: S311 - guards nothing

    def copies(self, wanted: int) -> int:
        """How many leave where `wanted` were to."""
        return wanted + (wanted > 0 and self._dice.random() < self._doubled)

    def delay(self) -> float:
        """Seconds that one copy waits."""
        return self._dice.uniform(0, self._seconds) if self._dice.random() < self._late else 0.0

    def loses_answer(self) -> bool:
        """Whether the sender never learns that its webhook was taken."""
        return self._dice.random() < self._unheard


class Deliverer:
    """Posts webhooks through one bounded pool of connections and writes the outcomes into the ledger."""

    def __init__(self, ledger: Ledger, *, retry_scale: float, max_connections: int) -> None:
        self._ledger = ledger
        self._scale = retry_scale
        self._limit = max_connections
        self._slots = asyncio.Semaphore(max_connections)
        self._client: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._failing: dict[object, dict[str, Any]] = {}
        self.disorder: Disorder | None = None
        self._turn = 0

    async def start(self) -> None:
        """Open the pool."""
        # Idle connections are dropped before the receiver does it (uvicorn: 5 s): a POST that meets a connection
        # just being closed would count as a failed attempt.
        connector = aiohttp.TCPConnector(limit=self._limit, limit_per_host=0, keepalive_timeout=2, ttl_dns_cache=300)
        # Nothing of one webhook may leak into the next: no cookies, no proxies from the environment.
        self._client = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
        )

    async def stop(self) -> None:
        """Give up what is under way (as the real senders do on restart) and close the pool."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    @property
    def under_way(self) -> int:
        """Webhooks not yet delivered nor abandoned."""
        return len(self._running)

    @property
    def failing(self) -> list[dict[str, Any]]:
        """Those that wait for their next attempt, with the outcome of the last."""
        return list(self._failing.values())

    async def idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is under way; False if that takes longer."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._running:
                    await asyncio.wait(self._running)
        except TimeoutError:
            return False
        return True

    def send(
        self,
        webhook: Webhook,
        policy: RetryPolicy,
        *,
        copies: int = 1,
        delay: float = 0.0,
        done: Callable[[int], None] | None = None,
    ) -> None:
        """Deliver in the background: `copies` times concurrently, after `delay` seconds; `done(status)` after a 2xx."""
        disorder = self.disorder
        for _ in range(disorder.copies(copies) if disorder else copies):
            wait = delay + (disorder.delay() if disorder else 0)
            task = asyncio.create_task(self._deliver(webhook, policy, wait, done))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _deliver(
        self, webhook: Webhook, policy: RetryPolicy, delay: float, done: Callable[[int], None] | None
    ) -> None:
        key = object()
        if delay > 0:
            await asyncio.sleep(delay)
        for attempt in range(1, policy.attempts + 1):
            status, problem = await self._post(webhook, policy.timeout)
            if self.disorder and 200 <= status < 300 and attempt < policy.attempts and self.disorder.loses_answer():
                status, problem = 0, "the answer was lost"
            if 200 <= status < 300:
                self._ledger.add(
                    "webhook.delivered", **webhook.fields, url=webhook.url, attempts=attempt, status=status
                )
                if done is not None:
                    done(status)
                return
            outcome = {"url": webhook.url, "attempts": attempt, "status": status, "problem": problem}
            if status in policy.final_statuses or attempt == policy.attempts:
                self._ledger.add("webhook.abandoned", **webhook.fields, **outcome)
                return
            if attempt == 1:
                self._ledger.add("webhook.retrying", **webhook.fields, **outcome)
            self._failing[key] = {**webhook.fields, **outcome}
            try:
                await asyncio.sleep(policy.delay(attempt, self._scale))
            finally:
                del self._failing[key]

    async def _post(self, webhook: Webhook, timeout_seconds: float) -> tuple[int, str]:
        """(status, problem): status 0 when no answer came."""
        if self._client is None:
            return 0, "the sandbox is not started"
        urls = webhook.url.split() or [""]
        self._turn += 1
        outcome = 0, ""
        async with self._slots:
            for number in range(len(urls)):
                url = urls[(self._turn + number) % len(urls)]
                try:
                    async with asyncio.timeout(timeout_seconds):
                        answer = await self._client.post(
                            url, data=webhook.body, headers=dict(webhook.headers()), allow_redirects=False
                        )
                        # The body is read so that the connection goes back to the pool.
                        text = await answer.read()
                except aiohttp.ClientConnectorError as problem:
                    outcome = 0, f"{type(problem).__name__}: {problem}"
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
                    return 0, f"{type(problem).__name__}: {problem}"
                else:
                    return answer.status, text[:300].decode(errors="replace") if answer.status >= 300 else ""
        return outcome
