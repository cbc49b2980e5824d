"""A web page may send telemetry, as the OpenTelemetry SDK for browsers does."""

import pytest
import requests

from everything import encode, traces

#: Pages on this machine may send without being configured.
ORIGIN = "http://localhost:3000"


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_a_preflight_is_allowed(server, signal):
    answer = requests.options(
        f"{server.otlp}/v1/{signal}",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,content-encoding,x-scope-orgid,traceparent",
        },
        timeout=10,
    )
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
    assert "POST" in answer.headers["Access-Control-Allow-Methods"].upper()
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    for header in ("content-type", "content-encoding", "x-scope-orgid", "traceparent"):
        assert header in allowed or allowed == "*"
    assert answer.headers["Access-Control-Max-Age"] == "7200"


def test_an_answer_may_be_read_by_the_page(server, tenant):
    body, headers = encode(traces(), "json")
    answer = server.post("/v1/traces", body, headers | {"Origin": ORIGIN}, tenant)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)


def test_a_beacon_needs_no_headers(server):
    """`navigator.sendBeacon` sends a JSON blob, and nothing else may be set."""
    body, headers = encode(traces(), "json")
    answer = server.post("/v1/traces", body, headers | {"Origin": ORIGIN})
    assert answer.status_code == 200 and answer.json() == {}


def test_errors_may_be_read_too(server):
    headers = {"Content-Type": "application/json", "Origin": ORIGIN}
    answer = server.post("/v1/traces", b"{", headers)
    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)


def test_other_origins_must_be_configured(server, new_server):
    def allowed(at, origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = requests.options(f"{at.otlp}/v1/traces", headers=headers, timeout=10)
        return answer.headers.get("Access-Control-Allow-Origin") in ("*", origin)

    assert not allowed(server, "https://shop.example.com")
    shop = new_server(settings={"collector.cors_origins": "https://*.example.com"})
    assert allowed(shop, "https://shop.example.com")
    assert not allowed(shop, "https://example.org")
