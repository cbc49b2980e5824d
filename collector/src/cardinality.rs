//! Cardinality: how many series each tenant has, what they are made of, and what happens to those past the cap.
//!
//! A series counts while it is sent: for an hour or two after its last data point. A new one past a cap is not refused; its
//! points go to the overflow series of its metric, marked as OpenTelemetry marks it, and the sender is told.
//! Counting begins with what segments hold of the last hour before the last stop; requests that come back from the WAL then
//! take the same way as when they were sent, in WAL order, so that the same ones pass and the same ones overflow.

use binnacle_storage::batch::{AttributeColumn, Batch, Column, Rows, TableBatch, Values};
use binnacle_storage::model::{Format, SeriesId, Table, TenantId, Timestamp, Value};
use parking_lot::{Mutex, RwLock};
use prometheus_client::metrics::counter::Counter;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The attribute of overflow series, by OpenTelemetry's convention, and the label of those of remote write, whose names are
/// kept as they come.
const OVERFLOW_KEY: &str = "otel.metric.overflow";
const OVERFLOW_LABEL: &str = "otel_metric_overflow";

/// How long a series counts at least after it was last sent; at most twice as long.
const WINDOW_NANOS: i64 = 3_600_000_000_000;
pub const WINDOW: Duration = Duration::from_nanos(WINDOW_NANOS as u64);

/// Tenants counted; past it the caps of others are not kept.
const TENANTS_MAX: usize = 10_000;

/// Labels and metrics counted by name; more are counted together.
const NAMES_MAX: usize = 50_000;
const OTHERS: &str = "(others)";

/// What each tenant may have. 0: no cap.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    pub series: usize,
    pub label_values: usize,
}

/// Series of all tenants.
#[derive(Debug)]
pub struct Cardinality {
    caps: Caps,
    /// Each behind its own lock, so that no tenant waits for another's counting.
    tenants: RwLock<HashMap<TenantId, Arc<Mutex<TenantSeries>>>>,
    /// Series put into an overflow series, each time one was sent.
    overflowed: Counter,
}

