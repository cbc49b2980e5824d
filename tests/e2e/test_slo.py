"""SLOs: the engine's integers equal three other counts, whatever happens to the rows.

The counts: what was sent, counted here; SQL over the raw rows by the server; and SQL over the Parquet files by DuckDB, once
all rows are in files.
"""

import collections
import random
import subprocess
import time

import duckdb
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from binnacle import binary
from canonical import REQUESTS
from everything import any_value, attributes
from remote_write import Series, request_v1, write

SECOND = 1_000_000_000
SLICE = 10 * SECOND
#: Longer than two looks at the SLOs.
LOOK_SECONDS_MAX = 40


def spec(name, source, total, good, method="Occurrences", objective="target: 0.99", note=""):
    return f"""apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
spec:
  description: '{note}'
  service: shop
  indicator:
    metadata: {{name: {name}}}
    spec:
      ratioMetric:
        total: {{metricSource: {{type: {source}, spec: {{query: '{total}'}}}}}}
        good: {{metricSource: {{type: {source}, spec: {{query: '{good}'}}}}}}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: {method}
  objectives: [{{{objective}}}]
"""


def put(server, text, tenant=None):
    answer = server.call("POST", "/api/v1/slos", tenant, data=text)
    assert answer.status_code == 200, answer.text
    return answer.json()["names"]


def find(server, name, tenant=None):
    answer = server.call("GET", f"/api/v1/slos/{name}", tenant)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait(server, name, is_there, tenant=None, seconds=LOOK_SECONDS_MAX):
    """Asks for an SLO until it is as wanted."""
    deadline = time.monotonic() + seconds
    while True:
        slo = find(server, name, tenant)
        if slo["evaluated_at"] and is_there(slo):
            return slo
        assert time.monotonic() < deadline, slo
        time.sleep(0.2)


def look(server, tenant=None):
    """Has all SLOs looked at: a changed one is looked at at once, and it is the last of all by its name."""
    note = str(time.time_ns())
    put(server, spec("zz", "spans", "{ name = `nothing` }", "{ }", note=note), tenant)
    wait(server, "zz", lambda slo: slo["description"] == note, tenant)


def slices(server, name, tenant=None):
    """Time of each slice with events → (good, total)."""
    params = {"start": "0", "end": str(time.time_ns() + 3600 * SECOND)}
    answer = server.call("GET", f"/api/v1/slos/{name}/slices", tenant, params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert not body["truncated"]
    return {int(at): (good, total) for at, good, total in body["slices"]}


def counted(rows):
    return {int(at): (int(good), int(total)) for at, good, total in rows}


# ---- spans ----

Row = collections.namedtuple("Row", "trace span start duration failed server")


def trace_request(rows):
    spans = [
        Span(
            trace_id=row.trace.to_bytes(16, "big"),
            span_id=row.span.to_bytes(8, "big"),
            name="GET /cart",
            kind=Span.SPAN_KIND_SERVER if row.server else Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=row.start,
            end_time_unix_nano=row.start + row.duration,
            status=Status(code=Status.STATUS_CODE_ERROR if row.failed else Status.STATUS_CODE_OK),
            attributes=attributes({"row": row.span}),
        )
        for row in rows
    ]
    resource = Resource(attributes=attributes({"service.name": "shop"}))
    group = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])
    return REQUESTS["traces"](resource_spans=[group])


