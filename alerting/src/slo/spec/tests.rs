use super::*;
use crate::slo::{DEFAULT_TIERS, Method, Trigger, Window};
use std::path::Path;

const HEAD: &str = "apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
";

const RATIO: &str = "  indicator:
    metadata: {name: good}
    spec:
      ratioMetric:
        total: {metricSource: {type: spans, spec: {query: '{ kind = server }'}}}
        good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}
";

const REST: &str = "  service: shop
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
";

fn slo(spec: &str) -> String {
    format!("{HEAD}spec:\n{spec}")
}

/// The problems of a text, each as `line field`.
fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{} {}", problem.line, problem.field)).collect()
}

#[test]
fn an_slo_is_read() {
    let parsed = parse(&slo(&format!("{RATIO}{REST}"))).unwrap();
    let slo = &parsed.slos[0];
    assert_eq!((slo.name.as_str(), slo.service.as_str()), ("checkout", "shop"));
    let objective = &slo.objectives[0];
    assert_eq!(objective.sli.part, Part::Good("{ status != error }".to_owned()));
    let policy = &objective.policy;
    assert_eq!(policy.objective.to_string(), "99.9%");
    assert_eq!((policy.method, policy.tiers.as_slice()), (Method::Occurrences, &DEFAULT_TIERS[..]));
    assert_eq!(policy.window, Window::Rolling { seconds: 30 * 86_400 });
}

#[test]
fn a_threshold_becomes_a_condition_with_each_objectives_value() {
    let spec = "  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: spans, spec: {query: '{ name = `GET` }', unit: ms}}
  service: shop
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Timeslices
  objectives:
    - {op: lt, value: 500, target: 0.99, timeSliceTarget: 0.95}
    - {op: lte, value: 0.25, targetPercent: 99.5, timeSliceTarget: 1, timeSliceWindow: 5m}
";
    let parsed = parse(&slo(spec)).unwrap();
    let parts = parsed.slos[0].objectives.iter().map(|objective| objective.sli.part.clone());
    let conditions = ["{ duration < 500000000ns }", "{ duration <= 250000ns }"];
    assert_eq!(parts.collect::<Vec<_>>(), conditions.map(|text| Part::Good(text.to_owned())));
    let keys: Vec<String> = parsed.slos[0].objectives.iter().map(|o| o.sli.key()).collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn tiers_that_could_not_be_told_apart_are_refused() {
    let text = slo(&format!("{RATIO}{REST}"));
    let tiers = |tiers: &str| {
        let annotations =
            format!("  name: checkout\n  annotations: {{binnacle/tiers: '{tiers}'}}\n");
        problems(&text.replace("  name: checkout\n", &annotations))
    };
    let twice = "page 5m/1m burn 10, ticket 5m/1m burn 30";
    assert_eq!(tiers(twice), ["5 metadata.annotations.binnacle/tiers"]);
    assert!(tiers("page 5m/1m burn 10, ticket 10m/1m burn 10").is_empty());
    let policy = |threshold: &str| {
        format!(
            "    - kind: AlertPolicy\n      metadata: {{name: p}}\n      spec: {{alertWhenBreaching: true, conditions: [{{kind: AlertCondition, \
             metadata: {{name: c}}, spec: {{severity: page, condition: {{kind: burnrate, op: gte, threshold: {threshold}, lookbackWindow: 1h, \
             alertAfter: 0m}}}}}}]}}\n"
        )
    };
    let policies =
        |a: &str, b: &str| problems(&format!("{text}  alertPolicies:\n{}{}", policy(a), policy(b)));
    assert_eq!(policies("10", "2"), ["17 spec.alertPolicies"]);
    assert!(policies("10", "10").is_empty());
}

#[test]
fn a_wrong_method_is_said_beside_what_is_missing() {
    let text = slo("  budgetingMethod: X\n");
    let all = ["service", "indicator", "timeWindow", "objectives", "budgetingMethod"];
    let found = problems(&text);
    for field in all {
        let is_said = found.iter().any(|problem| problem.ends_with(&format!(" spec.{field}")));
        assert!(is_said, "{field}: {found:?}");
    }
}

#[test]
fn documents_refer_to_each_other_in_any_order() {
    let text = "apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: shop
  indicatorRef: errors
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: '2022-01-01 12:00:00', timeZone: America/New_York}}]
  budgetingMethod: RatioTimeslices
  objectives: [{target: 0.99, timeSliceWindow: 1m}]
  alertPolicies: [burning, {alertPolicyRef: burning}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: burning}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: fast}]
  notificationTargets: [{targetRef: on-call}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 2.5, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: on-call}
