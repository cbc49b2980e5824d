"""What Grafana's own Jaeger data source asks, and Jaeger's version 3 by HTTP and gRPC, over traces Jaeger tests its stores with.

The requests are those of Grafana's public sources (`pkg/tsdb/jaeger`, `public/app/plugins/datasource/jaeger`), with the data
source's URL being `http://host:7070/jaeger`.
"""

import collections
import datetime
import json

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tempo_grpc import classes, stream

CLASSES = classes(
    "jaeger.api_v3",
    {
        "Seconds": [(1, "seconds", "int64"), (2, "nanos", "int32")],
        "GetTraceRequest": [(1, "trace_id", "string")],
        "TraceQueryParameters": [
            (1, "service_name", "string"),
            (2, "operation_name", "string"),
            (4, "start_time_min", "Seconds"),
            (5, "start_time_max", "Seconds"),
            (6, "duration_min", "Seconds"),
            (8, "search_depth", "int32"),
        ],
        "FindRequest": [(1, "query", "TraceQueryParameters")],
        "GetServicesRequest": [],
        "GetServicesResponse": [(1, "services", ["string"])],
        "GetOperationsRequest": [(1, "service", "string"), (2, "span_kind", "string")],
        "Operation": [(1, "name", "string"), (2, "span_kind", "string")],
        "GetOperationsResponse": [(1, "operations", ["Operation"])],
        "GetDependenciesRequest": [(1, "start_time", "Seconds"), (2, "end_time", "Seconds")],
        "Dependency": [(1, "parent", "string"), (2, "child", "string"), (3, "call_count", "uint64")],
        "DependenciesResponse": [(1, "dependencies", ["Dependency"])],
        "ServiceSummary": [
            (1, "name", "string"),
            (2, "span_count", "int32"),
            (3, "error_span_count", "int32"),
        ],
        "TraceSummary": [
            (1, "trace_id", "string"),
            (2, "root_service_name", "string"),
            (3, "root_operation_name", "string"),
            (4, "min_start_time_unix_nano", "fixed64"),
            (5, "max_end_time_unix_nano", "fixed64"),
            (6, "span_count", "int32"),
            (7, "error_span_count", "int32"),
            (8, "orphan_span_count", "int32"),
            (9, "services", ["ServiceSummary"]),
        ],
        "FindTraceSummariesResponse": [(1, "summaries", ["TraceSummary"])],
    },
)


def is_failed(span):
    return span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR")


class Sent:
    """The spans of the test data: traces by id, each a list of (service, span)."""

    def __init__(self, directory):
        self.traces = collections.defaultdict(list)
        for path in sorted((directory / "traces").glob("*.json")):
            for resource in json.loads(path.read_text())["resourceSpans"]:
                attributes = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
                service = attributes["service.name"]["stringValue"]
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        self.traces[span["traceId"]].append((service, span))
        spans = [one for trace in self.traces.values() for one in trace]
        self.services = {service for service, _ in spans}
        starts = [int(span["startTimeUnixNano"]) for _, span in spans]
        self.start, self.end = min(starts), max(starts) + 10**9

    def of(self, service):
        found = (i for i, spans in self.traces.items() if any(s == service for s, _ in spans))
        return set(found)


@pytest.fixture(scope="module")
def sent(server, data):
    directory = data / "jaeger-storage"
    for index, path in enumerate(sorted((directory / "traces").glob("*.json"))):
        headers = {"Content-Type": "application/json"}
        answer = server.http.post(f"{server.otlp}/v1/traces", data=path.read_bytes(), headers=headers)
        assert (answer.status_code, answer.json()) == (200, {})
        if index == 9:
            server.flush()
    return Sent(directory)


