//! Frames of requests, as `replay` reads them.

use crate::shop::{resource, scope, Lg, Sp};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

pub struct Out {
    pub f: BufWriter<File>,
    pub frames: u64,
    pub bytes: u64,
    pub items: u64,
}
impl Out {
    pub fn new(dir: &str, n: &str) -> Self {
        Out {
            f: BufWriter::with_capacity(1 << 20, File::create(format!("{dir}/{n}.otlp")).unwrap()),
            frames: 0,
            bytes: 0,
            items: 0,
        }
    }
    pub fn put(&mut self, items: usize, b: &[u8]) {
        self.f.write_all(&(items as u32).to_le_bytes()).unwrap();
        self.f.write_all(&(b.len() as u32).to_le_bytes()).unwrap();
        self.f.write_all(b).unwrap();
        self.frames += 1;
        self.bytes += b.len() as u64;
        self.items += items as u64;
    }
}

pub fn flush_spans(buf: &mut Vec<Sp>, o: &mut Out) {
    if buf.is_empty() {
        return;
    }
    let n = buf.len();
    let mut m: BTreeMap<(u8, u8), Vec<Span>> = BTreeMap::new();
    for x in buf.drain(..) {
        m.entry((x.svc, x.pod)).or_default().push(x.sp);
    }
    let req = ExportTraceServiceRequest {
        resource_spans: m
            .into_iter()
            .map(|((a, b), spans)| ResourceSpans {
                resource: Some(resource(a as usize, b as usize)),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope(a as usize)),
                    spans,
                    schema_url: String::new(),
                }],
                schema_url: "https://opentelemetry.io/schemas/1.34.0".into(),
            })
            .collect(),
    };
    o.put(n, &req.encode_to_vec());
}
pub fn flush_logs(buf: &mut Vec<Lg>, o: &mut Out) {
    if buf.is_empty() {
        return;
    }
    let n = buf.len();
    let mut m: BTreeMap<(u8, u8), Vec<LogRecord>> = BTreeMap::new();
    for x in buf.drain(..) {
        m.entry((x.svc, x.pod)).or_default().push(x.lg);
    }
    let req = ExportLogsServiceRequest {
        resource_logs: m
            .into_iter()
            .map(|((a, b), log_records)| ResourceLogs {
                resource: Some(resource(a as usize, b as usize)),
                scope_logs: vec![ScopeLogs {
                    scope: Some(scope(a as usize)),
                    log_records,
                    schema_url: String::new(),
                }],
                schema_url: "https://opentelemetry.io/schemas/1.34.0".into(),
            })
            .collect(),
    };
    o.put(n, &req.encode_to_vec());
}
