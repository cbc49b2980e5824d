"""The timelines of alerts: sample for sample those of a Prometheus with the same rules, and unbroken by a crash."""

import math
import random
import time

import pytest
import requests

from binnacle import free_ports
from prometheus import Prometheus, programs
from test_rules import CONFIG, rule, rule_file, settings  # noqa: F401
from test_scrape import config, job, new_target, wait_until  # noqa: F401

#: Both look six seconds back: what Prometheus scrapes has then arrived here too.
RULES = """
groups:
- name: timeline
  interval: 1s
  rules:
  - {record: beat, expr: vector(1)}
  - {record: level:twice, expr: level offset 6s * 2, labels: {kind: made}}
  - {alert: Any, expr: level offset 6s > 10}
  - {alert: Held, expr: level offset 6s > 10, for: 2s, labels: {size: '{{ if gt $value 20.0 }}large{{ else }}small{{ end }}'}}
  - {alert: Kept, expr: 'level:twice > 30', keep_firing_for: 3s}
  - {alert: Both, expr: sum by (job) (level:twice) > 60, for: 1s, keep_firing_for: 1s}
  - {alert: Gone, expr: 'absent(level{room="b"} offset 6s)', for: 1s}
  - {alert: Meta, expr: 'count by (room) (ALERTS{alertname="Any"}) > 0', for: 3s}
"""
SECONDS = 30
ATTEMPTS = 4


def timelines(address, query, at):
    """Series with their samples as they are stored, each by the second of its evaluation."""
    asked = {"query": query, "time": at}
    answer = requests.get(f"http://{address}/api/v1/query", params=asked, timeout=30).json()
    assert answer["status"] == "success", answer
    found = {
        tuple(sorted(one["metric"].items())): {math.floor(time): float(value) for time, value in one["values"]}
        for one in answer["data"]["result"]
    }
    assert len(found) == len(answer["data"]["result"])
    return found


def ages(series):
    """Since how many seconds each alert has been active at each evaluation."""
    return {labels: {at: at - value for at, value in values.items()} for labels, values in series.items()}


def between(series, first, last, shift=0):
    """The part of timelines that lies between two evaluations, moved by some."""
    cut = {
        labels: {at + shift: value for at, value in values.items() if first <= at + shift <= last}
        for labels, values in series.items()
    }
    return {labels: values for labels, values in cut.items() if values}


def test_timelines_of_alerts_are_those_of_prometheus(new_server, new_target, tmp_path):  # noqa: F811
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    levels = {"a": 1, "b": 1}
    target = new_target(lambda: "".join(f'level{{room="{room}"}} {level}\n' for room, level in levels.items()).encode())
    generator = random.Random(7)
    binaries = programs()
    for attempt in range(ATTEMPTS):
        server = new_server(settings=settings(path))
        [port] = free_ports(1)
        text = CONFIG.format(rules=path, target=target.address, binnacle=f"127.0.0.1:{server.api_port}")
        text = text.replace("500ms", "1s")
        prometheus = Prometheus(tmp_path / f"prometheus-{attempt}", port, text, binaries).start()
        both = (f"127.0.0.1:{port}", f"127.0.0.1:{server.api_port}/prometheus")
        try:
            wait_until(lambda: all(timelines(at, "beat[5s]", time.time()) for at in both))
            wait_until(lambda: all(timelines(at, "level[5s] offset 8s", time.time()) for at in both))
            start = time.time()
            for _ in range(SECONDS - 8):
                levels = {room: generator.choice([1, 1, 12, 18, 40]) for room in ("a", "b") if generator.random() < 0.85}
                time.sleep(1)
            time.sleep(8)
            end = time.time() - 1
            window = f"[{int(end - start)}s]"
            series = "beat", "ALERTS", "ALERTS_FOR_STATE", "level:twice"
            theirs, ours = ({name: timelines(at, name + window, end) for name in series} for at in both)
            beats = [list(seconds) for side in (theirs, ours) for seconds in side["beat"].values()]
            if all(len(seconds) == seconds[-1] - seconds[0] + 1 for seconds in beats):
                break
        finally:
            prometheus.stop()
            server.kill()
    else:
        pytest.fail(f"one of the two passed over an evaluation in each of {ATTEMPTS} runs")
    states = [dict(labels) for labels in theirs["ALERTS"]]
    names = {(labels["alertname"], labels["alertstate"]) for labels in states}
    assert len({name for name, _ in names}) == 6 and len(names) >= 9, names
    for side in (theirs, ours):
        side["ALERTS_FOR_STATE"] = ages(side["ALERTS_FOR_STATE"])
    # They evaluate at other times within a second, as the times follow from a hash that changed between versions: the same
    # scrape may be seen one evaluation earlier or later, by all rules alike.
    first, last = max(seconds[0] for seconds in beats) + 2, min(seconds[-1] for seconds in beats) - 2
    assert last - first > SECONDS - 8
    expected = {name: between(theirs[name], first, last) for name in series}
    shifted = [{name: between(ours[name], first, last, shift) for name in series} for shift in (0, -1, 1)]
    assert expected in shifted, min(
        ({name: (expected[name], found[name]) for name in series if found[name] != expected[name]} for found in shifted),
        key=lambda wrong: len(str(wrong)),
    )


