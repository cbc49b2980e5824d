"""Explain: what spent a budget, told with the page and kept when the rows are gone."""

import subprocess
import time

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from binnacle import binary
from canonical import REQUESTS
from everything import any_value, attributes
from receivers import Hook, wait_until
from test_slo import LOOK_SECONDS_MAX, put, spec

SECOND = 1_000_000_000
ENTRIES = '{ resource.service.name = "shop" && kind = server }'


class Traffic:
    """Requests to shop, which calls cart, which calls stock; stock fails of cart's new version only."""

    def __init__(self):
        self.spans = {}
        self.logs = []

    def add(self, service, version, **fields):
        self.spans.setdefault((service, version), []).append(Span(**fields))

    def request(self, number, at, cart="1.0", fails=False, slow=0):
        trace_id = number.to_bytes(16, "big")
        services = [("shop", 2), ("shop", 3), ("cart", 2), ("cart", 3), ("stock", 2)]
        status = Status(code=Status.STATUS_CODE_ERROR if fails else Status.STATUS_CODE_UNSET)
        for index, (service, kind) in enumerate(services):
            self.add(
                service,
                cart if service == "cart" else "1.0",
                trace_id=trace_id,
                span_id=(number * 8 + index + 1).to_bytes(8, "big"),
                parent_span_id=b"" if index == 0 else (number * 8 + index).to_bytes(8, "big"),
                name="GET /stock" if service == "stock" else "buy",
                kind=kind,
                start_time_unix_nano=at + index * 1_000_000,
                end_time_unix_nano=at + (100 - index) * 1_000_000 + slow,
                status=status,
            )
        if fails:
            self.logs.append(
                LogRecord(
                    time_unix_nano=at,
                    trace_id=trace_id,
                    span_id=(number * 8 + 5).to_bytes(8, "big"),
                    severity_number=17,
                    body=any_value(f"shelf {number} is empty"),
                )
            )

    def send(self, server, tenant=None):
        groups = [
            ResourceSpans(
                resource=Resource(attributes=attributes({"service.name": name, "service.version": version})),
                scope_spans=[ScopeSpans(spans=spans)],
            )
            for (name, version), spans in self.spans.items()
        ]
        server.send("traces", REQUESTS["traces"](resource_spans=groups), tenant=tenant)
        if self.logs:
            resource = Resource(attributes=attributes({"service.name": "stock"}))
            group = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=self.logs)])
            server.send("logs", REQUESTS["logs"](resource_logs=[group]), tenant=tenant)


