//! Points as series of samples: what one stored series is in Prometheus's eyes.

use super::super::histogram::Histogram;
use super::super::labels::{BUCKET_LABEL, Labels, METRIC_NAME};
use super::super::series::{STALE, Samples, Totals};
use super::super::text::float_plain;
use super::catalog::{Shape, StoredSeries};
use super::native;
use super::points::{Points, Value};
use crate::Error;
use crate::rows::malformed;
use crate::value::{self, ExponentialHistogram, Summary};
use binnacle_storage::model::wire::Malformed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The suffixes of the series a stored one is answered as.
pub fn suffixes(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Samples | Shape::Exponential => &[""],
        Shape::Classic => &["_bucket", "_sum", "_count"],
        Shape::Summary => &["", "_sum", "_count"],
    }
}

/// The label that tells the series of one histogram or summary apart.
pub fn extra_label(shape: Shape, suffix: &str) -> Option<&'static str> {
    match (shape, suffix) {
        (Shape::Classic, "_bucket") => Some(BUCKET_LABEL),
        (Shape::Summary, "") => Some("quantile"),
        _ => None,
    }
}

pub fn suffixed(labels: &Labels, suffix: &str) -> Labels {
    if suffix.is_empty() {
        return labels.clone();
    }
    labels.with(METRIC_NAME, &format!("{}{suffix}", labels.metric_name()))
}

/// The samples of a stored series, from its points by time.
pub fn samples(series: &StoredSeries, points: &Points) -> Result<Vec<Samples>, Error> {
    let shaped = match series.shape {
        Shape::Samples => plain(series, points),
        Shape::Exponential => exponential(series, points),
        Shape::Classic => classic(series, points),
        Shape::Summary => summary(series, points),
    };
    let mut list = shaped.map_err(|error| malformed("distribution", error))?;
    for samples in &mut list {
        if series.is_delta {
            samples.deltas = Some(Totals::default());
        }
        if samples.starts.iter().all(|start| *start == 0) {
            samples.starts = Vec::new();
        }
        if samples.histogram_starts.iter().all(|start| *start == 0) {
            samples.histogram_starts = Vec::new();
        }
        if !samples.histograms.is_empty() {
            samples.hint_resets();
        }
    }
    list.retain(|samples| !samples.is_empty());
    Ok(list)
}

/// A series being built.
struct Builder(Samples);

impl Builder {
    fn new(labels: Labels) -> Builder {
        Builder(Samples { labels, ..Samples::default() })
    }

    /// Of two of one time the later one counts.
    fn float(&mut self, time: i64, start: i64, value: f64) {
        if self.0.times.last() == Some(&time) {
            self.0.times.pop();
            self.0.values.pop();
            self.0.starts.pop();
        }
        self.0.times.push(time);
        self.0.values.push(value);
        self.0.starts.push(start);
    }

    fn histogram(&mut self, time: i64, start: i64, histogram: Histogram) {
        if self.0.histogram_times.last() == Some(&time) {
            self.0.histogram_times.pop();
            self.0.histograms.pop();
            self.0.histogram_starts.pop();
        }
        self.0.histogram_times.push(time);
        self.0.histograms.push(Arc::new(histogram));
        self.0.histogram_starts.push(start);
    }
}

fn each(points: &Points) -> impl Iterator<Item = (i64, i64, &Value)> {
    let times = points.times.iter().zip(&points.starts);
    times.zip(&points.values).map(|((time, start), value)| (*time, *start, value))
}

/// Deltas are added up from the first one stored, so that a counter is answered whichever way it was sent. The start of a
/// running total is the start of its first delta.
fn plain(series: &StoredSeries, points: &Points) -> Result<Vec<Samples>, Malformed> {
    let mut builder = Builder::new(series.labels.clone());
    let (mut total, mut began) = (0.0, 0);
    for (time, start, value) in each(points) {
        match value {
            Value::Stale => builder.float(time, 0, STALE),
            Value::Float(value) if series.is_delta => {
                began = if began == 0 { start } else { began };
                total += value;
                builder.float(time, began, total);
            }
            Value::Float(value) => builder.float(time, start, *value),
            Value::Distribution(stored) => {
                builder.histogram(time, start, native::prometheus(&stored.message)?)
            }
        }
    }
    Ok(vec![builder.0])
}