spec: {target: slack}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: errors}
spec:
  ratioMetric:
    total: {metricSource: {type: logs, spec: {query: 'service:shop'}}}
    bad: {metricSource: {type: logs, spec: {query: 'severity:error'}}}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: shop, displayName: The shop}
spec: {description: sells}
";
    let parsed = parse(text).unwrap();
    let slo = &parsed.slos[0];
    assert_eq!(slo.targets, ["on-call"]);
    let policy = &slo.objectives[0].policy;
    assert_eq!((policy.hold_seconds, policy.tiers.len()), (300, 1), "said twice, it is one");
    assert_eq!(policy.tiers[0].trigger, Trigger::BurnRate(2_500_000_000));
    assert_eq!((policy.tiers[0].long_seconds, policy.tiers[0].short_seconds), (3_600, 300));
    assert_eq!(slo.objectives[0].sli.source, SliSource::Logs);
    assert_eq!(parsed.services["shop"], "The shop");
}

#[test]
fn annotations_say_what_openslo_cannot() {
    let with = |annotation: &str| {
        let head =
            HEAD.replace("checkout\n", &format!("checkout\n  annotations: {{{annotation}}}\n"));
        format!("{head}spec:\n{RATIO}{REST}")
    };
    let parsed = parse(&with(
        "binnacle/tiers: 'page 2h/10m 2.5%, ticket 3d/6h burn 1', binnacle/guards: 'page_bad_min=9', team: x",
    ));
    let parsed = parsed.unwrap();
    let policy = &parsed.slos[0].objectives[0].policy;
    assert_eq!(policy.tiers[0].trigger, Trigger::BudgetShare(25_000));
    assert_eq!((policy.tiers[1].short_seconds, policy.guards.page_bad_min), (21_600, 9));
    for wrong in [
        "binnacle/tiers: 'page 5m 2%'",
        "binnacle/tiers: 'page 5m/1h 2%'",
        "binnacle/tiers: 'page 1h/5m'",
        "binnacle/tiers: 'page 1h/5m burn 1001'",
        "binnacle/tiers: 'page 90d/5m burn 2'",
        "binnacle/guards: 'few'",
        "binnacle/no-traffic: 'maybe'",
        "binnacle/other: 'x'",
    ] {
        assert_eq!(problems(&with(wrong)).len(), 1, "{wrong}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_field_and_line() {
    let with = |from: &str, to: &str| {
        let text = slo(&format!("{RATIO}{REST}"));
        assert!(text.contains(from), "{from}");
        problems(&text.replace(from, to))
    };
    let same =
        |from: &str, to: &str, expected: &str| assert_eq!(with(from, to), [expected], "{to}");
    same("openslo/v1", "openslo.com/v2alpha", "1 apiVersion");
    same("kind: SLO", "kind: Objective", "2 kind");
    same("target: 0.999", "target: 1", "15 spec.objectives[0].target");
    same("target: 0.999", "target: 0", "15 spec.objectives[0].target");
    same("target: 0.999", "target: 0.9999999999", "15 spec.objectives[0].target");
    same("target: 0.999", "targetPercent: 100", "15 spec.objectives[0].targetPercent");
    same("target: 0.999", "target: 0.9, value: 3", "15 spec.objectives[0].value");
    same(
        "target: 0.999",
        "target: 0.9, compositeWeight: 3",
        "15 spec.objectives[0].compositeWeight",
    );
    same(
        "target: 0.999",
        "target: 0.9, timeSliceTarget: 1",
        "15 spec.objectives[0].timeSliceTarget",
    );
    same("target: 0.999", "target: 0.9, goal: 1", "15 spec.objectives[0].goal");
    same("30d", "1M", "13 spec.timeWindow[0].duration");
    same("Occurrences", "Timeslices", "15 spec.objectives[0].timeSliceTarget");
    same("Occurrences", "occurrences", "14 spec.budgetingMethod");
    same("service: shop", "service: ''", "12 spec.service");
    let total = "spec.indicator.spec.ratioMetric.total.metricSource";
    let query = "'{ kind = server }'";
    same(query, "'{ kind = server } | count() > 2'", &format!("10 {total}.spec.query"));
    same(query, "'{ kind = '", &format!("10 {total}.spec.query"));
    assert_eq!(
        with("total: {metricSource: {type: spans", "total: {metricSource: {type: graphite")[0],
        format!("10 {total}.type")
    );
    let ratio = "spec.indicator.spec.ratioMetric";
    assert_eq!(with("good:", "raw:"), [format!("10 {ratio}"), format!("11 {ratio}.raw")]);
}

/// The examples of the OpenSLO repository are of sources that only mean "any": they are refused for that and nothing else,
/// but for one that has a period of a minute and one without an alert policy's name.
#[test]
fn openslos_own_examples_are_read_once_their_source_is_ours() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openslo/examples");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let ours =
        |text: &str| text.replace("type: Any", "type: spans").replace("query: Any", "query: '{ }'");
    let occurrences = read("budgeting-method/occurences-slo.yaml");
    let types: Vec<String> = problems(&occurrences);
    assert_eq!(types, ["17 spec.indicator.spec.thresholdMetric.metricSource.type"]);
    let parsed = parse(&ours(&occurrences)).unwrap();
    assert_eq!(
        parsed.slos[0].objectives[0].sli.part,
        Part::Good("{ duration < 500000000000ns }".to_owned())
    );
    let ratio = parse(&ours(&read("budgeting-method/ratio-timeslices.yaml"))).unwrap();
    assert_eq!(ratio.slos[0].objectives[0].policy.method, Method::RatioTimeslices { seconds: 60 });
    let quiet = read("treat-low-traffic-as-equally-important/timeslices-slo.yaml");
    let quiet = parse(&ours(&quiet)).unwrap();
    assert!(matches!(quiet.slos[0].objectives[0].policy.window, Window::Calendar(_)));
    let minute = ours(&read("budgeting-method/timeslices-slo.yaml"));
    assert_eq!(problems(&minute), ["27 spec.timeWindow[0].duration"]);
    let month = parse(&minute.replace("duration: 1m", "duration: 1M")).unwrap();
    assert_eq!(month.slos[0].objectives.len(), 2);
}

/// The SLOs of a file of Sloth's examples, or what is refused of it.
fn sloth(name: &str) -> Result<Vec<Slo>, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sloth/examples");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let problem = |problem: &Problem| format!("{} {}", problem.line, problem.field);
    let parsed = parse(&text).map_err(|problems| problems.iter().map(problem).collect());
    parsed.map(|parsed| parsed.slos)
}

