//! How a composite stands at a look, by how its members stand.

use super::composite::{Blend, Composite, Material, Member, NoData};
use super::engine::Slos;
use super::evaluate::{Facts, evaluate};
use super::history::History;
use super::judging::{LAG_SECONDS, SILENCE_SECONDS};
use super::standing::{CountingStanding, Loaded, ObjectiveStanding};
use binnacle_storage::model::TenantId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What composites came to at the last look: tenant, SLO, and whether without what came late.
pub(super) type Blends = Mutex<BTreeMap<(TenantId, String, bool), Blend>>;

/// Up to when the members say something, and how surely.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    /// Unix seconds.
    watermark: i64,
    has_failed: bool,
}

/// Waits for the last member, but for none longer than it is given. One that may hold the whole is always waited for.
fn reach(composite: &Composite, members: &[ObjectiveStanding], now: i64) -> Reach {
    let seen = |standing: &ObjectiveStanding| {
        let counting = &standing.counting;
        (counting.watermark, counting.failure.is_some() || !counting.is_counted)
    };
    let seen: Vec<(i64, bool)> = members.iter().map(seen).collect();
    reach_of(&composite.members, &seen, now)
}

/// By each member's watermark, and whether counting it failed.
fn reach_of(members: &[Member], seen: &[(i64, bool)], now: i64) -> Reach {
    let is_late = |member: &Member, watermark: i64| {
        let lag = u64::try_from(now.saturating_sub(watermark)).unwrap_or(0);
        member.no_data != NoData::Hold && lag > member.delay_seconds.max(LAG_SECONDS * 2)
    };
    let awaited: Vec<(i64, bool)> = members
        .iter()
        .zip(seen)
        .filter(|(member, (watermark, _))| !is_late(member, *watermark))
        .map(|(_, seen)| *seen)
        .collect();
    let latest = seen.iter().map(|(watermark, _)| *watermark).max().unwrap_or(0);
    Reach {
        watermark: awaited.iter().map(|(watermark, _)| *watermark).min().unwrap_or(latest),
        has_failed: awaited.is_empty() || awaited.iter().any(|(_, has_failed)| *has_failed),
    }
}

impl Slos {
    /// How the composite at `index` stands; its alerts are still to be moved on. `None` until all its members stand somehow.
    pub(super) fn compose(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        index: usize,
        before: &[ObjectiveStanding],
        now: i64,
    ) -> Option<ObjectiveStanding> {
        let spec = loaded.slo.objectives.get(index)?;
        let composite = spec.composite.as_ref()?;
        let members = before.get(..composite.members.len())?;
        let policy = spec.live_policy();
        let events = members.iter().map(|member| member.events.clone()).collect();
        let name = &loaded.slo.name;
        let blend = self.blend((tenant, name, false), composite, events);
        let unmeasured = self.unmeasured(tenant, &blend.events);
        let counting = counting(&spec.sli.key(), &reach(composite, members, now), members);
        let material = Material::blended(&policy, blend);
        let delay = composite.members.iter().map(|member| member.delay_seconds).max().unwrap_or(0);
        let settled = counting.settle_seconds.unsigned_abs();
        let facts = Facts {
            now: self.inner().parts.clock.now(),
            watermark: counting.watermark,
            lag_seconds_max: (LAG_SECONDS + settled).max(delay),
            has_failed: counting.failure.is_some(),
            last_heard: counting.last_heard.map(|heard| heard.min(now)),
            silence_seconds_max: SILENCE_SECONDS,
            ..material.facts(now, &unmeasured)
        };
        let mut status = evaluate(&policy, &facts);
        let prompt = members.iter().any(|member| member.prompt.is_some()).then(|| {
            let prompt = |member: &ObjectiveStanding| {
                member.prompt.as_ref().unwrap_or(&member.events).clone()
            };
            let prompt = members.iter().map(prompt).collect();
            Material::blended(&policy, self.blend((tenant, name, true), composite, prompt))
        });
        if let Some(prompt) = &prompt {
            let Facts { counted, events, all_events, excluded, .. } =
                prompt.facts(now, &unmeasured);
            let facts = Facts { counted, events, all_events, excluded, ..facts };
            status.burn_as(evaluate(&policy, &facts));
        }
        let events = material.all_events().clone();
        let prompt = prompt.map(|prompt| prompt.all_events().clone());
        let (latches, groups) = (Vec::new(), Vec::new());
        Some(ObjectiveStanding { status, latches, counting, events, prompt, unmeasured, groups })
    }

