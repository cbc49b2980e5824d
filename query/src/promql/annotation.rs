//! Annotations: what an answer should be read with. Worded as Prometheus words them, because people search for the words.

use super::ast::Span;
use super::text::{float_short, quote};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Warning,
    Info,
}

/// What a histogram operation was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Addition,
    Subtraction,
    Aggregation,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Addition => "addition",
            Operation::Subtraction => "subtraction",
            Operation::Aggregation => "aggregation",
        }
    }
}

/// Where counts of a classic histogram had to be raised so that they never fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raised {
    pub bucket_min: f64,
    pub bucket_max: f64,
    pub difference_max: f64,
}

#[derive(Debug, Clone)]
pub enum Annotation {
    InvalidQuantile(f64),
    InvalidRatio { value: f64, limit: f64 },
    BadBucketLabel { metric: String, label: String },
    MixedFloatsHistograms { metric: String },
    MixedInAggregation,
    MixedClassicNative { metric: String },
    NotCounter { metric: String },
    NotGauge { metric: String },
    MixedSchemas { metric: String },
    IncompatibleBuckets { operator: &'static str },
    ResetCollision(Operation),
    SortIneffective,
    PossibleNonCounter { metric: String },
    PossibleNonCounterLabel { metric: String, kind: String },
    ForcedMonotonicity { metric: String, raised: Raised, time: i64 },
    IncompatibleTypes { left: &'static str, operator: &'static str, right: &'static str },
    IgnoredInAggregation { name: &'static str },
    IgnoredInMixedRange { metric: String },
    QuantileNan { metric: String },
    QuantileSkewed { metric: String },
    FractionNan { metric: String },
    BucketsReconciled(Operation),
}

impl Annotation {
    pub fn level(&self) -> Level {
        use Annotation::*;
        match self {
            PossibleNonCounter { .. }
            | PossibleNonCounterLabel { .. }
            | ForcedMonotonicity { .. }
            | IncompatibleTypes { .. }
            | IgnoredInAggregation { .. }
            | IgnoredInMixedRange { .. }
            | QuantileNan { .. }
            | QuantileSkewed { .. }
            | FractionNan { .. }
            | BucketsReconciled(_) => Level::Info,
            _ => Level::Warning,
        }
    }

    fn words(&self) -> String {
        use Annotation::*;
        match self {
            InvalidQuantile(q) => {
                format!("quantile value should be between 0 and 1, got {}", float_short(*q))
            }
            InvalidRatio { value, limit } => format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                float_short(*value),
                float_short(*limit)
            ),
            BadBucketLabel { metric, label } => for_metric(
                &format!(
                    "bucket label \"le\" is missing or has a malformed value of {}",
                    quote(label)
                ),
                metric,
            ),
            MixedFloatsHistograms { metric } => {
                format!(
                    "encountered a mix of histograms and floats for metric name {}",
                    quote(metric)
                )
            }
            MixedInAggregation => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            MixedClassicNative { metric } => {
                for_metric("vector contains a mix of classic and native histograms", metric)
            }
            NotCounter { metric } => {
                format!("this native histogram metric is not a counter: {}", quote(metric))
            }
            NotGauge { metric } => {
                format!("this native histogram metric is not a gauge: {}", quote(metric))
            }
            MixedSchemas { metric } => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quote(metric)
            ),
            IncompatibleBuckets { operator } => {
                format!("incompatible bucket layout encountered for binary operator {operator}")
            }
            ResetCollision(operation) => {
                format!("conflicting counter resets during histogram {}", operation.name())
            }
            SortIneffective => {
                "sort is ineffective for range queries since results are always ordered by labels"
                    .to_owned()
            }
            PossibleNonCounter { metric } => format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quote(metric)
            ),
            PossibleNonCounterLabel { metric, kind } => format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quote(kind),
                quote(metric)
            ),
            ForcedMonotonicity { metric, .. } => for_metric(
                "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                metric,
            ),
            IncompatibleTypes { left, operator, right } => format!(
                "incompatible sample types encountered for binary operator {}: {left} {operator} {right}",
                quote(operator)
            ),
            IgnoredInAggregation { name } => format!("ignored histogram in {name} aggregation"),
            IgnoredInMixedRange { metric } => format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quote(metric)
            ),
            QuantileNan { metric } => for_metric(
                "input to histogram_quantile has NaN observations, result is NaN",
                metric,
            ),
            QuantileSkewed { metric } => for_metric(
                "input to histogram_quantile has NaN observations, result is skewed higher",
                metric,
            ),
            FractionNan { metric } => for_metric(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            BucketsReconciled(operation) => {
                format!("mismatched custom buckets were reconciled during {}", operation.name())
            }
        }
    }
}

