"""`POST /api/v1/sql`: formats, limits, cancellation, errors that say where."""

import csv
import io
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from everything import logs, metrics, trace_id, traces

#: Slow on purpose: sixteen spans, each with each, eight times over.
ENDLESS = (
    "SELECT count(*) FROM spans a, spans b, spans c, spans d, spans e, spans f, spans g, spans h "
    "WHERE a.duration + b.duration + c.duration + d.duration + e.duration <> f.duration + g.duration + h.duration"
)
#: Must hold a million different rows to count them.
GREEDY = (
    "SELECT count(*) FROM (SELECT DISTINCT a.span_id, b.span_id, c.span_id, d.span_id, e.span_id "
    "FROM spans a, spans b, spans c, spans d, spans e)"
)


@pytest.fixture(scope="module", autouse=True)
def filled(server):
    """One half flushed, the other in the buffer."""
    for seed in (1, 2):
        server.send("traces", traces(seed))
        server.send("logs", logs(seed))
        server.send("metrics", metrics(seed))
        if seed == 1:
            server.flush()


def sql(server, query, **more):
    return server.call("POST", "/api/v1/sql", json={"query": query} | more)


def error(answer, status):
    assert answer.status_code == status, (answer.status_code, answer.text)
    said = answer.json()["error"]
    assert said["code"] and said["message"], said
    return said


def test_json_has_columns_rows_and_stats(server):
    answer = sql(server, "SELECT service, count(*) AS n FROM spans GROUP BY service ORDER BY service").json()
    assert [column["name"] for column in answer["columns"]] == ["service", "n"]
    assert all(column["type"] for column in answer["columns"])
    assert [(name, int(n)) for name, n in answer["rows"]] == [("", 2), ("every-span", 14)]
    assert answer["truncated"] is False
    assert answer["stats"]["rows_buffered"] == 8
    assert answer["stats"]["segments"] == 1


def test_every_format_has_the_same_rows(server):
    query = (
        "SELECT trace_id, span_id, name, kind, start_time, duration FROM spans ORDER BY trace_id, span_id"
    )
    by_json = server.query(query)
    answer = sql(server, query, format="csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    by_csv = list(csv.reader(io.StringIO(answer.text)))
    assert by_csv[0] == ["trace_id", "span_id", "name", "kind", "start_time", "duration"]
    answer = sql(server, query, format="arrow")
    assert answer.headers["Content-Type"].startswith("application/vnd.apache.arrow.stream")
    by_arrow = pa.ipc.open_stream(answer.content).read_all()
    answer = sql(server, query, format="parquet")
    assert answer.headers["Content-Type"].startswith("application/vnd.apache.parquet")
    by_parquet = pq.read_table(io.BytesIO(answer.content))
    assert len(by_json) == len(by_csv) - 1 == by_arrow.num_rows == by_parquet.num_rows == 16
    names = [row[2] for row in by_json]
    assert names == [row[2] for row in by_csv[1:]]
    assert names == by_arrow.column("name").to_pylist() == by_parquet.column("name").to_pylist()
    durations = [int(row[5]) for row in by_json]
    assert durations == [int(row[5]) for row in by_csv[1:]]
    assert durations == by_arrow.column("duration").cast(pa.int64()).to_pylist()
    assert durations == by_parquet.column("duration").cast(pa.int64()).to_pylist()


def test_the_accept_header_chooses_as_well(server):
    answer = server.call(
        "POST", "/api/v1/sql", json={"query": "SELECT 1 AS one"}, headers={"Accept": "text/csv"}
    )
    assert answer.text.split() == ["one", "1"]


def test_ids_are_hex_and_compare_with_hex(server):
    tid = trace_id(1).hex()
    rows = server.query(f"SELECT trace_id, count(*) FROM spans WHERE trace_id = '{tid}' GROUP BY 1")
    assert [[trace, int(n)] for trace, n in rows] == [[tid, 8]]
    assert int(server.value(f"SELECT count(*) FROM logs WHERE trace_id = '{tid}'")) == 11


@pytest.mark.parametrize(
    "table, rows",
    [("spans", 16), ("logs", 22), ("span_events", 4), ("span_links", 4)],
)
def test_tables_count(server, table, rows):
    assert int(server.value(f"SELECT count(*) FROM {table}")) == rows


@pytest.mark.parametrize(
    "where, rows",
    [
        ("attributes['k.int'] = -7", 2),
        ("attributes['k.int'] > -8", 2),
        ("attributes['k.string.empty'] = ''", 2),
        ("attributes['k.double'] < 0.2", 2),
        ("attributes['k.bool.true']", 2),
        ("attributes['k.bool.true'] = true", 2),
        ("attributes['absent'] IS NULL", 16),
        ("attributes['absent'] = 'x'", 0),
        ("attributes['k.int'] IS NOT NULL", 2),
        ("attributes['k.string'] LIKE 'stra%'", 2),
    ],
)
def test_attributes_filter_in_buffer_and_segment(server, where, rows):
    assert int(server.value(f"SELECT count(*) FROM spans WHERE {where}")) == rows


def test_system_tables_answer(server):
    segments = server.query("SELECT \"table\", rows FROM segments")
    assert {name for name, _ in segments} == {
        "spans", "logs", "metric_points", "series", "exemplars"
    }
    assert int(server.value("SELECT count(*) FROM ingest_rejections")) == 0


def test_explain_tells_what_is_pruned(server):
    rows = server.query("EXPLAIN ANALYZE SELECT * FROM spans WHERE name = 'every field'")
    assert rows


# ---- limits ----


def test_too_many_rows_are_cut_and_said_so(server):
    answer = sql(server, "SELECT * FROM logs", row_limit=3).json()
    assert len(answer["rows"]) == 3 and answer["truncated"] is True
    answer = sql(server, "SELECT * FROM logs", row_limit=22).json()
    assert len(answer["rows"]) == 22 and answer["truncated"] is False


def test_a_query_that_takes_too_long_is_stopped(server):
    start = time.monotonic()
    said = error(sql(server, ENDLESS, timeout="300ms"), 504)
    assert time.monotonic() - start < 5
    assert said["code"] == "timeout" and said["hint"]


def test_a_query_that_takes_too_much_memory_is_stopped(server):
    said = error(sql(server, GREEDY, memory_limit=4 << 20), 422)
    assert "memory" in said["message"]


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "SELECT count(*) FROM generate_series(1, 1000000) a(x) "
        "JOIN generate_series(1, 1000000) b(y) ON x + y < 0",
    ],
)
def test_a_query_ends_when_its_client_goes(server, query):
    def running():
        for line in server.call("GET", "/metrics").text.splitlines():
            if "quer" in line and "running" in line and not line.startswith("#"):
                return float(line.split()[-1])
        raise AssertionError("no metric tells how many queries run")

    with pytest.raises(requests.exceptions.ReadTimeout):
        server.call("POST", "/api/v1/sql", json={"query": query}, timeout=1)
    deadline = time.monotonic() + 10
    # This question is no query, and no other test asks meanwhile.
    while running() > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running() == 0


