//! Counting what has no rows of its own, counters and what SQL counts: asked anew for the time that changed.
//!
//! Whatever arrives is about some time; from there on every slice is asked for again and replaced, so late, repeated and
//! unordered arrival comes to what one question about all time would. Some hours are asked for at once, and not longer than a
//! look may take. What changed is stored at every look, since the rows may be gone when it is asked for again; how far segments
//! were seen is stored with it, and after a restart what is not in those segments is new.

use super::counting::{Counting, How};
use super::history::{Count, SLICE_SECONDS, slice_of};
use super::spec::{Part, Sli, SliSource, Step};
use super::stored;
use crate::alerting::Parts;
use crate::{Error, Store};
use binnacle_query::sli::{JourneyRequest, SliQuery, SliSeen, SliSums, silence_millis};
use binnacle_storage::model::{Signal, Table, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NANOS: i64 = 1_000_000_000;

/// Slices asked for at once: six hours.
pub(super) const SLICES_AT_ONCE: i64 = 6 * 3_600 / SLICE_SECONDS;

/// How long one look asks; then the others have their turn.
const ASKING_MAX: Duration = Duration::from_secs(2);

/// How many arrivals tell how long events take.
const LAGS_MAX: usize = 100;

/// How far asking has come.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    seen: SliSeen,
    /// Slices to be asked for; those after are, too, once there is something in them.
    open: Option<Range<i64>>,
    /// The first slice that changed since it was stored.
    unstored: Option<i64>,
    /// Seconds from the newest event to its arrival, the latest ones.
    lags: Vec<u64>,
}

impl Asked {
    pub fn new(source: SliSource, counted_to: Option<u64>) -> Asked {
        let seen = SliSeen::up_to(tables_of(source), counted_to.unwrap_or(0));
        Asked { seen, open: None, unstored: None, lags: Vec::new() }
    }
}

/// Tables whose rows may change what is counted.
pub(super) fn tables_of(source: SliSource) -> &'static [Table] {
    match source {
        SliSource::Promql => &[Table::MetricPoints],
        SliSource::Journey => &[Table::Spans],
        _ => &[Table::Spans, Table::Logs, Table::MetricPoints],
    }
}

pub(super) struct Asking<'a> {
    pub parts: &'a Parts,
    pub store: &'a Store,
    pub tenant: &'a TenantId,
}

