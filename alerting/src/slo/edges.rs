//! Edges: the hours into which an evaluation looks, since a window of it begins or ends there. Of all others the sums are enough.

use super::evaluate::{FORECAST_SECONDS, Policy, end_of_counting, is_forecast_by_hours, period_at};
use super::exclusion::excluded;
use super::history::{SLICE_SECONDS, hour_of};
use std::collections::BTreeSet;

/// The last hours are looked into by short windows, and late events change them.
const LAST_HOURS: i64 = 8;

const DAY: i64 = 86_400;

/// Hours of which slices are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edges {
    /// Those from one on, and some before.
    Some {
        from: i64,
        earlier: BTreeSet<i64>,
    },
    All,
}

impl Edges {
    /// Of an evaluation of these policies.
    pub fn of(policies: &[Policy], watermark: i64) -> Edges {
        let mut earlier = BTreeSet::new();
        let mut from = i64::MAX;
        for policy in policies {
            // A slice of time that lies in two hours is judged by both, and a forecast of short periods looks everywhere.
            if 3_600 % policy.method.seconds().max(1) != 0 || !is_forecast_by_hours(policy) {
                return Edges::All;
            }
            let until = end_of_counting(policy, watermark);
            let hours = edges(policy, until).into_iter().map(|edge| {
                hour_of(edge.saturating_add(SLICE_SECONDS - 1).div_euclid(SLICE_SECONDS))
            });
            earlier.extend(hours);
            from = from.min(hour_of(until / SLICE_SECONDS) - LAST_HOURS);
        }
        earlier.retain(|hour| *hour < from);
        Edges::Some { from, earlier }
    }

    pub fn has(&self, hour: i64) -> bool {
        match self {
            Edges::Some { from, earlier } => hour >= *from || earlier.contains(&hour),
            Edges::All => true,
        }
    }
}

/// Unix seconds at which windows begin or end.
fn edges(policy: &Policy, until: i64) -> Vec<i64> {
    let period = period_at(policy, until);
    let back = |seconds: u64| until.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
    let tiers = policy.tiers.iter().flat_map(|tier| [tier.long_seconds, tier.short_seconds]);
    let mut edges: Vec<i64> = tiers.chain([FORECAST_SECONDS]).map(back).collect();
    let oldest = edges.iter().copied().min().unwrap_or(until).min(period.start);
    // A forecast looks at what is to leave the period by hours, so at none of their insides.
    edges.extend([until, period.start, period.end]);
    for range in excluded(&policy.exclusions, policy.method, oldest - DAY..until) {
        edges.extend([range.start, range.end].map(|slice| slice * SLICE_SECONDS));
    }
    edges
}

#[cfg(test)]
#[path = "edges_tests.rs"]
mod tests;
