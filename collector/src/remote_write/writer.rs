//! From entries to rows: series, points and exemplars, with what cannot be kept named to the sender.

use super::entry::{Description, Entry, Exemplar, Label, MetricType, Sample};
use super::histogram::{self, Fault};
use super::{Broken, NO_RECORDED_VALUE, STALE_BITS, TEXT_BYTES_MAX, labels};
use crate::decode::{Decoded, Written};
use crate::identity::Identity;
use crate::otlp::decode::RECORDS_MAX;
use crate::recent::Spelling;
use crate::rejections::Rejections;
use binnacle_storage::batch::{BatchBuilder, ExemplarRow, MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::wire;
use binnacle_storage::model::{Attribute, SeriesId, Signal, SpanId, Timestamp, TraceId, Value};
use std::collections::HashSet;
use std::ops::Range;

/// OTLP's number of cumulative temporality.
const CUMULATIVE: i32 = 2;

/// Where a series' metadata says what Prometheus calls its type.
pub const TYPE_KEY: &str = "prometheus.type";

/// Times before 1970 or after 2262 cannot be stored.
const BAD_TIME: &str = "time is before 1970 or after 2262";

/// Collects the rows of one request.
pub struct Writer {
    builder: BatchBuilder,
    ingested_at: Timestamp,
    /// Series that have their row already.
    seen: HashSet<u128>,
    /// Samples, exemplars and descriptions so far, and bytes of their texts.
    entries: usize,
    text_bytes: usize,
    accepted: u64,
    written: Written,
    fresh: Vec<(Spelling, SeriesId)>,
    rejected: Rejections,
    identity: Identity,
    /// `KeyValue` messages of the labels in hand.
    wire: Vec<u8>,
    stored: Vec<u8>,
}

impl Writer {
    pub fn new(ingested_at: Timestamp) -> Writer {
        Writer {
            builder: BatchBuilder::new(Signal::Metrics, ingested_at),
            ingested_at,
            seen: HashSet::new(),
            entries: 0,
            text_bytes: 0,
            accepted: 0,
            written: Written::default(),
            fresh: Vec::new(),
            rejected: Rejections::default(),
            identity: Identity::default(),
            wire: Vec::new(),
            stored: Vec::new(),
        }
    }

    pub fn finish(self) -> Decoded {
        let Writer { builder, accepted, rejected, written, fresh, .. } = self;
        Decoded { batch: builder.finish(), accepted, rejected, written, fresh }
    }

    /// Takes samples of a series that has its row already; false, and nothing taken, when one of them is not good. `bytes`: of
    /// its labels.
    pub fn push_known(
        &mut self,
        series_id: SeriesId,
        samples: &[Sample],
        bytes: usize,
    ) -> Result<bool, Broken> {
        if samples.iter().any(|sample| time(sample.time).is_err() || sample.start != 0) {
            return Ok(false);
        }
        self.count(samples.len() + 1, bytes)?;
        for sample in samples {
            if let Ok(time) = time(sample.time) {
                self.push_point(series_id, time, None, sample.value);
            }
        }
        Ok(true)
    }

    /// Takes one series with all it holds, as far as it is good. `spelling`: by which it may be known later.
    pub fn push(
        &mut self,
        entry: &mut Entry<'_>,
        spelling: Option<Spelling>,
    ) -> Result<(), Broken> {
        self.enter(entry)?;
        labels::sort(&mut entry.labels);
        let checked = match entry.fault {
            Some(fault) => Err(fault),
            None => labels::check(&entry.labels),
        };
        let name = match checked {
            Ok(name) => name,
            Err(fault) => {
                self.reject(fault, &entry.labels, entry.points().max(1));
                return Ok(());
            }
        };
        let mut wire = std::mem::take(&mut self.wire);
        let pushed = self.push_named(name, entry, &mut wire);
        self.wire = wire;
        let id = pushed?;
        if self.seen.contains(&u128::from_be_bytes(id.0)) {
            self.fresh.extend(spelling.map(|spelling| (spelling, id)));
        }
        Ok(())
    }

    fn push_named(
        &mut self,
        name: &str,
        entry: &Entry<'_>,
        wire: &mut Vec<u8>,
    ) -> Result<SeriesId, Broken> {
        // A label without a value is no label.
        let labels = entry.labels.iter().copied();
        let kept: Vec<Label<'_>> =
            labels.filter(|(key, value)| *key != labels::NAME && !value.is_empty()).collect();
        let attributes = attributes(&kept, wire);
        self.identity.clear();
        self.identity.bytes(b"prometheus series");
        self.identity.bytes(name.as_bytes());
        // Strings cannot be malformed.
        let _ = self.identity.attributes(&attributes, &mut Vec::new());
        let series = Series { hash: self.identity.hash(), name, attributes: &attributes, entry };
        for index in 0..entry.samples.len() {
            if let Err(fault) = self.push_sample(&series, index) {
                self.reject(fault, &entry.labels, 1);
            }
        }
        for histogram in &entry.histograms {
            match self.push_histogram(&series, histogram) {
                Ok(()) => {}
                Err(Fault::Malformed(error)) => return Err(error.into()),
                Err(Fault::Invalid(fault)) => self.reject(fault, &entry.labels, 1),
            }
        }
        for exemplar in &entry.exemplars {
            if let Err(fault) = self.push_exemplar(&series, exemplar) {
                self.reject(fault, &entry.labels, 1);
            }
        }
        Ok(series.id())
    }

    fn push_sample(&mut self, series: &Series<'_>, index: usize) -> Result<(), &'static str> {
        let sample = series.entry.samples[index];
        let time = time(sample.time)?;
        let start_time = start(sample.start, series.entry.start)?;
        self.push_series(series, time, false);
        self.push_point(series.id(), time, start_time, sample.value);
        Ok(())
    }

    fn push_point(
        &mut self,
        series_id: SeriesId,
        time: Timestamp,
        start_time: Option<Timestamp>,
        value: f64,
    ) {
        let is_stale = value.to_bits() == STALE_BITS;
        self.builder.push_point(&MetricPointRow {
            series_id,
            time,
            start_time,
            flags: if is_stale { NO_RECORDED_VALUE } else { 0 },
            value: (!is_stale).then_some(NumberValue::Double(value)),
            ..MetricPointRow::default()
        });
        self.accepted += 1;
        self.written.samples += 1;
    }

    fn push_histogram(&mut self, series: &Series<'_>, bytes: &[u8]) -> Result<(), Fault> {
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        let pushed = self.push_stored(series, bytes, &mut stored);
        self.stored = stored;
        pushed
    }

    fn push_stored(
        &mut self,
        series: &Series<'_>,
        bytes: &[u8],
        stored: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let head = histogram::read(bytes, stored)?;
        let time = time(head.time).map_err(Fault::Invalid)?;
        let start_time = start(head.start, series.entry.start).map_err(Fault::Invalid)?;
        self.push_series(series, time, true);
        let is_stale = head.is_stale;
        self.builder.push_point(&MetricPointRow {
            series_id: series.id(),
            time,
            start_time,
            flags: if is_stale { NO_RECORDED_VALUE } else { 0 },
            count: head.count.filter(|_| !is_stale),
            sum: (!is_stale).then_some(head.sum),
            distribution: (!is_stale).then_some(stored),
            ..MetricPointRow::default()
        });
        self.accepted += 1;
        self.written.histograms += 1;
        Ok(())
    }

    fn push_exemplar(
        &mut self,
        series: &Series<'_>,
        exemplar: &Exemplar,
    ) -> Result<(), &'static str> {
        // A time is optional; without one it is its sample's.
        let samples = &series.entry.samples;
        let time = match (exemplar.time, samples.last()) {
            (0, Some(sample)) => time(sample.time)?,
            (millis, _) => time(millis)?,
        };
        let sent = &series.entry.exemplar_labels[exemplar.labels.clone()];
        if sent.iter().any(|(name, _)| name.is_empty()) {
            return Err("a label of an exemplar has no name");
        }
        let (mut trace_id, mut span_id) = (None, None);
        let mut kept = Vec::with_capacity(sent.len());
        for &(name, value) in sent {
            match name {
                // Hex that is its own rendering, so that the column says all of it.
                "trace_id" if trace_id.is_none() => {
                    trace_id = value.parse::<TraceId>().ok().filter(|id| id.to_string() == value);
                    if trace_id.is_some() {
                        continue;
                    }
                }
                "span_id" if span_id.is_none() => {
                    span_id = value.parse::<SpanId>().ok().filter(|id| id.to_string() == value);
                    if span_id.is_some() {
                        continue;
                    }
                }
                // Common in older instrumentation: found by the column, and answered under its own name.
                "traceID" | "TraceID" if trace_id.is_none() => trace_id = value.parse().ok(),
                _ => {}
            }
            kept.push((name, value));
        }
        self.push_series(series, time, false);
        let mut wire = Vec::new();
        let attributes = attributes(&kept, &mut wire);
        self.builder.push_exemplar(&ExemplarRow {
            series_id: series.id(),
            time,
            point_time: time,
            value: Some(NumberValue::Double(exemplar.value)),
            trace_id,
            span_id,
            attributes: &attributes,
        });
        self.written.exemplars += 1;
        Ok(())
    }

    /// The row of a series, once per request.
    fn push_series(&mut self, series: &Series<'_>, time: Timestamp, is_histogram: bool) {
        if !self.seen.insert(series.hash) {
            return;
        }
        let description = &series.entry.description;
        let is_counter = description.kind == MetricType::Counter;
        let kind = match (is_histogram, is_counter) {
            (true, _) => "native_histogram",
            (false, true) => "sum",
            (false, false) => "gauge",
        };
        let is_sum = kind == "sum";
        self.builder.push_series(&SeriesRow {
            series_id: series.id(),
            time,
            name: series.name,
            description: description.help,
            unit: description.unit,
            kind,
            temporality: is_sum.then_some(CUMULATIVE),
            is_monotonic: is_sum.then_some(true),
            metadata: &metadata(description.kind),
            attributes: series.attributes,
        });
    }

    /// Keeps a description that came apart from any series, as a series row without points.
    pub fn describe(&mut self, name: &str, description: &Description<'_>) -> Result<(), Broken> {
        self.count(1, name.len() + description.help.len() + description.unit.len())?;
        if name.is_empty() {
            self.reject_description();
            return Ok(());
        }
        let identity = &mut self.identity;
        identity.clear();
        identity.bytes(b"prometheus metadata");
        identity.number(description.kind.number());
        for text in [name, description.help, description.unit] {
            identity.bytes(text.as_bytes());
        }
        let hash = identity.hash();
        if self.seen.insert(hash) {
            self.builder.push_series(&SeriesRow {
                series_id: SeriesId(hash.to_be_bytes()),
                time: self.ingested_at,
                name,
                description: description.help,
                unit: description.unit,
                kind: "metadata",
                temporality: None,
                is_monotonic: None,
                metadata: &metadata(description.kind),
                attributes: &[],
            });
        }
        Ok(())
    }

    /// Counts a description that says nothing.
    pub fn reject_description(&mut self) {
        self.rejected.add("metadata without a metric's name in UTF-8".to_owned(), "", 1);
    }

    fn reject(&mut self, fault: &str, labels: &[Label<'_>], count: u64) {
        self.rejected.add(format!("{fault}: {}", labels::show(labels)), "", count);
    }

    /// Counts what an entry holds before anything is made of it.
    fn enter(&mut self, entry: &Entry<'_>) -> Result<(), Broken> {
        let labels = entry.labels.iter().chain(&entry.exemplar_labels);
        let bytes: usize = labels.map(|(name, value)| name.len() + value.len()).sum();
        let description = entry.description.help.len() + entry.description.unit.len();
        self.count(entry.points() as usize + entry.exemplars.len() + 1, bytes + description)
    }

    fn count(&mut self, entries: usize, text_bytes: usize) -> Result<(), Broken> {
        self.entries += entries;
        self.text_bytes += text_bytes;
        if self.entries > RECORDS_MAX {
            return Err(Broken::TooMany);
        }
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(Broken::TooMuchText);
        }
        Ok(())
    }
}

/// An entry whose labels are good.
struct Series<'e> {
    hash: u128,
    name: &'e str,
    attributes: &'e [Attribute<'e>],
    entry: &'e Entry<'e>,
}

