"""Live tail: what arrives is told, to the right tenant, and nobody who watches holds up ingest."""

import json
import socket
import subprocess
import threading
import time

import pytest
import requests
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from binnacle import TENANT_HEADER, binary
from canonical import REQUESTS
from everything import T0, any_value, attributes, traces


def records(bodies, service="cart"):
    logs = [
        LogRecord(
            time_unix_nano=T0 + number,
            severity_number=9,
            severity_text="INFO",
            body=any_value(body),
            attributes=attributes({"number": number}),
        )
        for number, body in bodies.items()
    ]
    resource = Resource(attributes=attributes({"service.name": service}))
    group = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=logs)])
    return REQUESTS["logs"](resource_logs=[group])


class Tail:
    """An open tail; events are read on demand."""

    def __init__(self, server, path="logs", tenant=None, query=""):
        headers = {TENANT_HEADER: tenant} if tenant else {}
        self.answer = requests.get(
            f"{server.api}/api/v1/{path}/tail",
            params={"query": query},
            headers=headers,
            stream=True,
            timeout=60,
        )
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        assert "Content-Encoding" not in self.answer.headers
        self.lines = self.answer.iter_lines(chunk_size=1)
        # The comment that opens the stream: from now on nothing is missed.
        assert next(self.lines) == b": open"

    def events(self):
        """Pairs of an event's name and data, until the stream ends."""
        name = None
        for line in self.lines:
            if line.startswith(b"event: "):
                name = line[7:].decode()
            elif line.startswith(b"data: "):
                yield name, json.loads(line[6:])

    def close(self):
        self.answer.close()


def numbers(events):
    return [data["attributes"]["number"] for name, data in events if name == "log"]


def take(tail, count):
    events = tail.events()
    return [next(events) for _ in range(count)]


def test_matching_logs_arrive_in_order_for_their_tenant_alone(server, tenant):
    tail = Tail(server, tenant=tenant, query="failed service:cart -attributes.number:3")
    other = Tail(server, tenant=f"{tenant}-other")
    bodies = {1: "it failed", 2: "it went well", 3: "failed", 4: "failed again"}
    server.send("logs", records(bodies), tenant=tenant)
    server.send("logs", records({5: "failed", 6: "failed"}, "pay"), tenant=tenant)
    server.send("logs", records({7: "failed"}), tenant=tenant)
    server.send("logs", records({8: "for the other"}), tenant=f"{tenant}-other")
    events = take(tail, 3)
    assert numbers(events) == [1, 4, 7]
    [first] = [log for log in server.log_page("", tenant)["logs"] if log["attributes"]["number"] == 1]
    assert events[0] == ("log", first), "an event has the record as log search has it"
    assert numbers(take(other, 1)) == [8]
    tail.close()
    other.close()


def test_spans_that_fulfil_a_condition_arrive(server, tenant):
    message = traces()
    spans = [s for r in message.resource_spans for g in r.scope_spans for s in g.spans]
    slowest = max(spans, key=lambda s: s.end_time_unix_nano - s.start_time_unix_nano)
    nanos = slowest.end_time_unix_nano - slowest.start_time_unix_nano
    expected = [s for s in spans if s.end_time_unix_nano - s.start_time_unix_nano == nanos]
    tail = Tail(server, "spans", tenant, f"{{ duration >= {nanos}ns }}")
    server.send("traces", message, tenant=tenant)
    found = {data["span_id"] for name, data in take(tail, len(expected)) if name == "span"}
    assert found == {span.span_id.hex() for span in expected}
    tail.close()


@pytest.mark.parametrize(
    "path, query, word",
    [
        ("logs", "(", "word"),
        ("logs", "a | count", "pipe"),
        ("spans", "{ .a = 1 } >> { .b = 2 }", "one by one"),
        ("spans", "{ .a = 1 } | count() > 2", "one by one"),
        ("spans", "{ .a = 1 } | rate()", "one by one"),
        ("spans", "{ .a = ", ""),
    ],
)
def test_what_cannot_be_tailed_is_refused(server, path, query, word):
    answer = server.call("GET", f"/api/v1/{path}/tail", params={"query": query})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert word in error["message"]


