#!/usr/bin/env python3
"""Measures the whole request path: what a load generator says of the demo's shop, and what Binnacle says of the same requests.

    tests/load/run --only path       (part of `make bench`)

The shop of `binnacle demo` is loaded at 200 and 1,000 requests a second, and then ever faster until it is not sustained any more:
a request fails, a span is lost, fewer than 99 of 100 due requests were answered in time, or the 99th percentile passes a second.
At each rate the percentiles per operation that Binnacle makes of the generator's spans are held against the generator's own
histogram, and counts of spans are compared. What ingest costs the shop is the CPU time per request beside that of the same
load while the shop's telemetry reaches nobody. All run on one machine: generator, shop and server share its cores.
"""

import datetime
import sys
import time

import report as reports
from arguments import parse_arguments
from demo import Demo, say_kept

SECONDS = 20
RATES = [200, 1_000]
#: Each try is so much faster than the one before.
STEP = 1.25
TRIES = 10
PERCENTILES = [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p999")]
#: Of the generator's histogram (three digits) and of golden signals, as the API says.
ERROR_MAX = 0.001 + 1 / 128


def main():
    arguments = parse_arguments(__doc__)
    server = Demo(arguments, "path").start()
    try:
        runs = [measure(arguments, server, rate) for rate in RATES]
        rate = RATES[-1]
        for _ in range(TRIES):
            rate = round(rate * STEP)
            run = measure(arguments, server, rate)
            if not run["sustained"]:
                failed = run
                break
            runs.append(run)
        else:
            failed = None
        overhead = measure_overhead(arguments, server)
        kept = server.kept()
    finally:
        server.stop(keep=arguments.keep)
    text = render(runs, failed, overhead, kept)
    print(text)
    if arguments.results:
        reports.write_section(arguments.results, reports.PATH, text)


def measure(arguments, server, rate):
    name = f"load-{rate}"
    print(f"# {rate} requests a second", file=sys.stderr, flush=True)
    began, before = server.cpu(), server.accepted()
    report, sent, lost = server.load(arguments, name, rate, SECONDS)
    cpu = server.cpu() - began
    total = report["total"]
    answered = wait_for(server, name, total["requests"])
    rows = [compare(server, name, operation) for operation in report["operations"]]
    p99 = max(at(operation["latency"], 99.0) for operation in report["operations"])
    after = server.accepted()
    return {
        "rate": rate,
        "requests": total["requests"],
        "errors": total["errors"],
        "achieved": total["achieved_rate"],
        "lost": lost + total["requests"] - sent,
        "answered": answered,
        "rows": rows,
        "accepted": {signal: after[signal] - before.get(signal, 0) for signal in after},
        "cpu": cpu / total["requests"],
        "sustained": total["errors"] == 0
        and lost == 0
        and total["achieved_rate"] >= 0.99 * rate
        and p99 < 1_000_000_000,
    }


def wait_for(server, name, requests):
    """How many of the requests the shop's outermost span says it answered, once all its telemetry is there."""
    query = (
        "SELECT count(*) FROM spans c JOIN spans s ON s.trace_id = c.trace_id AND s.parent_span_id = c.span_id "
        f"WHERE c.service = '{name}' AND s.service = 'balancer' AND s.kind = 2"
    )
    deadline = time.monotonic() + 60
    while (answered := int(server.query(query)[0][0])) < requests and time.monotonic() < deadline:
        time.sleep(1)
    return answered


def compare(server, name, operation):
    signals = server.get(f"/api/v1/red?service={name}&by=operation")["signals"]
    [golden] = [signal for signal in signals if signal["name"] == operation["name"]]
    pairs = [(at(operation["latency"], percent), int(golden["success"][key])) for percent, key in PERCENTILES]
    worst = max(abs(ours - theirs) / theirs for theirs, ours in pairs)
    return {
        "name": operation["name"],
        "requests": operation["requests"],
        "spans": golden["count"],
        "pairs": pairs,
        "worst": worst,
        "equal": worst <= ERROR_MAX and operation["requests"] == golden["count"],
    }


def at(latency, percent):
    """The value of a percentile, by the generator's buckets."""
    all_of_them = sum(count for _, count in latency["buckets"])
    rank, seen = max(1, -(-percent * all_of_them // 100)), 0
    for value, count in latency["buckets"]:
        seen += count
        if seen >= rank:
            return value
    return latency["buckets"][-1][0]


def measure_overhead(arguments, server):
    """CPU seconds per request of server and shop, with the shop's telemetry and without."""
    with_telemetry = without_spans(arguments, server, "with")
    server.fault("telemetry-outage", True)
    time.sleep(2)
    without = without_spans(arguments, server, "without")
    server.fault("telemetry-outage", False)
    return with_telemetry, without


def without_spans(arguments, server, name):
    began = server.cpu()
    report, _, _ = server.load(arguments, f"overhead-{name}", RATES[0], SECONDS)
    time.sleep(3)
    return (server.cpu() - began) / report["total"]["requests"]


def render(runs, failed, overhead, kept):
    lines = [
        reports.PATH,
        "",
        "Written by `make bench` (`tests/load/path.py`): the shop of `binnacle demo` under `binnacle load`, generator, shop and server on "
        "the same machine. *theirs* is the generator's own histogram, *ours* what `/api/v1/red` makes of its spans; the error stated "
        f"for both together is {ERROR_MAX:.2%}.",
        "",
        f"- machine: {reports.machine()}",
        f"- commit: {reports.commit()}, {datetime.date.today()}",
        "",
        "| requests/s | operation | requests | spans | p50 theirs, ours (ms) | p90 | p99 | p99.9 | worst off | |",
        "|---:|---|---:|---:|---|---|---|---|---:|---|",
    ]
    for run in runs:
        for row in run["rows"]:
            pairs = " | ".join(f"{theirs / 1e6:.2f}, {ours / 1e6:.2f}" for theirs, ours in row["pairs"])
            verdict = "equal" if row["equal"] else "NOT equal"
            lines.append(
                f"| {run['rate']:,} | {row['name']} | {row['requests']:,} | {row['spans']:,} | {pairs} | {row['worst']:.2%} | {verdict} |"
            )
    lines += ["", "| requests/s | sent | answered, by the shop's spans | failed | spans lost | spans, logs, points taken | CPU ms per request |"]
    lines += ["|---:|---:|---:|---:|---:|---|---:|"]
    for run in runs:
        taken = ", ".join(f"{run['accepted'].get(signal, 0):,}" for signal in ["traces", "logs", "metrics"])
        lines.append(
            f"| {run['rate']:,} | {run['requests']:,} | {run['answered']:,} | {run['errors']:,} | {run['lost']:,} | {taken} | {1e3 * run['cpu']:.2f} |"
        )
    lines += ["", f"Highest sustained rate: {runs[-1]['rate']:,} requests a second" + (
        f"; at {failed['rate']:,} {failed['errors']:,} failed, {failed['lost']:,} spans were lost and {failed['achieved']:,.0f} a second were answered."
        if failed else f", the highest that was tried."
    )]
    lines += ["", f"Acknowledged since the start, and stored, with the server's own telemetry: {say_kept(kept)}."]
    spent, without = overhead
    lines += ["", f"What telemetry costs the shop, making, sending and ingesting it, at {RATES[0]} requests a second: "
              f"{1e3 * spent:.2f} ms of CPU per request with it, {1e3 * without:.2f} while it reaches nobody: {spent / without - 1:+.0%}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
