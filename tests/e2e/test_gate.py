"""The gate of deployments: whether a candidate is as good as the baseline, over HTTP and on the command line."""

import json
import subprocess
import time

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from binnacle import binary
from test_explain import SECOND, Traffic
from test_slo import put, spec

PROMOTE, FAILED, USAGE, ROLL_BACK, HOLD = 0, 1, 2, 3, 4


@pytest.fixture(scope="module")
def deployed(server):
    """An hour of five versions: 2.0 fails more often, 3.0 is slower, 4.0 is as good as 1.0, and of 5.0 there is little."""
    now = time.time_ns()
    traffic = Traffic()
    number = 0

    def add(version, at, fails, slow=0):
        nonlocal number
        number += 1
        traffic.add(
            "api",
            version,
            trace_id=(number + (1 << 64)).to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name="GET /",
            kind=2,
            start_time_unix_nano=at - 1_000_000 - slow,
            end_time_unix_nano=at,
            status=Status(code=Status.STATUS_CODE_ERROR if fails else Status.STATUS_CODE_UNSET),
        )

    for index in range(3000):
        at = now - 3500 * SECOND + index * SECOND
        add("1.0", at, index % 100 == 0)
        add("1.0", at + SECOND // 2, index % 100 == 50)
        add("2.0", at, index % 20 == 0)
        add("3.0", at, index % 100 == 0, 500_000_000 if index % 20 == 0 else 0)
        add("4.0", at, index % 100 == 7)
        if index % 300 == 0:
            add("5.0", at, False)
    traffic.send(server, "gate")
    api = '{ resource.service.name = "api" }'
    put(server, spec("errors", "spans", api, "{ status != error }", objective="target: 0.98"), "gate")
    put(server, spec("latency", "spans", api, "{ duration <= 100ms }", objective="target: 0.98"), "gate")
    return server


def gate(server, name, **params):
    answer = server.call("GET", f"/api/v1/slos/{name}/gate", "gate", params=params)
    assert answer.status_code == 200, answer.text
    body = server.call("POST", f"/api/v1/slos/{name}/gate", "gate", json=params)
    assert body.json()["verdict"] == answer.json()["verdict"]
    return answer.json()


def run(server, *words):
    command = [binary(), "gate", *words, "--url", server.api, "--tenant", "gate"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("slo", "version", "verdict", "code"),
    [
        ("errors", "2.0", "roll_back", ROLL_BACK),
        ("errors", "3.0", "promote", PROMOTE),
        ("errors", "4.0", "promote", PROMOTE),
        ("errors", "5.0", "hold", HOLD),
        ("latency", "2.0", "promote", PROMOTE),
        ("latency", "3.0", "roll_back", ROLL_BACK),
    ],
)
def test_the_gate_decides_by_errors_and_by_latency(deployed, slo, version, verdict, code):
    versions = {"candidate": f"service.version:{version}", "baseline": "service.version:1.0"}
    found = gate(deployed, slo, **versions)
    assert found["verdict"] == verdict, found
    bad = {("errors", "2.0"): 150, ("latency", "3.0"): 150, ("errors", "5.0"): 0, ("latency", "2.0"): 0}
    assert found["candidate"]["bad"] == bad.get((slo, version), 30)
    assert found["candidate"]["total"] == (10 if version == "5.0" else 3000)
    assert found["baseline"]["total"] == 6000
    assert found["statistics"]["alpha"] == 0.05
    assert found["statistics"]["margin"] == pytest.approx(0.02)
    words = [word for name, value in versions.items() for word in (f"--{name}", value)]
    done = run(deployed, slo, *words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stdout.startswith(verdict.replace("_", " ") + ": ")
    printed = run(deployed, slo, *words, "--json")
    assert json.loads(printed.stdout)["verdict"] == verdict and printed.returncode == code


def test_what_is_no_question_for_the_gate_is_refused(deployed):
    other = gate(deployed, "errors", candidate="service.version:2.0")
    assert other["baseline"]["is"] == "other than service.version:2.0"
    assert other["baseline"]["total"] == 6000 + 3000 + 3000 + 10
    for name, params, status in [
        ("errors", {"candidate": "2.0"}, 400),
        ("errors", {"candidate": "v:1", "baseline": "v:1"}, 400),
        ("errors", {"candidate": "v:1", "alpha": "0"}, 400),
        ("errors", {"candidate": "v:1", "margin": "1.5"}, 400),
        ("errors", {"candidate": "v:1", "start": "now", "end": "-1h"}, 400),
        ("errors", {}, 400),
        ("nothing", {"candidate": "v:1"}, 404),
    ]:
        answer = deployed.call("GET", f"/api/v1/slos/{name}/gate", "gate", params=params)
        assert answer.status_code == status, (params, answer.text)
    assert run(deployed, "nothing", "--candidate", "v:1").returncode == FAILED
    assert run(deployed, "errors").returncode == USAGE
    started = time.monotonic()
    done = run(deployed, "errors", "--candidate", "service.version:5.0", "--wait", "11s")
    assert done.returncode == HOLD and done.stdout.count("hold: ") == 2
    assert time.monotonic() - started >= 10
