//! Stored metrics as the series PromQL sees.
//!
//! Nothing is stored for PromQL: names, labels and the series of histograms are made when they are read, so that OTLP keeps
//! everything it came with, and a change of the naming strategy needs no rewriting.

mod cache;
mod catalog;
mod exemplars;
mod floats;
mod identity;
mod naming;
mod native;
mod points;
mod shape;
mod traces;

pub use cache::CatalogCache;
pub use exemplars::{Exemplar, ExemplarSeries};
pub use naming::Translation;
pub(crate) use traces::Traces;

use super::labels::{Labels, METRIC_NAME, Matcher, all_match};
use super::series::{Samples, is_stale};
use super::source::{Select, SeriesSource};
use crate::{Error, QueryStats};
use async_trait::async_trait;
use binnacle_storage::model::SeriesId;
use binnacle_storage::{Snapshot, Storage};
use catalog::{Catalog, Shape, StoredSeries};
use floats::Floats;
use points::{Points, Wish};
use shape::{extra_label, samples, suffixes};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The label of series that stand for all those past a cap, as names are translated and as it is.
const OVERFLOW_LABELS: [&str; 2] = ["otel_metric_overflow", "otel.metric.overflow"];

/// The metrics of one snapshot.
pub struct Store {
    storage: Storage,
    snapshot: Snapshot,
    translation: Translation,
    stats: Arc<QueryStats>,
    cache: Arc<CatalogCache>,
    /// A query may use this many.
    threads: usize,
    series: OnceCell<Catalog>,
    traces: Option<Traces>,
}

