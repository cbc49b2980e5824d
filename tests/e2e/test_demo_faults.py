"""What breaks in the demo's shop is told of with its cause: an alert of an SLO, whose explanation names the culprit."""

import pytest

from shop import Demo


@pytest.fixture
def broken(tmp_path):
    """Starts a demo of its own in which something breaks once it has run for a while."""
    demos = []

    def start(fault):
        demos.append(Demo(tmp_path, "--fault", f"{fault},after=20s").start())
        return demos[0]

    yield start
    for demo in demos:
        demo.stop()


def test_a_slow_database_is_found(broken):
    demo = broken("slow-database")
    alert = demo.wait_for_alert("SLOBurnRate", slo="checkout-latency", severity="page")
    first = demo.evidence(alert)["operations"][0]
    assert (first["service"], first["operation"], first["how"]) == ("orders", "INSERT orders", "slow"), first
    assert first["is_significant"]


def test_a_bad_canary_is_found_by_its_version(broken):
    demo = broken("bad-canary")
    alert = demo.wait_for_alert("SLOBurnRate", slo="payment", severity="page")
    evidence = demo.evidence(alert)
    first = evidence["operations"][0]
    assert (first["service"], first["operation"], first["how"]) == ("payment", "shop.v1.Payment/Charge", "failing"), first
    assert evidence["versions"][0]["value"] == "1.9.0", evidence["versions"]
    assert "amount overflows after rounding" in str(evidence["examples"])


def test_a_failing_saga_is_taken_back(broken):
    demo = broken("saga-failure")
    alert = demo.wait_for_alert("SLOBurnRate", slo="checkout", severity="page")
    first = demo.evidence(alert)["operations"][0]
    assert (first["service"], first["operation"]) == ("orders", "shop.v1.Orders/Place"), first
    # Every failed order was compensated: the money first, then the goods.
    undone = demo.wait_for_rows(
        "SELECT trace_id, string_agg(name, ' ' ORDER BY start_time) FROM spans WHERE service = 'orders' AND kind = 3 "
        "AND name IN ('shop.v1.Payment/Refund', 'shop.v1.Catalog/Release') GROUP BY 1",
        3,
    )
    assert {names for [_, names] in undone} == {"shop.v1.Payment/Refund shop.v1.Catalog/Release"}


def test_a_retry_storm_is_seen(broken):
    demo = broken("retry-storm")
    demo.wait_for_alert("RetryStorm")
    alert = demo.wait_for_alert("SLOBurnRate", slo="payment", severity="page")
    first = demo.evidence(alert)["operations"][0]
    assert (first["service"], first["how"]) == ("payment", "failing"), first


def test_a_cache_stampede_is_found(broken):
    demo = broken("cache-stampede")
    alert = demo.wait_for_alert("SLOBurnRate", slo="catalog-latency", severity="page")
    first = demo.evidence(alert)["operations"][0]
    assert (first["service"], first["operation"], first["how"]) == ("catalog", "SELECT products", "slow"), first


def test_an_expired_certificate_is_seen_by_visitors_only(broken):
    demo = broken("expired-certificate")
    alert = demo.wait_for_alert("SLOBurnRate", slo="storefront", severity="page")
    evidence = demo.evidence(alert)
    first = evidence["operations"][0]
    # The CDN sent nothing of it: its caller's spans tell.
    assert (first["service"], first["caller"], first["operation"]) == ("cdn", "shopper", "connect"), first
    assert first["how"] == "failing" and "expired" in evidence["examples"][0]["culprit"]["status_message"], evidence
