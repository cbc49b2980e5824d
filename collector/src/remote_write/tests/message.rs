//! Messages of both versions, written by hand: what the tests send.

use binnacle_storage::model::wire::{FIXED64, VARINT, put_message, put_varint, tag};

pub fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        put_varint(out, u64::from(tag(field, VARINT)));
        put_varint(out, number);
    }
}

pub fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value.to_bits() != 0 {
        put_varint(out, u64::from(tag(field, FIXED64)));
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// The `Histogram` of both versions.
#[derive(Debug, Clone, Default)]
pub struct HistogramMessage {
    pub count: u64,
    pub count_float: Option<f64>,
    pub sum: f64,
    pub schema: i64,
    pub zero_threshold: f64,
    pub zero_count: u64,
    pub positive_spans: Vec<(i64, u64)>,
    pub positive_deltas: Vec<i64>,
    pub positive_counts: Vec<f64>,
    pub reset_hint: u64,
    pub time: i64,
    pub custom_values: Vec<f64>,
    pub start: i64,
}

impl HistogramMessage {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.count_float {
            Some(count) => put_double(&mut out, 2, count),
            None => {
                put_varint(&mut out, u64::from(tag(1, VARINT)));
                put_varint(&mut out, self.count);
            }
        }
        put_double(&mut out, 3, self.sum);
        put_number(&mut out, 4, zigzag(self.schema));
        put_double(&mut out, 5, self.zero_threshold);
        put_number(&mut out, 6, self.zero_count);
        for (offset, length) in &self.positive_spans {
            let mut span = Vec::new();
            put_number(&mut span, 1, zigzag(*offset));
            put_number(&mut span, 2, *length);
            put_message(&mut out, 11, &span);
        }
        let mut packed = Vec::new();
        self.positive_deltas.iter().for_each(|delta| put_varint(&mut packed, zigzag(*delta)));
        put_packed(&mut out, 12, &packed);
        put_packed(&mut out, 13, &doubles(&self.positive_counts));
        put_number(&mut out, 14, self.reset_hint);
        put_number(&mut out, 15, self.time as u64);
        put_packed(&mut out, 16, &doubles(&self.custom_values));
        put_number(&mut out, 17, self.start as u64);
        out
    }
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn put_packed(out: &mut Vec<u8>, field: u32, packed: &[u8]) {
    if !packed.is_empty() {
        put_message(out, field, packed);
    }
}

pub fn int_histogram() -> HistogramMessage {
    HistogramMessage {
        count: 7,
        sum: 12.5,
        schema: -4,
        zero_threshold: 0.001,
        zero_count: 1,
        positive_spans: vec![(-3, 2), (1 << 20, 1)],
        positive_deltas: vec![1, 1, 1],
        reset_hint: 2,
        time: 5_000,
        start: 1_000,
        ..HistogramMessage::default()
    }
}

pub fn float_histogram() -> HistogramMessage {
    HistogramMessage {
        count_float: Some(4.5),
        sum: -1.0,
        schema: 8,
        positive_spans: vec![(0, 3)],
        positive_counts: vec![1.5, 0.0, 3.0],
        reset_hint: 3,
        time: 5_000,
        start: 1_000,
        ..HistogramMessage::default()
    }
}

pub fn custom_histogram() -> HistogramMessage {
    HistogramMessage {
        count: 3,
        sum: 4.0,
        schema: -53,
        positive_spans: vec![(0, 2), (1, 1)],
        positive_deltas: vec![1, 0, 0],
        custom_values: vec![0.5, 1.0, 2.5],
        time: 5_000,
        ..HistogramMessage::default()
    }
}

/// One series, in the words both versions share.
#[derive(Debug, Clone, Default)]
pub struct SeriesMessage {
    pub labels: Vec<(Vec<u8>, Vec<u8>)>,
    /// Value, time, start.
    pub samples: Vec<(f64, i64, i64)>,
    pub histograms: Vec<HistogramMessage>,
    /// Labels, value, time.
    pub exemplars: Vec<(Vec<(Vec<u8>, Vec<u8>)>, f64, i64)>,
    /// Type, help, unit.
    pub description: Option<(u64, &'static str, &'static str)>,
}

/// A series of these labels without samples.
pub fn series(labels: &[(&str, &str)]) -> SeriesMessage {
    SeriesMessage { labels: pairs(labels), ..SeriesMessage::default() }
}

pub fn pairs(labels: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    labels
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

impl SeriesMessage {
    pub fn sample(mut self, value: f64, time: i64) -> SeriesMessage {
        self.samples.push((value, time, 0));
        self
    }

    pub fn encode_v1(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_labels_v1(&mut out, &self.labels);
        for (value, time, _) in &self.samples {
            let mut sample = Vec::new();
            put_double(&mut sample, 1, *value);
            put_number(&mut sample, 2, *time as u64);
            put_message(&mut out, 2, &sample);
        }
        for (labels, value, time) in &self.exemplars {
            let mut exemplar = Vec::new();
            put_labels_v1(&mut exemplar, labels);
            put_double(&mut exemplar, 2, *value);
            put_number(&mut exemplar, 3, *time as u64);
            put_message(&mut out, 3, &exemplar);
        }
        for histogram in &self.histograms {
            put_message(&mut out, 4, &histogram.encode());
        }
        out
    }

    fn encode_v2(&self, symbols: &mut Vec<Vec<u8>>) -> Vec<u8> {
        let mut out = Vec::new();
        put_packed(&mut out, 1, &references(&self.labels, symbols));
        for (value, time, start) in &self.samples {
            let mut sample = Vec::new();
            put_double(&mut sample, 1, *value);
            put_number(&mut sample, 2, *time as u64);
            put_number(&mut sample, 3, *start as u64);
            put_message(&mut out, 2, &sample);
        }
        for histogram in &self.histograms {
            put_message(&mut out, 3, &histogram.encode());
        }
        for (labels, value, time) in &self.exemplars {
            let mut exemplar = Vec::new();
            put_packed(&mut exemplar, 1, &references(labels, symbols));
            put_double(&mut exemplar, 2, *value);
            put_number(&mut exemplar, 3, *time as u64);
            put_message(&mut out, 4, &exemplar);
        }
        if let Some((kind, help, unit)) = self.description {
            let mut metadata = Vec::new();
            put_number(&mut metadata, 1, kind);
            put_number(&mut metadata, 3, symbol(help.as_bytes(), symbols));
            put_number(&mut metadata, 4, symbol(unit.as_bytes(), symbols));
            put_message(&mut out, 5, &metadata);
        }
        out
    }
}

fn put_labels_v1(out: &mut Vec<u8>, labels: &[(Vec<u8>, Vec<u8>)]) {
    for (name, value) in labels {
        let mut label = Vec::new();
        put_message(&mut label, 1, name);
        put_message(&mut label, 2, value);
        put_message(out, 1, &label);
    }
}

fn symbol(text: &[u8], symbols: &mut Vec<Vec<u8>>) -> u64 {
    let known = symbols.iter().position(|symbol| symbol == text);
    known.unwrap_or_else(|| {
        symbols.push(text.to_vec());
        symbols.len() - 1
    }) as u64
}

fn references(labels: &[(Vec<u8>, Vec<u8>)], symbols: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let mut packed = Vec::new();
    for (name, value) in labels {
        put_varint(&mut packed, symbol(name, symbols));
        put_varint(&mut packed, symbol(value, symbols));
    }
    packed
}

/// `prometheus.WriteRequest`.
pub fn request_v1(series: &[SeriesMessage]) -> Vec<u8> {
    let mut out = Vec::new();
    for series in series {
        put_message(&mut out, 1, &series.encode_v1());
    }
    out
}

/// Adds a `MetricMetadata` to a `prometheus.WriteRequest`.
pub fn put_metadata_v1(out: &mut Vec<u8>, kind: u64, name: &str, help: &str, unit: &str) {
    let mut metadata = Vec::new();
    put_number(&mut metadata, 1, kind);
    put_message(&mut metadata, 2, name.as_bytes());
    put_message(&mut metadata, 4, help.as_bytes());
    put_message(&mut metadata, 5, unit.as_bytes());
    put_message(out, 3, &metadata);
}

/// `io.prometheus.write.v2.Request`.
pub fn request_v2(series: &[SeriesMessage]) -> Vec<u8> {
    let mut symbols = vec![Vec::new()];
    let mut out = Vec::new();
    for series in series {
        put_message(&mut out, 5, &series.encode_v2(&mut symbols));
    }
    for symbol in symbols {
        put_message(&mut out, 4, &symbol);
    }
    out
}
