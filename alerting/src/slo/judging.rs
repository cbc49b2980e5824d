//! Judging: how each SLO stands by what was counted, as a whole and group by group, and what that changes.

use super::announce::{Changes, Evaluated, Telling, end_of_group};
use super::counting::{Counting, table_of};
use super::engine::{Alerts, Slos};
use super::evaluate::{AlertKind, Facts, Policy, Status, evaluate};
use super::exclusion::Kept;
use super::history::{History, SLICE_SECONDS, slice_of};
use super::latch::{Latch, Level};
use super::standing::{CountingStanding, GroupStanding, Loaded, ObjectiveStanding, Standing};
use super::stored_alerts::AlertKey;
use super::tally::Tally;
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Silence of those who send events that is usual: twice the longest export interval in common use.
pub(super) const SILENCE_SECONDS: u64 = 120;

/// What is counted may end so much earlier than it should before it counts as stale.
pub(super) const LAG_SECONDS: u64 = 60;

/// One objective at one look.
struct Judged<'a> {
    loaded: &'a Loaded,
    objective: usize,
    policy: &'a Policy,
    counting: &'a Counting,
    unmeasured: &'a [Range<i64>],
    now: Timestamp,
}

/// What alerts were, what changes, and how that is told.
struct Moving<'a> {
    alerts: &'a Alerts,
    telling: &'a Telling,
    changes: &'a mut Changes,
}

impl Slos {
    /// How each SLO stands, what that changes, and up to when was counted.
    pub(super) async fn evaluate(
        &self,
        tenant: &TenantId,
        slos: &[Arc<Loaded>],
        alerts: &Alerts,
        now: i64,
    ) -> (Vec<Standing>, Changes, i64) {
        let (mut changes, mut standings) = (Changes::default(), Vec::new());
        let mut until = now;
        let telling = self.telling(now);
        self.forget_blends(tenant, slos);
        for loaded in slos {
            let mut objectives = Vec::new();
            for (index, spec) in loaded.slo.objectives.iter().enumerate() {
                let mut moving = Moving { alerts, telling: &telling, changes: &mut changes };
                if spec.composite.is_some() {
                    let looked = self.compose(tenant, loaded, index, &objectives, now);
                    let Some(mut standing) = looked else { break };
                    until = until.min(standing.counting.watermark);
                    standing.latches =
                        announce((loaded, index), None, &standing.status, &mut moving);
                    objectives.push(standing);
                    continue;
                }
                let ledger = self.ledger(tenant, table_of(&spec.sli));
                let ledger = ledger.lock().await;
                let Some(counting) = ledger.slis.get(&spec.sli.key()) else { break };
                let unmeasured = self.unmeasured(tenant, counting.events());
                let judged = Judged {
                    loaded,
                    objective: index,
                    policy: &spec.live_policy(),
                    counting,
                    unmeasured: &unmeasured,
                    now: self.inner().parts.clock.now(),
                };
                let Some(standing) = aside(|| judged.stand(moving)) else { break };
                until = until.min(counting.watermark);
                objectives.push(standing);
            }
            standings.push(Standing { loaded: loaded.clone(), at: now, objectives });
        }
        (standings, changes, until)
    }

    pub(super) fn unmeasured(&self, tenant: &TenantId, events: &History) -> Vec<Range<i64>> {
        let gaps = self.inner().gaps.lock().get(tenant).cloned().unwrap_or_default();
        unmeasured(&gaps, events)
    }

    pub(super) fn telling(&self, now: i64) -> Telling {
        let config = &self.inner().parts.config;
        Telling {
            now,
            external_url: config.external_url.clone(),
            resend_seconds: i64::try_from(config.resend_delay.as_secs()).unwrap_or(60).max(1),
        }
    }
}