def test_tails_are_bounded_and_places_come_back(new_server):
    server = new_server()
    tails = []
    for _ in range(32):
        tails.append(Tail(server))
    answer = server.call("GET", "/api/v1/logs/tail")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    for tail in tails:
        tail.close()
    deadline = time.monotonic() + 30
    while server.call("GET", "/api/v1/logs/tail", stream=True).status_code == 429:
        assert time.monotonic() < deadline, "a closed tail keeps its place"
        # Closing is noticed when something is to be written, or at the next sign of life.
        server.send("logs", records({1: f"wake up {time.monotonic_ns()}"}))
        time.sleep(0.05)


def test_the_server_stops_though_somebody_watches(new_server):
    server = new_server()
    tail = Tail(server, query="something")
    ended = []
    reader = threading.Thread(target=lambda: ended.extend(tail.events()))
    reader.start()
    server.stop()
    reader.join(timeout=30)
    assert not reader.is_alive() and ended == []


def long_bodies(first, count):
    """Bodies that differ: equal ones take room in memory once."""
    return {number: f"{number} " + "x" * 30_000 for number in range(first, first + count)}


class StuckReader:
    """Opens a tail and then reads nothing."""

    def __init__(self, server):
        self.socket = socket.socket()
        # The kernel would hold tens of megabytes for a reader that may yet come.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        self.socket.connect(("127.0.0.1", server.api_port))
        self.socket.sendall(b"GET /api/v1/logs/tail HTTP/1.1\r\nHost: tail\r\n\r\n")
        self.opened = b""
        while b": open" not in self.opened:
            self.opened += self.socket.recv(1)

    def lines_until(self, word):
        """The short lines up to the one that has the word; long ones are records nobody needs."""
        self.socket.settimeout(60)
        lines = []
        for line in self.socket.makefile("rb"):
            if len(line) < 1000:
                lines.append(line)
            if word in line:
                return lines
        raise AssertionError("the stream ended")


def test_a_reader_that_never_reads_holds_up_nobody_and_is_told(new_server):
    server = new_server()
    stuck = StuckReader(server)
    watching = Tail(server, query="last")
    sent = 0
    # Far more than the sockets' buffers and the queue of a tail hold together.
    for _ in range(100):
        bodies = long_bodies(sent, 20)
        server.send("logs", records(bodies))
        sent += len(bodies)
    server.send("logs", records({sent: "the last"}))
    assert numbers(take(watching, 1)) == [sent], "the other reader is up to date"
    assert server.value("SELECT count(*) FROM logs") in (sent + 1, str(sent + 1))
    lines = stuck.lines_until(b'"reason":"slow_reader"')
    assert json.loads(lines[-1][6:])["rows"] > 0, lines[-1]
    # From there on it is told again.
    server.send("logs", records({sent + 1: "after the notice"}))
    assert stuck.lines_until(b"after the notice")
    stuck.socket.close()
    watching.close()


def test_a_stuck_reader_does_not_keep_the_server_from_flushing_at_its_end(new_server):
    # The reader may use up half of it; the rest is for flushing on a busy machine.
    server = new_server(settings={"server.shutdown_timeout": "16s"})
    stuck = StuckReader(server)
    for request in range(40):
        server.send("logs", records(long_bodies(20 * request, 20)))
    server.stop()
    assert "stopped" in server.log_text() and "did not stop in time" not in server.log_text()
    stuck.socket.close()


def test_the_command_line_prints_what_arrives(server, tenant):
    command = [binary(), "tail", "logs", "order", "--url", server.api, "--tenant", tenant]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()))
        reader.start()
        number = 0
        # It is watching once it prints: there is no other sign.
        while reader.is_alive():
            number += 1
            server.send("logs", records({number: "order placed", number + 10**6: "other"}), tenant=tenant)
            reader.join(timeout=0.1)
            assert process.poll() is None, process.stderr.read()
        assert lines[0].endswith("INFO  cart order placed\n")
    finally:
        process.kill()
        process.wait()
    wrong = subprocess.run(
        [binary(), "tail", "spans", "{", "--url", server.api], capture_output=True, text=True
    )
    assert wrong.returncode == 1 and "binnacle tail: " in wrong.stderr
