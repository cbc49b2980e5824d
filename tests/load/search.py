#!/usr/bin/env python3
"""Measures searches over two million spans and a million logs, and writes their section of RESULTS.md.

    tests/load/run --only search       (part of `make bench`)

One server gets the spans and logs of the corpus, and as another tenant the same number of spans spread over a day. When all
is compacted it is started anew and asked, over one kept connection, as a client would ask; every answer's count is compared to
what the corpus's manifest or the raw rows say. "Cold" is the first answer after a start with no file in the page cache.
"""

import datetime
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

import report as reports
from arguments import parse_arguments
from bench import make_corpus, replay
from report import judge, show
from servers import Server

RUNS = 15
TAILED = 200
DAY = "day"
SECOND = 1_000_000_000

P99_EXACT = "SELECT service, percentile_cont(0.99) WITHIN GROUP (ORDER BY duration) FROM spans GROUP BY service"

P99_ROLLUP = (
    "SELECT service, sum(count), histogram_quantile(0.99, histogram_sum(duration_histogram)) FROM red GROUP BY service"
)


def main():
    arguments = parse_arguments(__doc__)
    traces, logs = (make_corpus(arguments, signal) for signal in ["traces", "logs"])
    day = make_corpus(arguments, "traces", DAY, 24 * 3600)
    server = Server(arguments, "search")
    try:
        fill(arguments, server, traces, logs, day)
        asked = []
        for question in questions(traces, logs, day):
            asked.append(question | ask(server, question))
            print(f"# {asked[-1]['name']}: {asked[-1]['ms']:.2f} ms", file=sys.stderr, flush=True)
        tail = measure_tail(server)
    finally:
        server.stop(keep=arguments.keep)
    text = render(asked, tail, traces, logs, day)
    print(text)
    if arguments.results:
        reports.write_section(arguments.results, reports.SEARCH, text)


def fill(arguments, server, traces, logs, day):
    """Everything stored and compacted."""
    server.start()
    for corpus, signal, tenant in [(traces, "traces", None), (logs, "logs", None), (day, "traces", DAY)]:
        replay(arguments, corpus.frames, signal, server, tenant=tenant)
    server.settle()
    assert server.count("spans") == traces.items, "spans are missing"
    assert server.count("logs") == logs.items, "logs are missing"


# ---- what is asked ----


