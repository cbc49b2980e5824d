"""Notification: routes, groups, silences and receivers, with a real Alertmanager and `amtool` as witnesses."""

import collections
import datetime
import hashlib
import hmac
import json
import time

import pytest
import requests

from receivers import Alertmanager, Hook, amtool, wait_until

needs_alertmanager = pytest.mark.skipif(
    Alertmanager.binary is None, reason="prometheus-alertmanager is not installed"
)


def at(offset=0):
    """A time so many seconds from now, as the API reads it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return moment.isoformat()


def alert(start=None, end=None, annotations=None, **labels):
    posted = {"labels": {"alertname": "Slow"} | labels, "annotations": annotations or {}}
    posted["generatorURL"] = "http://somewhere/graph"
    return posted | {"startsAt": start or at()} | ({"endsAt": end} if end else {})


def post(url, *alerts):
    answer = requests.post(f"{url}/api/v2/alerts", json=list(alerts), timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def new_hook():
    hooks = []

    def start(*arguments, **options):
        hooks.append(Hook(*arguments, **options))
        return hooks[-1]

    yield start
    for hook in hooks:
        hook.close()


@pytest.fixture
def notifying(new_server, tmp_path):
    """Starts servers with a notification file."""

    def start(text, **settings):
        file = tmp_path / "notify.yml"
        file.write_text(text)
        settings = {"alerting.notify_file": str(file), "alerting.reload_interval": "200ms"} | settings
        server = new_server(settings=settings)
        server.file = file
        server.alertmanager = f"{server.api}/alertmanager"
        return server

    return start


FAST = "group_wait: 500ms, group_interval: 1s, repeat_interval: 1h"


def to_hook(hook, group_by="[alertname]", **options):
    options = json.dumps({"url": f"{hook.url}/hook"} | options)
    return f"""
route: {{receiver: hook, group_by: {group_by}, {FAST}}}
receivers:
- name: hook
  webhook_configs: [{options}]
