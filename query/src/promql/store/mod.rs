//! Stored metrics as the series PromQL sees.
//!
//! Nothing is stored for PromQL: names, labels and the series of histograms are made when they are read, so that OTLP keeps
//! everything it came with, and a change of the naming strategy needs no rewriting.

mod catalog;
mod exemplars;
mod identity;
mod naming;
mod native;
mod points;
mod shape;
#[cfg(test)]
mod tests;

pub use exemplars::{Exemplar, ExemplarSeries};
pub use naming::Translation;

use super::labels::{Labels, METRIC_NAME, Matcher, all_match};
use super::series::Samples;
use super::source::{Select, SeriesSource};
use crate::{Error, QueryStats};
use async_trait::async_trait;
use binnacle_storage::model::SeriesId;
use binnacle_storage::{Snapshot, Storage};
use catalog::{Catalog, StoredSeries};
use points::{Points, Wish};
use shape::{extra_label, samples, suffixes};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The metrics of one snapshot.
pub struct Store {
    storage: Storage,
    snapshot: Snapshot,
    translation: Translation,
    stats: Arc<QueryStats>,
    series: OnceCell<Catalog>,
}

/// What is known about a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// `counter`, `gauge`, … as Prometheus's API names types.
    pub kind: String,
    pub help: String,
    pub unit: String,
}

impl Store {
    pub fn new(
        storage: Storage,
        snapshot: Snapshot,
        translation: Translation,
        stats: Arc<QueryStats>,
    ) -> Store {
        Store { storage, snapshot, translation, stats, series: OnceCell::new() }
    }

    async fn catalog(&self) -> Result<&Catalog, Error> {
        let read = || catalog::read(&self.storage, &self.snapshot, self.translation, &self.stats);
        self.series.get_or_try_init(read).await
    }

    async fn stored(&self) -> Result<&[StoredSeries], Error> {
        Ok(&self.catalog().await?.series)
    }

    /// The labels of all series that meet any of the sets of matchers and have samples in the time range.
    pub async fn labels(
        &self,
        sets: &[Vec<Matcher>],
        (start, end): (i64, i64),
        bytes_max: u64,
    ) -> Result<BTreeSet<Labels>, Error> {
        let mut found = BTreeSet::new();
        for matchers in sets {
            let select = Select { matchers: matchers.clone(), start, end, bytes_max };
            let series = self.read(&select, true).await?;
            found.extend(series.into_iter().map(|samples| samples.labels));
        }
        Ok(found)
    }

    /// Types, descriptions and units by metric name.
    pub async fn metadata(&self) -> Result<BTreeMap<String, BTreeSet<Metadata>>, Error> {
        let mut found: BTreeMap<String, BTreeSet<Metadata>> = BTreeMap::new();
        for series in self.stored().await? {
            let metadata = series.metadata.clone();
            found.entry(series.labels.metric_name().to_owned()).or_default().insert(metadata);
        }
        for (name, metadata) in &self.catalog().await?.described {
            found.entry(name.clone()).or_default().insert(metadata.clone());
        }
        // What came without a description says less than what came with one.
        for known in found.values_mut() {
            let is_said = |m: &Metadata| m.kind != "unknown" || !m.help.is_empty();
            if known.iter().any(is_said) {
                known.retain(is_said);
            }
        }
        Ok(found)
    }

    /// The labels of every series, whether it has samples or not: for counting.
    pub async fn all_labels(&self) -> Result<Vec<Labels>, Error> {
        Ok(self.stored().await?.iter().map(|series| series.labels.clone()).collect())
    }

    async fn exemplar_series(&self, matchers: &[Matcher]) -> Result<Vec<&StoredSeries>, Error> {
        let stored = self.stored().await?.iter();
        Ok(stored.filter(|series| may_match(series, matchers)).collect())
    }

    /// Samples of value 1 where any series of a target has one.
    async fn target_info(&self, select: &Select, only_first: bool) -> Result<Vec<Samples>, Error> {
        let mut members: HashMap<Labels, Vec<&StoredSeries>> = HashMap::new();
        for series in self.stored().await? {
            if let Some(labels) = &series.origin.target_info
                && all_match(&select.matchers, labels)
            {
                members.entry(labels.clone()).or_default().push(series);
            }
        }
        let from = members.values().flatten().map(|series| (series.id, select.start)).collect();
        let exact = HashSet::new();
        let wish = Wish { from, exact, end: select.end, bytes_max: select.bytes_max, only_first };
        let mut points = points::read(&self.storage, &self.snapshot, &wish, &self.stats).await?;
        let mut list = Vec::new();
        for (labels, members) in members {
            let mut times = BTreeSet::new();
            for series in members {
                times.extend(points.remove(&series.id).unwrap_or_default().times);
            }
            let values = vec![1.0; times.len()];
            list.push(Samples {
                labels,
                times: times.into_iter().collect(),
                values,
                ..Samples::default()
            });
        }
        Ok(list)
    }
}

