//! Counting: what each SLI's slices are by now.
//!
//! A segment is counted once, when it appears, and what it came to is added to the database in the transaction that says how
//! far that is; what is not in a counted segment is counted anew at every look, and lies over what is stored. So rows may come
//! late, twice and in any order, move from the buffer into a segment, be joined with others, grow old and go: the
//! slices stay what a count over all rows that ever were would give. A border keeps compaction from joining what is counted
//! with what is not.

use super::asking::{Asked, Asking};
use super::history::{Count, History, slice_of};
use super::method::{Counted, Method};
use super::spec::{Part, Sli, SliSource};
use super::stored;
use crate::alerting::Parts;
use crate::{Error, Store};
use binnacle_query::sli::{SLICE_NANOS, SliCache, SliCounts, SliQuery, SliSources};
use binnacle_storage::model::{Table, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Seconds that events are given to arrive after their slice has ended: what 99 of 100 took, but within these.
const SETTLE_SECONDS_MIN: i64 = 5;
const SETTLE_SECONDS_MAX: i64 = 60;

/// How long one look counts what is stored for new SLIs; the others wait meanwhile.
const FIRST_AT_ONCE: Duration = Duration::from_secs(2);

/// Seconds of slices held in memory: the longest period and the longest window before it.
pub(super) const MEMORY_SECONDS: i64 = 370 * 86_400;

/// One SLI of one tenant.
#[derive(Debug)]
pub(super) struct Counting {
    pub sli: Sli,
    pub how: How,
    /// WAL position up to which rows are in `stored`; `None` during the first count.
    pub counted_to: Option<u64>,
    pub is_estimate: bool,
    pub lost_segments: u64,
    /// Of counted segments.
    stored: History,
    /// Of everything. Whoever asked keeps what was published.
    events: Arc<History>,
    /// `events` by each method that asks for it.
    counted: Vec<Counted>,
    /// What lies over `stored` in `events`.
    over: BTreeMap<i64, Count>,
    /// Services with events → when anything of theirs arrived last, in Unix nanoseconds.
    services: BTreeMap<String, i64>,
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
    pub fn load(store: &Store, tenant: &TenantId, sli: &Sli, now: i64) -> Result<Counting, Error> {
        let key = sli.key();
        let from_hour = (now - MEMORY_SECONDS).div_euclid(3_600);
        let kept = store.write("begin to count an SLI", |tx| {
            stored::add_sli(tx, tenant, &key, sli.source.name(), now)?;
            stored::find_sli(tx, tenant, &key, from_hour)
        })?;
        let kept = kept.unwrap_or_default();
        let how = match sli.source {
            SliSource::Spans | SliSource::Logs => How::Rows(Arc::new(query_of(sli)?)),
            source => How::Asked(Asked::new(source, kept.counted_to)),
        };
        Ok(Counting {
            sli: sli.clone(),
            how,
            counted_to: kept.counted_to,
            is_estimate: kept.is_estimate,
            lost_segments: kept.lost_segments,
            events: Arc::new(kept.history.clone()),
            stored: kept.history,
            counted: Vec::new(),
            over: BTreeMap::new(),
            services: kept.services,
            watermark: 0,
            settle_seconds: SETTLE_SECONDS_MIN,
            failure: None,
            progress: (0, 0),
        })
    }

    pub fn events(&self) -> &Arc<History> {
        &self.events
    }

    /// The slices by a method; made when first asked for.
    pub fn prepare(&mut self, method: Method) {
        if self.counted.iter().all(|counted| counted.method() != method) {
            self.counted.push(Counted::of(method, &self.events));
        }
    }

    /// Once prepared.
    pub fn counted(&self, method: Method) -> Option<&Counted> {
        self.counted.iter().find(|counted| counted.method() == method)
    }

    /// Unix seconds at which anything arrived last from those who send these events.
    pub fn last_heard(&self) -> Option<i64> {
        let heard = self.services.values().max().map(|nanos| nanos.div_euclid(1_000_000_000));
        let counted = match self.how {
            How::Rows(_) => None,
            How::Asked(_) => self.events.last().map(|at| (at + 1) * super::SLICE_SECONDS),
        };
        heard.max(counted)
    }

    fn rows(&self) -> Option<Arc<SliQuery>> {
        match &self.how {
            How::Rows(query) => Some(query.clone()),
            How::Asked(_) => None,
        }
    }

    /// Takes what segments came to; from now on it is stored.
    fn take_stored(&mut self, counts: &SliCounts, counted_to: u64) {
        let changes =
            || counts.slices.iter().map(|(at, (good, total))| (*at, Count::new(*good, *total)));
        self.stored.add(changes());
        self.counted_to = Some(counted_to);
        self.is_estimate |= counts.is_estimate;
        self.lost_segments += counts.lost_segments;
        self.hear(&counts.services);
        // What lay over it was of rows that are stored now, or is counted again.
        let over = std::mem::take(&mut self.over);
        self.renew(counts.slices.keys().chain(over.keys()).copied().collect());
    }

    /// Takes what is not stored yet, in the place of what it was before.
    fn take_over(&mut self, counts: &SliCounts) {
        let count = |(at, (good, total)): (&i64, &(u64, u64))| (*at, Count::new(*good, *total));
        let over: BTreeMap<i64, Count> = counts.slices.iter().map(count).collect();
        let before = std::mem::replace(&mut self.over, over);
        let all = before.keys().chain(self.over.keys()).copied().collect::<BTreeSet<i64>>();
        let is_changed = |at: &i64| before.get(at) != self.over.get(at);
        let changed = all.into_iter().filter(is_changed).collect();
        self.hear(&counts.services);
        self.renew(changed);
    }

    /// Sets slices to what they are now, where nothing lies over others.
    pub(super) fn set(&mut self, changes: Vec<(i64, Count)>) {
        let first = changes.iter().map(|(at, _)| *at).min();
        let last = changes.iter().map(|(at, _)| *at).max();
        let (Some(first), Some(last)) = (first, last) else { return };
        Arc::make_mut(&mut self.events).set(changes);
        for counted in &mut self.counted {
            counted.refresh(&self.events, first..last + 1);
        }
    }

    pub(super) fn hear(&mut self, services: &BTreeMap<String, i64>) {
        for (service, heard) in services {
            let last = self.services.entry(service.clone()).or_insert(*heard);
            *last = (*last).max(*heard);
        }
    }

    /// Slices that may have changed are set to what is stored and what lies over it.
    fn renew(&mut self, changed: BTreeSet<i64>) {
        let sum = |at: i64| {
            let over = self.over.get(&at).copied().unwrap_or_default();
            (at, self.stored.at(at).plus(over))
        };
        let changes: Vec<(i64, Count)> = changed.into_iter().map(sum).collect();
        self.set(changes);
    }

    /// Moves the watermark on, never back.
    pub(super) fn settle(&mut self, lags: &[u64], now: i64) {
        self.settle_seconds = settle_seconds(lags).unwrap_or(self.settle_seconds);
        let closed = slice_of(now - self.settle_seconds) * super::SLICE_SECONDS;
        self.watermark = self.watermark.max(closed);
    }
}

/// What 99 of 100 events took to arrive, in whole seconds, within the bounds; `None` without events.
fn settle_seconds(lags: &[u64]) -> Option<i64> {
    let all: u64 = lags.iter().sum();
    let mut seen = 0;
    let place = lags.iter().position(|count| {
        seen += count;
        seen * 100 >= all * 99
    });
    let seconds = place.filter(|_| all > 0)? as i64 + 1;
    Some(seconds.clamp(SETTLE_SECONDS_MIN, SETTLE_SECONDS_MAX))
}

pub(super) fn table_of(sli: &Sli) -> Table {
    match sli.source {
        SliSource::Spans => Table::Spans,
        SliSource::Logs => Table::Logs,
        SliSource::Promql | SliSource::Sql => Table::MetricPoints,
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
        SliSource::Promql | SliSource::Sql => return Err(no_rows()),
    };
    query.map_err(Error::Query)
}

/// Why what is asked for cannot be answered for counters and SQL.
pub(crate) fn no_rows() -> Error {
    let message = "the events of counters and of SQL have no rows that could be looked at";
    Error::Query(binnacle_query::Error::InvalidRequest { message: message.to_owned(), hint: None })
}

/// The SLIs of one tenant's table, and how they are counted.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By key.
    pub slis: BTreeMap<String, Counting>,
    cache: SliCache,
    first: Option<FirstCount>,
}

