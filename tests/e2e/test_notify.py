"""Notification: routes, groups and receivers, with a real Alertmanager as the witness."""

import collections
import datetime
import hashlib
import hmac
import json
import time

import pytest
import requests

from receivers import (  # noqa: F401
    FAST,
    Alertmanager,
    alert,
    at,
    deliveries,
    keys,
    new_hook,
    notifying,
    post,
    rules,
    to_hook,
    wait_until,
)

# ---- the same as Alertmanager ----

SAME = """
route:
  receiver: every.one
  group_by: [alertname, job]
  group_wait: 1s
  group_interval: 3s
  repeat_interval: 1h
  routes:
  - matchers: [severity="page"]
    receiver: duty
    group_by: ['...']
    continue: true
  - match_re: {job: "api|db"}
    receiver: few
    group_by: [job]
inhibit_rules:
- source_matchers: [severity="page"]
  target_matchers: [severity="ticket"]
  equal: [job]
receivers:
- name: every.one
  webhook_configs: [{url: URL/every}]
- name: duty
  webhook_configs: [{url: URL/duty, send_resolved: false}, {url: URL/cut, max_alerts: 1}]
- name: few
  webhook_configs: [{url: URL/few, max_alerts: 2}]
"""


def scenario(*urls):
    """The same alerts to each, at the same times."""

    def send(*alerts):
        for url in urls:
            post(url, *alerts)

    begin, later = at(), at(600)
    note = {"summary": "much & <more>", "runbook": "http://r"}
    page = {"job": "api", "severity": "page"}
    a = lambda n, end=later, **labels: alert(begin, end, note | {"n": n}, instance=n, **labels)
    send(a("1", **page), a("2", job="db", severity="info"), a("3", job="web", **{"empty": ""}))
    send(a("4", job="api", severity="ticket"), a("5", alertname="Größe", job="web"))
    time.sleep(2.2)
    send(a("6", job="db", severity="info"), a("7", **page), a("8", job="web"))
    time.sleep(3)
    send(a("2", job="db", severity="info", end=at(-0.5)), a("1", end=at(-0.5), **page))
    time.sleep(3.2)
    send(a("7", end=at(-0.1), **page), a("6", job="db", severity="info", end=at(-0.1)))
    send(a("3", job="web", end=at(-0.1)), a("9", job="web", severity="page"))
    time.sleep(6)


def without_times(body):
    body = json.loads(json.dumps(body))
    body.pop("externalURL")
    # Newer than Debian's Alertmanager.
    body.pop("notification_reason", None)
    for each in body["alerts"]:
        assert each.pop("startsAt")
        each["endsAt"] = each["endsAt"] == "0001-01-01T00:00:00Z"
    return body


def by_group(requests):
    groups = collections.defaultdict(list)
    for request in requests:
        groups[request["path"], request["body"]["groupKey"]].append(without_times(request["body"]))
    return groups


def test_bodies_are_those_of_a_real_alertmanager(notifying, new_hook, tmp_path):
    theirs, ours = new_hook(), new_hook()
    witness = Alertmanager(tmp_path / "am", SAME.replace("URL", theirs.url))
    server = notifying(SAME.replace("URL", ours.url))
    try:
        scenario(witness.url, server.alertmanager)
        expected, found = by_group(theirs.taken()), by_group(ours.taken())
        assert found.keys() == expected.keys()
        for group in expected:
            assert found[group] == expected[group], group
        assert sum(map(len, found.values())) >= 14
        assert {path for path, _ in found} == {"/every", "/duty", "/cut", "/few"}
        compare_apis(witness.url, server.alertmanager)
    finally:
        witness.stop()


