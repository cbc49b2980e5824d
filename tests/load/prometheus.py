#!/usr/bin/env python3
"""Measures Binnacle beside Prometheus on the same samples, and writes the last section of RESULTS.md.

    tests/load/run --only prometheus       (part of `make bench`)

Both get the same remote-write requests over one connection, one after the other: a day of 1,500 series every 15 s, and a
month of 100 series every minute (`src/bin/samples.rs`). CPU is the process's until all is flushed and compacted. Then both are
started anew and asked the same range queries; their answers must agree to 1e-9. Takes some three minutes.
"""

import datetime
import http.client
import json
import math
import statistics
import subprocess
import sys
import time
import urllib.parse

import report as reports
from arguments import parse_arguments
from report import judge, show
from servers import Prometheus, Server, find_prometheus

RUNS = 7
TOLERANCE = 1e-9
WRITE = {"binnacle": "/prometheus/api/v1/write", "prometheus": "/api/v1/write"}
READ = {"binnacle": "/prometheus/api/v1/query_range", "prometheus": "/api/v1/query_range"}
SYSTEMS = ["binnacle", "prometheus"]

RATE = "sum by (job) (rate(requests_total[5m]))"
QUANTILE = "histogram_quantile(0.99, sum by (le, route) (rate(request_duration_seconds_bucket[5m])))"
RATIO = 'sum by (job) (rate(requests_total{code=~"5.."}[1h])) / sum by (job) (rate(requests_total[1h]))'
MONTH = "sum by (job) (rate(records_total[1h]))"
HOUR = 3600

#: `(name, corpus, query, seconds back from the corpus's end, step in seconds)`; steps as Grafana asks for.
QUERIES = [
    ("rate by job, 24 h", "day", RATE, 24 * HOUR, 60),
    ("p99 by route, 24 h", "day", QUANTILE, 24 * HOUR, 60),
    ("ratio [1h], 24 h", "day", RATIO, 24 * HOUR, 60),
    ("rate by job, 1 h", "day", RATE, HOUR, 15),
    ("p99 by route, 1 h", "day", QUANTILE, HOUR, 15),
    ("ratio [1h], 1 h", "day", RATIO, HOUR, 15),
    ("rate of 100 series, 30 d", "month", MONTH, 720 * HOUR, 1800),
]

#: DESIGN section 13 gives the times of a Prometheus on another machine; what carries over is how they compare to it.
#: `(name of the query, must, aim)` as shares of Prometheus's time in the same run.
SHARES = [
    ("rate by job", 14 / 14, 5 / 14),
    ("p99 by route", 130 / 260, 40 / 260),
    ("ratio [1h]", 28 / 28, 10 / 28),
]
CPU_PER_M, BYTES = (1.5, 0.5), (3, 1.7)


def main():
    arguments = parse_arguments(__doc__)
    program, missing = find_prometheus()
    if missing:
        sys.exit(missing)
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[2]
    ingested, asked = {}, []
    for name in ["day", "month"]:
        corpus = make_corpus(arguments, name)
        servers = {
            "binnacle": Server(arguments, f"samples-{name}"),
            "prometheus": Prometheus(arguments, name, program),
        }
        try:
            ingested[name] = {s: ingest(arguments, corpus, s, servers[s]) for s in SYSTEMS}
            for server in servers.values():
                server.start()
            for query in QUERIES:
                if query[1] == name:
                    asked.append(ask_both(query, corpus, servers))
        finally:
            for server in servers.values():
                server.stop(keep=arguments.keep)
    text = render(ingested, asked, version)
    print(text)
    if arguments.results:
        reports.write_section(arguments.results, reports.PROMETHEUS, text)


def progress(text):
    print(f"# {text}", file=sys.stderr, flush=True)


def make_corpus(arguments, name):
    """The requests, made once per directory and preset."""
    hours = {"small": {"day": 6, "month": 48}}.get(arguments.preset, {}).get(name)
    path = arguments.dir / f"samples-{arguments.preset}-{name}.rw"
    about = path.with_suffix(".json")
    if not about.exists():
        progress(f"making the samples of a {name}")
        arguments.dir.mkdir(parents=True, exist_ok=True)
        command = [f"{arguments.tools}/samples", "--out", str(path), "--corpus", name]
        command += ["--hours", str(hours)] if hours else []
        about.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return {"path": path, "name": name, **json.loads(about.read_text())}


