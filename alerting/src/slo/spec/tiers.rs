//! Which tiers an objective has: those of policies and annotations, as far as they mean anything.

use super::fields::{Field, Fields, Problems};
use super::policy;
use super::slo::ObjectiveSpec;
use crate::slo::{DEFAULT_TIERS, Policy, Tier};
use binnacle_storage::model::Timestamp;

/// The tiers of policies: those that say the same are one, and those that differ in their thresholds alone are refused.
pub(super) fn tiers_of(
    conditions: &[&policy::Condition],
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for tier in conditions.iter().map(|condition| condition.tier) {
        match tiers.iter().find(|known| known.has_windows_of(&tier)) {
            None => tiers.push(tier),
            Some(known) if *known == tier => {}
            Some(known) => {
                if let Some(field) = fields.find("alertPolicies") {
                    field.refuse(known.windows_twice(), problems);
                }
            }
        }
    }
    tiers
}

/// Refuses tiers that could never fire, and windows that mean nothing.
pub(super) fn check_tiers(policy: &Policy, item: &Field<'_>, problems: &mut Problems) {
    let period = policy.window.period(Timestamp(0)).seconds();
    let slice = policy.method.seconds();
    for tier in &policy.tiers {
        let problem = if tier.short_seconds >= tier.long_seconds {
            "its short window is to be shorter than its long one".to_owned()
        } else if tier.long_seconds > period {
            "its long window is longer than the compliance period".to_owned()
        } else if !tier.short_seconds.is_multiple_of(slice)
            || !tier.long_seconds.is_multiple_of(slice)
        {
            format!("its windows are to be multiples of {slice} s, in which is counted")
        } else if !policy.can_fire(tier, period) {
            let threshold = tier.threshold(period).as_f64();
            let most = 1.0 / (1.0 - policy.objective.as_f64());
            format!(
                "it can never fire: it waits for a burn rate of {threshold:.4}, and all failing burns {most:.4}"
            )
        } else {
            continue;
        };
        // The defaults are left out where they mean nothing; what somebody wrote is refused.
        if !DEFAULT_TIERS.contains(tier) {
            item.refuse(format!("tier '{tier}': {problem}"), problems);
        }
    }
}

impl ObjectiveSpec {
    /// Its tiers that can fire.
    pub fn live_policy(&self) -> Policy {
        let period = self.policy.window.period(Timestamp(0)).seconds();
        let slice = self.policy.method.seconds();
        let mut policy = self.policy.clone();
        policy.tiers.retain(|tier| {
            let fits = tier.long_seconds <= period && tier.short_seconds.is_multiple_of(slice);
            fits && self.policy.can_fire(tier, period)
        });
        policy
    }
}
