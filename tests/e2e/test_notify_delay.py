"""How long it takes from an event to a webhook."""

import random
import time

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from canonical import REQUESTS
from everything import any_value, attributes
from receivers import new_hook, notifying, wait_until  # noqa: F401

RULES = """
groups:
- name: delay
  interval: 5s
  rules:
  - alert: Boom
    language: sql
    window: 1m
    expr: SELECT service, count(*) AS value FROM logs WHERE time >= $start AND body LIKE 'boom%' GROUP BY service
"""

ROUTES = """
route: {receiver: hook, group_by: [service], group_wait: 0s}
receivers:
- name: hook
  webhook_configs: [{url: 'URL'}]
"""

EVENTS = 20


def send(server, service):
    now = time.time_ns()
    record = LogRecord(time_unix_nano=now, severity_number=17, body=any_value("boom"))
    resource = Resource(attributes=attributes({"service.name": service}))
    groups = [ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=[record])])]
    server.send("logs", REQUESTS["logs"](resource_logs=groups))
    return now / 1e9


def test_every_event_reaches_the_webhook(notifying, new_hook, tmp_path):
    hook = new_hook()
    (tmp_path / "rules.yml").write_text(RULES)
    settings = {"alerting.rule_files": str(tmp_path / "rules.yml")}
    server = notifying(ROUTES.replace("URL", hook.url), **settings)
    chance = random.Random(1)
    sent = {}
    for n in range(EVENTS):
        sent[f"service-{n}"] = send(server, f"service-{n}")
        time.sleep(chance.uniform(0, 1.5))
    told = lambda: {r["body"]["groupLabels"]["service"]: r["time"] for r in reversed(hook.taken())}
    wait_until(lambda: told().keys() == sent.keys())
    delays = sorted(told()[service] - at for service, at in sent.items())
    figures = f"p50 {delays[EVENTS // 2]:.2f} s, p95 {delays[EVENTS * 95 // 100]:.2f} s, most {delays[-1]:.2f} s"
    print(f"\n{EVENTS} events to the webhook, rules evaluated every 5 s: {figures}")
    assert delays[0] > 0
