"""DuckDB reads the segments' Parquet files without us, and counts the same as our SQL."""

import duckdb
import pytest

from everything import any_value, attributes, logs, metrics, traces
from canonical import REQUESTS
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

SPANS = 3000


def many_spans(batch):
    """Attributes whose kinds and frequencies differ: columns, mixed kinds, and a tail."""

    def span(i):
        n = batch * SPANS + i
        values = {"n": n, "half": n / 2, "even": n % 2 == 0, "route": f"/r/{n % 7}"}
        values["mixed"] = n if n % 3 else f"text {n}"
        values[f"tail.{n % 90}"] = n
        return Span(
            trace_id=(1 + n // 5).to_bytes(16, "big"),
            span_id=(1 + n).to_bytes(8, "big"),
            name=f"op {n % 11}",
            kind=n % 6,
            start_time_unix_nano=1_772_366_400_000_000_000 + n * 1_000_003,
            end_time_unix_nano=1_772_366_400_000_000_000 + n * 1_000_003 + n * 17,
            attributes=attributes(values),
        )

    resource = Resource(attributes=attributes({"service.name": f"svc-{batch}"}))
    scopes = [ScopeSpans(spans=[span(i) for i in range(SPANS)])]
    return REQUESTS["traces"](resource_spans=[ResourceSpans(resource=resource, scope_spans=scopes)])


def many_logs():
    records = [
        LogRecord(
            time_unix_nano=1_772_366_400_000_000_000 + i,
            severity_number=i % 24,
            body=any_value(f"line {i} of the log"),
            attributes=attributes({"i": i}),
        )
        for i in range(SPANS)
    ]
    return REQUESTS["logs"](
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    )


@pytest.fixture(scope="module", params=["flushed", "compacted"])
def full(request, tmp_path_factory):
    from binnacle import Server

    server = Server(tmp_path_factory.mktemp("duckdb")).start()
    for batch in range(3):
        server.send("traces", many_spans(batch))
        server.flush()
    server.send("traces", traces())
    server.send("logs", logs())
    server.send("logs", many_logs())
    server.send("metrics", metrics())
    server.flush()
    if request.param == "compacted":
        server.compact()
    yield server
    server.stop()


class Duck:
    """The live segments of every table, as DuckDB tables."""

    def __init__(self, server):
        self.server = server
        self.connection = duckdb.connect()

    def files(self, table):
        return [str(path) for path in self.server.segments(table)]

    def rows(self, table, select):
        files = ", ".join(f"'{path}'" for path in self.files(table))
        source = f"read_parquet([{files}], union_by_name = true)"
        return self.connection.execute(select.format(source)).fetchall()


@pytest.fixture
def duck(full):
    return Duck(full)


def plain(rows):
    return sorted(([value for value in row] for row in rows), key=repr)


@pytest.mark.parametrize("table", ["spans", "logs", "metric_points", "series", "exemplars"])
def test_duckdb_counts_the_same(full, duck, table):
    [[count]] = duck.rows(table, "SELECT count(*) FROM {}")
    assert count > 0
    assert count == int(full.value(f"SELECT count(*) FROM {table}"))


@pytest.mark.parametrize(
    "table, select",
    [
        ("spans", "SELECT service, count(*), CAST(sum(duration) AS BIGINT) FROM {} GROUP BY service"),
        ("spans", "SELECT name, kind, count(*) FROM {} GROUP BY name, kind"),
        ("spans", "SELECT count(DISTINCT trace_id), count(parent_span_id) FROM {}"),
        ("logs", "SELECT severity_number, count(*), count(body) FROM {} GROUP BY severity_number"),
        ("logs", "SELECT count(*) FROM {} WHERE body LIKE '%7 of the log'"),
        ("metric_points", "SELECT count(value), count(int_value), sum(count) FROM {}"),
        ("series", "SELECT name, type, count(*) FROM {} GROUP BY name, type"),
    ],
)
def test_duckdb_sums_the_same(full, duck, table, select):
    ours = [[as_number(value) for value in row] for row in full.query(select.format(table))]
    theirs = [[as_number(value) for value in row] for row in duck.rows(table, select)]
    assert plain(ours) == plain(theirs)


def test_duckdb_reads_explicit_buckets(duck):
    """Histograms are arrays as text, which every engine casts; bounds are one less than counts."""
    counts, bounds = "CAST(bucket_counts AS UBIGINT[])", "CAST(explicit_bounds AS DOUBLE[])"
    select = f"SELECT count, {counts}, {bounds} FROM {{}} WHERE bucket_counts IS NOT NULL"
    rows = duck.rows("metric_points", select)
    assert any(len(buckets) > 1 for _, buckets, _ in rows)
    for count, buckets, limits in rows:
        assert sum(buckets) in (0, count)
        assert len(buckets) in (0, len(limits) + 1)


def as_number(value):
    """Counts and sums are decimal strings in JSON where they might not fit a double."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize(
    "key, aggregate",
    [
        ("n", "count({0}), CAST(sum({0}) AS DOUBLE)"),
        ("half", "count({0}), sum({0})"),
        ("even", "count({0}), count(CASE WHEN {0} THEN 1 END)"),
        ("route", "count({0}), count(DISTINCT {0})"),
    ],
)
def test_attribute_columns_are_plain_columns(full, duck, key, aggregate):
    where = " WHERE service LIKE 'svc-%'"
    kind = {"n": "BIGINT", "half": "DOUBLE", "even": "BOOLEAN", "route": "VARCHAR"}[key]
    ours = f"CAST(attributes['{key}'] AS {kind})"
    [mine] = full.query(f"SELECT {aggregate.format(ours)} FROM spans{where}")
    column = f'"attributes.{key}"'
    [theirs] = duck.rows("spans", f"SELECT {aggregate.format(column)} FROM {{}}{where}")
    assert [as_number(v) for v in mine] == [as_number(v) for v in theirs]
    assert as_number(mine[0]) == 3 * SPANS


def test_no_nested_columns(duck):
    """Flat columns only: every tool reads them, and filters reach them."""
    for table in ("spans", "logs", "metric_points", "series", "exemplars"):
        for path in duck.files(table):
            describe = "DESCRIBE SELECT * FROM read_parquet(?)"
            schema = [row[:2] for row in duck.connection.execute(describe, [path]).fetchall()]
            for name, kind in schema:
                assert not any(word in kind for word in ("STRUCT", "MAP", "[]")), (name, kind)


def test_times_are_timestamps(duck):
    [[kind]] = duck.rows("spans", "SELECT DISTINCT typeof(start_time) FROM {}")
    assert kind.startswith("TIMESTAMP"), kind