/// What one tenant sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardinalityReport {
    /// Series now.
    pub series: usize,
    pub series_max: usize,
    pub label_values_max: usize,
    /// Series rows put into overflow series since the start.
    pub overflowed: u64,
    /// When counting began.
    pub since: Timestamp,
    /// Series by metric, by label (with its distinct values) and by source, the most first.
    pub metrics: Vec<(String, u64)>,
    pub labels: Vec<LabelReport>,
    pub sources: Vec<(String, u64)>,
    /// New series by hour, the latest last: Unix ns of the hour's start, count.
    pub growth: Vec<(Timestamp, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelReport {
    pub name: String,
    pub values: u64,
    pub series: u64,
}

/// Hours of growth remembered.
const GROWTH_HOURS_MAX: usize = 48;

#[derive(Debug, Default)]
struct TenantSeries {
    since: Timestamp,
    /// Sent since the last turn; and before it, but not since.
    current: Generation,
    previous: Generation,
    turned_at: Timestamp,
    overflowed: u64,
    growth: BTreeMap<i64, u64>,
}

#[derive(Debug, Default)]
struct Generation {
    series: HashSet<SeriesId>,
    metrics: HashMap<Box<str>, u64>,
    sources: HashMap<Box<str>, u64>,
    labels: HashMap<Box<str>, Label>,
}

#[derive(Debug, Default)]
struct Label {
    series: u64,
    values: HashSet<u64>,
}

/// One series row of a batch.
struct Row<'b> {
    id: SeriesId,
    name: &'b str,
    source: &'b str,
    /// Label and hash of its value.
    labels: Vec<(&'b str, u64)>,
}

impl Cardinality {
    pub fn new(caps: Caps) -> Cardinality {
        Cardinality { caps, tenants: RwLock::default(), overflowed: Counter::default() }
    }

    pub fn overflowed(&self) -> Counter {
        self.overflowed.clone()
    }

    /// Counts the series of a batch, and moves those past a cap to overflow series. Answers with what the sender is told.
    pub fn admit(
        &self,
        tenant: &TenantId,
        format: Format,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Option<String> {
        let series = batch.table(Table::Series)?;
        let key = match format {
            Format::OtlpProtobuf | Format::OtlpJson => OVERFLOW_KEY,
            Format::RemoteWrite1 | Format::RemoteWrite2 => OVERFLOW_LABEL,
        };
        let mut moved = HashMap::new();
        let mut reason = String::new();
        {
            let known = self.known(tenant, now)?;
            let mut known = known.lock();
            known.turn(now);
            let fresh: Vec<bool> = (0..series.rows)
                .map(|row| !known.current.series.contains(&series_id(series, row)))
                .collect();
            if !fresh.contains(&true) {
                return None;
            }
            for (index, row) in rows(series, &fresh) {
                if let Err(full) = known.admit(&row, self.caps, now) {
                    moved.insert(row.id, overflow_id(series, index, key));
                    reason = full;
                }
            }
            known.overflowed += moved.len() as u64;
        }
        if moved.is_empty() {
            return None;
        }
        self.overflowed.inc_by(moved.len() as u64);
        batch.overflow(&moved, key);
        let count = moved.len();
        Some(format!("{count} series were put into overflow series ({key}=true): {reason}"))
    }

    /// Counts stored series that arrived since `since`, whatever the caps. As if the last turn was when the first of them
    /// arrived.
    pub fn seed(&self, tenant: &TenantId, series: &TableBatch, since: Timestamp) {
        let arrived = |row: u32| match series.column("ingested_at").map(|column| &column.values) {
            Some(Values::Int(times)) => Timestamp(times.get(row as usize)),
            _ => Timestamp(0),
        };
        let mut wanted: Vec<bool> = (0..series.rows).map(|row| arrived(row) >= since).collect();
        for attribute in &series.attributes {
            if [OVERFLOW_KEY, OVERFLOW_LABEL].contains(&&*attribute.key) {
                let flagged = 0..attribute.column.len();
                flagged.for_each(|index| wanted[attribute.column.row(index) as usize] = false);
            }
        }
        let times = (0..series.rows).filter(|row| wanted[*row as usize]).map(arrived);
        let Some(first) = times.min() else { return };
        let Some(known) = self.known(tenant, first) else { return };
        let mut known = known.lock();
        known.since = known.since.min(first);
        known.turned_at = known.turned_at.min(first);
        for (_, row) in rows(series, &wanted) {
            if !known.current.series.contains(&row.id) {
                known.current.add(&row);
            }
        }
    }

    /// What a tenant sends now; at most `limit` entries of each list.
    pub fn report(&self, tenant: &TenantId, limit: usize) -> CardinalityReport {
        let known = self.tenants.read().get(tenant).cloned();
        let Some(known) = known else {
            return CardinalityReport {
                series_max: self.caps.series,
                label_values_max: self.caps.label_values,
                ..CardinalityReport::default()
            };
        };
        known.lock().report(self.caps, limit)
    }

    /// What is known of a tenant; `None` when there are too many.
    fn known(&self, tenant: &TenantId, now: Timestamp) -> Option<Arc<Mutex<TenantSeries>>> {
        if let Some(known) = self.tenants.read().get(tenant) {
            return Some(known.clone());
        }
        let mut tenants = self.tenants.write();
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(tenant) {
            return None;
        }
        let new = || Arc::new(Mutex::new(TenantSeries::new(now)));
        Some(tenants.entry(tenant.clone()).or_insert_with(new).clone())
    }
}

impl TenantSeries {
    fn new(now: Timestamp) -> TenantSeries {
        TenantSeries { since: now, turned_at: now, ..TenantSeries::default() }
    }

    /// Forgets what was not sent for a whole window.
    fn turn(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.turned_at.0) >= WINDOW_NANOS {
            self.previous = std::mem::take(&mut self.current);
            if now.0.saturating_sub(self.turned_at.0) >= 2 * WINDOW_NANOS {
                self.previous = Generation::default();
            }
            self.turned_at = now;
        }
    }

    /// Counts a series, or says which cap it would pass.
    fn admit(&mut self, row: &Row<'_>, caps: Caps, now: Timestamp) -> Result<(), String> {
        if self.current.series.contains(&row.id) {
            return Ok(());
        }
        if self.previous.series.contains(&row.id) {
            self.previous.remove(row);
            self.current.add(row);
            return Ok(());
        }
        let active = self.current.series.len() + self.previous.series.len();
        if caps.series > 0 && active >= caps.series {
            return Err(format!("the tenant has {active} series, as many as it may"));
        }
        for (label, value) in &row.labels {
            if caps.label_values > 0 && self.is_full(label, *value, caps.label_values) {
                let most = caps.label_values;
                return Err(format!("label '{label}' has {most} values, as many as it may"));
            }
        }
        self.current.add(row);
        let hour = now.0 - now.0.rem_euclid(WINDOW_NANOS);
        *self.growth.entry(hour).or_default() += 1;
        if self.growth.len() > GROWTH_HOURS_MAX {
            self.growth.pop_first();
        }
        Ok(())
    }

    fn is_full(&self, label: &str, value: u64, most: usize) -> bool {
        let of = |generation: &Generation| {
            let known = generation.labels.get(label);
            let has = known.is_some_and(|label| label.values.contains(&value));
            (has, known.map_or(0, |label| label.values.len()))
        };
        let ((now, many), (before, more)) = (of(&self.current), of(&self.previous));
        // A value of both generations is counted twice; the larger is a count of neither too many.
        !now && !before && many.max(more) >= most
    }

    fn report(&self, caps: Caps, limit: usize) -> CardinalityReport {
        let both = [&self.current, &self.previous];
        let counts = |of: fn(&Generation) -> &HashMap<Box<str>, u64>| {
            let mut sums: HashMap<&str, u64> = HashMap::new();
            for (name, count) in both.iter().flat_map(|generation| of(generation)) {
                *sums.entry(name).or_default() += count;
            }
            let sums = sums.into_iter().filter(|(_, count)| *count > 0);
            top(sums.map(|(name, count)| (name.to_owned(), count)).collect(), limit)
        };
        let mut labels: HashMap<&str, (u64, HashSet<u64>)> = HashMap::new();
        for (name, label) in both.iter().flat_map(|generation| &generation.labels) {
            let sum = labels.entry(name).or_default();
            sum.0 += label.series;
            sum.1.extend(&label.values);
        }
        let mut labels: Vec<LabelReport> = labels
            .into_iter()
            .map(|(name, (series, values))| LabelReport {
                name: name.to_owned(),
                values: values.len() as u64,
                series,
            })
            .collect();
        labels.sort_by(|a, b| b.values.cmp(&a.values).then_with(|| a.name.cmp(&b.name)));
        labels.truncate(limit);
        CardinalityReport {
            series: self.current.series.len() + self.previous.series.len(),
            series_max: caps.series,
            label_values_max: caps.label_values,
            overflowed: self.overflowed,
            since: self.since,
            metrics: counts(|generation| &generation.metrics),
            labels,
            sources: counts(|generation| &generation.sources),
            growth: self.growth.iter().map(|(hour, count)| (Timestamp(*hour), *count)).collect(),
        }
    }
}

fn top(mut counts: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(limit);
    counts
}

impl Generation {
    fn add(&mut self, row: &Row<'_>) {
        self.series.insert(row.id);
        *entry(&mut self.metrics, row.name) += 1;
        *entry(&mut self.sources, row.source) += 1;
        for (label, value) in &row.labels {
            let label = entry(&mut self.labels, label);
            label.series += 1;
            label.values.insert(*value);
        }
    }

    /// The values of labels stay: others may have them too.
    fn remove(&mut self, row: &Row<'_>) {
        self.series.remove(&row.id);
        let take = |count: &mut u64| *count = count.saturating_sub(1);
        self.metrics.get_mut(row.name).map(take);
        self.sources.get_mut(row.source).map(take);
        for (label, _) in &row.labels {
            if let Some(label) = self.labels.get_mut(*label) {
                label.series = label.series.saturating_sub(1);
            }
        }
    }
}

/// The entry of a name, or of all others once there are too many names.
fn entry<'m, V: Default>(map: &'m mut HashMap<Box<str>, V>, name: &str) -> &'m mut V {
    let name = if map.len() >= NAMES_MAX && !map.contains_key(name) { OTHERS } else { name };
    if !map.contains_key(name) {
        map.insert(name.into(), V::default());
    }
    map.get_mut(name).expect("it was put there")
}

