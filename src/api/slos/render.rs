//! SLOs in JSON. Times are Unix ns as decimal strings, as everywhere; counts are integers.

use binnacle_alerting::slo::spec::{ObjectiveSpec, Part, Sli};
use binnacle_alerting::slo::{
    AlertSeen, Count, Figures, GroupStanding, Latch, Loaded, Member, OVERFLOW, ObjectiveStanding,
    SpecVersion, Standing, Status, TierStatus, Transition, WEIGHT_ONE, Window, span,
};
use binnacle_query::sli::SliGroup;
use serde_json::{Map, Value, json};

/// Most groups of one answer; those with the least of their budget left.
const GROUPS_MAX: usize = 1_000;

/// Unix seconds as nanoseconds.
pub fn time(seconds: i64) -> String {
    seconds.saturating_mul(1_000_000_000).to_string()
}

pub fn slo(loaded: &Loaded, standing: Option<&Standing>) -> Value {
    let slo = &loaded.slo;
    // What is published may be of the version before.
    let standing = standing.filter(|standing| standing.loaded.version == loaded.version);
    let objectives = slo.objectives.iter().enumerate().map(|(index, spec)| {
        objective(spec, standing.and_then(|standing| standing.objectives.get(index)))
    });
    json!({
        "name": slo.name,
        "display_name": slo.display_name,
        "description": slo.description,
        "service": slo.service,
        "labels": slo.labels,
        "annotations": slo.annotations,
        "version": loaded.version.version,
        "file": loaded.version.file,
        "created_at": time(loaded.version.created_at),
        "evaluated_at": standing.map(|standing| time(standing.at)),
        "objectives": objectives.collect::<Vec<_>>(),
    })
}

pub fn version(version: &SpecVersion) -> Value {
    json!({
        "version": version.version,
        "file": version.file,
        "created_at": time(version.created_at),
        "deleted_at": version.deleted_at.map(time),
        "text": version.text,
    })
}

fn objective(spec: &ObjectiveSpec, standing: Option<&ObjectiveStanding>) -> Value {
    let policy = &spec.policy;
    let (is_good, query) = match &spec.sli.part {
        Part::Good(query) => ("good", query),
        Part::Bad(query) => ("bad", query),
    };
    let mut value = json!({
        "name": spec.display_name,
        "target": policy.objective.to_string(),
        "target_parts_per_billion": policy.objective.parts(),
        "method": policy.method.name(),
        "window": window(&policy.window),
        "sli": { "key": spec.sli.key(), "source": spec.sli.source.name(), "total": spec.sli.total, is_good: query },
        "group_by": spec.sli.group_by,
        // There before the first look, which counts what is stored.
        "status": null,
        "alerts": [],
        "counting": null,
    });
    if let Some(composite) = &spec.composite {
        value["composite"] = json!({ "kind": composite.together.name(), "members": composite.members.iter().map(member).collect::<Vec<_>>() });
    }
    if let Some(standing) = standing {
        // There is nothing to say of a time before the first look has come to an end.
        if standing.status.until > 0 {
            value["status"] = status(&standing.status);
        }
        let alerts = standing.status.alerts.iter().zip(&standing.latches);
        value["alerts"] = alerts.map(|(seen, latch)| alert(seen, latch)).collect();
        if !spec.sli.group_by.is_empty() {
            let alive = standing.groups.iter().filter(|of| !of.group.is_overflow() && !of.is_gone);
            let firing = |of: &&GroupStanding| of.latches.iter().any(|latch| latch.is_firing());
            value["groups_alive"] = json!(alive.count());
            value["groups_firing"] = json!(standing.groups.iter().filter(firing).count());
            value["has_overflow"] = json!(standing.groups.iter().any(|of| of.group.is_overflow()));
        }
        let counting = &standing.counting;
        value["counting"] = json!({
            "is_counted": counting.is_counted,
            "segments_done": counting.progress.0,
            "segments_all": counting.progress.1,
            "is_estimate": counting.is_estimate,
            "lost_segments": counting.lost_segments,
            "future_events": counting.future_events,
            "late_events": counting.late_events,
            "failure": counting.failure,
            "watermark": time(counting.watermark),
            "settle_seconds": counting.settle_seconds,
            "last_heard": counting.last_heard.map(time),
        });
    }
    value
}

