"""A real Prometheus sends what it scrapes: nothing is lost and nothing is doubled, also when Binnacle is killed meanwhile."""

import json
import time

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
def prometheus_programs():
    return programs()


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
        prometheus.drain()
        dropped = "prometheus_remote_storage_samples_dropped_total"
        failed = "prometheus_remote_storage_samples_failed_total"
        assert prometheus.metric(failed) == prometheus.metric(dropped) == 0, prometheus.log()
    finally:
        prometheus.stop()
    expected = sorted(prometheus.samples(), key=repr)
    got = sorted(stored(server), key=repr)
    assert len(expected) > 1000
    assert len(got) == len(expected)
    # NaN is not equal to itself.
    assert [repr(sample) for sample in got] == [repr(sample) for sample in expected]
    types = server.query("SELECT count(*) FROM series WHERE type = 'metadata'")
    assert int(types[0][0]) > 100


#: Range queries that both must answer alike, over what Prometheus says about itself.
QUERIES = """
up
go_goroutines
rate(prometheus_http_requests_total[5s])
irate(prometheus_tsdb_head_samples_appended_total[5s])
increase(prometheus_http_requests_total[4s])
sum(rate(prometheus_http_requests_total[5s]))
sum by (handler) (rate(prometheus_http_requests_total[5s]))
sum without (instance, code) (rate(prometheus_http_requests_total[5s]))
avg(go_memstats_alloc_bytes)
max by (job) (scrape_duration_seconds)
min by (job) (scrape_samples_scraped)
count by (job) ({job=~".+"})
count_values("value", up)
stddev(scrape_duration_seconds)
stdvar(scrape_samples_scraped)
quantile(0.7, scrape_duration_seconds)
topk(3, prometheus_http_requests_total)
bottomk(2, go_gc_duration_seconds)
group by (job) (up)
histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[4s]))
histogram_quantile(0.5, sum by (le) (rate(prometheus_http_response_size_bytes_bucket[4s])))
histogram_quantile(0.99, sum by (le, handler) (prometheus_http_request_duration_seconds_bucket))
process_resident_memory_bytes / 1024 / 1024
process_cpu_seconds_total - process_cpu_seconds_total offset 2s
rate(process_cpu_seconds_total[4s] offset 1s)
delta(go_goroutines[5s])
idelta(go_memstats_alloc_bytes[5s])
deriv(process_resident_memory_bytes[5s])
predict_linear(go_memstats_alloc_bytes[5s], 60)
changes(go_goroutines[4s])
resets(prometheus_http_requests_total[4s])
avg_over_time(go_goroutines[5s])
min_over_time(go_memstats_alloc_bytes[5s])
max_over_time(go_memstats_alloc_bytes[5s])
sum_over_time(up[5s])
count_over_time(up[5s])
stddev_over_time(go_goroutines[5s])
quantile_over_time(0.3, go_memstats_alloc_bytes[5s])
last_over_time(go_info[5s])
present_over_time(up[5s])
absent(up)
absent(nonexistent{job="x"})
absent_over_time(nonexistent[5s])
go_goroutines > 10
go_goroutines > bool 10
up == 1 and on (job) scrape_samples_scraped > 100
up or nonexistent
scrape_samples_scraped unless on (job) up{job="binnacle"}
scrape_duration_seconds * on (job, instance) group_left () up
label_replace(up, "host", "$1", "instance", "(.*):.*")
label_join(up, "both", "-", "job", "instance")
clamp_max(go_goroutines, 20)
round(scrape_duration_seconds, 0.001)
ln(go_memstats_alloc_bytes)
sqrt(abs(-go_goroutines))
timestamp(up)
time() - process_start_time_seconds
vector(1) + scalar(sum(up))
max_over_time(go_goroutines[3500ms:1s])
sort_desc(scrape_samples_scraped)
hour() + minute() * 60
""".strip().splitlines()


def answers(base, queries, start, end):
    """The matrices of all queries, by labels: time, value, time, value and so on."""
    for query in queries:
        parameters = {"query": query, "start": start, "end": end, "step": 1}
        answer = requests.get(f"{base}/api/v1/query_range", params=parameters, timeout=60)
        assert answer.status_code == 200, (query, answer.text)
        yield {
            json.dumps(series["metric"], sort_keys=True): [
                float(number) for pair in series["values"] for number in pair
            ]
            for series in answer.json()["data"]["result"]
        }


def between_scrapes(base):
    """A fraction of a second at which no target is scraped: version 3 leaves out a sample where a range begins."""
    answer = requests.get(f"{base}/api/v1/query", params={"query": "timestamp(up)"}, timeout=30)
    times = [float(series["value"][1]) % 0.5 for series in answer.json()["data"]["result"]]
    distances = {
        fraction: min(min((fraction - at) % 0.5, (at - fraction) % 0.5) for at in times)
        for fraction in (0.05, 0.15, 0.25, 0.35, 0.45)
    }
    return max(distances, key=distances.get)


def test_range_queries_answer_as_prometheus(new_server, tmp_path, prometheus_programs):
    server = new_server()
    [port] = free_ports(1)
    config = CONFIG.format(own=f"127.0.0.1:{port}", binnacle=f"127.0.0.1:{server.api_port}")
    prometheus = Prometheus(tmp_path / "prometheus", port, config, prometheus_programs).start()
    try:
        started = time.time()
        wait_until(lambda: time.time() > started + 30)
        # Past the first range of every counter: how far a rate reaches back to its start changed in version 3.
        start = int(started) + 14 + between_scrapes(f"http://{prometheus.address}")
        end = start + 12
        # All that was scraped until `end` has arrived.
        newest = "SELECT max(time) FROM metric_points"
        wait_until(lambda: int(server.arrow(newest).column(0).cast("int64")[0].as_py()) > (end + 1) * 10**9)
        own = answers(f"http://{prometheus.address}", QUERIES, start, end)
        ours = answers(f"{server.api}/prometheus", QUERIES, start, end)
        wrong = []
        for query, expected, got in zip(QUERIES, own, ours):
            same = expected.keys() == got.keys() and all(
                got[key] == pytest.approx(points, rel=1e-9, abs=1e-12, nan_ok=True)
                for key, points in expected.items()
            )
            if not same:
                wrong.append((query, expected, got))
    finally:
        prometheus.stop()
    assert len(QUERIES) > 50
    assert not [query for query, _, _ in wrong], wrong[0]
