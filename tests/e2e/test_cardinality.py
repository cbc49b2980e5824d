"""Series past a tenant's cap go to overflow series, their sender is told, and the explorer says what there is."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from remote_write import Series, request_v2, write


def gauge(users):
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "shop"
    metric = resource.scope_metrics.add().metrics.add(name="logins")
    for user in users:
        point = metric.gauge.data_points.add(time_unix_nano=1_700_000_000_000_000_000, as_int=1)
        point.attributes.add(key="user").value.string_value = str(user)
    return request


def test_series_past_the_cap_overflow(new_server):
    server = new_server(settings={"collector.tenant_series_max": "5"})
    server.send("metrics", gauge(range(4)))
    headers = {"Content-Type": "application/x-protobuf"}
    answer = server.post("/v1/metrics", gauge(range(2, 9)).SerializeToString(), headers)
    assert answer.status_code == 200
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_data_points == 0
    assert "otel.metric.overflow" in partial.error_message
    # Every point is there: of the series that fit, and four under the overflow series.
    rows = server.query(
        "SELECT DISTINCT attributes['user'], attributes['otel.metric.overflow'], series_id FROM series"
    )
    assert sorted((user or "", flag) for user, flag, _ in rows) == [("", True)] + [
        (str(user), None) for user in range(5)
    ]
    [overflow] = [key for _, flag, key in rows if flag]
    assert int(server.value("SELECT count(*) FROM metric_points")) == 11
    count = f"SELECT count(*) FROM metric_points WHERE series_id = X'{overflow}'"
    assert int(server.value(count)) == 4
    # Others are not touched, and remote write goes on.
    write(server, request_v2([Series({"__name__": "up", "job": "a"}, samples=[(1.0, 1)])]), tenant="x")
    assert server.query("SELECT attributes['job'] FROM series", "x") == [["a"]]
    report = server.call("GET", "/api/v1/cardinality").json()
    assert (report["series"], report["overflowed"]) == (5, 4)
    assert report["limits"]["series"] == 5


def test_the_explorer_says_what_series_are_made_of(server, tenant):
    series = [
        Series({"__name__": name, "job": job, "instance": str(i)}, samples=[(1.0, 1_000)])
        for name, job in (("up", "node"), ("load", "node"), ("up", "web"))
        for i in range(3)
    ]
    assert write(server, request_v2(series), tenant=tenant).status_code == 204
    report = server.call("GET", "/api/v1/cardinality", tenant, params={"limit": 2}).json()
    assert report["series"] == 9
    assert report["metrics"] == [{"name": "up", "series": 6}, {"name": "load", "series": 3}]
    assert report["labels"] == [
        {"name": "instance", "values": 3, "series": 9},
        {"name": "job", "values": 2, "series": 9},
    ]
    assert report["sources"] == [{"source": "node", "series": 6}, {"source": "web", "series": 3}]
    assert [hour["new_series"] for hour in report["growth"]] == [9]
    assert server.call("GET", "/api/v1/cardinality", "nobody").json()["series"] == 0


def export(server, request):
    headers = {"Content-Type": "application/x-protobuf"}
    assert server.post("/v1/metrics", request.SerializeToString(), headers).status_code == 200


def promql(server, query, time):
    params = {"query": query, "time": time}
    answer = server.call("GET", "/prometheus/api/v1/query", params=params).json()
    return sorted((s["metric"].get("user", "overflow"), s["value"][1]) for s in answer["data"]["result"])


def test_caps_hold_across_a_crash_and_a_restart(new_server):
    server = new_server(settings={"collector.tenant_series_max": "3"})
    export(server, gauge(range(6)))
    before = promql(server, "logins", 1_700_000_001)
    assert [user for user, _ in before] == ["0", "1", "2", "overflow"]
    for again in (server.crash, server.restart):
        again()
        assert promql(server, "logins", 1_700_000_001) == before
        assert server.call("GET", "/api/v1/cardinality").json()["series"] == 3
    export(server, gauge([7]))
    assert promql(server, "logins", 1_700_000_001) == before


def test_deltas_put_into_an_overflow_series_add_up(new_server):
    server = new_server(settings={"collector.label_values_max": "5"})
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "shop"
    total = resource.scope_metrics.add().metrics.add(name="dd").sum
    total.aggregation_temporality, total.is_monotonic = 1, True
    for user in range(50):
        point = total.data_points.add(time_unix_nano=1_700_000_000_000_000_000, as_int=1)
        point.attributes.add(key="user").value.string_value = str(user)
    export(server, request)
    assert promql(server, "sum(dd_total)", 1_700_000_001) == [("overflow", "50")]
