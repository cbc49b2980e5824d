use super::*;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules").join(name)
}

fn run(name: &str, only: Option<&str>, ignore_unknown_fields: bool) -> Result<(), String> {
    let only = only.map(|only| Regex::new(only).unwrap());
    let reading = Reading { ignore_unknown_fields };
    run_file(&data(name), only.as_ref(), reading).map_err(|problems| problems.join("\n"))
}

#[test]
fn files_of_promtool_pass_as_they_must() {
    for name in [
        "unittest.yml",
        "long-period.yml",
        "no-test-group-interval.yml",
        "start-time-test.yml",
        "at-modifier-test.yml",
        "negative-offset-test.yml",
    ] {
        assert_eq!(run(name, None, false), Ok(()), "{name}");
    }
    for (name, only) in [("rules_run.yml", "correct"), ("rules_run_fuzzy.yml", "correct")] {
        assert_eq!(run(name, Some(only), false), Ok(()), "{name}");
    }
    assert_eq!(run("rules_run_extrafields.yml", None, true), Ok(()));
}

#[test]
fn files_of_promtool_fail_as_they_must() {
    let many = "many-to-many matching not allowed";
    for (name, said) in [
        ("failing.yml", "got: {__name__=\"test\"} 0E+00"),
        ("failing.yml", "alertname: Test, time: 0s"),
        ("failing.yml", "Labels:{alertname=\"InstanceDown\", job=\"test\", severity=\"page\"}"),
        ("bad-input-series.yml", "line 3"),
        ("bad-promql.yml", many),
        ("bad-rules-error-test.yml", many),
        ("bad-rules-error-test.yml", "rule: joined, time: 0s"),
        ("bad-rules-syntax-test.yml", "could not parse expression"),
        ("rules_run.yml", "got: {__name__=\"test\"} 0E+00"),
        ("rules_run_no_fuzzy.yml", "exp: {__name__=\"test_low\"} 3E+00"),
        ("rules_run_fuzzy.yml", "got: {__name__=\"test_low\"} 2.9999999999999987E+00"),
        ("rules_run_extrafields.yml", "the field 'namespace' of group \"alerts\" is not supported"),
    ] {
        let said_really = run(name, None, false).unwrap_err();
        assert!(said_really.contains(said), "{name} should say {said}:\n{said_really}");
    }
}

#[test]
fn rules_see_what_rules_before_them_wrote_and_ends_of_series() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "rules.yml",
        "groups:\n- name: second\n  rules:\n  - record: c\n    expr: b + 1\n- name: first\n  labels: {team: x}\n  rules:\n  - record: a\n    expr: up * 2\n  - record: b\n    expr: a * 10\n  - alert: Down\n    expr: b > 10\n    keep_firing_for: 2m\n    labels: {severity: '{{ if gt $value 30.0 }}page{{ else }}ticket{{ end }}'}\n    annotations: {summary: '{{ $labels.job }} {{ $value | humanize }} of {{ with query \"count(up)\" }}{{ . | first | value }}{{ end }} on {{ $externalLabels.cluster }} at {{ $externalURL }}'}\n",
    );
    write(
        "test.yml",
        "rule_files: [rules.yml]\ngroup_eval_order: [first, second]\ntests:\n- interval: 1m\n  external_labels: {cluster: c1}\n  external_url: http://x\n  input_series:\n  - {series: 'up{job=\"a\"}', values: '1 2 stale _ _ _'}\n  promql_expr_test:\n  - {expr: 'c', eval_time: 1m, exp_samples: [{labels: 'c{job=\"a\",team=\"x\"}', value: 41}]}\n  - {expr: 'c', eval_time: 2m, exp_samples: []}\n  - {expr: 'ALERTS', eval_time: 3m, exp_samples: [{labels: 'ALERTS{alertname=\"Down\",alertstate=\"firing\",job=\"a\",severity=\"page\",team=\"x\"}', value: 1}]}\n  - {expr: 'ALERTS_FOR_STATE', eval_time: 3m, exp_samples: [{labels: 'ALERTS_FOR_STATE{alertname=\"Down\",job=\"a\",severity=\"page\",team=\"x\"}', value: 60}]}\n  - {expr: 'ALERTS', eval_time: 4m, exp_samples: []}\n  alert_rule_test:\n  - eval_time: 1m\n    alertname: Down\n    exp_alerts:\n    - exp_labels: {job: a, team: x, severity: page}\n      exp_annotations: {summary: a 40 of 1 on c1 at http://x}\n    - exp_labels: {job: a, team: x, severity: ticket}\n      exp_annotations: {summary: a 20 of 1 on c1 at http://x}\n  - eval_time: 4m\n    alertname: Down\n    exp_alerts: []\n",
    );
    let path = folder.path().join("test.yml");
    let result = run_file(&path, None, Reading::default()).map_err(|all| all.join("\n"));
    assert_eq!(result, Ok(()));
}
