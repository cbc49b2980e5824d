"""What lies around a log record, and what belongs together though no id says so."""

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from canonical import REQUESTS
from everything import T0, any_value, attributes, span_id, trace_id

SECOND = 1_000_000_000
#: Several records of one time, from two resources by turns.
TIMES = [0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 3, 5, 5, 8, 8, 8, 9]


def resource(name):
    return Resource(attributes=attributes({"service.name": name, "pod": f"{name}-1"}))


def log(number, time, of=0):
    return LogRecord(
        time_unix_nano=T0 + time * SECOND,
        body=any_value(f"record {number}"),
        attributes=attributes({"number": number, "parity": number % 3}),
        trace_id=trace_id(of) if of else b"",
    )


def send_logs(server, tenant, groups):
    groups = [
        ResourceLogs(resource=resource(name), scope_logs=[ScopeLogs(log_records=records)])
        for name, records in groups.items()
    ]
    server.send("logs", REQUESTS["logs"](resource_logs=groups), tenant=tenant)


def service_of(number):
    return "even" if number % 2 == 0 else "odd"


@pytest.fixture(scope="module", params=["buffered", "flushed", "mixed"])
def place(request, server):
    tenant = request.param
    numbered = list(enumerate(TIMES))
    for half in (numbered[::2], numbered[1::2]):
        groups = {}
        for number, time in half:
            groups.setdefault(service_of(number // 3), []).append(log(number, time))
        send_logs(server, tenant, groups)
        if tenant == "mixed" and half[0][0] == 0:
            server.flush()
    if tenant == "flushed":
        server.flush()
    return tenant


def context(server, tenant, **parameters):
    answer = server.call("GET", "/api/v1/logs/context", tenant, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def number(log):
    return log["attributes"]["number"]


@pytest.mark.parametrize("sides", [(0, 0), (2, 1), (3, 4), (1000, 1000)])
def test_neighbours_are_those_of_the_page_order(server, place, sides):
    before, after = sides
    pages = server.log_page("", place, limit=1000)["logs"]
    assert len(pages) == len(TIMES) and len({log["id"] for log in pages}) == len(TIMES)
    in_time = pages[::-1]
    for at, record in enumerate(in_time):
        found = context(server, place, id=record["id"], before=before, after=after, of="everything")
        assert found["record"] == record
        assert found["before"] == in_time[max(0, at - before) : at]
        assert found["after"] == in_time[at + 1 : at + 1 + after]
        own = context(server, place, id=record["id"], before=before, after=after)
        same = [log for log in in_time if log["service"] == record["service"]]
        at = same.index(record)
        assert own["before"] == same[max(0, at - before) : at]
        assert own["after"] == same[at + 1 : at + 1 + after]


def test_neighbours_can_be_searched(server, place):
    pages = server.log_page("", place, limit=1000)["logs"]
    record = pages[len(pages) // 2]
    found = context(server, place, id=record["id"], of="everything", query="parity:1", before=1000, after=1000)
    older = [log for log in pages[len(pages) // 2 + 1 :] if log["attributes"]["parity"] == 1]
    newer = [log for log in pages[: len(pages) // 2] if log["attributes"]["parity"] == 1]
    assert found["before"] == older[::-1] and found["after"] == newer[::-1]


def test_ids_of_nothing_are_answered_so(server, place):
    page = server.log_page("", place, limit=1)["logs"]
    own = server.call("GET", "/api/v1/logs/context", "nobody", params={"id": page[0]["id"]})
    assert own.status_code == 404
    for wrong in ("", "x", "5-5"):
        answer = server.call("GET", "/api/v1/logs/context", place, params={"id": wrong})
        assert answer.status_code == 400, wrong
    answer = server.call("GET", "/api/v1/logs/context", place, params={"id": page[0]["id"], "before": 1001})
    assert answer.status_code == 400


def span(number, start, end, of=7, parent=0):
    return Span(
        trace_id=trace_id(of),
        span_id=span_id(number),
        parent_span_id=span_id(parent) if parent else b"",
        name=f"span {number}",
        start_time_unix_nano=T0 + start * SECOND,
        end_time_unix_nano=T0 + end * SECOND,
        attributes=attributes({"number": number, "parity": number % 3}),
    )


@pytest.mark.parametrize("flushed", [False, True])
def test_logs_and_spans_without_common_ids_meet_by_resource_and_time(server, tenant, flushed):
    groups = {"even": [span(1, 0, 10), span(2, 2, 4, parent=1)], "odd": [span(3, 3, 6, parent=2)]}
    spans = [
        ResourceSpans(resource=resource(name), scope_spans=[ScopeSpans(spans=group)])
        for name, group in groups.items()
    ]
    server.send("traces", REQUESTS["traces"](resource_spans=spans), tenant=tenant)
    send_logs(
        server,
        tenant,
        {
            # In both spans, and shares an attribute with the outer one; in both; in the outer one; too late; has an id.
            "even": [log(13, 3), log(12, 2), log(18, 8), log(19, 11), log(16, 5, of=8)],
            "odd": [log(14, 2), log(15, 4)],
            "third": [log(17, 3)],
        },
    )
    if flushed:
        server.flush()
    answer = server.call("GET", f"/api/v1/traces/{trace_id(7).hex()}/related_logs", tenant)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["correlation"] == "resource and time"
    found = [(number(r["log"]), r["span_id"], r["shared_attributes"]) for r in body["logs"]]
    inner, outer, odd = span_id(2).hex(), span_id(1).hex(), span_id(3).hex()
    assert found == [(13, outer, ["parity"]), (15, odd, ["parity"]), (12, inner, []), (18, outer, [])]
    logs = {number(log): log["id"] for log in server.log_page("", tenant)["logs"]}
    expected = {13: [1, 2], 12: [2, 1], 18: [1], 19: [], 14: [], 15: [3], 17: []}
    for record, span_numbers in expected.items():
        answer = server.call("GET", "/api/v1/logs/related_spans", tenant, params={"id": logs[record]})
        assert answer.status_code == 200, answer.text
        ids = [related["span"]["span_id"] for related in answer.json()["spans"]]
        assert ids == [span_id(number).hex() for number in span_numbers], record
    assert server.trace(trace_id(7).hex(), tenant)["logs"] == []
    missing = server.call("GET", f"/api/v1/traces/{trace_id(99).hex()}/related_logs", tenant)
    assert missing.status_code == 404
