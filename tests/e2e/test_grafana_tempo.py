"""What Grafana's own Tempo data source asks, request by request, over traces that Jaeger tests its stores with.

The requests are those of Grafana's public sources (`public/app/plugins/datasource/tempo`, `pkg/tsdb/tempo`) and of its Traces
Drilldown app, with the data source's URL being `http://host:7070/tempo`. The answers are read as those sources read them.
"""

import json
import math
import urllib.parse

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tempo_grpc import CLASSES, call


class Sent:
    """The spans of the test data, and the seconds around them."""

    def __init__(self, directory):
        self.spans = []
        for path in sorted((directory / "traces").glob("*.json")):
            for resource in json.loads(path.read_text())["resourceSpans"]:
                attributes = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
                service = attributes["service.name"]["stringValue"]
                for scope in resource["scopeSpans"]:
                    self.spans += [(service, span) for span in scope["spans"]]
        starts = [int(span["startTimeUnixNano"]) for _, span in self.spans]
        self.start, self.end = min(starts) // 10**9 - 60, max(starts) // 10**9 + 60
        self.trace_ids = {span["traceId"] for _, span in self.spans}
        self.services = {service for service, _ in self.spans}


@pytest.fixture(scope="module")
def sent(server, data):
    directory = data / "jaeger-storage"
    for index, path in enumerate(sorted((directory / "traces").glob("*.json"))):
        headers = {"Content-Type": "application/json"}
        answer = server.http.post(f"{server.otlp}/v1/traces", data=path.read_bytes(), headers=headers)
        assert (answer.status_code, answer.json()) == (200, {})
        if index in (5, 12):
            server.flush()
    return Sent(directory)


def get(server, path, **parameters):
    return server.http.get(f"{server.api}/tempo{path}", params=parameters)


def test_save_and_test(server, sent):
    """The health check; with streaming on, also a search by gRPC."""
    assert get(server, "/api/echo").text == "echo"
    assert get(server, "/ready").text == "ready"
    version = get(server, "/api/status/buildinfo").json()["version"]
    assert [int(part) for part in version.split(".")] >= [2, 6], "features go by the version"
    assert get(server, "/api/overrides").json() == {"limits": {}}
    messages = call(server, "Search", "SearchResponse", CLASSES["SearchRequest"](query="{}", limit=1))
    assert sum(len(message.traces) for message in messages) == 1


def test_names_and_values_in_the_query_editor(server, sent):
    scopes = get(server, "/api/v2/search/tags", limit=5000).json()["scopes"]
    assert {"resource", "span", "intrinsic"} <= {scope["name"] for scope in scopes}
    limited = get(server, "/api/v2/search/tags", limit=1, start=sent.start, end=sent.end).json()
    assert all(len(scope["tags"]) <= 1 for scope in limited["scopes"])
    # The tag is escaped twice: once by the editor, once as a part of the path.
    tag = urllib.parse.quote(urllib.parse.quote("resource.service.name", safe=""), safe="")
    path = f"/api/v2/search/tag/{tag}/values"
    values = get(server, path, limit=5000).json()["tagValues"]
    assert {value["value"] for value in values} == sent.services
    assert {value["type"] for value in values} == {"string"}
    # Options of one filter are narrowed by the others.
    narrowed = get(server, path, q='{name="query11-operation"}', limit=5000).json()["tagValues"]
    assert [value["value"] for value in narrowed] == ["query11-service"]
    status = get(server, "/api/v2/search/tag/status/values").json()["tagValues"]
    assert {(value["type"], value["value"]) for value in status} == {
        ("keyword", "unset"),
        ("keyword", "ok"),
        ("keyword", "error"),
    }
    v1 = get(server, "/api/search/tag/service.name/values").json()["tagValues"]
    assert set(v1) == sent.services


def test_search_and_the_table_of_traces(server, sent):
    """The form and the TraceQL editor send the same: `q`, `limit`, `spss`, `start`, `end`."""
    query = '{resource.service.name="query11-service" && name="query11-operation"}'
    times = {"start": sent.start, "end": sent.end}
    answer = get(server, "/api/search", q=query, limit=20, spss=3, **times).json()
    (trace,) = answer["traces"]
    expected = {s["traceId"] for service, s in sent.spans if service == "query11-service"}
    assert {trace["traceID"]} == expected
    assert trace["startTimeUnixNano"].isdigit() and isinstance(trace["durationMs"], int)
    assert trace["rootServiceName"] and "rootTraceName" in trace
    (spans,) = trace["spanSets"]
    assert spans["matched"] >= len(spans["spans"]) > 0
    for span in spans["spans"]:
        assert len(span["spanID"]) == 16
        assert span["startTimeUnixNano"].isdigit() and span["durationNanos"].isdigit()
        names = {attribute["key"] for attribute in span["attributes"]}
        assert {"service.name", "name"} <= names
    assert {"inspectedTraces", "inspectedBytes"} <= set(answer["metrics"])
    everything = get(server, "/api/search", q="{}", limit=1000, **times).json()["traces"]
    assert {trace["traceID"] for trace in everything} == sent.trace_ids
    order = [int(trace["startTimeUnixNano"]) for trace in everything]
    assert len(order) == len(sent.trace_ids)
    # The older form without TraceQL.
    old = get(server, "/api/search", tags="service.name=query11-service", limit=20).json()
    assert {trace["traceID"] for trace in old["traces"]} == expected