/// The marked rows with what is counted of them. Descriptions without points are no series.
fn rows<'b>(series: &'b TableBatch, marked: &[bool]) -> Vec<(u32, Row<'b>)> {
    let mut labels: HashMap<u32, Vec<(&str, u64)>> = HashMap::new();
    for attribute in &series.attributes {
        for index in 0..attribute.column.len() {
            let row = attribute.column.row(index);
            if marked[row as usize] {
                let value = value_hash(attribute, index);
                labels.entry(row).or_default().push((&attribute.key, value));
            }
        }
    }
    let is_series = |row: &u32| marked[*row as usize] && text(series, "type", *row) != "metadata";
    let make = |row: u32| {
        let labels = labels.remove(&row).unwrap_or_default();
        let service = text(series, "service", row);
        let source = if service.is_empty() { job(series, row) } else { service };
        let (id, name) = (series_id(series, row), text(series, "name", row));
        (row, Row { id, name, source, labels })
    };
    (0..series.rows).filter(is_series).map(make).collect()
}

/// Who sent a series that has no service: Prometheus's `job`.
fn job(series: &TableBatch, row: u32) -> &str {
    let job = series.attributes.iter().find(|attribute| &*attribute.key == "job");
    let value = job.and_then(|job| Some((job, find(&job.column, row)?)));
    match value.map(|(job, index)| job.value(index)) {
        Some(Value::String(job)) => job,
        _ => "",
    }
}

