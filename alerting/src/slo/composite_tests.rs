use super::*;
use crate::slo::spec::parse;
use crate::slo::{TimesliceGoal, evaluate, replay};
use proptest::prelude::*;

const MINUTE: Method = Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 900_000_000 });

fn member(weight: u64, method: Method, no_data: NoData) -> Member {
    Member { weight, method, no_data, delay_seconds: 300 }
}

fn history(slices: &[(i64, u64, u64)]) -> History {
    slices.iter().map(|(at, good, total)| (*at, Count::new(*good, *total))).collect()
}

fn weighted(members: &[(u64, NoData)]) -> Composite {
    let members =
        members.iter().map(|(weight, no_data)| member(*weight, Method::Occurrences, *no_data));
    Composite { together: Together::Weighted, members: members.collect() }
}

fn share(composite: &Composite, events: &[History], range: Range<i64>) -> Option<f64> {
    let count = Blend::of(composite, events.to_vec()).counted.sum(range);
    (count.total > 0).then(|| count.good as f64 / count.total as f64)
}

#[test]
fn traffic_does_not_weigh_but_weights_do() {
    // Of a million events all are good, of ten of the other half.
    let events = [history(&[(0, 1_000_000, 1_000_000)]), history(&[(0, 5, 10)])];
    let of = |first, second| {
        let composite = weighted(&[(first, NoData::Ignore), (second, NoData::Ignore)]);
        share(&composite, &events, 0..6).unwrap()
    };
    assert!((of(WEIGHT_ONE, WEIGHT_ONE) - 0.75).abs() < 1e-9);
    assert!((of(3 * WEIGHT_ONE, WEIGHT_ONE) - 0.875).abs() < 1e-9);
}

#[test]
fn a_member_without_data_counts_as_its_policy_says() {
    let events = [history(&[(0, 8, 10)]), history(&[])];
    let of = |no_data| share(&weighted(&[(1, NoData::Ignore), (1, no_data)]), &events, 0..6);
    let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-9;
    assert!(close(of(NoData::Ignore), 0.8));
    assert!(close(of(NoData::Good), 0.9));
    assert!(close(of(NoData::Bad), 0.4));
    assert_eq!(of(NoData::Hold), None);
    // Where none has data nothing is known, whatever the policies.
    let silent = [history(&[]), history(&[])];
    assert_eq!(share(&weighted(&[(1, NoData::Good), (1, NoData::Bad)]), &silent, 0..6), None);
}

#[test]
fn a_slice_is_bad_if_it_is_for_any_member() {
    let any_bad = |no_data| Composite {
        together: Together::AnyBad,
        members: vec![member(1, MINUTE, NoData::Ignore), member(1, MINUTE, no_data)],
    };
    // Minutes: both good, the first bad, the second bad, the second without data, the first without data, none.
    let first = history(&[(0, 10, 10), (6, 8, 10), (12, 10, 10), (18, 10, 10)]);
    let second = history(&[(0, 9, 10), (6, 10, 10), (15, 0, 1), (24, 10, 10)]);
    let slices = |no_data| {
        let blend = Blend::of(&any_bad(no_data), vec![first.clone(), second.clone()]);
        let all = blend.counted.history().slices(0..60);
        all.map(|(at, count)| (at, count.good)).collect::<Vec<_>>()
    };
    assert_eq!(slices(NoData::Ignore), [(0, 1), (6, 0), (12, 0), (18, 1), (24, 1)]);
    assert_eq!(slices(NoData::Good), slices(NoData::Ignore));
    assert_eq!(slices(NoData::Bad), [(0, 1), (6, 0), (12, 0), (18, 0), (24, 1)]);
    assert_eq!(slices(NoData::Hold), [(0, 1), (6, 0), (12, 0), (24, 1)]);
}