#[test]
fn sloths_examples_are_read_as_what_they_count() {
    let slos = sloth("getting-started.yml").unwrap();
    let [slo] = slos.as_slice() else { panic!("{slos:?}") };
    assert_eq!(slo.name, "myservice-requests-availability");
    assert_eq!(slo.objectives[0].policy.objective.to_string(), "99.9%");
    let sli = &slo.objectives[0].sli;
    assert_eq!(sli.total, r#"http_request_duration_seconds_count{job="myservice"}"#);
    let bad = r#"http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}"#;
    assert_eq!((sli.source, &sli.part), (SliSource::Promql, &Part::Bad(bad.to_owned())));
    assert_eq!(slo.told.name, "MyServiceHighErrorRate");
    assert_eq!(slo.told.page.labels["severity"], "pageteam");
    assert_eq!(slo.told.ticket.labels["category"], "availability");
    let k8s = sloth("k8s-getting-started.yml").unwrap();
    assert_eq!((&k8s[0].objectives, &k8s[0].told), (&slo.objectives, &slo.told));
    let names =
        |file: &str| sloth(file).unwrap().into_iter().map(|slo| slo.name).collect::<Vec<_>>();
    let two = ["myservice-requests-availability", "myservice2-requests-availability"];
    assert_eq!(names("multifile.yml"), two);
    assert_eq!(names("k8s-multifile.yml"), two);
    let openslo = sloth("openslo-kubernetes-apiserver.yml").unwrap();
    assert_eq!(openslo.iter().map(|slo| slo.objectives.len()).collect::<Vec<_>>(), [1, 2]);
    let bucket = r#"apiserver_request_duration_seconds_bucket{le="5",verb!="WATCH"}"#;
    assert_eq!(openslo[1].objectives[1].sli.part, Part::Good(bucket.to_owned()));
    assert_eq!(names("openslo-getting-started.yml"), ["sloth-slo-my-service"]);
    let quiet = sloth("no-alerts.yml").map(|slos| slos[0].objectives[0].policy.tiers.len());
    assert!(quiet.is_ok_and(|tiers| tiers == 0));
}

#[test]
fn what_sloth_does_by_plugins_and_other_expressions_is_refused_by_field_and_line() {
    let refused = |file: &str| sloth(file).unwrap_err();
    let query = |slo: usize, name: &str| format!("slos[{slo}].sli.events.{name}_query");
    let wifi: Vec<String> =
        [(34, 0, "error"), (35, 0, "total"), (50, 1, "error"), (51, 1, "total")]
            .map(|(line, slo, name)| format!("{line} {}", query(slo, name)))
            .to_vec();
    assert_eq!(refused("home-wifi.yml"), wifi);
    assert_eq!(refused("k8s-home-wifi.yml")[0], "27 spec.slos[0].sli.events.errorQuery");
    assert_eq!(refused("kubernetes-apiserver.yml"), [format!("56 {}", query(1, "error"))]);
    assert_eq!(refused("raw-home-wifi.yml"), ["26 slos[0].sli.raw"]);
    assert_eq!(refused("plugin-getting-started.yml"), ["13 slos[0].sli.plugin"]);
    assert_eq!(refused("plugin-k8s-getting-started.yml")[0], "27 spec.slos[0].sli.plugin");
    assert_eq!(refused("slo-plugin-getting-started.yml"), ["7 slo_plugins", "21 slos[0].plugins"]);
    let k8s = ["17 spec.sloPlugins", "29 spec.slos[0].plugins"];
    assert_eq!(refused("slo-plugin-k8s-getting-started.yml"), k8s);
    assert_eq!(refused("contrib-denominator-corrected.yaml"), ["10 spec.sloPlugins"]);
    assert_eq!(refused("contrib-slo-plugins.yml"), ["12 slos[0].plugins", "43 slos[1].plugins"]);
    assert_eq!(refused("victoria-metrics.yml")[0], "9 slo_plugins");
}

#[test]
fn counters_and_sql_are_sources_too() {
    let source = |kind: &str, total: &str, good: &str, counter: &str| {
        slo(&format!(
            "  indicator:
    spec:
      ratioMetric:
        counter: {counter}
        total: {{metricSource: {{type: {kind}, spec: {{query: {total}}}}}}}
        good: {{metricSource: {{type: {kind}, spec: {{query: {good}}}}}}}
{REST}"
        ))
    };
    let counters =
        source("Prometheus", "x_total", "'sum(rate(x_total{code!=\"500\"}[5m]))'", "true");
    let sli = &parse(&counters).unwrap().slos[0].objectives[0].sli;
    assert_eq!((sli.source, sli.total.as_str()), (SliSource::Promql, "x_total"));
    assert_eq!(sli.part, Part::Good("x_total{code!=\"500\"}".to_owned()));
    let field = "spec.indicator.spec.ratioMetric";
    assert_eq!(
        problems(&counters.replace("counter: true", "counter: false")),
        [format!("9 {field}.counter")]
    );
    let average = counters.replace("query: x_total", "query: avg(x_total)");
    assert_eq!(problems(&average), [format!("10 {field}.total.metricSource.spec.query")]);
    let sql = "'SELECT time, 1 AS value FROM logs WHERE time >= $start AND time < $end'";
    assert!(parse(&source("sql", sql, sql, "false")).is_ok());
    let timeless = source("sql", sql, "'SELECT time, 1 AS value FROM logs'", "false");
    assert_eq!(problems(&timeless), [format!("11 {field}.good.metricSource.spec.query")]);
}

/// An SLO with one annotation.
fn annotated(annotation: &str, spec: &str) -> String {
    let head = HEAD.trim_end();
    format!("{head}\n  annotations:\n    {annotation}\nspec:\n{spec}")
}

#[test]
fn events_are_told_apart_by_attributes() {
    let spec = format!("{RATIO}{REST}");
    let plain = parse(&slo(&spec)).unwrap();
    let key = plain.slos[0].objectives[0].sli.key();
    let parsed = parse(&annotated("binnacle/group-by: service, span.http.route", &spec)).unwrap();
    let grouped = &parsed.slos[0];
    assert_eq!(grouped.objectives[0].sli.group_by, ["service", "span.http.route"]);
    assert_ne!(grouped.objectives[0].sli.key(), key, "they are counted apart");
    assert_eq!(grouped.group_gone_seconds, 86_400);
    let parsed = parse(&annotated("binnacle/group-gone: 2h", &spec)).unwrap();
    assert_eq!(parsed.slos[0].group_gone_seconds, 7_200);
    for wrong in [
        "http.route",
        "service, service",
        "''",
        "'span.a b'",
        "service, name, span.a, span.b, span.c",
    ] {
        let found = problems(&annotated(&format!("binnacle/group-by: {wrong}"), &spec));
        assert_eq!(found, ["6 metadata.annotations.binnacle/group-by"], "{wrong}");
    }
    let found = problems(&annotated("binnacle/group-gone: 5m", &spec));
    assert_eq!(found, ["6 metadata.annotations.binnacle/group-gone"]);
}

#[test]
fn what_counters_and_sql_count_is_not_told_apart() {
    let spec = format!("{RATIO}{REST}").replace("type: spans", "type: promql");
    let spec = spec.replace("'{ kind = server }'", "requests_total");
    let spec = spec.replace("'{ status != error }'", "good_total");
    assert!(problems(&slo(&spec)).is_empty());
    let found = problems(&annotated("binnacle/group-by: service", &spec));
    assert_eq!(found, ["6 metadata.annotations.binnacle/group-by"]);
}

/// Two members, with a line of annotations.
fn composite(annotations: &str, method: &str, first: &str, second: &str) -> String {
    let indicator = "indicator: {spec: {ratioMetric: {total: {metricSource: {type: spans, spec: {query: '{ kind = server }'}}}, good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}}}}";
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
  annotations: {{{annotations}}}
spec:
  service: shop
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: {method}
  objectives:
    - {{displayName: cart, {first}, {indicator}}}
    - {{displayName: pay, {second}, {indicator}}}
"
    )
}

