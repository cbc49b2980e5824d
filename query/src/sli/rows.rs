//! The events among the rows of a segment or a chunk.

use super::counts::{FUTURE_NANOS_MAX, SLICE_NANOS, SliCounts};
use super::filter::SliQuery;
use super::groups::SliGroup;
use crate::Error;
use crate::rows::{Columns, Shared};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TraceId, WEIGHT_COLUMN};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// What storage tells duplicates of spans by.
pub(super) const IDENTITY_COLUMNS: [&str; 7] =
    ["trace_id", "span_id", "service", "name", "kind", "start_time", "duration"];

/// A span's identity as a hash.
pub(super) type Identity = u128;

/// What counting needs of rows beside what the filters need.
pub(super) fn counted_columns(table: Table) -> Vec<String> {
    let time: &[&str] = match table {
        Table::Spans => &IDENTITY_COLUMNS,
        _ => &["time", "service"],
    };
    let columns = time.iter().chain(&["ingested_at", WEIGHT_COLUMN]);
    columns.map(|column| (*column).to_owned()).collect()
}

/// A row that is an event of some query.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Of spans: what it is told by, its trace, and when it began and ended.
    pub identity: Identity,
    pub trace_id: TraceId,
    pub start: i64,
    pub end: i64,
    slice: i64,
    weight: u32,
    service: u32,
    lag: i64,
    /// For each query what it is of it, if it is one of its events.
    by_query: Vec<Option<Judged>>,
}

impl Event {
    /// Whether it is good for a query, if it is one of its events.
    pub fn is_good(&self, query: usize) -> Option<bool> {
        self.by_query[query].map(|judged| judged.is_good)
    }
}

/// What an event is for a query.
#[derive(Debug, Clone, Copy)]
struct Judged {
    is_good: bool,
    /// The number of its group, if events are told apart.
    group: Option<u32>,
}

/// The events of one source for a list of queries.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub events: Vec<Event>,
    /// Of each event its row in the batch it came from.
    rows: Vec<usize>,
    services: Vec<String>,
    /// When anything of a service arrived last.
    heard: BTreeMap<String, i64>,
    /// By number, and their numbers.
    groups: Vec<SliGroup>,
    numbers: HashMap<SliGroup, u32>,
}

impl Events {
    /// Adds the events of a batch. `identities` is given those of all rows, events or not.
    pub fn add(
        &mut self,
        batch: &RecordBatch,
        table: Table,
        queries: &[Arc<SliQuery>],
        shared: &mut Shared,
        identities: Option<&mut Vec<Identity>>,
    ) -> Result<(), Error> {
        let mut by_row: BTreeMap<usize, Vec<Option<Judged>>> = BTreeMap::new();
        for (index, query) in queries.iter().enumerate() {
            let events = query.events(batch, shared)?;
            let groups = self.group_numbers(query, batch, shared, &events)?;
            for (place, (row, is_good)) in events.into_iter().enumerate() {
                let of_row = by_row.entry(row).or_insert_with(|| vec![None; queries.len()]);
                of_row[index] = Some(Judged { is_good, group: groups.get(place).copied() });
            }
        }
        let columns = Columns(batch);
        let (services, arrivals) = (columns.text("service")?, columns.int("ingested_at")?);
        for row in 0..batch.num_rows() {
            let (Some(service), Some(at)) = (services.value(row), arrivals.value(row)) else {
                continue;
            };
            match self.heard.get_mut(service) {
                Some(last) => *last = (*last).max(at),
                None => drop(self.heard.insert(service.to_owned(), at)),
            }
        }
        let spans = (table == Table::Spans).then(|| Spans::of(batch)).transpose()?;
        if let (Some(spans), Some(identities)) = (&spans, identities) {
            identities.extend((0..batch.num_rows()).map(|row| spans.identity(row)));
        }
        let (times, weights) = (columns.int("time")?, columns.int(WEIGHT_COLUMN)?);
        for (row, by_query) in by_row {
            let time = match &spans {
                Some(spans) => spans.end(row),
                None => times.value(row).unwrap_or(0),
            };
            let service = services.value(row).unwrap_or_default();
            self.rows.push(row);
            self.events.push(Event {
                identity: spans.as_ref().map_or(0, |spans| spans.identity(row)),
                trace_id: spans.as_ref().map_or(TraceId([0; 16]), |spans| spans.trace_id(row)),
                start: spans.as_ref().map_or(time, |spans| spans.start(row)),
                end: time,
                slice: time.div_euclid(SLICE_NANOS),
                weight: weights.weight(row),
                service: code_of(service, &mut self.services),
                lag: arrivals.value(row).unwrap_or(time).saturating_sub(time),
                by_query,
            });
        }
        Ok(())
    }

