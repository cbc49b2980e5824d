"""Rules over real telemetry: backtests equal a plain recount, and what a server did live is what its backtest finds."""

import collections
import itertools
import json
import subprocess
import time

import pytest
import requests
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

import test_trainticket
import test_weblogs
from binnacle import binary
from canonical import REQUESTS
from everything import any_value, attributes
from test_scrape import wait_until
from test_trainticket import day, ingest  # noqa: F401
from test_weblogs import lines  # noqa: F401

MINUTE = 60_000_000_000
#: How often a run is repeated in which a busy machine made the server pass over an evaluation.
ATTEMPTS = 4


def expected_transitions(ticks, found, hold, keep=0):
    """The transitions of one alert: `(tick, from, to)`. `found` says at which ticks its expression finds something."""
    state, since, kept = "inactive", None, None
    out = []

    def go(tick, to):
        nonlocal state
        out.append((tick, state, to))
        state = to

    for tick in ticks:
        if found(tick):
            kept = None
            if state == "inactive":
                since = tick
                go(tick, "pending" if hold else "firing")
            elif state == "pending" and tick - since >= hold:
                go(tick, "firing")
        elif state == "pending":
            go(tick, "inactive")
        elif state == "firing":
            kept = tick if kept is None else kept
            if tick - kept >= keep:
                kept = None
                go(tick, "inactive")
    return out


def transitions(answer, rule, label=None):
    """Those of one rule by the value of a label."""
    found = collections.defaultdict(list)
    for change in answer["transitions"]:
        if change["rule"] == rule:
            found[change["labels"].get(label)].append((int(change["time"]), change["from"], change["to"]))
    return found


def backtest(server, **request):
    answer = server.call("POST", "/api/v1/rules/backtest", json=request, timeout=600)
    assert answer.status_code == 200, answer.text
    [group] = answer.json()["groups"]
    assert group["errors"] == [], group["errors"]
    return group


def ticks_of(answer, start, end, interval):
    """All times of evaluation: one interval after the other through the time of any transition."""
    one = int(answer["transitions"][0]["time"])
    assert {int(change["time"]) % interval for change in answer["transitions"]} == {one % interval}
    ticks = range(start + (one - start) % interval, end + 1, interval)
    assert answer["evaluations"] == len(ticks)
    return ticks


WEB_RULES = """
groups:
- name: web
  interval: 20m
  rules:
  - alert: Words
    language: logql
    expr: sum(count_over_time({service_name="apache"} |~ `" [45]\\d\\d ` [1h])) > 5
    for: 40m
  - alert: Fields
    language: logql
    expr: sum by (http_request_method) (count_over_time({service_name="apache"} | http_response_status_code >= 400 [1h])) > 5
    keep_firing_for: 20m
  - alert: Table
    language: sql
    window: 1h
    expr: |
      SELECT attributes['http.request.method'] AS method, count(*) AS value FROM logs
      WHERE time >= $start AND time < $end AND attributes['http.response.status_code'] >= 400
      GROUP BY method HAVING count(*) > 5
    for: 20m
    keep_firing_for: 1h
"""