fn exponential(series: &StoredSeries, points: &Points) -> Result<Vec<Samples>, Malformed> {
    let mut builder = Builder::new(series.labels.clone());
    let mut total: Option<(i64, Histogram)> = None;
    for (time, start, value) in each(points) {
        let histogram = match value {
            Value::Stale => {
                let gone = Histogram { sum: STALE, ..Histogram::default() };
                builder.histogram(time, 0, gone);
                continue;
            }
            Value::Float(value) => {
                builder.float(time, start, *value);
                continue;
            }
            Value::Distribution(stored) => {
                native::exponential(&ExponentialHistogram::decode(stored)?)
            }
        };
        if !series.is_delta {
            builder.histogram(time, start, histogram);
            continue;
        }
        let empty = || Histogram {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            ..Histogram::default()
        };
        let (began, sum) = total.get_or_insert_with(|| (start, empty()));
        // Both are exponential, so they can be added.
        let _ = sum.add(&histogram);
        builder.histogram(time, *began, sum.clone());
    }
    Ok(vec![builder.0])
}

/// Classic histograms: cumulative counts per bound, sum and count.
fn classic(series: &StoredSeries, points: &Points) -> Result<Vec<Samples>, Malformed> {
    let mut parts = Parts::new(series, BUCKET_LABEL);
    for (time, start, value) in each(points) {
        let histogram = match value {
            Value::Stale => {
                parts.stale(time);
                continue;
            }
            Value::Distribution(stored) => value::Histogram::decode(stored)?,
            Value::Float(_) => continue,
        };
        let mut running = 0.0;
        for (at, count) in histogram.bucket_counts.iter().enumerate() {
            running += *count as f64;
            let bound = histogram.explicit_bounds.get(at).copied().unwrap_or(f64::INFINITY);
            // Everything counted is in the last bucket, also what no bucket was sent for.
            if bound.is_finite() {
                parts.add(Part::Value(bound.to_bits()), time, start, running);
            }
        }
        parts.add(Part::Value(f64::INFINITY.to_bits()), time, start, histogram.count as f64);
        parts.add(Part::Count, time, start, histogram.count as f64);
        if let Some(sum) = histogram.sum {
            parts.add(Part::Sum, time, start, sum);
        }
    }
    Ok(parts.finish("_bucket"))
}

fn summary(series: &StoredSeries, points: &Points) -> Result<Vec<Samples>, Malformed> {
    let mut parts = Parts::new(series, "quantile");
    for (time, start, value) in each(points) {
        let summary = match value {
            Value::Stale => {
                parts.stale(time);
                continue;
            }
            Value::Distribution(stored) => Summary::decode(stored)?,
            Value::Float(_) => continue,
        };
        for quantile in &summary.quantiles {
            parts.add(Part::Value(quantile.quantile.to_bits()), time, start, quantile.value);
        }
        parts.add(Part::Count, time, start, summary.count as f64);
        parts.add(Part::Sum, time, start, summary.sum);
    }
    Ok(parts.finish(""))
}

/// A series of a histogram or summary. Bounds and quantiles by their bits, so that they can be keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Value(u64),
    Sum,
    Count,
}

struct Parts<'a> {
    series: &'a StoredSeries,
    label: &'static str,
    builders: BTreeMap<Part, (Builder, f64, i64)>,
}

impl Parts<'_> {
    fn new<'a>(series: &'a StoredSeries, label: &'static str) -> Parts<'a> {
        Parts { series, label, builders: BTreeMap::new() }
    }

    fn add(&mut self, part: Part, time: i64, start: i64, value: f64) {
        let new = || (Builder::new(Labels::default()), 0.0, 0);
        let (builder, total, began) = self.builders.entry(part).or_insert_with(new);
        if !self.series.is_delta {
            builder.float(time, start, value);
            return;
        }
        *began = if *began == 0 { start } else { *began };
        *total += value;
        builder.float(time, *began, *total);
    }

    fn stale(&mut self, time: i64) {
        for (builder, _, _) in self.builders.values_mut() {
            builder.float(time, 0, STALE);
        }
    }

    fn finish(self, suffix: &str) -> Vec<Samples> {
        let labels = &self.series.labels;
        let named = self.builders.into_iter().map(|(part, (builder, _, _))| {
            let labels = match part {
                Part::Sum => suffixed(labels, "_sum"),
                Part::Count => suffixed(labels, "_count"),
                Part::Value(bits) => {
                    suffixed(labels, suffix).with(self.label, &float_plain(f64::from_bits(bits)))
                }
            };
            Samples { labels, ..builder.0 }
        });
        named.collect()
    }
}
