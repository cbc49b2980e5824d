//! One `TimeSeries` message of either version, read but not judged.

use std::ops::Range;

/// What a metric is, as its exporter says. The numbers are the same in both versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricType {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

impl MetricType {
    const ALL: [MetricType; 8] = [
        MetricType::Unknown,
        MetricType::Counter,
        MetricType::Gauge,
        MetricType::Histogram,
        MetricType::GaugeHistogram,
        MetricType::Summary,
        MetricType::Info,
        MetricType::StateSet,
    ];

    /// A number that no version knows is unknown.
    pub fn from_number(number: u64) -> MetricType {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        MetricType::ALL.get(index).copied().unwrap_or_default()
    }

    pub fn number(self) -> u64 {
        MetricType::ALL.iter().position(|kind| *kind == self).unwrap_or_default() as u64
    }

    /// Its name in exposition formats and in Prometheus's API.
    pub fn name(self) -> &'static str {
        match self {
            MetricType::Unknown => "unknown",
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::GaugeHistogram => "gaugehistogram",
            MetricType::Summary => "summary",
            MetricType::Info => "info",
            MetricType::StateSet => "stateset",
        }
    }
}

/// What describes a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Description<'a> {
    pub kind: MetricType,
    pub help: &'a str,
    pub unit: &'a str,
}

/// Times are Unix milliseconds, as sent; a start of 0 was not sent.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub value: f64,
    pub time: i64,
    pub start: i64,
}

#[derive(Debug, Clone)]
pub struct Exemplar {
    /// In [`Entry::exemplar_labels`].
    pub labels: Range<usize>,
    pub value: f64,
    pub time: i64,
}

pub type Label<'a> = (&'a str, &'a str);

/// One `TimeSeries` message.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    pub labels: Vec<Label<'a>>,
    pub description: Description<'a>,
    pub samples: Vec<Sample>,
    /// `Histogram` messages, which are the same in both versions.
    pub histograms: Vec<&'a [u8]>,
    pub exemplars: Vec<Exemplar>,
    pub exemplar_labels: Vec<Label<'a>>,
    /// Start of samples that do not say their own.
    pub start: i64,
    /// Why the labels could not be read.
    pub fault: Option<&'static str>,
}

impl Entry<'_> {
    pub fn clear(&mut self) {
        self.labels.clear();
        self.description = Description::default();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.exemplar_labels.clear();
        self.start = 0;
        self.fault = None;
    }

    /// Samples and histograms, which is what is counted.
    pub fn points(&self) -> u64 {
        (self.samples.len() + self.histograms.len()) as u64
    }
}