proptest! {
    #[test]
    fn what_is_brought_up_to_date_is_what_is_counted_anew(
        changes in prop::collection::vec((0usize..2, 0i64..90, 0u64..9, 0u64..3), 1..40),
        is_weighted in any::<bool>(),
        from in 0i64..90,
    ) {
        let method = if is_weighted { Method::Occurrences } else { MINUTE };
        let together = if is_weighted { Together::Weighted } else { Together::AnyBad };
        let members = vec![member(2, method, NoData::Ignore), member(1, method, NoData::Bad)];
        let composite = Composite { together, members };
        let mut events = [History::default(), History::default()];
        let arcs = |events: &[History; 2]| events.to_vec();
        let mut blend = Blend::of(&composite, arcs(&events));
        for (which, at, good, bad) in changes {
            events[which].add([(at, Count::new(good, good + bad))]);
            blend.refresh(arcs(&events));
        }
        let anew = Blend::of(&composite, arcs(&events));
        prop_assert_eq!(&blend.events, &anew.events);
        for range in [0..90, from..90, 0..from] {
            prop_assert_eq!(blend.counted.sum(range.clone()), anew.counted.sum(range));
        }
    }
}

/// Two services of 99 %, one with a thousand times the traffic of the other.
fn shop(annotation: &str) -> Slo {
    let member = |name: &str| {
        format!(
            "    - displayName: {name}
      target: 0.99
      indicator:
        spec:
          ratioMetric:
            total: {{metricSource: {{type: spans, spec: {{query: '{{ resource.service.name = \"{name}\" }}'}}}}}}
            good: {{metricSource: {{type: spans, spec: {{query: '{{ status != error }}'}}}}}}
"
        )
    };
    let text = format!(
        "apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations: {{{annotation}}}
spec:
  service: shop
  timeWindow: [{{duration: 7d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives:
{}{}",
        member("cart"),
        member("pay")
    );
    parse(&text).unwrap().slos.remove(0)
}

#[test]
fn a_weighted_composite_is_evaluated_and_pages_by_the_one_evaluator() {
    let slo = shop("binnacle/composite: weighted");
    assert_eq!(slo.objectives.len(), 3);
    let policy = slo.objectives[2].live_policy();
    let day = 8_640;
    let outage = 9 * day;
    let slices = |rate: u64, fails: bool| {
        let of = move |at: i64| (at, if fails && at >= outage { 0 } else { rate }, rate);
        history(&(0..outage + 360).map(of).collect::<Vec<_>>())
    };
    // The one that fails has a thousandth of the traffic: it would be lost in a sum.
    let events = [slices(10_000, false), slices(10, true), history(&[])];
    let material = Material::of(&slo, 2, &events).unwrap();
    let now = (outage + 360) * SLICE_SECONDS;
    let status = evaluate(&policy, &material.facts(now, &[]));
    let hour = &status.tiers[0];
    assert!((hour.long_burn.unwrap() - 50.0).abs() < 1e-6, "{hour:?}");
    let backtest = replay(&policy, &material, &[], outage * SLICE_SECONDS..now);
    assert!(backtest.transitions.iter().any(|one| one.level == "firing"), "{backtest:?}");
    let quiet = [slices(10_000, false), slices(10, false), history(&[])];
    let quiet = Material::of(&slo, 2, &quiet).unwrap();
    let backtest = replay(&policy, &quiet, &[], outage * SLICE_SECONDS..now);
    assert_eq!(backtest.transitions, []);
}

#[test]
fn with_equal_targets_the_burn_is_the_weighted_mean_of_the_members_burns() {
    let slo = shop("");
    let events = [history(&[(0, 98, 100)]), history(&[(0, 96, 100)]), history(&[])];
    let burn = |index: usize| {
        let material = Material::of(&slo, index, &events).unwrap();
        let status = evaluate(&slo.objectives[index].live_policy(), &material.facts(60, &[]));
        status.consumed.unwrap()
    };
    assert!((burn(0) - 2.0).abs() < 1e-9 && (burn(1) - 4.0).abs() < 1e-9);
    assert!((burn(2) - 3.0).abs() < 1e-6);
}
