"""A real Prometheus sends what it scrapes: nothing is lost and nothing is doubled, also when Binnacle is killed meanwhile."""

import json

import pytest

from binnacle import free_ports
from prometheus import Prometheus, programs
from test_scrape import wait_until

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