impl Asking<'_> {
    /// Brings one SLI up to now. Returns whether there is more to ask at once.
    pub async fn count(&self, counting: &mut Counting, now: i64) -> Result<bool, Error> {
        let How::Asked(asked) = &counting.how else { return Ok(false) };
        let mut asked = asked.clone();
        let is_done = self.go_on(&mut asked, counting, now).await;
        // Also after a failure: what was done is done.
        counting.how = How::Asked(asked);
        Ok(!is_done?)
    }

    async fn go_on(
        &self,
        asked: &mut Asked,
        counting: &mut Counting,
        now: i64,
    ) -> Result<bool, Error> {
        self.learn(asked, counting, now).await?;
        if !self.ask_some(asked, counting).await? {
            return Ok(false);
        }
        let is_further = counting.counted_to.is_none_or(|to| asked.seen.position() > to);
        if is_further || asked.unstored.is_some() {
            self.store(asked, counting)?;
        }
        counting.settle(&by_second(&asked.lags), now);
        counting.close(counting.watermark);
        counting.failure = None;
        Ok(true)
    }

    /// Finds out which slices are to be asked for.
    async fn learn(&self, asked: &mut Asked, counting: &Counting, now: i64) -> Result<(), Error> {
        let news = self.parts.engine.sli_news(self.tenant, &mut asked.seen).await;
        let Some(news) = news.map_err(Error::Query)? else { return Ok(()) };
        let (first, last) = (news.first.saturating_sub(1).div_euclid(NANOS), news.last / NANOS);
        let oldest = self.oldest(counting, now)?;
        let ahead = match counting.sli.source {
            // What has begun is judged when its time is over.
            SliSource::Journey => 2 * counting.sli.lookback_seconds as i64,
            _ => 0,
        };
        let fresh = (slice_of(first) - lookback_slices(&counting.sli)).max(oldest)
            ..slice_of(last.max(now).saturating_add(ahead)) + 1;
        asked.open = Some(match asked.open.take() {
            Some(open) => open.start.min(fresh.start)..open.end.max(fresh.end),
            None => fresh,
        });
        if last <= now && counting.counted_to.is_some() {
            asked.lags.insert(0, now.abs_diff(last));
            asked.lags.truncate(LAGS_MAX);
        }
        Ok(())
    }

    /// The first slice of which all rows are still there that it is made of.
    fn oldest(&self, counting: &Counting, now: i64) -> Result<i64, Error> {
        let held = now - super::counting::MEMORY_SECONDS;
        let Some(age) = self.age(counting.sli.source) else { return Ok(slice_of(held) + 1) };
        let reach = reach_seconds(&counting.sli, age);
        let age = i64::try_from(age.as_secs()).unwrap_or(now);
        if reach >= age {
            let message = format!(
                "nothing can be counted: an event is made of rows of {reach} s, and rows are kept for {age} s"
            );
            let hint = "shorten its lookback, or keep rows for longer (storage.retention)";
            let hint = Some(hint.to_owned());
            return Err(Error::Query(binnacle_query::Error::InvalidRequest { message, hint }));
        }
        let kept = if counting.counted_to.is_some() { now - age + reach } else { held };
        Ok(slice_of(held.max(kept)) + 1)
    }

    /// How long rows are kept that it is made of; `None` for ever.
    fn age(&self, source: SliSource) -> Option<Duration> {
        let signals: &[Signal] = match source {
            SliSource::Promql => &[Signal::Metrics],
            SliSource::Journey => &[Signal::Traces],
            _ => &[Signal::Traces, Signal::Logs, Signal::Metrics],
        };
        let ages = signals.iter().map(|signal| self.parts.storage.retention(self.tenant, *signal));
        ages.filter(|age| !age.is_zero()).min()
    }

    /// Whether all is asked for.
    async fn ask_some(&self, asked: &mut Asked, counting: &mut Counting) -> Result<bool, Error> {
        let until = Instant::now() + ASKING_MAX;
        while let Some(open) = asked.open.clone() {
            let next = open.start..open.end.min(open.start + SLICES_AT_ONCE);
            let (counts, last) = ask(self.parts, self.tenant, &counting.sli, next.clone()).await?;
            let has_changed = counting.replace(next.clone(), counts);
            if let Some(last) = last {
                counting.hear(&BTreeMap::from([(String::new(), last)]));
            }
            if let Some(first) = has_changed {
                asked.unstored = Some(asked.unstored.map_or(first, |known| known.min(first)));
            }
            asked.open = Some(next.end..open.end).filter(|open| !open.is_empty());
            let done = open.end - next.end;
            let all = (done + next.end - next.start).max(1);
            counting.progress = ((all - done) as usize, all as usize);
            if Instant::now() >= until {
                break;
            }
        }
        Ok(asked.open.is_none())
    }

    fn store(&self, asked: &mut Asked, counting: &mut Counting) -> Result<(), Error> {
        let position = asked.seen.position();
        let key = counting.sli.key();
        let (events, prompt) = (counting.events(), counting.all().prompt_events());
        self.store.write("store what an SLI counted", |tx| {
            let first = asked.unstored;
            stored::replace_counts(tx, self.tenant, &key, first, events, prompt, position)
        })?;
        asked.unstored = None;
        counting.counted_to = Some(position);
        Ok(())
    }
}

fn by_second(lags: &[u64]) -> Vec<u64> {
    let mut counts = vec![0; 64];
    lags.iter().for_each(|lag| counts[(*lag as usize).min(63)] += 1);
    counts
}

type Counts = BTreeMap<i64, Count>;

/// What an SLI comes to in each slice of a range, and when anything of it was seen last (Unix nanoseconds).
pub(super) async fn ask(
    parts: &Parts,
    tenant: &TenantId,
    sli: &Sli,
    slices: Range<i64>,
) -> Result<(Counts, Option<i64>), Error> {
    let (part, is_good) = match &sli.part {
        _ if sli.source == SliSource::Journey => return journeys(parts, tenant, sli, slices).await,
        Part::Good(query) => (query, true),
        Part::Bad(query) => (query, false),
    };
    let all = sums(parts, tenant, sli, &sli.total, slices.clone()).await?;
    let chosen = sums(parts, tenant, sli, part, slices).await?;
    Ok((together(&all, &chosen, is_good), all.last))
}

