"""What Grafana's stock Loki data source and Logs Drilldown ask, word for word, and what they read of the answers.

The requests are those of Grafana's public sources (pkg/tsdb/loki, public/app/plugins/datasource/loki, grafana/logs-drilldown); the data
source's URL is the server's own.
"""

import json

import pytest

from loki import Loki, WebSocket, push_request

MINUTE = 60 * 10**9
START = 1_700_000_000 * 10**9 // MINUTE * MINUTE
END = START + 60 * MINUTE
TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"
SHOP = {"app": "shop", "env": "prod"}
#: Sent with every query of the data source.
CATEGORIZE = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


def lines():
    """One line a minute: every sixth an error in logfmt, the others in JSON."""
    for minute in range(60):
        time = START + minute * MINUTE
        if minute % 6 == 0:
            yield time, f'level=error msg="payment failed" took={minute}ms', {"trace_id": TRACE}
        else:
            body = {"level": "info", "msg": "order placed", "order": minute}
            yield time, json.dumps(body), {"user": f"u{minute % 2}"}


@pytest.fixture(scope="module")
def loki(server):
    loki = Loki(server, "grafana")
    loki.push([(SHOP, list(lines()))])
    server.flush()
    other = [(START + 5 * MINUTE, "GET /health 200", {})]
    answer = loki.post(
        push_request([('{app="proxy", env="prod"}', other)]),
        {"Content-Type": "application/x-protobuf"},
    )
    assert answer.status_code == 204, answer.text
    return loki


def query_range(loki, query, headers=CATEGORIZE, **more):
    """`makeDataRequest` of a range query: nanoseconds, the step in milliseconds."""
    parameters = {"direction": "backward", "end": END, "query": query, "start": START, "step": "60000ms"}
    body = loki.get("query_range", headers=headers, **(parameters | more))
    assert body["status"] == "success"
    summary = body["data"]["stats"]["summary"]
    for name in ["bytesProcessedPerSecond", "linesProcessedPerSecond", "totalBytesProcessed", "totalLinesProcessed", "execTime"]:
        assert isinstance(summary[name], (int, float)), name
    return body["data"]


def test_health_check(loki):
    data = loki.data("query", direction="backward", query="vector(1)+vector(1)", time=4 * 10**9)
    assert data["resultType"] == "vector"
    [sample] = data["result"]
    # Grafana looks at the value alone; so few digits are seconds, in Loki too.
    assert sample == {"metric": {}, "value": [4 * 10**9, "2"]}


def test_version(loki, server):
    assert server.call("GET", "/loki/api/v1/status/buildinfo").json()["version"].startswith("3.")
    assert server.call("GET", "/ready").text.strip() == "ready"


def test_label_browser(loki):
    assert loki.data("labels", start=START, end=END) == ["app", "env", "service_name"]
    assert loki.data("label/app/values", start=START, end=END) == ["proxy", "shop"]
    assert loki.data("label/app/values", start=START, end=END, query='{env="prod", app="shop"}') == ["shop"]
    series = loki.data("series", **{"match[]": '{app="shop"}', "start": START, "end": END})
    assert series == [SHOP | {"service_name": "shop"}]
    posted = loki.call("series", "POST", **{"match[]": '{app="shop"}', "start": START, "end": END})
    assert posted.json()["data"] == series


def test_logs_in_explore(loki):
    data = query_range(loki, '{app="shop"}', limit=1000)
    assert (data["resultType"], data["encodingFlags"]) == ("streams", ["categorize-labels"])
    [stream] = data["result"]
    assert stream["stream"] == SHOP | {"service_name": "shop"}
    values = stream["values"]
    assert [int(value[0]) for value in values] == sorted((time for time, _, _ in lines()), reverse=True)
    first = values[-1]
    assert first[1] == next(lines())[1]
    assert first[2]["structuredMetadata"] == {"trace_id": TRACE, "detected_level": "error"}
    assert "parsed" not in first[2]
    # With a parser.
    data = query_range(loki, '{app="shop"} | json | logfmt | drop __error__, __error_details__', limit=10)
    kinds = data["result"][0]["values"][0][2]
    assert kinds["parsed"]["msg"] in ("order placed", "payment failed")


