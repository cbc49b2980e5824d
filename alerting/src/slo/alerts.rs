//! What each of an SLO's alerts sees: burn rates in both windows, a budget that runs out, events or telemetry that stay away.

use super::data_state::{Absence, DataState};
use super::evaluate::{
    AlertKind, AlertSeen, EXHAUSTION_SECONDS, FORECAST_SECONDS, Facts, Policy, Status, TierStatus,
    slices,
};
use super::exclusion::overlap;
use super::guard::least_share;
use super::history::{Count, History, SLICE_SECONDS};
use super::latch::{Seen, Temper};
use super::tier::{Severity, Tier, burns};

/// Without an event for so long at least, in a service that had some in most hours of the day before, somebody is told.
const NO_TRAFFIC_SECONDS: u64 = 3_600;
const NO_TELEMETRY_SECONDS: u64 = 600;

/// Bad events before a spent budget is worth a ticket: of ten events one bad one spends a thousand budgets.
const EXHAUSTION_BAD_MIN: u64 = 3;

pub(super) fn alerts(policy: &Policy, facts: &Facts<'_>, status: &Status) -> Vec<AlertSeen> {
    let mut alerts: Vec<AlertSeen> =
        status.tiers.iter().map(|tier| burn_alert(policy, facts, status, tier)).collect();
    alerts.push(exhaustion_alert(policy, status));
    if !facts.is_group {
        alerts.extend(absence_alerts(facts, status));
    }
    for alert in alerts.iter_mut().filter(|_| !facts.excluded.is_empty()) {
        alert.seen = silenced(facts, status.until, alert);
    }
    alerts
}

/// What lies wholly in excluded time is over, and of what lies there in part nobody says that it is missing.
fn silenced(facts: &Facts<'_>, until: i64, alert: &AlertSeen) -> Seen {
    let window = slices(until - alert.temper.short_seconds as i64, until);
    let excluded = overlap(facts.excluded, &window);
    let is_missing = matches!(alert.kind, AlertKind::NoTraffic | AlertKind::NoTelemetry);
    if excluded >= window.end - window.start {
        Seen::Cool { is_over: true }
    } else if excluded > 0 && is_missing {
        Seen::Unmeasured
    } else {
        alert.seen
    }
}

fn burn_alert(policy: &Policy, facts: &Facts<'_>, status: &Status, tier: &TierStatus) -> AlertSeen {
    let Tier { severity, long_seconds, short_seconds, .. } = tier.tier;
    let is_hot = |count: Count| burns(count, tier.threshold, policy.objective);
    let long = slices(status.until - long_seconds as i64, status.until);
    let events = facts.events.sum(long.clone());
    let measured = || match (is_hot(tier.long), is_hot(tier.short)) {
        (true, true) => {
            let (guards, threshold, objective) = (policy.guards, tier.threshold, policy.objective);
            let believe = if facts.counted.is_weighted() {
                let least = facts.counted.bound(&long, least_share);
                guards.believe_share(severity, events, least, threshold, objective)
            } else {
                guards.believe(severity, events, threshold, objective)
            };
            Seen::Hot { is_believed: believe || policy.method.counts_time() && events.bad() > 0 }
        }
        (true, false) => Seen::Cool { is_over: false },
        (false, is_short_hot) => Seen::Cool { is_over: !is_short_hot },
    };
    let absent = |absence: Absence| match absence {
        Absence::Hold => Seen::Unmeasured,
        Absence::Good => Seen::Cool { is_over: false },
        Absence::Bad => Seen::Hot { is_believed: true },
    };
    let seen = match tier.state {
        DataState::Measured => measured(),
        DataState::NoTraffic => absent(policy.no_traffic),
        DataState::NoTelemetry => absent(policy.no_telemetry),
        DataState::QueryError | DataState::Stale | DataState::LowCoverage => Seen::Unmeasured,
    };
    let kind = AlertKind::BurnRate { long_seconds, short_seconds };
    let temper = Temper { hold_seconds: policy.hold_seconds, short_seconds };
    AlertSeen { kind, severity, seen, temper }
}

