"""Real traces and logs of a system of 41 services: every trace joins to exactly its logs.

Data: Nezha's TrainTicket day (see tests/data/trainticket/NOTE). Every expectation is counted from its CSV files here.
"""

import collections
import csv
import datetime
import json
import re
import tarfile

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from canonical import REQUESTS
from everything import any_value, attributes

BATCH = 2000


@pytest.fixture(scope="module")
def day(data, tmp_path_factory):
    """The CSV rows: `(trace rows, log rows)`."""
    directory = tmp_path_factory.mktemp("trainticket")
    with tarfile.open(data / "trainticket" / "2023-01-30.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    csv.field_size_limit(1 << 24)
    return rows(directory, "trace"), rows(directory, "log")


def rows(directory, folder):
    found = []
    for path in sorted(directory.rglob(f"{folder}/*_{folder}.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            found += csv.DictReader(file)
    return found


def service(pod):
    """`ts-order-service-5b67c48447-fj8b7` → `ts-order-service`."""
    return pod.rsplit("-", 2)[0]


def by_pod(rows):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row["PodName"]].append(row)
    return groups.items()


def span(row):
    parent = row["ParentID"]
    return Span(
        trace_id=bytes.fromhex(row["TraceID"]),
        span_id=bytes.fromhex(row["SpanID"]),
        parent_span_id=b"" if parent == "root" else bytes.fromhex(parent),
        name=row["OperationName"],
        start_time_unix_nano=int(row["StartTimeUnixNano"]),
        end_time_unix_nano=int(row["EndTimeUnixNano"]),
    )


def body(row):
    """What the container wrote: the `log` member of the runtime's JSON line, where it is one."""
    try:
        return json.loads(row["Log"])["log"]
    except (ValueError, KeyError, TypeError):
        return row["Log"]


def log_time(row):
    """A few records have the year 1 in nanoseconds, and their time only as text."""
    nanos = int(row["TimeUnixNano"])
    if nanos > 0:
        return nanos
    moment = datetime.datetime.fromisoformat(row["Timestamp"]).replace(tzinfo=datetime.UTC)
    return round(moment.timestamp() * 1000) * 1_000_000


def record(row):
    return LogRecord(
        time_unix_nano=log_time(row),
        trace_id=bytes.fromhex(row["TraceID"]),
        span_id=bytes.fromhex(row["SpanID"]),
        body=any_value(body(row)),
        attributes=attributes({"node": row["Node"], "container": row["Container"]}),
    )


def resource(pod):
    return Resource(attributes=attributes({"service.name": service(pod), "k8s.pod.name": pod}))


def ingest(server, traces, logs):
    for start in range(0, len(traces), BATCH):
        server.send(
            "traces",
            REQUESTS["traces"](
                resource_spans=[
                    ResourceSpans(
                        resource=resource(pod),
                        scope_spans=[ScopeSpans(spans=[span(row) for row in group])],
                    )
                    for pod, group in by_pod(traces[start : start + BATCH])
                ]
            ),
            compression="gzip",
        )
    for start in range(0, len(logs), BATCH):
        server.send(
            "logs",
            REQUESTS["logs"](
                resource_logs=[
                    ResourceLogs(
                        resource=resource(pod),
                        scope_logs=[ScopeLogs(log_records=[record(row) for row in group])],
                    )
                    for pod, group in by_pod(logs[start : start + BATCH])
                ]
            ),
            compression="zstd",
        )


@pytest.fixture(scope="module")
def loaded(server, day):
    """Half of the day flushed and compacted, the rest in the buffer: an answer must join both."""
    traces, logs = day
    middle = len(traces) // 2, len(logs) // 2
    ingest(server, traces[: middle[0]], logs[: middle[1]])
    server.flush()
    server.compact()
    ingest(server, traces[middle[0] :], logs[middle[1] :])
    return server


def joins(server, traces, logs):
    """Every trace of the day has exactly its spans and its log records."""
    spans_of, logs_of = collections.defaultdict(set), collections.defaultdict(collections.Counter)
    for row in traces:
        spans_of[row["TraceID"]].add(row["SpanID"])
    for row in logs:
        logs_of[row["TraceID"]][str(log_time(row)), row["SpanID"], body(row)] += 1
    assert len(spans_of) > 400 and set(logs_of) <= set(spans_of)
    for trace_id, span_ids in spans_of.items():
        trace = server.trace(trace_id)
        assert {span["span_id"] for span in trace["spans"]} == span_ids, trace_id
        assert len(trace["spans"]) == len(span_ids), trace_id
        found = collections.Counter(
            (log["time"], log["span_id"], log["body"]) for log in trace["logs"]
        )
        assert found == logs_of[trace_id], trace_id


def test_every_trace_joins_to_exactly_its_logs(loaded, day):
    joins(loaded, *day)


def test_every_log_is_counted(loaded, day):
    _, logs = day
    assert int(loaded.value("SELECT count(*) FROM logs")) == len(logs)
    counted = collections.Counter(service(row["PodName"]) for row in logs)
    found = loaded.query("SELECT service, count(*) FROM logs GROUP BY service")
    assert {name: int(count) for name, count in found} == counted


def test_every_span_is_counted_once(loaded, day):
    traces, _ = day
    distinct = {(row["TraceID"], row["SpanID"]) for row in traces}
    found = loaded.value("SELECT count(*) FROM (SELECT DISTINCT trace_id, span_id FROM spans)")
    assert int(found) == len(distinct)
    services = {(row["TraceID"], row["SpanID"]): service(row["PodName"]) for row in traces}
    counted = collections.Counter(services.values())
    found = loaded.query(
        "SELECT service, count(*) FROM (SELECT DISTINCT trace_id, span_id, service FROM spans) GROUP BY service"
    )
    assert {name: int(count) for name, count in found} == counted


@pytest.mark.parametrize("word", ["verifyCode", "Success", "TravelServiceImpl", "getRouteByRouteId"])
def test_a_word_finds_the_logs_that_hold_it(loaded, day, word):
    _, logs = day
    whole = re.compile(rf"(?<![^\W_]){word}(?![^\W_])", re.IGNORECASE)
    expected = sum(1 for row in logs if whole.search(body(row)))
    assert expected
    assert len(loaded.logs(word, limit=5000)) == expected


def test_it_stays_so_after_flush_compaction_and_crash(loaded, day):
    for step in (loaded.flush, loaded.compact, loaded.crash):
        step()
        joins(loaded, *day)
    _, logs = day
    assert int(loaded.value("SELECT count(*) FROM logs")) == len(logs)
