"""Trace search by TraceQL, by Tempo's API and by Jaeger's, over traces and queries that Jaeger tests its stores with.

Data: see tests/data/jaeger-storage/NOTE. Each query must find exactly its traces, by every way of asking.
"""

import base64
import datetime
import json

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

TAG_SCOPES = ["span", "resource", "event", "instrumentation"]


def fixture_names(directory):
    return sorted(path.stem for path in directory.glob("*.json"))


@pytest.fixture(scope="module")
def jaeger(server, data):
    """The directory of the data, all of it sent; half of the questions are asked of segments, half of the buffer."""
    directory = data / "jaeger-storage"
    for index, path in enumerate(sorted((directory / "traces").glob("*.json"))):
        body = path.read_bytes()
        answer = server.http.post(
            f"{server.otlp}/v1/traces", data=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (200, {})
        if index == 9:
            server.flush()
    return directory


def trace_ids(directory, names):
    ids = set()
    for name in names:
        message = json.loads((directory / "traces" / f"{name}.json").read_text())
        for resource in message["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                ids |= {span["traceId"] for span in scope["spans"]}
    return ids


def nanos(text):
    time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    seconds = int(time.replace(microsecond=0).timestamp())
    return seconds * 10**9 + time.microsecond * 1000


def traceql(query):
    conditions = [f"resource.service.name = {json.dumps(query['ServiceName'])}"]
    if query.get("OperationName"):
        conditions.append(f"name = {json.dumps(query['OperationName'])}")
    for key, value in (query.get("Tags") or {}).items():
        alternatives = [f"{scope}.{key} = {json.dumps(value)}" for scope in TAG_SCOPES]
        conditions.append(f"({' || '.join(alternatives)})")
    if query.get("DurationMin"):
        conditions.append(f"duration >= {query['DurationMin']}ns")
    if query.get("DurationMax"):
        conditions.append(f"duration <= {query['DurationMax']}ns")
    return f"{{ {' && '.join(conditions)} }}"


def jaeger_parameters(query):
    tags = query.get("Tags") or {}
    text = {key: tag if isinstance(tag, str) else json.dumps(tag) for key, tag in tags.items()}
    parameters = {
        "service": query["ServiceName"],
        "operation": query.get("OperationName"),
        "tags": json.dumps(text) if text else None,
        "start": nanos(query["StartTimeMin"]) // 1000,
        "end": nanos(query["StartTimeMax"]) // 1000,
        "limit": query["NumTraces"],
    }
    for name, key in [("minDuration", "DurationMin"), ("maxDuration", "DurationMax")]:
        if query.get(key):
            parameters[name] = f"{query[key]}ns"
    return parameters


def get(server, path, **parameters):
    return server.http.get(f"{server.api}{path}", params=parameters)


def test_every_query_finds_exactly_its_traces(server, jaeger):
    cases = json.loads((jaeger / "queries.json").read_text())
    assert len(cases) == 15
    for case in cases:
        query = case["Query"]
        expected = trace_ids(jaeger, case["ExpectedFixtures"])
        start, end = nanos(query["StartTimeMin"]), nanos(query["StartTimeMax"])
        native = get(server, "/api/v1/traces", query=traceql(query), start=start, end=end).json()
        assert {trace["trace_id"] for trace in native["traces"]} == expected, case["Caption"]
        tempo = get(
            server,
            "/tempo/api/search",
            q=traceql(query),
            start=start // 10**9,
            end=end // 10**9 + 1,
        ).json()
        assert {trace["traceID"] for trace in tempo["traces"]} == expected, case["Caption"]
        v1 = get(server, "/jaeger/api/traces", **jaeger_parameters(query)).json()
        assert {trace["traceID"] for trace in v1["data"]} == expected, case["Caption"]


def test_a_trace_comes_back_whole_by_every_api(server, jaeger):
    """Tempo's protobuf is OTLP, span by span what was sent; JSON and Jaeger's own form carry the same spans."""
    for name in fixture_names(jaeger / "traces"):
        message = json.loads((jaeger / "traces" / f"{name}.json").read_text())
        (trace_id,) = trace_ids(jaeger, [name])
        sent = sum(len(s["spans"]) for r in message["resourceSpans"] for s in r["scopeSpans"])
        path = f"/tempo/api/traces/{trace_id}"
        headers = {"Accept": "application/protobuf"}
        answer = server.http.get(f"{server.api}{path}", headers=headers)
        assert answer.headers["Content-Type"] == "application/protobuf"
        otlp = TracesData.FromString(answer.content)
        spans = [s for r in otlp.resource_spans for scope in r.scope_spans for s in scope.spans]
        assert len(spans) == sent and {span.trace_id.hex() for span in spans} == {trace_id}
        # v2 wraps the same message as field 1.
        v2 = server.http.get(f"{server.api}/tempo/api/v2/traces/{trace_id}", headers=headers).content
        assert answer.content in v2
        json_v2 = get(server, f"/tempo/api/v2/traces/{trace_id}").json()
        assert json_v2["status"] == "COMPLETE"
        first = json_v2["trace"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        assert base64.b64decode(first["traceId"]).hex() == trace_id
        v1 = get(server, f"/jaeger/api/traces/{trace_id.lstrip('0')}").json()["data"][0]
        assert sorted(span["spanID"] for span in v1["spans"]) == sorted(s.span_id.hex() for s in spans)
        v3 = get(server, f"/jaeger/api/v3/traces/{trace_id}").json()["result"]["resourceSpans"]
        v3_spans = [s for r in v3 for scope in r["scopeSpans"] for s in scope["spans"]]
        assert {span["traceId"] for span in v3_spans} == {trace_id}


def test_names_for_completion(server, jaeger):
    services = get(server, "/jaeger/api/services").json()
    assert services["total"] == len(services["data"]) > 10 and services["errors"] is None
    operations = get(server, "/jaeger/api/services/query11-service/operations").json()["data"]
    assert operations == ["query11-operation"]
    tags = get(server, "/tempo/api/v2/search/tags").json()["scopes"]
    by_scope = {scope["name"]: scope["tags"] for scope in tags}
    assert "service.name" in by_scope["resource"] and "sameplacetag1" in by_scope["span"]
    assert "duration" in by_scope["intrinsic"]
    values = get(server, "/tempo/api/v2/search/tag/span.sameplacetag2/values").json()["tagValues"]
    assert values == [{"type": "int", "value": "123"}]
    assert get(server, "/tempo/api/echo").text == "echo"


def test_errors_have_the_shape_of_each_api(server, jaeger):
    answer = get(server, "/api/v1/traces", query="{ foo }")
    assert answer.status_code == 400
    assert answer.json()["error"]["position"] == {"line": 1, "column": 3}
    answer = get(server, "/tempo/api/search", q="{ foo }")
    assert answer.status_code == 400 and "line 1, column 3" in answer.text
    assert get(server, "/tempo/api/traces/abc").status_code == 404
    answer = get(server, "/jaeger/api/traces")
    assert answer.status_code == 400 and answer.json()["errors"][0]["code"] == 400
    assert get(server, "/jaeger/api/traces/abc").json()["errors"][0]["msg"] == "trace not found"


def test_pages_of_traces_follow_each_other(server, jaeger):
    whole = get(server, "/api/v1/traces", limit=1000).json()
    assert whole["cursor"] is None
    ids, cursor = [], None
    while True:
        parameters = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = get(server, "/api/v1/traces", **parameters).json()
        ids += [trace["trace_id"] for trace in page["traces"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert ids == [trace["trace_id"] for trace in whole["traces"]]
    assert len(ids) == len(fixture_names(jaeger / "traces"))


def test_metrics_count_every_span_once(server, jaeger):
    """`count_over_time` by service, against the spans of the files."""
    expected, starts = {}, []
    for path in (jaeger / "traces").glob("*.json"):
        for resource in json.loads(path.read_text())["resourceSpans"]:
            attributes = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
            service = attributes["service.name"]["stringValue"]
            spans = [span for scope in resource["scopeSpans"] for span in scope["spans"]]
            expected[service] = expected.get(service, 0) + len(spans)
            starts += [int(span["startTimeUnixNano"]) for span in spans]
    times = {"start": min(starts) // 10**9, "end": max(starts) // 10**9 + 1}
    query = "{ } | count_over_time() by (resource.service.name)"
    answer = get(server, "/tempo/api/metrics/query_range", q=query, step="60s", **times).json()
    found = {}
    for series in answer["series"]:
        (label,) = series["labels"]
        assert label["key"] == "resource.service.name"
        found[label["value"]["stringValue"]] = sum(sample["value"] for sample in series["samples"])
    assert found == expected
    instant = get(server, "/tempo/api/metrics/query", q="{ } | count_over_time()", **times).json()
    assert [series["value"] for series in instant["series"]] == [sum(expected.values())]