def test_a_backtest_of_four_days_of_a_web_server_equals_a_recount(server, lines, tmp_path):  # noqa: F811
    test_weblogs.send(server, lines[:5000])
    server.flush()
    test_weblogs.send(server, lines[5000:])
    times = [at for _, at, _ in lines]
    start, end = min(times), max(times) + 90 * MINUTE
    asked = {"rules": WEB_RULES, "file": "web.yml", "start": str(start), "end": str(end)}
    answer = backtest(server, **asked)
    ticks = ticks_of(answer, start, end, 20 * MINUTE)
    failed = [(at, values["http.request.method"]) for _, at, values in lines if values["http.response.status_code"] >= 400]

    def many(method):
        own = [at for at, other in failed if method in (None, other)]
        return lambda tick: sum(tick - 60 * MINUTE <= at < tick for at in own) > 5

    methods = {method for _, method in failed if any(map(many(method), ticks))}
    words = transitions(answer, "Words")
    assert words == {None: expected_transitions(ticks, many(None), 40 * MINUTE)}
    fields = transitions(answer, "Fields", "http_request_method")
    assert fields == {method: expected_transitions(ticks, many(method), 0, 20 * MINUTE) for method in methods}
    table = transitions(answer, "Table", "method")
    assert table == {
        method: expected_transitions(ticks, many(method), 20 * MINUTE, 60 * MINUTE) for method in methods
    }
    assert min(len(words[None]), len(fields["GET"]), len(table["GET"])) > 5
    # The command line says the same.
    (tmp_path / "web.yml").write_text(WEB_RULES)
    command = [binary(), "rules", "backtest", "web.yml", "--start", str(start), "--end", str(end), "--url", server.api]
    done = subprocess.run([*command, "--format", "json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["groups"] == [answer]
    command[command.index("--start") + 1] = str(end - 120 * MINUTE)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "rows)" in done.stdout.splitlines()[-1] and done.stderr == ""
    (tmp_path / "web.yml").write_text(WEB_RULES.replace("FROM logs", "FROM nowhere"))
    done = subprocess.run([*command, "--group", "web"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "nowhere" in done.stderr and 'rule "Table" failed in' in done.stderr
    done = subprocess.run([*command, "--group", "none"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "there is no group 'none'" in done.stderr


SPAN_RULES = """
groups:
- name: spans
  interval: 20s
  rules:
  - alert: Traces
    language: traceql
    window: 1m
    expr: '{ duration > 200ms } | count_over_time() by (resource.service.name) > 4'
    for: 40s
  - alert: Table
    language: sql
    window: 1m
    expr: |
      SELECT service, count(*) AS value FROM spans
      WHERE start_time >= $start AND start_time < $end AND duration > 200000000
      GROUP BY service HAVING count(*) > 4
    keep_firing_for: 40s
"""


def test_a_backtest_of_real_traces_equals_a_recount(server, day):  # noqa: F811
    traces, _ = day
    ingest(server, traces, [])
    slow = collections.defaultdict(list)
    for row in traces:
        begin, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
        if end - begin > 200_000_000:
            slow[test_trainticket.service(row["PodName"])].append(begin)
    begins = [int(row["StartTimeUnixNano"]) for row in traces]
    start, end = min(begins), max(begins) + 2 * MINUTE
    answer = backtest(server, rules=SPAN_RULES, start=str(start), end=str(end))
    ticks = ticks_of(answer, start, end, MINUTE // 3)

    def many(name):
        return lambda tick: sum(tick - MINUTE <= at < tick for at in slow[name]) > 4

    names = {name for name in list(slow) if any(map(many(name), ticks))}
    assert len(names) > 5
    expected = {name: expected_transitions(ticks, many(name), MINUTE * 2 // 3) for name in names}
    assert transitions(answer, "Traces", "resource.service.name") == expected
    expected = {name: expected_transitions(ticks, many(name), 0, MINUTE * 2 // 3) for name in names}
    assert transitions(answer, "Table", "service") == expected


#: Everything is asked two seconds late, when all of it has arrived.
LIVE_RULES = """
groups:
- name: live
  interval: 1s
  query_offset: 2s
  rules:
  - {record: beat, expr: vector(1)}
  - record: requests
    language: logql
    expr: sum by (http_request_method) (count_over_time({service_name="apache"} [3s]))
  - {alert: Requests, expr: requests > 20, for: 1s, keep_firing_for: 2s}
  - alert: Errors
    language: logql
    expr: sum(count_over_time({service_name="apache"} | http_response_status_code >= 300 [1s])) > 0
    annotations: {summary: '{{ $value }} of {{ with query "sum(requests)" }}{{ . | first | value }}{{ end }}'}
  - alert: Crawlers
    language: sql
    window: 2s
    expr: |
      SELECT severity_number AS severity, count(*) AS value FROM logs
      WHERE time >= $start AND time < $end AND body LIKE '%bot%' GROUP BY severity HAVING count(*) > 1
    for: 1s
  - alert: Slow
    language: traceql
    window: 1s
    expr: '{ duration > 50ms } | count_over_time() by (resource.service.name) > 2'
  - alert: Judged
    language: sql
    window: 1s
    expr: SELECT count(*) AS value FROM spans WHERE start_time >= $start AND start_time < $end HAVING count(*) > 30
    has_data: SELECT count(*) AS value FROM logs WHERE time >= $start AND time < $end HAVING count(*) > 0
"""


def send_now(server, lines, rows):  # noqa: F811
    """Lines and spans as if they happened now."""
    now = time.time_ns()
    records = [
        LogRecord(time_unix_nano=now + number, body=any_value(line), attributes=attributes(values))
        for number, (line, _, values) in enumerate(lines)
    ]
    resource = Resource(attributes=attributes({"service.name": "apache"}))
    logs = [ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])]
    server.send("logs", REQUESTS["logs"](resource_logs=logs))
    by_pod = test_trainticket.by_pod(rows)
    groups = []
    for pod, own in by_pod:
        spans = [test_trainticket.span(row) for row in own]
        for span in spans:
            length = span.end_time_unix_nano - span.start_time_unix_nano
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + length
        groups.append(ResourceSpans(resource=test_trainticket.resource(pod), scope_spans=[ScopeSpans(spans=spans)]))
    server.send("traces", REQUESTS["traces"](resource_spans=groups))


def live_run(server, rules, lines, rows):  # noqa: F811
    """`(all evaluations, done evaluations, live, again)` of a quarter of a minute of telemetry."""
    [group] = rules()
    wait_until(lambda: rules()[0]["lastEvaluation"] > group["lastEvaluation"])
    start = time.time_ns()
    for number in range(60):
        quiet = number // 10 % 3 == 2
        send_now(server, itertools.islice(lines, 1 if quiet else 9), itertools.islice(rows, 1 if quiet else 15))
        time.sleep(0.25)
    end = time.time_ns()
    wait_until(lambda: rules()[0]["lastEvaluation"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end / 1e9 + 1)))
    query = "SELECT time, name, labels, annotations, from_state, to_state FROM alert_transitions"
    live = [
        (int(at), name, json.loads(labels), json.loads(annotations), before, after)
        for at, name, labels, annotations, before, after in server.query(query)
        if int(at) <= end
    ]
    answer = backtest(server, start="-10m", end=str(end))
    again = [
        (int(c["time"]), c["rule"], c["labels"], c["annotations"], c["from"], c["to"]) for c in answer["transitions"]
    ]
    beats = server.promql(f"count_over_time(beat[{(end - start) // 10**9}s])", time=end / 1e9 - 2)
    return (end - start) // 10**9, int(beats[0]["value"][1]), live, again


def test_what_a_server_did_is_what_its_backtest_finds(new_server, lines, day, tmp_path):  # noqa: F811
    path = tmp_path / "live.yml"
    path.write_text(LIVE_RULES)
    lines, rows = iter(lines), iter(day[0])
    for attempt in range(ATTEMPTS):
        server = new_server(settings={"alerting.rule_files": str(path)})

        def rules():
            answer = requests.get(f"{server.api}/prometheus/api/v1/rules", timeout=30)
            return answer.json()["data"]["groups"]

        wait_until(lambda: rules()[0]["lastEvaluation"] > "2000")
        expected, evaluated, live, again = live_run(server, rules, lines, rows)
        if evaluated >= expected:
            break
        server.kill()
    else:
        pytest.fail(f"{evaluated} of {expected} evaluations in each of {ATTEMPTS} runs")
    names = collections.Counter(change[1] for change in live)
    assert set(names) == {"Requests", "Errors", "Crawlers", "Slow", "Judged"} and min(names.values()) >= 2, names
    assert sorted(live, key=str) == sorted(again, key=str)