def test_slow_queries_do_not_hold_up_writers(server):
    answers = []
    query = threading.Thread(target=lambda: answers.append(sql(server, ENDLESS, timeout="2s")))
    query.start()
    for seed in range(100, 110):
        start = time.monotonic()
        server.post("/v1/logs", logs(seed).SerializeToString(),
                    {"Content-Type": "application/x-protobuf"}, "writer", session=requests)
        assert time.monotonic() - start < 2
    query.join()
    assert answers[0].status_code == 504


# ---- errors ----


@pytest.mark.parametrize(
    "query, line, column",
    [
        ("SELEC 1", 1, 1),
        ("SELECT 1 FROM spans WHERE (", 1, 28),
        ("SELECT *\nFROM spans\nWHERE ;;", 3, 7),
    ],
)
def test_a_syntax_error_says_where(server, query, line, column):
    said = error(sql(server, query), 400)
    assert said["code"] == "parse_error"
    assert said["position"] == {"line": line, "column": column}, said


@pytest.mark.parametrize(
    "query, word",
    [
        ("SELECT * FROM spams", "spams"),
        ("SELECT durration FROM spans", "durration"),
        ("SELECT no_such_function(1)", "no_such_function"),
    ],
)
def test_an_unknown_name_is_named(server, query, word):
    assert word in error(sql(server, query), 400)["message"]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM spans",
        "DROP TABLE spans",
        "CREATE TABLE t (a INT)",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY spans TO '/tmp/out.csv'",
        "SET datafusion.execution.batch_size = 1",
        "INSERT INTO spans SELECT * FROM spans",
        "SELECT 1; SELECT 2",
        "SELECT repeat('x', 1000000000)",
        "SELECT * FROM '/etc/passwd'",
        "",
    ],
)
def test_only_one_query_that_reads_is_run(server, query):
    error(sql(server, query), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"query": 5}', b'{"qery": "SELECT 1"}'])
def test_a_bad_request_is_explained(server, body):
    headers = {"Content-Type": "application/json"}
    error(server.call("POST", "/api/v1/sql", data=body, headers=headers), 400)


def test_wrong_methods_paths_and_types(server):
    error(server.call("GET", "/api/v1/sql"), 405)
    error(server.call("GET", "/api/v1/nothing"), 404)
    headers = {"Content-Type": "text/plain"}
    error(server.call("POST", "/api/v1/sql", data=b"SELECT 1", headers=headers), 415)
    error(sql(server, "SELECT 1", format="xml"), 400)


def test_trace_ids_are_checked(server):
    for wrong in ("xyz", "12", "g" * 32):
        error(server.call("GET", f"/api/v1/traces/{wrong}"), 400)
    for absent in ("a" * 32, "0" * 32):
        error(server.call("GET", f"/api/v1/traces/{absent}"), 404)
    assert server.trace(trace_id(1).hex().upper())["trace_id"] == trace_id(1).hex()