async fn journeys(
    parts: &Parts,
    tenant: &TenantId,
    sli: &Sli,
    slices: Range<i64>,
) -> Result<(Counts, Option<i64>), Error> {
    let step = |step: Step| match &step.part {
        Part::Good(query) => SliQuery::spans(&step.total, query, true),
        Part::Bad(query) => SliQuery::spans(&step.total, query, false),
    };
    let steps = sli.steps().into_iter().map(|one| step(one).map(Arc::new));
    let request = JourneyRequest {
        steps: steps.collect::<Result<_, _>>().map_err(Error::Query)?,
        within_nanos: (sli.lookback_seconds as i64).saturating_mul(NANOS),
        slices,
    };
    let found = parts.engine.sli_journeys(tenant, request).await.map_err(Error::Query)?;
    let count = |(at, (good, total)): (i64, (u64, u64))| (at, Count::new(good, total));
    Ok((found.slices.into_iter().map(count).collect(), found.last))
}

/// Rows so long before a slice say what it comes to.
fn reach_seconds(sli: &Sli, age: Duration) -> i64 {
    let lookback = sli.lookback_seconds as i64;
    match sli.source {
        SliSource::Promql => silence_millis(age) / 1_000,
        SliSource::Journey => 2 * lookback,
        _ => lookback,
    }
}

fn lookback_slices(sli: &Sli) -> i64 {
    sli.lookback_seconds as i64 / SLICE_SECONDS
}

/// Never more good or bad events than events.
fn together(all: &SliSums, chosen: &SliSums, is_good: bool) -> Counts {
    let count = |(at, total): (&i64, &u64)| {
        let chosen = chosen.slices.get(at).copied().unwrap_or(0).min(*total);
        let good = if is_good { chosen } else { total - chosen };
        (*at, Count::new(good, *total))
    };
    all.slices.iter().map(count).collect()
}

async fn sums(
    parts: &Parts,
    tenant: &TenantId,
    sli: &Sli,
    query: &str,
    slices: Range<i64>,
) -> Result<SliSums, Error> {
    let lookback = lookback_slices(sli);
    let sums = match sli.source {
        SliSource::Promql => parts.engine.sli_counters(tenant, query, slices).await,
        _ => parts.engine.sli_sql(tenant, query, slices, lookback).await,
    };
    sums.map_err(Error::Query)
}

impl Counting {
    /// Sets the slices of a range to what they come to now. Returns the first that is not as it was.
    fn replace(&mut self, range: Range<i64>, counts: Counts) -> Option<i64> {
        let before: Counts = self.events().slices(range).collect();
        let all: BTreeSet<i64> = before.keys().chain(counts.keys()).copied().collect();
        let is_changed = |at: &i64| before.get(at) != counts.get(at);
        let changed: Vec<i64> = all.into_iter().filter(is_changed).collect();
        let now = |at: &i64| (*at, counts.get(at).copied().unwrap_or_default());
        self.set(changed.iter().map(now).collect());
        changed.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(slices: &[(i64, u64)]) -> SliSums {
        SliSums { slices: slices.iter().copied().collect(), last: None }
    }

    #[test]
    fn there_are_never_more_good_or_bad_events_than_events() {
        let all = sums(&[(1, 10), (2, 5)]);
        let chosen = sums(&[(1, 4), (2, 9), (3, 1)]);
        let counts = |is_good| together(&all, &chosen, is_good).into_values().collect::<Vec<_>>();
        assert_eq!(counts(true), [Count::new(4, 10), Count::new(5, 5)]);
        assert_eq!(counts(false), [Count::new(6, 10), Count::new(0, 5)]);
    }

    #[test]
    fn a_series_of_errors_that_was_never_made_is_no_error() {
        let counts = together(&sums(&[(1, 10)]), &sums(&[]), false);
        assert_eq!(counts[&1], Count::new(10, 10));
    }
}
