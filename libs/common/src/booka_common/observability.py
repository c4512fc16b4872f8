"""Logs, metrics and trace context: what an operator sees of a service.

Logs are one JSON object a line on stdout, carrying tenant, correlation and trace ids of the work in progress. Metrics
live in one registry per application object; no label ever carries a tenant.
"""

import logging
import random
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics", "configure_logging", "current_traceparent", "work"]

#: Of the work in progress, for its log lines.
_fields: ContextVar[Mapping[str, object]] = ContextVar("booka_work", default={})  # noqa: B039 - never changed in place
#: Of traces, which are no secrets.
_ids = random.Random()  # noqa: S311
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
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


@contextmanager
def work(*, traceparent: str | None = None, **fields: object) -> Iterator[None]:
    """A stretch of work: its log lines carry `fields`, and it continues the trace of `traceparent` or starts one."""
    span = _span_of(traceparent) or SpanContext(
        _ids.getrandbits(128) or 1, _ids.getrandbits(64) or 1, is_remote=True, trace_flags=TraceFlags(0)
    )
    token = otel_context.attach(trace.set_span_in_context(NonRecordingSpan(span), otel_context.Context()))
    bound = _fields.set({**_fields.get(), **fields, "trace_id": f"{span.trace_id:032x}"})
    try:
        yield
    finally:
        _fields.reset(bound)
        otel_context.detach(token)


def _span_of(traceparent: str | None) -> SpanContext | None:
    """What a W3C traceparent names; None if it is none."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or found[1] == "ff":
        return None
    span = SpanContext(int(found[2], 16), int(found[3], 16), is_remote=True, trace_flags=TraceFlags(int(found[4], 16)))
    return span if span.is_valid else None


def current_traceparent() -> str | None:
    """The W3C traceparent of the work in progress, to be stored with what it sets in motion."""
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None


def _of_the_work(_logger: Any, _method: str, event: Any) -> Any:
    for name, value in _fields.get().items():
        if value is not None:
            event.setdefault(name, str(value))
    return event


class Metrics:
    """The Prometheus instruments that every service has; a service adds its own to `registry`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.build = Gauge("booka_build_info", "Always 1; names the service.", ["service"], registry=registry)
        self.build.labels(service).set(1)
        self.http_requests = Counter(
            "booka_http_requests_total",
            "HTTP requests by route template.",
            ["method", "route", "code"],
            registry=registry,
        )
        self.http_seconds = Histogram(
            "booka_http_request_duration_seconds",
            "Time to answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.webhooks = Counter(
            "booka_webhook_received_total",
            "Webhooks by provider and outcome: accepted, ignored, duplicate, bad_signature, malformed, unavailable.",
            ["provider", "outcome"],
            registry=registry,
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
            "Job runs by type and outcome: done, retry, dead, lease_lost.",
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
