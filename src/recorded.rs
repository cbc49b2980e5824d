//! How the series that rules make get in: through the collector, as every other series.

use binnacle_alerting::{RecordedSample, SeriesSink};
use binnacle_collector::{Collector, RecordedHistogram, RecordedPoint, RecordedValue};
use binnacle_query::promql::histogram::{Histogram, ResetHint};
use binnacle_query::promql::series::Sample;
use binnacle_storage::model::TenantId;
use futures::future::BoxFuture;

/// The collector, as alerting writes to it.
#[derive(Debug, Clone)]
pub struct RecordedSeries(pub Collector);

impl SeriesSink for RecordedSeries {
    fn write(
        &self,
        tenant: &TenantId,
        samples: Vec<RecordedSample>,
    ) -> BoxFuture<'_, Result<(), String>> {
        let tenant = tenant.clone();
        Box::pin(async move {
            let points: Vec<RecordedPoint> = samples.iter().map(point).collect();
            self.0.record(&tenant, &points).await
        })
    }
}

fn point(sample: &RecordedSample) -> RecordedPoint {
    let labels = sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let value = match &sample.value {
        None => RecordedValue::End,
        Some(Sample::Float(value)) => RecordedValue::Float(*value),
        Some(Sample::Histogram(value)) => RecordedValue::Histogram(histogram(value)),
    };
    RecordedPoint { labels: labels.collect(), time: sample.time, value }
}

fn histogram(histogram: &Histogram) -> RecordedHistogram {
    RecordedHistogram {
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count: histogram.zero_count,
        count: histogram.count,
        sum: histogram.sum,
        positive: histogram.positive.clone(),
        negative: histogram.negative.clone(),
        bounds: histogram.bounds.to_vec(),
        is_gauge: histogram.hint == ResetHint::Gauge,
    }
}
