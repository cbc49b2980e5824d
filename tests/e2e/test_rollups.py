"""Rollups of real traces equal a recount of their CSV files: in buffer and segments, compacted, after `kill -9`, and when the
spans are gone. Data: TrainTicket, see test_trainticket.py.
"""

import collections
import math

import duckdb
import pytest

from test_trainticket import day, ingest, service  # noqa: F401 (a fixture)

MINUTE = 60_000_000_000
#: What the manual states for quantiles.
ERROR_MAX = 1 / 128


def distinct(traces):
    """The CSV files overlap: a span that is written twice is one."""
    keys = ("TraceID", "SpanID", "ParentID", "OperationName", "StartTimeUnixNano", "EndTimeUnixNano")
    return {(*(row[key] for key in keys), service(row["PodName"])) for row in traces}


def recount(spans):
    """`(calls by (caller, callee), durations by (service, name, minute))` of distinct spans."""
    by_id = {span[:2]: span for span in spans}
    calls, durations = collections.defaultdict(list), collections.defaultdict(list)
    for trace_id, _, parent, name, start, end, of in spans:
        durations[of, name, int(start) // MINUTE * MINUTE].append(int(end) - int(start))
        above = by_id.get((trace_id, parent))
        if above and above[-1] != of:
            calls[above[-1], of].append(int(end) - int(start))
    return calls, durations


def window(spans):
    starts = [int(span[4]) for span in spans]
    return {"start": str(min(starts)), "end": str(max(starts) + 1)}


def ask(server, path, params):
    response = server.call("GET", path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


def quantile(durations, q):
    return sorted(durations)[max(math.ceil(q * len(durations)), 1) - 1]


def check_latency(latency, durations):
    assert latency["count"] == len(durations)
    if durations:
        assert int(latency["mean"]) == sum(durations) // len(durations)
    for name, q in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)]:
        if durations:
            exact = quantile(durations, q)
            assert abs(int(latency[name]) - exact) <= exact * ERROR_MAX, (name, exact)


def check(server, spans):
    calls, durations = recount(spans)
    found = server.query(
        "SELECT service, name, CAST(minute AS BIGINT), sum(count), sum(duration_sum), min(duration_min), max(duration_max)"
        " FROM red GROUP BY 1, 2, 3"
    )
    found = {(s, n, int(m)): tuple(int(value) for value in values) for s, n, m, *values in found}
    expected = {
        key: (len(of), sum(of), min(of), max(of)) for key, of in durations.items()
    }
    assert found == expected
    found = server.query(
        "SELECT caller, callee, sum(count), sum(server_duration_sum) FROM edges"
        " WHERE instrumented = 'both' GROUP BY 1, 2"
    )
    found = {(caller, callee): (int(count), int(total)) for caller, callee, count, total in found}
    assert found == {key: (len(of), sum(of)) for key, of in calls.items()}


@pytest.fixture(scope="module")
def spans(day):  # noqa: F811
    return distinct(day[0])


@pytest.fixture(scope="module")
def traces(day):  # noqa: F811
    """The rows of the files, each span once."""
    return list({(row["TraceID"], row["SpanID"]): row for row in day[0]}.values())


@pytest.fixture(scope="module")
def loaded(server, traces):
    """Two thirds in segments that share traces, the rest in the buffer."""
    third = len(traces) // 3
    ingest(server, traces[:third], [])
    server.flush()
    ingest(server, traces[third : 2 * third], [])
    server.flush()
    ingest(server, traces[2 * third :], [])
    return server


def test_rollups_equal_the_files(loaded, spans):
    assert len(spans) > 30_000
    check(loaded, spans)


def test_the_service_map_shows_every_call(loaded, spans):
    calls, _ = recount(spans)
    assert len(calls) > 50
    answer = ask(loaded, "/api/v1/service-map", window(spans))
    edges = {(edge["caller"], edge["callee"]): edge for edge in answer["edges"]}
    assert set(edges) == set(calls)
    for key, durations in calls.items():
        edge = edges[key]
        assert (edge["count"], edge["errors"], edge["instrumented"]) == (len(durations), 0, "both")
        check_latency(edge["server"], durations)
    nodes = {node["name"]: node for node in answer["nodes"]}
    assert set(nodes) == {name for key in calls for name in key}
    assert {node["type"] for node in nodes.values()} == {"service"}
    for name, node in nodes.items():
        assert node["count"] == sum(len(of) for (_, callee), of in calls.items() if callee == name)


