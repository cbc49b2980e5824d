//! Metric series with their data points as JSON.

use super::span::Number;
use super::{Decimal, Name, Resource, Scope, Text, is_zero};
use crate::api::value::{JsonAttributes, double_name};
use binnacle_query::series;
use binnacle_query::value;
use binnacle_storage::model::{SeriesId, SpanId, TraceId};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// Names of OTLP's `AggregationTemporality`.
const TEMPORALITIES: &[&str] = &["unspecified", "delta", "cumulative"];

/// One series: a metric with one set of attributes from one sender.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series<'a> {
    #[schema(value_type = String, example = "0f3c5d3e8a1b4c6d9e7f2a1b3c4d5e6f")]
    pub series_id: Text<SeriesId>,
    /// The metric's name.
    pub name: &'a str,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`; remote write has names of its own.
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub unit: &'a str,
    pub description: &'a str,
    /// `unspecified`, `delta`, `cumulative`; a number that has no name stays one. Null for gauges and summaries.
    #[schema(example = "cumulative")]
    pub temporality: Option<Name>,
    /// Null for all but sums.
    pub is_monotonic: Option<bool>,
    #[serde(skip_serializing_if = "JsonAttributes::is_empty")]
    #[schema(value_type = Object, required = false)]
    pub metadata: JsonAttributes<'a>,
    pub service: &'a str,
    /// The data points' attributes.
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    pub resource: Resource<'a>,
    pub scope: Scope<'a>,
    /// By time.
    pub points: Vec<Point<'a>>,
    /// By the time of their points, then their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub exemplars: Vec<SeriesExemplar<'a>>,
}

/// One data point. Gauges and sums have a value, the others their distribution.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = MetricPoint)]
pub struct Point<'a> {
    /// Unix ns.
    #[schema(value_type = String, example = "1700000000000000000")]
    pub time: Decimal,
    /// Unix ns; null when the sender left it out.
    #[schema(value_type = Option<String>)]
    pub start_time: Option<Decimal>,
    /// 1: no recorded value.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub flags: u32,
    /// An integer or a double as the sender wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub value: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub histogram: Option<Histogram<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub exponential_histogram: Option<ExponentialHistogram<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub summary: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub native_histogram: Option<NativeHistogram>,
}

/// Counts between explicit bounds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Histogram<'a> {
    pub count: u64,
    pub sum: Option<Double>,
    pub bucket_counts: &'a [u64],
    pub explicit_bounds: Vec<Double>,
    pub min: Option<Double>,
    pub max: Option<Double>,
}

/// Counts between powers of `2^(2^-scale)`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExponentialHistogram<'a> {
    pub count: u64,
    pub sum: Option<Double>,
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: Double,
    pub positive: Buckets<'a>,
    pub negative: Buckets<'a>,
    pub min: Option<Double>,
    pub max: Option<Double>,
}

/// Consecutive buckets, the first of which has index `offset`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Buckets<'a> {
    pub offset: i32,
    pub bucket_counts: &'a [u64],
}

/// Quantiles computed by the sender.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    pub count: u64,
    pub sum: Double,
    pub quantiles: Vec<Quantile>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Quantile {
    pub quantile: Double,
    pub value: Double,
}

/// A histogram as Prometheus and its agents send it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NativeHistogram {
    /// Counts are doubles rather than whole numbers.
    pub is_float: bool,
    pub count: Double,
    pub sum: Double,
    /// −4 to 8: buckets grow by `2^(2^-schema)`; −53: custom bounds.
    pub schema: i32,
    pub zero_threshold: Double,
    pub zero_count: Double,
    pub positive: NativeBuckets,
    pub negative: NativeBuckets,
    /// Upper bounds of the buckets of schema −53.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<f64>, required = false)]
    pub custom_values: Vec<Double>,
    /// What the sender knows of a reset before it: `unknown`, `reset`, `no_reset`, or `gauge`, which never resets.
    pub reset_hint: &'static str,
}

/// Buckets of one side of zero: runs of consecutive ones, and the counts of all runs end to end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NativeBuckets {
    pub spans: Vec<BucketSpan>,
    pub counts: Vec<Double>,
}

/// A run of buckets.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct BucketSpan {
    /// Gap to the run before; of the first run, the index of its first bucket.
    pub offset: i32,
    pub length: u32,
}

/// A single measurement behind a data point.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesExemplar<'a> {
    /// Unix ns.
    #[schema(value_type = String)]
    pub time: Decimal,
    /// Time of the data point that carried it, Unix ns.
    #[schema(value_type = String)]
    pub point_time: Decimal,
    /// An integer or a double as the sender wrote it.
    pub value: Option<Number>,
    #[schema(value_type = Option<String>)]
    pub trace_id: Option<Text<TraceId>>,
    #[schema(value_type = Option<String>)]
    pub span_id: Option<Text<SpanId>>,
    /// The attributes the series left out.
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
}

/// A double; NaN and the infinities are their names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Double(pub f64);

impl PartialSchema for Double {
    fn schema() -> RefOr<Schema> {
        Number::schema()
    }
}