@pytest.mark.parametrize("path", ["/api/v2/traces", "/api/traces"])
def test_a_trace_by_id(server, sent, path):
    for trace_id in sent.trace_ids:
        times = {"start": sent.start, "end": sent.end}
        headers = {"Accept": "application/protobuf"}
        url = f"{server.api}/tempo{path}/{trace_id}"
        answer = server.http.get(url, params=times, headers=headers)
        assert answer.status_code == 200
        body = answer.content
        if "v2" in path:
            # `TraceByIDResponse`: the trace is field 1.
            length, at, shift = 0, 1, 0
            assert body[0] == 0x0A
            while True:
                length |= (body[at] & 0x7F) << shift
                shift, at = shift + 7, at + 1
                if body[at - 1] < 0x80:
                    break
            body = body[at : at + length]
        data = TracesData.FromString(body)
        spans = [s for r in data.resource_spans for scope in r.scope_spans for s in scope.spans]
        expected = {s["spanId"] for _, s in sent.spans if s["traceId"] == trace_id}
        assert {span.span_id.hex() for span in spans} == {bytes.fromhex(i).hex() for i in expected}
    assert get(server, f"{path}/{'7' * 32}").status_code == 404


def test_metrics_in_the_query_editor(server, sent):
    """`step` and `exemplars` as the editor sends them; the answer is read with protobuf's JSON rules."""
    query = "{} | rate() by(resource.service.name)"
    times = {"start": sent.start, "end": sent.end}
    answer = get(server, "/api/metrics/query_range", q=query, step="1m0s", exemplars=100, **times)
    answer = answer.json()
    assert len(answer["series"]) == len(sent.services)
    total = 0
    for series in answer["series"]:
        (label,) = series["labels"]
        assert label["key"] == "resource.service.name"
        service = label["value"]["stringValue"]
        assert series["promLabels"] == f'{{"resource.service.name"="{service}"}}'
        assert all(sample["timestampMs"].isdigit() for sample in series["samples"])
        total += sum(sample["value"] * 60 for sample in series["samples"])
        for exemplar in series["exemplars"]:
            (link,) = exemplar["labels"]
            assert link["key"] == "trace:id"
            assert link["value"]["stringValue"] in sent.trace_ids
            assert exemplar["timestampMs"].isdigit()
    assert math.isclose(total, len(sent.spans))
    assert any(series["exemplars"] for series in answer["series"])
    instant = get(server, "/api/metrics/query", q=query, **times).json()
    # Unknown members would be an error here.
    assert set(instant) <= {"series", "metrics", "status", "message"}
    for series in instant["series"]:
        assert set(series) == {"labels", "value", "promLabels"}
    wrong = get(server, "/api/metrics/query_range", q="{} | rate(", **times)
    assert wrong.status_code == 400 and "line 1" in wrong.text


