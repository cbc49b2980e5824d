//! The evaluator: from slices to budget, burn rates and what each alert sees.
//!
//! Status, graph, alert and backtest all come from here, so they cannot disagree. It is pure: the same slices at the same time
//! give the same answer, live or years later.

use super::alerts::alerts;
use super::data_state::{Absence, DataState, Evidence, data_state};
use super::exclusion::{Exclusion, overlap};
use super::guard::Guards;
use super::history::{Count, History, SLICE_SECONDS};
use super::latch::{Seen, Temper};
use super::method::{Counted, Method};
use super::objective::{BILLION, Fraction, Objective};
use super::tier::{Severity, Tier, Trigger, burns};
use super::window::{Period, Window};
use binnacle_storage::model::Timestamp;
use std::ops::Range;

/// The burn rate of this long tells when the budget will be spent.
pub(super) const FORECAST_SECONDS: u64 = 6 * 3_600;

/// An exhausted budget is announced this long before.
pub(super) const EXHAUSTION_SECONDS: u64 = 24 * 3_600;

/// Steps in which the future is looked at: those of the first day, about which somebody may be told, and those of all after.
const FORECAST_STEPS: u64 = 48;
const FORECAST_STEPS_LATER: u64 = 60;

/// What an SLO promises about one objective, and when to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub objective: Objective,
    pub method: Method,
    pub window: Window,
    pub tiers: Vec<Tier>,
    /// How long a tier's condition holds before it fires.
    pub hold_seconds: u64,
    pub guards: Guards,
    pub mode: Mode,
    pub no_traffic: Absence,
    pub no_telemetry: Absence,
    /// Times that do not count.
    pub exclusions: Vec<Exclusion>,
}

/// What a tier compares with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The burn rate of the window, whatever its traffic.
    #[default]
    Rate,
    /// The share of the whole period's budget that the window spent: quiet hours weigh less.
    Budget,
}

impl Policy {
    /// What burn rate a tier waits for in its windows. Where a share of the budget of the whole period's traffic is meant, it is
    /// the one at which the long window spends that share, so lower where much of the traffic is.
    fn threshold(&self, tier: &Tier, period: Period, whole: Count, long: Count) -> Fraction {
        let of_traffic = match (self.mode, tier.trigger) {
            (Mode::Budget, Trigger::BudgetShare(parts)) => {
                let spent = u128::from(parts) * u128::from(whole.total.max(long.total));
                Fraction::new(spent, 1_000_000 * u128::from(long.total))
            }
            _ => None,
        };
        of_traffic.unwrap_or_else(|| tier.threshold(period.seconds()))
    }

    /// Whether any error ratio makes a tier fire. By traffic one does wherever the window alone can spend the share.
    pub(super) fn can_fire(&self, tier: &Tier, period_seconds: u64) -> bool {
        match (self.mode, tier.trigger) {
            (Mode::Budget, Trigger::BudgetShare(parts)) => {
                let least = Fraction::new(u128::from(parts), 1_000_000);
                least.is_some_and(|least| burns(Count::new(0, 1), least, self.objective))
            }
            _ => tier.can_fire(self.objective, period_seconds),
        }
    }
}

/// What was counted, up to when, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// By the policy's method.
    pub counted: &'a Counted,
    /// The same slices as events, for the guards.
    pub events: &'a History,
    /// The events with those that are excluded, which are in neither of the two.
    pub all_events: &'a History,
    /// Slices that do not count, in order and apart.
    pub excluded: &'a [Range<i64>],
    pub now: Timestamp,
    /// Unix seconds up to which all slices are closed.
    pub watermark: i64,
    pub lag_seconds_max: u64,
    pub has_failed: bool,
    /// Unix seconds at which anything was last heard from those who send these events.
    pub last_heard: Option<i64>,
    /// Seconds of silence that are usual.
    pub silence_seconds_max: u64,
    /// Slices that were not measured, in order and apart: nobody was there to count.
    pub unmeasured: &'a [Range<i64>],
    /// Of one group: that it is silent is no alert.
    pub is_group: bool,
}

