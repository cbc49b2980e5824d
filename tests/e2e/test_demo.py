"""`binnacle demo`: the whole request path arrives, and every fault is told of with its cause."""

import collections
import json
import re
import signal
import sqlite3
import time

import pytest

from binnacle import ROOT, Server
from receivers import wait_until
from shop import Demo

SERVICES = {
    "shopper", "dns", "cdn", "balancer", "gateway", "catalog", "cart", "orders", "payment", "fulfilment", "partner",
}  # fmt: skip
#: One checkout, from the shopper to the queue: service, kind and name of each span, and of the span it is below.
PATH = [
    (("shopper", "connect"), ("shopper", "visit buy")),
    (("shopper", "SRV"), ("shopper", "visit buy")),
    (("dns", "SRV"), ("shopper", "SRV")),
    (("shopper", "POST"), ("shopper", "visit buy")),
    (("cdn", "POST /{*path}"), ("shopper", "POST")),
    (("cdn", "POST"), ("cdn", "POST /{*path}")),
    (("balancer", "POST /{*path}"), ("cdn", "POST")),
    (("balancer", "POST"), ("balancer", "POST /{*path}")),
    (("gateway", "POST /api/checkout"), ("balancer", "POST")),
    (("gateway", "shop.v1.Cart/Take"), ("gateway", "POST /api/checkout")),
    (("cart", "shop.v1.Cart/Take"), ("gateway", "shop.v1.Cart/Take")),
    (("cart", "MGET"), ("cart", "shop.v1.Cart/Take")),
    (("gateway", "shop.v1.Orders/Place"), ("gateway", "POST /api/checkout")),
    (("orders", "shop.v1.Orders/Place"), ("gateway", "shop.v1.Orders/Place")),
    (("orders", "shop.v1.Catalog/Reserve"), ("orders", "shop.v1.Orders/Place")),
    (("catalog", "shop.v1.Catalog/Reserve"), ("orders", "shop.v1.Catalog/Reserve")),
    (("catalog", "INSERT stock"), ("catalog", "shop.v1.Catalog/Reserve")),
    (("orders", "shop.v1.Payment/Charge"), ("orders", "shop.v1.Orders/Place")),
    (("payment", "shop.v1.Payment/Charge"), ("orders", "shop.v1.Payment/Charge")),
    (("payment", "INSERT payments"), ("payment", "shop.v1.Payment/Charge")),
    (("orders", "INSERT orders"), ("orders", "shop.v1.Orders/Place")),
    (("orders", "send orders"), ("orders", "shop.v1.Orders/Place")),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One demo for what no SLO sees, in the order of the file; each test ends the fault that it began."""
    demo = Demo(tmp_path_factory.mktemp("demo")).start()
    yield demo
    demo.stop()


@pytest.fixture
def new_demo(tmp_path):
    """Starts demos that end with the test."""
    demos = []

    def start(*arguments, **settings):
        demos.append(Demo(tmp_path, *arguments, **settings).start())
        return demos[-1]

    yield start
    for demo in demos:
        demo.kill()


def gateway_instances(demo, since=0):
    """Those that served requests since then."""
    rows = demo.query(
        "SELECT DISTINCT resource FROM spans WHERE service = 'gateway' AND kind = 2 "
        f"AND CAST(start_time AS BIGINT) > {since}"
    )
    resources = [json.loads(text) if isinstance(text, str) else text for [text] in rows]
    return {resource["service.instance.id"] for resource in resources}


def test_one_trace_crosses_every_hop(demo):
    sent = "SELECT trace_id FROM spans WHERE name = 'process orders' AND service = 'fulfilment'"
    demo.wait_for_rows(sent, 3)
    # The trace of an order whose message was handled: complete, but for spans that still wait to be sent.
    time.sleep(3)
    sent = (
        "SELECT s.trace_id, p.trace_id, p.span_id FROM spans s JOIN span_links l ON l.linked_trace_id = s.trace_id "
        "AND l.linked_span_id = s.span_id JOIN spans p ON p.trace_id = l.trace_id AND p.span_id = l.span_id "
        "WHERE s.name = 'send orders' AND p.name = 'process orders' ORDER BY s.start_time LIMIT 1"
    )
    [[trace_id, processed, process_span]] = demo.query(sent)
    assert processed != trace_id
    spans = demo.trace(trace_id)["spans"]
    by_id = {span["span_id"]: span for span in spans}

    def said(span):
        return span["service"], span["name"]

    below = collections.Counter(
        (said(span), said(by_id[span["parent_span_id"]]))
        for span in spans
        if span["parent_span_id"] in by_id
    )
    for hop in PATH:
        assert below[hop] >= 1, (hop, sorted(below))
    roots = [span for span in spans if span["parent_span_id"] not in by_id]
    assert [said(root) for root in roots] == [("shopper", "visit buy")]
    # The queue's other side: a trace of its own, down to the webhook.
    spans = demo.trace(processed)["spans"]
    by_id = {span["span_id"]: span for span in spans}
    chain = [said(span) for span in sorted(spans, key=lambda span: int(span["start_time"]))]
    assert chain == [("fulfilment", "process orders"), ("fulfilment", "POST"), ("partner", "POST /webhooks/orders")]
    # Baggage has come all the way, over the queue too.
    customers = {span["attributes"].get("customer.id") for span in [*demo.trace(trace_id)["spans"], *spans]}
    # DNS has room for the trace only.
    customers -= {None}
    assert len(customers) == 1 and next(iter(customers)).startswith("customer-")


def test_every_service_and_signal_arrives(demo):
    counted = dict(demo.wait_for_rows("SELECT service, count(*) FROM spans GROUP BY 1", len(SERVICES)))
    assert set(counted) == SERVICES
    of_logs = "SELECT DISTINCT service FROM logs"
    assert {"orders", "payment", "cart", "gateway", "catalog", "partner", "fulfilment"} <= {
        service for [service] in demo.wait_for_rows(of_logs, 7)
    }
    metrics = {name for [name] in demo.wait_for_rows("SELECT DISTINCT name FROM series", 8)}
    assert {
        "http.server.request.duration",
        "http.client.request.duration",
        "rpc.server.call.duration",
        "rpc.client.call.duration",
        "db.client.operation.duration",
        "messaging.process.duration",
        "balancer.upstreams.healthy",
        "shopqueue.messages",
    } <= metrics
    assert gateway_instances(demo) == {"gateway-a", "gateway-b"}


def test_logs_and_exemplars_carry_their_traces(demo):
    placed = "SELECT trace_id, span_id FROM logs WHERE service = 'orders' AND body = 'placed an order'"
    [trace_id, span_id] = demo.wait_for_rows(placed)[0]
    spans = {span["span_id"]: span for span in demo.trace(trace_id)["spans"]}
    assert spans[span_id]["name"] == "shop.v1.Orders/Place" and spans[span_id]["service"] == "orders"
    # An exemplar of a request leads to the span that it measured.
    exemplar = (
        "SELECT s.service, s.name FROM exemplars e JOIN spans s ON s.trace_id = e.trace_id AND s.span_id = e.span_id "
        "WHERE e.series_id IN (SELECT series_id FROM series WHERE name = 'rpc.server.call.duration')"
    )
    found = {tuple(row) for row in demo.wait_for_rows(exemplar, 5)}
    assert ("orders", "shop.v1.Orders/Place") in found, found


def test_faults_are_asked_for_by_name(demo):
    listed = demo.call("GET", "/api/v1/demo/faults").json()["faults"]
    assert len(listed) == 10 and not any(one["is_on"] for one in listed)
    # Each has a page that says how to begin it.
    pages = {page.stem: page.read_text() for page in (ROOT / "docs" / "faults").glob("*.md")}
    assert set(pages) == {one["name"] for one in listed}
    for name, page in pages.items():
        assert f"binnacle demo --fault {name}," in page and f'"fault": "{name}"' in page
    standing = demo.begin("clock-skew", after="1h", **{"for": "5m"})["clock-skew"]
    assert not standing["is_on"] and 0 < standing["starts_in_ms"] <= 3_600_000 < standing["ends_in_ms"]
    demo.end("clock-skew")
    refused = [
        ("POST", "", {"fault": "nothing"}, 400),
        ("POST", "", {"fault": "clock-skew", "for": "soon"}, 400),
        ("POST", "", {"fault": "clock-skew", "until": "1h"}, 400),
        ("DELETE", "/nothing", None, 404),
        ("GET", "/clock-skew", None, 405),
    ]
    for method, path, body, status in refused:
        answer = demo.call(method, f"/api/v1/demo/faults{path}", json=body)
        assert answer.status_code == status, (path, body, answer.text)


def test_a_noisy_neighbour_is_held_to_its_rate(demo):
    demo.begin("noisy-neighbour")
    alert = demo.wait_for_alert("RateLimited")
    assert alert["labels"]["client"] == "bulk-importer"
    # It alone is refused, and is told when to come back.
    refused = demo.query(
        "SELECT DISTINCT attributes['customer.id'] FROM spans WHERE service = 'gateway' "
        "AND attributes['http.response.status_code'] = 429"
    )
    assert refused == [["bulk-importer"]]
    demo.end("noisy-neighbour")


def test_a_lost_cell_is_left_alone(demo):
    demo.begin("lost-cell")
    alert = demo.wait_for_alert("CellLost")
    assert alert["annotations"]["summary"].startswith("1 of 2 cells")
    time.sleep(5)
    assert gateway_instances(demo, since=time.time_ns() - 3_000_000_000) == {"gateway-a"}
    demo.end("lost-cell")
    wait_until(lambda: "CellLost" not in demo.firing(), 60)


def test_a_skewed_clock_is_told(demo):
    demo.begin("clock-skew")
    alert = demo.wait_for_alert("ClockSkew")
    assert alert["labels"]["service"] == "payment"
    demo.end("clock-skew")


def test_silence_is_told_and_ends_with_it(demo):
    demo.begin("telemetry-outage")
    demo.wait_for_alert("TelemetryLost")
    last = demo.value("SELECT max(ingested_at) FROM spans")
    time.sleep(5)
    assert demo.value("SELECT max(ingested_at) FROM spans") == last
    demo.end("telemetry-outage")
    wait_until(lambda: "TelemetryLost" not in demo.firing(), 60)
    assert demo.value("SELECT max(ingested_at) FROM spans") > last


def test_it_stops_with_one_signal(new_demo, tmp_path):
    demo = new_demo("--fault", "lost-cell,after=1h,for=1m", "--visits", "6")
    demo.wait_for_rows("SELECT 1 FROM spans WHERE name = 'process orders'", 21)
    process = demo.process
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0, demo.log_tail()
    assert time.monotonic() - began < 45
    text = demo.log_text()
    assert "the shop is open: http://127.0.0.1:" in text and "the shop is closed" in text, demo.log_tail()
    assert "not sent" not in text, demo.log_tail()
    # Nothing is lost on the way, the last second included: the shop's own tables say what happened.
    with sqlite3.connect(tmp_path / "data" / "demo" / "shop.sqlite") as shop:
        [[orders], [paid]] = shop.execute("SELECT count(*) FROM orders UNION ALL SELECT count(*) FROM payments")
    server = Server(tmp_path).start()
    counted = [
        server.value(f"SELECT count(*) FROM spans WHERE name = '{name}' AND status_code < 2")
        for name in ("INSERT orders", "INSERT payments")
    ]
    logged = [
        server.value(f"SELECT count(*) FROM logs WHERE body = '{body}'")
        for body in ("placed an order", "charged the card")
    ]
    server.stop()
    assert counted == logged == [orders, paid] and orders > 20


def test_a_first_start_pages_with_evidence_and_recovers(new_demo):
    began = time.monotonic()
    demo = new_demo(history="1day")
    alert = demo.wait_for_alert("SLOBurnRate", slo="payment", severity="page")
    fired = time.monotonic() - began
    evidence = demo.evidence(alert)
    print(f"fired after {fired:.1f} s, explained after {time.monotonic() - began:.1f} s")
    # Failing traces, what their logs and spans say, and what sets them apart.
    first = evidence["operations"][0]
    assert (first["service"], first["operation"], first["how"]) == ("payment", "shop.v1.Payment/Charge", "failing"), first
    assert evidence["versions"][0]["value"] == "1.9.0", evidence["versions"]
    example = evidence["examples"][0]
    assert "amount overflows after rounding" in str(example), example
    trace = demo.trace(example["trace_id"])
    assert any(span["service"] == "payment" for span in trace["spans"]), trace
    assert "amount overflows after rounding" in str(trace["logs"]), trace["logs"]
    assert "something is wrong in the shop" in demo.log_text()
    wait_until(lambda: "alert firing: SLOBurnRate slo=payment" in demo.log_text())
    # The shop goes on with it, and it has an end.
    listed = {one["name"]: one for one in demo.call("GET", "/api/v1/demo/faults").json()["faults"] if one["is_on"]}
    assert set(listed) == {"bad-canary"} and listed["bad-canary"]["ends_in_ms"] <= 300_000
    demo.end("bad-canary")

    def paged():
        return [a["labels"] for a in demo.alerts() if a["labels"].get("severity") == "page"]

    wait_until(lambda: not paged(), 240)
    demo.stop()


def test_the_time_before_is_made_up_once(new_demo):
    began = time.time_ns()
    demo = new_demo("--no-incident", history="2days")
    wait_until(lambda: " points in " in demo.log_text(), 300)
    [told] = re.findall(r"history: (\d+) spans, (\d+) logs, (\d+) points", demo.log_text())
    assert not any(one["is_on"] for one in demo.call("GET", "/api/v1/demo/faults").json()["faults"])
    # It ends some seconds before the shop opened.
    old = f"< {began}"
    counted = [
        demo.value(f"SELECT count(*) FROM spans WHERE CAST(start_time AS BIGINT) {old}"),
        demo.value(f"SELECT count(*) FROM logs WHERE CAST(time AS BIGINT) {old}"),
        # Rules count what was before the first look, too.
        demo.value(
            f"SELECT count(*) FROM metric_points WHERE CAST(time AS BIGINT) {old} AND series_id IN "
            "(SELECT series_id FROM series WHERE name = 'http.server.request.duration')"
        ),
    ]
    assert [int(number) for number in told] == counted and counted[0] > 50_000
    demo.restart()
    demo.wait_for_rows("SELECT 1 FROM spans WHERE service = 'shopper' AND duration > 0", 5)
    assert demo.log_text().count("days of history") == 1
    # Budgets are those of all that time.

    def counted_orders():
        [objective] = demo.call("GET", "/api/v1/slos/checkout").json()["objectives"]
        return (objective.get("status") or {"events": {"total": 0}})["events"]["total"]

    wait_until(lambda: counted_orders() > 3_000)
    demo.stop()
