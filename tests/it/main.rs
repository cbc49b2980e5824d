//! Whole-product tests: the real binary, spoken to by the official OpenTelemetry SDK for Rust.
//!
//! The binary is `$BINNACLE_BIN`, or the one Cargo built for these tests.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod expected;
mod program;
mod promql;
mod server;

use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use program::{Exported, Exporters};
use serde_json::Value;
use server::{Server, list};
use std::collections::{BTreeSet, HashMap};

/// Exporters over gRPC; their connections live on the runtime.
fn grpc(server: &Server, tenant: &str, compression: Option<Compression>) -> Exporters {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-scope-orgid", tenant.parse().unwrap());
    macro_rules! exporter {
        ($kind:ident) => {{
            let builder = $kind::builder()
                .with_tonic()
                .with_endpoint(server.otlp_grpc())
                .with_metadata(metadata.clone());
            let builder = match compression {
                Some(compression) => builder.with_compression(compression),
                None => builder,
            };
            builder.build().unwrap()
        }};
    }
    Exporters {
        spans: exporter!(SpanExporter),
        logs: exporter!(LogExporter),
        metrics: exporter!(MetricExporter),
    }
}

fn http(
    server: &Server,
    tenant: &str,
    protocol: Protocol,
    compression: Option<Compression>,
) -> Exporters {
    let headers = HashMap::from([("X-Scope-OrgID".to_owned(), tenant.to_owned())]);
    macro_rules! exporter {
        ($kind:ident, $signal:literal) => {{
            let builder = $kind::builder()
                .with_http()
                .with_endpoint(format!("{}/v1/{}", server.otlp_http(), $signal))
                .with_protocol(protocol)
                .with_headers(headers.clone());
            let builder = match compression {
                Some(compression) => builder.with_compression(compression),
                None => builder,
            };
            builder.build().unwrap()
        }};
    }
    Exporters {
        spans: exporter!(SpanExporter, "traces"),
        logs: exporter!(LogExporter, "logs"),
        metrics: exporter!(MetricExporter, "metrics"),
    }
}

/// Everything that was exported comes back equal, field by field.
fn check(server: &Server, tenant: &str, exported: &Exported) {
    let spans = expected::spans(&exported.spans);
    assert_eq!(spans.len(), 40);
    let ids: BTreeSet<&str> = spans.iter().map(|span| span["trace_id"].as_str().unwrap()).collect();
    let traces = ids.into_iter().map(|id| server.trace(tenant, id));
    let answered: Vec<Value> = traces.flat_map(|trace| list(&trace["spans"]).to_vec()).collect();
    same(&expected::answered(&answered), &spans);

    let logs = expected::logs(&exported.logs);
    assert_eq!(logs.len(), 7);
    let trace = server.trace(tenant, logs[0]["trace_id"].as_str().unwrap());
    same(&expected::answered(list(&trace["logs"])), &logs);

    let points = expected::points(&exported.metrics);
    assert!(points.len() > 20, "{}", points.len());
    same(&expected::answered_points(&server.sql(tenant, expected::POINTS)), &points);
}

/// Says which record differs rather than print all.
fn same(answered: &[Value], expected: &[Value]) {
    for (answered, expected) in answered.iter().zip(expected) {
        assert_eq!(answered, expected);
    }
    assert_eq!(answered.len(), expected.len());
}

#[test]
fn what_the_rust_sdk_exports_comes_back_equal() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut server = Server::start();
    let mut sent = Vec::new();
    for compression in [None, Some(Compression::Gzip)] {
        let suffix = compression.map_or("plain".to_owned(), |c| c.to_string());
        let tenant = format!("grpc-{suffix}");
        let exporters = {
            let _on_the_runtime = runtime.enter();
            grpc(&server, &tenant, compression)
        };
        sent.push((tenant, program::run(exporters)));
        for (name, protocol) in [("protobuf", Protocol::HttpBinary), ("json", Protocol::HttpJson)] {
            let tenant = format!("http-{name}-{suffix}");
            sent.push((
                tenant.clone(),
                program::run(http(&server, &tenant, protocol, compression)),
            ));
        }
    }
    let check_all = |server: &Server| {
        sent.iter().for_each(|(tenant, exported)| check(server, tenant, exported));
    };
    check_all(&server);
    server.crash();
    check_all(&server);
    server.admin("flush");
    check_all(&server);
    server.admin("compact");
    server.crash();
    check_all(&server);
}
