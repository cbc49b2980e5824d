"""Ten thousand lines of a real web server's log: every count equals a plain recount of the lines.

Data: the Apache sample of Elastic's examples (see tests/data/weblogs/NOTE).
"""

import collections
import datetime
import gzip
import re

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from canonical import REQUESTS
from everything import any_value, attributes
from words import check_patterns, count, has, ranked, table

LINE = re.compile(
    r'(?P<address>\S+) \S+ \S+ \[(?P<time>[^]]+)\] "(?P<method>\S+) (?P<path>\S+)[^"]*" '
    r"(?P<status>\d+) (?P<size>\S+)"
)
BATCH = 1000
DAY = 86_400_000_000_000


def parsed(line):
    """The record's time in Unix ns, and its attributes."""
    fields = LINE.match(line)
    time = datetime.datetime.strptime(fields["time"], "%d/%b/%Y:%H:%M:%S %z")
    values = {
        "client.address": fields["address"],
        "http.request.method": fields["method"],
        "url.path": fields["path"],
        "http.response.status_code": int(fields["status"]),
    }
    if fields["size"] != "-":
        values["http.response.body.size"] = int(fields["size"])
    return int(time.timestamp()) * 1_000_000_000, values


@pytest.fixture(scope="module")
def lines(data):
    with gzip.open(data / "weblogs" / "apache_logs.gz", "rt", encoding="utf-8") as file:
        return [(line, *parsed(line)) for line in file.read().splitlines()]


def send(server, lines):
    for start in range(0, len(lines), BATCH):
        records = [
            LogRecord(time_unix_nano=time, body=any_value(line), attributes=attributes(values))
            for line, time, values in lines[start : start + BATCH]
        ]
        resource = Resource(attributes=attributes({"service.name": "apache"}))
        group = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])
        server.send("logs", REQUESTS["logs"](resource_logs=[group]), compression="zstd")


@pytest.fixture(scope="module")
def loaded(server, lines):
    """Half of the lines in a segment, the rest in the buffer: an answer must join both."""
    send(server, lines[:5000])
    server.flush()
    send(server, lines[5000:])
    return server


def sql_count(server, where):
    return int(server.value(f"SELECT count(*) FROM logs WHERE {where}"))


def check_words(server, lines):
    for phrase in ("firefox", "Googlebot", "favicon", "404", "HTTP/1.1", "GET /presentations", "semicomplete.com"):
        expected = sum(has(line, phrase) for line, _, _ in lines)
        assert 0 < expected and count(server, f'"{phrase}"') == expected, phrase
    either = sum(has(line, "firefox") or has(line, "msie") for line, _, _ in lines)
    assert count(server, "firefox OR msie") == either
    without = sum(has(line, "bot") and not has(line, "http") for line, _, _ in lines)
    assert count(server, "bot -http") == without
    rare = [line for line, _, _ in lines if has(line, "blackberry")]
    assert sorted(log["body"] for log in server.log_page("blackberry", limit=1000)["logs"]) == sorted(rare)


def check_attributes(server, lines):
    paths = [values["url.path"] for _, _, values in lines]
    status = [values["http.response.status_code"] for _, _, values in lines]
    sizes = [values.get("http.response.body.size") for _, _, values in lines]
    cases = {
        "http.response.status_code:404": sum(code == 404 for code in status),
        "http.response.status_code:>=400": sum(code >= 400 for code in status),
        "http.response.status_code:300..399": sum(300 <= code <= 399 for code in status),
        "url.path:/presentations/*": sum(path.startswith("/presentations/") for path in paths),
        "url.path:*.png": sum(path.endswith(".png") for path in paths),
        "http.response.body.size:*": sum(size is not None for size in sizes),
        "NOT http.response.body.size:*": sum(size is None for size in sizes),
        "http.response.body.size:>100000": sum((size or 0) > 100_000 for size in sizes),
        "service:apache": len(lines),
    }
    for query, expected in cases.items():
        assert 0 < expected and count(server, query) == expected, query
    assert sql_count(server, "attributes['http.response.status_code'] = 404") == status.count(404)


def check_regular_expressions(server, lines):
    for pattern in (r"Firefox/[0-9]+\.0", r'" 50[0-9] ', r"\.(png|gif) HTTP/1\.0", r"^66\.249\."):
        expected = sum(re.search(pattern, line) is not None for line, _, _ in lines)
        assert 0 < expected == sql_count(server, f"regexp_like(body, '{pattern}')"), pattern


