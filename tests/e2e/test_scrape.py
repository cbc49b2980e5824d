"""Scraping: what targets expose is what is stored, and what they stop exposing ends."""

import http.server
import json
import ssl
import subprocess
import threading
import time

import prometheus_client
import pytest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

#: A scrape every fifth of a second, on a busy machine.
WAIT_SECONDS_MAX = 60


def wait_until(check):
    """The first truthy answer of `check`."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


class Target:
    """An HTTP server whose answer a test may change."""

    def __init__(self, text="", content_type="text/plain; version=0.0.4"):
        self.text, self.content_type, self.status = text, content_type, 200
        self.requests = []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                target.requests.append((self.path, self.headers))
                body = target.text() if callable(target.text) else target.text.encode()
                self.send_response(target.status)
                self.send_header("Content-Type", target.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def speak_tls(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        return self

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def new_target():
    targets = []

    def start(*arguments):
        targets.append(Target(*arguments))
        return targets[-1]

    yield start
    for target in targets:
        target.close()


def config(*jobs, **more):
    """A config file with these jobs, each a dict in Prometheus's words."""

    def value(of):
        if isinstance(of, dict):
            return "{" + ", ".join(f"{json.dumps(k)} = {value(v)}" for k, v in of.items()) + "}"
        if isinstance(of, list):
            return "[" + ", ".join(map(value, of)) + "]"
        return json.dumps(of)

    lines = ["[scrape]", 'interval = "200ms"', 'timeout = "200ms"']
    lines += [f"{key} = {value(of)}" for key, of in more.items()]
    lines.append(f"jobs = {value(list(jobs))}")
    return "\n".join(lines)


def job(name, target, **more):
    return {"job_name": name, "static_configs": [{"targets": [target.address]}]} | more


def latest(server, name, tenant=None):
    """Value and flags of the latest point of each series of a metric, by its attributes."""
    rows = server.query(
        "SELECT attributes, value, flags, metric_points.time FROM metric_points JOIN"
        f" (SELECT DISTINCT series_id, attributes FROM series WHERE name = '{name}') AS s"
        " USING (series_id) ORDER BY metric_points.time",
        tenant,
    )
    return {attributes: (value, flags) for attributes, value, flags, _ in rows}


def one(server, name, tenant=None):
    found = latest(server, name, tenant)
    assert len(found) <= 1, found
    return next(iter(found.values()), None)


def test_what_a_real_client_exposes_is_stored(new_server, new_target):
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("jobs", "Jobs done.", ["queue"], registry=registry)
    trace = "5b8aa5a2d2c872e8321cf37308d69df2"
    counter.labels("mail").inc(3, exemplar={"trace_id": trace})
    histogram = prometheus_client.Histogram("latency_seconds", "Time.", registry=registry)
    histogram.observe(0.3)
    target = new_target(lambda: generate_latest(registry), CONTENT_TYPE_LATEST)
    server = new_server(config=config(job("app", target)))
    assert wait_until(lambda: one(server, "jobs_total")) == (3.0, None)
    counter.labels("mail").inc()
    wait_until(lambda: one(server, "jobs_total") == (4.0, None))
    rows = server.query(
        "SELECT DISTINCT type, description, attributes['queue'], attributes['job'],"
        " attributes['instance'] FROM series WHERE name = 'jobs_total'"
    )
    assert rows == [["sum", "Jobs done.", "mail", "app", target.address]]
    assert server.query("SELECT DISTINCT trace_id FROM exemplars") == [[trace]]
    assert one(server, "latency_seconds_count") == (1.0, None)
    buckets = latest(server, "latency_seconds_bucket")
    assert sorted(value for value, _ in buckets.values())[-1] == 1.0
    starts = server.query(
        "SELECT DISTINCT start_time IS NOT NULL FROM metric_points WHERE series_id IN"
        " (SELECT series_id FROM series WHERE name = 'jobs_total')"
    )
    assert starts == [[True]]
    assert one(server, "up") == (1.0, None)
    accept = target.requests[0][1]["Accept"]
    assert accept.startswith("application/openmetrics-text")


def test_what_is_gone_ends(new_server, new_target):
    target = new_target("a 1\nb 2\n")
    server = new_server(config=config(job("app", target)))
    wait_until(lambda: one(server, "a") == (1.0, None))
    target.text = "b 3\n"
    wait_until(lambda: one(server, "a") == (None, 1))
    wait_until(lambda: one(server, "b") == (3.0, None))
    target.status = 500
    wait_until(lambda: one(server, "up") == (0.0, None))
    wait_until(lambda: one(server, "b") == (None, 1))
    answer = server.call("GET", "/prometheus/api/v1/targets").json()
    [active] = answer["data"]["activeTargets"]
    assert (active["health"], active["scrapePool"]) == ("down", "app")
    assert "500" in active["lastError"]
    assert active["labels"] == {"instance": target.address, "job": "app"}
    assert active["scrapeUrl"] == f"http://{target.address}/metrics"
    target.status = 200
    wait_until(lambda: one(server, "up") == (1.0, None) and one(server, "b") == (3.0, None))
    target.text = "b 3\nnot a metric\n"
    wait_until(lambda: one(server, "up") == (0.0, None))