def test_the_service_map_of_one_service(loaded, spans):
    calls, _ = recount(spans)
    name = "ts-travel-service"
    params = window(spans) | {"service": name}
    answer = ask(loaded, "/api/v1/service-map", params)
    found = {(edge["caller"], edge["callee"]) for edge in answer["edges"]}
    assert found == {key for key in calls if name in key}


@pytest.mark.parametrize("by", ["service", "operation"])
def test_golden_signals(loaded, spans, by):
    _, durations = recount(spans)
    expected = collections.defaultdict(list)
    for (of, name, _), values in durations.items():
        expected[(of, name) if by == "operation" else of] += values
    params = window(spans) | {"by": by}
    answer = ask(loaded, "/api/v1/red", params)
    key = lambda one: (one["service"], one["name"]) if by == "operation" else one["service"]
    found = {key(one): one for one in answer["signals"]}
    assert set(found) == set(expected)
    seconds = (int(answer["end"]) - int(answer["start"])) / 1e9
    assert seconds % 60 == 0
    for name, values in expected.items():
        assert (found[name]["count"], found[name]["errors"]) == (len(values), 0)
        assert math.isclose(found[name]["rate_per_second"], len(values) / seconds)
        check_latency(found[name]["success"], values)
    counts = [one["count"] for one in answer["signals"]]
    assert counts == sorted(counts, reverse=True)


def test_wrong_questions_are_refused(loaded):
    for path, params in [
        ("red", {"by": "pod"}),
        ("red", {"start": "now", "end": "-1h"}),
        ("service-map", {"start": "yesterday"}),
        ("service-map", {"by": "service"}),
    ]:
        response = loaded.call("GET", f"/api/v1/{path}", params=params)
        assert response.status_code == 400, response.text
        assert response.json()["error"]["code"] == "invalid_request"


def test_a_window_is_answered_in_whole_minutes(loaded, spans):
    _, durations = recount(spans)
    minutes = sorted({minute for _, _, minute in durations})
    middle = minutes[len(minutes) // 2]
    params = {"start": str(middle + 5), "end": str(middle + MINUTE + 1)}
    answer = ask(loaded, "/api/v1/red", params)
    assert (int(answer["start"]), int(answer["end"])) == (middle, middle + 2 * MINUTE)
    within = [of for (_, _, minute), of in durations.items() if middle <= minute <= middle + MINUTE]
    assert sum(one["count"] for one in answer["signals"]) == sum(len(of) for of in within)


def test_it_stays_so_after_a_crash_flush_and_compaction(loaded, spans):
    for step in (loaded.crash, loaded.flush, loaded.crash, loaded.compact, loaded.crash):
        step()
        check(loaded, spans)


def test_duckdb_reads_the_same_integers(loaded, spans):
    loaded.flush()
    loaded.compact()
    live = {row[0] for row in loaded.query("SELECT id FROM segments WHERE \"table\" = 'spans'")}
    files = [str(p) for p in loaded.data.rglob("v1/rollups/**/*.parquet") if p.stem in live]
    assert len(files) == len(live)
    found = duckdb.connect().execute(
        "SELECT service, name, epoch_ns(minute), sum(count), sum(duration_sum) FROM read_parquet(?)"
        " WHERE rollup = 'red' GROUP BY ALL",
        [files],
    ).fetchall()
    _, durations = recount(spans)
    found = {(s, n, m): (int(count), int(total)) for s, n, m, count, total in found}
    assert found == {key: (len(of), sum(of)) for key, of in durations.items()}
    calls = duckdb.connect().execute(
        "SELECT sum(count) FROM read_parquet(?) WHERE rollup = 'edges' AND instrumented = 'both'",
        [files],
    ).fetchone()
    assert int(calls[0]) == sum(len(of) for of in recount(spans)[0].values())


def test_a_damaged_rollup_is_made_anew(loaded, spans):
    loaded.kill()
    files = list(loaded.data.rglob("v1/rollups/**/*.parquet"))
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    loaded.start()
    check(loaded, spans)
    for path in files:
        path.unlink()
    loaded.restart()
    check(loaded, spans)


def test_rollups_outlive_the_spans(tmp_path, traces, spans):
    """The spans of two segments that share traces age out one after the other; what they added up to stays."""
    from binnacle import Server

    server = Server(tmp_path).start()
    try:
        middle = len(traces) // 2
        ingest(server, traces[:middle], [])
        server.flush()
        ingest(server, traces[middle:], [])
        server.flush()
        check(server, spans)
        server.stop()
        server.settings["storage.retention"] = "1ms"
        server.start()
        server.admin("retain")
        assert int(server.value("SELECT count(*) FROM spans")) == 0
        check(server, spans)
        server.crash()
        check(server, spans)
    finally:
        server.delete()