/// Whether any series a stored one is answered as can meet the matchers. Bounds and quantiles are not known yet.
fn may_match(series: &StoredSeries, matchers: &[Matcher]) -> bool {
    suffixes(series.shape).iter().any(|suffix| {
        let name = format!("{}{suffix}", series.labels.metric_name());
        let unknown = extra_label(series.shape, suffix);
        matchers.iter().all(|matcher| match &*matcher.name {
            METRIC_NAME => matcher.matches(&name),
            label if Some(label) == unknown => true,
            label => matcher.matches(series.labels.value(label)),
        })
    })
}

#[async_trait]
impl SeriesSource for Store {
    async fn select(&self, select: &Select) -> Result<Vec<Samples>, Error> {
        self.read(select, false).await
    }
}

impl Store {
    async fn read(&self, select: &Select, only_first: bool) -> Result<Vec<Samples>, Error> {
        let stored = self.stored().await?.iter();
        let chosen: Vec<&StoredSeries> =
            stored.filter(|series| may_match(series, &select.matchers)).collect();
        // Running totals of deltas need all of them.
        let totals = |series: &StoredSeries| series.is_delta && !only_first;
        let from =
            |series: &&StoredSeries| (series.id, if totals(series) { 0 } else { select.start });
        let wish = Wish {
            from: chosen.iter().map(from).collect(),
            exact: chosen.iter().filter(|s| totals(s)).map(|s| s.id).collect(),
            end: select.end,
            bytes_max: select.bytes_max,
            only_first,
        };
        let mut points = points::read(&self.storage, &self.snapshot, &wish, &self.stats).await?;
        let mut list = self.target_info(select, only_first).await?;
        for (series, points) in gathered(&chosen, &mut points) {
            for samples in samples(series, &points)? {
                if all_match(&select.matchers, &samples.labels) {
                    list.push(if totals(series) { since(samples, select.start) } else { samples });
                }
            }
        }
        list.retain(|samples| !samples.is_empty());
        list.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(joined(list))
    }
}

/// The points of each series. Deltas of senders that have the same labels are those of one: they add up to one total.
fn gathered<'a>(
    chosen: &[&'a StoredSeries],
    points: &mut HashMap<SeriesId, Points>,
) -> Vec<(&'a StoredSeries, Points)> {
    let mut gathered: Vec<(&StoredSeries, Points)> = Vec::with_capacity(chosen.len());
    let mut places: HashMap<_, usize> = HashMap::new();
    for series in chosen {
        let Some(own) = points.remove(&series.id) else { continue };
        let own = own.sorted();
        if series.is_delta {
            match places.entry((&series.labels, series.shape)) {
                Entry::Occupied(place) => {
                    gathered[*place.get()].1.extend(own);
                    continue;
                }
                Entry::Vacant(place) => {
                    place.insert(gathered.len());
                }
            }
        }
        gathered.push((*series, own));
    }
    for (_, points) in gathered.iter_mut().filter(|(series, _)| series.is_delta) {
        *points = std::mem::take(points).in_order();
    }
    gathered
}

/// The samples not before `start`.
fn since(mut samples: Samples, start: i64) -> Samples {
    let floats = samples.times.partition_point(|time| *time < start);
    let histograms = samples.histogram_times.partition_point(|time| *time < start);
    samples.times.drain(..floats);
    samples.values.drain(..floats);
    samples.starts.drain(..floats.min(samples.starts.len()));
    samples.histogram_times.drain(..histograms);
    samples.histograms.drain(..histograms);
    samples.histogram_starts.drain(..histograms.min(samples.histogram_starts.len()));
    samples
}

/// Stored series of the same labels are one: sent by two ways, or with another description. Of two samples of one time the
/// last one counts.
fn joined(sorted: Vec<Samples>) -> Vec<Samples> {
    let mut list: Vec<Samples> = Vec::with_capacity(sorted.len());
    for samples in sorted {
        match list.last_mut() {
            Some(last) if last.labels == samples.labels => *last = join(last, &samples),
            _ => list.push(samples),
        }
    }
    list
}

fn join(a: &Samples, b: &Samples) -> Samples {
    let start = |starts: &[i64], at: usize| starts.get(at).copied().unwrap_or(0);
    let mut floats = BTreeMap::new();
    let mut histograms = BTreeMap::new();
    for part in [a, b] {
        for (at, time) in part.times.iter().enumerate() {
            histograms.remove(time);
            floats.insert(*time, (part.values[at], start(&part.starts, at)));
        }
        for (at, time) in part.histogram_times.iter().enumerate() {
            floats.remove(time);
            histograms
                .insert(*time, (part.histograms[at].clone(), start(&part.histogram_starts, at)));
        }
    }
    let mut joined = Samples { labels: a.labels.clone(), ..Samples::default() };
    for (time, (value, start)) in floats {
        joined.times.push(time);
        joined.values.push(value);
        joined.starts.push(start);
    }
    for (time, (histogram, start)) in histograms {
        joined.histogram_times.push(time);
        joined.histograms.push(histogram);
        joined.histogram_starts.push(start);
    }
    joined.hint_resets();
    joined
}