fn value_hash(attribute: &AttributeColumn, index: usize) -> u64 {
    match attribute.value(index) {
        Value::String(text) => xxh3_64(text.as_bytes()),
        Value::Int(number) => xxh3_64(&number.to_le_bytes()),
        Value::Double(number) => xxh3_64(&number.to_bits().to_le_bytes()),
        Value::Bool(flag) => u64::from(flag),
        _ => 0,
    }
}

fn series_id(series: &TableBatch, row: u32) -> SeriesId {
    match series.column("series_id").map(|column| &column.values) {
        Some(Values::Fixed { bytes, .. }) => {
            let id = bytes.get(row as usize * 16..).and_then(|bytes| bytes.first_chunk());
            SeriesId(id.copied().unwrap_or_default())
        }
        _ => SeriesId::default(),
    }
}

/// A text of a required column.
fn text<'b>(series: &'b TableBatch, column: &str, row: u32) -> &'b str {
    std::str::from_utf8(bytes(series, column, row)).unwrap_or_default()
}

fn bytes<'b>(series: &'b TableBatch, column: &str, row: u32) -> &'b [u8] {
    match series.column(column).map(|column| &column.values) {
        Some(Values::Text(strings) | Values::Bytes(strings)) => strings.value(row as usize),
        _ => &[],
    }
}

fn find(column: &Column, row: u32) -> Option<usize> {
    match &column.rows {
        Rows::Sparse(rows) => rows.find(row),
        Rows::Dense => Some(row as usize),
    }
}

/// The overflow series of a metric: one per name, type, resource and scope.
fn overflow_id(series: &TableBatch, row: u32, key: &str) -> SeriesId {
    let mut hash = Xxh3::new();
    hash.update(b"overflow");
    hash.update(key.as_bytes());
    for column in ["name", "type", "resource", "scope"] {
        let bytes = bytes(series, column, row);
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    SeriesId(hash.digest128().to_be_bytes())
}

#[cfg(test)]
mod tests;
