//! Guards against alarms that mean nothing because there is little traffic: at 10 requests an hour one failure is a burn rate
//! of 100.

use super::history::Count;
use super::objective::{Fraction, Objective};
use super::tier::Severity;

/// From so many events on the ratio speaks for itself, and asking for more certainty would only delay what is true.
const EVENTS_ENOUGH: u64 = 1000;

/// 95 % certainty, one-sided.
const Z: f64 = 1.645;

/// What must hold beside a burn rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// Fewest bad events in the long window.
    pub page_bad_min: u64,
    pub ticket_bad_min: u64,
    /// With few events the ratio must exceed the threshold with 95 % certainty.
    pub is_certain: bool,
}

impl Default for Guards {
    fn default() -> Guards {
        Guards { page_bad_min: 3, ticket_bad_min: 1, is_certain: true }
    }
}

impl Guards {
    /// None: a burn rate is enough.
    pub const OFF: Guards = Guards { page_bad_min: 0, ticket_bad_min: 0, is_certain: false };

    /// Whether `events` of the long window are enough to believe its burn rate.
    pub fn believe(
        &self,
        severity: Severity,
        events: Count,
        threshold: Fraction,
        objective: Objective,
    ) -> bool {
        let is_enough = events.total >= EVENTS_ENOUGH;
        events.bad() >= self.bad_min(severity)
            && (is_enough || self.is_above(wilson_lower(events), threshold, objective))
    }

    /// The same of a weighted composite, of which surely a share of `least` is bad.
    pub fn believe_share(
        &self,
        severity: Severity,
        events: Count,
        least: f64,
        threshold: Fraction,
        objective: Objective,
    ) -> bool {
        events.bad() >= self.bad_min(severity) && self.is_above(least, threshold, objective)
    }

    fn bad_min(&self, severity: Severity) -> u64 {
        match severity {
            Severity::Page => self.page_bad_min,
            Severity::Ticket => self.ticket_bad_min,
        }
    }

    fn is_above(&self, least: f64, threshold: Fraction, objective: Objective) -> bool {
        let limit = threshold.as_f64() * (1.0 - objective.as_f64());
        !self.is_certain || least > limit
    }
}

/// The share of bad events, or the least it surely is when there are few events.
pub fn least_share(events: Count) -> f64 {
    match events.total {
        EVENTS_ENOUGH.. => events.bad() as f64 / events.total as f64,
        _ => wilson_lower(events),
    }
}

/// The lower end of Wilson's score interval for the share of bad events.
pub fn wilson_lower(events: Count) -> f64 {
    if events.total == 0 {
        return 0.0;
    }
    let (n, share) = (events.total as f64, events.bad() as f64 / events.total as f64);
    let spread = (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((share + Z * Z / (2.0 * n) - Z * spread) / (1.0 + Z * Z / n)).max(0.0)
}

/// With so many events or fewer in the long window, one bad event alone reaches the threshold.
pub fn lone_event_trips_up_to(threshold: Fraction, objective: Objective) -> u64 {
    let budget = u128::from(objective.budget_parts()) * threshold.numerator();
    let events = u128::from(super::objective::BILLION) * threshold.denominator() / budget.max(1);
    u64::try_from(events).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tier::DEFAULT_TIERS;
    use super::*;

    const MONTH: u64 = 30 * 86_400;

    fn three_nines() -> Objective {
        Objective::new(999_000_000).unwrap()
    }

    #[test]
    fn one_failure_trips_a_plain_tier_below_so_many_events() {
        let up_to =
            DEFAULT_TIERS.map(|tier| lone_event_trips_up_to(tier.threshold(MONTH), three_nines()));
        assert_eq!(up_to, [69, 166, 333, 1000]);
    }

    #[test]
    fn the_interval_has_the_published_bounds() {
        let percent =
            |bad, total| (wilson_lower(Count::new(total - bad, total)) * 1e4).round() / 100.0;
        assert_eq!([percent(1, 69), percent(3, 69), percent(10, 500)], [0.32, 1.75, 1.2]);
        assert_eq!(wilson_lower(Count::default()), 0.0);
    }

    #[test]
    fn few_events_must_be_certain_and_many_speak_for_themselves() {
        let threshold = DEFAULT_TIERS[0].threshold(MONTH);
        let believes = |bad, total| {
            let events = Count::new(total - bad, total);
            Guards::default().believe(Severity::Page, events, threshold, three_nines())
        };
        assert!(!believes(1, 10), "one failure of ten requests");
        assert!(!believes(10, 500) && believes(3, 69) && believes(15, 1000));
        let off = Guards::OFF;
        assert!(off.believe(Severity::Page, Count::new(9, 10), threshold, three_nines()));
    }
}
