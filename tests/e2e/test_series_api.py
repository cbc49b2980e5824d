"""`/api/v1/series`: which series are found, which of their points, page by page."""

import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m

from canonical import REQUESTS
from everything import T0, attributes
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

SECOND = 1_000_000_000


def gauge(name, service, points, region="eu", **labels):
    """A request with one series: `points` are `(seconds after T0, value)`."""
    data = [
        m.NumberDataPoint(attributes=attributes(labels), time_unix_nano=T0 + t * SECOND, as_int=v)
        for t, v in points
    ]
    metric = m.Metric(name=name, gauge=m.Gauge(data_points=data))
    resource = Resource(attributes=attributes({"service.name": service, "region": region}))
    return REQUESTS["metrics"](
        resource_metrics=[
            m.ResourceMetrics(resource=resource, scope_metrics=[m.ScopeMetrics(metrics=[metric])])
        ]
    )


def values(series):
    return sorted((one["name"], [p["value"] for p in one["points"]]) for one in series)


@pytest.fixture(params=["buffered", "flushed"])
def filled(server, tenant, request):
    for message in (
        gauge("cpu", "shop", [(0, 1), (10, 2), (20, 3)], host="a", port=80),
        gauge("cpu", "shop", [(0, 4)], host="b", port=81),
        gauge("cpu", "cart", [(5, 5)], host="it's"),
        gauge("memory", "cart", [(30, 6)], region="us", host="a"),
    ):
        server.send("metrics", message, tenant=tenant)
    if request.param == "flushed":
        server.flush()
    return server


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({}, [("cpu", [1, 2, 3]), ("cpu", [4]), ("cpu", [5]), ("memory", [6])]),
        ({"metric": "cpu", "service": "shop"}, [("cpu", [1, 2, 3]), ("cpu", [4])]),
        ({"metric": "none"}, []),
        ({"attribute": "host=a"}, [("cpu", [1, 2, 3]), ("memory", [6])]),
        ({"attribute": ["host=a", "port=80"]}, [("cpu", [1, 2, 3])]),
        ({"attribute": "host=it's"}, [("cpu", [5])]),
        ({"attribute": "region=us"}, [("memory", [6])]),
        ({"attribute": "no.such=key"}, []),
        ({"start": T0 + 5 * SECOND, "end": T0 + 20 * SECOND}, [("cpu", [2]), ("cpu", [5])]),
        ({"start": T0 + 20 * SECOND}, [("cpu", [3]), ("memory", [6])]),
        ({"end": T0}, []),
    ],
)
def test_series_are_found_by_name_service_attributes_and_time(filled, tenant, parameters, expected):
    assert values(filled.series(tenant, **parameters)) == expected
    one_by_one = filled.series(tenant, **parameters, limit=1)
    assert values(one_by_one) == expected
    assert one_by_one == filled.series(tenant, **parameters)


def test_a_page_may_end_within_a_series(server, tenant):
    """More points than a page holds, many of them at one time, some sent before and some after a flush."""
    count = 60_000
    points = [(i // 7, i) for i in range(count)]
    for start in range(0, count, 20_000):
        server.send("metrics", gauge("long", "shop", points[start : start + 20_000]), tenant=tenant)
        if start == 20_000:
            server.flush()
    server.send("metrics", gauge("short", "shop", [(0, -1)]), tenant=tenant)
    first = server.series_page(tenant)
    assert first["cursor"]
    pages = server.series(tenant)
    found = [point["value"] for one in pages if one["name"] == "long" for point in one["points"]]
    assert len(found) == count and set(found) == set(range(count))
    times = [point["time"] for one in pages if one["name"] == "long" for point in one["points"]]
    assert times == sorted(times)
    assert [one["points"] for one in pages if one["name"] == "short"][0][0]["value"] == -1
    # A cursor belongs to its request.
    other = {"cursor": first["cursor"], "metric": "long"}
    assert server.call("GET", "/api/v1/series", tenant, params=other).status_code == 400


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "x"},
        {"limit": "1001"},
        {"start": "never"},
        {"start": "5", "end": "5"},
        {"attribute": "key"},
        {"metric": ["a", "b"]},
        {"metrics": "a"},
        {"cursor": "1"},
    ],
)
def test_wrong_parameters_are_refused(server, parameters):
    answer = server.call("GET", "/api/v1/series", params=parameters)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_request"
