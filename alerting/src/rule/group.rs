//! One evaluation of a group: its rules one after the other, each seeing what the ones before it wrote.

use super::evaluate::{Around, Health, RuleState, evaluate};
use super::file::Group;
use super::state::Transition;
use crate::SeriesSink;
use binnacle_query::promql::labels::Labels;
use binnacle_storage::model::TenantId;
use std::time::Instant;

/// What a group remembers from one evaluation to the next.
#[derive(Debug, Clone, Default)]
pub struct GroupState {
    /// One for each rule.
    pub rules: Vec<RuleState>,
    /// Unix milliseconds.
    pub last_evaluation: Option<i64>,
    pub evaluation_seconds: f64,
}

impl GroupState {
    pub fn of(group: &Group) -> GroupState {
        GroupState { rules: vec![RuleState::default(); group.rules.len()], ..GroupState::default() }
    }
}

/// When a group's evaluations are due: at times that lie its own offset after the multiples of its interval, so that the
/// groups of a server spread over time and yet keep theirs across restarts. Prometheus 3 computes the same offset.
pub fn tick_before(group: &Group, interval: i64, now: i64) -> i64 {
    let identity = Labels::new([("name", group.name.as_str()), ("file", group.file.as_str())]);
    let nanoseconds = interval.saturating_mul(1_000_000).max(1);
    let offset = (identity.hash64() % nanoseconds.unsigned_abs()) as i64;
    let now = now.saturating_mul(1_000_000);
    let tick = now - (now - offset).rem_euclid(nanoseconds);
    tick.div_euclid(1_000_000)
}

/// Transitions by the place of their rule in the group.
pub type Changes = Vec<(usize, Transition)>;

/// Evaluates every rule at a time and writes what it makes.
pub async fn evaluate_group(
    group: &Group,
    state: &mut GroupState,
    tenant: &TenantId,
    sink: &dyn SeriesSink,
    around: &Around<'_>,
    at: i64,
) -> Changes {
    let mut changes = Changes::new();
    let started = Instant::now();
    for (index, rule) in group.rules.iter().enumerate() {
        let began = Instant::now();
        let Some(own) = state.rules.get_mut(index) else { continue };
        let result = match evaluate(rule, own, around, at).await {
            Ok(outcome) => {
                changes.extend(outcome.transitions.into_iter().map(|change| (index, change)));
                sink.write(tenant, outcome.samples).await.map(|()| outcome.lacks)
            }
            Err(reason) => Err(reason),
        };
        own.last_evaluation = Some(at);
        own.evaluation_seconds = began.elapsed().as_secs_f64();
        (own.health, own.last_error) = match result {
            Ok(lacks) => (Health::Good, lacks),
            Err(reason) => (Health::Bad, Some(reason)),
        };
    }
    state.last_evaluation = Some(at);
    state.evaluation_seconds = started.elapsed().as_secs_f64();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::file::{Reading, parse};

    #[test]
    fn ticks_are_an_offset_after_the_multiples_of_the_interval() {
        let groups = parse(
            "/r.yml",
            "groups:\n- {name: a, rules: []}\n- {name: b, rules: []}",
            Reading::default(),
        );
        let groups = groups.unwrap();
        let ticks: Vec<i64> =
            groups.iter().map(|group| tick_before(group, 60_000, 1_700_000_000_000)).collect();
        for (group, tick) in groups.iter().zip(&ticks) {
            assert!((1_700_000_000_000 - 60_000..=1_700_000_000_000).contains(tick));
            assert_eq!(tick_before(group, 60_000, *tick + 59_999), *tick);
            assert_eq!(tick_before(group, 60_000, *tick + 60_001), *tick + 60_000);
        }
        assert_ne!(ticks[0] % 60_000, ticks[1] % 60_000);
    }
}
