#!/usr/bin/env python3
"""End-to-end benchmark: replays the corpus over HTTP to the real binary and writes RESULTS.md.

    tests/load/run --preset medium      (or `make bench`)

Each signal goes to a server of its own with an empty data directory: two connections, OTLP/HTTP protobuf, plain, as fast
as the server acknowledges. CPU time is the server process's user + system time until everything is flushed and compacted;
memory is its peak resident set; disk is all files but the WAL. Rows are counted against the corpus's manifest. Metrics
are also told per sample as Prometheus counts them, a histogram's buckets each, which is what the targets were set with.
Needs nothing but Python.
"""

import datetime
import json
import subprocess
import sys
import time

import report as reports
from arguments import parse_arguments
from report import judge, lookup, show
from servers import Server

CONNECTIONS = 2
TABLES = {"traces": "spans", "logs": "logs", "metrics": "metric_points"}

#: Spans of the corpus that the logs are taken from: so many that there are a million logs.
LOG_SPANS = {"medium": 6_010_000}

#: `(name, key of the measurement, must, aim, which is better)`; DESIGN section 13, the rows marked [1].
TARGETS = [
    ("CPU-s per M spans, durable, indexed, compacted", "traces.cpu", 4, 2, "less"),
    ("bytes per span on disk, all files but the WAL", "traces.bytes", 42, 34, "less"),
    ("CPU-s per M logs, with the log index", "logs.cpu", 6, 3, "less"),
    ("bytes per log on disk, with the log index", "logs.bytes", 58, 48, "less"),
    ("spans acknowledged per s at full load", "traces.rate", 150_000, 300_000, "more"),
    ("p99 ack of spans at full load, ms", "traces.p99", 100, 50, "less"),
    ("peak RSS while ingesting (MB, worst signal)", "peak_rss", 400, 256, "less"),
    ("restart with a full WAL to ready, s per GB", "restart.s_per_gb", 10, 3, "less"),
    # Marked [2], printed because they are measured anyway.
    ("CPU-s per M samples", "metrics.sample_cpu", 1.5, 0.5, "less"),
    ("bytes per sample on disk", "metrics.sample_bytes", 3, 1.7, "less"),
]


def main():
    arguments = parse_arguments(__doc__)
    corpora = {signal: make_corpus(arguments, signal) for signal in TABLES}
    measured = {}
    for signal, corpus in corpora.items():
        print(f"# {signal}", file=sys.stderr, flush=True)
        measured[signal] = measure_ingest(arguments, corpus, signal)
        print(json.dumps(measured[signal], indent=2), file=sys.stderr, flush=True)
    add_samples(measured["metrics"], corpora["metrics"])
    measured["peak_rss"] = max(measured[signal]["peak_rss"] for signal in TABLES)
    measured["restart"] = measure_restart(arguments, corpora["traces"])
    text = report(arguments, corpora, measured)
    print(text)
    if arguments.results:
        reports.write_section(arguments.results, reports.INGEST, text)


class Corpus:
    """One signal's requests, and the truth about them."""

    def __init__(self, path, signal):
        self.path = path
        self.manifest = json.loads((path / "manifest.json").read_text())
        self.frames = path / f"{signal}.otlp"
        self.batch = self.manifest["batch"]
        self.items = self.manifest["files"][signal]["items"]
        self.bytes_per_item = self.manifest["files"][signal]["bytes_per_item"]


def make_corpus(arguments, signal, name=None, window=None):
    """The corpus, made once per directory, preset, signal and name; over `window` seconds instead of the preset's."""
    path = arguments.dir / "-".join(["corpus", arguments.preset, name or signal])
    if not (path / "manifest.json").exists():
        command = [f"{arguments.tools}/corpus", "--out", str(path), "--preset", arguments.preset]
        command += ["--signals", signal]
        command += ["--window-s", str(window)] if window else []
        if signal == "logs" and arguments.preset in LOG_SPANS:
            command += ["--spans", str(LOG_SPANS[arguments.preset])]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Corpus(path, signal)


# ---- what is measured ----


def measure_ingest(arguments, corpus, signal):
    """Replays one signal into an empty server, until all of it is in compacted segments."""
    items = corpus.items
    server = Server(arguments, signal)
    try:
        server.start()
        cpu_before = server.cpu()
        replayed = replay(arguments, corpus.frames, signal, server)
        cpu_acknowledged = server.cpu()
        settle_start = time.monotonic()
        server.settle()
        settle = time.monotonic() - settle_start
        cpu = server.cpu() - cpu_before
        stored = server.count(TABLES[signal])
        assert stored == items, f"{signal}: sent {items}, stored {stored}"
        disk = server.disk()
        return {
            "items": items,
            "cpu": cpu * 1e6 / items,
            "cpu_until_acknowledged": (cpu_acknowledged - cpu_before) * 1e6 / items,
            "bytes": disk["total"] / items,
            "disk": disk,
            "rate": replayed["items_per_s"],
            "p50": replayed["lat_ms"]["p50"],
            "p99": replayed["lat_ms"]["p99"],
            "max": replayed["lat_ms"]["max"],
            "wall_s": replayed["wall_s"],
            "payload_mb": replayed["payload_mb"],
            "retries": replayed["retries"],
            "settle_s": settle,
            "peak_rss": server.peak_memory() / 1e6,
            "segments": server.segments(),
        }
    finally:
        server.stop(keep=arguments.keep)