impl Series<'_> {
    fn id(&self) -> SeriesId {
        SeriesId(self.hash.to_be_bytes())
    }
}

/// Labels as attributes, whose messages are put into `wire`.
fn attributes<'a>(labels: &[Label<'a>], wire: &'a mut Vec<u8>) -> Vec<Attribute<'a>> {
    wire.clear();
    let mut any = Vec::new();
    let mut put = |(name, value): &Label<'_>| -> Range<usize> {
        let first = wire.len();
        any.clear();
        wire::put_message(wire, 1, name.as_bytes());
        wire::put_any_value(&mut any, &Value::String(value));
        wire::put_message(wire, 2, &any);
        first..wire.len()
    };
    let places: Vec<Range<usize>> = labels.iter().map(&mut put).collect();
    let wire: &'a [u8] = wire;
    let attribute = |((key, value), place): (&Label<'a>, Range<usize>)| Attribute {
        key,
        value: Value::String(value),
        wire: &wire[place],
    };
    labels.iter().zip(places).map(attribute).collect()
}

/// A series' metadata: its type by Prometheus's name, when its exporter says one.
fn metadata(kind: MetricType) -> Vec<u8> {
    let mut list = Vec::new();
    if kind != MetricType::Unknown {
        wire::put_attribute(&mut list, TYPE_KEY, &Value::String(kind.name()));
    }
    list
}

fn time(millis: i64) -> Result<Timestamp, &'static str> {
    let nanos = millis.checked_mul(1_000_000).filter(|nanos| *nanos >= 0);
    nanos.map(Timestamp).ok_or(BAD_TIME)
}

/// The start of a sample, else of its series; 0 is none.
fn start(sample: i64, series: i64) -> Result<Option<Timestamp>, &'static str> {
    match if sample == 0 { series } else { sample } {
        0 => Ok(None),
        millis => time(millis).map(Some),
    }
}