#[test]
fn objectives_with_indicators_of_their_own_are_a_composite() {
    use crate::slo::{NoData, Together};
    let read = |text: &str| parse(text).unwrap().slos.remove(0).objectives;
    let plain =
        read(&composite("", "Occurrences", "target: 0.99", "target: 0.97, compositeWeight: 3"));
    let [_, _, whole] = plain.as_slice() else { panic!("{plain:?}") };
    let made = whole.composite.as_ref().unwrap();
    assert_eq!(made.together, Together::Weighted);
    assert_eq!(
        made.members.iter().map(|one| one.weight).collect::<Vec<_>>(),
        [1_000_000, 3_000_000]
    );
    // The budget is the weighted mean: (1 % + 3 × 3 %) ÷ 4.
    assert_eq!(whole.policy.objective.to_string(), "97.5%");
    assert_eq!(whole.policy.method, Method::Occurrences);
    let said =
        "binnacle/composite: any-bad target=0.95, binnacle/members: pay no-data=bad delay=10m";
    let slices = read(&composite(
        said,
        "Timeslices",
        "target: 0.99, timeSliceTarget: 0.9",
        "target: 0.98, timeSliceTarget: 0.8",
    ));
    let made = slices[2].composite.as_ref().unwrap();
    assert_eq!(
        (made.together, slices[2].policy.objective.to_string()),
        (Together::AnyBad, "95%".to_owned())
    );
    assert_eq!((made.members[1].no_data, made.members[1].delay_seconds), (NoData::Bad, 600));
    assert_eq!((made.members[0].no_data, made.members[0].delay_seconds), (NoData::Ignore, 300));
}