def add_samples(metrics, corpus):
    """The same numbers per sample as Prometheus counts them."""
    metrics["samples"] = corpus.manifest["metrics"]["prometheus_samples"]
    metrics["series"] = corpus.manifest["metrics"]["prometheus_series"]
    share = metrics["items"] / metrics["samples"]
    metrics["sample_cpu"] = metrics["cpu"] * share
    metrics["sample_bytes"] = metrics["bytes"] * share


def measure_restart(arguments, corpus):
    """Fills the WAL without a flush, kills the server, and times it from start, with default settings, to ready."""
    # Buffers wide enough that nothing is flushed and so nothing of the WAL is cut.
    wide = {
        "storage.flush_interval": "1h",
        "storage.flush_bytes_max": str(8 << 30),
        "storage.flush_rows_max": str(8 << 30),
        "storage.buffer_bytes_max": str(8 << 30),
    }
    spans = min(corpus.items, 1_000_000)
    server = Server(arguments, "restart", wide)
    try:
        server.start()
        frames = spans // corpus.batch
        replayed = replay(arguments, corpus.frames, "traces", server, frames)
        server.kill()
        server.settings = {}
        wal = server.disk()["wal_written"]
        start = time.monotonic()
        server.start()
        seconds = time.monotonic() - start
        stored = server.count("spans")
        assert stored == replayed["items_ok"], (stored, replayed["items_ok"])
        payload = replayed["payload_mb"] * 1e6
        return {
            "wal_mb": payload / 1e6,
            "wal_files_mb": wal / 1e6,
            "seconds": seconds,
            "s_per_gb": seconds / (payload / 1e9),
            "spans": stored,
            "peak_rss": server.peak_memory() / 1e6,
        }
    finally:
        server.stop(keep=arguments.keep)


def replay(arguments, file, signal, server, frames=None, tenant=None):
    command = [f"{arguments.tools}/replay", "--file", str(file)]
    command += ["--url", f"http://127.0.0.1:{server.otlp_port}/v1/{signal}"]
    command += ["--conns", str(CONNECTIONS), "--retries", "20", "--max-s", "3600"]
    if frames:
        command += ["--max-frames", str(frames)]
    command += ["--header", f"X-Scope-OrgID: {tenant}"] if tenant else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if answer["items_failed"] or answer["partial_success_bodies"]:
        sys.exit(f"the replay failed:\n{done.stdout}")
    return answer


# ---- the report ----


def report(arguments, corpora, measured):
    sizes = ", ".join(
        f"{corpus.items:,} {TABLES[signal].replace('_', ' ')} ({corpus.bytes_per_item:.0f} B each)"
        for signal, corpus in corpora.items()
    )
    samples = f"{measured['metrics']['samples']:,} samples in {measured['metrics']['series']:,} series"
    lines = [
        reports.INGEST,
        "",
        "Written by `make bench` (`tests/load/bench.py`). One server per signal, OTLP/HTTP protobuf, "
        f"{CONNECTIONS} connections, client and server on the same machine, fsync before every acknowledgement.",
        "",
        f"- corpus: preset `{arguments.preset}`: {sizes}; as Prometheus counts them, {samples}",
        f"- machine: {reports.machine()}",
        f"- commit: {reports.commit()}, {datetime.date.today().isoformat()}",
        "",
        "| | measured | must | aim | |",
        "|---|---:|---:|---:|---|",
    ]
    short = []
    for name, key, must, aim, better in TARGETS:
        value = lookup(measured, key)
        verdict = judge(value, must, aim, better)
        if verdict == "falls short":
            short.append((name, value, must))
        lines.append(f"| {name} | {show(value)} | {show(must)} | {show(aim)} | {verdict} |")
    lines += ["", "## Falls short", ""]
    lines += [f"- {name}: {show(value)} against {show(must)}" for name, value, must in short] or [
        "Nothing."
    ]
    lines += ["", "## Details", ""]
    lines += ["| | traces | logs | metrics |", "|---|---:|---:|---:|"]
    details = [
        ("items", "items"),
        ("acknowledged per s", "rate"),
        ("ack p50, ms", "p50"),
        ("ack p99, ms", "p99"),
        ("ack max, ms", "max"),
        ("CPU-s per M until acknowledged", "cpu_until_acknowledged"),
        ("CPU-s per M until compacted", "cpu"),
        ("s to flush and compact the rest", "settle_s"),
        ("bytes per item", "bytes"),
        ("of them Parquet", "disk.parquet"),
        ("of them indexes", "disk.idx"),
        ("of them catalog", "disk.catalog"),
        ("segments at the end", "segments"),
        ("peak RSS, MB", "peak_rss"),
        ("requests sent again", "retries"),
    ]
    for name, key in details:
        cells = []
        for signal in TABLES:
            value = lookup(measured[signal], key)
            cells.append(show(value / measured[signal]["items"] if key.startswith("disk.") else value))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    restart = measured["restart"]
    lines += [
        "",
        f"Restart: {restart['spans']:,} spans, {restart['wal_mb']:.0f} MB of request bodies in the WAL "
        f"({restart['wal_files_mb']:.0f} MB of files), ready after {restart['seconds']:.2f} s, "
        f"peak RSS {restart['peak_rss']:.0f} MB.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