def explain(server, name, tenant=None, **params):
    answer = server.call("GET", f"/api/v1/slos/{name}/explain", tenant, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_alert(server, alert, status=200):
    answer = server.call("GET", f"/api/v1/alerts/{alert}/explain")
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_page_carries_its_cause_and_keeps_it(new_server, tmp_path):
    hook = Hook()
    file = tmp_path / "notify.yml"
    file.write_text(
        "route: {receiver: hook, group_by: ['...'], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers:\n- name: hook\n  webhook_configs: [{{url: '{hook.url}/hook'}}]\n"
    )
    server = new_server(settings={"alerting.notify_file": str(file)})
    server.settings["alerting.external_url"] = server.api
    server.stop()
    server.start()
    now = time.time_ns()
    traffic = Traffic()
    for number in range(1, 1200):
        at = now - (1201 - number) * 3 * SECOND
        is_new = number > 1100 and number % 2 == 0
        traffic.request(number, at, cart="2.0" if is_new else "1.0", fails=is_new)
    traffic.send(server)
    put(server, spec("buying", "spans", ENTRIES, "{ status != error }", objective="target: 0.999"))

    def paged():
        bodies = [request["body"] for request in hook.taken()]
        alerts = [alert for body in bodies for alert in body["alerts"]]
        return next((a for a in alerts if a["labels"].get("long_window") == "1h"), None)

    page = wait_until(paged, LOOK_SECONDS_MAX + 20)
    told = page["annotations"]
    assert told["culprits"] == "stock"
    assert "stock spent 100 % of it, by failing in 'GET /stock'" in told["explanation"]
    assert "cart is 2.0" in told["explanation"]
    failed = {f"{number:032x}" for number in range(1102, 1200, 2)}
    ids = told["trace_ids"].split(",")
    assert ids and set(ids) <= failed
    # Its links are pages for whoever was woken; programs have the same below /api/v1.
    assert told["trace_url"] == f"{server.api}/traces/{ids[0]}"
    assert told["explain_url"] == f"{server.api}/alerts/{page['fingerprint']}"
    for link in (told["trace_url"], told["explain_url"]):
        answer = server.http.get(link, headers={"Accept": "text/html"}, timeout=30)
        assert answer.status_code == 200 and "<title>Binnacle" in answer.text
    evidence = server.call("GET", f"/api/v1/alerts/{page['fingerprint']}/explain").json()
    assert evidence["fingerprint"] == page["fingerprint"]
    assert evidence["summary"] == told["explanation"]
    assert [example["trace_id"] for example in evidence["examples"]] == ids
    for example in evidence["examples"]:
        number = int(example["trace_id"], 16)
        assert [log["body"] for log in example["logs"]] == [f"shelf {number} is empty"]
        assert example["culprit"]["service"] == "stock"
    found = server.query("SELECT kind, service, value FROM slo_evidence WHERE alert = '%s' AND is_significant" % page["fingerprint"])
    assert ["service", "stock", ""] in [list(row) for row in found]
    summary = f"SELECT value FROM slo_evidence WHERE kind = 'summary' AND evidence = {evidence['id']}"
    assert server.value(summary) == evidence["summary"]
    until = int(evidence["window"]["end"])
    ends = {number: now - (1201 - number) * 3 * SECOND + SECOND // 10 for number in range(1102, 1200, 2)}
    assert evidence["window"]["bad"] == sum(end < until for end in ends.values()) > 0

    # Everything that it is about goes, and it reads as before.
    server.flush()
    server.stop()
    server.settings["storage.retention"] = "1s"
    server.start()
    time.sleep(1.5)
    server.admin("retain")
    assert server.value("SELECT count(*) FROM spans") == 0
    assert of_alert(server, page["fingerprint"]) == evidence
    assert of_alert(server, evidence["id"]) == evidence
    server.crash()
    assert of_alert(server, page["fingerprint"]) == evidence
    of_alert(server, "0123456789abcdef", 404)
    of_alert(server, "no such thing", 404)
    hook.close()


def test_any_window_is_explained(server, tenant):
    now = time.time_ns()
    traffic = Traffic()
    for number in range(1, 401):
        at = now - 4000 * SECOND + number * 5 * SECOND
        slow = 400_000_000 if number > 200 and number % 4 == 0 else 0
        traffic.request(number, at, slow=slow)
    traffic.send(server, tenant)
    put(server, spec("quick", "spans", ENTRIES, "{ duration <= 300ms }"), tenant)
    middle, end = now - 2995 * SECOND, now - 1900 * SECOND
    window = {"start": str(middle), "end": str(end), "baseline_start": str(now - 4000 * SECOND)}
    found = explain(server, "quick", tenant, **window)
    assert (found["window"]["bad"], found["window"]["good"]) == (50, 150)
    assert (found["before"]["bad"], found["before"]["good"]) == (0, 200)
    first = found["services"][0]
    assert first["service"] == "stock" and first["is_significant"] and first["share"] > 0.95
    assert found["operations"][0]["how"] == "slow"
    words = ["slo", "explain", "quick", "--start", str(middle), "--end", str(end), "--tenant", tenant]
    told = subprocess.run([binary(), *words, "--url", server.api], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert "50 bad of 200" in told.stdout and "\n* stock  spent " in told.stdout, told.stdout
    assert explain(server, "quick", tenant, start="-60s")["summary"] == "none of 0 events is bad"
    refused = [
        ("quick", {"objective": 7}, 400),
        ("quick", {"start": "now", "end": "-1h"}, 400),
        ("quick", {"start": "-1h", "baseline_end": "-30m"}, 400),
        ("quick", {"unknown": "1"}, 400),
        ("nothing", {}, 404),
    ]
    for name, params, status in refused:
        answer = server.call("GET", f"/api/v1/slos/{name}/explain", tenant, params=params)
        assert answer.status_code == status, (params, answer.text)


def test_log_records_are_explained_by_their_traces_and_their_services(server, tenant):
    now = time.time_ns()
    traffic = Traffic()
    for number in range(1, 101):
        traffic.request(number, now - 3000 * SECOND + number * 20 * SECOND, fails=number > 60 and number % 2 == 0)
    traffic.send(server, tenant)
    alone = [
        LogRecord(time_unix_nano=now - 1000 * SECOND + n, severity_number=9 + 8 * (n % 5 == 0), body=any_value("tick"))
        for n in range(50)
    ]
    group = ResourceLogs(
        resource=Resource(attributes=attributes({"service.name": "clock"})),
        scope_logs=[ScopeLogs(log_records=alone)],
    )
    server.send("logs", REQUESTS["logs"](resource_logs=[group]), tenant=tenant)
    put(server, spec("quiet", "logs", "*", "severity:<17"), tenant)
    window = {"start": str(now - 1790 * SECOND), "end": str(now - 900 * SECOND)}
    found = explain(server, "quiet", tenant, **window)
    assert (found["window"]["bad"], found["window"]["good"]) == (20 + 10, 40)
    spent = {one["service"]: one["spent"] for one in found["services"]}
    assert spent == {"stock": 20, "clock": 10}
    assert found["examples"][0]["logs"][0]["body"].startswith("shelf ")
