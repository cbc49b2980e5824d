//! Tiers: when a burn rate is worth telling somebody.
//!
//! A tier has a long and a short window, and fires while the burn rate over both is at least its threshold: the long one so
//! that enough budget is at stake, the short one so that it is still going on. The threshold follows from the share of the budget
//! that may be spent until it fires: share × period ÷ long window. It is exact, and is not copied from a table, so it is right
//! for every period.

use super::history::Count;
use super::objective::{BILLION, Fraction, Objective, at_least};
use std::fmt;

/// How urgent a tier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Ticket,
    Page,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ticket => "ticket",
            Severity::Page => "page",
        }
    }
}

/// What a tier waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// So many parts per million of the period's budget, spent at a steady rate over the long window.
    BudgetShare(u64),
    /// A burn rate, in parts per 10⁹.
    BurnRate(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    pub severity: Severity,
    pub long_seconds: u64,
    pub short_seconds: u64,
    pub trigger: Trigger,
}

const fn tier(severity: Severity, long: u64, short: u64, percent: u64) -> Tier {
    let trigger = Trigger::BudgetShare(percent * 10_000);
    Tier { severity, long_seconds: long, short_seconds: short, trigger }
}

/// For those who name none.
pub const DEFAULT_TIERS: [Tier; 4] = [
    tier(Severity::Page, 3_600, 300, 2),
    tier(Severity::Page, 6 * 3_600, 1_800, 5),
    tier(Severity::Ticket, 24 * 3_600, 2 * 3_600, 10),
    tier(Severity::Ticket, 72 * 3_600, 6 * 3_600, 10),
];

impl Tier {
    /// Whether its alert could not be told from that of the other.
    pub fn has_windows_of(&self, other: &Tier) -> bool {
        (self.long_seconds, self.short_seconds) == (other.long_seconds, other.short_seconds)
    }

    /// Why a second tier of the same windows is refused.
    pub(super) fn windows_twice(&self) -> String {
        let (long, short) = (span(self.long_seconds), span(self.short_seconds));
        format!("has two tiers of the windows {long}/{short}, by which alerts are told apart")
    }

    /// The burn rate it waits for, with a period of so many seconds.
    pub fn threshold(&self, period_seconds: u64) -> Fraction {
        let fraction = match self.trigger {
            Trigger::BudgetShare(parts) => {
                let spent = u128::from(parts) * u128::from(period_seconds);
                Fraction::new(spent, 1_000_000 * u128::from(self.long_seconds.max(1)))
            }
            Trigger::BurnRate(parts) => Fraction::new(u128::from(parts), u128::from(BILLION)),
        };
        fraction.expect("both denominators are constants times at least 1")
    }

    /// Whether any error ratio reaches the threshold: all events failing is a burn rate of 1 ÷ budget.
    pub fn can_fire(&self, objective: Objective, period_seconds: u64) -> bool {
        let all_failed = Count::new(0, 1);
        burns(all_failed, self.threshold(period_seconds), objective)
    }
}

/// As `page 1h/5m`.
impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (long, short) = (span(self.long_seconds), span(self.short_seconds));
        write!(f, "{} {long}/{short}", self.severity.name())
    }
}

/// A length in its largest whole unit: `90m`, `6h`, `3d`.
pub fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// Whether the burn rate of `count` is at least `threshold`. Nothing counted burns nothing.
pub fn burns(count: Count, threshold: Fraction, objective: Objective) -> bool {
    let bad = [u128::from(count.bad()), u128::from(BILLION), threshold.denominator()];
    let budget = u128::from(objective.budget_parts());
    count.total > 0 && at_least(bad, [threshold.numerator(), u128::from(count.total), budget])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(parts: u64) -> Objective {
        Objective::new(parts).unwrap()
    }

    #[test]
    fn thresholds_follow_from_share_period_and_window() {
        let thresholds =
            |days: u64| DEFAULT_TIERS.map(|tier| tier.threshold(days * 86_400).as_f64());
        assert_eq!(thresholds(30), [14.4, 6.0, 3.0, 1.0]);
        let four_weeks = [13.44, 5.6, 2.8, 2.8 / 3.0];
        thresholds(28).iter().zip(four_weeks).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
    }

    #[test]
    fn a_threshold_above_one_over_the_budget_never_fires() {
        let month = 30 * 86_400;
        let can = |tier: usize, parts| DEFAULT_TIERS[tier].can_fire(objective(parts), month);
        // 14.4 needs a budget of at most 1/14.4 = 6.94 %.
        assert!(can(0, 930_555_556) && !can(0, 930_555_555));
        // 6 needs at most 1/6.
        assert!(can(1, 833_333_334) && !can(1, 833_333_333));
        assert!(can(3, 1));
    }

    #[test]
    fn a_burn_rate_at_the_threshold_fires_and_one_event_less_does_not() {
        let threshold = DEFAULT_TIERS[0].threshold(30 * 86_400);
        let at =
            |bad, total| burns(Count::new(total - bad, total), threshold, objective(999_990_000));
        // 14.4 × 0.001 % = 0.0144 %
        assert!(at(144, 1_000_000) && !at(143, 1_000_000));
        assert!(at(144_000_000_000, 1_000_000_000_000_000));
        assert!(!at(143_999_999_999, 1_000_000_000_000_000));
        assert!(!at(0, 0));
    }

    #[test]
    fn windows_read_as_people_say_them() {
        assert_eq!(DEFAULT_TIERS[3].to_string(), "ticket 3d/6h");
        assert_eq!([span(90), span(5_400), span(0)], ["90s", "90m", "0s"]);
    }
}