def get(server, path, **parameters):
    answer = server.http.get(f"{server.api}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rfc3339(nanos):
    time = datetime.datetime.fromtimestamp(nanos // 10**9, datetime.UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%S") + f".{nanos % 10**9:09}Z"


def test_save_and_test_and_the_lists(server, sent):
    services = get(server, "/jaeger/api/services")
    assert set(services["data"]) == sent.services and services["errors"] is None
    for service in sent.services:
        operations = get(server, f"/jaeger/api/services/{service}/operations")["data"]
        named = {span["name"] for trace in sent.traces.values() for s, span in trace if s == service}
        assert set(operations) == named


@pytest.mark.parametrize("root", ["/jaeger", ""])
def test_search(server, sent, root):
    """The back end's search puts its path in place of the URL's, so it comes to the root as well."""
    tags = json.dumps({"sameplacetag1": "sameplacevalue"})
    answer = get(server, f"{root}/api/traces", service="query11-service", limit=20)
    assert {trace["traceID"] for trace in answer["data"]} == sent.of("query11-service")
    for trace in answer["data"]:
        assert isinstance(trace["processes"], dict) and trace["warnings"] is None
        for span in trace["spans"]:
            assert span["processID"] in trace["processes"]
            assert isinstance(span["startTime"], int) and isinstance(span["duration"], int)
            assert {"key", "type", "value"} == set(span["tags"][0]) if span["tags"] else True
    parameters = {"service": "query05-service", "tags": tags, "limit": 20}
    parameters |= {"start": sent.start // 1000, "end": sent.end // 1000}
    answer = get(server, f"{root}/api/traces", **parameters)
    assert {trace["traceID"] for trace in answer["data"]} <= sent.of("query05-service")


def test_a_trace_by_id(server, sent):
    for trace_id, spans in sent.traces.items():
        times = {"start": sent.start // 10**6, "end": sent.end // 10**6}
        (trace,) = get(server, f"/jaeger/api/traces/{trace_id}", **times)["data"]
        assert len(trace["spans"]) == len(spans)
        parents = {s["spanID"]: r["spanID"] for s in trace["spans"] for r in s["references"] if r["refType"] == "CHILD_OF"}
        expected = {s["spanId"]: s["parentSpanId"] for _, s in spans if s.get("parentSpanId")}
        assert parents == expected
    missing = server.http.get(f"{server.api}/jaeger/api/traces/{'7' * 32}")
    assert missing.status_code == 404 and missing.json()["errors"][0]["code"] == 404


def dependencies(sent):
    expected = collections.Counter()
    for spans in sent.traces.values():
        of = {span["spanId"]: service for service, span in spans}
        for service, span in spans:
            parent = of.get(span.get("parentSpanId"))
            if parent and parent != service:
                expected[parent, service] += 1
    return expected


def test_the_dependency_graph(server, sent):
    expected = dependencies(sent)
    millis = {"endTs": sent.end // 10**6, "lookback": (sent.end - sent.start) // 10**6 + 1}
    calls = get(server, "/jaeger/api/dependencies", **millis)["data"]
    assert {(c["parent"], c["child"]): c["callCount"] for c in calls} == expected
    times = {"start_time": rfc3339(sent.start), "end_time": rfc3339(sent.end)}
    calls = get(server, "/jaeger/api/v3/dependencies", **times)["dependencies"]
    assert {(c["parent"], c["child"]): c["callCount"] for c in calls} == expected


def test_version_3_by_http(server, sent):
    assert set(get(server, "/jaeger/api/v3/services")["services"]) == sent.services
    operations = get(server, "/jaeger/api/v3/operations", service="query11-service")["operations"]
    assert [operation["name"] for operation in operations] == ["query11-operation"]
    # Times are sent as they are, not escaped.
    url = (
        f"{server.api}/jaeger/api/v3/traces?query.service_name=query11-service"
        f"&query.start_time_min={rfc3339(sent.start)}&query.start_time_max={rfc3339(sent.end)}"
    )
    found = server.http.get(url).json()["result"]["resourceSpans"]
    spans = [s for r in found for scope in r["scopeSpans"] for s in scope["spans"]]
    assert {span["traceId"] for span in spans} == sent.of("query11-service")
    trace_id = next(iter(sent.traces))
    found = get(server, f"/jaeger/api/v3/traces/{trace_id}")["result"]["resourceSpans"]
    spans = [s for r in found for scope in r["scopeSpans"] for s in scope["spans"]]
    assert {span["spanId"] for span in spans} == {s["spanId"] for _, s in sent.traces[trace_id]}


def check_summary(sent, trace_id, root, count, failed, orphans, start, end, services):
    spans = sent.traces[trace_id]
    assert count == len(spans)
    assert failed == sum(is_failed(span) for _, span in spans)
    ids = {span["spanId"] for _, span in spans}
    named = [span.get("parentSpanId") for _, span in spans]
    assert orphans == sum(bool(parent) and parent not in ids for parent in named)
    assert start == min(int(span["startTimeUnixNano"]) for _, span in spans)
    assert end == max(int(span["endTimeUnixNano"]) for _, span in spans)
    assert services == collections.Counter(service for service, _ in spans)
    assert root in {service for service, _ in spans} | {""}


def test_trace_summaries(server, sent):
    times = {"query.start_time_min": rfc3339(sent.start), "query.start_time_max": rfc3339(sent.end)}
    parameters = times | {"query.search_depth": 1000}
    found = get(server, "/jaeger/api/v3/trace-summaries", **parameters)["result"]["summaries"]
    assert {summary["traceId"] for summary in found} == set(sent.traces)
    for one in found:
        services = {service["name"]: service["spanCount"] for service in one["services"]}
        check_summary(
            sent,
            one["traceId"],
            one["rootServiceName"],
            one["spanCount"],
            one["errorSpanCount"],
            one["orphanSpanCount"],
            int(one["minStartTimeUnixNano"]),
            int(one["maxEndTimeUnixNano"]),
            services,
        )


def call(server, method, request, parse):
    return stream(server, f"/jaeger.api_v3.QueryService/{method}", request, parse)


def query(sent, service="", depth=1000):
    times = {
        name: CLASSES["Seconds"](seconds=time // 10**9, nanos=time % 10**9)
        for name, time in [("start_time_min", sent.start), ("start_time_max", sent.end)]
    }
    parameters = CLASSES["TraceQueryParameters"](service_name=service, search_depth=depth, **times)
    return CLASSES["FindRequest"](query=parameters)


def test_version_3_by_grpc(server, sent):
    def one(method, request, response):
        (answer,) = call(server, method, request, CLASSES[response].FromString)
        return answer

    services = one("GetServices", CLASSES["GetServicesRequest"](), "GetServicesResponse").services
    assert set(services) == sent.services
    request = CLASSES["GetOperationsRequest"](service="query11-service")
    operations = one("GetOperations", request, "GetOperationsResponse").operations
    assert [operation.name for operation in operations] == ["query11-operation"]
    found = call(server, "FindTraces", query(sent), TracesData.FromString)
    assert len(found) == len(sent.traces), "one trace in each message"
    for data in found:
        spans = [s for r in data.resource_spans for scope in r.scope_spans for s in scope.spans]
        (trace_id,) = {span.trace_id.hex() for span in spans}
        expected = {span["spanId"] for _, span in sent.traces[trace_id]}
        assert {span.span_id.hex() for span in spans} == expected
    trace_id = next(iter(sent.traces))
    request = CLASSES["GetTraceRequest"](trace_id=trace_id)
    (trace,) = call(server, "GetTrace", request, TracesData.FromString)
    assert len(trace.resource_spans) > 0
    parse = CLASSES["FindTraceSummariesResponse"].FromString
    messages = call(server, "FindTraceSummaries", query(sent), parse)
    summaries = [summary for message in messages for summary in message.summaries]
    assert sorted(summary.trace_id for summary in summaries) == sorted(sent.traces)
    for one_summary in summaries:
        check_summary(
            sent,
            one_summary.trace_id,
            one_summary.root_service_name,
            one_summary.span_count,
            one_summary.error_span_count,
            one_summary.orphan_span_count,
            one_summary.min_start_time_unix_nano,
            one_summary.max_end_time_unix_nano,
            {service.name: service.span_count for service in one_summary.services},
        )
    times = query(sent).query
    request = CLASSES["GetDependenciesRequest"](
        start_time=times.start_time_min, end_time=times.start_time_max
    )
    calls = one("GetDependencies", request, "DependenciesResponse").dependencies
    assert {(c.parent, c.child): c.call_count for c in calls} == dependencies(sent)


def test_failed_calls_say_why(server, sent):
    def refused(method, request):
        with pytest.raises(grpc.RpcError) as error:
            call(server, method, request, TracesData.FromString)
        return error.value.code(), error.value.details()

    request = CLASSES["GetTraceRequest"](trace_id="7" * 32)
    assert refused("GetTrace", request) == (grpc.StatusCode.NOT_FOUND, "trace not found")
    request = CLASSES["GetTraceRequest"](trace_id="xyz")
    assert refused("GetTrace", request)[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert refused("Nothing", request)[0] == grpc.StatusCode.UNIMPLEMENTED
