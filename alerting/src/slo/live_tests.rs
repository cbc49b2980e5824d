//! The engine over real storage and a clock that is moved: what it did live is what a backtest says, and what the rules
//! of others say of the same series.

use super::*;
use crate::testing::Fixture;
use crate::{AlertingConfig, RecordedSample, Store};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::{Request, Times, Value};
use binnacle_storage::model::TenantId;
use std::path::Path;

/// On a slice and on a minute.
const BEGIN: i64 = 1_700_000_040;

const SPEC: &str = "apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations:
    binnacle/tiers: page 10m/1m 10%, page 30m/2m 15%, ticket 1h/5m 20%
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        counter: true
        total: {metricSource: {type: promql, spec: {query: requests_total}}}
        bad: {metricSource: {type: promql, spec: {query: 'requests_total{code=\"500\"}'}}}
  timeWindow: [{duration: 6h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
";

fn counter(name: &str, code: &str, time: i64, value: u64) -> RecordedSample {
    let labels = [("__name__", name), ("code", code), ("job", "myservice")];
    let value = Some(Sample::Float(value as f64));
    RecordedSample { labels: Labels::new(labels), time: time * 1_000, value }
}

/// A small generator of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_says_what_live_evaluation_did_transition_for_transition() {
    let fixture = Fixture::new((BEGIN + 5) * 1_000, AlertingConfig::default()).await;
    let store = Store::open(&fixture.directory.path().join("alerting.sqlite")).unwrap();
    let slos = Slos::open(fixture.parts.clone(), store).unwrap();
    let tenant = TenantId::default();
    slos.put(&tenant, SPEC).unwrap();
    let mut numbers = Numbers(7);
    let (mut good, mut bad) = (1_000, 10);
    // Outages of any length and depth, with quiet between, and some without traffic.
    let (mut share, mut rate, mut left) = (0, 20, 30);
    let ticks = 900;
    for tick in 0..ticks {
        let now = BEGIN + tick * 10;
        if left == 0 {
            share = [0, 0, 0, 5, 30, 60, 100][numbers.below(7) as usize];
            rate = [0, 5, 20, 200][numbers.below(4) as usize];
            left = 1 + numbers.below(if rate == 0 { 20 } else { 60 });
        }
        left -= 1;
        let failed = (0..rate).filter(|_| numbers.below(100) < share).count() as u64;
        (good, bad) = (good + rate - failed, bad + failed);
        fixture.set_now((now + 5) * 1_000);
        let samples = ["200", "500"].iter().zip([good, bad]);
        let samples = samples.map(|(code, value)| counter("requests_total", code, now, value));
        fixture.parts.sink.write(&tenant, samples.collect()).await.unwrap();
        slos.look(&tenant).await.unwrap();
    }
    let told = |kind: AlertKind, until: i64, level: &str| (until, kind, level.to_owned());
    let live = slos.transitions(&tenant, Some("shop"), 10_000).unwrap();
    let live = live.iter().map(|seen| told(seen.key.kind, seen.until, &seen.level));
    let mut live: Vec<_> = live.collect();
    let standing = slos.standing(&tenant, "shop").unwrap();
    let last = standing.objectives[0].status.until;
    // Samples arrive five seconds late, so the last slice is open yet.
    assert_eq!(last, BEGIN + (ticks - 2) * 10);
    let loaded = slos.find(&tenant, "shop").unwrap();
    let again = slos.backtest(&tenant, &loaded.slo, BEGIN..last).await.unwrap();
    let again = again[0].transitions.iter();
    let mut again: Vec<_> = again.map(|seen| told(seen.kind, seen.until, seen.level)).collect();
    live.sort();
    again.sort();
    assert!(live.len() > 20, "only {} transitions", live.len());
    assert_eq!(live, again);
    // One that is not in force counts what is stored.
    let other = SPEC.replace("name: shop", "name: other");
    let parsed = slos.check(&other).unwrap();
    let anew = slos.count_anew(&tenant, &parsed.slos[0].objectives[0].sli).await.unwrap();
    assert_eq!(anew.events, standing.objectives[0].events);
}

/// The expressions of the recording rules that Sloth made, by window.
fn generated() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sloth/examples/_gen/getting-started.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let rules = text.split("  - record: slo:sli_error:ratio_rate").skip(1);
    let rule = |rule: &str| {
        let (window, rest) = rule.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("expr: |\n").unwrap();
        let (expr, _) = rest.split_once("    labels:").unwrap();
        (window.to_owned(), expr.to_owned())
    };
    rules.map(rule).filter(|(window, _)| window != "30d").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn burn_rates_are_those_of_the_rules_that_sloth_makes() {
    let hours = 80;
    let end = BEGIN + hours * 3_600;
    let fixture = Fixture::new((end + 5) * 1_000, AlertingConfig::default()).await;
    let store = Store::open(&fixture.directory.path().join("alerting.sqlite")).unwrap();
    let slos = Slos::open(fixture.parts.clone(), store).unwrap();
    let tenant = TenantId::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sloth/examples");
    let text = std::fs::read_to_string(folder.join("getting-started.yml")).unwrap();
    slos.put(&tenant, &text).unwrap();
    let name = "http_request_duration_seconds_count";
    let mut samples = Vec::new();
    for minute in 0..=hours * 60 {
        let (time, minute) = (BEGIN + minute * 60, minute as u64);
        samples.push(counter(name, "200", time, minute * 976));
        samples.push(counter(name, "503", time, minute * 15));
        samples.push(counter(name, "429", time, minute * 9));
    }
    fixture.parts.sink.write(&tenant, samples).await.unwrap();
    for _ in 0..20 {
        slos.look(&tenant).await.unwrap();
    }
    let standing = slos.standing(&tenant, "myservice-requests-availability").unwrap();
    let objective = &standing.objectives[0];
    assert!(objective.counting.is_counted, "{:?}", objective.counting);
    assert_eq!(objective.status.until, end);
    let ours = |window: &str| {
        let tiers = objective.status.tiers.iter();
        let burns = tiers.flat_map(|tier| {
            let of = tier.tier;
            [(span(of.long_seconds), tier.long_burn), (span(of.short_seconds), tier.short_burn)]
        });
        burns.filter(|(name, _)| name == window).find_map(|(_, burn)| burn).unwrap()
    };
    let generated = generated();
    assert_eq!(generated.len(), 7);
    for (window, query) in generated {
        let times = Times { start: end * 1_000, end: end * 1_000, step: 0 };
        let settings = fixture.parts.engine.config().promql_settings();
        let request = Request { query, times, settings };
        let (answer, _) = fixture.parts.engine.promql(&tenant, request).await.unwrap();
        let Value::Vector(vector) = answer.value else { panic!("{window}") };
        let [(_, Sample::Float(ratio))] = vector.as_slice() else { panic!("{window}: {vector:?}") };
        let (theirs, ours) = (ratio / 0.001, ours(&window));
        assert!((theirs - ours).abs() < 1e-6, "{window}: {ours}, not {theirs}");
        assert!((ours - 24.0).abs() < 1e-9, "{window}: {ours}");
    }
    let page = &standing.objectives[0].latches[0];
    assert!(page.is_firing());
}

/// Two counters as one.
const COMPOSITE: &str = "apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations:
    binnacle/tiers: page 10m/1m 10%, page 30m/2m 15%, ticket 1h/5m 20%
    binnacle/composite: weighted target=0.9
    binnacle/members: pay no-data=bad delay=2m
spec:
  service: shop
  timeWindow: [{duration: 6h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - displayName: cart
      target: 0.95
      indicator:
        spec:
          ratioMetric:
            counter: true
            total: {metricSource: {type: promql, spec: {query: cart_total}}}
            bad: {metricSource: {type: promql, spec: {query: 'cart_total{code=\"500\"}'}}}
    - displayName: pay
      target: 0.9
      compositeWeight: 2
      indicator:
        spec:
          ratioMetric:
            counter: true
            total: {metricSource: {type: promql, spec: {query: pay_total}}}
            bad: {metricSource: {type: promql, spec: {query: 'pay_total{code=\"500\"}'}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_does_live_what_a_backtest_says() {
    let fixture = Fixture::new((BEGIN + 5) * 1_000, AlertingConfig::default()).await;
    let store = Store::open(&fixture.directory.path().join("alerting.sqlite")).unwrap();
    let slos = Slos::open(fixture.parts.clone(), store).unwrap();
    let tenant = TenantId::default();
    slos.put(&tenant, COMPOSITE).unwrap();
    let mut numbers = Numbers(11);
    let names = ["cart_total", "pay_total"];
    let (mut counts, mut share) = ([(1_000, 10), (1_000, 10)], [0, 0]);
    let ticks = 500;
    for tick in 0..ticks {
        let now = BEGIN + tick * 10;
        if tick % 25 == 0 {
            share = [(); 2].map(|()| [0, 0, 5, 60, 100][numbers.below(5) as usize]);
        }
        let mut samples = Vec::new();
        for ((name, (good, bad)), share) in names.iter().zip(&mut counts).zip(share) {
            let failed = (0..20).filter(|_| numbers.below(100) < share).count() as u64;
            (*good, *bad) = (*good + 20 - failed, *bad + failed);
            let values = ["200", "500"].iter().zip([*good, *bad]);
            samples.extend(values.map(|(code, value)| counter(name, code, now, value)));
        }
        fixture.set_now((now + 5) * 1_000);
        fixture.parts.sink.write(&tenant, samples).await.unwrap();
        slos.look(&tenant).await.unwrap();
    }
    let standing = slos.standing(&tenant, "shop").unwrap();
    assert_eq!(standing.objectives.len(), 3);
    let whole = &standing.objectives[2];
    let last = whole.status.until;
    let (cart, pay) = (&standing.objectives[0].status, &standing.objectives[1].status);
    let mean = (cart.sli.unwrap() + 2.0 * pay.sli.unwrap()) / 3.0;
    assert!((whole.status.sli.unwrap() - mean).abs() < 1e-9);
    let loaded = slos.find(&tenant, "shop").unwrap();
    let again = slos.backtest(&tenant, &loaded.slo, BEGIN..last).await.unwrap();
    let live = slos.transitions(&tenant, Some("shop"), 10_000).unwrap();
    for (objective, again) in again.iter().enumerate() {
        let of_it = live.iter().filter(|seen| seen.key.objective == objective);
        let mut live: Vec<_> =
            of_it.map(|seen| (seen.until, seen.key.kind, seen.level.clone())).collect();
        let again = again.transitions.iter();
        let mut again: Vec<_> =
            again.map(|seen| (seen.until, seen.kind, seen.level.to_owned())).collect();
        live.sort();
        again.sort();
        assert!(live.len() > 4, "only {} transitions", live.len());
        assert_eq!(live, again, "objective {objective}");
    }
    let timeline = slos.timeline(&tenant, "shop", 2, 3).unwrap().unwrap();
    assert_eq!((timeline.promises.len(), timeline.periods.len()), (1, 3));
    let now = &timeline.periods[0];
    assert!((now.sli.unwrap() - mean).abs() < 0.01, "{now:?}");
    assert_eq!(timeline.periods[2].sli, None);
}
