//! Exemplars: which trace a measured value belongs to.
//!
//! The SDK for Rust aggregates measurements but keeps no exemplars. So the newest measurement of each series, in each bucket
//! of a histogram, is noted here with its trace, and put onto the SDK's data points on their way out.

use super::DURATION_BOUNDS;
use super::gated::reachable;
use crate::faults::Faults;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::KeyValue as ProtoKeyValue;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::transport::Channel;

/// Series with exemplars between two exports; further ones go without.
const SERIES_MAX: usize = 2000;

/// A metric's name and the attributes of one series.
type Key = (String, String);

/// The newest exemplar of each series and bucket since the last export.
#[derive(Debug, Default)]
pub struct Exemplars {
    newest: Mutex<HashMap<Key, BTreeMap<usize, Exemplar>>>,
}

impl Exemplars {
    /// Notes a measurement, if it belongs to a trace that is kept.
    pub fn offer(&self, name: &str, value: f64, attributes: &[KeyValue], context: &Context) {
        let span = context.span();
        let of = span.span_context();
        if !of.is_sampled() {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let exemplar = Exemplar {
            time_unix_nano: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            span_id: of.span_id().to_bytes().to_vec(),
            trace_id: of.trace_id().to_bytes().to_vec(),
            value: Some(Value::AsDouble(value)),
            ..Exemplar::default()
        };
        let attributes: Vec<ProtoKeyValue> = attributes.iter().map(ProtoKeyValue::from).collect();
        let key = (name.to_owned(), text(&attributes));
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() < SERIES_MAX || newest.contains_key(&key) {
            let bucket = DURATION_BOUNDS.partition_point(|bound| *bound < value);
            newest.entry(key).or_default().insert(bucket, exemplar);
        }
    }

    /// Puts what was noted onto the data points of `metrics`, and forgets it.
    fn put_onto<'a>(&self, metrics: impl Iterator<Item = &'a mut Metric>) {
        let mut noted =
            std::mem::take(&mut *self.newest.lock().unwrap_or_else(PoisonError::into_inner));
        for metric in metrics {
            let name = metric.name.clone();
            let mut take = |attributes: &[ProtoKeyValue]| -> Vec<Exemplar> {
                let found = noted.remove(&(name.clone(), text(attributes)));
                found.unwrap_or_default().into_values().collect()
            };
            match &mut metric.data {
                Some(Data::Histogram(of)) => {
                    of.data_points.iter_mut().for_each(|p| p.exemplars = take(&p.attributes));
                }
                Some(Data::Sum(of)) => {
                    of.data_points.iter_mut().for_each(|p| p.exemplars = take(&p.attributes));
                }
                _ => {}
            }
        }
    }
}

/// Attributes in one order.
fn text(attributes: &[ProtoKeyValue]) -> String {
    let mut sorted: Vec<&ProtoKeyValue> = attributes.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    format!("{sorted:?}")
}

/// Sends the SDK's metrics with their exemplars.
#[derive(Debug)]
pub struct ExemplarExporter {
    client: MetricsServiceClient<Channel>,
    exemplars: Arc<Exemplars>,
    faults: Faults,
}

impl ExemplarExporter {
    pub fn new(channel: Channel, exemplars: Arc<Exemplars>, faults: Faults) -> ExemplarExporter {
        ExemplarExporter { client: MetricsServiceClient::new(channel), exemplars, faults }
    }
}

impl PushMetricExporter for ExemplarExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        reachable(&self.faults)?;
        let mut request = ExportMetricsServiceRequest::from(metrics);
        let scopes = request.resource_metrics.iter_mut().flat_map(|of| &mut of.scope_metrics);
        self.exemplars.put_onto(scopes.flat_map(|scope| &mut scope.metrics));
        let sent = self.client.clone().export(request).await;
        sent.map_err(|status| OTelSdkError::InternalFailure(status.to_string()))?;
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::metrics::v1::{Histogram, HistogramDataPoint};
    use std::slice::from_ref;

    fn histogram(attributes: &[KeyValue]) -> Metric {
        let point = HistogramDataPoint {
            attributes: attributes.iter().map(ProtoKeyValue::from).collect(),
            ..HistogramDataPoint::default()
        };
        let data = Histogram { data_points: vec![point], aggregation_temporality: 2 };
        Metric { name: "took".to_owned(), data: Some(Data::Histogram(data)), ..Metric::default() }
    }

    fn values(metric: &Metric) -> Vec<f64> {
        let Some(Data::Histogram(of)) = &metric.data else { panic!("{metric:?}") };
        let value = |e: &Exemplar| match e.value {
            Some(Value::AsDouble(value)) => value,
            _ => panic!("{e:?}"),
        };
        of.data_points.iter().flat_map(|point| point.exemplars.iter().map(value)).collect()
    }

    #[test]
    fn the_newest_of_each_bucket_goes_onto_its_own_series_once() {
        let parent = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01";
        let pairs = HashMap::from([("traceparent".to_owned(), parent.to_owned())]);
        let context = super::super::from_pairs(&pairs);
        let (route, status) = (KeyValue::new("route", "/a"), KeyValue::new("status", 200));
        let exemplars = Exemplars::default();
        for value in [0.02, 0.3, 0.021] {
            exemplars.offer("took", value, &[status.clone(), route.clone()], &context);
        }
        exemplars.offer("took", 9.0, from_ref(&route), &Context::new());
        let mut metrics = [histogram(from_ref(&route)), histogram(&[route, status])];
        exemplars.put_onto(metrics.iter_mut());
        assert_eq!(metrics.each_ref().map(values), [vec![], vec![0.021, 0.3]]);
        exemplars.put_onto(metrics.iter_mut());
        assert_eq!(values(&metrics[1]), Vec::<f64>::new());
    }
}
