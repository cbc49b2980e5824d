"""What a program counts with Prometheus's own client library is what PromQL and SQL answer, over restarts of both sides."""

import bisect
import math
import random
import threading
import time
from collections import Counter, defaultdict

import prometheus_client
import pytest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as TEXT
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from test_scrape import config, job, new_target, wait_until  # noqa: F401

FORMATS = {
    "openmetrics": (generate_openmetrics, OPENMETRICS),
    "text": (generate_text, TEXT),
}
BOUNDS = [0.5, 1.0, 2.5, 10.0, math.inf]
QUEUES = ["mail", "sms \u00fc", 'say "hi"\\']
RANGE = "1h"


class Program:
    """Records and exposes; `start` begins anew, as a program does that starts again."""

    def __init__(self, seed, generate):
        self.random, self.generate, self.lock = random.Random(seed), generate, threading.Lock()
        #: By metric and queue, what each run of the program recorded.
        self.runs = []
        #: The exemplars that were exposed: `(metric, labels, trace id, value)`.
        self.exposed = set()
        self.exposures = 0
        self.start()

    def start(self):
        with self.lock:
            self.registry = prometheus_client.CollectorRegistry()
            more = {"labelnames": ["queue"], "registry": self.registry}
            self.metrics = {
                "jobs": prometheus_client.Counter("jobs", "Jobs.", **more),
                "depth": prometheus_client.Gauge("depth", "Depth.", **more),
                "took": prometheus_client.Histogram("took", "Time.", buckets=BOUNDS, **more),
                "size": prometheus_client.Summary("size", "Size.", **more),
            }
            self.runs.append(defaultdict(list))
            self.current = {}

    def expose(self):
        with self.lock:
            self.exposures += 1
            self.exposed |= set(self.current.values())
            return self.generate(self.registry)

    def record(self):
        """Some measurements, none of them exposed before all are made."""
        with self.lock:
            for queue in QUEUES:
                for name, metric in self.metrics.items():
                    for _ in range(self.random.randint(1, 8)):
                        self.measure(name, metric.labels(queue), queue)

    def measure(self, name, metric, queue):
        value = self.random.randint(0, 9) if name == "jobs" else self.random.uniform(0, 20)
        self.runs[-1][name, queue].append(value)
        if name == "depth":
            metric.set(value)
        elif name == "size":
            metric.observe(value)
        else:
            trace = f"{self.random.getrandbits(128):032x}"
            bucket = f"{BOUNDS[bisect.bisect_left(BOUNDS, value)]}"
            act, shown, labels = {
                "jobs": (getattr(metric, "inc", None), "jobs_total", ()),
                "took": (getattr(metric, "observe", None), "took_bucket", (("le", bucket),)),
            }[name]
            act(value, exemplar={"trace_id": trace, "shelf": "a"})
            labels = frozenset([("queue", queue), *labels])
            self.current[shown, labels] = (shown, labels, trace, value)

    def last(self, name):
        return {queue: values for (of, queue), values in self.runs[-1].items() if of == name}

    def all(self, name):
        found = defaultdict(list)
        for run in self.runs:
            for (of, queue), values in run.items():
                if of == name:
                    found[queue] += values
        return found


def is_seen(server, program):
    """Whether the server has scraped all that was recorded."""
    rows = server.promql("size_count")
    found = {row["metric"]["queue"]: float(row["value"][1]) for row in rows}
    return found == {queue: len(values) for queue, values in program.last("size").items()}


def ask(server, query, at, *labels):
    """Values by queue, then by the named labels."""
    found = {}
    for row in server.promql(query, time=at):
        key = tuple(row["metric"][label] for label in ("queue", *labels))
        assert key not in found
        found[key if labels else key[0]] = float(row["value"][1])
    return found


def near(groups, of=math.fsum):
    return {queue: pytest.approx(of(values), rel=1e-12) for queue, values in groups.items()}


def check(server, program, counts_from_start):
    [newest] = server.promql("max(timestamp(size_count))")
    at = newest["value"][1]
    jobs, took, size = (program.last(name) for name in ("jobs", "took", "size"))
    assert ask(server, "jobs_total", at) == {queue: sum(values) for queue, values in jobs.items()}
    assert ask(server, "depth", at) == {q: values[-1] for q, values in program.last("depth").items()}
    for name, groups in (("took", took), ("size", size)):
        assert ask(server, f"{name}_count", at) == {q: len(values) for q, values in groups.items()}
        assert ask(server, f"{name}_sum", at) == near(groups)
    assert ask(server, "took_bucket", at, "le") == {
        (queue, "+Inf" if bound == math.inf else str(bound)): sum(v <= bound for v in values)
        for queue, values in took.items()
        for bound in BOUNDS
    }
    [total] = server.promql("sum(jobs_total)", time=at)
    assert float(total["value"][1]) == sum(map(sum, jobs.values()))
    for q in (0.1, 0.5, 0.9):
        found = ask(server, f"histogram_quantile({q}, took_bucket)", at)
        for queue, values in took.items():
            true = sorted(values)[max(math.ceil(q * len(values)) - 1, 0)]
            above = bisect.bisect_left(BOUNDS, true)
            low, high = ([0] + BOUNDS)[above], min(BOUNDS[above], BOUNDS[-2])
            assert min(low, high) <= found[queue] <= high
    if counts_from_start:
        for metric, name, of in (
            ("jobs_total", "jobs", math.fsum),
            ("took_count", "took", len),
            ("took_sum", "took", math.fsum),
            ("size_sum", "size", math.fsum),
        ):
            assert ask(server, f"increase({metric}[{RANGE}])", at) == near(program.all(name), of)
            hourly = ask(server, f"rate({metric}[{RANGE}]) * 3600", at)
            assert hourly == near(program.all(name), of)


def check_exemplars(server, program):
    """Each exemplar that was exposed is there, once, however often it was scraped."""
    found = Counter()
    for metric in ("jobs_total", "took_bucket"):
        for series in server.prometheus("query_exemplars", query=metric, start=0, end=4e9):
            labels = series["seriesLabels"]
            own = frozenset((k, v) for k, v in labels.items() if k in ("queue", "le"))
            for exemplar in series["exemplars"]:
                assert exemplar["labels"].keys() == {"trace_id", "shelf"}
                assert time.time() - 600 < exemplar["timestamp"] <= time.time()
                trace = exemplar["labels"]["trace_id"]
                found[labels["__name__"], own, trace, float(exemplar["value"])] += 1
    text = lambda v: "+Inf" if v == "inf" else v  # noqa: E731
    assert found == Counter(
        (metric, frozenset((k, text(v)) for k, v in labels), trace, value)
        for metric, labels, trace, value in program.exposed
    )


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_counted_is_what_is_answered(new_server, new_target, form):
    generate, content_type = FORMATS[form]
    program = Program(7, generate)
    target = new_target(program.expose, content_type)
    server = new_server(config=config(job("app", target)))
    for step in (None, server.crash, program.start, server.crash):
        if step:
            step()
        for _ in range(2):
            program.record()
            wait_until(lambda: is_seen(server, program))
    # Only OpenMetrics says when a counter began, and has exemplars.
    is_openmetrics = form == "openmetrics"
    check(server, program, counts_from_start=is_openmetrics)
    if is_openmetrics:
        check_exemplars(server, program)
    server.flush()
    server.crash()
    wait_until(lambda: is_seen(server, program))
    check(server, program, counts_from_start=is_openmetrics)