def ingest(arguments, corpus, system, server):
    """Sends the corpus to an empty server, which is stopped afterwards: what it cost, and what it takes on disk."""
    samples = corpus["samples"]
    progress(f"{system} takes the {corpus['name']}: {samples:,} samples in {corpus['series']:,} series")
    server.start()
    before = server.cpu()
    command = [f"{arguments.tools}/replay", "--file", str(corpus["path"])]
    command += ["--url", server.url(WRITE[system]), "--conns", "1", "--max-s", "600"]
    command += ["--header", "Content-Encoding: snappy"]
    command += ["--header", "X-Prometheus-Remote-Write-Version: 0.1.0"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    replayed = json.loads(done.stdout)
    assert replayed["items_ok"] == samples, done.stdout
    server.settle()
    cpu = server.cpu() - before
    if system == "binnacle":
        assert server.count("metric_points") == samples
        disk = server.disk()
        found = {"bytes": disk["total"] / samples, "detail": disk}
    else:
        disk = server.disk()
        # The last hours are not in blocks yet.
        found = {"bytes": disk["blocks"] / disk["samples"], "wal": disk["rest"], "detail": disk}
    found |= {
        "cpu": cpu * 1e6 / samples,
        "rate": replayed["items_per_s"],
        "peak_rss": server.peak_memory() / 1e6,
    }
    server.end()
    progress(json.dumps(found))
    return found


# ---- queries ----


def ask_both(query, corpus, servers):
    name, _, text, back, step = query
    end = corpus["end"] // 1000
    start = max(end - back, corpus["start"] // 1000)
    parameters = urllib.parse.urlencode({"query": text, "start": start, "end": end, "step": step})
    measured, answers = {}, {}
    for system in SYSTEMS:
        measured[system], answers[system] = ask(servers[system], f"{READ[system]}?{parameters}")
    compare(name, answers)
    times = ", ".join(f"{s} {m['ms']:.1f} ms ({m['cpu_ms']:.0f} CPU)" for s, m in measured.items())
    progress(f"{name}: {times}")
    return {"name": name, "query": text, "step": step, **measured}


def ask(server, path):
    """The first time, the median of more, CPU per time, and the peak of memory."""
    server.forget_peak_memory()
    first, body = timed(server, path)
    before = server.cpu()
    times = [timed(server, path)[0] for _ in range(RUNS)]
    cpu = (server.cpu() - before) / RUNS
    measured = {
        "first_ms": first * 1e3,
        "ms": statistics.median(times) * 1e3,
        "cpu_ms": cpu * 1e3,
        "peak_rss": server.peak_memory() / 1e6,
    }
    return measured, json.loads(body)


def timed(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=120)
    start = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - start
    connection.close()
    assert answer.status == 200, body[:1000]
    return seconds, body


def compare(name, answers):
    ours, theirs = (series(answers[system]) for system in SYSTEMS)
    assert ours.keys() == theirs.keys(), (name, ours.keys() ^ theirs.keys())
    assert theirs, f"{name}: no series"
    for labels, expected in theirs.items():
        found = ours[labels]
        assert [t for t, _ in found] == [t for t, _ in expected], (name, labels)
        for (at, a), (_, b) in zip(found, expected):
            a, b = float(a), float(b)
            same = math.isclose(a, b, rel_tol=TOLERANCE) or (math.isnan(a) and math.isnan(b))
            assert same, f"{name}: {dict(labels)} at {at}: {a} and {b}"


def series(answer):
    result = answer["data"]["result"]
    return {frozenset(series["metric"].items()): series["values"] for series in result}


# ---- the report ----


def render(ingested, asked, version):
    lines = [
        reports.PROMETHEUS,
        "",
        "Written by `make bench` (`tests/load/prometheus.py`): the same remote-write requests to both over one connection, of up "
        "to 2,000 samples each, and the same range queries; all answers agreed to 1e-9.",
        "",
        f"- machine: {reports.machine()}; Prometheus {version}",
        f"- commit: {reports.commit()}, {datetime.date.today().isoformat()}",
        "- day: 1,500 series every 15 s for 24 h; month: 100 series every minute for 30 d",
        f"- times are the median of {RUNS} after the first; goals for queries are shares of Prometheus's time, as in DESIGN "
        "section 13",
        "",
        "| | Binnacle | Prometheus | must | aim | |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name in ingested:
        ours, theirs = (ingested[name][system] for system in SYSTEMS)
        for what, key, (must, aim) in [
            ("CPU-s per M samples", "cpu", CPU_PER_M),
            ("bytes per sample on disk, without the WAL", "bytes", BYTES),
        ]:
            cells = [show(ours[key]), show(theirs[key]), show(must), show(aim)]
            lines.append(f"| {what}, {name} | {' | '.join(cells)} | {judge(ours[key], must, aim, 'less')} |")
    for query in asked:
        ours, theirs = (query[system]["ms"] for system in SYSTEMS)
        goals = [shares for name, *shares in SHARES if query["name"].startswith(f"{name},")]
        must, aim = (share * theirs for share in (goals or [(1, 1 / 3)])[0])
        cells = [show(ours), show(theirs), show(must), show(aim)]
        lines.append(f"| {query['name']}, ms | {' | '.join(cells)} | {judge(ours, must, aim, 'less')} |")
    lines += ["", "| | wall | first | CPU | peak RSS | Prometheus: wall | first | CPU | peak RSS |", "|---|" + "---:|" * 8]
    for query in asked:
        cells = []
        for system in SYSTEMS:
            cells += [show(query[system][key]) for key in ["ms", "first_ms", "cpu_ms", "peak_rss"]]
        lines.append(f"| {query['name']} | {' | '.join(cells)} |")
    lines += ["", "Milliseconds and MB.", ""]
    for name in ingested:
        ours, theirs = (ingested[name][system] for system in SYSTEMS)
        lines.append(
            f"- {name}: {show(ours['rate'])} and {show(theirs['rate'])} samples acknowledged per s, peak RSS while ingesting "
            f"{ours['peak_rss']:.0f} and {theirs['peak_rss']:.0f} MB; beside its blocks Prometheus keeps {theirs['wal'] / 1e6:.0f} MB of "
            "WAL and recent chunks."
        )
    queries = {query["query"]: query["name"].split(",")[0] for query in asked}
    lines += [f"- {name}: `{text}`" for text, name in queries.items()]
    steps = ", ".join(f"{query['step']} s ({query['name']})" for query in asked)
    lines += [f"- steps: {steps}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