impl ToSchema for Double {}

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match double_name(self.0) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'a> From<&'a series::SeriesPoints> for Series<'a> {
    fn from(found: &'a series::SeriesPoints) -> Self {
        let series = &*found.series;
        Series {
            series_id: Text(found.id),
            name: &series.name,
            kind: &series.kind,
            unit: &series.unit,
            description: &series.description,
            temporality: series.temporality.map(|number| Name { names: TEMPORALITIES, number }),
            is_monotonic: series.is_monotonic,
            metadata: JsonAttributes(&series.metadata),
            service: &series.service,
            attributes: JsonAttributes(&series.attributes),
            resource: Resource::from(&*series.resource),
            scope: Scope::from(&*series.scope),
            points: found.points.iter().map(Point::from).collect(),
            exemplars: found.exemplars.iter().map(SeriesExemplar::from).collect(),
        }
    }
}

impl<'a> From<&'a series::Point> for Point<'a> {
    fn from(point: &'a series::Point) -> Self {
        let mut json = Point {
            time: Decimal(point.time.0),
            start_time: point.start_time.map(|time| Decimal(time.0)),
            flags: point.flags,
            value: point.value.map(Number),
            histogram: None,
            exponential_histogram: None,
            summary: None,
            native_histogram: None,
        };
        match &point.distribution {
            Some(value::Distribution::Histogram(histogram)) => {
                json.histogram = Some(Histogram::from(histogram));
            }
            Some(value::Distribution::ExponentialHistogram(histogram)) => {
                json.exponential_histogram = Some(ExponentialHistogram::from(histogram));
            }
            Some(value::Distribution::Summary(summary)) => {
                json.summary = Some(Summary::from(summary));
            }
            Some(value::Distribution::Native(histogram)) => {
                json.native_histogram = Some(NativeHistogram::from(histogram));
            }
            None => {}
        }
        json
    }
}

impl<'a> From<&'a value::Histogram> for Histogram<'a> {
    fn from(histogram: &'a value::Histogram) -> Self {
        Histogram {
            count: histogram.count,
            sum: histogram.sum.map(Double),
            bucket_counts: &histogram.bucket_counts,
            explicit_bounds: histogram.explicit_bounds.iter().copied().map(Double).collect(),
            min: histogram.min.map(Double),
            max: histogram.max.map(Double),
        }
    }
}

impl<'a> From<&'a value::ExponentialHistogram> for ExponentialHistogram<'a> {
    fn from(histogram: &'a value::ExponentialHistogram) -> Self {
        ExponentialHistogram {
            count: histogram.count,
            sum: histogram.sum.map(Double),
            scale: histogram.scale,
            zero_count: histogram.zero_count,
            zero_threshold: Double(histogram.zero_threshold),
            positive: Buckets::from(&histogram.positive),
            negative: Buckets::from(&histogram.negative),
            min: histogram.min.map(Double),
            max: histogram.max.map(Double),
        }
    }
}

impl<'a> From<&'a value::Buckets> for Buckets<'a> {
    fn from(buckets: &'a value::Buckets) -> Self {
        Buckets { offset: buckets.offset, bucket_counts: &buckets.bucket_counts }
    }
}

impl From<&value::Summary> for Summary {
    fn from(summary: &value::Summary) -> Self {
        let quantile = |one: &value::Quantile| Quantile {
            quantile: Double(one.quantile),
            value: Double(one.value),
        };
        Summary {
            count: summary.count,
            sum: Double(summary.sum),
            quantiles: summary.quantiles.iter().map(quantile).collect(),
        }
    }
}

impl From<&value::NativeHistogram> for NativeHistogram {
    fn from(histogram: &value::NativeHistogram) -> Self {
        NativeHistogram {
            is_float: histogram.is_float,
            count: Double(histogram.count),
            sum: Double(histogram.sum),
            schema: histogram.schema,
            zero_threshold: Double(histogram.zero_threshold),
            zero_count: Double(histogram.zero_count),
            positive: NativeBuckets::from(&histogram.positive),
            negative: NativeBuckets::from(&histogram.negative),
            custom_values: histogram.custom_values.iter().copied().map(Double).collect(),
            reset_hint: match histogram.reset_hint {
                value::ResetHint::Unknown => "unknown",
                value::ResetHint::Reset => "reset",
                value::ResetHint::NoReset => "no_reset",
                value::ResetHint::Gauge => "gauge",
            },
        }
    }
}

impl From<&value::NativeBuckets> for NativeBuckets {
    fn from(buckets: &value::NativeBuckets) -> Self {
        let span =
            |span: &value::BucketSpan| BucketSpan { offset: span.offset, length: span.length };
        NativeBuckets {
            spans: buckets.spans.iter().map(span).collect(),
            counts: buckets.counts.iter().copied().map(Double).collect(),
        }
    }
}

impl<'a> From<&'a series::SeriesExemplar> for SeriesExemplar<'a> {
    fn from(exemplar: &'a series::SeriesExemplar) -> Self {
        SeriesExemplar {
            time: Decimal(exemplar.time.0),
            point_time: Decimal(exemplar.point_time.0),
            value: exemplar.value.map(Number),
            trace_id: exemplar.trace_id.map(Text),
            span_id: exemplar.span_id.map(Text),
            attributes: JsonAttributes(&exemplar.attributes),
        }
    }
}
