"""The logs and traces of a real system, searched and counted: everything equals a recount of its CSV files.

Data: Nezha's TrainTicket day (see tests/data/trainticket/NOTE).
"""

import collections
import re

import pytest

from test_trainticket import body, day, ingest, service
from words import check_patterns, count, has, ranked, table

assert day, "a fixture"


@pytest.fixture(scope="module")
def loaded(server, day):
    traces, logs = day
    ingest(server, traces, logs[: len(logs) // 2])
    server.flush()
    ingest(server, [], logs[len(logs) // 2 :])
    return server


def check_searches(server, logs):
    bodies = [body(row) for row in logs]
    for phrase in ("verifyCode", "getRouteByRouteId", "Query Route Success", "HttpEntity", "order id"):
        expected = sum(has(text, phrase) for text in bodies)
        assert count(server, f'"{phrase}"') == expected, phrase
    name = collections.Counter(service(row["PodName"]) for row in logs).most_common(1)[0][0]
    expected = sum(service(r["PodName"]) == name and has(text, "success") for r, text in zip(logs, bodies))
    assert count(server, f"success service:{name}") == expected
    pods = collections.Counter(row["PodName"] for row in logs)
    pod = pods.most_common(1)[0][0]
    assert count(server, f"k8s.pod.name:{pod}") == pods[pod]
    for pattern in (r"[0-9a-f]{8}-[0-9a-f]{4}", r"(?i)error|exception", r"G[0-9]{4}"):
        expected = sum(re.search(pattern, text) is not None for text in bodies)
        found = server.value(f"SELECT count(*) FROM logs WHERE regexp_like(body, '{pattern}')")
        assert int(found) == expected, pattern


def check_tables(server, logs):
    _, rows = table(server, "| count by service")
    assert rows == ranked(collections.Counter(service(row["PodName"]) for row in logs))
    _, rows = table(server, "| count by node, service")
    assert rows == ranked(collections.Counter((r["Node"], service(r["PodName"])) for r in logs))
    _, rows = table(server, "| top 25 trace_id")
    assert rows == ranked(collections.Counter(row["TraceID"] for row in logs))[:25]
    _, rows = table(server, "success | top 3 k8s.pod.name")
    pods = collections.Counter(row["PodName"] for row in logs if has(body(row), "success"))
    assert rows == ranked(pods)[:3]


def test_every_log_count_equals_a_recount_wherever_the_logs_lie(loaded, day):
    _, logs = day
    patterns = []
    for step in (lambda: None, loaded.flush, loaded.compact, loaded.crash):
        step()
        assert count(loaded, "") == len(logs)
        check_searches(loaded, logs)
        check_tables(loaded, logs)
        patterns.append(check_patterns(loaded, [body(row) for row in logs]))
    assert all(rows == patterns[0] for rows in patterns), "patterns hang on where logs lie"
    assert len(patterns[0]) < len({body(row) for row in logs}) / 4, "hardly anything was joined"


def test_traces_have_the_shapes_and_durations_of_the_files(loaded, day):
    traces, _ = day
    expected = collections.defaultdict(set)
    for row in traces:
        parent = None if row["ParentID"] == "root" else row["ParentID"]
        start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
        span = (row["SpanID"], parent, service(row["PodName"]), row["OperationName"], start, end - start)
        expected[row["TraceID"]].add(span)
    for trace_id, spans in expected.items():
        trace = loaded.trace(trace_id)
        found = {
            (s["span_id"], s["parent_span_id"], s["service"], s["name"], int(s["start_time"]), int(s["duration"]))
            for s in trace["spans"]
        }
        assert found == spans, trace_id
        ids = {span[0] for span in spans}
        missing = {span[1] for span in spans if span[1] and span[1] not in ids}
        assert set(trace["missing_parents"]) == missing, trace_id
    page = loaded.call("GET", "/api/v1/traces", params={"query": "{}", "limit": 1000}).json()
    of_page = {trace["trace_id"]: trace for trace in page["traces"]}
    for trace_id, spans in list(expected.items()):
        if trace_id in of_page:
            begin, end = min(s[4] for s in spans), max(s[4] + s[5] for s in spans)
            assert int(of_page[trace_id]["start_time"]) == begin, trace_id
            assert int(of_page[trace_id]["duration"]) == end - begin, trace_id
    assert len(of_page) == min(1000, len(expected))