fn for_metric(text: &str, metric: &str) -> String {
    if metric.is_empty() {
        return text.to_owned();
    }
    format!("{text} for metric name {}", quote(metric))
}

/// The same annotation from many samples.
#[derive(Debug, Clone)]
struct Entry {
    level: Level,
    span: Span,
    raised: Option<(Raised, i64, i64, u64)>,
}

/// Most different annotations kept of one query; one more is counted only.
const ANNOTATIONS_MAX: usize = 10_000;

/// The annotations of one query; equal ones are there once.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    entries: BTreeMap<String, Entry>,
}

impl Annotations {
    pub fn add(&mut self, annotation: Annotation, span: Span) {
        let raised = match annotation {
            Annotation::ForcedMonotonicity { raised, time, .. } => Some((raised, time)),
            _ => None,
        };
        let words = annotation.words();
        if let Some(entry) = self.entries.get_mut(&words) {
            if let (Some((all, first, last, count)), Some((raised, time))) =
                (&mut entry.raised, raised)
            {
                all.bucket_min = all.bucket_min.min(raised.bucket_min);
                all.bucket_max = all.bucket_max.max(raised.bucket_max);
                all.difference_max = all.difference_max.max(raised.difference_max);
                (*first, *last, *count) = ((*first).min(time), (*last).max(time), *count + 1);
            }
            return;
        }
        if self.entries.len() < ANNOTATIONS_MAX {
            let raised = raised.map(|(raised, time)| (raised, time, time, 1));
            self.entries.insert(words, Entry { level: annotation.level(), span, raised });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The texts of one level with their places in `query`: at most `limit`, and a count of the rest. Zero is no limit.
    pub fn texts(&self, level: Level, query: &str, limit: usize) -> Vec<String> {
        let (prefix, name) = match level {
            Level::Warning => ("PromQL warning", "warning"),
            Level::Info => ("PromQL info", "info"),
        };
        let of_level = self.entries.iter().filter(|(_, entry)| entry.level == level);
        let mut texts: Vec<String> = of_level
            .map(|(words, entry)| {
                let detail = entry.raised.map(raised_detail).unwrap_or_default();
                format!("{prefix}: {words}{detail} ({})", entry.span.place(query))
            })
            .collect();
        if limit > 0 && texts.len() > limit {
            let left_out = texts.len() - limit;
            texts.truncate(limit);
            texts.push(format!("{left_out} more {name} annotations omitted"));
        }
        texts
    }
}

fn raised_detail((raised, first, last, count): (Raised, i64, i64, u64)) -> String {
    let time = |ms: i64| super::time::rfc3339(ms.div_euclid(1000));
    format!(
        ", from buckets {} to {}, with a max diff of {}, over {count} samples from {} to {}",
        float_short(raised.bucket_min),
        float_short(raised.bucket_max),
        two_digits(raised.difference_max),
        time(first),
        time(last)
    )
}

/// Go's `%.2g`.
fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    if rounded.abs() >= 100.0 || (rounded != 0.0 && rounded.abs() < 1e-4) {
        let text = format!("{rounded:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
        return format!("{digits}e{sign}{size:0>2}");
    }
    rounded.to_string()
}
