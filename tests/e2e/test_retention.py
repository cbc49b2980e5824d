"""Retention by value: old and ordinary traces are thinned out, the others stay whole, and weights say how many there were."""

import subprocess
import time

import duckdb
import pytest

from binnacle import binary

TRACES, ONE_IN = 1500, 5
RULES = f"""
[[storage.retention_rules]]
tenant = "kept"
age = "0s"

[[storage.retention_rules]]
age = "90days"
thin = {{ after = "10s", keep_one_in = {ONE_IN}, keep_errors = true, keep_slower_than = "1s", keep_severity = 17 }}
"""


def matters(trace):
    return trace % 50 in (1, 2, 3)


def trace_id(trace):
    return f"{trace + 1:032x}"


def spans(of_each):
    """Some spans of every trace: the third fails or is slow where the trace matters."""
    now, found = time.time_ns(), []
    for trace in range(TRACES):
        for span in of_each:
            start = now - trace * 1000
            duration = 2_000_000_000 if span == 2 and trace % 50 == 1 else 1000
            found.append(
                {
                    "traceId": trace_id(trace),
                    "spanId": f"{span + 1:016x}",
                    "name": "work",
                    "startTimeUnixNano": str(start),
                    "endTimeUnixNano": str(start + duration),
                    "status": {"code": 2 if span == 2 and trace % 50 == 2 else 0},
                }
            )
    return {"resourceSpans": [{"scopeSpans": [{"spans": found}]}]}


def logs():
    """A record of each trace, and one of none."""
    now, found = time.time_ns(), []
    for trace in range(TRACES):
        record = {"timeUnixNano": str(now - trace), "body": {"stringValue": f"log {trace}"}}
        found.append(record)
        severity = 17 if trace % 50 == 3 else 9
        found.append(record | {"traceId": trace_id(trace), "severityNumber": severity})
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": found}]}]}


def send(server, signal, message, tenant):
    headers = {"X-Scope-OrgID": tenant}
    answer = server.http.post(f"{server.otlp}/v1/{signal}", json=message, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {})


def by_trace(server, table, tenant):
    sql = f"""SELECT encode(trace_id, 'hex') AS trace, count(*), min(coalesce(weight, 1)), max(coalesce(weight, 1))
        FROM {table} WHERE trace_id IS NOT NULL GROUP BY 1"""
    rows = server.query(sql, tenant)
    return {int(trace, 16) - 1: tuple(map(int, counts)) for trace, *counts in rows}


def near(estimate, ordinary, kept):
    """Within five standard deviations."""
    deviation = (ordinary * (ONE_IN - 1)) ** 0.5
    return abs(int(estimate) - ordinary - kept) < 5 * deviation


def test_what_is_old_is_thinned_and_still_counts(new_server):
    server = new_server(config=RULES)
    for tenant in ("thinned", "kept"):
        for of_each in ([0, 1], [2, 3]):
            send(server, "traces", spans(of_each), tenant)
            server.flush()
        send(server, "logs", logs(), tenant)
        server.flush()
    time.sleep(12)
    server.admin("retain")
    check(server)
    # Once is enough, also when segments were joined in between.
    before = by_trace(server, "spans", "thinned")
    server.compact()
    server.admin("retain")
    assert by_trace(server, "spans", "thinned") == before
    server.crash()
    server.admin("retain")
    check(server)
    for table in ("spans", "logs"):
        assert server.value(f"SELECT sum(coalesce(weight, 1)) FROM {table}", "kept") == {
            "spans": 4 * TRACES,
            "logs": 2 * TRACES,
        }[table]


def check(server):
    of_spans, of_logs = (by_trace(server, table, "thinned") for table in ("spans", "logs"))
    assert of_spans.keys() == of_logs.keys(), "logs share the fate of their trace"
    kept = [trace for trace in range(TRACES) if matters(trace)]
    for trace in kept:
        assert of_spans[trace] == (4, 1, 1), trace
    ordinary = [trace for trace in of_spans if not matters(trace)]
    assert 0 < len(ordinary) < (TRACES - len(kept)) / 2
    assert {of_spans[trace] for trace in ordinary} == {(4, ONE_IN, ONE_IN)}
    assert {of_logs[trace] for trace in ordinary} == {(1, ONE_IN, ONE_IN)}
    estimate = server.value("SELECT sum(coalesce(weight, 1)) FROM spans WHERE name = 'work'", "thinned")
    assert near(int(estimate) // 4, TRACES - len(kept), len(kept))
    lone = server.value("SELECT sum(weight) FROM logs WHERE trace_id IS NULL", "thinned")
    assert near(lone, TRACES, 0)
    # Another engine reads the same.
    files = [str(path) for path in server.segments("spans", "thinned")]
    [(again,)] = duckdb.connect().execute(
        f"SELECT sum(coalesce(weight, 1)) FROM read_parquet({files}, union_by_name=true)"
    ).fetchall()
    assert int(again) == int(estimate)
    # So does TraceQL, from rows alone and from whole traces; a quantile is that of everything the rows stand for.
    assert traceql(server, "{ } | count_over_time()") == int(estimate)
    assert traceql(server, "{ trace:duration > 0ns } | count_over_time()") == int(estimate)
    assert traceql(server, "{ } | max_over_time(duration)") == 2
    share = len([trace for trace in kept if trace % 50 == 1]) / int(estimate)
    assert traceql(server, f"{{ }} | quantile_over_time(duration, {1 - 1.5 * share})") == 1e-6
    assert traceql(server, f"{{ }} | quantile_over_time(duration, {1 - 0.5 * share})") == 2
    # A trace by id is whole.
    assert len(server.trace(trace_id(ordinary[0]), "thinned")["spans"]) == 4


def traceql(server, query):
    now = int(time.time())
    parameters = {"q": query, "start": now - 3600, "end": now + 60}
    answer = server.call("GET", "/tempo/api/metrics/query", "thinned", params=parameters)
    assert answer.status_code == 200, answer.text
    (series,) = answer.json()["series"]
    return series["value"]


@pytest.mark.parametrize(
    "rule, said",
    [
        ("age = 'soon'", "retention_rules"),
        ("tenant = 'a'", "neither 'age' nor 'thin'"),
        ("signal = 'profiles'\nage = '1d'", "profiles"),
        ("thin = { after = '1s', keep_one_in = 10 }", "after"),
        ("thin = { after = '1day', keep_one_in = 0 }", "keep_one_in"),
        ("signal = 'metrics'\nthin = { after = '1day', keep_one_in = 2 }", "metrics"),
        ("tenant = 'a/b'\nage = '1day'", "a/b"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(tmp_path, rule, said):
    file = tmp_path / "wrong.toml"
    file.write_text(f"[[storage.retention_rules]]\n{rule}\n")
    answer = subprocess.run(
        [binary(), "config", "check", "--config", str(file)], capture_output=True, text=True, timeout=60
    )
    assert answer.returncode != 0
    assert said in answer.stderr + answer.stdout, answer.stderr + answer.stdout
