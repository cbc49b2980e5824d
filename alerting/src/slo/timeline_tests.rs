use super::*;
use crate::slo::{Method, SLICE_SECONDS};

const DAY: i64 = 86_400;

fn text(target: &str, query: &str) -> String {
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: shop}}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        total: {{metricSource: {{type: spans, spec: {{query: '{{ kind = server }}'}}}}}}
        good: {{metricSource: {{type: spans, spec: {{query: '{query}'}}}}}}
  timeWindow: [{{duration: 1d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
"
    )
}

fn version(version: i64, text: String, created_at: i64, deleted_at: Option<i64>) -> SpecVersion {
    SpecVersion {
        tenant: TenantId::default(),
        name: "shop".to_owned(),
        version,
        text,
        file: String::new(),
        created_at,
        deleted_at,
    }
}

#[test]
fn a_new_target_goes_on_and_a_new_definition_begins_anew() {
    let (ok, fast) = ("{ status != error }", "{ duration < 1s }");
    let versions = [
        version(1, text("0.9", ok), 100, Some(200)),
        version(2, text("0.99", ok), 200, Some(300)),
        version(3, text("0.99", fast), 300, None),
        version(4, "not an SLO".to_owned(), 400, None),
    ];
    let all = promises(&versions, 0);
    let seen: Vec<_> =
        all.iter().map(|(one, _)| (one.version, one.generation, one.start, one.end)).collect();
    assert_eq!(seen, [(1, 1, 100, Some(200)), (2, 1, 200, Some(300)), (3, 2, 300, None)]);
    assert_eq!(all[0].0.sli, all[1].0.sli);
    assert_ne!(all[1].0.sli, all[2].0.sli);
    assert!(promises(&versions, 1).is_empty());
}

#[test]
fn periods_follow_each_other_back() {
    let rolling = Window::Rolling { seconds: DAY as u64 };
    let found: Vec<_> =
        periods(&rolling, 10 * DAY, 3).iter().map(|one| (one.start, one.end)).collect();
    assert_eq!(found, [(9 * DAY, 10 * DAY), (8 * DAY, 9 * DAY), (7 * DAY, 8 * DAY)]);
    assert_eq!(periods(&rolling, 10 * DAY, 0).len(), 1);
}

#[test]
fn a_past_period_is_judged_by_the_target_then_in_force() {
    let slo = parse(&text("0.9", "{ status != error }")).unwrap().slos.remove(0);
    let policy = slo.objectives[0].live_policy();
    assert_eq!(policy.method, Method::Occurrences);
    // Ten bad of a hundred in each half of a day.
    let at = |seconds: i64| seconds / SLICE_SECONDS;
    let events: History =
        [(at(100), Count::new(90, 100)), (at(DAY / 2 + 100), Count::new(90, 100))]
            .into_iter()
            .collect();
    let material = Material::plain(&policy, &events);
    let target = |parts| Objective::new(parts).unwrap();
    let day = Period { start: 0, end: DAY };
    let judged = |targets: &[Since]| judge(&policy, &material, targets, day, 10 * DAY);
    let close = |past: &PastPeriod, expected: f64| {
        assert!((past.consumed.unwrap() - expected).abs() < 1e-9, "{past:?}");
    };
    close(&judged(&[(0, target(900_000_000))]), 1.0);
    // The second half had a tenth of the budget: 20 bad of 10 + 1.
    let edited = judged(&[(0, target(900_000_000)), (DAY / 2, target(990_000_000))]);
    close(&edited, 20.0 / 11.0);
    assert_eq!(edited.targets, [target(900_000_000), target(990_000_000)]);
    // A target of later says nothing of this day.
    let later = judged(&[(0, target(900_000_000)), (2 * DAY, target(990_000_000))]);
    close(&later, 1.0);
    assert_eq!((later.count, later.is_open), (Count::new(180, 200), false));
}