def test_logs_without_categories(loki):
    data = query_range(loki, '{app="shop"} |= "payment"', headers={}, limit=1000)
    assert "encodingFlags" not in data
    [stream] = data["result"]
    assert stream["stream"] == SHOP | {"service_name": "shop", "trace_id": TRACE, "detected_level": "error"}
    assert all(len(value) == 2 for value in stream["values"])


def test_log_volume_histogram(loki):
    query = 'sum by (level, detected_level) (count_over_time({app="shop"} | drop __error__[60000ms]))'
    data = query_range(loki, query, headers=CATEGORIZE | {"X-Query-Tags": "Source=logvolhist"})
    assert data["resultType"] == "matrix"
    counts = {
        one["metric"]["detected_level"]: sum(int(value) for _, value in one["values"])
        for one in data["result"]
    }
    assert counts == {"error": 10, "info": 50}
    for series in data["result"]:
        assert all(isinstance(time, int) and isinstance(value, str) for time, value in series["values"])


def test_log_context(loki):
    """Lines of the same stream before and after one, which itself comes along in the second."""
    row = START + 30 * MINUTE
    selector = '{app="shop",env="prod",service_name="shop"}'
    before = query_range(loki, selector, limit=10, start=row - 120 * MINUTE, end=row)
    assert [int(value[0]) for value in before["result"][0]["values"]] == [
        row - minute * MINUTE for minute in range(1, 11)
    ]
    after = query_range(loki, selector, limit=10, direction="forward", start=row, end=row + 120 * MINUTE)
    assert [int(value[0]) for value in after["result"][0]["values"]] == [
        row + minute * MINUTE for minute in range(10)
    ]


def test_derived_field_of_a_trace(loki):
    """Trace to logs: the query that Tempo's data source builds."""
    data = query_range(loki, f'{{service_name="shop"}} | trace_id="{TRACE}"', limit=100)
    [stream] = data["result"]
    assert len(stream["values"]) == 10
    data = query_range(loki, f'{{service_name="shop"}} |="{TRACE}"', limit=100)
    assert data["result"] == []


def test_metric_query_in_a_dashboard(loki):
    data = query_range(loki, 'sum by (app) (rate({env="prod"}[5m]))')
    assert {one["metric"]["app"] for one in data["result"]} == {"proxy", "shop"}
    instant = loki.data("query", direction="backward", query='sum(count_over_time({env="prod"}[1h]))', time=END)
    assert instant["result"][0]["value"][1] == "60"


def test_query_stats_hint(loki):
    stats = loki.get("index/stats", query='{app="shop"}', start=START, end=END)
    assert (stats["streams"], stats["entries"]) == (1, 60)
    assert stats["bytes"] == sum(len(line) for _, line, _ in lines())


def test_mistakes_are_plain_text(loki):
    answer = loki.call("query_range", query='{app="shop"} | jsn x', start=START, end=END)
    assert answer.status_code == 400
    assert answer.text.startswith("parse error at line 1, col "), answer.text
    answer = loki.call("query_range", query="{}", start=START, end=END)
    assert answer.status_code == 400 and "at least one" in answer.text
    assert loki.call("query", query='{app="shop"}').status_code == 400
    assert loki.call("query_range", query='{app="shop"}', start="x").status_code == 400
    assert loki.call("no_such_path").status_code == 404


def test_format_query(loki):
    text = loki.data("format_query", query='{app="shop"}|="x"|json')
    assert text == '{app="shop"} |= "x" | json'


