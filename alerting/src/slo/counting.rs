//! Counting: what each SLI's slices are by now.
//!
//! A segment is counted once, when it appears, and what it came to is added to the database in the transaction that says how
//! far that is; what is not in a counted segment is counted anew at every look, and lies over what is stored. So rows may come
//! late, twice and in any order, move from the buffer into a segment, be joined with others, grow old and go: the
//! slices stay what a count over all rows that ever were would give. A border keeps compaction from joining what is counted
//! with what is not.

use super::asking::Asked;
use super::edges::Edges;
use super::evaluate::Policy;
use super::first::First;
use super::grouping::{GROUPS_MAX, Grouping};
use super::history::{Count, History, slice_of};
use super::spec::{Part, Sli, SliSource};
use super::stored;
use super::stored_groups;
use super::tally::Tally;
use crate::{Error, Store};
use binnacle_query::sli::{GroupBudget, LATE_NANOS, SLICE_NANOS, SliCounts, SliGroups, SliQuery};
use binnacle_storage::model::{Table, TenantId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds that events are given to arrive after their slice has ended: what 99 of 100 took, but within these.
pub(super) const SETTLE_SECONDS_MIN: i64 = 3;
const SETTLE_SECONDS_MAX: i64 = 60;

/// What is found of a slice so long after it was closed changes the budget, and no alert of a burn rate.
const LATE_SECONDS: i64 = LATE_NANOS / 1_000_000_000;

/// Seconds of slices held in memory: the longest period and the longest window before it.
pub(super) const MEMORY_SECONDS: i64 = 370 * 86_400;

const _: () = assert!(SLICE_NANOS == super::SLICE_SECONDS * 1_000_000_000);

/// One SLI of one tenant.
#[derive(Debug)]
pub(super) struct Counting {
    pub sli: Sli,
    pub how: How,
    /// WAL position up to which rows are in `stored`; `None` during the first count.
    pub counted_to: Option<u64>,
    pub is_estimate: bool,
    /// Events that were of a later time than they arrived: stored, and not stored yet.
    pub future: (u64, u64),
    pub lost_segments: u64,
    /// All of its events.
    pub all: Tally,
    pub groups: Grouping,
    /// By which it is evaluated.
    pub policies: Vec<Policy>,
    /// Services with events → when anything of theirs arrived last, in Unix nanoseconds.
    pub services: BTreeMap<String, i64>,
    /// Unix seconds up to which all slices are closed.
    pub watermark: i64,
    pub settle_seconds: i64,
    /// Why the last count failed.
    pub failure: Option<String>,
    /// Segments of the first count done, and all of them.
    pub progress: (usize, usize),
}

/// How an SLI is counted.
#[derive(Debug)]
pub(super) enum How {
    /// Row by row, each once.
    Rows(Arc<SliQuery>),
    /// By asking again for the time that changed.
    Asked(Asked),
}

impl Counting {
    pub fn load(
        store: &Store,
        tenant: &TenantId,
        (sli, policies): (&Sli, Vec<Policy>),
        budget: &Arc<GroupBudget>,
        now: i64,
    ) -> Result<Counting, Error> {
        let key = sli.key();
        let from_hour = (now - MEMORY_SECONDS).div_euclid(3_600);
        let kept = store.write("begin to count an SLI", |tx| {
            stored::add_sli(tx, tenant, &key, sli.source.name(), now)?;
            stored::find_sli(tx, tenant, &key, from_hour)
        })?;
        let kept = kept.unwrap_or_default();
        let (mut groups, admitted) = (Grouping::default(), groups_of(sli, budget)?);
        if let Some(admitted) = &admitted {
            let edges = Edges::of(&policies, now);
            let methods = policies.iter().map(|policy| policy.method).collect();
            groups = Grouping::of(admitted.clone(), methods, edges);
            store.read("read the groups of an SLI", |connection| {
                let restore = |group, history| groups.restore(group, history);
                stored_groups::each_group(connection, tenant, &key, from_hour, restore)
            })?;
        }
        let how = match sli.source {
            SliSource::Spans | SliSource::Logs => {
                let query = query_of(sli)?.late_from(late_from(kept.created_at));
                How::Rows(Arc::new(match admitted {
                    Some(admitted) => query.grouped(admitted),
                    None => query,
                }))
            }
            source => How::Asked(Asked::new(source, kept.counted_to)),
        };
        let mut counting = Counting {
            sli: sli.clone(),
            how,
            counted_to: kept.counted_to,
            is_estimate: kept.is_estimate,
            future: (kept.future, 0),
            lost_segments: kept.lost_segments,
            all: Tally::of(kept.history).with_prompt(kept.prompt),
            groups,
            policies: Vec::new(),
            services: kept.services,
            watermark: 0,
            settle_seconds: SETTLE_SECONDS_MIN,
            failure: None,
            progress: (0, 0),
        };
        counting.ask(policies);
        if matches!(counting.how, How::Asked(_)) && counting.counted_to.is_some() {
            let until = store.read("read up to when was counted", |connection| {
                stored::find_clock(connection, tenant)
            })?;
            counting.close(until.unwrap_or(0));
        }
        Ok(counting)
    }

    pub fn events(&self) -> &History {
        self.all.events()
    }

    pub fn all(&self) -> &Tally {
        &self.all
    }

    /// Whether it can be evaluated by these policies without being read again: of groups not all slices are held.
    pub fn can_answer(&self, policies: &[Policy]) -> bool {
        self.counted_to.is_none() || policies.iter().all(|policy| self.groups.has(policy.method))
    }

    /// Is evaluated by these policies from now on.
    pub fn ask(&mut self, policies: Vec<Policy>) {
        for policy in &policies {
            self.all.prepare(policy.method);
            self.groups.prepare(policy.method);
        }
        self.policies = policies;
    }

    /// Seconds of the longest time that an evaluation looks back.
    pub fn seconds_back(&self, now: i64) -> i64 {
        let back = |policy: &Policy| {
            let period = policy.window.period(Timestamp(now.saturating_mul(1_000_000_000)));
            let windows = policy.tiers.iter().map(|tier| tier.long_seconds);
            windows.chain([period.seconds()]).max().unwrap_or(0)
        };
        let longest = self.policies.iter().map(back).max();
        longest.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(MEMORY_SECONDS)
    }

    /// Unix seconds at which anything arrived last from those who send these events.
    pub fn last_heard(&self) -> Option<i64> {
        let heard = self.services.values().max().map(|nanos| nanos.div_euclid(1_000_000_000));
        let counted = match self.how {
            How::Rows(_) => None,
            How::Asked(_) => self.events().last().map(|at| (at + 1) * super::SLICE_SECONDS),
        };
        heard.max(counted)
    }

    pub fn rows(&self) -> Option<Arc<SliQuery>> {
        match &self.how {
            How::Rows(query) => Some(query.clone()),
            How::Asked(_) => None,
        }
    }

    /// Takes what segments came to; from now on it is stored.
    pub fn take_stored(&mut self, counts: &SliCounts, counted_to: u64) {
        self.all.take_stored(&counts.slices, &counts.late.slices);
        self.groups.take_stored(&counts.groups, &counts.late.groups);
        self.take_rest(counts, counted_to);
    }

    /// Takes what a first count came to.
    pub fn take_first(&mut self, first: First, counted_to: u64) {
        self.all.take_first(&first.all);
        self.groups.take_first(first.groups);
        self.take_rest(&first.rest, counted_to);
    }

    fn take_rest(&mut self, counts: &SliCounts, counted_to: u64) {
        self.counted_to = Some(counted_to);
        self.is_estimate |= counts.is_estimate;
        self.future.0 += counts.future;
        self.lost_segments += counts.lost_segments;
        self.hear(&counts.services);
    }

    /// Takes what is not stored yet, in the place of what it was before.
    pub fn take_over(&mut self, counts: &SliCounts) {
        self.future.1 = counts.future;
        self.all.take_over(&counts.slices, &counts.late.slices);
        self.groups.take_over(&counts.groups, &counts.late.groups);
        self.hear(&counts.services);
    }

    /// Sets slices to what they are now, where nothing lies over others.
    pub(super) fn set(&mut self, changes: Vec<(i64, Count)>) {
        self.all.set(changes);
    }

    pub(super) fn hear(&mut self, services: &BTreeMap<String, i64>) {
        for (service, heard) in services {
            let last = self.services.entry(service.clone()).or_insert(*heard);
            *last = (*last).max(*heard);
        }
    }

    /// Moves the watermark on, never back.
    pub(super) fn settle(&mut self, lags: &[u64], now: i64) {
        self.settle_seconds = settle_seconds(lags).unwrap_or(self.settle_seconds);
        let closed = slice_of(now - self.settle_seconds) * super::SLICE_SECONDS;
        self.watermark = self.watermark.max(closed);
    }

    /// What is asked for has no rows that say when they came: what is found from now on of slices that ended long before
    /// `watermark` is late.
    pub(super) fn close(&mut self, watermark: i64) {
        let lookback = i64::try_from(self.sli.lookback_seconds).unwrap_or(MEMORY_SECONDS);
        self.all.close(slice_of(watermark.saturating_sub(LATE_SECONDS).saturating_sub(lookback)));
    }
}

/// What 99 of 100 events took to arrive, in whole seconds, within the bounds; `None` without events. Those that took longer than
/// the longest wait are not among them: no wait would be for them.
fn settle_seconds(lags: &[u64]) -> Option<i64> {
    let lags = &lags[..lags.len().min(SETTLE_SECONDS_MAX as usize)];
    let all: u64 = lags.iter().sum();
    let mut seen = 0;
    let place = lags.iter().position(|count| {
        seen += count;
        seen * 100 >= all * 99
    });
    let seconds = place.filter(|_| all > 0)? as i64 + 1;
    Some(seconds.clamp(SETTLE_SECONDS_MIN, SETTLE_SECONDS_MAX))
}

/// What arrived up to the end of the second in which an SLI was made is its history.
fn late_from(created_at: i64) -> i64 {
    created_at.saturating_add(1).saturating_mul(1_000_000_000)
}

/// The groups of an SLI, none of which is admitted yet; `None` when it is not grouped.
pub(super) fn groups_of(
    sli: &Sli,
    budget: &Arc<GroupBudget>,
) -> Result<Option<Arc<SliGroups>>, Error> {
    if sli.group_by.is_empty() {
        return Ok(None);
    }
    let groups = SliGroups::new(table_of(sli), &sli.group_by, GROUPS_MAX, budget.clone());
    groups.map(|groups| Some(Arc::new(groups))).map_err(Error::Query)
}

pub(super) fn table_of(sli: &Sli) -> Table {
    match sli.source {
        SliSource::Spans => Table::Spans,
        SliSource::Logs => Table::Logs,
        _ => Table::MetricPoints,
    }
}

/// Of what is counted row by row.
pub(super) fn query_of(sli: &Sli) -> Result<SliQuery, Error> {
    let (part, is_good) = match &sli.part {
        Part::Good(query) => (query, true),
        Part::Bad(query) => (query, false),
    };
    let query = match sli.source {
        SliSource::Spans => SliQuery::spans(&sli.total, part, is_good),
        SliSource::Logs => SliQuery::logs(&sli.total, part, is_good),
        _ => return Err(no_rows()),
    };
    query.map_err(Error::Query)
}

/// Why what is asked for cannot be answered for counters and SQL.
pub(crate) fn no_rows() -> Error {
    let message =
        "the events of counters, of SQL and of composites have no rows that could be looked at";
    Error::Query(binnacle_query::Error::InvalidRequest { message: message.to_owned(), hint: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_close_when_nearly_all_events_have_arrived() {
        let lags = |seconds: &[(usize, u64)]| {
            let mut lags = vec![0; 64];
            seconds.iter().for_each(|(second, count)| lags[*second] = *count);
            settle_seconds(&lags)
        };
        assert_eq!(lags(&[]), None);
        assert_eq!(lags(&[(0, 1_000)]), Some(3));
        assert_eq!(lags(&[(0, 980), (9, 20)]), Some(10));
        assert_eq!(lags(&[(0, 991), (63, 9)]), Some(3));
        assert_eq!(lags(&[(63, 9)]), None);
        assert_eq!(lags(&[(59, 9)]), Some(60));
        assert_eq!(lags(&[(1, 50), (63, 5_000)]), Some(3), "a backlog holds nobody up");
    }
}