def compare_apis(theirs, ours):
    """The alerts that stand, whatever is asked of them."""

    def asked(url, path, **parameters):
        answer = requests.get(f"{url}/api/v2/{path}", params=parameters, timeout=30)
        text = answer.json() if answer.content else None
        return answer.status_code, strip(text) if answer.ok else None

    def strip(value):
        if isinstance(value, list):
            return [strip(each) for each in value]
        if isinstance(value, dict):
            gone = {"updatedAt", "startsAt", "mutedBy"}
            return {key: strip(each) for key, each in value.items() if key not in gone}
        return value

    for path, parameters in [
        ("alerts", {}),
        ("alerts", {"active": "false"}),
        ("alerts", {"inhibited": "false", "filter": ['job=~"api|web"', "severity!=page"]}),
        ("alerts", {"receiver": "few"}),
        ("alerts", {"receiver": "fe"}),
        ("alerts", {"filter": "=broken"}),
        ("alerts", {"receiver": "("}),
        ("alerts", {"active": "perhaps"}),
        ("alerts/groups", {}),
        ("alerts/groups", {"receiver": "duty|few", "inhibited": "false"}),
        ("receivers", {}),
        ("silences", {}),
        ("silence/5e1c0f1e-0000-4000-8000-000000000000", {}),
    ]:
        expected, found = asked(theirs, path, **parameters), asked(ours, path, **parameters)
        assert found == expected, (path, parameters)
    assert len(asked(ours, "alerts")[1]) == 4


# ---- receivers that fail ----


@pytest.mark.parametrize("trouble", [500, 429, "hang", "closed"])
def test_a_receiver_that_fails_gets_everything_once_it_is_back(notifying, new_hook, trouble):
    hook = new_hook(answer=lambda request: trouble)
    if trouble == "closed":
        hook.close()
    server = notifying(to_hook(hook, group_by="[job]", timeout="1s"))
    url = server.alertmanager
    for n in range(3):
        post(url, alert(end=at(600), job="a", n=str(n)), alert(end=at(600), job="b", n=str(n)))
        time.sleep(1.6)
    waiting = wait_until(lambda: len(found := deliveries(server, state="waiting")) >= 6 and found)
    tried = wait_until(lambda: [d for d in deliveries(server) if d["attempt_count"] >= 2])
    assert all(attempt["error"] for attempt in tried[0]["attempts"])
    if trouble in (500, 429):
        assert {attempt["status"] for attempt in tried[0]["attempts"]} == {trouble}
    if trouble == "closed":
        hook = new_hook(port=hook.port)
    hook.answer = lambda request: 200
    hook.stop_hanging.set()
    wait_until(lambda: len(hook.taken()) >= len(waiting))
    taken = hook.taken()
    assert keys(taken) == [d["idempotency_key"] for d in reversed(waiting)], "each once, in order"
    alerts = [[a["labels"]["n"] for a in r["body"]["alerts"]] for r in taken]
    per_group = [alerts[i] for i, r in enumerate(taken) if r["body"]["groupLabels"]["job"] == "a"]
    assert per_group == [["0"], ["0", "1"], ["0", "1", "2"]]
    done = wait_until(lambda: not deliveries(server, state="waiting") and deliveries(server))
    assert {d["state"] for d in done} == {"delivered"}
    assert {d["attempts"][-1]["status"] for d in done} == {200}
    compare_tables(server, done)


def compare_tables(server, deliveries):
    """The delivery log in SQL is that of the API."""
    columns = "id, receiver, integration, status, state, attempts, idempotency_key, error"
    rows = server.query(f"SELECT {columns} FROM deliveries ORDER BY id DESC")
    of = lambda d: [d[name] for name in ("receiver", "integration", "status", "state")]
    expected = [
        [int(d["id"]), *of(d), d["attempt_count"], d["idempotency_key"], d["error"]]
        for d in deliveries
    ]
    assert [[int(row[0]), *row[1:]] for row in rows] == expected
    failed = "SELECT count(*) FROM deliveries d JOIN delivery_attempts a ON a.delivery_id = d.id"
    failures = [a for d in deliveries for a in d["attempts"] if a["error"]]
    assert server.value(f"{failed} WHERE a.error IS NOT NULL") == len(failures)


def test_what_a_receiver_refuses_is_not_sent_again(notifying, new_hook):
    hook = new_hook(answer=lambda request: 404)
    server = notifying(to_hook(hook))
    post(server.alertmanager, alert(end=at(600)))
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert refused["error"] == "the answer was 404: ok"
    time.sleep(2)
    assert len(hook.requests) == 1


