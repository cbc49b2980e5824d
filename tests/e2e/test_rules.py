"""Rules: evaluated as a real Prometheus evaluates the same file, kept over restarts, and on logs and tables too."""

import json
import subprocess
import time

import pytest
import requests

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from binnacle import binary, free_ports
from canonical import REQUESTS
from everything import any_value, attributes, span_id, trace_id
from prometheus import Prometheus, programs
from remote_write import Series, histogram, request_v2, write
from test_scrape import new_target, wait_until  # noqa: F401

RULES = """
groups:
- name: levels
  interval: 1s
  limit: 10
  rules:
  - record: level:twice
    expr: level * 2
    labels: {kind: made}
  - alert: High
    expr: level:twice{kind="made"}   > 10
    for: 2s
    labels: {severity: '{{ if gt $value 50.0 }}page{{ else }}ticket{{ end }}'}
    annotations:
      summary: '{{ $labels.room }} is at {{ $value | humanize }} of {{ with query "count(level)" }}{{ . | first | value }}{{ end }}'
- name: others
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1)
  - alert: Never
    expr: level > 1000
    for: 1h
"""

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}}
rule_files: ['{rules}']
scrape_configs:
  - {{job_name: rooms, static_configs: [{{targets: ['{target}']}}]}}
remote_write:
  - url: http://{binnacle}/prometheus/api/v1/write
    queue_config: {{batch_send_deadline: 100ms, min_backoff: 100ms, max_backoff: 500ms}}
    write_relabel_configs: [{{source_labels: [__name__], regex: 'level|up', action: keep}}]