"""


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


@needs_alertmanager
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


# ---- amtool ----


def test_amtool_adds_queries_and_expires_silences(notifying, new_hook):
    hook = new_hook()
    server = notifying(to_hook(hook))
    url = server.alertmanager
    added = amtool(url, "silence", "add", "job=api", "severity=~p.*", "--comment=why", "--author=me")
    [silence] = added.stdout.split()
    listed = json.loads(amtool(url, "silence", "query", "-o", "json").stdout)
    assert [each["id"] for each in listed] == [silence]
    assert listed[0]["comment"] == "why" and listed[0]["createdBy"] == "me"
    assert amtool(url, "silence", "query", "-q", "job=other").stdout.strip() == ""
    assert amtool(url, "silence", "query", "-q", "job=api").stdout.strip() == silence

    amtool(url, "alert", "add", "Slow", "job=api", "severity=page", "--annotation=a=b")
    amtool(url, "alert", "add", "Slow", "job=db", "severity=page")
    alerts = json.loads(amtool(url, "alert", "query", "-o", "json").stdout)
    assert [each["labels"]["job"] for each in alerts] == ["db"], "silenced ones are not active"
    silenced = json.loads(amtool(url, "alert", "query", "--silenced", "-o", "json").stdout)
    assert [each["status"]["silencedBy"] for each in silenced if each["labels"]["job"] == "api"] == [
        [silence]
    ]
    jobs = lambda: [[a["labels"]["job"] for a in r["body"]["alerts"]] for r in hook.taken()]
    wait_until(lambda: jobs() == [["db"]])
    amtool(url, "silence", "expire", silence)
    wait_until(lambda: jobs() == [["db"], ["api", "db"]])
    assert amtool(url, "silence", "query", "-q").stdout.strip() == ""
    assert amtool(url, "silence", "query", "-q", "--expired").stdout.strip() == silence
    assert amtool(url, "silence", "expire", silence).returncode == 0
    assert amtool(url, "silence", "add", "job=api", "-d", "-1h", "-c", "x", check=False).returncode


def test_amtool_reads_the_same_file(notifying, new_hook, tmp_path):
    hook = new_hook()
    server = notifying(to_hook(hook))
    assert "SUCCESS" in amtool(server.alertmanager, "check-config", str(server.file)).stdout
    shown = amtool(server.alertmanager, "config", "show").stdout
    assert "receiver: hook" in shown
    assert "<secret>" in shown and hook.url not in shown
    assert requests.get(f"{server.alertmanager}/-/healthy", timeout=10).text == "OK"
    assert requests.get(f"{server.alertmanager}/-/ready", timeout=10).text == "OK"


def test_refusals_have_alertmanagers_shapes(notifying, new_hook):
    server = notifying(to_hook(new_hook()))
    url = f"{server.alertmanager}/api/v2"
    whole = {
        "matchers": [{"name": "a", "value": "b", "isRegex": False}],
        "startsAt": at(),
        "endsAt": at(60),
        "createdBy": "me",
        "comment": "why",
    }

    def refused(status, **change):
        answer = requests.post(f"{url}/silences", json=whole | change, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json()

    assert requests.post(f"{url}/silences", json=whole, timeout=10).json().keys() == {"silenceID"}
    assert "start time must be before end time" in refused(400, endsAt=at(-60))
    assert "in the past" in refused(400, startsAt=at(-60), endsAt=at(-30))
    assert "at least one matcher required" in refused(400, matchers=[])
    assert refused(404, id="5e1c0f1e-0000-4000-8000-000000000000")
    assert refused(422, comment=None)["code"] == 602
    assert requests.delete(f"{url}/silence/5e1c0f1e", timeout=10).status_code == 404
    wrong = requests.post(f"{url}/alerts", json=[{"labels": {}}, alert(job="kept")], timeout=10)
    assert (wrong.status_code, wrong.json()) == (400, "at least one label pair required")
    [kept] = requests.get(f"{url}/alerts", timeout=10).json()
    assert kept["labels"]["job"] == "kept", "what is valid is taken"
    assert requests.post(f"{url}/alerts", json=[{}], timeout=10).status_code == 422
    assert requests.post(f"{url}/alerts", data="[", timeout=10).status_code == 400
    assert requests.put(f"{url}/alerts", json=[], timeout=10).status_code == 405


# ---- receivers that fail ----


def keys(requests):
    return [request["key"] for request in requests]


def deliveries(server, **parameters):
    answer = server.call("GET", "/api/v1/deliveries", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


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


def test_what_a_receiver_refuses_is_not_sent_again(notifying, new_hook):
    hook = new_hook(answer=lambda request: 404)
    server = notifying(to_hook(hook))
    post(server.alertmanager, alert(end=at(600)))
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert refused["error"] == "the answer was 404: ok"
    time.sleep(2)
    assert len(hook.requests) == 1


def test_hosts_that_are_not_allowed_are_not_sent_to(notifying, new_hook):
    hook = new_hook()
    server = notifying(to_hook(hook), **{"alerting.notify_hosts": "*.example.com,example.com"})
    post(server.alertmanager, alert(end=at(600)))
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert "notify_hosts" in refused["error"] and hook.url not in json.dumps(refused)
    assert hook.requests == []


# ---- crashes and changes ----


def test_kill_between_transition_and_delivery_loses_nothing(notifying, new_hook):
    hook = new_hook(answer=lambda request: 503)
    server = notifying(to_hook(hook, group_by="[n]"))
    for n in range(5):
        post(server.alertmanager, alert(end=at(600), n=str(n)))
    # Some are in the outbox, some only received, when it is killed; twice.
    server.crash()
    wait_until(lambda: hook.requests)
    server.crash()
    hook.answer = lambda request: 200
    names = lambda: sorted(r["body"]["groupLabels"]["n"] for r in hook.taken())
    wait_until(lambda: names() == ["0", "1", "2", "3", "4"])
    server.restart()
    time.sleep(2.5)
    assert names() == ["0", "1", "2", "3", "4"], "a restart repeats nothing"
    assert len(set(keys(hook.taken()))) == 5
    post(server.alertmanager, *[alert(start=at(-60), end=at(-1), n=str(n)) for n in range(5)])
    wait_until(lambda: len(hook.taken()) == 10)
    assert {r["body"]["status"] for r in hook.taken()[5:]} == {"resolved"}


def test_a_changed_file_is_read_and_a_broken_one_set_aside(notifying, new_hook):
    first, second = new_hook(), new_hook()
    server = notifying(to_hook(first))
    post(server.alertmanager, alert(end=at(600)))
    wait_until(first.taken)
    server.file.write_text("route: {receiver: nobody}")
    wait_until(lambda: "there is no receiver 'nobody'" in server.log_text())
    reload = requests.post(f"{server.alertmanager}/-/reload", timeout=10)
    assert reload.status_code == 500 and "line 1" in reload.text
    post(server.alertmanager, alert(end=at(600), n="2"))
    wait_until(lambda: len(first.taken()) == 2)
    server.file.write_text(to_hook(second, group_by="[alertname, n]"))
    wait_until(second.taken)
    # Of the group without `n` it was told before, by the same receiver.
    assert [r["body"]["groupLabels"].get("n") for r in second.taken()] == ["2"]
    assert len(first.taken()) == 2
    assert first.url not in server.log_text() and second.url not in server.log_text()


def test_a_broken_file_refuses_the_start(new_server, tmp_path):
    file = tmp_path / "broken.yml"
    file.write_text("route: {receiver: a}\nreceivers:\n- name: a\n  email_configs: [{to: me}]\n")
    with pytest.raises(AssertionError, match="line 4: email_configs are not supported yet"):
        new_server(settings={"alerting.notify_file": str(file)})


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


def rules(value):
    return f"""
groups:
- name: g
  interval: 500ms
  rules:
  - alert: Always
    expr: vector({value}) > 1
    labels: {{severity: page}}
    annotations: {{summary: 'it is {{{{ $value }}}}'}}
"""


@needs_alertmanager
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


def test_an_outage_of_ours_ends_no_alert(notifying, new_hook, tmp_path):
    hook = new_hook()
    file = tmp_path / "rules.yml"
    file.write_text(rules(2))
    settings = {"alerting.rule_files": str(file), "alerting.resend_delay": "500ms"}
    server = notifying(to_hook(hook), **settings)
    wait_until(hook.taken)
    server.kill()
    # Four times the interval: longer than the last word of it was good for.
    time.sleep(3)
    server.start()
    time.sleep(3)
    assert [r["body"]["status"] for r in hook.taken()] == ["firing"]
    file.write_text(rules(0))
    wait_until(lambda: [r["body"]["status"] for r in hook.taken()] == ["firing", "resolved"])