# ---- the other shapes ----


def test_signed_cloud_events(notifying, new_hook):
    hook = new_hook()
    server = notifying(to_hook(hook, format="cloudevents", hmac_secret="s3cret"))
    post(server.alertmanager, alert(end=at(600)))
    [request] = wait_until(hook.taken)
    headers, event = request["headers"], request["body"]
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["id"]) == ("1.0", request["key"])
    assert event["type"] == "dev.binnacle.alert.firing"
    assert event["data"]["alerts"][0]["labels"] == {"alertname": "Slow"}
    parts = dict(part.split("=") for part in headers["x-binnacle-signature"].split(","))
    signed = f"{parts['t']}.{request['text']}".encode()
    assert hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest() == parts["v1"]
    assert abs(int(parts["t"]) - time.time()) < 60


def test_slack_and_pagerduty(notifying, new_hook, tmp_path):
    hook = new_hook()
    (tmp_path / "own.tmpl").write_text('{{ define "own" }}{{ .CommonLabels.job }}!{{ end }}')
    server = notifying(f"""
route: {{receiver: both, group_by: [alertname], {FAST}}}
templates: ['*.tmpl']
receivers:
- name: both
  slack_configs: [{{api_url: '{hook.url}/slack', channel: '#c', text: '{{{{ template "own" . }}}}', send_resolved: true}}]
  pagerduty_configs: [{{url: '{hook.url}/duty', routing_key: k3y}}]
""")
    post(server.alertmanager, alert(end=at(600), job="api"))
    wait_until(lambda: len(hook.taken()) == 2)
    [slack], [duty] = hook.taken("/slack"), hook.taken("/duty")
    [attachment] = slack["body"]["attachments"]
    assert attachment["title"] == "[FIRING:1] Slow (api)" and attachment["text"] == "api!"
    assert duty["body"]["event_action"] == "trigger" and duty["body"]["routing_key"] == "k3y"
    assert duty["body"]["payload"]["summary"] == "[FIRING:1] Slow (api)"
    assert "k3y" not in json.dumps(deliveries(server))
    post(server.alertmanager, alert(start=at(-60), end=at(-1), job="api"))
    wait_until(lambda: len(hook.taken()) == 4)
    resolved = hook.taken("/duty")[1]["body"]
    assert resolved["event_action"] == "resolve"
    assert resolved["dedup_key"] == duty["body"]["dedup_key"]
    assert hook.taken("/slack")[1]["body"]["attachments"][0]["color"] == "good"


# ---- from rules, and on to another Alertmanager ----


def test_a_real_alertmanager_receives_what_rules_raise(notifying, new_hook, tmp_path):
    theirs, ours = new_hook(), new_hook()
    witness = Alertmanager(tmp_path / "am", to_hook(theirs))
    file = tmp_path / "rules.yml"
    file.write_text(rules(2))
    settings = {"alerting.rule_files": str(file), "alerting.alertmanagers": witness.url}
    server = notifying(to_hook(ours), **settings)
    try:
        [standing] = wait_until(witness.alerts)
        assert standing["labels"] == {"alertname": "Always", "severity": "page"}
        known = server.prometheus("alertmanagers")["activeAlertmanagers"]
        assert known == [{"url": f"{witness.url}/api/v2/alerts"}]
        assert standing["annotations"] == {"summary": "it is 2"}
        end = datetime.datetime.fromisoformat(standing["endsAt"])
        left = end - datetime.datetime.now(datetime.timezone.utc)
        assert 180 < left.total_seconds() <= 240, "it ends by itself if we do not come back"
        wait_until(lambda: theirs.taken() and ours.taken())
        file.write_text(rules(0))
        wait_until(lambda: len(theirs.taken()) == 2 and len(ours.taken()) == 2)
        assert witness.alerts() == []
        groups = by_group(theirs.taken()), by_group(ours.taken())
        assert groups[0] == groups[1]
    finally:
        witness.stop()
