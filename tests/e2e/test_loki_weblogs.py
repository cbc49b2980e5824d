"""LogQL over a real access log: every number equals plain recomputation.

Data: see tests/data/weblogs/NOTE.
"""

import collections
import datetime
import gzip
import math
import re

import pytest

from loki import Loki

NANOS = 10**9
PATTERN = '<ip> <_> <_> [<_>] "<method> <path> <_>" <status> <size> "<referer>" "<agent>"'
LINE = re.compile(
    r'(?P<ip>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) [^"]*" (?P<status>\d+) (?P<size>\S+) '
    r'"(?P<referer>.*?)" "(?P<agent>.*)"?$'
)


@pytest.fixture(scope="module")
def loki(server):
    return Loki(server, "weblogs")


@pytest.fixture(scope="module")
def log(loki, data, server):
    """The lines as `(nanoseconds, line)`, pushed; half of them lie in a segment, half in the buffer."""
    rows = []
    with gzip.open(data / "weblogs" / "apache_logs.gz", "rt") as file:
        for index, line in enumerate(file):
            line = line.rstrip("\n")
            text = LINE.match(line)["time"]
            time = datetime.datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
            # The order of lines of one second is theirs in the file.
            rows.append((int(time.timestamp()) * NANOS + index, line))
    for at in range(0, len(rows), 1000):
        values = [(time, line, {}) for time, line in rows[at : at + 1000]]
        loki.push([({"app": "apache", "env": "test"}, values)])
        if at == 4000:
            server.flush()
    return rows


@pytest.fixture(scope="module")
def span(log):
    """A moment after the last line, and a range that reaches back before the first."""
    last = max(time for time, _ in log)
    first = min(time for time, _ in log)
    return last + NANOS, (last - first) // NANOS + 10


def parsed(log):
    return [LINE.match(line).groupdict() for _, line in log]


def by(label, counts):
    return {((label, value),): float(count) for value, count in counts.items()}


def test_lines_come_back_as_they_were(loki, log):
    found, start = [], min(time for time, _ in log)
    end = max(time for time, _ in log) + 1
    while start < end:
        page = loki.lines('{app="apache"}', start, end, limit=3000, direction="forward")
        found += page
        if len(page) < 3000:
            break
        start = page[-1][0] + 1
    assert found == sorted(log)
    newest = loki.lines('{app="apache", env=~"te.t"}', 0, end, limit=10)
    assert newest == sorted(log)[-10:]


FILTERS = [
    ('|= "favicon"', lambda line: "favicon" in line),
    ('|= " 404 "', lambda line: " 404 " in line),
    ('!= "GET"', lambda line: "GET" not in line),
    ('|~ "(?i)GOOGLEBOT|bingbot"', lambda line: re.search("(?i)googlebot|bingbot", line)),
    ('|~ `/presentations/.*\\.png`', lambda line: re.search(r"/presentations/.*\.png", line)),
    ('!~ "Mozilla/[45]"', lambda line: not re.search("Mozilla/[45]", line)),
    ('|= "Ubuntu" or "Windows NT" != "Firefox"', lambda line: ("Ubuntu" in line or "Windows NT" in line) and "Firefox" not in line),
    ('|> "<_> HTTP/1.0\\" <_>"', lambda line: ' HTTP/1.0" ' in line),
    ('|= ip("66.249.64.0/19")', lambda line: any(in_network(ip) for ip in re.findall(r"[\d.]+", line))),
]


def in_network(text):
    parts = text.rstrip(".").split(".")
    if len(parts) != 4 or not all(part.isdigit() and int(part) < 256 for part in parts):
        return False
    return parts[:2] == ["66", "249"] and 64 <= int(parts[2]) <= 95


@pytest.mark.parametrize("text,test", FILTERS, ids=[text for text, _ in FILTERS])
def test_line_filters(loki, log, span, text, test):
    expected = sum(1 for _, line in log if test(line))
    assert 0 < expected < len(log)
    time, seconds = span
    query = f'sum(count_over_time({{app="apache"}} {text} [{seconds}s]))'
    assert loki.instant(query, time) == {(): float(expected)}