LASTING = """
groups:
- name: lasting
  interval: 1s
  rules:
  - {alert: Firing, expr: vector(1)}
  - {alert: Waiting, expr: vector(1), for: 1h}
  - {alert: Kept, expr: vector(1) unless on() offered, keep_firing_for: 1h}
  - {record: made, expr: vector(7)}
"""


def test_alerts_and_their_series_go_on_after_crashes(new_server, rule_file):  # noqa: F811
    rule_file.write_text(LASTING)
    server = new_server(settings=settings(rule_file))
    ours = f"{server.api}/prometheus"

    def since():
        found = server.promql("ALERTS_FOR_STATE")
        return {one["metric"]["alertname"]: float(one["value"][1]) for one in found}

    wait_until(lambda: rule(ours, "Waiting")["state"] == "pending" and len(since()) == 3)
    before, began = since(), time.time()
    for restart in (server.crash, server.restart):
        restart()
        again = time.time()
        wait_until(lambda: rule(ours, "Firing")["lastEvaluation"] > time.strftime("%FT%T", time.gmtime(again + 2)))
        after = since()
        assert (after["Firing"], after["Kept"]) == (before["Firing"], before["Kept"])
        # What was not measured does not count towards `for`, and no more than that.
        assert before["Waiting"] <= after["Waiting"] <= before["Waiting"] + (time.time() - began)
        states = {one["metric"]["alertname"]: one["metric"]["alertstate"] for one in server.promql("ALERTS")}
        assert states == {"Firing": "firing", "Waiting": "pending", "Kept": "firing"}
    # Nothing was told twice, and each alert is one series from before the first crash to now.
    changes = server.query("SELECT name, from_state, to_state FROM alert_transitions ORDER BY name")
    assert changes == [["Firing", "inactive", "firing"], ["Kept", "inactive", "firing"], ["Waiting", "inactive", "pending"]]
    assert server.promql('count(count_over_time(ALERTS[5m]))')[0]["value"][1] == "3"
    [first] = server.promql("min_over_time(timestamp(made)[5m:1s])")
    [last] = server.promql("max_over_time(timestamp(made)[5m:1s])")
    assert float(first["value"][1]) <= began < float(last["value"][1])
    # A rule that went while nothing ran ends its alerts and their series.
    server.stop()
    rule_file.write_text(LASTING.replace("alert: Kept", "alert: Other"))
    server.start()
    wait_until(lambda: len(since()) == 3 and "Other" in since())
    gone = server.query("SELECT from_state, to_state FROM alert_transitions WHERE name = 'Kept' ORDER BY time")
    assert gone == [["inactive", "firing"], ["firing", "inactive"]]


def test_a_group_that_passes_its_limit_keeps_its_alerts(new_server, new_target, rule_file):  # noqa: F811
    levels = ["a"]
    target = new_target(lambda: "".join(f'level{{room="{room}"}} 9\n' for room in levels).encode())
    rule_file.write_text(
        "groups:\n- name: g\n  interval: 1s\n  limit: 2\n  query_offset: 1s\n  rules:\n"
        "  - {alert: Level, expr: level > 5}\n  - {record: made, expr: level * 2}\n"
    )
    server = new_server(settings=settings(rule_file), config=config(job("rooms", target)))
    ours = f"{server.api}/prometheus"

    def firing():
        return sorted(alert["labels"]["room"] for alert in rule(ours, "Level")["alerts"])

    wait_until(lambda: firing() == ["a"])
    levels += ["b", "c"]
    wait_until(lambda: rule(ours, "Level")["health"] == "err")
    assert "exceeded limit of 2 with 3 alerts" in rule(ours, "Level")["lastError"]
    assert "exceeded limit of 2 with 3 series" in rule(ours, "made")["lastError"]
    assert firing() == ["a"], "no alert is dropped, and none added"
    levels.remove("c")
    wait_until(lambda: firing() == ["a", "b"])
    wait_until(lambda: len(server.promql("made")) == 2)
    # What is asked a second late is written with the time it is about.
    [group] = requests.get(f"{ours}/api/v1/rules", timeout=30).json()["data"]["groups"]
    [spread] = server.promql("time() - min(timestamp(made))", time=time.time())
    assert float(spread["value"][1]) >= 1 and group["limit"] == 2