    /// The number of each event's group; none for a query that does not tell them apart.
    fn group_numbers(
        &mut self,
        query: &SliQuery,
        batch: &RecordBatch,
        shared: &mut Shared,
        events: &[(usize, bool)],
    ) -> Result<Vec<u32>, Error> {
        let Some(groups) = query.groups() else { return Ok(Vec::new()) };
        let rows: Vec<usize> = events.iter().map(|(row, _)| *row).collect();
        let of_rows = groups.of_rows(batch, shared, &rows)?;
        let mut number = |group: SliGroup| match self.numbers.get(&group) {
            Some(number) => *number,
            None => {
                let number = self.groups.len() as u32;
                self.groups.push(group.clone());
                self.numbers.insert(group, number);
                number
            }
        };
        Ok(of_rows.into_iter().map(&mut number).collect())
    }

    /// What the events come to for each query, without those in `repeated`.
    pub fn counts(&self, queries: &[Arc<SliQuery>], repeated: &HashSet<usize>) -> Vec<SliCounts> {
        let mut counts = vec![SliCounts::default(); queries.len()];
        let mut services: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); queries.len()];
        let mut admitted: Vec<HashMap<(u32, bool), SliGroup>> = vec![HashMap::new(); queries.len()];
        for (_, event) in
            self.events.iter().enumerate().filter(|(index, _)| !repeated.contains(index))
        {
            for (index, judged) in event.by_query.iter().enumerate() {
                if let Some(Judged { is_good, group }) = judged {
                    if event.lag < -FUTURE_NANOS_MAX {
                        counts[index].future += u64::from(event.weight);
                        continue;
                    }
                    let group = match (group, queries[index].groups()) {
                        (Some(number), Some(groups)) => {
                            let is_past = groups.is_past(event.slice);
                            let admit = || groups.admit(&self.groups[*number as usize], is_past);
                            Some(&*admitted[index].entry((*number, is_past)).or_insert_with(admit))
                        }
                        _ => None,
                    };
                    let arrival = event.end.saturating_add(event.lag);
                    let is_late = queries[index].is_late(arrival, event.lag);
                    counts[index].count(event.slice, *is_good, event.weight, group, is_late);
                    counts[index].lag(event.lag);
                    services[index].insert(event.service);
                }
            }
        }
        for (count, services) in counts.iter_mut().zip(services) {
            let names = services.into_iter().map(|code| &self.services[code as usize]);
            count.services =
                names.filter_map(|name| Some((name.clone(), *self.heard.get(name)?))).collect();
        }
        counts
    }

    /// Of each event its row in the batch it came from.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// When anything arrived last, by service.
    pub fn heard(&self) -> &BTreeMap<String, i64> {
        &self.heard
    }
}

/// A source has few services: the last ones are looked at first.
fn code_of(service: &str, services: &mut Vec<String>) -> u32 {
    if let Some(code) = services.iter().rposition(|known| known == service) {
        return code as u32;
    }
    services.push(service.to_owned());
    services.len() as u32 - 1
}

/// The identity columns of a batch of spans.
pub(super) struct Spans {
    trace_ids: crate::rows::FixedColumn,
    span_ids: crate::rows::FixedColumn,
    services: crate::rows::TextColumn,
    names: crate::rows::TextColumn,
    kinds: crate::rows::IntColumn,
    starts: crate::rows::IntColumn,
    durations: crate::rows::IntColumn,
}

impl Spans {
    pub fn of(batch: &RecordBatch) -> Result<Spans, Error> {
        let columns = Columns(batch);
        Ok(Spans {
            trace_ids: columns.fixed("trace_id")?,
            span_ids: columns.fixed("span_id")?,
            services: columns.text("service")?,
            names: columns.text("name")?,
            kinds: columns.int("kind")?,
            starts: columns.int("start_time")?,
            durations: columns.int("duration")?,
        })
    }

    pub fn identity(&self, row: usize) -> Identity {
        let mut hash = Xxh3::new();
        let mut text = |text: &[u8]| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        text(self.trace_ids.value(row).unwrap_or_default());
        text(self.span_ids.value(row).unwrap_or_default());
        text(self.services.value(row).unwrap_or_default().as_bytes());
        text(self.names.value(row).unwrap_or_default().as_bytes());
        for column in [&self.kinds, &self.starts, &self.durations] {
            hash.update(&column.value(row).unwrap_or(0).to_le_bytes());
        }
        hash.digest128()
    }

    fn trace_id(&self, row: usize) -> TraceId {
        TraceId(self.trace_ids.id(row).unwrap_or_default())
    }

    fn start(&self, row: usize) -> i64 {
        self.starts.value(row).unwrap_or(0)
    }

    fn end(&self, row: usize) -> i64 {
        self.start(row).saturating_add(self.durations.value(row).unwrap_or(0))
    }
}