    /// What changed since the last look is counted again.
    fn blend(
        &self,
        (tenant, slo, is_prompt): (&TenantId, &str, bool),
        composite: &Composite,
        members: Vec<History>,
    ) -> Blend {
        let key = (tenant.clone(), slo.to_owned(), is_prompt);
        let mut blends = self.inner().blends.lock();
        let blend = match blends.remove(&key).filter(|blend| blend.is_of(composite)) {
            Some(mut blend) => {
                blend.refresh(members);
                blend
            }
            None => Blend::of(composite, members),
        };
        blends.insert(key, blend.clone());
        blend
    }

    /// Of SLOs that are no more.
    pub(super) fn forget_blends(&self, tenant: &TenantId, slos: &[Arc<Loaded>]) {
        let is_there = |name: &str| slos.iter().any(|loaded| loaded.slo.name == name);
        let mut blends = self.inner().blends.lock();
        blends.retain(|(of, name, _), _| of != tenant || is_there(name));
    }
}

/// How counting the members stands, as if it were one.
fn counting(key: &str, reach: &Reach, members: &[ObjectiveStanding]) -> CountingStanding {
    let all = || members.iter().map(|member| &member.counting);
    let failure = all().find_map(|counting| counting.failure.clone());
    let waiting = || "a member is not counted yet".to_owned();
    CountingStanding {
        key: key.to_owned(),
        is_counted: all().all(|counting| counting.is_counted),
        progress: all().fold((0, 0), |(done, of), counting| {
            (done + counting.progress.0, of + counting.progress.1)
        }),
        is_estimate: all().any(|counting| counting.is_estimate),
        lost_segments: all().map(|counting| counting.lost_segments).sum(),
        future_events: all().map(|counting| counting.future_events).sum(),
        late_events: all().map(|counting| counting.late_events).sum(),
        failure: reach.has_failed.then(|| failure.unwrap_or_else(waiting)),
        watermark: reach.watermark,
        settle_seconds: all().map(|counting| counting.settle_seconds).max().unwrap_or(0),
        last_heard: all().filter_map(|counting| counting.last_heard).max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Method;

    #[test]
    fn the_whole_waits_for_members_but_not_for_ever() {
        let member = |no_data, delay_seconds| Member {
            weight: 1,
            method: Method::Occurrences,
            no_data,
            delay_seconds,
        };
        let members = [member(NoData::Ignore, 300), member(NoData::Bad, 300)];
        let reach = |seen: &[(i64, bool)]| reach_of(&members, seen, 10_000);
        let fine = |watermark| Reach { watermark, has_failed: false };
        assert_eq!(reach(&[(9_990, false), (9_980, false)]), fine(9_980));
        assert_eq!(reach(&[(9_990, false), (9_700, false)]), fine(9_700));
        assert_eq!(reach(&[(9_990, false), (9_699, true)]), fine(9_990));
        assert!(reach(&[(9_990, false), (9_980, true)]).has_failed);
        assert!(reach(&[(9_000, false), (9_100, false)]).has_failed);
        let held = [member(NoData::Ignore, 300), member(NoData::Hold, 300)];
        let seen = [(9_990, false), (5_000, false)];
        assert_eq!(reach_of(&held, &seen, 10_000), fine(5_000));
    }
}