impl Judged<'_> {
    fn stand(&self, mut moving: Moving<'_>) -> Option<ObjectiveStanding> {
        let all = self.counting.all();
        let status = self.status(all, false)?;
        let latches = self.announce(None, &status, &mut moving);
        let mut groups = Vec::new();
        for (group, tally) in self.counting.groups.tallies() {
            groups.extend(self.stand_group(group, tally, &status, &mut moving));
        }
        self.end_orphans(&groups, &mut moving);
        Some(ObjectiveStanding {
            events: all.events().clone(),
            prompt: all.prompt_events().cloned(),
            unmeasured: self.unmeasured.to_vec(),
            latches,
            counting: CountingStanding::of(self.counting),
            status,
            groups,
        })
    }

    /// A group's budget and burn rates alert as the SLO's do. That it is silent is no alert: of the SLO as a whole somebody is
    /// told, and of a group its alerts end once it is gone.
    fn stand_group(
        &self,
        group: &SliGroup,
        tally: &Tally,
        whole: &Status,
        moving: &mut Moving<'_>,
    ) -> Option<GroupStanding> {
        let status = self.status(tally, true)?;
        let away = self.loaded.slo.group_gone_seconds;
        let is_gone = is_gone(tally.events(), self.counting.events(), away, whole.until);
        let latches = match is_gone {
            true => vec![Latch::default(); status.alerts.len()],
            false => self.announce(Some(group), &status, moving),
        };
        let events = tally.events().clone();
        Some(GroupStanding { group: group.clone(), status, latches, events, is_gone })
    }

    /// The alerts of groups that are no more are over, once it is known which groups there are.
    fn end_orphans(&self, groups: &[GroupStanding], moving: &mut Moving<'_>) {
        if self.counting.counted_to.is_none() || self.counting.failure.is_some() {
            return;
        }
        let alive = groups.iter().filter(|of| !of.is_gone);
        let alive: BTreeSet<&SliGroup> = alive.map(|of| &of.group).collect();
        let is_its =
            |key: &AlertKey| key.slo == self.loaded.slo.name && key.objective == self.objective;
        let orphans = moving.alerts.iter().filter(|(key, _)| is_its(key));
        let is_orphan = |key: &AlertKey| key.group.as_ref().is_some_and(|of| !alive.contains(of));
        for (key, alert) in orphans.filter(|(key, _)| is_orphan(key)) {
            moving.changes.gone.insert(key.clone());
            if alert.latch.level != Level::Inactive {
                let (version, now) = (self.loaded.version.version, moving.telling.now);
                let transition = end_of_group(key, alert, version, now, self.counting.watermark);
                moving.changes.transitions.push(transition);
            }
        }
    }

    fn announce(
        &self,
        group: Option<&SliGroup>,
        status: &Status,
        moving: &mut Moving<'_>,
    ) -> Vec<Latch> {
        announce((self.loaded, self.objective), group, status, moving)
    }

    fn status(&self, tally: &Tally, is_group: bool) -> Option<Status> {
        let (policy, counting) = (self.policy, self.counting);
        let now = self.now.0.div_euclid(1_000_000_000);
        let all_events = tally.events();
        let counted = tally.counted(policy.method)?;
        let kept = Kept::of(policy, all_events, counted);
        let facts = Facts {
            counted: kept.as_ref().map_or(counted, |kept| &kept.counted),
            events: kept.as_ref().map_or(all_events, |kept| &kept.events),
            all_events,
            excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
            now: self.now,
            watermark: counting.watermark,
            lag_seconds_max: LAG_SECONDS + counting.settle_seconds.unsigned_abs(),
            has_failed: counting.failure.is_some() || counting.counted_to.is_none(),
            last_heard: counting.last_heard().map(|heard| heard.min(now)),
            silence_seconds_max: SILENCE_SECONDS,
            unmeasured: self.unmeasured,
            is_group,
        };
        let mut status = evaluate(policy, &facts);
        if let Some((events, counted)) = tally.prompt(policy.method) {
            let kept = Kept::of(policy, events, counted);
            let facts = Facts {
                counted: kept.as_ref().map_or(counted, |kept| &kept.counted),
                events: kept.as_ref().map_or(events, |kept| &kept.events),
                all_events: events,
                excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
                ..facts
            };
            status.burn_as(evaluate(policy, &facts));
        }
        Some(status)
    }
}

/// Moves the alerts of an objective on, or those of one of its groups; returns how each is now.
fn announce(
    (loaded, objective): (&Loaded, usize),
    group: Option<&SliGroup>,
    status: &Status,
    moving: &mut Moving<'_>,
) -> Vec<Latch> {
    let evaluated = Evaluated {
        slo: &loaded.slo,
        version: loaded.version.version,
        objective,
        group,
        spec: &loaded.slo.objectives[objective],
        status,
    };
    evaluated.announce(moving.alerts, moving.telling, moving.changes);
    let latch = |seen: &super::AlertSeen| {
        let alert = moving.changes.alerts.get(&evaluated.key(seen.kind));
        alert.map_or(Latch::default(), |alert| alert.latch)
    };
    status.alerts.iter().map(latch).collect()
}