def count_rows(rows):
    """Each span once, in the slice in which it ends."""
    slices = collections.defaultdict(lambda: [0, 0])
    for row in set(rows):
        if row.server:
            of = slices[(row.start + row.duration) // SLICE * SLICE]
            of[0] += not row.failed and row.duration <= SECOND // 2
            of[1] += 1
    return {at: tuple(of) for at, of in slices.items()}


def count_traces(rows):
    """Each trace once, in the slice of its last span's start; good if none of its spans failed."""
    traces = collections.defaultdict(list)
    for row in rows:
        traces[row.trace].append(row)
    slices = collections.defaultdict(lambda: [0, 0])
    for spans in traces.values():
        of = slices[max(row.start for row in spans) // SLICE * SLICE]
        of[0] += not any(row.failed for row in spans)
        of[1] += 1
    return {at: tuple(of) for at, of in slices.items()}


ENDS = "(CAST(start_time AS BIGINT) + duration) / 10000000000 * 10000000000"
RAW = """
    SELECT slice, sum(CASE WHEN status_code <> 2 AND duration <= 500000000 THEN 1 ELSE 0 END), count(*)
    FROM (SELECT DISTINCT {ends} AS slice, trace_id, span_id, service, name, kind, start_time, duration, status_code
          FROM {table} WHERE kind = 2) AS once
    GROUP BY slice
"""


def by_sql(server, tenant):
    return counted(server.query(RAW.format(ends=ENDS, table="spans"), tenant))


def by_duckdb(server, tenant):
    files = [str(path) for path in server.segments("spans", tenant)]
    ends = "(epoch_ns(start_time) + duration) // 10000000000 * 10000000000"
    return counted(duckdb.connect().execute(RAW.format(ends=ends, table=f"read_parquet({files})")).fetchall())


def by_table(server, name, tenant):
    sql = f"SELECT CAST(slice AS BIGINT), good, total FROM slo_slices WHERE slo = '{name}'"
    return counted(server.query(sql, tenant))


def some_rows(numbers, now, seconds=600):
    """New spans of a few minutes, which share traces with others."""
    return [
        Row(
            trace=numbers.randrange(1, 40),
            span=numbers.getrandbits(60) + 1,
            start=now - numbers.randrange(seconds) * SECOND + numbers.randrange(SECOND),
            duration=numbers.choice([SECOND // 10, SECOND // 2, SECOND // 2 + 1, 12 * SECOND]),
            failed=numbers.random() < 0.2,
            server=numbers.random() < 0.8,
        )
        for _ in range(numbers.randrange(5, 60))
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_span_counts_equal_every_other_count(new_server, seed):
    print(f"seed {seed}")
    numbers = random.Random(seed)
    server, tenant = new_server(), "default"
    put(server, spec("live", "spans", "{ kind = server }", "{ status != error && duration <= 500ms }"))
    traces = "FROM spans WHERE start_time >= $start AND start_time < $end GROUP BY trace_id"
    all_good = f"SELECT max(start_time) AS time, CASE WHEN max(status_code) < 2 THEN 1 ELSE 0 END AS value {traces}"
    journey = spec("journey", "sql", f"SELECT max(start_time) AS time, 1 AS value {traces}", all_good)
    put(server, journey.replace("spec: {query", "spec: {lookback: 20m, query"))
    now = time.time_ns()
    sent = []
    for step in range(24):
        # Late and in no order; some again, in another request than before.
        rows = some_rows(numbers, now) + numbers.sample(sent, min(len(sent), numbers.randrange(30)))
        numbers.shuffle(rows)
        sent += rows
        server.send("traces", trace_request(rows))
        match numbers.randrange(8):
            case 0 | 1:
                server.flush()
            case 2:
                server.flush()
                server.compact()
            case 3 if step % 2:
                server.crash()
            case 4 if step % 3 == 0:
                server.restart()
        if step % 4 == 3:
            look(server)
            expected = count_rows(sent)
            assert slices(server, "live") == expected, f"step {step}"
            assert by_table(server, "live", tenant) == expected
            assert by_sql(server, tenant) == expected
            assert slices(server, "journey") == count_traces(sent)
    # One more SLO counts what is stored; then all is in files.
    put(server, spec("later", "spans", "{ kind = server }", "{ status != error && duration < 500000001ns }"))
    server.flush()
    look(server)
    expected = count_rows(sent)
    assert slices(server, "later") == expected
    assert slices(server, "live") == expected
    assert by_duckdb(server, tenant) == expected
    server.compact()
    server.crash()
    look(server)
    assert slices(server, "live") == expected
    assert by_duckdb(server, tenant) == expected
    status = find(server, "live")["objectives"][0]["status"]
    # The last slices are not closed yet.
    closed = [of for at, of in expected.items() if at < int(status["until"])]
    good, total = (sum(of) for of in zip(*closed))
    assert (status["events"]["good"], status["events"]["total"]) == (good, total)
    assert status["sli"] == pytest.approx(good / total, abs=1e-12)
    assert status["budget"]["consumed"] == pytest.approx((total - good) / total / 0.01, abs=1e-9)


METHODS = {
    "occurrences": ("Occurrences", "target: 0.99"),
    "timeslices": ("Timeslices", "target: 0.99, timeSliceTarget: 0.75"),
    "minutes": ("Timeslices", "target: 0.99, timeSliceTarget: 1, timeSliceWindow: 5m"),
    "ratios": ("RatioTimeslices", "target: 0.99, timeSliceWindow: 1m"),
}
TIERS = "page 10m/5m burn 2, page 30m/5m burn 1.5, ticket 1h/10m burn 1.2"


def count_by(method, width, goal, expected, start, end):
    """Good and total of what a method counts in `[start, end)`, of slices by time."""
    grouped = collections.defaultdict(lambda: [0, 0])
    for at, (good, total) in expected.items():
        if start <= at < end:
            of = grouped[at // (width * SECOND)]
            of[0] += good
            of[1] += total
    if method == "Occurrences":
        return tuple(sum(of[place] for of in grouped.values()) for place in (0, 1))
    if method == "Timeslices":
        return sum(good >= goal * total for good, total in grouped.values()), len(grouped)
    return sum(good * 10**12 // total for good, total in grouped.values()), 10**12 * len(grouped)


@pytest.mark.parametrize("seed", [3, 4])
def test_every_method_and_window_equals_a_count(new_server, seed):
    print(f"seed {seed}")
    numbers = random.Random(seed)
    server, tenant = new_server(), "default"
    texts = {}
    for name, (method, objective) in METHODS.items():
        text = spec(name, "spans", "{ kind = server }", "{ status != error && duration <= 500ms }", method, objective)
        text = text.replace(f"name: {name}\n", f"name: {name}\n  annotations: {{binnacle/tiers: '{TIERS}'}}\n", 1)
        texts[name] = text.replace("30d", "2h")
        texts[name + "-daily"] = text.replace(f"name: {name}\n", f"name: {name}-daily\n", 1).replace(
            "[{duration: 30d, isRolling: true}]",
            "[{duration: 1d, isRolling: false, calendar: {startTime: '2024-01-01 00:00:00', timeZone: Asia/Kolkata}}]",
        )
    put(server, "---\n".join(texts.values()))
    sent = []
    for step in range(16):
        # What comes later than five minutes after its slice counts for the budget alone, so it is older than any tier's window.
        age = numbers.randrange(150) if numbers.randrange(3) else numbers.randrange(3900, 7200)
        rows = some_rows(numbers, time.time_ns() - age * SECOND, 60)
        rows += numbers.sample(sent, min(len(sent), numbers.randrange(30)))
        numbers.shuffle(rows)
        sent += rows
        server.send("traces", trace_request(rows))
        match numbers.randrange(6):
            case 0 | 1:
                server.flush()
            case 2:
                server.flush()
                server.compact()
            case 3 if step % 2:
                server.crash()
            case 4 if step % 3 == 0:
                server.restart()
        if step % 5 != 0:
            continue
        look(server)
        expected = by_sql(server, tenant)
        assert expected == count_rows(sent)
        for name in texts:
            slo = find(server, name)["objectives"][0]
            method, objective = METHODS[name.removesuffix("-daily")]
            width = {"Occurrences": 10}.get(method, 300 if "5m" in objective else 60)
            goal = 1 if "timeSliceTarget: 1," in objective else 0.75
            status = slo["status"]
            until = int(status["until"])
            start = int(status["period"]["start"])
            count = lambda start: count_by(method, width, goal, expected, start, until)  # noqa: B023, E731
            assert (status["counted"]["good"], status["counted"]["total"]) == count(start), name
            for tier in status["burn_rates"]:
                for of in ("long", "short"):
                    seconds = {"5m": 300, "10m": 600, "30m": 1800, "1h": 3600}[tier[f"{of}_window"]]
                    counted = tier[f"{of}_counted"]
                    assert (counted["good"], counted["total"]) == count(until - seconds * SECOND), (name, of)


def test_counts_outlive_their_rows(new_server):
    server = new_server(settings={"storage.flush_interval": "1h"})
    put(server, spec("live", "spans", "{ kind = server }", "{ status != error && duration <= 500ms }"))
    numbers = random.Random(7)
    rows = some_rows(numbers, time.time_ns())
    server.send("traces", trace_request(rows))
    server.flush()
    look(server)
    expected = count_rows(rows)
    assert slices(server, "live") == expected
    server.stop()
    server.settings["storage.retention"] = "1s"
    server.start()
    time.sleep(1.5)
    server.admin("retain")
    assert server.value("SELECT count(*) FROM spans") == 0
    late = some_rows(numbers, time.time_ns())
    server.send("traces", trace_request(late))
    look(server)
    assert slices(server, "live") == count_rows(rows + late)


# ---- logs ----


def log_request(records):
    records = [
        LogRecord(
            time_unix_nano=at,
            severity_number=17 if failed else 9,
            severity_text="ERROR" if failed else "INFO",
            body=any_value(body),
        )
        for at, failed, body in records
    ]
    resource = Resource(attributes=attributes({"service.name": "shop"}))
    group = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])
    return REQUESTS["logs"](resource_logs=[group])


def test_log_counts_equal_every_other_count(new_server):
    numbers = random.Random(5)
    server, tenant = new_server(), "default"
    put(server, spec("orders", "logs", "order", "-severity:error"))
    rows = "SELECT time, 1 AS value FROM logs WHERE time >= $start AND time < $end AND body LIKE ''order %''"
    put(server, spec("by-sql", "sql", rows, rows + " AND severity_number < 17"))
    now, sent = time.time_ns(), []
    for step in range(12):
        records = [
            (
                now - numbers.randrange(600) * SECOND,
                numbers.random() < 0.3,
                numbers.choice(["order placed", "order lost", "cart emptied"]) + f" {step} {number}",
            )
            for number in range(numbers.randrange(1, 40))
        ]
        sent += records
        request = log_request(records)
        # A retry of the same bytes is one request.
        for _ in range(numbers.randrange(1, 3)):
            server.send("logs", request)
        match numbers.randrange(4):
            case 0:
                server.flush()
            case 1:
                server.flush()
                server.compact()
            case 2 if step % 2:
                server.crash()
    server.flush()
    look(server)
    expected = collections.defaultdict(lambda: [0, 0])
    for at, failed, body in sent:
        if body.startswith("order"):
            of = expected[at // SLICE * SLICE]
            of[0] += not failed
            of[1] += 1
    expected = {at: tuple(of) for at, of in expected.items()}
    assert slices(server, "orders") == expected
    assert by_table(server, "orders", tenant) == expected
    assert slices(server, "by-sql") == expected
    files = [str(path) for path in server.segments("logs", tenant)]
    sql = f"""
        SELECT epoch_ns(time) // 10000000000 * 10000000000, sum(CASE WHEN severity_number < 17 THEN 1 ELSE 0 END), count(*)
        FROM read_parquet({files}) WHERE body LIKE 'order %' GROUP BY 1
    """
    assert counted(duckdb.connect().execute(sql).fetchall()) == expected


# ---- counters ----

GROWTH = """
    WITH points AS (
        SELECT DISTINCT p.series_id AS id, s.name AS name, {nanos} AS t, p.value AS value
        FROM {points} AS p JOIN {series} AS s ON p.series_id = s.series_id
    ), pairs AS (
        SELECT name, t, value, lag(value) OVER (PARTITION BY id ORDER BY t) AS before,
            lag(t) OVER (PARTITION BY id ORDER BY t) AS earlier
        FROM points
    ), grown AS (
        SELECT name, t, CASE WHEN earlier IS NULL OR t - earlier > 3600000000000 THEN 0
            WHEN value < before THEN value ELSE value - before END AS growth
        FROM pairs
    )
    SELECT slice, total - CASE WHEN failed < total THEN failed ELSE total END, total FROM (
        SELECT {slice} AS slice, sum(CASE WHEN name = 'requests_total' THEN growth ELSE 0 END) AS total,
            sum(CASE WHEN name = 'requests_total' THEN 0 ELSE growth END) AS failed
        FROM grown GROUP BY 1) AS sums
"""


def with_events(rows):
    return {at: of for at, of in counted(rows).items() if of[1]}


def count_growth(delivered):
    """Good and total per slice of `(name, instance) → time in s → value`."""
    slices = collections.defaultdict(lambda: [0, 0])
    for (name, _), points in delivered.items():
        before = None
        for at, value in sorted(points.items()):
            if before is not None and at - before[0] <= 3600:
                growth = value if value < before[1] else value - before[1]
                slices[(at - 1) // 10 * SLICE][name == "requests_total"] += growth
            before = (at, value)
    # What is delivered in part has errors without their requests.
    return {at: (total - min(failed, total), total) for at, (failed, total) in slices.items() if total}


@pytest.mark.parametrize("seed", [1, 2])
def test_counter_counts_equal_every_other_count(new_server, seed):
    print(f"seed {seed}")
    numbers = random.Random(seed)
    server, tenant = new_server(), "default"
    text = spec("requests", "promql", "requests_total", "errors_total").replace("good:", "bad:")
    put(server, text)
    now = int(time.time())
    samples = []
    for instance in "abc":
        requests = errors = 0
        for at in range(now - 3000, now, 15):
            if numbers.random() < 0.01:
                requests = errors = 0
            more = numbers.randrange(50)
            requests, errors = requests + more, errors + numbers.randrange(more + 1)
            place = at + numbers.randrange(15)
            samples.append((("requests_total", instance), place, requests))
            samples.append((("errors_total", instance), place, errors))
    # In no order; some again.
    numbers.shuffle(samples)
    samples += numbers.sample(samples, 200)
    delivered = collections.defaultdict(dict)
    for step in range(0, len(samples), 100):
        grouped = collections.defaultdict(dict)
        for key, at, value in samples[step : step + 100]:
            grouped[key][at] = delivered[key][at] = value
        series = [
            Series({"__name__": name, "instance": instance}, [(value, at * 1000) for at, value in sorted(of.items())])
            for (name, instance), of in grouped.items()
        ]
        assert write(server, request_v1(series), version=1).status_code in (200, 204)
        match numbers.randrange(8):
            case 0 | 1:
                server.flush()
            case 2:
                server.flush()
                server.compact()
            case 3:
                server.crash()
            case 4:
                server.restart()
        if step % 400 == 0:
            look(server)
            assert slices(server, "requests") == count_growth(delivered), f"step {step}"
    put(server, text.replace("name: requests\n", "name: later\n", 1).replace("'errors_total'", "'errors_total{}'"))
    server.flush()
    look(server)
    expected = count_growth(delivered)
    assert slices(server, "requests") == expected
    assert slices(server, "later") == expected
    assert by_table(server, "requests", tenant) == expected
    sql = GROWTH.format(
        nanos="CAST(p.time AS BIGINT)",
        points="metric_points",
        series="(SELECT DISTINCT series_id, name FROM series)",
        slice="(t - 1) / 10000000000 * 10000000000",
    )
    assert with_events(server.query(sql, tenant)) == expected
    files = {of: [str(path) for path in server.segments(of, tenant)] for of in ("metric_points", "series")}
    sql = GROWTH.format(
        nanos="epoch_ns(p.time)",
        points=f"read_parquet({files['metric_points']})",
        series=f"(SELECT DISTINCT series_id, name FROM read_parquet({files['series']}))",
        slice="(t - 1) // 10000000000 * 10000000000",
    )
    assert with_events(duckdb.connect().execute(sql).fetchall()) == expected
    server.crash()
    look(server)
    assert slices(server, "requests") == expected


# ---- the API ----


def test_specs_have_versions_and_are_refused_by_field_and_line(server, tenant):
    text = spec("checkout", "spans", "{ kind = server }", "{ status != error }")
    assert put(server, text, tenant) == ["checkout"]
    assert put(server, text, tenant) == ["checkout"]
    assert find(server, "checkout", tenant)["version"] == 1, "nothing of it changed"
    put(server, text.replace("0.99", "0.995"), tenant)
    slo = find(server, "checkout", tenant)
    assert (slo["version"], slo["objectives"][0]["target"]) == (2, "99.5%")
    versions = server.call("GET", "/api/v1/slos/checkout/versions", tenant).json()["versions"]
    assert [version["version"] for version in versions] == [1, 2]
    assert versions[0]["deleted_at"] is not None and versions[1]["deleted_at"] is None

    def counted(table, condition="true"):
        within = "start_time >= $start AND start_time < $end"
        return f"SELECT start_time AS time, 1 AS value FROM {table} WHERE {condition} AND {within}"

    for wrong, place in [
        (text.replace("0.99", "1"), "line 16: spec.objectives[0].target"),
        (text.replace("type: spans", "type: graphite", 1), "line 12: spec.indicator.spec.ratioMetric.total.metricSource.type"),
        (text.replace("30d", "1M"), "line 14: spec.timeWindow[0].duration"),
        (text + "  color: blue\n", "line 17: spec.color"),
        (spec("sql", "sql", counted("nowhere"), counted("nowhere")), "nowhere"),
        (spec("sql", "sql", counted("spans"), counted("spans", "colour = 3")), "colour"),
        ("a: [", "line "),
        ("", "line 1"),
    ]:
        for path in ["/api/v1/slos", "/api/v1/slos/check"]:
            answer = server.call("POST", path, tenant, data=wrong)
            assert answer.status_code == 400, (wrong, answer.text)
            assert place in answer.json()["error"]["message"]
    assert find(server, "checkout", tenant)["version"] == 2
    assert server.call("GET", "/api/v1/slos/checkout", "somebody-else").status_code == 404
    assert server.call("DELETE", "/api/v1/slos/checkout", tenant).status_code == 204
    assert server.call("GET", "/api/v1/slos/checkout", tenant).status_code == 404
    assert server.call("DELETE", "/api/v1/slos/checkout", tenant).status_code == 404


def test_files_are_watched_and_a_broken_one_changes_nothing(new_server, tmp_path):
    folder = tmp_path / "slos"
    folder.mkdir()
    file = folder / "shop.yaml"
    file.write_text(spec("shop", "spans", "{ }", "{ status != error }"))
    server = new_server(settings={"alerting.slos": str(folder), "alerting.reload_interval": "200ms"})
    is_file = lambda slo: slo["file"].endswith("shop.yaml")  # noqa: E731
    deadline = time.monotonic() + LOOK_SECONDS_MAX
    while server.call("GET", "/api/v1/slos/shop").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    wait(server, "shop", is_file)
    answer = server.call("POST", "/api/v1/slos", data=file.read_text())
    assert answer.status_code == 409
    file.write_text(file.read_text().replace("0.99", "7"))
    deadline = time.monotonic() + LOOK_SECONDS_MAX
    while not (problems := server.call("GET", "/api/v1/slos").json()["problems"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "spec.objectives[0].target" in problems[str(file)][0]
    assert find(server, "shop")["version"] == 1
    file.write_text(spec("shop", "spans", "{ }", "{ status != error }", objective="target: 0.9"))
    wait(server, "shop", lambda slo: slo["version"] == 2)
    file.unlink()
    deadline = time.monotonic() + LOOK_SECONDS_MAX
    while server.call("GET", "/api/v1/slos/shop").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_outage_pages_and_its_page_survives_a_crash(new_server):
    server = new_server()
    put(server, spec("live", "spans", "{ kind = server }", "{ status != error }", objective="target: 0.999"))
    now = time.time_ns()

    def traffic(start, end, failed):
        step = SECOND // 2
        return [
            Row(trace=at // step, span=at, start=at, duration=SECOND // 100, failed=failed, server=True)
            for at in range(start, end, step)
        ]

    # An hour of good traffic, and four minutes in which all fails.
    server.send("traces", trace_request(traffic(now - 3600 * SECOND, now - 240 * SECOND, False)))
    server.send("traces", trace_request(traffic(now - 240 * SECOND, now, True)))

    def is_paging(slo):
        alerts = slo["objectives"][0].get("alerts", [])
        return any(a["level"] == "firing" and a["severity"] == "page" for a in alerts)

    slo = wait(server, "live", is_paging)
    burn = slo["objectives"][0]["status"]["burn_rates"][0]
    assert (burn["long_window"], burn["threshold"]) == ("1h", 14.4)
    assert burn["long"] > 14.4 and burn["state"] == "measured"
    alerts = slo["objectives"][0]["alerts"]
    page = next(a for a in alerts if a["level"] == "firing" and a["long_window"] == "1h")
    transitions = server.call("GET", "/api/v1/slos/transitions", params={"slo": "live"}).json()["transitions"]
    fired = [t for t in transitions if t["long_window"] == "1h"]
    assert [t["level"] for t in fired] == ["firing"]
    assert "burn rate" in fired[0]["reason"]
    assert server.value("SELECT count(*) FROM slo_transitions WHERE level = 'firing' AND windows = '1h/5m'") == 1
    server.crash()
    slo = wait(server, "live", is_paging)
    again = next(a for a in slo["objectives"][0]["alerts"] if a["long_window"] == "1h")
    assert again["since"] == page["since"]
    points = server.call("GET", "/api/v1/slos/live/graph", params={"start": "-50m", "step": "60s"}).json()["points"]
    assert points[0]["budget"]["remaining"] == 1.0
    assert points[-1]["budget"]["remaining"] < 0


def test_a_backtest_fires_when_the_closed_form_says(new_server, tmp_path):
    server = new_server()
    start = (time.time_ns() // SLICE - 200) * SLICE
    outage = start + 1200 * SECOND

    def row(at):
        failed = outage <= at < outage + 300 * SECOND
        return Row(trace=at // SECOND, span=at, start=at, duration=1, failed=failed, server=True)

    # An hour of good traffic before, which the long window is to be full of.
    rows = [row(at) for at in range(start - 3600 * SECOND, start + 2000 * SECOND, SECOND)]
    server.send("traces", trace_request(rows))
    text = spec("what-if", "spans", "{ kind = server }", "{ status != error }", objective="target: 0.999")
    params = {"start": str(start), "end": str(start + 2000 * SECOND)}
    answer = server.call("POST", "/api/v1/slos/backtest", params=params, data=text)
    assert answer.status_code == 200, answer.text
    [slo] = answer.json()["slos"]
    page = [t for t in slo["objectives"][0]["transitions"] if t["long_window"] == "1h"]
    assert [t["level"] for t in page] == ["firing", "inactive"]
    fired, over = (int(t["until"]) for t in page)
    # 14.4 × 0.1 % of an hour all failing: 51.84 s; then 5 min less 1.44 % of it.
    assert 51.84 <= (fired - outage) / SECOND <= 51.84 + 10
    assert 295.68 - 10 <= (over - outage) / SECOND - 300 <= 295.68 + 10
    assert server.call("GET", "/api/v1/slos/what-if").status_code == 404, "it is stored nowhere"
    file = tmp_path / "slo.yaml"
    file.write_text(text)
    run = lambda *words: subprocess.run(  # noqa: E731
        [binary(), "slo", *words, "--url", server.api], capture_output=True, text=True, timeout=60
    )
    done = run("backtest", str(file), "--start", str(start), "--end", params["end"])
    assert done.returncode == 0, done.stderr
    assert "page burn_rate 1h/5m  firing" in done.stdout
    assert run("apply", str(file)).stdout == "stored: what-if\n"
    assert "what-if  target 99.9%" in run("list").stdout
    file.write_text(text.replace("0.999", "1"))
    done = run("check", str(file))
    assert done.returncode == 1 and "line 16: spec.objectives[0].target" in done.stderr