def questions(traces, logs, day):
    """Each with its name, method, path, body, tenant, check of the answer, and goals in ms (`must`, `aim`)."""
    manifest = traces.manifest
    truth, words = manifest["search_truth"], logs.manifest["logs_truth"]
    ids = [sample["trace_id"] for sample in manifest["samples"]]
    spans = {sample["trace_id"]: sample["spans"] for sample in manifest["samples"]}
    unknown = random.Random(7)
    services = len([count for count in manifest["spans_by_service"].values() if count])
    minutes = len(manifest["spans_per_minute"])

    def trace(answer, path):
        assert len(answer["spans"]) == spans[path.rsplit("/", 1)[1]], path

    def found(key, count):
        def check(answer, path):
            assert len(answer[key]) == count, (path, len(answer[key]), count)

        return check

    def absent(answer, path):
        assert answer["error"]["code"] == "not_found", answer

    def ask(name, path, check, must=None, aim=None, **more):
        return {"name": name, "paths": path if callable(path) else (lambda run: path), "check": check,
                "must": must, "aim": aim, "method": "GET", "body": None, "tenant": None, **more}

    def traceql(query, limit):
        return "/api/v1/traces?" + urllib.parse.urlencode({"query": query, "limit": limit, **span(manifest)})

    def search(query, limit):
        parameters = {"query": query, "limit": limit, **span(logs.manifest)}
        return "/api/v1/logs?" + urllib.parse.urlencode(parameters)

    def sql(name, query, check, must=None, aim=None, **more):
        body = json.dumps({"query": query}).encode()
        return ask(name, "/api/v1/sql", check, must, aim, method="POST", body=body, **more)

    klarna = '{ resource.service.name = "payment" && duration > 300ms && span.app.payment.method = "klarna" }'
    failed = '{ resource.service.name = "catalog" && span.http.response.status_code = 500 }'
    return [
        ask("trace by id", lambda run: f"/api/v1/traces/{ids[run % len(ids)]}", trace, 8, 3, cold=True),
        ask("trace by id, absent", lambda run: f"/api/v1/traces/{unknown.getrandbits(128):032x}", absent, 1, 0.1, status=404),
        ask("service + duration + attribute", traceql(klarna, 1000),
            found("traces", truth["payment_klarna_gt_300ms"]["traces"]), 20, 4, cold=True),
        ask("service + attribute, 20 newest", traceql(failed, 20), found("traces", 20), 20, 4),
        sql("spans by service and minute, from rows", "SELECT service, date_trunc('minute', start_time) AS minute, count(*) "
            "FROM spans GROUP BY 1, 2 ORDER BY 1, 2", at_least(services * (minutes - 2)), 30, 5),
        sql("spans by service and minute, from rollups", "SELECT service, minute, sum(count) FROM red "
            "GROUP BY 1, 2 ORDER BY 1, 2", sums_to(traces.items, 2), 30, 5),
        sql("exact p99 duration by service, from rows", P99_EXACT, at_least(services), 100, 40),
        sql("p99 duration by service (within 0.8 %), from rollups", P99_ROLLUP, sums_to(traces.items, 1), 5, 2),
        ask("golden signals by service, 24 h", f"/api/v1/red?{urllib.parse.urlencode(span(day.manifest))}",
            signals(services), tenant=DAY, cold=True),
        ask("golden signals by operation, 24 h",
            f"/api/v1/red?{urllib.parse.urlencode({'by': 'operation', **span(day.manifest)})}", signals(services), tenant=DAY),
        ask("service map, 24 h", f"/api/v1/service-map?{urllib.parse.urlencode(span(day.manifest))}",
            edges(), tenant=DAY, cold=True),
        ask("log: rare word", search(words["rare_word"], 1000), found("logs", words["rare"]), 10, 3, cold=True),
        ask("log: common word, 100 newest", search(words["common_word"], 100), found("logs", 100), 15, 5),
        ask("log: phrase", search(json.dumps(words["phrase"]), 1000), found("logs", words["phrase_n"]), 7, 3),
        ask("log: attribute", search(f'user.id:{words["user_id"]}', 1000), found("logs", words["user_id_logs"]), 3, 1),
        ask("log: 100 newest", search("", 100), found("logs", 100)),
    ]


def signals(services):
    def check(answer, path):
        found = {signal["service"] for signal in answer["signals"]}
        assert len(found) == services, (path, found)

    return check


def edges():
    def check(answer, path):
        assert len(answer["edges"]) > 5, (path, answer)

    return check


def sums_to(total, column):
    """The numbers of a column, together."""

    def check(answer, path):
        found = sum(int(row[column]) for row in answer["rows"])
        assert found == total, (path, found, total)

    return check


def at_least(rows):
    def check(answer, path):
        assert len(answer["rows"]) >= rows, (path, len(answer["rows"]), rows)

    return check


def span(manifest):
    """The corpus's time range."""
    return {"start": manifest["min_t_ns"] // SECOND * SECOND, "end": (manifest["max_t_ns"] // SECOND + 1) * SECOND}


def ask(server, question):
    """Milliseconds: cold where asked for, the first, the median of more; CPU and bytes read per answer."""
    measured = {}
    if question.get("cold"):
        server.end()
        forget_pages(server.data)
        server.start()
        measured["cold_ms"] = timed(server, question, 0)[0] * 1e3
    for run in range(3):
        timed(server, question, run)
    before = server.cpu()
    times = [timed(server, question, run)[0] for run in range(RUNS)]
    return measured | {
        "ms": statistics.median(times) * 1e3,
        "worst_ms": max(times) * 1e3,
        "cpu_ms": (server.cpu() - before) / RUNS * 1e3,
    }


CONNECTIONS = {}


def connection(server):
    """One connection per start of the server."""
    key = server.process.pid
    if key not in CONNECTIONS:
        CONNECTIONS[key] = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=120)
    return CONNECTIONS[key]