/// The first count of new SLIs, over what is stored: under way for several looks. It keeps the segments that it began with.
#[derive(Debug)]
struct FirstCount {
    keys: Vec<String>,
    queries: Vec<Arc<SliQuery>>,
    sources: SliSources,
    border: u64,
    places: Vec<usize>,
    done: usize,
    counts: Vec<SliCounts>,
}

/// What one look at a table needs.
pub(super) struct Look<'a> {
    pub parts: &'a Parts,
    pub store: &'a Store,
    pub tenant: &'a TenantId,
    pub table: Table,
}

impl Look<'_> {
    /// Brings all SLIs of the table up to now, but for those that are counted for the first time: of these some. Returns
    /// whether there is more to count at once.
    pub async fn count(&self, ledger: &mut Ledger, now: i64) -> Result<bool, Error> {
        if self.table == Table::MetricPoints {
            return self.ask(ledger, now).await;
        }
        self.begin_first(ledger).await?;
        self.go_on_with_first(ledger).await?;
        let mut sources = self.sources().await?;
        let lowest = ledger.slis.values().filter_map(|counting| counting.counted_to).min();
        if lowest.is_some_and(|lowest| sources.segments_to() > lowest) {
            let border = self.add_border().await?;
            sources = self.sources().await?;
            self.count_segments(ledger, &sources, border).await?;
        }
        self.keep_borders(ledger).await?;
        self.count_rest(ledger, &sources, now).await?;
        Ok(ledger.slis.values().any(|counting| counting.counted_to.is_none()))
    }

    /// One that cannot be asked does not hold up the others.
    async fn ask(&self, ledger: &mut Ledger, now: i64) -> Result<bool, Error> {
        let asking = Asking { parts: self.parts, store: self.store, tenant: self.tenant };
        let mut is_more = false;
        for counting in ledger.slis.values_mut() {
            match asking.count(counting, now).await {
                Ok(more) => is_more |= more,
                Err(error) => {
                    let reason = crate::error::chain(&error);
                    tracing::warn!(tenant = %self.tenant, error = reason, "failed to count an SLI; its alerts are held");
                    counting.failure = Some(reason);
                }
            }
        }
        Ok(is_more)
    }

    async fn sources(&self) -> Result<SliSources, Error> {
        self.parts.engine.sli_sources(self.tenant, self.table).await.map_err(Error::Query)
    }

    async fn add_border(&self) -> Result<u64, Error> {
        self.parts.storage.add_border(self.tenant, self.table).await.map_err(Error::storage)
    }

    async fn keep_borders(&self, ledger: &Ledger) -> Result<(), Error> {
        let counted = ledger.slis.values().filter_map(|counting| counting.counted_to);
        let first = ledger.first.as_ref().map(|first| first.border);
        let borders = counted.chain(first).collect();
        let kept = self.parts.storage.keep_borders(self.tenant, self.table, borders).await;
        kept.map_err(Error::storage)
    }

    async fn begin_first(&self, ledger: &mut Ledger) -> Result<(), Error> {
        let new = ledger.slis.iter().filter(|(_, counting)| counting.counted_to.is_none());
        let keys: Vec<String> = new.map(|(key, _)| key.clone()).collect();
        if keys.is_empty() || ledger.first.is_some() {
            return Ok(());
        }
        let border = self.add_border().await?;
        let sources = self.sources().await?;
        let places = sources.places(0, border);
        ledger.first = Some(FirstCount {
            queries: keys.iter().filter_map(|key| ledger.slis[key].rows()).collect(),
            counts: vec![SliCounts::default(); keys.len()],
            keys,
            sources,
            border,
            places,
            done: 0,
        });
        Ok(())
    }

    /// Counts some segments more; once that were all, their sums are stored.
    async fn go_on_with_first(&self, ledger: &mut Ledger) -> Result<(), Error> {
        let Some(first) = &mut ledger.first else { return Ok(()) };
        let until = Instant::now() + FIRST_AT_ONCE;
        while first.done < first.places.len() && Instant::now() < until {
            let place = first.places[first.done];
            let more = self.parts.engine.sli_segment(&first.sources, place, &first.queries).await;
            let more = more.map_err(Error::Query)?;
            first.counts.iter_mut().zip(&more).for_each(|(sum, more)| sum.add(more));
            first.done += 1;
        }
        for key in &first.keys {
            if let Some(counting) = ledger.slis.get_mut(key) {
                counting.progress = (first.done, first.places.len());
            }
        }
        if first.done < first.places.len() {
            return Ok(());
        }
        if let Some(FirstCount { keys, counts, border, .. }) = ledger.first.take() {
            self.store(ledger, &keys, &counts, border)?;
        }
        Ok(())
    }

    /// Counts the segments up to `border`, for each SLI those that it has not counted.
    async fn count_segments(
        &self,
        ledger: &mut Ledger,
        sources: &SliSources,
        border: u64,
    ) -> Result<(), Error> {
        let mut groups: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (key, counting) in &ledger.slis {
            if let Some(counted_to) = counting.counted_to.filter(|counted_to| *counted_to < border)
            {
                groups.entry(counted_to).or_default().push(key.clone());
            }
        }
        for (counted_to, keys) in groups {
            let of = |key: &String| ledger.slis[key].rows();
            let queries: Vec<Arc<SliQuery>> = keys.iter().filter_map(of).collect();
            let counts =
                self.parts.engine.sli_segments(sources, &queries, counted_to, border).await;
            let mut counts = counts.map_err(Error::Query)?;
            let torn = sources.torn(counted_to);
            counts.iter_mut().for_each(|counts| counts.lost_segments += torn);
            self.store(ledger, &keys, &counts, border)?;
        }
        Ok(())
    }

    fn store(
        &self,
        ledger: &mut Ledger,
        keys: &[String],
        counts: &[SliCounts],
        border: u64,
    ) -> Result<(), Error> {
        self.store.write("store what an SLI counted", |tx| {
            for (key, counts) in keys.iter().zip(counts) {
                stored::add_counts(tx, self.tenant, key, counts, border)?;
            }
            Ok(())
        })?;
        for (key, counts) in keys.iter().zip(counts) {
            if let Some(counting) = ledger.slis.get_mut(key) {
                counting.take_stored(counts, border);
            }
        }
        Ok(())
    }

    /// Counts what is not in counted segments.
    async fn count_rest(
        &self,
        ledger: &mut Ledger,
        sources: &SliSources,
        now: i64,
    ) -> Result<(), Error> {
        let Ledger { slis, cache, .. } = ledger;
        let mut slis: Vec<&mut Counting> =
            slis.values_mut().filter(|counting| counting.counted_to.is_some()).collect();
        let queries: Vec<Arc<SliQuery>> = slis.iter().filter_map(|sli| sli.rows()).collect();
        let engine = &self.parts.engine;
        let mut counts = engine.sli_buffer(sources, &queries, cache).await.map_err(Error::Query)?;
        let counted_to = slis.iter().filter_map(|sli| sli.counted_to).min().unwrap_or(0);
        if !slis.is_empty() && sources.segments_to() > counted_to {
            // Flushed since the border was set.
            let fresh = engine.sli_segments(sources, &queries, counted_to, u64::MAX).await;
            let fresh = fresh.map_err(Error::Query)?;
            counts.iter_mut().zip(&fresh).for_each(|(sum, more)| sum.add(more));
        }
        for (counting, counts) in slis.iter_mut().zip(&counts) {
            counting.take_over(counts);
            counting.settle(&counts.lags, now);
            let heard = cache
                .heard()
                .iter()
                .filter(|(service, _)| counting.services.contains_key(*service));
            let heard: BTreeMap<String, i64> =
                heard.map(|(service, at)| (service.clone(), *at)).collect();
            counting.hear(&heard);
            let oldest = slice_of(now - MEMORY_SECONDS);
            counting.stored.forget_before(oldest);
            counting.failure = None;
        }
        Ok(())
    }
}

const _: () = assert!(SLICE_NANOS == super::SLICE_SECONDS * 1_000_000_000);

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
        assert_eq!(lags(&[(0, 1_000)]), Some(5));
        assert_eq!(lags(&[(0, 980), (9, 20)]), Some(10));
        assert_eq!(lags(&[(0, 991), (63, 9)]), Some(5));
        assert_eq!(lags(&[(63, 9)]), Some(60));
    }
}