def test_traces_drilldown(server, sent):
    """The app's own queries: red metrics, breakdown, comparison, structure."""
    times = {"start": sent.start, "end": sent.end}
    for query in [
        "{nestedSetParent<0 && true} | rate()",
        "{nestedSetParent<0 && status=error} | rate()",
        "{nestedSetParent<0 && true} | histogram_over_time(duration)",
        "{nestedSetParent<0 && true} | quantile_over_time(duration, 0.9)",
        "{nestedSetParent<0 && true && resource.service.name != nil} | rate() by(resource.service.name)",
    ]:
        answer = get(server, "/api/metrics/query_range", q=query, step="60s", **times)
        assert answer.status_code == 200, (query, answer.text)
    compare = "{nestedSetParent<0 && true} | compare({status = error})"
    series = get(server, "/api/metrics/query_range", q=compare, step="600s", **times).json()["series"]
    kinds = {}
    for one in series:
        labels = {label["key"]: label["value"].get("stringValue") for label in one["labels"]}
        kind = labels.pop("__meta_type", None) or labels.pop("__meta_error")
        kinds.setdefault(kind, []).append((labels, sum(s["value"] for s in one["samples"])))
    roots = [s for _, s in sent.spans if not s.get("parentSpanId")]
    totals = {next(iter(labels)): count for labels, count in kinds["baseline_total"]}
    failed = [span for span in roots if span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR")]
    assert totals["name"] == len(roots) - len(failed)
    of_name = [count for labels, count in kinds["baseline"] if "name" in labels]
    assert 0 < sum(of_name) <= totals["name"]
    structure = (
        "{nestedSetParent<0 && true} &>> { kind = server } || ({nestedSetParent<0 && true}) "
        "| select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)"
    )
    answer = get(server, "/api/search", q=structure, limit=200, spss=20, **times)
    assert answer.status_code == 200, answer.text
    span = answer.json()["traces"][0]["spanSets"][0]["spans"][0]
    assert {"nestedSetParent", "nestedSetLeft", "service.name"} <= {a["key"] for a in span["attributes"]}


def test_streamed_search(server, sent):
    request = CLASSES["SearchRequest"](
        query="{}", limit=100, spans_per_span_set=3, start=sent.start, end=sent.end
    )
    messages = call(server, "Search", "SearchResponse", request)
    ids = [trace.trace_id for message in messages for trace in message.traces]
    assert len(ids) == len(set(ids)) and set(ids) == sent.trace_ids
    last = messages[-1]
    assert last.metrics.completed_jobs == last.metrics.total_jobs == 1
    assert last.metrics.inspected_traces == len(ids)
    whole = get(server, "/api/search", q="{}", limit=100, start=sent.start, end=sent.end).json()
    assert ids == [trace["traceID"] for trace in whole["traces"]]
    first = messages[0].traces[0]
    same = whole["traces"][0]
    assert first.start_time_unix_nano == int(same["startTimeUnixNano"])
    assert first.span_sets[0].spans[0].span_id == same["spanSets"][0]["spans"][0]["spanID"]


def test_streamed_names(server, sent):
    tags = CLASSES["SearchTagsRequest"](start=sent.start, end=sent.end)
    (answer,) = call(server, "SearchTagsV2", "SearchTagsV2Response", tags)
    assert {"resource", "span", "intrinsic"} <= {scope.name for scope in answer.scopes}
    (answer,) = call(server, "SearchTags", "SearchTagsResponse", tags)
    assert "service.name" in answer.tag_names
    values = CLASSES["SearchTagValuesRequest"](tag_name="resource.service.name")
    (answer,) = call(server, "SearchTagValuesV2", "SearchTagValuesV2Response", values)
    assert {value.value for value in answer.tag_values} == sent.services
    (answer,) = call(server, "SearchTagValues", "SearchTagValuesResponse", values)
    assert set(answer.tag_values) == sent.services


def test_streamed_metrics(server, sent):
    nanos = {"start": sent.start * 10**9, "end": sent.end * 10**9}
    query = "{} | count_over_time() by (resource.service.name)"
    request = CLASSES["QueryRangeRequest"](query=query, step=60 * 10**9, exemplars=10, **nanos)
    messages = call(server, "MetricsQueryRange", "QueryRangeResponse", request)
    seen, total = set(), 0
    for message in messages:
        for series in message.series:
            for sample in series.samples:
                point = (series.prom_labels, sample.timestamp_ms)
                assert point not in seen, "each point comes once"
                seen.add(point)
                total += sample.value
    assert total == len(sent.spans)
    instant = CLASSES["QueryInstantRequest"](query="{} | count_over_time()", **nanos)
    (answer,) = call(server, "MetricsQueryInstant", "QueryInstantResponse", instant)
    assert [series.value for series in answer.series] == [len(sent.spans)]


def test_failed_calls_say_why(server, sent):
    def refused(method, request, **options):
        with pytest.raises(grpc.RpcError) as error:
            call(server, method, "SearchResponse", request, **options)
        return error.value.code(), error.value.details()

    code, details = refused("Search", CLASSES["SearchRequest"](query="{ foo }"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "line 1, column 3" in details
    code, _ = refused("Nothing", CLASSES["SearchRequest"]())
    assert code == grpc.StatusCode.UNIMPLEMENTED
    tenant = [("x-scope-orgid", "../wrong")]
    code, _ = refused("Search", CLASSES["SearchRequest"](query="{}"), metadata=tenant)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    nobody = [("x-scope-orgid", "nobody")]
    request = CLASSES["SearchRequest"](query="{}")
    (answer,) = call(server, "Search", "SearchResponse", request, metadata=nobody)
    assert not answer.traces


def test_the_native_search_streams_too(server, sent):
    """`Accept: text/event-stream`, or `stream=true`."""
    url = f"{server.api}/api/v1/traces"
    events = []
    answer = server.http.get(url, params={"limit": 5}, headers={"Accept": "text/event-stream"})
    assert answer.headers["Content-Type"] == "text/event-stream"
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    assert [name for name, _ in events[:-1]] == ["traces"] * (len(events) - 1)
    assert events[-1][0] == "end"
    found = [trace for name, data in events if name == "traces" for trace in data["traces"]]
    page = server.http.get(url, params={"limit": 5}).json()
    assert found == page["traces"] and events[-1][1]["cursor"] == page["cursor"]
    streamed = server.http.get(url, params={"limit": 5, "stream": "true"})
    assert streamed.headers["Content-Type"] == "text/event-stream"
    wrong = server.http.get(url, params={"query": "{ foo }", "stream": "true"})
    assert wrong.status_code == 400 and wrong.json()["error"]["code"] == "parse_error"
