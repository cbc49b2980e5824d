//! Figures of a period in time: how often a service failed, how long that took, and how much time of the budget is left.
//!
//! A slice of time (that of the method, or a minute) is *down* if less of it was good than the objective asks for, and *up* otherwise. A
//! failure lasts from the first slice that is down to the next one that is up. Slices without events are neither: they begin
//! and end no failure.

use super::composite::Material;
use super::evaluate::{Policy, Status, slices};
use super::history::{Count, SLICE_SECONDS};
use super::objective::{BILLION, Objective};

/// Slices of time where events are counted.
const MINUTE: u64 = 60;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Those that were under way when the period began are among them.
    pub failures: u64,
    /// Unix seconds, of one that is not over.
    pub failing_since: Option<i64>,
    pub up_seconds: u64,
    pub down_seconds: u64,
    /// Mean time to restore, of failures that are over.
    pub mttr_seconds: Option<f64>,
    /// Mean time up between failures.
    pub mtbf_seconds: Option<f64>,
    /// Share of the time that was up.
    pub availability: Option<f64>,
    /// Of that share, and of what the method counts; nothing where none is bad.
    pub nines: Option<f64>,
    pub sli_nines: Option<f64>,
    /// Time of a whole period that may be bad, and what is left of it at the share that was bad so far.
    pub budget_seconds: f64,
    pub remaining_seconds: Option<f64>,
}

/// How many nines a share has: 3 for 99.9 %, in parts between.
pub fn nines(share: f64) -> Option<f64> {
    (share < 1.0).then(|| -(1.0 - share).log10())
}

/// Of the period of a status.
pub fn figures(policy: &Policy, material: &Material, status: &Status) -> Figures {
    let seconds = if policy.method.counts_time() { policy.method.seconds() } else { MINUTE };
    let width = (seconds as i64 / SLICE_SECONDS).max(1);
    let range = slices(status.period.start, status.until.min(status.period.end));
    let mut last = None;
    let times = material.events().slices(range).filter_map(|(at, _)| {
        let at = at.div_euclid(width) * width;
        (last.replace(at) != Some(at)).then_some(at)
    });
    let slices = times.map(|at| (at * SLICE_SECONDS, material.counted().sum(at..at + width)));
    let mut figures = of_slices(slices, seconds, policy.objective);
    let period = status.period.seconds() as f64;
    figures.budget_seconds = policy.objective.budget_parts() as f64 / BILLION as f64 * period;
    figures.remaining_seconds = status.remaining.map(|left| left * figures.budget_seconds);
    figures.sli_nines = status.sli.and_then(nines);
    figures
}

/// Of slices of time in order, each with the time in Unix seconds at which it begins.
fn of_slices(
    slices: impl Iterator<Item = (i64, Count)>,
    seconds: u64,
    objective: Objective,
) -> Figures {
    let mut figures = Figures::default();
    let (mut restored, mut restoring) = (0u64, 0u64);
    for (at, count) in slices.filter(|(_, count)| count.total > 0) {
        let good = u128::from(count.good) * u128::from(BILLION);
        let is_up = good >= u128::from(objective.parts()) * u128::from(count.total);
        match (is_up, figures.failing_since) {
            (true, Some(since)) => {
                restored += 1;
                restoring += at.abs_diff(since);
                figures.failing_since = None;
            }
            (false, None) => {
                figures.failures += 1;
                figures.failing_since = Some(at);
            }
            _ => {}
        }
        *(if is_up { &mut figures.up_seconds } else { &mut figures.down_seconds }) += seconds;
    }
    let mean = |sum: u64, of: u64| (of > 0).then(|| sum as f64 / of as f64);
    figures.mttr_seconds = mean(restoring, restored);
    figures.mtbf_seconds = mean(figures.up_seconds, figures.failures);
    figures.availability = mean(figures.up_seconds, figures.up_seconds + figures.down_seconds);
    figures.nines = figures.availability.and_then(nines);
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: u64 = 900_000_000;

    fn of(slices: &[(i64, u64, u64)]) -> Figures {
        let slices = slices.iter().map(|(at, good, total)| (*at, Count::new(*good, *total)));
        of_slices(slices, 60, Objective::new(OBJECTIVE).unwrap())
    }

    #[test]
    fn a_failure_lasts_until_it_is_measured_to_be_over() {
        let figures = of(&[
            (0, 10, 10),
            (60, 8, 10),
            (120, 0, 1),
            // Two minutes without events.
            (300, 9, 10),
            (360, 0, 3),
            (420, 3, 3),
            (480, 0, 1),
        ]);
        assert_eq!((figures.failures, figures.failing_since), (3, Some(480)));
        assert_eq!((figures.up_seconds, figures.down_seconds), (180, 240));
        assert_eq!(figures.mttr_seconds, Some((240.0 + 60.0) / 2.0));
        assert_eq!(figures.mtbf_seconds, Some(60.0));
        assert_eq!(figures.availability, Some(180.0 / 420.0));
    }

    #[test]
    fn without_failures_there_are_no_means() {
        let figures = of(&[(0, 10, 10), (60, 9, 10)]);
        assert_eq!((figures.mttr_seconds, figures.mtbf_seconds), (None, None));
        assert_eq!((figures.availability, figures.nines), (Some(1.0), None));
        assert_eq!(of(&[]), Figures::default());
    }

    #[test]
    fn nines_are_counted() {
        for (share, expected) in [(0.9, 1.0), (0.999, 3.0), (0.9995, 3.301)] {
            let found = nines(share).unwrap();
            assert!((found - expected).abs() < 0.001, "{share}: {found}");
        }
        assert_eq!(nines(1.0), None);
    }
}
