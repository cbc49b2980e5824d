"""What an operator's tools read: health, metrics, the API's own description."""

import json
import os

import pytest
import requests
from openapi_spec_validator import validate
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from everything import logs, traces


def test_it_says_that_it_lives_and_is_ready(server):
    for path in ("/healthz", "/readyz"):
        assert requests.get(f"{server.api}{path}", timeout=10).status_code == 200


def test_status_tells_the_room_on_the_disk_of_the_data(server):
    status = requests.get(f"{server.api}/api/v1/status", timeout=10).json()
    room, there = status["disk"], os.statvfs(status["data_path"])
    assert room["total_bytes"] == there.f_blocks * there.f_frsize
    # Others write meanwhile.
    assert abs(room["free_bytes"] - there.f_bavail * there.f_frsize) < 1 << 30


def families(server):
    headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = requests.get(f"{server.api}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def test_metrics_are_openmetrics_and_count_what_came(server, tenant):
    def accepted():
        total = 0
        for name, family in families(server).items():
            if "accepted" in name or "rows" in name or "records" in name:
                total += sum(s.value for s in family.samples if s.name.endswith("_total"))
        return total

    server.send("traces", traces(11), tenant=tenant)
    before = accepted()
    server.send("logs", logs(12), tenant=tenant)
    assert accepted() > before
    found = families(server)
    assert len(found) > 10
    for family in found.values():
        assert family.documentation, family.name


@pytest.fixture
def document(server):
    answer = requests.get(f"{server.api}/api/v1/openapi.json", timeout=10)
    assert answer.status_code == 200
    return json.loads(answer.text)


def test_the_description_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_the_description_has_every_route(document):
    for path in ("/api/v1/sql", "/api/v1/traces/{trace_id}", "/api/v1/logs", "/healthz", "/readyz", "/metrics"):
        assert path in document["paths"], sorted(document["paths"])


def test_every_described_route_is_there(server, document):
    for path, methods in document["paths"].items():
        for method in methods:
            if method not in ("get", "post", "put", "delete"):
                continue
            filled = path.replace("{trace_id}", "a" * 32).replace("{id}", "a" * 32)
            if "admin" in filled:
                continue
            # A live tail never ends: its head is enough.
            url = f"{server.api}{filled}"
            answer = requests.request(method.upper(), url, timeout=10, stream=True)
            answer.close()
            described = methods[method]["responses"]
            assert str(answer.status_code) in described, (method, path, answer.status_code, sorted(described))
