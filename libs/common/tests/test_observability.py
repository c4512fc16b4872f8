"""The trace of a work, what its log lines carry, and how requests are counted."""

import logging
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from booka_common.observability import Requests, Tally, _of_the_work, current_traceparent, work

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def carried() -> dict[str, object]:
    event: dict[str, object] = _of_the_work(logging.getLogger(), "info", {})
    return event


def test_a_work_continues_the_trace_that_it_is_given():
    with work(traceparent=GIVEN):
        assert current_traceparent() == GIVEN
        with work(traceparent="01" + GIVEN[2:] + "-more"):
            assert current_traceparent() == GIVEN, "as this version says it"
    assert current_traceparent() is None


@pytest.mark.parametrize(
    "given",
    [None, "", "x", "ff" + GIVEN[2:], GIVEN.upper(), GIVEN[:-1], GIVEN + "x", GIVEN.replace("b7ad6b7169203331", "0" * 16),
     GIVEN.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32)],
)  # fmt: skip
def test_a_work_without_a_trace_starts_one(given):
    found = set()
    for _ in range(3):
        with work(traceparent=given):
            trace = current_traceparent()
            assert trace is not None
            assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace)
            found.add(trace)
    assert len(found) == 3


def test_log_lines_carry_what_the_work_is_about():
    assert carried() == {}
    with work(traceparent=GIVEN, tenant_id=1, queue=None):
        with work(traceparent=GIVEN, job="a"):
            assert carried() == {"tenant_id": "1", "job": "a", "trace_id": GIVEN[3:35]}
        assert carried() == {"tenant_id": "1", "trace_id": GIVEN[3:35]}
    with pytest.raises(KeyError), work(job="b"):
        raise KeyError
    assert carried() == {}


def test_requests_are_counted_by_route_and_status_and_their_times_by_route():
    registry = CollectorRegistry()
    requests = Requests(registry)
    for status, seconds in ((200, 0.001), (200, 0.3), (503, 60.0)):
        requests.count("GET", "/a", status, seconds)
    requests.count("GET", "/b", 200, 0.004)
    labels = {"method": "GET", "route": "/a"}

    def told(name: str, **more: str) -> float | None:
        return registry.get_sample_value(name, labels | more)

    assert [told("booka_http_requests_total", code=code) for code in ("200", "503", "404")] == [2.0, 1.0, None]
    bounds = ("0.001", "0.25", "0.5", "10.0", "+Inf")
    assert [told("booka_http_request_duration_seconds_bucket", le=le) for le in bounds] == [1, 1, 2, 2, 3]
    assert told("booka_http_request_duration_seconds_count") == 3
    assert told("booka_http_request_duration_seconds_sum") == pytest.approx(60.301)
    assert b"# TYPE booka_http_requests_total counter" in generate_latest(registry)


def test_a_tally_is_a_counter_of_prometheus():
    registry = CollectorRegistry()
    tally = Tally("booka_probe_total", "What was probed.", ["kind", "outcome"], registry)
    assert b"# TYPE booka_probe_total counter" in generate_latest(registry), "before there is anything to count"
    for labels in (("a", "x"), ("a", "y"), ("a", "x")):
        tally.count(*labels)
    assert registry.get_sample_value("booka_probe_total", {"kind": "a", "outcome": "x"}) == 2
    assert registry.get_sample_value("booka_probe_total", {"kind": "a", "outcome": "y"}) == 1