/// Work that takes long where there are many groups: what else this thread would do goes to others meanwhile.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Whether groups have alerts of this kind.
pub(super) fn is_of_groups(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::BurnRate { .. } | AlertKind::Exhaustion)
}

/// Whether a group is gone at `until`, by its events and by all: only others that came since tell that it is the group that stays
/// away, and not everything.
pub(super) fn is_gone(events: &History, all: &History, seconds: u64, until: i64) -> bool {
    let before = until / SLICE_SECONDS;
    let Some(last) = events.last_before(before) else { return true };
    let others = all.last_before(before);
    let away = i64::try_from(seconds).unwrap_or(i64::MAX);
    let is_away = (until / SLICE_SECONDS - last).saturating_mul(SLICE_SECONDS) > away;
    // The latest of the others is as far from the group's last as that is from now, or nearly so.
    let since = others.map_or(0, |others| others - last).saturating_mul(SLICE_SECONDS);
    is_away && since.saturating_mul(2) > away
}

/// Holes of one gap that are told apart; beyond that the rest of it is one.
const HOLES_MAX: usize = 32;

/// Gaps in Unix seconds as slices, without those that were measured after all: senders keep what they cannot deliver and send it
/// later. What arrives of the time right before the end of a gap says nothing about the rest of it.
fn unmeasured(gaps: &[Range<i64>], events: &History) -> Vec<Range<i64>> {
    let mut unmeasured = Vec::new();
    for gap in gaps {
        let slices = slice_of(gap.start)..slice_of(gap.end + SLICE_SECONDS - 1);
        let (mut start, mut holes) = (slices.start, Vec::new());
        let measured = events.slices(slices.clone()).map(|(at, _)| at);
        for at in measured.chain(std::iter::once(slices.end)) {
            if at > start {
                holes.push(start..at);
            }
            start = at + 1;
        }
        if let Some(last) = holes.last().cloned().filter(|_| holes.len() > HOLES_MAX) {
            holes.truncate(HOLES_MAX);
            holes[HOLES_MAX - 1].end = last.end;
        }
        unmeasured.extend(holes);
    }
    unmeasured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Count;

    #[test]
    fn what_comes_after_a_gap_does_not_measure_it() {
        let events = |slices: &[i64]| -> History {
            slices.iter().map(|at| (*at, Count::new(1, 1))).collect()
        };
        let of = |gap: Range<i64>, slices: &[i64]| {
            unmeasured(std::slice::from_ref(&gap), &events(slices))
        };
        let holes = |slices: &[i64]| of(1_003..1_097, slices);
        assert_eq!(holes(&[]), vec![100..110; 1]);
        assert_eq!(holes(&[99, 100, 101, 109, 110]), vec![102..109; 1]);
        assert_eq!(holes(&[100, 101, 104, 105, 109]), [102..104, 106..109]);
        assert_eq!(holes(&(100..110).collect::<Vec<_>>()), []);
        let sparse: Vec<i64> = (0..100).map(|at| at * 2).collect();
        let holes = of(0..2_000, &sparse);
        assert_eq!((holes.len(), &holes[31]), (HOLES_MAX, &(63..200)));
    }

    #[test]
    fn a_group_is_gone_when_only_others_come() {
        let (last, day) = (1_000, 86_400 / SLICE_SECONDS);
        let at = |at: i64| History::from_iter([(at, Count::new(1, 1))]);
        let gone =
            |now: i64, others: i64| is_gone(&at(last), &at(others), 86_400, now * SLICE_SECONDS);
        assert!(!gone(last + day, last + day - 1), "not yet");
        assert!(gone(last + day + 1, last + day));
        assert!(!gone(last + day + 1, last + day + 1), "they come later than that");
        assert!(!gone(last + 5 * day, last), "nothing came of anybody");
        assert!(!gone(last + 5 * day, last + 5), "all went away together");
        assert!(is_gone(&History::default(), &at(1), 86_400, 50), "nothing is left of it");
    }
}