def check_tables(server, lines):
    of = lambda key: [values.get(key) for _, _, values in lines]
    status, method = of("http.response.status_code"), of("http.request.method")
    columns, rows = table(server, "| count by http.request.method, http.response.status_code")
    assert columns == ["http.request.method", "http.response.status_code", "count"]
    assert rows == ranked(collections.Counter(zip(method, status)))
    _, rows = table(server, "| count by http.response.body.size")
    assert rows == ranked(collections.Counter(of("http.response.body.size")))
    _, rows = table(server, "| fields url.path | limit 2000")
    assert len(rows) == min(2000, len(lines))
    _, rows = table(server, "| top 20 url.path")
    assert rows == ranked(collections.Counter(of("url.path")))[:20]
    in_sql = server.query(
        "SELECT attributes['url.path'], count(*) FROM logs GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"
    )
    assert rows == [(path, int(found)) for path, found in in_sql]
    _, rows = table(server, "http.response.status_code:>=400 | top 5 by client.address")
    failed = [values["client.address"] for _, _, values in lines if values["http.response.status_code"] >= 400]
    assert rows == ranked(collections.Counter(failed))[:5]
    columns, rows = table(server, "| count by http.request.method per 1d")
    days = collections.Counter((time // DAY * DAY, how) for (_, time, _), how in zip(lines, method))
    expected = sorted(ranked(days), key=lambda row: row[0])
    assert columns == ["time", "http.request.method", "count"]
    assert rows == [(str(day), how, found) for day, how, found in expected]
    _, rows = table(server, "| count by http.request.method | sort http.request.method desc | limit 2")
    assert [row[0] for row in rows] == sorted(set(method), reverse=True)[:2]


def test_every_count_equals_a_recount_wherever_the_lines_lie(loaded, lines):
    patterns = []
    for step in (lambda: None, loaded.flush, loaded.compact, loaded.crash):
        step()
        assert count(loaded, "") == len(lines) == int(loaded.value("SELECT count(*) FROM logs"))
        check_words(loaded, lines)
        check_attributes(loaded, lines)
        check_regular_expressions(loaded, lines)
        check_tables(loaded, lines)
        patterns.append(check_patterns(loaded, [line for line, _, _ in lines]))
    assert all(rows == patterns[0] for rows in patterns), "patterns hang on where lines lie"


def get(server, path, **parameters):
    answer = server.call("GET", f"/api/v1/logs/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_facets_count_the_values_of_fields(loaded, lines):
    failed = [values for _, _, values in lines if values["http.response.status_code"] >= 400]
    fields = ["http.response.status_code", "client.address", "http.response.body.size", "service", "nothing"]
    found = get(loaded, "facets", query="http.response.status_code:>=400", fields=",".join(fields), limit=7)
    assert found["total"] == len(failed)
    assert [facet["field"] for facet in found["facets"]] == fields
    for facet in found["facets"]:
        name = facet["field"]
        of = [values.get(name, "apache" if name == "service" else None) for values in failed]
        known = collections.Counter(value for value in of if value is not None)
        assert (facet["distinct"], facet["missing"]) == (len(known), of.count(None)), name
        assert [(v["value"], v["count"]) for v in facet["values"]] == ranked(known)[:7], name
    for path, parameters in [("logs/facets", {"fields": "time"}), ("logs", {"query": "| count by time"})]:
        answer = loaded.call("GET", f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 400 and "`time` is no key to count by" in answer.text, answer.text


def test_a_histogram_counts_over_time(loaded, lines):
    hour = DAY // 24
    start = min(time for _, time, _ in lines) + DAY
    times = [time for _, time, _ in lines if start <= time]
    found = get(loaded, "histogram", start=str(start), end="now", step="1h")
    counted = collections.Counter(time // hour * hour for time in times)
    assert found["step"] == str(hour)
    assert {int(b["time"]): b["count"] for b in found["buckets"]} == counted
    assert all(b["severities"] == {"": b["count"]} for b in found["buckets"])
    assert [int(b["time"]) for b in found["buckets"]] == sorted(counted)
    for wrong in ({}, {"step": "0s"}, {"step": "x"}, {"step": "1s", "query": "| count"}):
        assert loaded.call("GET", "/api/v1/logs/histogram", params=wrong).status_code == 400, wrong


def test_times_bound_tables_as_they_bound_pages(loaded, lines):
    times = sorted(time for _, time, _ in lines)
    start, end = times[2000], times[7000]
    expected = sum(start <= time < end for time in times)
    _, rows = table(loaded, "| count", start=str(start), end=str(end))
    assert rows == [(expected,)]
