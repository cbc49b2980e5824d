"""Grafana's service graph and its table of operations, and the way from a span to its logs: the queries of its stock Tempo data source, word
for word, as Prometheus and Loki are asked. Answers equal a recount of the calls.

The queries are those of Grafana's public sources (public/app/plugins/datasource/tempo/datasource.ts and graphTransform.ts,
public/app/features/explore/TraceView/createSpanLink.tsx). Data: TrainTicket, see test_trainticket.py.
"""

import collections
import math

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canonical import REQUESTS
from everything import attributes
from test_rollups import MINUTE, distinct, quantile, recount
from test_trainticket import body, day, ingest, service  # noqa: F401 (a fixture)

GRAPH = "traces_service_graph_request"
#: `serviceMapMetrics`.
METRICS = [f"{GRAPH}_server_seconds_sum", f"{GRAPH}_total", f"{GRAPH}_failed_total", f"{GRAPH}_server_seconds_bucket"]
BEGIN = 1_700_000_000 * 10**9 // MINUTE * MINUTE


@pytest.fixture(scope="module")
def spans(day):  # noqa: F811
    return distinct(day[0])


@pytest.fixture(scope="module")
def window(spans):
    """`(end, range)` in seconds: all the whole minutes with spans."""
    starts = [int(span[4]) for span in spans]
    first, last = min(starts) // MINUTE * 60, max(starts) // MINUTE * 60 + 60
    return {"end": last, "range": last - first}


@pytest.fixture(scope="module")
def loaded(server, day):  # noqa: F811
    """A third each compacted, flushed and buffered."""
    traces, logs = day
    traces = list({(row["TraceID"], row["SpanID"]): row for row in traces}.values())
    third = len(traces) // 3
    ingest(server, traces[:third], logs)
    server.flush()
    server.compact()
    ingest(server, traces[third : 2 * third], [])
    server.flush()
    ingest(server, traces[2 * third :], [])
    return server


def ask(server, query, window, tenant=None):
    """An instant query at the end of the window, `$__range` filled in: values by their labels."""
    query = query.replace("$__range", f"{window['range']}s")
    found = {}
    for one in server.promql(query, tenant, time=window["end"]):
        found[tuple(sorted(one["metric"].items()))] = float(one["value"][1])
    return found


def graph(server, metric, window, tenant=None, narrowed=""):
    """`makePromServiceMapRequest`: by client and server what `metric` grew by per second."""
    query = f"sum by (client, server) (rate({metric}{narrowed}[$__range]))"
    found = ask(server, query, window, tenant)
    return {(dict(labels)["client"], dict(labels)["server"]): value for labels, value in found.items()}


def check_close(found, expected):
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert math.isclose(found[key], value, rel_tol=1e-9), (key, found[key], value)


def test_the_graph_shows_every_call(loaded, spans, window):
    calls, _ = recount(spans)
    assert len(calls) > 50
    seconds = window["range"]
    counts = {key: len(of) / seconds for key, of in calls.items()}
    check_close(graph(loaded, f"{GRAPH}_total", window), counts)
    check_close(graph(loaded, f"{GRAPH}_server_seconds_count", window), counts)
    times = {key: sum(of) / 1e9 / seconds for key, of in calls.items()}
    check_close(graph(loaded, f"{GRAPH}_server_seconds_sum", window), times)
    check_close(graph(loaded, f"{GRAPH}_failed_total", window), dict.fromkeys(calls, 0.0))
    everything = ask(loaded, f"sum(increase({GRAPH}_total[$__range]))", window)
    assert everything == {(): sum(len(of) for of in calls.values())}
    # The panel may be narrowed to a service.
    narrowed = graph(loaded, f"{GRAPH}_total", window, narrowed='{client="ts-travel-service"}')
    check_close(narrowed, {k: v for k, v in counts.items() if k[0] == "ts-travel-service"})
    labels = f"group by (client, connection_type, server) ({GRAPH}_total)"
    found = ask(loaded, labels, window)
    assert found and set(found.values()) == {1.0}
    for pairs in found:
        assert set(dict(pairs)) == {"client", "server"}, "a call between services has no type"


def test_buckets_hold_the_calls_of_their_durations(loaded, spans, window):
    calls, _ = recount(spans)
    query = f"sum by (le) (increase({GRAPH}_server_seconds_bucket[$__range]))"
    found = {dict(labels)["le"]: value for labels, value in ask(loaded, query, window).items()}
    durations = [duration for of in calls.values() for duration in of]
    assert found.pop("+Inf") == len(durations)
    assert len(found) == 21
    for bound, count in found.items():
        nanos = round(float(bound) * 1e9)
        assert nanos & (nanos - 1) == 0, "a power of two"
        assert count == sum(duration < nanos for duration in durations), bound
    query = f"histogram_quantile(0.9, sum(rate({GRAPH}_server_seconds_bucket[$__range])) by (le, client, server))"
    for labels, value in ask(loaded, query, window).items():
        labels = dict(labels)
        exact = quantile(calls[labels["client"], labels["server"]], 0.9)
        assert exact / 2 <= value * 1e9 <= max(exact * 2, 1 << 16), labels