def test_drilldown_volume(loki):
    parameters = {"query": '{service_name=~".+"}', "start": START, "end": END, "limit": 5000, "targetLabels": "service_name"}
    data = loki.data("index/volume", **parameters)
    assert data["resultType"] == "vector"
    found = [(one["metric"], one["value"][0]) for one in data["result"]]
    assert found == [({"service_name": "shop"}, END // 10**9), ({"service_name": "proxy"}, END // 10**9)]
    data = loki.data("index/volume_range", **parameters, step="10m")
    assert data["resultType"] == "matrix"
    assert sum(int(value) for _, value in data["result"][1]["values"]) == len("GET /health 200")


def test_drilldown_labels_and_fields(loki):
    body = loki.get("detected_labels", start=START, end=END, query='{service_name="shop"}')
    assert {one["label"]: one["cardinality"] for one in body["detectedLabels"]} == {
        "app": 1,
        "env": 1,
        "service_name": 1,
    }
    body = loki.get("detected_fields", start=START, end=END, query='{service_name="shop"}', limit=1000)
    fields = {one["label"]: one for one in body["fields"]}
    assert fields["order"]["type"] == "int" and fields["order"]["parsers"] == ["json"]
    assert fields["took"]["type"] == "duration" and fields["took"]["parsers"] == ["logfmt"]
    assert fields["trace_id"]["cardinality"] == 1 and fields["trace_id"]["parsers"] is None
    assert fields["level"]["parsers"] == ["json", "logfmt"]
    body = loki.get("detected_field/level/values", start=START, end=END, query='{service_name="shop"}', limit=1000)
    assert body["values"] == ["error", "info"]


def test_drilldown_patterns(loki):
    body = loki.get("patterns", query='{service_name="shop"}', start=START, end=END, step="10m")
    assert body["status"] == "success"
    counts = {(one["level"], sum(count for _, count in one["samples"])) for one in body["data"]}
    assert counts == {("error", 10), ("info", 50)}
    error = next(one for one in body["data"] if one["level"] == "error")
    assert "payment failed" in error["pattern"] and "<_>" in error["pattern"]
    # A pattern is what LogQL filters by.
    text = json.dumps(error["pattern"])
    found = query_range(loki, f'{{service_name="shop"}} |> {text}', limit=100)
    assert sum(len(stream["values"]) for stream in found["result"]) == 10


def test_round_trip_of_labels(loki, server):
    """What is pushed comes back: labels, metadata, line and time, in both encodings."""
    own = Loki(server, "round-trip")
    labels = {"job": "a/b", "__path__": "x", "level": "WARN", "quoted": 'say "hi"\n'}
    metadata = {"trace_id": "0" * 32, "span_id": "00f067aa0ba902b7", "user": "ä"}
    own.push([(labels, [(START + 1, "line\twith ☃", metadata)])])
    text = "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"
    answer = own.post(
        push_request([(text, [(START + 2, "line\twith ☃", metadata)])]),
        {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"},
    )
    assert answer.status_code == 204, answer.text
    for crash in (False, True):
        if crash:
            server.crash()
        data = query_range(own, '{job="a/b"}')
        [stream] = data["result"]
        assert stream["stream"] == labels | {"service_name": "a/b"}
        expected = [
            [str(START + at), "line\twith ☃", {"structuredMetadata": metadata | {"detected_level": "warn"}}]
            for at in (2, 1)
        ]
        assert stream["values"] == expected


def test_names_that_are_taken(loki, server):
    """Metadata named as a label of the stream, or as other metadata, hides nothing."""
    own = Loki(server, "taken")
    own.push([({"job": "dupl"}, [(START, "c= d e=1", {"job": "m", "a.b": "1", "a-b": "2"})])])
    [stream] = query_range(own, '{job="dupl"}')["result"]
    assert stream["stream"] == {"job": "dupl", "service_name": "dupl"}
    kinds = stream["values"][0][2]["structuredMetadata"]
    assert kinds["job_extracted"] == "m" and {kinds["a_b"], kinds["a_b_extracted"]} == {"1", "2"}
    [stream] = query_range(own, '{job="dupl"}', headers=None)["result"]
    assert (stream["stream"]["job"], stream["stream"]["job_extracted"]) == ("dupl", "m")
    assert own.lines('{job="dupl"} | job_extracted="m"', START, END) == [(START, "c= d e=1")]
    assert own.lines('{job="dupl"} | job="m"', START, END) == []
    counted = own.instant('sum by (job, job_extracted) (count_over_time({job="dupl"}[1h]))', START + 1)
    assert counted == {(("job", "dupl"), ("job_extracted", "m")): 1}


def test_labels_without_a_value(loki, server):
    own = Loki(server, "empty-labels")
    own.push([({"job": "e"}, [(START, "c= d e=1", {})]), ({"job": "j"}, [(START, '{"e": 1}', {})])])

    def parsed(query):
        [stream] = query_range(own, query)["result"]
        [merged] = query_range(own, query, headers=None)["result"]
        kinds = stream["values"][0][2]["parsed"]
        assert merged["stream"].items() >= kinds.items()
        return kinds

    assert parsed('{job="e"} | logfmt') == {"e": "1"}
    assert parsed('{job="e"} | logfmt --keep-empty') == {"c": "", "d": "", "e": "1"}
    assert parsed('{job="j"} | json q="missing.path"') == {"q": ""}


def test_label_named_twice(loki, server):
    own = Loki(server, "twice")
    streams = [(f'{{app="a", {other}}}', [(START, other, {})]) for other in ('app="b"', 'env="x"')]
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    answer = own.post(push_request(streams), headers)
    assert answer.status_code == 400 and "the label 'app' is there twice" in answer.text
    assert own.lines('{app=~".+"}', START, END) == [(START, 'env="x"')]


def test_push_answers_for_each_entry(loki, server):
    own = Loki(server, "partial")
    body = {
        "streams": [
            {"stream": {"app": "a"}, "values": [[str(START), "good"], ["x", "bad time"]]},
            {"stream": {}, "values": [[str(START), "no labels"]]},
        ]
    }
    answer = own.post(json.dumps(body), {"Content-Type": "application/json"})
    assert answer.status_code == 400 and "at least one label pair" in answer.text
    assert own.lines('{app="a"}', START, END) == [(START, "good")]
    for body, headers, status in [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"no snappy", {"Content-Type": "application/x-protobuf"}, 400),
        (b"", {"Content-Type": "text/plain"}, 415),
    ]:
        assert own.post(body, headers).status_code == status


def test_opentelemetry_logs(server):
    """OTLP on Loki's own path, and the labels that Loki makes of resources."""
    own = Loki(server, "otlp")

    def attribute(key, value):
        return {"key": key, "value": {"stringValue": value}}

    record = {
        "timeUnixNano": str(START),
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "it failed"},
        "attributes": [attribute("http.route", "/pay")],
        "traceId": TRACE,
    }
    resource = [attribute("service.name", "pay"), attribute("k8s.pod.name", "p-1"), attribute("host.name", "h")]
    message = {
        "resourceLogs": [
            {
                "resource": {"attributes": resource},
                "scopeLogs": [{"scope": {"name": "lib"}, "logRecords": [record]}],
            }
        ]
    }
    answer = server.call("POST", "/otlp/v1/logs", "otlp", json=message)
    assert answer.status_code == 200, answer.text
    data = query_range(own, '{service_name="pay"} | http_route="/pay"')
    [stream] = data["result"]
    assert stream["stream"] == {"k8s_pod_name": "p-1", "service_name": "pay"}
    assert stream["values"][0][2]["structuredMetadata"] == {
        "detected_level": "error",
        "host_name": "h",
        "http_route": "/pay",
        "scope_name": "lib",
        "severity_number": "17",
        "severity_text": "ERROR",
        "trace_id": TRACE,
    }


def test_rules_are_none(loki, server):
    assert server.call("GET", "/loki/api/v1/rules").status_code == 200
    assert server.call("GET", "/prometheus/api/v1/rules").json()["data"] == {"groups": []}


def test_live_tail(server):
    """What Explore's live mode opens: stored lines first, then those that arrive, each once."""
    own = Loki(server, "tail")
    own.push([({"app": "a"}, [(START, "before", {})])])
    socket = WebSocket(
        server, "/loki/api/v1/tail", "tail", query='{app="a"} != "other"', start=START, limit=10, delay_for=0
    )
    assert socket.status == 101
    labels = {"app": "a", "service_name": "a", "detected_level": "unknown"}
    assert socket.message() == {"streams": [{"stream": labels, "values": [[str(START), "before"]]}]}
    own.push([({"app": "a"}, [(START + 1, "other", {}), (START + 2, "after", {})])])
    own.push([({"app": "b"}, [(START + 3, "of another stream", {})])])
    assert socket.message() == {"streams": [{"stream": labels, "values": [[str(START + 2), "after"]]}]}
    own.push([({"app": "a"}, [(START + 4, "last", {"user": "u"})])])
    [stream] = socket.message()["streams"]
    assert stream == {"stream": labels | {"user": "u"}, "values": [[str(START + 4), "last"]]}
    socket.close()


def test_live_tail_refuses(loki, server):
    for parameters in [{"query": "{"}, {"query": '{app="a"}', "delay_for": 60}, {}]:
        assert loki.call("tail", **parameters).status_code == 400, parameters
    assert WebSocket(server, "/loki/api/v1/tail", "x", query="{}").status == 400