/// What is known about a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        (cache, threads): (Arc<CatalogCache>, usize),
        stats: Arc<QueryStats>,
    ) -> Store {
        let series = OnceCell::new();
        Store { storage, snapshot, translation, stats, cache, threads, series, traces: None }
    }

    async fn catalog(&self) -> Result<&Catalog, Error> {
        let how = (self.translation, &*self.cache);
        let read = || catalog::read(&self.storage, &self.snapshot, how, &self.stats);
        self.series.get_or_try_init(read).await
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
        for series in self.catalog().await?.series() {
            let metadata = series.metadata.as_ref().clone();
            let name = described_name(series.labels.metric_name(), &metadata.kind);
            match found.get_mut(name) {
                Some(known) => drop(known.insert(metadata)),
                None => drop(found.insert(name.to_owned(), BTreeSet::from([metadata]))),
            }
        }
        for (name, metadata) in self.catalog().await?.described() {
            found.entry(name.clone()).or_default().insert(metadata.as_ref().clone());
        }
        // What came without a description says less than what came with one, be it of all the metric's series.
        let is_said = |m: &Metadata| m.kind != "unknown" || !m.help.is_empty();
        let of_others: Vec<String> = found
            .iter()
            .filter(|(name, known)| {
                let family = |kind: &&str| {
                    let family = described_name(name, kind);
                    let is_kind = |m: &Metadata| m.kind == **kind;
                    family != name.as_str()
                        && found.get(family).is_some_and(|m| m.iter().any(is_kind))
                };
                !known.iter().any(is_said) && FAMILIES.iter().any(|(kind, _)| family(kind))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in of_others {
            found.remove(&name);
        }
        for known in found.values_mut() {
            if known.iter().any(is_said) {
                known.retain(is_said);
            }
        }
        Ok(found)
    }

    /// The labels of every series, whether it has samples or not: for counting.
    pub async fn all_labels(&self) -> Result<Vec<Labels>, Error> {
        Ok(self.catalog().await?.series().map(|series| series.labels.clone()).collect())
    }

    async fn exemplar_series(&self, matchers: &[Matcher]) -> Result<Vec<&StoredSeries>, Error> {
        let mut found = self.catalog().await?.candidates(matchers);
        found.retain(|series| may_match(series, matchers));
        Ok(found)
    }

    /// Samples of value 1 where any series of a target has one.
    async fn target_info(&self, select: &Select, only_first: bool) -> Result<Vec<Samples>, Error> {
        let mut members: HashMap<Labels, Vec<&StoredSeries>> = HashMap::new();
        for series in self.catalog().await?.series() {
            if let Some(labels) = &series.origin.target_info
                && all_match(&select.matchers, labels)
            {
                members.entry(labels.clone()).or_default().push(series);
            }
        }
        let from = members.values().flatten().map(|series| (series.id, select.start)).collect();
        let wish = Wish {
            from,
            exact: HashSet::new(),
            buffered_only: HashSet::new(),
            end: select.end,
            bytes_max: select.bytes_max,
            only_first,
        };
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
        let mut chosen = self.catalog().await?.candidates(&select.matchers);
        chosen.retain(|series| may_match(series, &select.matchers));
        // Running totals of deltas need all of them.
        let totals = |series: &StoredSeries| series.is_delta && !only_first;
        let from =
            |series: &&StoredSeries| (series.id, if totals(series) { 0 } else { select.start });
        let mut floats = self.floats(select, only_first, &chosen, from).await?;
        let bytes: usize = floats.values().map(Floats::size).sum();
        let wish = Wish {
            from: chosen.iter().map(from).collect(),
            exact: chosen.iter().filter(|s| totals(s)).map(|s| s.id).collect(),
            buffered_only: floats.keys().copied().collect(),
            end: select.end,
            bytes_max: select.bytes_max.saturating_sub(bytes as u64),
            only_first,
        };
        let mut points = points::read(&self.storage, &self.snapshot, &wish, &self.stats).await?;
        let mut list = self.target_info(select, only_first).await?;
        list.extend(self.of_traces(select, only_first).await?);
        let mut points_of_both = HashMap::new();
        chosen.retain(|series| {
            let Some(mut floats) = floats.remove(&series.id) else { return true };
            let Some(points) = points.remove(&series.id).and_then(|points| floats.append(points))
            else {
                list.push(floats.into_samples(series.labels.clone()));
                return false;
            };
            points_of_both.insert(series.id, floats.into_points(points));
            true
        });
        points.extend(points_of_both);
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

    /// Of series that are likely to have nothing else, what segments hold.
    async fn floats(
        &self,
        select: &Select,
        only_first: bool,
        chosen: &[&StoredSeries],
        from: impl Fn(&&StoredSeries) -> (SeriesId, i64),
    ) -> Result<HashMap<SeriesId, Floats>, Error> {
        let plain = |series: &&&StoredSeries| {
            let is_float = series.shape == Shape::Samples && series.metadata.kind != "histogram";
            is_float && !series.is_delta
        };
        let from: Vec<(SeriesId, i64)> = chosen.iter().filter(plain).map(from).collect();
        let Some(first) = from.iter().map(|(_, from)| *from).min() else {
            return Ok(HashMap::new());
        };
        let range = points::time_range(first, select.end);
        let wish = floats::Wish {
            from: &from,
            end: select.end,
            bytes_max: select.bytes_max,
            only_first,
            threads: self.threads,
        };
        floats::read(&self.snapshot, range, &wish, &self.stats).await
    }
}

/// Endings of the series that a metric of each kind is made of.
const FAMILIES: [(&str, &[&str]); 3] = [
    ("histogram", &["_bucket", "_sum", "_count"]),
    ("gaugehistogram", &["_bucket", "_gsum", "_gcount"]),
    ("summary", &["_sum", "_count"]),
];

/// The name by which a metric is described of whose series one is called `name`.
fn described_name<'n>(name: &'n str, kind: &str) -> &'n str {
    let endings = FAMILIES.iter().filter(|(family, _)| *family == kind);
    let mut endings = endings.flat_map(|(_, endings)| endings.iter());
    endings.find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
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
        let own = if series.is_delta {
            own.deltas(OVERFLOW_LABELS.iter().any(|label| series.labels.value(label) == "true"))
        } else {
            own.sorted()
        };
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

/// The samples not before `start`, and the totals up to it.
fn since(mut samples: Samples, start: i64) -> Samples {
    let floats = samples.times.partition_point(|time| *time < start);
    let histograms = samples.histogram_times.partition_point(|time| *time < start);
    if let Some(totals) = &mut samples.deltas {
        let values = samples.values[..floats].iter().rev();
        totals.value = values.copied().find(|value| !is_stale(*value)).unwrap_or(totals.value);
        let mut before = samples.histograms[..histograms].iter().rev();
        totals.histogram = before.find(|histogram| !is_stale(histogram.sum)).cloned();
    }
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

#[cfg(test)]
mod tests;
