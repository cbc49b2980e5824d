"""`binnacle rules` beside Debian's promtool: the same files, rules and templates, the same words."""

import random
import re
import subprocess

import pytest

from binnacle import ROOT, binary
from prometheus import programs

FILES = ROOT / "alerting" / "testdata" / "rules"
#: What promtool 2.42 does not know, with the exit code of those that do.
NEWER = {
    "unittest.yml": 0,
    "start-time-test.yml": 0,
    "no-test-group-interval.yml": 0,
    "rules_run_fuzzy.yml": 1,
    "rules_run_no_fuzzy.yml": 1,
}
#: Values whose text, size and order are worth a look.
VALUES = ["0", "1", "1.5", "1234567", "123456", "1e21", "-1234.5", "1700000000.5", "+Inf", "NaN", "999.96"]

TEMPLATES = {
    "value": "{{ $value }} {{ .Value }}",
    "printf": '{{ printf "%v %g %.3g %5.1f|%-4d|%s %q %t %x" $value $value $value $value 3 "x" "y" true 255 }}',
    "human": "{{ humanize $value }} {{ humanize1024 $value }} {{ humanizePercentage $value }}",
    "labels": "{{ $labels }} {{ $labels.nope }}|{{ .Labels.a }} {{ index $labels \"a\" }} {{ len $labels }}",
    "links": '{{ graphLink "up{a=\\"b\\"} > 1" }} {{ tableLink "a b" }}',
    "query": '{{ range query "v" | sortByLabel "a" }}{{ .Labels.a }}={{ .Value }};{{ end }}',
    "first": '{{ with query "v{a=\\"w\\"}" }}{{ . | first | value }} {{ . | first | label "a" }}{{ end }}',
    "text": '{{ title "aa bB" }} {{ toUpper "ab" }} {{ toLower "AB" }} {{ safeHtml "<b>" }}',
    "regex": '{{ reReplaceAll "(a)(b)" "$2-$1" "xab" }} {{ match "^x" "xa" }} {{ match "^x$" "xa" }}',
    "hosts": '{{ stripPort "1.2.3.4:80" }} {{ stripPort "[::1]:80" }} {{ stripDomain "h.d.c:80" }} {{ stripDomain "1.2.3.4:80" }}',
    "time": '{{ (toTime 1500000000.5).Year }} {{ parseDuration "1h" }} {{ humanizeTimestamp 1435065584.128 }}',
    "numbers": '{{ 0.5 | humanizePercentage }} {{ "0.25" | humanizePercentage }} {{ humanizeDuration "-3661.9" }} {{ humanizeDuration 0.0005 }}',
    "define": '{{ define "x" }}{{ .arg0 }}-{{ .arg1 }}-{{ .arg2 }}{{ end }}{{ template "x" (args 1 "b") }}',
    "outside": "{{ $externalLabels.cluster }} {{ .ExternalLabels.none }}|{{ $externalURL }}",
    "compare": '{{ if gt $value 1.0 }}big{{ else if lt $value 0.5 }}small{{ else }}mid{{ end }} {{ eq "a" "b" "a" }} {{ ne 1 2 }} {{ ge $value 1.5 }}',
    "space": 'a  {{- " b " -}}  c {{/* hidden */}} {{ `raw` }}',
    "print": '{{ print 1 2 "a" 3.5 }} {{ html "<a>" }} {{ urlquery "a b&c" }} {{ and 1 0 }} {{ or 0 "x" }} {{ not 1 }}',
    "scope": "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ $y }}{{ end }}{{ $x }}",
    "loops": "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ else }}none{{ end }}",
}


@pytest.fixture(scope="session")
def promtool():
    return programs()[1]


def run(program, *arguments, cwd=None):
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
    # Both write one line after the other to two places.
    return done.returncode, done.stdout + done.stderr


def both(promtool, kind, path):
    theirs = run([promtool, kind, "rules"], path.name, cwd=path.parent)
    ours = run([binary(), "rules", kind], path.name, cwd=path.parent)
    return theirs, ours


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.yml")))
def test_files_of_promtool_are_judged_as_by_promtool(promtool, name):
    path = FILES / name
    is_test = "\ntests:" in "\n" + path.read_text()
    theirs, ours = both(promtool, "test" if is_test else "check", path)
    assert ours[0] == NEWER.get(name, theirs[0]), (theirs, ours)
    # What is only suspicious is said and fails nothing, by promtool too.
    is_said = ("FAILED" in ours[1], "SUCCESS" in ours[1])
    assert is_said == (("FAILED" in theirs[1], "SUCCESS" in theirs[1]) if name not in NEWER else (ours[0] == 1, ours[0] == 0))
    if not is_test or ours[0] == 0:
        return
    # What tests found is said in the same words.
    found = re.compile(r"^ +(expr:|exp:|got:|alertname:|name:|rule:).*$", re.M)
    lines = [line.group() for line in found.finditer(theirs[1]) if "many-to-many" not in line.group()]
    for line in lines if name not in NEWER else []:
        assert line in ours[1], (line, ours[1])


def yaml_text(text):
    return "'" + text.replace("'", "''") + "'"