def test_a_graph_over_time_is_the_same_calls(loaded, spans, window):
    """Links of the graph: minute by minute."""
    start = window["end"] - window["range"]
    (series,) = loaded.prometheus(
        "query_range",
        query=f"sum(increase({GRAPH}_total[1m]))",
        start=start + 60,
        end=window["end"],
        step=60,
    )["result"]
    by_id = {span[:2]: span for span in spans}
    expected = collections.Counter()
    for trace_id, _, parent, _, begin, _, of in spans:
        above = by_id.get((trace_id, parent))
        if above and above[-1] != of:
            expected[int(begin) // MINUTE * 60 + 60] += 1
    found = {int(time): float(value) for time, value in series["values"] if float(value)}
    assert found == expected


def test_span_metrics_of_all_operations(loaded, spans, window):
    _, durations = recount(spans)
    expected = collections.defaultdict(list)
    for (of, name, _), values in durations.items():
        expected[of, name] += values
    query = "sum by (service, span_name) (increase(traces_spanmetrics_calls_total[$__range]))"
    found = ask(loaded, query, window)
    found = {(dict(k)["service"], dict(k)["span_name"]): value for k, value in found.items()}
    assert found == {key: len(values) for key, values in expected.items()}
    query = "sum by (service) (increase(traces_spanmetrics_latency_sum[$__range]))"
    sums = collections.Counter()
    for (of, _), values in expected.items():
        sums[of] += sum(values) / 1e9
    found = {dict(k)["service"]: value for k, value in ask(loaded, query, window).items()}
    check_close(found, sums)


def test_names_and_labels_are_listed(loaded, spans, window):
    """What the editor's filters offer, and the check whether there is a graph at all."""
    calls, _ = recount(spans)
    times = {"start": window["end"] - window["range"], "end": window["end"]}
    match = '{__name__=~"traces_service_graph_request_server_seconds_sum|traces_service_graph_request_total|traces_service_graph_request_failed_total"}'
    labels = loaded.prometheus("labels", **{"match[]": match}, **times)
    assert labels == ["__name__", "client", "server"]
    clients = loaded.prometheus("label/client/values", **{"match[]": match}, **times)
    assert clients == sorted({client for client, _ in calls})
    series = loaded.prometheus("series", **{"match[]": f"{GRAPH}_total"}, **times)
    assert {(one["client"], one["server"]) for one in series} == set(calls)
    names = loaded.prometheus("label/__name__/values", **times)
    assert {*METRICS, "traces_spanmetrics_calls_total", "traces_spanmetrics_latency_bucket"} <= set(names)
    before = {"start": times["start"] - 7200, "end": times["start"] - 3600}
    assert loaded.prometheus("label/__name__/values", **before) == []
    assert loaded.promql('{job="ts-travel-service"}', time=window["end"]) == []


def shop():
    """Two minutes of a shop: a request that fails each other time, below it a query and a message sent."""
    kinds = {"GET /cart": Span.SPAN_KIND_SERVER, "SELECT": Span.SPAN_KIND_CLIENT, "publish": Span.SPAN_KIND_PRODUCER}
    peers = {
        "SELECT": {"db.system.name": "postgresql", "db.namespace": "orders"},
        "publish": {"messaging.system": "kafka", "messaging.destination.name": "paid"},
    }
    for number in range(20):
        begin = BEGIN + number * 6 * 10**9
        trace = number.to_bytes(16, "big", signed=False)[:-1] + bytes([number + 1])
        for at, name in enumerate(kinds):
            yield Span(
                trace_id=trace,
                span_id=bytes([1] * 7 + [at + 1]),
                parent_span_id=bytes([1] * 8) if at else b"",
                name=name,
                kind=kinds[name],
                start_time_unix_nano=begin + at,
                end_time_unix_nano=begin + 10**7 * (at + 1),
                attributes=attributes(peers.get(name, {})),
                status=Status(code=Status.STATUS_CODE_ERROR if not at and number % 2 else 0),
            )


def send_shop(server, tenant):
    resource = Resource(attributes=attributes({"service.name": "cart"}))
    scopes = [ScopeSpans(spans=list(shop()))]
    spans = ResourceSpans(resource=resource, scope_spans=scopes)
    server.send("traces", REQUESTS["traces"](resource_spans=[spans]), tenant=tenant)


TWO_MINUTES = {"end": BEGIN // 10**9 + 120, "range": 120}


def test_the_table_of_operations(loaded):
    """Rate, error rate and duration of server spans, and what kinds of connections there are."""
    send_shop(loaded, "table")

    def table(query):
        return ask(loaded, query, TWO_MINUTES, "table")

    name = (("span_name", "GET /cart"),)
    rates = 'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[$__range])) by (span_name))'
    check_close(table(rates), {name: 20 / 120})
    errors = 'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"GET /cart"}[$__range])) by (span_name))'
    check_close(table(errors), {name: 10 / 120})
    duration = 'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~"GET /cart"}[$__range])) by (le))'
    (p90,) = table(duration).values()
    assert (1 << 23) / 1e9 <= p90 <= (1 << 24) / 1e9
    labels = table(f"group by (client, connection_type, server) ({GRAPH}_total)")
    assert {tuple(value for _, value in pairs) for pairs in labels} == {
        ("user", "virtual_node", "cart"),
        ("cart", "database", "postgresql:orders"),
        ("cart", "messaging_system", "kafka:paid"),
    }
    failed = graph(loaded, f"{GRAPH}_failed_total", TWO_MINUTES, "table")
    check_close(failed, {("user", "cart"): 10 / 120, ("cart", "postgresql:orders"): 0, ("cart", "kafka:paid"): 0})
    # A database sends no spans: its time is what the caller measured.
    times = graph(loaded, f"{GRAPH}_server_seconds_sum", TWO_MINUTES, "table")
    assert math.isclose(times["cart", "postgresql:orders"], 20 * (2 * 10**7 - 1) / 1e9 / 120)
    # A series goes on for a quarter of an hour after its last call, but counts nothing.
    later = {"end": TWO_MINUTES["end"] + 600, "range": 60}
    assert set(graph(loaded, f"{GRAPH}_total", later, "table").values()) == {0.0}
    gone = {"end": TWO_MINUTES["end"] + 1800, "range": 60}
    assert graph(loaded, f"{GRAPH}_total", gone, "table") == {}


def test_what_a_generator_sent_wins(loaded):
    send_shop(loaded, "generator")
    point = NumberDataPoint(
        attributes=attributes({"client": "a", "server": "b"}), time_unix_nano=BEGIN + MINUTE, as_int=7
    )
    total = Sum(
        data_points=[point],
        is_monotonic=True,
        aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
    )
    scope = ScopeMetrics(metrics=[Metric(name=f"{GRAPH}_total", sum=total)])
    metrics = REQUESTS["metrics"](resource_metrics=[ResourceMetrics(scope_metrics=[scope])])
    loaded.send("metrics", metrics, tenant="generator")
    found = ask(loaded, f"sum by (client, server) ({GRAPH}_total)", TWO_MINUTES, "generator")
    assert found == {(("client", "a"), ("server", "b")): 7.0}
    assert graph(loaded, f"{GRAPH}_server_seconds_sum", TWO_MINUTES, "generator") == {}
    spans = ask(loaded, "sum(increase(traces_spanmetrics_calls_total[$__range]))", TWO_MINUTES, "generator")
    assert spans == {(): 60.0}, "of span metrics nothing was sent"


def test_from_a_span_to_its_logs(loaded, day, spans):  # noqa: F811
    """`getTraceToLogsSpanQuery` with the tag `service.name` as `service_name`, filtered by trace and span."""
    traces, logs = day
    sent = collections.defaultdict(list)
    for row in logs:
        sent[row["TraceID"], row["SpanID"], service(row["PodName"])].append(body(row))
    span = max((s for s in spans if (s[0], s[1], s[-1]) in sent), key=lambda s: len(sent[s[0], s[1], s[-1]]))
    trace_id, span_id, _, _, begin, end, name = span
    by_trace = (
        f'{{service_name="{name}"}} | label_format log_line_contains_trace_id=`{{{{ contains "{trace_id}" __line__  }}}}` '
        f'| log_line_contains_trace_id="true" %s trace_id="{trace_id}"'
    )
    by_span = (
        f' | label_format log_line_contains_span_id=`{{{{ contains "{span_id}" __line__  }}}}` '
        f'| log_line_contains_span_id="true" %s span_id="{span_id}"'
    )

    def lines(query):
        times = {"start": int(begin) - 3600 * 10**9, "end": int(end) + 3600 * 10**9}
        parameters = {"query": query, "limit": 5000, "direction": "backward"} | times
        answer = loaded.call("GET", "/loki/api/v1/query_range", params=parameters)
        assert answer.status_code == 200, answer.text
        return sorted(line for one in answer.json()["data"]["result"] for _, line in one["values"])

    of_trace = [line for key, of in sent.items() if (key[0], key[2]) == (trace_id, name) for line in of]
    assert lines(by_trace % "or") == lines(by_trace % "OR") == sorted(of_trace)
    assert lines((by_trace + by_span) % ("or", "or")) == sorted(sent[trace_id, span_id, name])