fn exhaustion_alert(policy: &Policy, status: &Status) -> AlertSeen {
    let is_hot = status.exhausted_in.is_some_and(|seconds| seconds < EXHAUSTION_SECONDS);
    let is_believed = status.events.bad() >= EXHAUSTION_BAD_MIN || !policy.guards.is_certain;
    let seen = match status.state {
        DataState::Measured if is_hot => Seen::Hot { is_believed },
        DataState::Measured => Seen::Cool { is_over: true },
        _ => Seen::Unmeasured,
    };
    let temper = Temper { hold_seconds: 0, short_seconds: FORECAST_SECONDS };
    AlertSeen { kind: AlertKind::Exhaustion, severity: Severity::Ticket, seen, temper }
}

/// Whether events stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    No,
    /// Of a service that has an event now and then.
    Usual,
    /// Neither chance nor the day before let expect it.
    Unlike,
}

/// Looks from the slice `end` back to the last event, and over the day before that: there were events in nearly every hour, one or
/// none of a thousand such days has so long a silence by chance, and nor was there one half as long on that day.
fn quiet(events: &History, end: i64) -> Quiet {
    const DAY: i64 = 86_400 / SLICE_SECONDS;
    const HOUR: i64 = 3_600 / SLICE_SECONDS;
    let least = NO_TRAFFIC_SECONDS as i64 / SLICE_SECONDS;
    if events.sum(end - least..end).total > 0 {
        return Quiet::No;
    }
    let Some((last, _)) = events.slices(end - 3 * DAY..end).last() else { return Quiet::Usual };
    let day = last + 1 - DAY..last + 1;
    let (mut slices, mut before, mut longest, mut hours) = (0i64, day.start, 0, [false; 24]);
    for (at, _) in events.slices(day.clone()) {
        slices += 1;
        longest = longest.max(at - before);
        before = at + 1;
        hours[((at - day.start) / HOUR).clamp(0, 23) as usize] = true;
    }
    let by_chance = DAY as f64 / slices as f64 * (1_000.0 * slices as f64).ln();
    let silence = end - last - 1;
    let is_unlike = silence >= least && silence as f64 >= by_chance && silence >= 2 * longest;
    match is_unlike && hours.iter().filter(|is_busy| **is_busy).count() >= 22 {
        true => Quiet::Unlike,
        false => Quiet::Usual,
    }
}

/// Silence is told of apart, as soon as it is there: the burn rates hold meanwhile.
fn absence_alerts(facts: &Facts<'_>, status: &Status) -> [AlertSeen; 2] {
    let quiet = quiet(facts.all_events, slices(0, status.until).end);
    let (is_quiet, was_busy) = (quiet != Quiet::No, quiet == Quiet::Unlike);
    let silent = facts.last_heard.map(|heard| status.until.saturating_sub(heard));
    let is_silent = silent.is_some_and(|seconds| {
        seconds > (NO_TELEMETRY_SECONDS.max(facts.silence_seconds_max)) as i64
    });
    let can_tell =
        !matches!(status.state, DataState::QueryError | DataState::Stale | DataState::LowCoverage);
    let seen = |is_hot: bool| match can_tell {
        false => Seen::Unmeasured,
        true if is_hot => Seen::Hot { is_believed: true },
        true => Seen::Cool { is_over: true },
    };
    // Once told of, a quiet service stays quiet until it has events, though its busy day is long past.
    let traffic = if is_quiet && !was_busy && can_tell {
        Seen::Unmeasured
    } else {
        seen(is_quiet && !is_silent)
    };
    let alert = |kind, seen, short_seconds| AlertSeen {
        kind,
        severity: Severity::Ticket,
        seen,
        temper: Temper { hold_seconds: 0, short_seconds },
    };
    [
        alert(AlertKind::NoTraffic, traffic, NO_TRAFFIC_SECONDS),
        alert(AlertKind::NoTelemetry, seen(is_silent), NO_TELEMETRY_SECONDS),
    ]
}