/// A group by its attributes.
pub fn group_name(group: &SliGroup, sli: &Sli) -> Value {
    if group.is_overflow() {
        return json!(OVERFLOW);
    }
    let pairs = sli.group_by.iter().cloned().zip(group.0.iter().map(|value| json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// The groups of an objective, the one with the least of its budget left first, and whether there are more.
pub fn groups(spec: &ObjectiveSpec, standing: &ObjectiveStanding) -> Value {
    let mut groups: Vec<&GroupStanding> = standing.groups.iter().collect();
    let left = |of: &GroupStanding| of.status.remaining.unwrap_or(f64::INFINITY);
    groups.sort_by(|a, b| left(a).total_cmp(&left(b)));
    let is_truncated = groups.len() > GROUPS_MAX;
    let group = |of: &&GroupStanding| {
        let alerts = of.status.alerts.iter().zip(&of.latches);
        json!({
            "group": group_name(&of.group, &spec.sli),
            "is_gone": of.is_gone,
            "status": status(&of.status),
            "alerts": alerts.map(|(seen, latch)| alert(seen, latch)).collect::<Vec<_>>(),
        })
    };
    let all: Vec<Value> = groups.iter().take(GROUPS_MAX).map(group).collect();
    json!({ "group_by": spec.sli.group_by, "groups": all, "truncated": is_truncated })
}

pub fn window(window: &Window) -> Value {
    match window {
        Window::Rolling { seconds } => json!({ "rolling": span(*seconds) }),
        Window::Calendar(calendar) => json!({
            "calendar": format!("{} {:?}", calendar.count, calendar.unit).to_lowercase(),
            "start": calendar.start.to_string(),
            "zone": calendar.zone.name(),
        }),
    }
}

pub fn figures(figures: &Figures) -> Value {
    json!({
        "failures": figures.failures,
        "failing_since": figures.failing_since.map(time),
        "up_seconds": figures.up_seconds,
        "down_seconds": figures.down_seconds,
        "mttr_seconds": figures.mttr_seconds,
        "mtbf_seconds": figures.mtbf_seconds,
        "availability": figures.availability,
        "nines": figures.nines,
        "sli_nines": figures.sli_nines,
        "budget_seconds": figures.budget_seconds,
        "remaining_seconds": figures.remaining_seconds,
    })
}

fn member(member: &Member) -> Value {
    json!({
        "weight": member.weight as f64 / WEIGHT_ONE as f64,
        "no_data": member.no_data.name(),
        "delay_seconds": member.delay_seconds,
    })
}

pub fn count(count: Count) -> Value {
    json!({ "good": count.good, "total": count.total, "bad": count.bad() })
}

pub fn status(status: &Status) -> Value {
    json!({
        "state": status.state.name(),
        "until": time(status.until),
        "period": { "start": time(status.period.start), "end": time(status.period.end) },
        "events": count(status.events),
        "counted": count(status.count),
        "excluded": { "events": count(status.excluded), "seconds": status.excluded_seconds },
        "sli": status.sli,
        "budget": {
            "consumed": status.consumed,
            "remaining": status.remaining,
            "remaining_count": status.remaining_count,
            "projected": status.projected_budget,
        },
        "coverage": status.coverage as f64 / 1e6,
        "exhausted_in_seconds": status.exhausted_in,
        "exhausted_in_seconds_static": status.exhausted_in_static,
        "burn_rates": status.tiers.iter().map(tier).collect::<Vec<_>>(),
    })
}

fn tier(tier: &TierStatus) -> Value {
    json!({
        "severity": tier.tier.severity.name(),
        "long_window": span(tier.tier.long_seconds),
        "short_window": span(tier.tier.short_seconds),
        "threshold": tier.threshold.as_f64(),
        "state": tier.state.name(),
        "long": tier.long_burn,
        "short": tier.short_burn,
        "long_counted": count(tier.long),
        "short_counted": count(tier.short),
    })
}

fn alert(seen: &AlertSeen, latch: &Latch) -> Value {
    let (long, short) = seen.kind.windows();
    let window = |seconds: u64| (seconds > 0).then(|| span(seconds));
    json!({
        "kind": seen.kind.name(),
        "severity": seen.severity.name(),
        "long_window": window(long),
        "short_window": window(short),
        "level": latch.level.name(),
        "since": latch.level.since().map(time),
        "held_since": latch.held_since.map(time),
        "is_flapping": latch.is_flapping,
        "resolved_at": latch.resolved_at.map(time),
    })
}

pub fn transition(transition: &Transition) -> Value {
    let (long, short) = transition.key.kind.windows();
    let window = |seconds: u64| (seconds > 0).then(|| span(seconds));
    json!({
        "slo": transition.key.slo,
        "version": transition.version,
        "objective": transition.key.objective,
        "group": transition.key.group.as_ref().map(|group| &group.0),
        "kind": transition.key.kind.name(),
        "severity": transition.severity,
        "long_window": window(long),
        "short_window": window(short),
        "at": time(transition.at),
        "until": time(transition.until),
        "level": transition.level,
        "reason": transition.reason,
    })
}