def test_files_of_targets_are_read_again(new_server, new_target, tmp_path):
    first, second = new_target("a 1\n"), new_target("a 2\n")
    groups = tmp_path / "groups.json"

    def write(*targets):
        group = {"targets": [target.address for target in targets], "labels": {"env": "x"}}
        groups.write_text(json.dumps([group]))

    write(first)
    discovery = {"files": [str(tmp_path / "*.json")]}
    server = new_server(config=config({"job_name": "files", "file_sd_configs": [discovery]}))
    wait_until(lambda: one(server, "a") == (1.0, None))
    write(second)
    by_value = lambda: sorted(latest(server, "a").values(), key=str)  # noqa: E731
    wait_until(lambda: by_value() == [(2.0, None), (None, 1)])
    # Also what the scrape says about itself ends.
    wait_until(lambda: sorted(latest(server, "up").values(), key=str) == [(1.0, None), (None, 1)])
    groups.write_text("[{")
    count = len(second.requests)
    wait_until(lambda: len(second.requests) > count + 40)
    assert (2.0, None) in by_value(), "a broken file ends nothing"


def test_a_prometheus_file_is_understood(new_server, new_target, tmp_path):
    target = new_target('kept{own="1"} 5\ndropped_x 1\n')
    groups = json.dumps([{"targets": [target.address], "labels": {"__meta_team": "shop"}}])
    discovery = new_target(groups, "application/json")
    path = tmp_path / "prometheus.yml"
    path.write_text(f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: web
    metrics_path: /custom
    params: {{module: [a]}}
    basic_auth: {{username: me, password: secret}}
    http_sd_configs: [{{url: 'http://{discovery.address}/sd'}}]
    relabel_configs:
      - {{source_labels: [__meta_team], target_label: team}}
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: 'dropped_.*', action: drop}}
""")
    server = new_server(config=config(prometheus_file=str(path)))
    wait_until(lambda: one(server, "kept") == (5.0, None))
    [attributes] = latest(server, "kept")
    wanted = {"instance": target.address, "job": "web", "own": "1", "team": "shop"}
    assert json.loads(attributes) == wanted
    assert latest(server, "dropped_x") == {}
    path, headers = target.requests[0]
    assert path == "/custom?module=a"
    assert headers["Authorization"] == "Basic bWU6c2VjcmV0"
    assert discovery.requests[0][1]["Authorization"] is None, "these are the targets' credentials"
    assert one(server, "scrape_samples_scraped") == (2.0, None)
    assert one(server, "scrape_samples_post_metric_relabeling") == (1.0, None)


def test_jobs_have_tenants_and_limits(new_server, new_target):
    target = new_target("a 1\nb 2\n")
    jobs = [job("mine", target, tenant="me"), job("strict", target, tenant="other", sample_limit=1)]
    server = new_server(config=config(*jobs))
    wait_until(lambda: one(server, "a", "me") == (1.0, None))
    wait_until(lambda: one(server, "up", "other") == (0.0, None))
    assert latest(server, "a", "other") == {} and latest(server, "a") == {}
    pools = {
        tenant: [
            active["scrapePool"]
            for active in server.call("GET", "/prometheus/api/v1/targets", tenant).json()["data"][
                "activeTargets"
            ]
        ]
        for tenant in ("me", "other")
    }
    assert pools == {"me": ["mine"], "other": ["strict"]}


def test_https_targets_are_trusted_as_configured(new_server, new_target, tmp_path):
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=target", "-keyout", key, "-out", certificate]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:target.test"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    target = new_target("a 1\n").speak_tls(certificate, key)
    jobs = [
        job("trusted", target, scheme="https", tls_config={"ca_file": certificate}),
        job("named", target, scheme="https", tls_config={"ca_file": certificate, "server_name": "target.test"}),
        job("misnamed", target, scheme="https", tls_config={"ca_file": certificate, "server_name": "x.test"}),
        job("any", target, scheme="https", tls_config={"insecure_skip_verify": True}),
        job("strict", target, scheme="https"),
        job("plain", target),
    ]
    server = new_server(config=config(*jobs))

    def health():
        targets = server.call("GET", "/prometheus/api/v1/targets").json()["data"]["activeTargets"]
        return {target["scrapePool"]: target["health"] for target in targets}

    up, down = ("trusted", "named", "any"), ("misnamed", "strict", "plain")
    wanted = dict.fromkeys(up, "up") | dict.fromkeys(down, "down")
    wait_until(lambda: health() == wanted)


def test_series_go_on_over_a_restart(new_server, new_target):
    server = new_server(config=config(job("app", new_target("a 1\n"))))
    wait_until(lambda: one(server, "a") == (1.0, None))
    server.restart()
    ended = "SELECT count(*) FROM metric_points WHERE flags = 1"
    assert int(server.value(ended)) == 0, "a stop of the scraper is not the end of a series"
