//! The ledger: all SLIs of one tenant's table, brought up to now together, so that rows are read once for all of them.

use super::asking::Asking;
use super::counting::{Counting, MEMORY_SECONDS};
use super::edges::Edges;
use super::first::First;
use super::history::{hour_of, slice_of};
use super::stored;
use super::stored_groups;
use crate::alerting::Parts;
use crate::{Error, Store};
use binnacle_query::sli::{SliCache, SliCounts, SliGroup, SliQuery, SliSlices, SliSources};
use binnacle_storage::model::{Table, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one look counts what is stored for new SLIs; the others wait meanwhile.
const FIRST_AT_ONCE: Duration = Duration::from_secs(2);

/// Groups keep slices so much longer than the longest period asks for: alerts look back from before its end.
const GROUP_SLACK_SECONDS: i64 = 86_400;

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
    counts: Vec<First>,
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
        for counting in ledger.slis.values() {
            counting.groups.set_oldest(oldest_of_groups(counting, now));
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

    /// Brings those up to now that have no rows of their own. One that cannot be asked does not hold up the others.
    pub async fn ask(&self, ledger: &mut Ledger, now: i64) -> Result<bool, Error> {
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
            counts: keys.iter().map(|_| First::default()).collect(),
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
            first.counts.iter_mut().zip(more).for_each(|(sum, more)| sum.add(more));
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
            self.store_first(ledger, &keys, counts, border)?;
        }
        Ok(())
    }

    fn store_first(
        &self,
        ledger: &mut Ledger,
        keys: &[String],
        counts: Vec<First>,
        border: u64,
    ) -> Result<(), Error> {
        self.store.write("store what an SLI counted first", |tx| {
            for (key, first) in keys.iter().zip(&counts) {
                stored::add_first(tx, self.tenant, key, first, border)?;
            }
            Ok(())
        })?;
        for (key, first) in keys.iter().zip(counts) {
            if let Some(counting) = ledger.slis.get_mut(key) {
                counting.take_first(first, border);
            }
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
        for (key, counts) in keys.iter().zip(counts) {
            if let Some(counting) = ledger.slis.get_mut(key) {
                self.fill(counting, &counts.groups, None)?;
            }
        }
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
            self.fill(counting, &counts.groups, None)?;
            counting.take_over(counts);
            counting.settle(&counts.lags, now);
            let heard = cache
                .heard()
                .iter()
                .filter(|(service, _)| counting.services.contains_key(*service));
            let heard: BTreeMap<String, i64> =
                heard.map(|(service, at)| (service.clone(), *at)).collect();
            counting.hear(&heard);
            counting.all.forget_before(slice_of(now - MEMORY_SECONDS));
            let edges = Edges::of(&counting.policies, counting.watermark);
            if counting.groups.is_new(&edges) {
                self.fill(counting, &BTreeMap::new(), Some(&edges))?;
                counting.groups.thin(edges);
                self.forget_old(counting, now)?;
            }
            counting.failure = None;
        }
        self.keep_groups(ledger, now)
    }

    fn forget_old(&self, counting: &Counting, now: i64) -> Result<(), Error> {
        let (key, hour) = (counting.sli.key(), hour_of(oldest_of_groups(counting, now)));
        let groups = counting.groups.tallies().keys();
        self.store.write("forget old slices of groups", |tx| {
            stored_groups::delete_before(tx, self.tenant, &key, groups, hour)
        })
    }

    /// Brings back slices of groups that are about to change, or to be looked into.
    fn fill(
        &self,
        counting: &mut Counting,
        changing: &BTreeMap<SliGroup, SliSlices>,
        edges: Option<&Edges>,
    ) -> Result<(), Error> {
        let missing = counting.groups.missing(changing, edges);
        if missing.is_empty() {
            return Ok(());
        }
        let key = counting.sli.key();
        let filled = self.store.read("read slices of groups", |connection| {
            stored_groups::find_hours(connection, self.tenant, &key, missing)
        })?;
        counting.groups.fill(filled);
        Ok(())
    }

    /// Stores which groups are new, and forgets those of which nothing is left.
    fn keep_groups(&self, ledger: &mut Ledger, now: i64) -> Result<(), Error> {
        for (key, counting) in &mut ledger.slis {
            let oldest = oldest_of_groups(counting, now);
            let gone = counting.groups.forget_before(oldest);
            let unsaved = counting.groups.unsaved();
            if gone.is_empty() && unsaved.is_empty() {
                continue;
            }
            self.store.write("store the groups of an SLI", |tx| {
                for group in unsaved {
                    stored_groups::add_group(tx, self.tenant, key, group)?;
                }
                for group in &gone {
                    stored_groups::delete_group(tx, self.tenant, key, group)?;
                }
                Ok(())
            })?;
            counting.groups.saved();
        }
        Ok(())
    }
}

/// The first slice that groups keep.
fn oldest_of_groups(counting: &Counting, now: i64) -> i64 {
    let back = counting.seconds_back(now) + GROUP_SLACK_SECONDS;
    slice_of(now - back.min(MEMORY_SECONDS))
}
