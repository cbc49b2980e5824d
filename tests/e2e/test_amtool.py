"""Alertmanager's API, as `amtool` of Debian's prometheus-alertmanager uses it and as others may get it wrong."""

import json

import requests

from receivers import amtool, at, alert, new_hook, notifying, to_hook, wait_until  # noqa: F401


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


ROUTES = """
global: {slack_api_url: 'http://slack.example/s3cret'}
route:
  receiver: team
  routes:
  - matchers: [severity="page"]
    receiver: duty
    continue: true
  - match_re: {service: "db.*"}
    receiver: db
receivers:
- name: team
  webhook_configs: [{url: 'http://hook.example/s3cret', format: cloudevents, hmac_secret: s3cret}]
- name: duty
  pagerduty_configs: [{routing_key: s3cret}]
- name: db
  slack_configs: [{channel: '#db'}]
"""


def test_amtool_tries_routes(notifying):
    url = notifying(ROUTES).alertmanager

    def routed(*labels):
        return amtool(url, "config", "routes", "test", *labels).stdout.strip()

    assert routed("severity=page", "service=db-1") == "duty,db"
    assert routed("severity=page") == "duty"
    assert routed("service=web") == "team"
    wrong = amtool(url, "config", "routes", "test", "--verify.receivers=db", "a=b", check=False)
    assert wrong.returncode == 1
    tree = amtool(url, "config", "routes", "show").stdout
    assert all(name in tree for name in ("team", "duty", "db")) and "s3cret" not in tree


def test_amtool_imports_and_changes_silences(notifying, tmp_path):
    url = notifying(ROUTES).alertmanager
    first = amtool(url, "silence", "add", "a=b", "c!~d.*", "-c", "why", "-d", "2h").stdout.strip()
    file = tmp_path / "silences.json"
    file.write_text(amtool(url, "silence", "query", "-o", "json").stdout)
    changed = amtool(url, "silence", "update", "-o", "json", "-c", "other", "-d", "1h", first)
    [updated] = json.loads(changed.stdout)
    assert updated["comment"] == "other"
    amtool(url, "silence", "expire", *[each["id"] for each in active_silences(url)])
    assert amtool(url, "silence", "query", "-q").stdout.strip() == ""
    amtool(url, "silence", "import", str(file))
    [imported] = json.loads(amtool(url, "silence", "query", "-o", "json").stdout)
    [exported] = json.loads(file.read_text())
    assert imported["matchers"] == exported["matchers"] and imported["comment"] == "why"
    assert amtool(url, "silence", "expire", "5e1c0f1e", check=False).returncode == 1
    assert "disabled" in amtool(url, "cluster", "show").stdout


def active_silences(url):
    listed = requests.get(f"{url}/api/v2/silences", timeout=10).json()
    return [silence for silence in listed if silence["status"]["state"] != "expired"]


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
    as_json = {"Content-Type": "application/json"}
    assert requests.post(f"{url}/alerts", data="[", headers=as_json, timeout=10).status_code == 400
    as_text = {"Content-Type": "text/plain"}
    wrong = requests.post(f"{url}/silences", data="{}", headers=as_text, timeout=10)
    assert (wrong.status_code, wrong.json()["code"]) == (415, 415)
    assert requests.put(f"{url}/alerts", json=[], timeout=10).status_code == 405
