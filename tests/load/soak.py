#!/usr/bin/env python3
"""Soaks a server: half an hour at a steady rate, with queries and compaction running.

    tests/load/run --only soak [--bin PATH]       (not part of `make bench`: it takes half an hour)

The shop of `binnacle demo` is loaded; beside it every second another of some queries is asked. Memory is read every ten seconds:
it is flat when the last ten minutes hold no more than the ten before, within a twentieth. At the end every request must have been answered
and every record that the collector took must be in the tables.
"""

import datetime
import os
import pathlib
import re
import statistics
import sys
import threading
import time
import urllib.parse
import urllib.request

import report as reports
from arguments import parse_arguments
from demo import Demo, say_kept

MINUTES = float(os.environ.get("SOAK_MINUTES", 30))
RATE = 100
TOLERANCE = 0.05
TABLES = {"traces": "spans", "logs": "logs", "metrics": "metric_points"}
QUERIES = [
    "/api/v1/red?by=operation&start=-15m",
    "/api/v1/service-map?start=-15m",
    "/api/v1/logs?query=error&limit=50&start=-15m",
    "/api/v1/traces?query=" + urllib.parse.quote("{ duration > 20ms }") + "&limit=20&start=-5m",
    "/prometheus/api/v1/query?query=" + urllib.parse.quote("sum by (service_name) (rate(http_server_request_duration_count[5m]))"),
    "/api/v1/slos",
]


def main():
    arguments = parse_arguments(__doc__)
    server = Demo(arguments, "soak", {"storage.flush_interval": "30s"}).start()
    try:
        soaked = soak(arguments, server)
    finally:
        server.stop(keep=arguments.keep)
    text = render(soaked)
    print(text)
    if arguments.results:
        reports.write_section(arguments.results, reports.SOAK, text)


def soak(arguments, server):
    stop, memory, asked = threading.Event(), [], []
    watchers = [
        threading.Thread(target=watch, args=(server, stop, memory)),
        threading.Thread(target=ask, args=(server, stop, asked)),
    ]
    before = {table: server.count(table) for table in TABLES.values()}
    for watcher in watchers:
        watcher.start()
    began = server.cpu()
    report, sent, lost = server.load(arguments, "soak", RATE, round(60 * MINUTES))
    cpu = server.cpu() - began
    stop.set()
    for watcher in watchers:
        watcher.join()
    # The shop's last batches are on their way; then what the collector has taken is in the tables.
    time.sleep(10)
    segments = server.segments()
    server.settle()
    counts = {table: server.count(table) - before[table] for table in TABLES.values()}
    [[kept]] = server.query("SELECT count(*) FROM spans WHERE service = 'soak'")
    [[answered]] = server.query(
        "SELECT count(*) FROM spans c JOIN spans s ON s.trace_id = c.trace_id AND s.parent_span_id = c.span_id "
        "WHERE c.service = 'soak' AND s.service = 'balancer' AND s.kind = 2"
    )
    return {
        "total": report["total"], "sent": sent, "lost": lost, "kept": int(kept), "answered": int(answered), "cpu": cpu,
        "memory": memory, "asked": asked, "counts": counts, "segments": segments, "all": server.kept(),
        "rejected": sum(rejected(server)),
        "warnings": sum(line.count(" WARN ") + line.count(" ERROR ") for line in server.log_path.read_text().splitlines()),
    }


def rejected(server):
    with urllib.request.urlopen(server.url("/metrics"), timeout=60) as answer:
        return [int(count) for count in re.findall(r"records_rejected_total\{.*?\} (\d+)", answer.read().decode())]


def watch(server, stop, memory):
    began = time.monotonic()
    while not stop.wait(10):
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        memory.append((time.monotonic() - began, kilobytes * 1024))
        print(f"# {memory[-1][0]:.0f} s: {kilobytes // 1024} MB", file=sys.stderr, flush=True)


def ask(server, stop, asked):
    number = 0
    while not stop.wait(1):
        path, began = QUERIES[number % len(QUERIES)], time.monotonic()
        number += 1
        try:
            server.get(path)
            asked.append((path, time.monotonic() - began, None))
        except OSError as error:
            asked.append((path, time.monotonic() - began, str(error)))


def between(memory, first, last):
    return [value for at, value in memory if first <= at < last] or [0]


def render(soaked):
    end = soaked["memory"][-1][0]
    third = end / 3
    middle, late = (statistics.median(between(soaked["memory"], at * third, (at + 1) * third + 1)) for at in (1, 2))
    failures = [error for _, _, error in soaked["asked"] if error]
    took = sorted(seconds for _, seconds, _ in soaked["asked"])
    is_flat = late <= middle * (1 + TOLERANCE)
    total = soaked["total"]
    is_whole = total["errors"] == soaked["lost"] == soaked["rejected"] == 0 and total["requests"] == soaked["kept"] == soaked["answered"]
    lines = [
        reports.SOAK,
        "",
        f"Written by `tests/load/run --only soak` (`tests/load/soak.py`): the demo's shop at {RATE} requests a second for {end / 60:.0f} minutes, "
        "a query every second, flushes and compaction as they come.",
        "",
        f"- machine: {reports.machine()}",
        f"- commit: {reports.commit()}, {datetime.date.today()}",
        "",
        "| | |",
        "|---|---|",
        f"| requests sent, failed | {total['requests']:,}, {total['errors']:,} |",
        f"| of their spans stored, and below them spans of the shop | {soaked['kept']:,}, {soaked['answered']:,}: {'none lost' if is_whole else 'LOST'} |",
        f"| acknowledged since the start, and stored, with the server's own telemetry | {say_kept(soaked['all'])} |",
        f"| records rejected | {soaked['rejected']:,} |",
        "| spans, logs, points stored meanwhile | " + ", ".join(f"{count:,}" for count in soaked["counts"].values()) + " |",
        f"| memory, median of the second and the last third | {middle / 1e6:.0f} MB, {late / 1e6:.0f} MB: {'flat' if is_flat else 'NOT flat'} |",
        f"| memory at most | {max(value for _, value in soaked['memory']) / 1e6:.0f} MB |",
        f"| queries asked, failed | {len(took):,}, {len(failures):,} |",
        f"| a query took, median and worst | {1e3 * statistics.median(took):.0f} ms, {1e3 * took[-1]:.0f} ms |",
        f"| CPU of server and shop together | {soaked['cpu'] / (end or 1):.0%} of a core |",
        f"| segments at the end | {soaked['segments']:,} |",
        f"| warnings and errors in the log | {soaked['warnings']:,} |",
    ]
    if failures:
        lines += ["", "Failed queries: " + "; ".join(sorted(set(failures))[:5])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
