"""Logs, metrics and trace context: what an operator sees of a service.

Logs are one JSON object a line on stdout, carrying tenant, correlation and trace ids of the work in progress. Metrics
live in one registry per application object; no label ever carries a tenant.
"""

import logging
import random
import re
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from itertools import accumulate
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

__all__ = ["Metrics", "Requests", "Tally", "configure_logging", "current_traceparent", "work"]

#: The work in progress: its W3C traceparent, and what its log lines carry.
_current: ContextVar[tuple[str | None, Mapping[str, object]]] = ContextVar("booka_work", default=(None, {}))
#: Of traces, which are no secrets.
_ids = random.Random()  # noqa: S311
#: Neither the id of a trace nor that of a span may be zero.
_NOT_ZERO = 1 << 64 | 1
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send every log record of the process to stdout as JSON. Called once, by `__main__`."""

    def name_service(_logger: Any, _method: str, event: Any) -> Any:
        event["service"] = service
        return event

    shared: list[Any] = [
        _of_the_work,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(
                    serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "httpx2", "openai", "stripe", "aio_pika", "aiormq", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class work:  # noqa: N801 - reads as a verb: `with work(…):`
    """A stretch of work: its log lines carry `fields`, and it continues the trace of `traceparent` or starts one."""

    __slots__ = ("_entered", "_fields", "_traceparent")

    def __init__(self, *, traceparent: str | None = None, **fields: object) -> None:
        self._traceparent = traceparent
        self._fields = fields

    def __enter__(self) -> None:
        fields = _current.get()[1]
        continued = None if self._traceparent is None else _TRACEPARENT.fullmatch(self._traceparent)
        traceparent = _new_trace() if continued is None else f"00-{continued[1]}-{continued[2]}-{continued[3]}"
        self._entered: Token[Any] = _current.set((traceparent, {**fields, **self._fields} if self._fields else fields))

    def __exit__(self, *_error: object) -> None:
        _current.reset(self._entered)


def _new_trace() -> str:
    ids = f"{_ids.getrandbits(192) | _NOT_ZERO:048x}"
    return f"00-{ids[:32]}-{ids[32:]}-00"


def current_traceparent() -> str | None:
    """The W3C traceparent of the work in progress, to be stored with what it sets in motion."""
    return _current.get()[0]


def _of_the_work(_logger: Any, _method: str, event: Any) -> Any:
    traceparent, fields = _current.get()
    for name, value in fields.items():
        if value is not None:
            event.setdefault(name, str(value))
    if traceparent is not None:
        event.setdefault("trace_id", traceparent[3:35])
    return event


class Tally(Collector):
    """A counter as a plain number for each set of labels, until somebody asks for it: see `Requests`."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._told = name, documentation, labels
        self._counted: defaultdict[tuple[str, ...], int] = defaultdict(int)
        registry.register(self)

    def count(self, *labels: str) -> None:
        """One more."""
        self._counted[labels] += 1

    def collect(self) -> Iterable[Metric]:
        """What Prometheus is told."""
        name, documentation, labels = self._told
        family = CounterMetricFamily(name, documentation, labels=labels)
        for values, counted in self._counted.items():
            family.add_metric(list(values), counted)
        return (family,)


class Requests(Collector):
    """HTTP requests and the time to answer them, by route template. Plain numbers until somebody asks for them: every request is
    counted, and the instruments of prometheus_client cost a small one several percent.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        #: How many took no longer than each of `_SECONDS`, and longer than the one before it; the last: longer than all.
        self._took: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(_SECONDS) + 1))
        registry.register(self)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One was answered."""
        self._answered[method, route, status] += 1
        self._seconds[method, route] += seconds
        self._took[method, route][bisect_left(_SECONDS, seconds)] += 1

    def collect(self) -> Iterable[Metric]:
        """What Prometheus is told."""
        requests = CounterMetricFamily(
            "booka_http_requests_total", "HTTP requests by route template.", labels=["method", "route", "code"]
        )
        for (method, route, status), answered in self._answered.items():
            requests.add_metric([method, route, str(status)], answered)
        seconds = HistogramMetricFamily(
            "booka_http_request_duration_seconds", "Time to answer.", labels=["method", "route"]
        )
        for labels, took in self._took.items():
            bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
            seconds.add_metric(list(labels), list(zip(bounds, accumulate(took), strict=True)), self._seconds[labels])
        return requests, seconds


class Metrics:
    """The Prometheus instruments that every service has; a service adds its own to `registry`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.build = Gauge("booka_build_info", "Always 1; names the service.", ["service"], registry=registry)
        self.build.labels(service).set(1)
        self.requests = Requests(registry)
        self.webhooks = Tally(
            "booka_webhook_received_total",
            "Webhooks by provider and outcome: accepted, ignored, duplicate, bad_signature, malformed, unavailable.",
            ["provider", "outcome"],
            registry,
        )
        self.consumed = Counter(
            "booka_messages_consumed_total",
            "Messages by queue and outcome: done, returned, dead.",
            ["queue", "outcome"],
            registry=registry,
        )
        self.consume_seconds = Histogram(
            "booka_message_duration_seconds",
            "Time to handle a message.",
            ["queue"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.outbox_published = Counter(
            "booka_outbox_published_total", "Outbox rows by outcome: sent, failed.", ["outcome"], registry=registry
        )
        self.outbox_pending = Gauge(
            "booka_outbox_pending", "Messages not yet confirmed by the broker.", registry=registry
        )
        self.outbox_oldest = Gauge(
            "booka_outbox_oldest_age_seconds", "Age of the oldest unsent message.", registry=registry
        )
        self.jobs = Counter(
            "booka_job_runs_total",
            "Job runs by type and outcome: done, retry, postponed, dead, lease_lost.",
            ["type", "outcome"],
            registry=registry,
        )
        self.job_lag = Histogram(
            "booka_job_lag_seconds",
            "How late a due job was started.",
            ["type"],
            buckets=(*_SECONDS, 30.0, 60.0, 300.0),
            registry=registry,
        )
        self.jobs_by_status = Gauge("booka_jobs_waiting", "Jobs by status.", ["status"], registry=registry)
        self.broker_connected = Gauge(
            "booka_broker_connected", "1 while the consumer connection is up.", registry=registry
        )
