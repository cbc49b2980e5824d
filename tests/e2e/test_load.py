"""`binnacle load`: what is due is sent, latency counts from when it was due, and Binnacle measures the same."""

import collections
import http.server
import json
import math
import re
import signal
import subprocess
import threading
import time

import pytest

from binnacle import Server, binary
from shop import Demo

#: What a value may be off in the generator's histogram: three significant digits, and a nanosecond.
HISTOGRAM_ERROR = 0.001
#: What a quantile of golden signals may be off, as the API says.
RED_ERROR = 1 / 128


class Target:
    """A web server that counts what it is asked, and can stall as a whole."""

    def __init__(self):
        self.requests = []
        self.stall = lambda number: 0
        self.lock = threading.Lock()
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with target.lock:
                    target.requests.append((self.command, self.path, dict(self.headers), body))
                    time.sleep(target.stall(len(target.requests)))
                self.send_response(503 if self.path == "/broken" else 200)
                answer = b'{"id": "run-7"}' if self.path.startswith("/api/v1/runs") else b"ok"
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        class Web(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.server = Web(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def target():
    target = Target()
    yield target
    target.close()


def load(*arguments, code=0):
    done = subprocess.run(
        [binary(), "load", *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def count(latency):
    return sum(number for _, number in latency["buckets"])


def percentile(latency, percent):
    return next(value for of, value in latency["percentiles"] if of == percent)


# ---- what is sent ----


def test_every_request_that_is_due_is_sent_and_counted(target, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"""
        name = "two kinds"
        target = "{target.url}"
        stages = ["1s:0..40", "2s:40"]
        thresholds = ["errors<1%", "p99{{look}}<20s"]
        headers = {{ x-api-key = "secret" }}
        [[requests]]
        name = "look"
        path = "/products/{{1..5}}"
        weight = 3
        [[requests]]
        path = "/cart?from=test"
        body = '{{"product": {{7..7}}}}'
        """
    )
    report, page = tmp_path / "report.json", tmp_path / "report.html"
    done = load("--plan", plan, "--json", report, "--html", page, "--label", "branch=main")
    run = json.loads(report.read_text())
    # The area under the rates.
    assert run["total"]["requests"] == 100 == len(target.requests)
    assert [stage["requests"] for stage in run["stages"]] == [20, 80]
    assert run["total"]["errors"] == 0 and run["passed"] and run["state"] == "finished"
    assert run["labels"] == {"branch": "main"} and run["corrected"]
    seen = collections.Counter(
        "look" if method == "GET" else f"{method} /cart" for method, _, _, _ in target.requests
    )
    told = {operation["name"]: operation for operation in run["operations"]}
    assert {name: one["requests"] for name, one in told.items()} == seen
    assert all(count(one["latency"]) == one["requests"] for one in told.values())
    assert count(run["total"]["latency"]) == 100
    assert sum(second["requests"] for second in run["timeline"]) == 100
    assert sum(second["intended"] for second in run["timeline"]) == 100
    for method, path, headers, body in target.requests:
        assert headers["x-api-key"] == "secret"
        if method == "GET":
            assert re.fullmatch(r"/products/[1-5]", path) and body == b""
        else:
            assert path == "/cart?from=test" and json.loads(body) == {"product": 7}
    # Each has a trace of its own.
    parents = {headers["traceparent"] for _, _, headers, _ in target.requests}
    assert len(parents) == 100
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", parent) for parent in parents)
    # The page needs nothing else, and the terminal gets a line a second.
    html = page.read_text()
    assert html.count("<svg") >= 3 and "two kinds" in html and "holds" in html
    assert not re.search(r"(src|href)=|<script|https?://(?!127\.0\.0\.1)|@import", html)
    assert len(re.findall(r"of 3 s", done.stderr)) >= 3 and "\x1b" not in done.stderr
    assert "holds: errors<1%" in done.stdout


def test_a_stall_is_charged_to_all_that_were_due(target, tmp_path):
    # The 50th request holds up everybody for a second and a half.
    target.stall = lambda number: 1.5 if number == 50 else 0
    report = tmp_path / "report.json"
    load(f"{target.url}/", "--rate", 50, "--duration", "4s", "--json", report)
    run = json.loads(report.read_text())
    assert run["total"]["requests"] == 200
    # The 75 that were due meanwhile waited, from 1.5 s down to nothing. One at a time would have seen one.
    waited = sum(number for value, number in run["total"]["latency"]["buckets"] if value > 500_000_000)
    assert waited >= 45, waited
    assert percentile(run["total"]["latency"], 100.0) >= 1_500_000_000


def test_a_generator_that_is_held_up_says_so(target, tmp_path):
    # One request at a time, of a tenth of a second each, but twenty a second are due.
    target.stall = lambda number: 0.1
    report = tmp_path / "report.json"
    done = load(
        f"{target.url}/", "--rate", 20, "--duration", "2s", "--under-way", 1, "--json", report,
        "--threshold", "behind<100ms", code=3,
    )  # fmt: skip
    run = json.loads(report.read_text())
    assert run["total"]["requests"] == 40 and run["behind_seconds_max"] > 1.5
    assert "the generator fell behind" in done.stdout and "FAILS: behind<100ms" in done.stdout
    assert percentile(run["total"]["latency"], 100.0) > 1_500_000_000


# ---- how it ends ----


def test_failures_are_told_apart_and_fail_a_threshold(target):
    done = load(f"{target.url}/broken", "--rate", 10, "--duration", "1s", "--threshold", "errors<1%", code=3)
    assert "failed: status 503, 10 times" in done.stdout
    assert "FAILS: errors<1% is 100%" in done.stdout
    target.close()
    done = load(f"{target.url}/", "--rate", 10, "--duration", "1s", "--quiet")
    assert "failed: no connection, 10 times" in done.stdout and done.stderr == ""


def test_wrong_usage_is_refused_before_anything_is_sent(target, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(f'target = "{target.url}"\nstages = ["1s:1"]\n[[request]]\npath = "/"\n')
    cases = [
        ["127.0.0.1:80/"],
        ["ftp://127.0.0.1/"],
        [f"{target.url}/", "--rate", "-1"],
        [f"{target.url}/", "--stage", "soon:1"],
        [f"{target.url}/", "--stage", "1s:1", "--rate", "1"],
        [f"{target.url}/", "--threshold", "p99<250"],
        [f"{target.url}/", "--threshold", "p99{GET /none}<1s"],
        [f"{target.url}/", "--header", "nothing"],
        ["--plan", tmp_path / "none.toml"],
        ["--plan", wrong],
        [],
    ]
    for case in cases:
        assert load(*case, code=2).stderr, case
    assert target.requests == []
    # A server that takes no runs keeps a test from being begun, too.
    done = load(f"{target.url}/", "--register", f"{target.url}/broken", code=1)
    assert "failed to register" in done.stderr
    assert all(path.startswith("/broken") for _, path, _, _ in target.requests)


def test_it_stops_early_with_what_it_has(target, tmp_path):
    report = tmp_path / "report.json"
    command = [binary(), "load", f"{target.url}/", "--rate", "20", "--duration", "10m", "--json", str(report)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(target.requests) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    run = json.loads(report.read_text())
    assert run["state"] == "aborted" and run["total"]["requests"] == len(target.requests) >= 20


def test_a_run_is_registered_while_it_goes_on_and_when_it_ends(target, tmp_path):
    registry, report = Target(), tmp_path / "report.json"
    done = load(
        f"{target.url}/", "--rate", 20, "--duration", "5s", "--register", registry.url, "--name", "checkout",
        "--tenant", "acme", "--threshold", "errors<1%", "--json", report,
    )  # fmt: skip
    registry.close()
    assert f"registered: {registry.url}/api/v1/runs/run-7" in done.stdout
    [(method, path, headers, body), *updates] = registry.requests
    assert (method, path, headers["x-scope-orgid"]) == ("POST", "/api/v1/runs", "acme")
    begun = json.loads(body)
    assert begun["name"] == "checkout" and begun["state"] == "running" and begun["ended_at"] is None
    assert begun["total"]["requests"] == 0
    assert {(method, path) for method, path, _, _ in updates} == {("PUT", "/api/v1/runs/run-7")}
    *running, ended = [json.loads(body) for _, _, _, body in updates]
    assert running and all(run["state"] == "running" for run in running)
    counts = [run["total"]["requests"] for run in [begun, *running, ended]]
    assert counts == sorted(counts) and counts[-1] == 100
    # What is registered last is the report.
    assert ended == json.loads(report.read_text()) and ended["passed"]


def test_a_server_keeps_the_run_as_it_was_reported(target, tmp_path):
    server, report = Server(tmp_path / "server").start(), tmp_path / "report.json"
    try:
        load(f"{target.url}/", "--rate", 50, "--duration", "2s", "--register", server.api, "--json", report)
        [listed] = server.call("GET", "/api/v1/runs").json()["runs"]
        kept = server.call("GET", f"/api/v1/runs/{listed['id']}").json()
        reported = json.loads(report.read_text())
        assert kept["total"] == reported["total"] and kept["total"]["requests"] == 100
        for part in ("stages", "operations", "timeline", "thresholds"):
            assert len(kept.get(part, [])) == len(reported.get(part, [])), part
        # A report that was kept as a file can be registered later.
        again = server.call("POST", "/api/v1/runs", json=reported)
        assert again.status_code == 201, again.text
    finally:
        server.stop()


# ---- HTTP/2 and gRPC ----


def test_http2_and_grpc_are_spoken(tmp_path):
    server = Server(tmp_path).start()
    url = f"http://{server.grpc}"
    # An empty request is a good one; so it is one of OTLP.
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    report = tmp_path / "report.json"
    grpc = ("--protocol", "grpc", "--rate", 20, "--duration", "1s")
    load(f"{url}/{service}/Export", *grpc, "--json", report, "--threshold", "errors<=0")
    run = json.loads(report.read_text())
    assert run["total"]["requests"] == 20 and run["operations"][0]["name"] == f"{service}/Export"
    done = load(f"{url}/{service}/Nothing", *grpc)
    assert "failed: gRPC UNIMPLEMENTED, 20 times" in done.stdout
    http2 = ("--protocol", "http2", "--rate", 20, "--duration", "1s")
    load(f"{server.api}/healthz", *http2, "--threshold", "errors<=0", "--threshold", "requests>=20")
    server.stop()


# ---- Binnacle measures the same ----


def rank(ordered, percent):
    """The least value that the share is not above."""
    return ordered[max(math.ceil(percent / 100 * len(ordered) - 1e-9), 1) - 1]


def test_percentiles_of_the_generator_and_of_binnacle_are_one(tmp_path):
    demo = Demo(tmp_path / "demo", "--visits", "1").start()
    [shop] = re.findall(r"load it: binnacle load '(http://[^/]+)", wait_for_shop(demo))
    plan, report = tmp_path / "plan.toml", tmp_path / "report.json"
    plan.write_text(
        f"""
        name = "catalogue"
        target = "{shop}"
        stages = ["15s:200"]
        headers = {{ x-api-key = "load-key" }}
        [[requests]]
        path = "/api/products/{{1..24}}"
        weight = 3
        [[requests]]
        path = "/api/products"
        """
    )
    done = load("--plan", plan, "--otlp", demo.otlp, "--json", report)
    run = json.loads(report.read_text())
    assert run["total"]["requests"] == 3000 and "spans: 3000 sent, 0 lost" in done.stdout
    signals = demo.call("GET", "/api/v1/red?service=binnacle-load&by=operation").json()["signals"]
    signals = {signal["name"]: signal for signal in signals}
    assert {operation["name"] for operation in run["operations"]} == set(signals)
    for operation in run["operations"]:
        name, latency, golden = operation["name"], operation["latency"], signals[operation["name"]]
        assert operation["service"] == "binnacle-load" and operation["span_name"] == name
        # Counts are equal: of requests, of failures, of spans.
        rows = demo.query(
            "SELECT CAST(duration AS BIGINT), status_code FROM spans "
            f"WHERE service = 'binnacle-load' AND name = '{name}' LIMIT 10000"
        )
        durations = sorted(int(nanoseconds) for nanoseconds, _ in rows)
        succeeded = sorted(int(nanoseconds) for nanoseconds, status in rows if status < 2)
        assert len(durations) == operation["requests"] == golden["count"] == count(latency)
        assert len(durations) - len(succeeded) == golden["errors"] == operation["errors"]
        for percent, of_red in [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p999")]:
            exact, mine = rank(durations, percent), percentile(latency, percent)
            assert abs(mine - exact) <= exact * HISTOGRAM_ERROR + 1, (name, percent, mine, exact)
            # Golden signals are of those that succeeded.
            exact, stored = rank(succeeded, percent), int(golden["success"][of_red])
            assert abs(stored - exact) <= exact * RED_ERROR + 1, (name, percent, stored, exact)
            if not operation["errors"]:
                assert abs(stored - mine) <= exact * (RED_ERROR + HISTOGRAM_ERROR) + 2
    # What the shop saw of it: each request once, below the span of whoever sent it, and never longer than it.
    [[served, below, longer]] = demo.wait_for_rows(
        "SELECT * FROM (SELECT count(*) AS served, sum(CASE WHEN s.parent_span_id = c.span_id THEN 1 ELSE 0 END) AS below, "
        "sum(CASE WHEN s.duration > c.duration THEN 1 ELSE 0 END) AS longer "
        "FROM spans c JOIN spans s ON s.trace_id = c.trace_id "
        "WHERE c.service = 'binnacle-load' AND s.service = 'balancer' AND s.kind = 2) WHERE served >= 3000"
    )
    assert (served, below, longer) == (3000, 3000, 0)
    demo.stop()


def wait_for_shop(demo):
    deadline = time.monotonic() + 60
    while "load it: " not in demo.log_text():
        assert time.monotonic() < deadline, demo.log_tail()
        time.sleep(0.2)
    return demo.log_text()
