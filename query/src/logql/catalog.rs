//! What there is: streams and their labels, how many lines and bytes they have.

use super::ast::LogQuery;
use super::gather::{Gather, Scope, gather};
use super::parse::{parse_logs, parse_selector};
use super::pipeline::Pipeline;
use super::rows::{Found, Lines};
use super::scan::Prefilter;
use super::stream::Stream;
use crate::promql::labels::{Labels, Matcher, all_match};
use crate::{Error, QueryEngine};
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Most streams that are told of.
const STREAMS_MAX: usize = 100_000;

/// Which lines are asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Selectors, of which a stream meets any; none of them is every stream.
    pub selectors: Vec<String>,
    pub start: Timestamp,
    pub end: Timestamp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamStats {
    pub streams: u64,
    pub entries: u64,
    /// Of lines.
    pub bytes: u64,
}

/// What the bytes of lines are summed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeBy {
    /// Sets of these labels; all labels that the selector names when there are none.
    Series(Vec<String>),
    /// Names of labels, of these or of all; a name stands for its own value.
    Labels(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct VolumeRequest {
    pub selection: Selection,
    pub by: VolumeBy,
    /// Most series of the answer.
    pub limit: usize,
    /// Sums of this much time each; `None` is one sum.
    pub step: Option<Duration>,
}

impl QueryEngine {
    /// The labels of all streams with a line in the time range.
    pub async fn log_streams(
        &self,
        tenant: &TenantId,
        selection: Selection,
    ) -> Result<BTreeSet<Labels>, Error> {
        let totals = self.log_totals(tenant, selection, false, None).await?;
        Ok(totals.streams.into_values().map(|stream| stream.labels.clone()).collect())
    }

    pub async fn log_stats(
        &self,
        tenant: &TenantId,
        selection: Selection,
    ) -> Result<StreamStats, Error> {
        let totals = self.log_totals(tenant, selection, true, None).await?;
        let labels: BTreeSet<&Labels> =
            totals.streams.values().map(|stream| &stream.labels).collect();
        let mut stats = StreamStats { streams: labels.len() as u64, ..StreamStats::default() };
        for total in totals.totals.values() {
            stats.entries += total.entries;
            stats.bytes += total.bytes;
        }
        Ok(stats)
    }

    /// Bytes of lines, by labels and time; the largest first.
    pub async fn log_volume(
        &self,
        tenant: &TenantId,
        request: VolumeRequest,
    ) -> Result<Vec<(Labels, Vec<(i64, u64)>)>, Error> {
        let VolumeRequest { selection, by, limit, step } = request;
        let named = named_labels(&selection.selectors)?;
        let totals = self.log_totals(tenant, selection, true, step).await?;
        let mut sums: BTreeMap<Labels, BTreeMap<i64, u64>> = BTreeMap::new();
        for ((stream, time), total) in &totals.totals {
            let Some(stream) = totals.streams.get(stream) else { continue };
            for labels in by.keys(&stream.labels, &named) {
                *sums.entry(labels).or_default().entry(*time).or_default() += total.bytes;
            }
        }
        let mut list: Vec<(Labels, Vec<(i64, u64)>)> = sums
            .into_iter()
            .map(|(labels, points)| (labels, points.into_iter().collect()))
            .collect();
        list.sort_by_key(|(_, points)| {
            std::cmp::Reverse(points.iter().map(|(_, bytes)| bytes).sum::<u64>())
        });
        list.truncate(limit);
        Ok(list)
    }

    async fn log_totals(
        &self,
        tenant: &TenantId,
        selection: Selection,
        needs_line: bool,
        step: Option<Duration>,
    ) -> Result<Totals, Error> {
        let scope = self.log_scope(tenant).await?;
        let stats = scope.stats.clone();
        let work = move |_| async move { totals(&scope, selection, needs_line, step).await };
        self.run("logql_streams", stats, work).await
    }
}

impl VolumeBy {
    /// The label sets that a stream's bytes count for.
    fn keys(&self, labels: &Labels, named: &[String]) -> Vec<Labels> {
        match self {
            VolumeBy::Series(targets) => {
                let targets = if targets.is_empty() { named } else { targets };
                let key = labels.keep(targets);
                if key.is_empty() { Vec::new() } else { vec![key] }
            }
            VolumeBy::Labels(targets) => labels
                .iter()
                .filter(|(name, _)| {
                    targets.is_empty() || targets.iter().any(|target| target == name)
                })
                .map(|(name, _)| Labels::new([(name, name)]))
                .collect(),
        }
    }
}

/// The labels that selectors name.
fn named_labels(selectors: &[String]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for selector in selectors {
        names.extend(parse_logs(selector)?.matchers.iter().map(|matcher| matcher.name.to_string()));
    }
    Ok(names)
}

async fn totals(
    scope: &Scope,
    selection: Selection,
    needs_line: bool,
    step: Option<Duration>,
) -> Result<Totals, Error> {
    let step = step.map(|step| i64::try_from(step.as_nanos()).unwrap_or(i64::MAX).max(1));
    let mut all = Totals::new(step, Vec::new());
    if selection.end <= selection.start {
        return Ok(all);
    }
    let (queries, selectors) = read(&selection.selectors)?;
    let all_time = (selection.start.0, selection.end.0.saturating_sub(1));
    for query in queries {
        let lines = lines(&query, all_time, needs_line);
        let prefilter = Prefilter::of(&query.stages);
        all.unite(gather(scope, lines, prefilter, || Totals::new(step, Vec::new())).await?)?;
    }
    if let Some(selectors) = selectors {
        let query = LogQuery { matchers: Vec::new(), stages: Vec::new(), span: Default::default() };
        let prefilter = Prefilter::of(&[]);
        let lines = lines(&query, all_time, needs_line);
        all.unite(gather(scope, lines, prefilter, || Totals::new(step, selectors.clone())).await?)?;
    }
    Ok(all)
}

/// Queries with stages are asked one by one; plain selectors all at once.
type Read = (Vec<LogQuery>, Option<Vec<Vec<Matcher>>>);

fn read(selectors: &[String]) -> Result<Read, Error> {
    let (mut queries, mut plain) = (Vec::new(), Vec::new());
    for text in selectors {
        match parse_selector(text) {
            Ok(matchers) => plain.push(matchers),
            Err(_) => queries.push(parse_logs(text)?),
        }
    }
    let wants_plain = !plain.is_empty() || queries.is_empty();
    Ok((queries, wants_plain.then_some(plain)))
}

fn lines(query: &LogQuery, (from, to): (i64, i64), needs_line: bool) -> Lines {
    let pipeline = Pipeline::new(&query.stages, None, Some(&[]));
    Lines { matchers: query.matchers.clone(), pipeline, from, to, needs_line }
}

#[derive(Debug, Clone, Copy, Default)]
struct Total {
    entries: u64,
    bytes: u64,
}

/// Lines and bytes by stream and begin of the step.
struct Totals {
    step: Option<i64>,
    /// A stream meets any; none is every stream.
    selectors: Vec<Vec<Matcher>>,
    /// By their addresses, which live as long as this.
    streams: HashMap<usize, Arc<Stream>>,
    /// Streams that no selector selects.
    others: HashMap<usize, Arc<Stream>>,
    totals: HashMap<(usize, i64), Total>,
}

impl Totals {
    fn new(step: Option<i64>, selectors: Vec<Vec<Matcher>>) -> Totals {
        Totals {
            step,
            selectors,
            streams: HashMap::new(),
            others: HashMap::new(),
            totals: HashMap::new(),
        }
    }

    /// Whether a stream is asked about.
    fn selects(&mut self, address: usize, stream: &Arc<Stream>) -> bool {
        if self.streams.contains_key(&address) {
            return true;
        }
        if self.others.contains_key(&address) {
            return false;
        }
        let selected = self.selectors.is_empty()
            || self.selectors.iter().any(|matchers| all_match(matchers, &stream.labels));
        let streams = if selected { &mut self.streams } else { &mut self.others };
        streams.insert(address, stream.clone());
        selected
    }

    fn check(&self) -> Result<(), Error> {
        if self.streams.len() + self.others.len() <= STREAMS_MAX {
            return Ok(());
        }
        Err(Error::InvalidRequest {
            message: format!("there are more than {STREAMS_MAX} streams"),
            hint: Some("narrow the selector or the time range".to_owned()),
        })
    }
}

impl Gather for Totals {
    fn take(&mut self, _: &Lines, found: Found<'_>) -> Result<(), Error> {
        let address = Arc::as_ptr(found.stream) as usize;
        if !self.selects(address, found.stream) {
            return Ok(());
        }
        let time = self.step.map_or(0, |step| found.time - found.time.rem_euclid(step));
        let total = self.totals.entry((address, time)).or_default();
        total.entries += found.weight;
        total.bytes += found.line.len() as u64 * found.weight;
        self.check()
    }

    fn unite(&mut self, other: Totals) -> Result<(), Error> {
        for ((stream, time), total) in other.totals {
            let sum = self.totals.entry((stream, time)).or_default();
            sum.entries += total.entries;
            sum.bytes += total.bytes;
        }
        self.streams.extend(other.streams);
        self.check()
    }
}
