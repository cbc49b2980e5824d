"""`kill -9` at random moments under load: whatever was acknowledged is there exactly once, whatever was not is there
whole or not at all, and a retry of it — the same bytes, or the same compressed anew — never makes it twice.

Prints its seed; set `CRASH_SEED` to run the same one again and `CRASH_KILLS` for more rounds.
"""

import collections
import gzip
import os
import random
import threading
import time
from dataclasses import dataclass

import requests
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from canonical import REQUESTS
from everything import T0, any_value, attributes

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
CLIENTS = 4
ITEMS_MAX = 60
TENANTS = ["default", "other"]


@dataclass
class Sent:
    """One request in the ledger."""

    number: int
    signal: str
    tenant: str
    items: int
    body: bytes
    compression: str | None
    acknowledged: bool = False


def build(number, signal, items):
    """Every item carries its request's number, so that the server's answer can be held against the ledger."""
    mark = attributes({"request": number})
    resource = Resource(attributes=attributes({"service.name": f"client-{number % 5}"}))
    times = [T0 + number * 1_000_000 + i for i in range(items)]
    if signal == "traces":
        spans = [
            Span(
                trace_id=(1 + number).to_bytes(16, "big"),
                span_id=(1 + i).to_bytes(8, "big"),
                name="work",
                start_time_unix_nano=t,
                end_time_unix_nano=t + 5,
                attributes=mark,
            )
            for i, t in enumerate(times)
        ]
        scopes = [ScopeSpans(spans=spans)]
        group = {"resource_spans": [ResourceSpans(resource=resource, scope_spans=scopes)]}
    elif signal == "logs":
        records = [
            LogRecord(time_unix_nano=t, body=any_value(f"request {number} item {i}"), attributes=mark)
            for i, t in enumerate(times)
        ]
        scopes = [ScopeLogs(log_records=records)]
        group = {"resource_logs": [ResourceLogs(resource=resource, scope_logs=scopes)]}
    else:
        points = [m.NumberDataPoint(time_unix_nano=t, as_int=number, attributes=mark) for t in times]
        metric = m.Metric(name="work", gauge=m.Gauge(data_points=points))
        scopes = [m.ScopeMetrics(metrics=[metric])]
        group = {"resource_metrics": [m.ResourceMetrics(resource=resource, scope_metrics=scopes)]}
    return REQUESTS[signal](**group).SerializeToString()


#: How often each request's items are stored.
COUNTS = {
    "traces": "SELECT attributes['request'] AS r, count(*) FROM spans GROUP BY r",
    "logs": "SELECT attributes['request'] AS r, count(*) FROM logs GROUP BY r",
    "metrics": "SELECT int_value AS r, count(*) FROM metric_points GROUP BY r",
}


class Load:
    """Clients that send until told to stop, and the ledger of what they were told."""

    def __init__(self, server, chance):
        self.server = server
        self.chance = chance
        self.ledger = []
        self.lock = threading.Lock()
        self.numbers = iter(range(10**9))

    def start(self):
        self.stopping = threading.Event()
        seeds = [self.chance.random() for _ in range(CLIENTS)]
        self.threads = [threading.Thread(target=self.client, args=(seed,)) for seed in seeds]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def client(self, seed):
        chance = random.Random(seed)
        session = requests.Session()
        while not self.stopping.is_set():
            with self.lock:
                number = next(self.numbers)
            signal = chance.choice(list(COUNTS))
            items = chance.randint(1, ITEMS_MAX)
            compression = chance.choice([None, "gzip"])
            body = build(number, signal, items)
            sent = Sent(number, signal, chance.choice(TENANTS), items, body, compression)
            with self.lock:
                self.ledger.append(sent)
            self.attempt(sent, session)

    def attempt(self, sent, session):
        """One try. No answer, or a retryable one, leaves the request unacknowledged."""
        headers = {"Content-Type": "application/x-protobuf"}
        body = sent.body
        if sent.compression:
            headers["Content-Encoding"] = "gzip"
            # A client that compresses anew makes other bytes of the same request: the header carries a time.
            body = gzip.compress(body, mtime=random.getrandbits(31))
        try:
            answer = self.server.post(
                f"/v1/{sent.signal}", body, headers, sent.tenant, timeout=30, session=session
            )
        except requests.RequestException:
            time.sleep(0.01)
            return
        assert answer.status_code in (200, 429, 503), (answer.status_code, answer.content)
        sent.acknowledged = answer.status_code == 200

    def retry(self):
        """Sends again what was not acknowledged, as an SDK would."""
        session = requests.Session()
        for sent in [sent for sent in self.ledger if not sent.acknowledged]:
            self.attempt(sent, session)
            assert sent.acknowledged, sent.number

    def check(self):
        """Holds what is stored against the ledger."""
        for signal, query in COUNTS.items():
            for tenant in TENANTS:
                rows = self.server.query(query, tenant, row_limit=1_000_000)
                stored = collections.Counter({int(r): int(count) for r, count in rows})
                for sent in self.ledger:
                    if (sent.signal, sent.tenant) != (signal, tenant):
                        continue
                    found = stored.pop(sent.number, 0)
                    allowed = [sent.items] if sent.acknowledged else [0, sent.items]
                    assert found in allowed, (sent.number, signal, tenant, found, sent.items)
                assert not stored, f"rows nobody sent: {stored}"


def test_what_was_acknowledged_is_there_exactly_once(new_server):
    seed = int(os.environ.get("CRASH_SEED", random.SystemRandom().getrandbits(32)))
    print(f"\nCRASH_SEED={seed}")
    chance = random.Random(seed)
    # Small buffers and short ages, so that kills hit flushes and compactions as well.
    server = new_server(settings={"storage.flush_interval": "300ms"})
    load = Load(server, chance)
    try:
        for kill in range(KILLS):
            load.start()
            time.sleep(chance.uniform(0.05, 1.5))
            if chance.random() < 0.3:
                worker = threading.Thread(target=quietly, args=(server.compact,))
                worker.start()
                time.sleep(chance.uniform(0, 0.2))
            server.kill()
            load.stop()
            if chance.random() < 0.3:
                # Killed again while it recovers.
                server.start(wait=False)
                time.sleep(chance.uniform(0, 0.5))
                server.kill()
            server.start()
            # What was never retried is there whole or not at all …
            if chance.random() < 0.5:
                load.check()
            # … and after retries everything is there once.
            load.retry()
            load.check()
        server.flush()
        load.check()
        server.compact()
        load.check()
        server.restart()
        load.check()
    finally:
        load.stop()
        acknowledged = sum(sent.items for sent in load.ledger if sent.acknowledged)
        print(f"{KILLS} kills, {len(load.ledger)} requests, {acknowledged} items; CRASH_SEED={seed}")
    assert all(sent.acknowledged for sent in load.ledger)
    assert len(load.ledger) > KILLS


def quietly(work):
    try:
        work()
    except (requests.RequestException, AssertionError):
        pass


def test_a_clean_stop_under_load_loses_nothing(new_server):
    server = new_server()
    load = Load(server, random.Random(7))
    for _ in range(3):
        load.start()
        time.sleep(0.5)
        server.stop()
        load.stop()
        server.start()
        load.retry()
        load.check()