def timed(server, question, run):
    path = question["paths"](run)
    headers = {"Content-Type": "application/json"}
    if question["tenant"]:
        headers["X-Scope-OrgID"] = question["tenant"]
    client = connection(server)
    start = time.perf_counter()
    client.request(question["method"], path, question["body"], headers)
    answer = client.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - start
    assert answer.status == question.get("status", 200), body[:1000]
    question["check"](json.loads(body), path)
    return seconds, body


def forget_pages(directory):
    """Takes the files out of the page cache, as far as the system does so."""
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


# ---- live tail ----


def measure_tail(server):
    """Milliseconds from a log's acknowledgement until its event, and from sending it."""
    tail = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=30)
    tail.request("GET", "/api/v1/logs/tail?" + urllib.parse.urlencode({"query": "tailed"}))
    answer = tail.getresponse()
    assert answer.status == 200, answer.read()[:1000]
    seen = {}

    def read():
        while len(seen) < TAILED:
            line = answer.readline()
            if line.startswith(b"data:") and b"tailed " in line:
                seen[json.loads(line[5:])["body"]] = time.perf_counter()

    reader = threading.Thread(target=read)
    reader.start()
    sent, acknowledged = {}, {}
    client = http.client.HTTPConnection("127.0.0.1", server.otlp_port, timeout=30)
    for number in range(TAILED):
        body = f"tailed {number}"
        record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": body}}
        request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        sent[body] = time.perf_counter()
        client.request("POST", "/v1/logs", json.dumps(request), {"Content-Type": "application/json"})
        assert client.getresponse().read() is not None
        acknowledged[body] = time.perf_counter()
        time.sleep(0.01)
    reader.join(timeout=30)
    assert len(seen) == TAILED, f"{len(seen)} of {TAILED} logs came"
    tail.close()
    after_sending = [(seen[body] - sent[body]) * 1e3 for body in seen]
    after_acknowledging = [(seen[body] - acknowledged[body]) * 1e3 for body in seen]
    return {"sent": quantiles(after_sending), "acknowledged": quantiles(after_acknowledging)}


def quantiles(values):
    ordered = sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}


# ---- the report ----


def render(asked, tail, traces, logs, day):
    lines = [
        reports.SEARCH,
        "",
        "Written by `make bench` (`tests/load/search.py`): one server, everything compacted, one client over one connection, HTTP "
        "and JSON included; every answer's count was compared to the corpus's.",
        "",
        f"- corpus: {traces.items:,} spans and {logs.items:,} logs within an hour, and as another tenant {day.items:,} spans over a day",
        f"- machine: {reports.machine()}",
        f"- commit: {reports.commit()}, {datetime.date.today().isoformat()}",
        f"- times are the median of {RUNS} after three more; cold is the first after a start with no file in the page cache",
        "",
        "| ms | measured | must | aim | | worst | CPU | cold |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    for question in asked:
        must, aim = question["must"], question["aim"]
        goals = [show(must), show(aim), judge(question["ms"], must, aim, "less")] if must else ["–", "–", ""]
        cold = show(question["cold_ms"]) if "cold_ms" in question else ""
        cells = [question["name"], show(question["ms"]), *goals, show(question["worst_ms"]), show(question["cpu_ms"]), cold]
        lines.append(f"| {' | '.join(cells)} |")
    for name in ["sent", "acknowledged"]:
        lines.append(f"| live tail: log {name} → event, p50 | {show(max(tail[name]['p50'], 0))} | – | – | | {show(tail[name]['p99'])} (p99) | | |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