"""


@pytest.fixture(scope="session")
def prometheus_programs():
    return programs()


@pytest.fixture
def rule_file(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    return path


def settings(rule_file):
    return {"alerting.rule_files": str(rule_file), "alerting.evaluation_interval": "1s"}


def groups(address, **parameters):
    answer = requests.get(f"{address}/api/v1/rules", params=parameters, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["groups"]


def rule(address, name):
    [found] = [rule for group in groups(address) for rule in group["rules"] if rule["name"] == name]
    return found


def timeless(value):
    """Without what differs between two servers: times, durations, and what only newer Prometheuses say."""
    gone = ("lastEvaluation", "evaluationTime", "activeAt", "keepFiringSince")
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in gone}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def keys(value):
    return {key for group in value for rule in group["rules"] for key in rule}


def test_rules_are_evaluated_as_prometheus_does(
    new_server, new_target, tmp_path, rule_file, prometheus_programs
):
    level = [1.0, 1.0]

    def expose():
        return f'level{{room="a"}} {level[0]}\nlevel{{room="b"}} {level[1]}\n'.encode()

    target = new_target(expose)
    server = new_server(settings=settings(rule_file))
    [port] = free_ports(1)
    config = CONFIG.format(
        rules=rule_file, target=target.address, binnacle=f"127.0.0.1:{server.api_port}"
    )
    prometheus = Prometheus(tmp_path / "prometheus", port, config, prometheus_programs).start()
    theirs, ours = f"http://{prometheus.address}", f"{server.api}/prometheus"
    both = (theirs, ours)

    def state(expected):
        wait_until(lambda: all(rule(at, "High")["state"] == expected for at in both))

    try:
        wait_until(lambda: all(rule(at, "Always")["state"] == "firing" for at in both))
        level[:] = [40.0, 7.0]
        state("firing")
        wait_until(lambda: all(len(rule(at, "High")["alerts"]) == 2 for at in both))
        wait_until(
            lambda: all(a["state"] == "firing" for at in both for a in rule(at, "High")["alerts"])
        )
        expected, found = groups(theirs), groups(ours)
        assert keys(expected) == keys(found)
        for side in (expected, found):
            for group in side:
                for one in group["rules"]:
                    one.get("alerts", []).sort(key=lambda alert: sorted(alert["labels"].items()))
        assert timeless(expected) == timeless(found)
        active = [requests.get(f"{at}/api/v1/alerts", timeout=30).json() for at in both]
        names = [sorted(json.dumps(timeless(a), sort_keys=True) for a in one["data"]["alerts"]) for one in active]
        assert names[0] == names[1] and len(names[0]) == 3
        level[:] = [1.0, 1.0]
        state("inactive")
        # The series of both went through the same states.
        query = {"query": "last_over_time(ALERTS[10m])", "time": time.time() + 1}
        answers = [requests.get(f"{at}/api/v1/query", params=query, timeout=30).json() for at in both]
        series = [
            sorted(str(sorted(one["metric"].items())) for one in answer["data"]["result"])
            for answer in answers
        ]
        assert series[0] == series[1] and len(series[0]) == 5
        # Nothing of them is left now, as their series ended with them.
        query = {"query": 'ALERTS{alertname="High"} or level:twice > 2'}
        for at in both:
            answer = requests.get(f"{at}/api/v1/query", params=query, timeout=30).json()
            assert answer["data"]["result"] == [], at
    finally:
        prometheus.stop()


def test_alerts_survive_a_restart_and_rules_are_read_again(new_server, rule_file):
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"
    wait_until(lambda: rule(ours, "Always")["state"] == "firing")
    [before] = rule(ours, "Always")["alerts"]
    server.restart()
    [after] = rule(f"{server.api}/prometheus", "Always")["alerts"]
    assert after["activeAt"] == before["activeAt"] and after["state"] == "firing"
    rule_file.write_text(RULES.replace("Never", "Seldom"))
    assert server.call("POST", "/prometheus/-/reload").status_code == 200
    assert rule(ours, "Seldom")["health"] in ("unknown", "ok")
    rule_file.write_text(RULES.replace("vector(1)", "vector("))
    refused = requests.post(f"{server.api}/prometheus/-/reload", timeout=30)
    assert refused.status_code == 500
    assert 'group "others", rule 1, "Always": could not parse expression' in refused.text
    assert rule(ours, "Seldom")["health"] in ("unknown", "ok")


def test_the_list_of_rules_can_be_filtered(new_server, rule_file):
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"
    wait_until(lambda: rule(ours, "Always")["state"] == "firing")

    def names(**parameters):
        return [rule["name"] for group in groups(ours, **parameters) for rule in group["rules"]]

    assert names() == ["level:twice", "High", "Always", "Never"]
    assert names(type="record") == ["level:twice"]
    assert names(type="alert", **{"rule_group[]": "others"}) == ["Always", "Never"]
    assert names(**{"rule_name[]": ["High", "Never"]}) == ["High", "Never"]
    assert names(**{"file[]": str(rule_file)}) == names() and names(**{"file[]": "x"}) == []
    assert names(**{"match[]": '{kind="made"}'}) == ["level:twice"]
    [always] = [r for g in groups(ours, exclude_alerts="true") for r in g["rules"] if r["name"] == "Always"]
    assert always["alerts"] is None and always["state"] == "firing"
    page = requests.get(f"{ours}/api/v1/rules", params={"group_limit": 1}, timeout=30).json()["data"]
    assert [group["name"] for group in page["groups"]] == ["levels"]
    rest = groups(ours, group_limit=5, group_next_token=page["groupNextToken"])
    assert [group["name"] for group in rest] == ["others"]
    for wrong in ({"type": "x"}, {"group_next_token": "x"}, {"group_limit": 0}, {"match[]": "{"}):
        answer = requests.get(f"{ours}/api/v1/rules", params=wrong, timeout=30)
        assert answer.status_code == 400 and answer.json()["errorType"] == "bad_data", wrong
    assert requests.get(f"{ours}/api/v1/rules", headers={"X-Scope-OrgID": "other"}, timeout=30).json()[
        "data"
    ] == {"groups": []}


def test_the_command_line_checks_and_tests_rules(rule_file, tmp_path):
    test = tmp_path / "test.yml"
    test.write_text(
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n"
        "  input_series: [{series: 'level{room=\"a\"}', values: '40x5'}]\n"
        "  alert_rule_test:\n  - eval_time: 3m\n    alertname: High\n    exp_alerts:\n"
        "    - exp_labels: {room: a, kind: made, severity: page}\n"
        "      exp_annotations: {summary: a is at 80 of 1}\n"
    )

    def run(*arguments):
        done = subprocess.run([binary(), "rules", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert run("check", str(rule_file)) == (0, f"Checking {rule_file}\n  SUCCESS: 4 rules found\n\n")
    assert run("test", str(test)) == (0, f"Unit Testing:  {test}\n  SUCCESS\n\n")
    rule_file.write_text(RULES.replace("> 10", "> 100"))
    code, said = run("test", str(test))
    assert code == 1 and "alertname: High, time: 3m" in said and "got:[]" in said
    rule_file.write_text(RULES.replace("vector(1)", "vector("))
    code, said = run("check", str(rule_file))
    assert code == 1 and f'{rule_file}: line 20: group "others", rule 1' in said, said


OTHER_RULES = """
groups:
- name: logs and tables
  interval: 1s
  rules:
  - alert: Errors
    language: logql
    expr: sum by (service_name) (count_over_time({service_name=~".+"} |= "refused" [5m])) > 1
    has_data: sum(count_over_time({service_name=~".+"}[5m]))
    annotations: {summary: '{{ $labels.service_name }} {{ $value }}'}
  - alert: Slow
    language: traceql
    window: 10m
    expr: '{ duration > 1s } | count_over_time() by (resource.service.name) > 1'
  - alert: Severe
    language: sql
    expr: |
      SELECT service, count(*) AS value FROM logs
      WHERE time >= $start AND time < $end AND severity_number >= 17 GROUP BY service
  - record: severe:count
    language: sql
    expr: SELECT count(*) AS value FROM logs WHERE time >= $start AND time < $end AND severity_number >= 17
  - alert: Broken
    language: sql
    expr: SELECT 1 AS value FROM nowhere
