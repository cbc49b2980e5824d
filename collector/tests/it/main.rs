//! The collector on the real storage, spoken to by the official gRPC client.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use binnacle_collector::{CappedDecoder, Collector, CollectorConfig, WalDecoder};
use binnacle_storage::model::{Table, TenantId, TimeRange};
use binnacle_storage::{Storage, StorageConfig, SystemClock};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;

async fn open(path: &Path) -> Storage {
    let config = StorageConfig { path: path.to_owned(), ..StorageConfig::default() };
    let opened = Storage::open(config, Arc::new(WalDecoder), Arc::new(SystemClock)).await;
    opened.unwrap().0
}

fn request(number: u8) -> ExportTraceServiceRequest {
    let span = |trace_id: Vec<u8>| Span {
        trace_id,
        span_id: vec![number; 8],
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_000_000_001,
        ..Span::default()
    };
    // The second span is bad: its trace id is all zero.
    let spans = vec![span(vec![number; 16]), span(vec![0; 16])];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

/// Spans a query of the default tenant sees.
async fn count(storage: &Storage) -> u64 {
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    let chunks = snapshot.chunks(Table::Spans, TimeRange::all());
    let segments = snapshot.segments(Table::Spans, TimeRange::all());
    let buffered: u64 = chunks.iter().map(|chunk| chunk.records.num_rows() as u64).sum();
    buffered + segments.iter().map(|segment| segment.info().rows).sum::<u64>()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_sent_by_the_official_client_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(directory.path()).await;
    let collector =
        Collector::new(storage.clone(), CollectorConfig::default(), Arc::new(SystemClock));
    let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", grpc.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        collector.serve(grpc, http, async { drop(stopped.await) }).await;
    });

    let client = TraceServiceClient::connect(address).await.unwrap();
    let plain = client.clone();
    let gzip = client.clone().send_compressed(CompressionEncoding::Gzip);
    let zstd = client.send_compressed(CompressionEncoding::Zstd);
    for (number, mut client) in [(1, plain), (2, gzip), (3, zstd)] {
        // The same request sent twice counts once.
        for _ in 0..2 {
            let answer = client.export(request(number)).await.unwrap().into_inner();
            assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
        }
    }
    assert_eq!(count(&storage).await, 3);

    stop.send(()).unwrap();
    serving.await.unwrap();
    storage.shutdown().await.unwrap();
    drop(storage);
    assert_eq!(count(&open(directory.path()).await).await, 3);
}

/// One point for each of these values of a label.
fn gauge(labels: std::ops::Range<u32>) -> ExportMetricsServiceRequest {
    let point = |label: u32| NumberDataPoint {
        attributes: vec![KeyValue {
            key: "id".to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(label.to_string())) }),
            ..KeyValue::default()
        }],
        time_unix_nano: 1_700_000_000_000_000_000,
        ..NumberDataPoint::default()
    };
    let data = metric::Data::Gauge(Gauge { data_points: labels.map(point).collect() });
    let metrics = vec![Metric { name: "g".to_owned(), data: Some(data), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

/// Sends to a collector of at most three series; answers with how many it counts then, and whether some overflowed.
async fn send(path: &Path, labels: std::ops::Range<u32>, is_clean: bool) -> (usize, bool) {
    let config = CollectorConfig { tenant_series_max: 3, ..CollectorConfig::default() };
    let decoder = Arc::new(CappedDecoder::new(&config));
    let clock = Arc::new(SystemClock);
    let storage_config = StorageConfig { path: path.to_owned(), ..StorageConfig::default() };
    let opened = Storage::open(storage_config, decoder.clone(), clock.clone()).await;
    let storage = opened.unwrap().0;
    let collector = Collector::continuing(&decoder, storage.clone(), config, clock);
    let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", grpc.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let collector = collector.clone();
        async move { collector.serve(grpc, http, async { drop(stopped.await) }).await }
    });
    let mut client = MetricsServiceClient::connect(address).await.unwrap();
    let answer = client.export(gauge(labels)).await.unwrap().into_inner();
    drop(client);
    stop.send(()).unwrap();
    serving.await.unwrap();
    if is_clean {
        storage.shutdown().await.unwrap();
    }
    let told = answer.partial_success.is_some_and(|told| !told.error_message.is_empty());
    (collector.cardinality(&TenantId::default(), 1).series, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_hold_across_a_crash_and_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    // Dropped without a shutdown, all stays in the WAL.
    assert_eq!(send(directory.path(), 0..6, false).await, (3, true));
    assert_eq!(send(directory.path(), 0..3, true).await, (3, false));
    // Now all is in segments.
    assert_eq!(send(directory.path(), 6..7, true).await, (3, true));
    assert_eq!(send(directory.path(), 1..3, true).await, (3, false));
}