#[test]
fn a_journey_is_an_sli_of_its_own_made_of_its_steps() {
    let text =
        composite("binnacle/composite: journey 5s", "Occurrences", "target: 0.99", "target: 0.99");
    let objectives = parse(&text).unwrap().slos.remove(0).objectives;
    let journey = &objectives[2];
    assert!(journey.composite.is_none());
    assert_eq!((journey.sli.source, journey.sli.lookback_seconds), (SliSource::Journey, 5));
    let steps = journey.sli.steps();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[0].part, Part::Good("{ status != error }".to_owned()));
    assert!(objectives[0].sli.steps().is_empty());
}

#[test]
fn composites_that_mean_nothing_are_refused() {
    let refused = |annotations: &str, method: &str, first: &str, second: &str| {
        problems(&composite(annotations, method, first, second))
    };
    let targets = ["target: 0.99", "target: 0.98"];
    let slices = ["target: 0.99, timeSliceTarget: 1", "target: 0.98, timeSliceTarget: 1"];
    let any_bad = "binnacle/composite: any-bad";
    let at = |found: Vec<String>| {
        found.iter().map(|one| one.split(' ').next_back().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(at(refused(any_bad, "Timeslices", slices[0], slices[1])), ["spec.objectives"]);
    assert_eq!(at(refused(any_bad, "Occurrences", targets[0], targets[0])), ["spec.objectives"]);
    let other = "target: 0.99, timeSliceTarget: 1, timeSliceWindow: 5m";
    assert_eq!(at(refused("", "Timeslices", slices[0], other)), ["spec.objectives"]);
    let unknown = "binnacle/members: ship no-data=bad";
    assert_eq!(at(refused(unknown, "Occurrences", targets[0], targets[1])), ["spec.objectives"]);
    for wrong in [
        "binnacle/composite: worst",
        "binnacle/composite: journey",
        "binnacle/members: pay no-data=maybe",
        "binnacle/members: pay",
    ] {
        assert_eq!(refused(wrong, "Occurrences", targets[0], targets[1]).len(), 1, "{wrong}");
    }
    let weightless = refused("", "Occurrences", "target: 0.99, compositeWeight: 0", targets[1]);
    assert_eq!(at(weightless), ["spec.objectives[0].compositeWeight"]);
    let both = slo(&format!("{RATIO}{REST}"))
        .replace("{target: 0.999}", "{target: 0.999, indicatorRef: x}");
    assert_eq!(at(problems(&both)), ["spec.objectives[0].indicatorRef"]);
}
