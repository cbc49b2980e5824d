"""Notification over crashes, outages and changed files: nothing is lost, nothing is said twice."""

import random
import time

import pytest
import requests

from receivers import alert, at, keys, new_hook, notifying, post, rules, to_hook, wait_until  # noqa: F401


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


MANY = """
groups:
- name: many
  interval: 300ms
  rules:
"""


def test_kills_at_any_moment_lose_nothing_that_rules_raised(notifying, new_hook, tmp_path):
    """Between evaluation, record, group, outbox and answer: wherever it is cut, each alert is told of once."""
    count = 12
    file = tmp_path / "rules.yml"
    names = [f"Alert{n}" for n in range(count)]
    file.write_text(MANY + "".join(f"  - {{alert: {name}, expr: vector(1)}}\n" for name in names))
    hook = new_hook(answer=lambda request: 503)
    server = notifying(to_hook(hook), **{"alerting.rule_files": str(file)})
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(5):
        time.sleep(chance.uniform(0, 1.2))
        server.crash()
    wait_until(lambda: hook.requests)
    server.crash()
    transitions = server.value("SELECT count(*) FROM alert_transitions WHERE to_state = 'firing'")
    assert transitions == count, "none is raised twice"
    hook.answer = lambda request: 200
    told = lambda: sorted(r["body"]["groupLabels"]["alertname"] for r in hook.taken())
    wait_until(lambda: len(told()) >= count)
    server.crash()
    time.sleep(2.5)
    assert told() == sorted(names), "none is missing, none is said twice"
    assert len(set(keys(hook.taken()))) == count


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
    file.write_text("route: {receiver: a}\nreceivers:\n- name: a\n  pushover_configs: [{to: me}]\n")
    with pytest.raises(AssertionError, match="line 4: the field 'pushover_configs' of receiver 'a'"):
        new_server(settings={"alerting.notify_file": str(file)})


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
