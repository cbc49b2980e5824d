//! Rules over real storage, with a clock that is moved.

use super::backtest::backtest;
use super::*;
use crate::testing::Fixture;
use crate::{AlertingConfig, Store, notify};
use binnacle_storage::Clock;
use binnacle_storage::model::TenantId;
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// A minute to begin with that is a multiple of all intervals here.
const START: i64 = 1_700_000_040_000;
const MINUTE: i64 = 60_000;

const RULES: &str = "groups:
- name: g
  interval: 1m
  rules:
  - record: level:twice
    expr: level * 2
  - alert: High
    expr: level:twice > 10
    for: 2m
    keep_firing_for: 1m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.host }} at {{ $value }}'}
  - alert: Measured
    expr: level > 100
    has_data: level
";

struct Running {
    fixture: Fixture,
    rules: Rules,
    store: Store,
}

fn write_rules(directory: &Path, text: &str) -> String {
    let path = directory.join("rules.yml");
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

impl Running {
    async fn new(text: &str) -> Running {
        let folder = tempfile::tempdir().unwrap().keep();
        let config = AlertingConfig {
            rule_files: vec![write_rules(&folder, text)],
            external_labels: [("cluster".to_owned(), "c1".to_owned())].into(),
            external_url: "http://here".to_owned(),
            resend_delay: Duration::from_secs(60),
            ..AlertingConfig::default()
        };
        let fixture = Fixture::new(START, config).await;
        let (rules, store) = open(&fixture);
        Running { fixture, rules, store }
    }

    /// Moves the clock by minutes, writing a level at each when there is one.
    async fn minutes(&self, levels: &[Option<f64>]) {
        for level in levels {
            let now = self.fixture.clock.now().0 / 1_000_000 + MINUTE;
            if let Some(level) = level {
                let labels = [("__name__", "level"), ("host", "a")];
                self.fixture.write(&labels, now - MINUTE + 1, *level).await;
            }
            self.fixture.set_now(now);
            self.rules.evaluate_due().await;
        }
    }

    fn restart(&mut self) {
        (self.rules, self.store) = open(&self.fixture);
    }

    fn states(&self) -> Vec<(String, State)> {
        let groups = self.rules.groups();
        let state = groups[0].state();
        let rules = groups[0].group.rules.iter().zip(&state.rules);
        rules
            .flat_map(|(rule, own)| {
                own.alerts.values().map(|alert| (rule.name().to_owned(), alert.state))
            })
            .collect()
    }

    fn transitions(&self) -> Vec<Change> {
        let all = self.rules.transitions(&TenantId::default(), 1000).unwrap();
        let one = |kept: KeptTransition| {
            (kept.name, kept.transition.from, kept.transition.to, kept.transition.at)
        };
        all.into_iter().rev().map(one).collect()
    }
}

fn open(fixture: &Fixture) -> (Rules, Store) {
    let store = Store::open(&fixture.directory.path().join("alerting.sqlite")).unwrap();
    (Rules::open(fixture.parts.clone(), store.clone()).unwrap(), store)
}

fn high(state: State) -> Vec<(String, State)> {
    vec![("High".to_owned(), state)]
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_go_through_their_states_are_told_and_survive_a_restart() {
    let mut running = Running::new(RULES).await;
    running.minutes(&[Some(1.0), Some(9.0)]).await;
    assert_eq!(running.states(), high(State::Pending));
    running.restart();
    running.minutes(&[Some(9.0), Some(9.0)]).await;
    assert_eq!(running.states(), high(State::Firing));
    let told =
        running.store.read("read", |c| notify::list_alerts(c, &TenantId::default())).unwrap();
    let alert = &told[0].alert;
    assert_eq!(alert.labels["alertname"], "High");
    assert_eq!(
        (alert.labels["cluster"].as_str(), alert.labels["severity"].as_str()),
        ("c1", "page")
    );
    assert_eq!(alert.annotations["summary"], "a at 18");
    assert!(alert.generator_url.starts_with("http://here/graph?g0.expr=level%3Atwice"));
    running.restart();
    assert_eq!(running.states(), high(State::Firing));
    running.minutes(&[Some(1.0)]).await;
    assert_eq!(running.states(), high(State::Firing), "it keeps firing for a minute");
    running.minutes(&[Some(1.0), Some(1.0)]).await;
    assert_eq!(running.states(), high(State::Inactive));
    let now = running.fixture.clock.now();
    let told =
        running.store.read("read", |c| notify::list_alerts(c, &TenantId::default())).unwrap();
    assert!(told.iter().all(|told| told.alert.is_resolved(now)));
    let changes: Vec<(State, State)> =
        running.transitions().into_iter().map(|(_, from, to, _)| (from, to)).collect();
    use State::{Firing, Inactive, Pending};
    assert_eq!(changes, [(Inactive, Pending), (Pending, Firing), (Firing, Inactive)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_measured_holds_and_says_so() {
    let running = Running::new(RULES).await;
    running.minutes(&[Some(101.0)]).await;
    let firing = |running: &Running| {
        let of_rule = running.states().into_iter().filter(|(name, _)| name == "Measured");
        of_rule.map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(firing(&running), [State::Firing]);
    // Five minutes on, the last sample is too old to be seen: there is no level any more.
    running.minutes(&[None; 10]).await;
    assert_eq!(firing(&running), [State::Firing]);
    let state = running.rules.groups()[0].state();
    assert!(state.rules[2].alerts.values().all(|alert| alert.held_since.is_some()));
    running.minutes(&[Some(1.0)]).await;
    assert_eq!(firing(&running), [State::Inactive]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_went_while_nothing_ran_end_their_alerts() {
    let mut running = Running::new(RULES).await;
    running.minutes(&[Some(200.0), Some(200.0), Some(200.0)]).await;
    let path = running.fixture.parts.config.rule_files[0].clone();
    // Whether rules are gone cannot be told from a file that cannot be read.
    std::fs::write(&path, "groups: [").unwrap();
    running.restart();
    running.minutes(&[Some(200.0)]).await;
    assert_eq!(running.transitions().len(), 3);
    std::fs::write(&path, RULES.replace("Measured", "Other")).unwrap();
    running.restart();
    running.minutes(&[Some(200.0)]).await;
    let gone = running
        .transitions()
        .into_iter()
        .find(|(name, _, to, _)| name == "Measured" && *to == State::Inactive);
    assert_eq!(gone.map(|(_, from, _, _)| from), Some(State::Firing));
    let now = running.fixture.clock.now();
    let told =
        running.store.read("read", |c| notify::list_alerts(c, &TenantId::default())).unwrap();
    let over: Vec<&str> = told
        .iter()
        .filter(|told| told.alert.is_resolved(now))
        .map(|told| told.alert.labels["alertname"].as_str())
        .collect();
    assert_eq!(over, ["Measured"]);
    assert!(running.states().contains(&("High".to_owned(), State::Firing)));
}

/// Rules of every kind on three hosts, looking a minute back; some pass the limit at times.
const MANY_RULES: &str = r#"groups:
- name: many
  interval: 1m
  query_offset: 1m
  limit: 2
  rules:
  - {record: 'level:sum', expr: sum(level)}
  - {record: 'level:twice', expr: level * 2, labels: {kind: made}}
  - {alert: Any, expr: level > 100}
  - {alert: Held, expr: level > 100, for: 2m}
  - {alert: Kept, expr: level > 100, for: 1m, keep_firing_for: 3m}
  - {alert: Sum, expr: 'level:sum > 300', for: 1m, labels: {size: '{{ if gt $value 400.0 }}large{{ end }}'}}
  - {alert: Few, expr: 'level:twice > 350'}
  - {alert: Absent, expr: 'absent(level{host="c"})', for: 1m}
  - {alert: Meta, expr: 'count(ALERTS{alertname="Kept", alertstate="firing"}) > 1', keep_firing_for: 1m}
  - {alert: Judged, expr: 'level{host="a"} > 60', has_data: 'level{host="b"}', for: 1m}
  - {alert: Slow, expr: 'max_over_time(level[7m]) > 190', for: 3m}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn backtests_equal_live_evaluation_through_restarts_whatever_the_rules() {
    for seed in 1..=3_u64 {
        let mut random = seed;
        let mut next = move || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            random >> 40
        };
        let mut running = Running::new(MANY_RULES).await;
        let mut silent_until = [0; 3];
        for minute in 1..=80 {
            let now = START + minute * MINUTE;
            for (host, until) in ["a", "b", "c"].iter().zip(&mut silent_until) {
                if next() % 12 == 0 {
                    *until = minute + (next() % 9) as i64;
                }
                if *until <= minute {
                    let level = (next() % 20) as f64 * 10.0;
                    running
                        .fixture
                        .write(&[("__name__", "level"), ("host", host)], now - 90_000, level)
                        .await;
                }
            }
            running.fixture.set_now(now);
            running.rules.evaluate_due().await;
            if next() % 10 == 0 {
                running.restart();
            }
        }
        let live = running.transitions();
        let group = running.rules.groups()[0].group.clone();
        let range = (START + 1, START + 80 * MINUTE);
        let parts = &running.fixture.parts;
        let again = backtest(parts, &TenantId::default(), &group, range).await.unwrap();
        let names: HashSet<&str> = live.iter().map(|change| change.0.as_str()).collect();
        assert!(names.len() >= 8 && live.len() > 60, "seed {seed}: {names:?}");
        assert!(again.errors.iter().any(|(_, error, _)| error.contains("limit of 2")));
        assert_eq!(in_order(&group, again), sorted(live), "seed {seed}");
    }
}

type Change = (String, State, State, i64);

fn sorted(mut list: Vec<Change>) -> Vec<Change> {
    list.sort_by(|a, b| (a.3, &a.0).cmp(&(b.3, &b.0)));
    list
}

fn in_order(group: &Group, found: Backtest) -> Vec<Change> {
    let name = |rule: usize| group.rules[rule].name().to_owned();
    let changes = found.transitions.into_iter();
    sorted(changes.map(|(rule, c)| (name(rule), c.from, c.to, c.at)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_finds_what_happened() {
    let running = Running::new(RULES).await;
    let mut random = 12_345_u64;
    let levels: Vec<Option<f64>> = (0..60)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match random >> 60 {
                0 => None,
                high @ 1..10 => Some(high as f64 * 20.0),
                _ => Some(1.0),
            }
        })
        .collect();
    running.minutes(&levels).await;
    let live = running.transitions();
    assert!(live.len() > 10, "{live:?}");
    let group = running.rules.groups()[0].group.clone();
    let range = (START + 1, START + 60 * MINUTE);
    let parts = &running.fixture.parts;
    let again = backtest(parts, &TenantId::default(), &group, range).await.unwrap();
    assert_eq!((again.evaluations, again.errors.len()), (60, 0));
    assert_eq!(in_order(&group, again), sorted(live));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_stay_keep_their_alerts_and_those_that_go_end_them() {
    let running = Running::new(RULES).await;
    running.minutes(&[Some(200.0), Some(200.0), Some(200.0), Some(200.0)]).await;
    assert_eq!(running.states().len(), 2);
    let path = running.fixture.parts.config.rule_files[0].clone();
    let changed =
        RULES.replace("level:twice > 10", "level:twice > 11").replace("Measured", "Other");
    std::fs::write(&path, changed).unwrap();
    running.rules.reload().await.unwrap();
    assert_eq!(running.states(), high(State::Firing));
    let last = running.transitions().pop().unwrap();
    assert_eq!((last.0.as_str(), last.1, last.2), ("Measured", State::Firing, State::Inactive));
    std::fs::write(&path, "groups: [").unwrap();
    assert_eq!(running.rules.reload().await.unwrap_err().len(), 1);
    assert_eq!(running.states(), high(State::Firing));
}