/// How an SLO stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub period: Period,
    /// Unix seconds up to which it is counted.
    pub until: i64,
    pub state: DataState,
    /// Of the period, in what the method counts.
    pub count: Count,
    pub events: Count,
    /// Events of the period that do not count, and the seconds of it that do not.
    pub excluded: Count,
    pub excluded_seconds: u64,
    /// Share that was good; `None` when nothing was counted.
    pub sli: Option<f64>,
    /// Shares of the budget, of which the second may be negative.
    pub consumed: Option<f64>,
    pub remaining: Option<f64>,
    /// What may still be bad of all that was counted so far; negative when it was more.
    pub remaining_count: f64,
    /// Of a calendar period counted by events: what its budget comes to if the traffic goes on like this.
    pub projected_budget: Option<f64>,
    /// Measured share of the period, in parts per million.
    pub coverage: u64,
    /// Seconds until the budget is spent at the present burn rate: as if nothing left the window, and with what leaves it.
    pub exhausted_in_static: Option<u64>,
    pub exhausted_in: Option<u64>,
    pub tiers: Vec<TierStatus>,
    pub alerts: Vec<AlertSeen>,
}

impl Status {
    /// Takes burn rates, and what the alerts of them see, from a status without what came late: that pages nobody.
    pub(super) fn burn_as(&mut self, prompt: Status) {
        self.tiers = prompt.tiers;
        for (alert, seen) in self.alerts.iter_mut().zip(prompt.alerts) {
            if matches!(alert.kind, AlertKind::BurnRate { .. }) && alert.kind == seen.kind {
                *alert = seen;
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TierStatus {
    pub tier: Tier,
    pub threshold: Fraction,
    pub can_fire: bool,
    pub state: DataState,
    pub long: Count,
    pub short: Count,
    pub long_burn: Option<f64>,
    pub short_burn: Option<f64>,
}

/// What one of the SLO's alerts saw.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSeen {
    pub kind: AlertKind,
    pub severity: Severity,
    pub seen: Seen,
    pub temper: Temper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// By its windows in seconds.
    BurnRate {
        long_seconds: u64,
        short_seconds: u64,
    },
    Exhaustion,
    NoTraffic,
    NoTelemetry,
}

impl AlertKind {
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::BurnRate { .. } => "burn_rate",
            AlertKind::Exhaustion => "exhaustion",
            AlertKind::NoTraffic => "no_traffic",
            AlertKind::NoTelemetry => "no_telemetry",
        }
    }

    /// Long and short window in seconds; 0 for those that have none.
    pub fn windows(self) -> (u64, u64) {
        match self {
            AlertKind::BurnRate { long_seconds, short_seconds } => (long_seconds, short_seconds),
            _ => (0, 0),
        }
    }

    pub fn from_parts(name: &str, long_seconds: u64, short_seconds: u64) -> Option<AlertKind> {
        match name {
            "burn_rate" => Some(AlertKind::BurnRate { long_seconds, short_seconds }),
            "exhaustion" => Some(AlertKind::Exhaustion),
            "no_traffic" => Some(AlertKind::NoTraffic),
            "no_telemetry" => Some(AlertKind::NoTelemetry),
            _ => None,
        }
    }
}

/// Error ratio ÷ error budget; `None` when nothing was counted.
pub fn burn_rate(count: Count, objective: Objective) -> Option<f64> {
    let budget = count.total as f64 * objective.budget_parts() as f64;
    (count.total > 0).then(|| count.bad() as f64 * BILLION as f64 / budget)
}

pub fn evaluate(policy: &Policy, facts: &Facts<'_>) -> Status {
    let until = end_of_counting(policy, facts.watermark);
    let period = period_at(policy, until);
    let range = slices(period.start, until.min(period.end));
    let (count, events) = (facts.counted.sum(range.clone()), facts.events.sum(range.clone()));
    let all = facts.all_events.sum(range.clone());
    let consumed = consumed(policy, period, count);
    let remaining = consumed.map(|consumed| 1.0 - consumed);
    let tier = |tier: &Tier| tier_status(policy, facts, (period, count), until, *tier);
    let tiers: Vec<TierStatus> = policy.tiers.iter().map(tier).collect();
    let recent = recent(policy);
    let state = state_of(facts, until, recent);
    let mut status = Status {
        period,
        until,
        state,
        count,
        events,
        excluded: Count {
            good: all.good.saturating_sub(events.good),
            total: all.total.saturating_sub(events.total),
        },
        excluded_seconds: (overlap(facts.excluded, &range) * SLICE_SECONDS).unsigned_abs(),
        sli: (count.total > 0).then(|| count.good as f64 / count.total as f64),
        consumed,
        remaining,
        remaining_count: budget_of(policy, period, count.total) - count.bad() as f64,
        projected_budget: projected_budget(policy, period, until, count),
        coverage: covered(facts, range),
        exhausted_in_static: None,
        exhausted_in: None,
        tiers,
        alerts: Vec::new(),
    };
    let now = facts.counted.sum(slices(until - FORECAST_SECONDS as i64, until));
    status.exhausted_in_static = exhausted_static(policy, period, remaining, now);
    status.exhausted_in = exhausted(policy, facts, period, until, now, remaining);
    status.alerts = alerts(policy, facts, &status);
    status
}

/// Whole slices of the method that are closed.
pub(super) fn end_of_counting(policy: &Policy, watermark: i64) -> i64 {
    let width = (policy.method.seconds() as i64).max(SLICE_SECONDS);
    watermark.div_euclid(width) * width
}

/// The period that is under way when it is counted up to `until`.
pub(super) fn period_at(policy: &Policy, until: i64) -> Period {
    match policy.window {
        Window::Rolling { seconds } => Period { start: until - seconds as i64, end: until },
        Window::Calendar(_) => {
            policy.window.period(Timestamp((until - 1).saturating_mul(1_000_000_000)))
        }
    }
}

/// Slice numbers of `[from, to)` in Unix seconds: those that begin in it.
pub(super) fn slices(from: i64, to: i64) -> Range<i64> {
    let up = |at: i64| at.saturating_add(SLICE_SECONDS - 1).div_euclid(SLICE_SECONDS);
    up(from)..up(to)
}

/// What may be bad of `total` counted in the period.
fn budget_of(policy: &Policy, period: Period, total: u64) -> f64 {
    let share = policy.objective.budget_parts() as f64 / BILLION as f64;
    share * whole_of(policy, period, total) as f64
}

/// Of what the budget is a share: for slices of time in a calendar period all that the period has, else what was counted.
fn whole_of(policy: &Policy, period: Period, total: u64) -> u64 {
    match policy.method {
        _ if policy.window.is_rolling() => total,
        Method::Occurrences => total,
        Method::Timeslices(goal) => period.seconds() / goal.seconds.max(1),
        Method::RatioTimeslices { seconds } => {
            (period.seconds() / seconds.max(1)).saturating_mul(super::method::WHOLE)
        }
    }
}

fn consumed(policy: &Policy, period: Period, count: Count) -> Option<f64> {
    let whole = whole_of(policy, period, count.total);
    if count.total == 0 {
        return None;
    }
    let of = Count { good: whole.saturating_sub(count.bad()), total: whole.max(count.bad()) };
    burn_rate(of, policy.objective)
}

fn projected_budget(policy: &Policy, period: Period, until: i64, count: Count) -> Option<f64> {
    if policy.window.is_rolling() || policy.method.counts_time() || until <= period.start {
        return None;
    }
    let passed = (until - period.start) as f64;
    let share = policy.objective.budget_parts() as f64 / BILLION as f64;
    Some(share * count.total as f64 * period.seconds() as f64 / passed)
}

fn tier_status(
    policy: &Policy,
    facts: &Facts<'_>,
    (period, whole): (Period, Count),
    until: i64,
    tier: Tier,
) -> TierStatus {
    let within = |seconds: u64| slices(until - seconds as i64, until);
    let sum = |seconds: u64| facts.counted.sum(within(seconds));
    let (long, short) = (sum(tier.long_seconds), sum(tier.short_seconds));
    // The better of the two windows' states would hide what the worse one lacks.
    let state =
        state_of(facts, until, tier.short_seconds).min(state_of(facts, until, tier.long_seconds));
    TierStatus {
        tier,
        threshold: policy.threshold(&tier, period, whole, long),
        can_fire: policy.can_fire(&tier, period.seconds()),
        state,
        long,
        short,
        long_burn: burn_rate(long, policy.objective),
        short_burn: burn_rate(short, policy.objective),
    }
}

/// The shortest long window: what "now" means for the SLO as a whole.
fn recent(policy: &Policy) -> u64 {
    policy.tiers.iter().map(|tier| tier.long_seconds).min().unwrap_or(3_600)
}

fn state_of(facts: &Facts<'_>, until: i64, seconds: u64) -> DataState {
    let now = facts.now.0.div_euclid(1_000_000_000);
    let silent = facts.last_heard.map_or(i64::MAX, |heard| until.saturating_sub(heard));
    let range = slices(until - seconds as i64, until);
    data_state(&Evidence {
        has_failed: facts.has_failed,
        lag_seconds: u64::try_from(now.saturating_sub(facts.watermark)).unwrap_or(0),
        lag_seconds_max: facts.lag_seconds_max,
        is_silent: silent > i64::try_from(facts.silence_seconds_max).unwrap_or(i64::MAX),
        coverage: covered(facts, range.clone()),
        // A composite may be unknown although some of its members had events.
        total: facts.events.sum(range.clone()).total.min(facts.counted.sum(range).total),
    })
}

/// Measured share of what counts of a range of slices, in parts per million.
fn covered(facts: &Facts<'_>, range: Range<i64>) -> u64 {
    if facts.excluded.is_empty() {
        return coverage(facts.unmeasured, range);
    }
    let counts = range.end - range.start - overlap(facts.excluded, &range);
    let within = |gap: &Range<i64>| {
        let gap = gap.start.max(range.start)..gap.end.min(range.end);
        (gap.end - gap.start - overlap(facts.excluded, &gap)).max(0)
    };
    let gaps = facts.unmeasured.iter().filter(|gap| gap.start < range.end && range.start < gap.end);
    let missing: i64 = gaps.map(within).sum();
    let gap = 0..missing.min(counts);
    coverage(std::slice::from_ref(&gap), 0..counts.max(0))
}

/// Measured share of a range of slices, in parts per million.
pub fn coverage(unmeasured: &[Range<i64>], range: Range<i64>) -> u64 {
    let length =
        |range: &Range<i64>| u128::from(range.end.saturating_sub(range.start).max(0) as u64);
    let all = length(&range);
    let overlap = |gap: &Range<i64>| length(&(gap.start.max(range.start)..gap.end.min(range.end)));
    let missing: u128 = unmeasured.iter().map(overlap).sum();
    let measured = (all - missing.min(all)) * 1_000_000;
    measured.checked_div(all).map_or(1_000_000, |share| share as u64)
}

fn exhausted_static(
    policy: &Policy,
    period: Period,
    remaining: Option<f64>,
    now: Count,
) -> Option<u64> {
    let (remaining, burn) = (remaining?, burn_rate(now, policy.objective)?);
    if remaining <= 0.0 {
        return Some(0);
    }
    let seconds = remaining * period.seconds() as f64 / burn;
    seconds.is_finite().then_some(seconds as u64)
}

/// Looks ahead step by step: the window moves on, what is old leaves it, and what comes is as bad as of late.
fn exhausted(
    policy: &Policy,
    facts: &Facts<'_>,
    period: Period,
    until: i64,
    now: Count,
    remaining: Option<f64>,
) -> Option<u64> {
    if remaining? <= 0.0 {
        return Some(0);
    }
    if now.bad() == 0 {
        return None;
    }
    let share = |of: u64, ahead: u64| {
        (u128::from(of) * u128::from(ahead) / u128::from(FORECAST_SECONDS)) as u64
    };
    for ahead in forecast_steps(period.seconds()) {
        let at = until + ahead as i64;
        if !policy.window.is_rolling() && at >= period.end {
            return None;
        }
        let start = match policy.window.is_rolling() {
            true if is_forecast_by_hours(policy) => {
                let hour = (at - period.seconds() as i64).div_euclid(3_600) * 3_600;
                hour.max(period.start)
            }
            true => at - period.seconds() as i64,
            false => period.start,
        };
        let past = facts.counted.sum(slices(start, until.max(start)));
        let ahead_in = ahead.min(period.seconds());
        let coming = Count {
            good: share(now.good, ahead_in),
            total: share(now.good, ahead_in) + share(now.bad(), ahead_in),
        };
        if consumed(policy, period, past.plus(coming)).is_some_and(|consumed| consumed >= 1.0) {
            return Some(ahead);
        }
    }
    None
}

/// Of a long period whole hours leave it: the forecast is none the worse, and their slices need not be looked at.
pub(super) fn is_forecast_by_hours(policy: &Policy) -> bool {
    match policy.window {
        Window::Rolling { seconds } => seconds > EXHAUSTION_SECONDS,
        Window::Calendar(_) => true,
    }
}

/// Seconds ahead, up to a whole period.
fn forecast_steps(period: u64) -> impl Iterator<Item = u64> {
    let soon = period.min(EXHAUSTION_SECONDS);
    let later = period - soon;
    let first = (1..=FORECAST_STEPS).map(move |step| soon * step / FORECAST_STEPS);
    let rest =
        (1..=FORECAST_STEPS_LATER).map(move |step| soon + later * step / FORECAST_STEPS_LATER);
    first.chain(rest.filter(move |_| later > 0))
}