def test_counts_by_status_and_method(loki, log, span):
    time, seconds = span
    rows = parsed(log)
    pattern = f'{{app="apache"}} | pattern `{PATTERN}`'
    found = loki.instant(f"sum by (status) (count_over_time({pattern} [{seconds}s]))", time)
    assert found == by("status", collections.Counter(row["status"] for row in rows))
    regexp = r'{app="apache"} | regexp `"(?P<method>\S+) (?P<path>\S+)`'
    found = loki.instant(f"sum by (method) (count_over_time({regexp} [{seconds}s]))", time)
    assert found == by("method", collections.Counter(row["method"] for row in rows))
    errors = f"sum by (method, status) (count_over_time({pattern} | status >= 400 and status < 500 [{seconds}s]))"
    expected = collections.Counter(
        (("method", row["method"]), ("status", row["status"])) for row in rows if 400 <= int(row["status"]) < 500
    )
    assert loki.instant(errors, time) == {key: float(count) for key, count in expected.items()}
    top = loki.instant(f"topk(3, sum by (ip) (count_over_time({pattern} [{seconds}s])))", time)
    counts = collections.Counter(row["ip"] for row in rows).most_common(3)
    assert top == by("ip", dict(counts))


def quantile(q, values):
    values = sorted(values)
    rank = q * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] * (1 - (rank - low)) + values[high] * (rank - low)


def test_sizes(loki, log, span):
    time, seconds = span
    rows = [row for row in parsed(log) if row["size"] != "-"]
    unwrapped = f'{{app="apache"}} | pattern `{PATTERN}` | size != "-" | unwrap size | __error__="" [{seconds}s]'
    sizes = collections.defaultdict(list)
    for row in rows:
        sizes[row["status"]].append(float(row["size"]))
    for operation, compute in [
        ("sum_over_time", sum),
        ("max_over_time", max),
        ("min_over_time", min),
        ("avg_over_time", lambda values: sum(values) / len(values)),
        ("quantile_over_time", lambda values: quantile(0.9, values)),
    ]:
        parameter = "0.9, " if operation.startswith("quantile") else ""
        grouping = " by (status)"
        query = f"{operation}({parameter}{unwrapped}){grouping}"
        if operation == "sum_over_time":
            query = f"sum by (status) ({operation}({unwrapped}))"
        found = loki.instant(query, time)
        assert found == pytest.approx(by("status", {k: compute(v) for k, v in sizes.items()})), operation
    total = loki.instant(f'sum(bytes_over_time({{app="apache"}} [{seconds}s]))', time)
    assert total == {(): float(sum(len(line.encode()) for _, line in log))}


def test_ranges(loki, log):
    step = 3600 * NANOS
    start = min(time for time, _ in log) // step * step
    end = max(time for time, _ in log) // step * step + step
    query = 'sum by (app) (count_over_time({app="apache"} |= "robots.txt" [1h]))'
    data = loki.data("query_range", query=query, start=start, end=end, step="1h")
    assert data["resultType"] == "matrix"
    [series] = data["result"]
    assert series["metric"] == {"app": "apache"}
    expected = {}
    for time, line in log:
        if "robots.txt" in line:
            bucket = -(-time // step) * step
            expected[bucket // NANOS] = expected.get(bucket // NANOS, 0) + 1
    assert {time: int(value) for time, value in series["values"]} == expected


def test_formats(loki, log):
    end = max(time for time, _ in log) + 1
    query = (
        f'{{app="apache"}} | pattern `{PATTERN}` | status = "404" '
        '| line_format "{{.method}} {{.path | trunc 10}} {{ if eq .size \\"-\\" }}none{{ else }}{{ .size }}{{ end }}" '
        '| label_format code=status | keep code'
    )
    data = loki.data("query_range", query=query, start=0, end=end, limit=5000)
    [stream] = data["result"]
    assert stream["stream"] == {"code": "404"}
    rows = [(time, row) for (time, _), row in zip(log, parsed(log)) if row["status"] == "404"]
    expected = [
        [str(time), f"{row['method']} {row['path'][:10]} {'none' if row['size'] == '-' else row['size']}"]
        for time, row in sorted(rows, key=lambda one: -one[0])
    ]
    assert stream["values"] == expected


def test_volume(loki, log):
    start, end = min(time for time, _ in log), max(time for time, _ in log) + 1
    size = sum(len(line.encode()) for _, line in log)
    stats = loki.get("index/stats", query='{app="apache"}', start=start, end=end)
    assert (stats["streams"], stats["entries"], stats["bytes"]) == (1, len(log), size)
    data = loki.data("index/volume", query='{app="apache"}', start=start, end=end, limit=10)
    assert [(one["metric"], one["value"][1]) for one in data["result"]] == [({"app": "apache"}, str(size))]