"""


def send_logs(server):
    now = time.time_ns() - 2 * 10**9
    records = [
        LogRecord(time_unix_nano=now, severity_number=severity, body=any_value(body))
        for severity, body in ((9, "connection refused"), (17, "refused again"), (9, "fine"))
    ]
    resource = Resource(attributes=attributes({"service.name": "cart"}))
    scopes = [ScopeLogs(log_records=records)]
    groups = [ResourceLogs(resource=resource, scope_logs=scopes)]
    server.send("logs", REQUESTS["logs"](resource_logs=groups))


def send_spans(server):
    end = time.time_ns() - 2 * 10**9
    spans = [
        Span(
            trace_id=trace_id(number),
            span_id=span_id(number),
            name="slow",
            start_time_unix_nano=end - 2 * 10**9,
            end_time_unix_nano=end,
        )
        for number in range(3)
    ]
    resource = Resource(attributes=attributes({"service.name": "cart"}))
    groups = [ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    server.send("traces", REQUESTS["traces"](resource_spans=groups))


def test_rules_on_logs_traces_and_tables(new_server, rule_file):
    rule_file.write_text(OTHER_RULES)
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"
    wait_until(lambda: rule(ours, "Errors")["health"] == "ok")
    assert rule(ours, "Errors")["state"] == "inactive"
    send_logs(server)
    send_spans(server)
    for name in ("Errors", "Slow", "Severe"):
        wait_until(lambda: rule(ours, name)["state"] == "firing")
    [errors] = rule(ours, "Errors")["alerts"]
    assert errors["annotations"] == {"summary": "cart 2"}
    assert rule(ours, "Errors")["language"] == "logql"
    [slow] = rule(ours, "Slow")["alerts"]
    assert slow["labels"] == {"alertname": "Slow", "resource.service.name": "cart"}
    assert slow["value"] == "3e+00"
    [severe] = rule(ours, "Severe")["alerts"]
    assert severe["labels"] == {"alertname": "Severe", "service": "cart"}
    broken = rule(ours, "Broken")
    assert broken["health"] == "err" and "nowhere" in broken["lastError"]
    wait_until(lambda: server.promql("severe:count == 1"))
    rows = server.query(
        "SELECT name, state, labels FROM alerts WHERE state = 'firing' ORDER BY name"
    )
    assert [row[0] for row in rows] == ["Errors", "Severe", "Slow"]
    changes = server.query(
        "SELECT name, from_state, to_state FROM alert_transitions WHERE name = 'Slow' ORDER BY time"
    )
    assert changes == [["Slow", "inactive", "firing"]]


def test_a_backtest_over_http(new_server, rule_file):
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"
    wait_until(lambda: rule(ours, "Always")["state"] == "firing")
    tried = {"rules": "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: vector(1), for: 3s}]}]"}
    answer = server.call("POST", "/api/v1/rules/backtest", json=tried | {"start": "-10s"}).json()
    [group] = answer["groups"]
    assert 9 <= group["evaluations"] <= 11 and group["errors"] == []
    assert [(t["from"], t["to"]) for t in group["transitions"]] == [
        ("inactive", "pending"),
        ("pending", "firing"),
    ]
    times = [int(t["time"]) for t in group["transitions"]]
    assert times[1] - times[0] == 3 * 10**9
    wrong = server.call("POST", "/api/v1/rules/backtest", json=tried | {"start": "-100days"})
    assert wrong.status_code == 400 and "shorter" in wrong.text
    wrong = {"rules": "groups: [{name: g, rules: [{alert: A, expr: up ==}]}]", "start": "-1h"}
    assert server.call("POST", "/api/v1/rules/backtest", json=wrong).status_code == 400


def test_recorded_histograms_and_series_survive_a_crash(new_server, rule_file):
    rule_file.write_text(
        "groups:\n- name: g\n  interval: 1s\n  rules:\n"
        "  - {record: doubled, expr: native * 2, labels: {kind: made}}\n"
        "  - {record: counted, expr: histogram_count(doubled)}\n"
    )
    server = new_server(settings=settings(rule_file))
    now = int(time.time() * 1000)
    content = histogram(7, 12.5, 3, [(-3, 2), (4, 1)], [1, 1, 1], now, 1)
    body = request_v2([Series({"__name__": "native", "a": "b"}, histograms=[content])])
    assert write(server, body).status_code == 204
    # A result is read by the rule after it in the same evaluation.
    wait_until(lambda: server.promql("counted == 14"))
    server.crash()
    asked = {"query": "last_over_time(doubled[1h])"}
    [found] = server.promql(**asked)
    assert found["metric"] == {"__name__": "doubled", "a": "b", "kind": "made"}
    [expected] = server.promql("last_over_time(native[1h]) * 2")
    assert found["histogram"][1] == expected["histogram"][1]
    assert server.promql("last_over_time(counted[1h])")[0]["value"][1] == "14"


def test_a_thousand_rules_are_evaluated_in_time(new_server, rule_file):
    rules = "".join(f"  - {{alert: A{n}, expr: vector({n}) > 500, labels: {{n: x}}}}\n" for n in range(1000))
    rule_file.write_text(f"groups:\n- name: g\n  interval: 5s\n  rules:\n{rules}")
    server = new_server(settings=settings(rule_file))
    wait_until(lambda: rule(f"{server.api}/prometheus", "A999")["state"] == "firing")
    firing = server.promql("count(ALERTS{alertstate='firing'})")
    assert firing[0]["value"][1] == "499"
    rows = server.query("SELECT count(*), count(DISTINCT name) FROM alert_transitions")
    assert [int(value) for value in rows[0]] == [499, 499]


BLIND_RULES = """
groups:
- name: blind
  interval: 1s
  rules:
  - alert: Errors
    language: logql
    expr: sum by (service_name) (count_over_time({service_name=~".+"} |= "refused" [5m])) > 1
  - alert: Severe
    language: sql
    expr: |
      SELECT service, count(*) AS value FROM logs
      WHERE time >= $start AND time < $end AND severity_number >= 17 GROUP BY service HAVING count(*) > 0
  - alert: Slow
    language: traceql
    window: 10m
    expr: '{ duration > 1s } | count_over_time() by (resource.service.name) > 1'
