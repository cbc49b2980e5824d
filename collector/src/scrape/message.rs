//! What was scraped, as a remote-write 2.0 message: the way into storage that is there already.

use super::labels::Labels;
use crate::remote_write::MetricType;
use binnacle_storage::model::wire::{FIXED64, VARINT, put_message, put_varint, tag};
use std::collections::HashMap;

/// One sample to be written.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    pub labels: &'a Labels,
    pub value: f64,
    /// Unix milliseconds.
    pub time: i64,
    /// When its counter began, Unix milliseconds.
    pub start: Option<i64>,
    pub description: Option<&'a Description>,
    pub exemplar: Option<Exemplar<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Exemplar<'a> {
    pub labels: &'a Labels,
    pub value: f64,
    pub time: i64,
}

/// What a target says about a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub kind: MetricType,
    pub help: String,
    pub unit: String,
}

/// Collects series into an `io.prometheus.write.v2.Request`.
#[derive(Debug)]
pub struct Message {
    symbols: HashMap<String, u64>,
    /// The symbols, in order, as fields.
    table: Vec<u8>,
    series: Vec<u8>,
    scratch: Vec<u8>,
}

impl Message {
    pub fn new() -> Message {
        let mut message = Message {
            symbols: HashMap::new(),
            table: Vec::new(),
            series: Vec::new(),
            scratch: Vec::new(),
        };
        // The first symbol is empty by definition.
        message.symbol("");
        message
    }

    pub fn push(&mut self, sample: &Sample<'_>) {
        let mut series = std::mem::take(&mut self.scratch);
        series.clear();
        put_message(&mut series, 1, &self.references(sample.labels));
        let mut value = Vec::with_capacity(20);
        put_double(&mut value, 1, sample.value);
        put_number(&mut value, 2, sample.time as u64);
        if let Some(start) = sample.start {
            put_number(&mut value, 3, start as u64);
        }
        put_message(&mut series, 2, &value);
        if let Some(exemplar) = &sample.exemplar {
            let mut message = Vec::new();
            put_message(&mut message, 1, &self.references(exemplar.labels));
            put_double(&mut message, 2, exemplar.value);
            put_number(&mut message, 3, exemplar.time as u64);
            put_message(&mut series, 4, &message);
        }
        if let Some(description) = sample.description {
            let mut message = Vec::new();
            put_number(&mut message, 1, description.kind.number());
            put_number(&mut message, 3, self.symbol(&description.help));
            put_number(&mut message, 4, self.symbol(&description.unit));
            put_message(&mut series, 5, &message);
        }
        put_message(&mut self.series, 5, &series);
        self.scratch = series;
    }

    /// A series with one native histogram, which is a `Histogram` message of its own.
    pub fn push_histogram(&mut self, labels: &Labels, histogram: &[u8]) {
        let mut series = std::mem::take(&mut self.scratch);
        series.clear();
        put_message(&mut series, 1, &self.references(labels));
        put_message(&mut series, 3, histogram);
        put_message(&mut self.series, 5, &series);
        self.scratch = series;
    }

    pub fn finish(self) -> Vec<u8> {
        let Message { mut table, series, .. } = self;
        table.extend_from_slice(&series);
        table
    }

    fn references(&mut self, labels: &Labels) -> Vec<u8> {
        let mut packed = Vec::with_capacity(labels.len() * 4);
        for (name, value) in labels.iter() {
            put_varint(&mut packed, self.symbol(name));
            put_varint(&mut packed, self.symbol(value));
        }
        packed
    }

    fn symbol(&mut self, text: &str) -> u64 {
        if let Some(known) = self.symbols.get(text) {
            return *known;
        }
        let next = self.symbols.len() as u64;
        self.symbols.insert(text.to_owned(), next);
        put_message(&mut self.table, 4, text.as_bytes());
        next
    }
}

fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
    put_varint(out, u64::from(tag(field, VARINT)));
    put_varint(out, number);
}

fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    put_varint(out, u64::from(tag(field, FIXED64)));
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}
