"""How long it takes from an event to a webhook."""

import random
import threading
import time

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canonical import REQUESTS
from everything import any_value, attributes
from receivers import new_hook, notifying, wait_until  # noqa: F401
from test_slo import put, spec, wait

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
    show(hook, sent, "service", "rule evaluated every 5 s")


def show(hook, sent, label, what):
    """Waits until all is told, and prints how long it took."""
    told = lambda: {r["body"]["groupLabels"][label]: r["time"] for r in reversed(hook.taken())}
    wait_until(lambda: told().keys() == sent.keys())
    delays = sorted(told()[name] - at for name, at in sent.items())
    half, most = delays[len(delays) // 2], delays[-1]
    print(f"\n{what}: {len(delays)} events, to the webhook p50 {half:.2f} s, most {most:.2f} s")
    assert delays[0] > 0


def send_spans(server, name, times, failed):
    spans = [
        Span(
            trace_id=random.randbytes(16),
            span_id=random.randbytes(8),
            name=name,
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=at - 10**6,
            end_time_unix_nano=at,
            status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK),
        )
        for at in times
    ]
    groups = [ResourceSpans(resource=Resource(), scope_spans=[ScopeSpans(spans=spans)])]
    server.send("traces", REQUESTS["traces"](resource_spans=groups))


def test_every_outage_of_an_slo_reaches_the_webhook(notifying, new_hook):
    """As SLOs are by default: slices of ten seconds, looked at once nothing more is to be expected of them."""
    hook = new_hook()
    server = notifying(ROUTES.replace("URL", hook.url).replace("service", "slo"))
    names = [f"slo-{n}" for n in range(8)]
    for name in names:
        put(server, spec(name, "spans", "{ name = `%s` }" % name, "{ status != error }"))
    stop = threading.Event()

    def traffic():
        while not stop.wait(0.5):
            for name in names:
                send_spans(server, name, [time.time_ns()], failed=False)

    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        # Until it is known how late events come.
        for name in names:
            wait(server, name, lambda slo: slo["objectives"][0]["counting"]["settle_seconds"] < 10)
        chance = random.Random(2)
        sent = {}
        for name in names:
            time.sleep(chance.uniform(0, 5))
            sent[name] = time.time()
            send_spans(server, name, [time.time_ns()] * 100, failed=True)
        show(hook, sent, "slo", "SLO")
    finally:
        stop.set()
        thread.join()