"""


def test_what_cannot_be_read_resolves_no_alert(new_server, rule_file):
    rule_file.write_text(BLIND_RULES)
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"
    send_logs(server)
    wait_until(lambda: all(rule(ours, name)["state"] == "firing" for name in ("Errors", "Severe")))
    server.flush()
    [segment] = server.segments("logs")
    server.stop()
    segment.write_bytes(segment.read_bytes()[:100])
    server.start()
    for name in ("Errors", "Severe"):
        wait_until(lambda: rule(ours, name).get("lastError"))
        blind = rule(ours, name)
        assert f"segment {segment.stem} of logs cannot be read" in blind["lastError"]
        [alert] = blind["alerts"]
        assert (blind["health"], blind["state"], alert["state"]) == ("ok", "firing", "firing")
        assert alert["heldSince"] >= alert["activeAt"]
    # Traces are all there, and what is found all the same raises alerts.
    assert rule(ours, "Slow")["health"] == "ok" and "lastError" not in rule(ours, "Slow")
    send_spans(server)
    send_logs(server)
    wait_until(lambda: rule(ours, "Slow")["state"] == "firing")
    wait_until(lambda: "heldSince" not in rule(ours, "Errors")["alerts"][0])
    changes = server.query("SELECT name, from_state, to_state FROM alert_transitions ORDER BY name")
    assert changes == [[name, "inactive", "firing"] for name in ("Errors", "Severe", "Slow")]
