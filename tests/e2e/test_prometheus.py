"""A real Prometheus sends what it scrapes: nothing is lost and nothing is doubled, also when Binnacle is killed meanwhile."""

import json

import pytest
import requests

from binnacle import free_ports
from prometheus import Prometheus, programs
from remote_write import double, message, number, varint, zigzag
from test_scrape import new_target, wait_until  # noqa: F401

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - {{job_name: prometheus, static_configs: [{{targets: ['{own}']}}]}}
  - {{job_name: binnacle, static_configs: [{{targets: ['{binnacle}']}}]}}
remote_write:
  - url: http://{binnacle}/prometheus/api/v1/write
    send_exemplars: true
    send_native_histograms: true
    metadata_config: {{send_interval: 1s}}
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 100ms, max_backoff: 500ms}}
"""


@pytest.fixture(scope="session")
def prometheus_programs(tmp_path_factory):
    return programs(tmp_path_factory.mktemp("prometheus"))


def native_histogram(observations):
    """A `MetricFamily` with a native histogram: the buckets of schema 0 grow by two; all observations are 3, 5 or 0."""
    threes, fives, zeros = observations
    histogram = number(1, sum(observations)) + double(2, 3.0 * threes + 5.0 * fives)
    histogram += double(6, 2.0**-128) + number(7, zeros)
    histogram += message(12, number(1, zigzag(2)) + number(2, 2))
    histogram += message(13, varint(zigzag(threes)) + varint(zigzag(fives - threes)))
    label = message(1, message(1, "kind") + message(2, "native"))
    family = message(1, "native_seconds") + message(2, "Help.") + number(3, 4)
    family += message(4, label + message(7, histogram))
    return varint(len(family)) + family


def test_native_histograms_arrive_whole(new_server, new_target, tmp_path, prometheus_programs):
    counts = [1, 2, 3]

    def expose():
        counts[0] += 1
        counts[1] += 2
        return native_histogram(counts)

    content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
    target = new_target(expose, content_type + "encoding=delimited")
    server = new_server()
    [port] = free_ports(1)
    config = CONFIG.format(own=target.address, binnacle=f"127.0.0.1:{server.api_port}")
    prometheus = Prometheus(tmp_path / "prometheus", port, config, prometheus_programs).start()
    query = f"http://{prometheus.address}/api/v1/query"
    try:
        sent = "prometheus_remote_storage_histograms_total"
        wait_until(lambda: prometheus.metric(sent) >= 5)
        answer = requests.get(query, params={"query": "native_seconds[1h]"}, timeout=30).json()
    finally:
        prometheus.stop()
    [series] = answer["data"]["result"]
    expected = {
        int(time * 1000): (int(histogram["count"]), float(histogram["sum"]))
        for time, histogram in series["histograms"]
    }
    table = server.arrow(
        "SELECT metric_points.time, count, sum FROM metric_points"
        " JOIN (SELECT DISTINCT series_id FROM series WHERE name = 'native_seconds'"
        " AND type = 'native_histogram' AND attributes['kind'] = 'native') USING (series_id)"
        " WHERE distribution IS NOT NULL"
    )
    rows = zip(
        table.column("time").cast("int64").to_pylist(),
        table.column("count").to_pylist(),
        table.column("sum").to_pylist(),
    )
    got = {time // 1_000_000: (count, total) for time, count, total in rows}
    assert len(expected) >= 5
    assert {time: got.get(time) for time in expected} == expected


def stored(server):
    """Every sample as `promtool tsdb dump` writes it."""
    series = {
        key: (name, json.loads(attributes))
        for key, name, attributes in server.query(
            "SELECT DISTINCT series_id, name, attributes FROM series WHERE type <> 'metadata'"
        )
    }
    texts = {}
    for key, (name, attributes) in series.items():
        pairs = sorted((attributes | {"__name__": name}).items())
        texts[key] = "{" + ", ".join(f"{k}={json.dumps(v)}" for k, v in pairs) + "}"
    points = server.arrow("SELECT encode(series_id, 'hex') AS id, value, time FROM metric_points")
    times = points.column("time").cast("int64").to_pylist()
    ids, values = points.column("id").to_pylist(), points.column("value").to_pylist()
    # A stale marker has no value here, and is a NaN there.
    values = [float("nan") if value is None else value for value in values]
    return [(texts[k], v, t // 1_000_000) for k, v, t in zip(ids, values, times)]


def test_everything_sent_is_stored_once(new_server, tmp_path, prometheus_programs):
    server = new_server()
    [port] = free_ports(1)
    config = CONFIG.format(own=f"127.0.0.1:{port}", binnacle=f"127.0.0.1:{server.api_port}")
    prometheus = Prometheus(tmp_path / "prometheus", port, config, prometheus_programs).start()
    try:
        sent = "prometheus_remote_storage_samples_total"
        wait_until(lambda: prometheus.metric(sent) > 3000)
        server.crash()
        before = prometheus.metric(sent)
        wait_until(lambda: prometheus.metric(sent) > before + 3000)
        dropped = "prometheus_remote_storage_samples_dropped_total"
        failed = "prometheus_remote_storage_samples_failed_total"
        assert prometheus.metric(failed) == prometheus.metric(dropped) == 0, prometheus.log()
    finally:
        prometheus.stop()
    expected = sorted(prometheus.samples(), key=repr)
    got = sorted(stored(server), key=repr)
    assert len(expected) > 6000
    assert len(got) == len(expected)
    # NaN is not equal to itself.
    assert [repr(sample) for sample in got] == [repr(sample) for sample in expected]
    types = server.query("SELECT count(*) FROM series WHERE type = 'metadata'")
    assert int(types[0][0]) > 100