def alerts_of(report):
    """The alerts that a report says a test got, by the test's time, sorted."""
    found = {}
    for head in re.split(r"(?=    alertname: )", report)[1:]:
        time = re.match(r"    alertname: (\S+), time: (\S+),", head).groups()
        got = head.split("        got:", 1)[1].split("    name:")[0]
        pairs = re.findall(r"Labels:(\{.*?\})\n +Annotations:(\{(?:.|\n)*?\}),?\n", got)
        assert time not in found, time
        found[time] = sorted(pairs)
    return found


def samples_of(report):
    """What each expression of a report got, sorted."""
    # A label whose template comes to nothing is left out of alerts, but promtool writes its template into their series.
    report = re.sub(r', n="\{\{.*?\}\}"', "", report)
    got = re.findall(r"expr: (.*)\n +exp: .*\n +got: (.*)", report)
    return [(expr, sorted(sample.strip("{") for sample in found.split(", {"))) for expr, found in got]


def test_templates_are_rendered_as_by_promtool(promtool, tmp_path):
    annotations = "".join(f"      {name}: {yaml_text(text)}\n" for name, text in TEMPLATES.items())
    (tmp_path / "rules.yml").write_text(
        f"groups:\n- name: g\n  rules:\n  - alert: T\n    expr: v\n    annotations:\n{annotations}"
    )
    tests = [
        "- interval: 1m\n  external_labels: {cluster: c1}\n  external_url: http://h:1/p/\n"
        "  input_series:\n"
        f"  - {{series: 'v{{a=\"x\",b=\"y\"}}', values: '{value}'}}\n"
        "  - {series: 'v{a=\"w\"}', values: '7'}\n"
        "  alert_rule_test: [{eval_time: 0m, alertname: T, exp_alerts: []}]\n"
        for value in VALUES
    ]
    for value, test in zip(VALUES, tests):
        (tmp_path / "test.yml").write_text("rule_files: [rules.yml]\ntests:\n" + test)
        theirs, ours = both(promtool, "test", tmp_path / "test.yml")
        assert theirs[0] == ours[0] == 1
        expected, found = alerts_of(theirs[1]), alerts_of(ours[1])
        assert len(expected["T", "0s"]) == 2 and found == expected, value


def series(generator, minutes):
    parts = []
    while minutes > 0:
        length = generator.randint(1, 6)
        kind = generator.choice(["value", "value", "value", "stale", "nothing"])
        value = generator.choice([0, 1, 5, 11, 30])
        parts.append({"value": f"{value}x{length - 1}", "stale": "stale", "nothing": f"_x{length}"}[kind])
        minutes -= 1 if kind == "stale" else length
    return " ".join(parts)


@pytest.mark.parametrize("seed", range(12))
def test_random_rules_go_through_the_states_of_promtool(promtool, tmp_path, seed):
    generator = random.Random(seed)
    rules = ["  - record: r\n    expr: sum by (a) (v)\n    labels: {kind: made}\n"]
    exprs = ["v > 4", "r > 10", "v == 0", "count(v) < 2", "absent(v)", "ALERTS{alertname='A0'}", "r unless v > 29"]
    for number in range(5):
        hold = generator.choice([0, 1, 3, 7])
        keep = generator.choice([0, 0, 2, 5])
        rules.append(
            f"  - alert: A{number}\n    expr: {generator.choice(exprs)}\n    for: {hold}m\n"
            f"    keep_firing_for: {keep}m\n    labels: {{n: '{{{{ if gt $value 10.0 }}}}high{{{{ end }}}}'}}\n"
        )
    (tmp_path / "rules.yml").write_text("groups:\n- name: g\n  rules:\n" + "".join(rules))
    minutes = 40
    inputs = "".join(
        f"  - {{series: 'v{{a=\"{a}\",b=\"{b}\"}}', values: '_ {series(generator, minutes)}'}}\n"
        for a, b in [("x", 1), ("x", 2), ("y", 1)]
    )
    asked = "".join(
        f"  - {{eval_time: {minute}m, alertname: A{number}, exp_alerts: [{{exp_labels: {{never: x}}}}]}}\n"
        for minute in range(minutes)
        for number in range(5)
    )
    exprs = "".join(
        f"  - {{expr: '{expr}', eval_time: {minute}m, exp_samples: [{{labels: never, value: 1}}]}}\n"
        for minute in range(0, minutes, 3)
        for expr in ["ALERTS", "ALERTS_FOR_STATE", "r"]
    )
    (tmp_path / "test.yml").write_text(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n"
        # Off the evaluations' times: from 3.0 on, a sample that is exactly five minutes old is no longer seen.
        f"- interval: 59s\n  input_series:\n{inputs}  alert_rule_test:\n{asked}  promql_expr_test:\n{exprs}"
    )
    theirs, ours = both(promtool, "test", tmp_path / "test.yml")
    # Two results of one rule may have the same labels, which fails at the same time in both.
    if "err:" in theirs[1]:
        error = re.compile(r"rule: \w+, time: \w+, err: .*")
        assert error.search(theirs[1]).group() == error.search(ours[1]).group()
        return
    assert alerts_of(theirs[1]) == alerts_of(ours[1])
    expected, found = samples_of(theirs[1]), samples_of(ours[1])
    assert len(expected) == 3 * len(range(0, minutes, 3)) and found == expected
