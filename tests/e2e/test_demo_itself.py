"""Binnacle watches itself: its own telemetry in a tenant of its own, which costs nothing when nobody asks."""

import time

import pytest

from binnacle import Server
from everything import traces
from receivers import wait_until

TENANT = "binnacle"


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, {"telemetry.enabled": "true"}).start()
    yield server
    server.stop()


def count(server, sql):
    return server.value(sql, tenant=TENANT)


def test_requests_logs_metrics_and_objectives_are_its_own(server):
    for _ in range(20):
        server.query("SELECT 1")
    assert server.call("POST", "/api/v1/sql", json={"query": "SELECT nothing FROM nowhere"}).status_code == 400
    asked = "SELECT count(*) FROM spans WHERE service = 'binnacle' AND name = 'POST /api/v1/sql'"
    wait_until(lambda: count(server, asked) >= 21, 60)
    wait_until(lambda: count(server, "SELECT count(*) FROM logs WHERE service = 'binnacle'") >= 1, 60)
    served = "SELECT count(*) FROM series WHERE name LIKE 'binnacle_api_requests%'"
    wait_until(lambda: count(server, served) >= 1, 60)
    # Nothing of it is anybody else's.
    assert server.value("SELECT count(*) FROM spans") == server.value("SELECT count(*) FROM series") == 0

    assert server.call("GET", "/api/v1/status").json()["telemetry_tenant"] == TENANT

    def states():
        slos = server.call("GET", "/api/v1/slos", TENANT).json()["slos"]
        states = {}
        for slo in slos:
            [objective] = server.call("GET", f"/api/v1/slos/{slo['name']}", TENANT).json()["objectives"]
            total = ((objective.get("status") or {}).get("events") or {}).get("total", 0)
            states[slo["name"]] = total > 0
        return states

    names = {"binnacle-ingest", "binnacle-freshness", "binnacle-queries"}
    assert set(states()) == names
    # Something to take in, so that ingest is measured: the metrics themselves are.
    wait_until(lambda: all(states().values()), 120)


def test_its_own_work_is_spans_with_its_log(server):
    flushes = "SELECT count(*) FROM spans WHERE name = 'flush' AND kind = 1 AND attributes['binnacle.tenant'] = 'default'"
    for done in (1, 2):
        server.send("traces", traces(done))
        server.flush()
        wait_until(lambda done=done: count(server, flushes) >= done, 60)
    said = (
        "SELECT count(*) FROM logs JOIN spans ON logs.trace_id = spans.trace_id AND logs.span_id = spans.span_id "
        "WHERE spans.name = 'flush' AND logs.body LIKE '%flushed segments%'"
    )
    wait_until(lambda: count(server, said) >= 1, 60)
    # The second flush was one of its own tenant, too, which is no span of that tenant.
    assert "tenant=binnacle signal=traces" in server.log_text()
    assert count(server, f"SELECT count(*) FROM spans WHERE attributes['binnacle.tenant'] = '{TENANT}'") == 0


def test_watching_itself_makes_nothing_to_watch(server):
    server.query("SELECT 1")
    asked = "SELECT count(*) FROM spans"
    before = wait_until(lambda: count(server, asked), 60)
    # What is asked of its own telemetry, the sending of it, probes and scrapes leave no span.
    for _ in range(20):
        count(server, "SELECT count(*) FROM logs")
        assert server.call("GET", "/metrics").status_code == 200
    time.sleep(12)
    assert count(server, asked) == before
