//! The generator's own spans, one a request, over OTLP/HTTP: what it measured and what is stored are the same numbers.
//!
//! A span begins when its request was *due* and ends with the answer's last byte, as the histogram counts it. Spans wait in
//! a bounded queue; one that finds it full is lost, and counted as such. So is one that could not be sent to the end.

use crate::client::TraceParent;
use crate::wire::Wire;
use bytes::Bytes;
use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Spans that wait at most.
const QUEUE_MAX: usize = 65_536;
/// Spans of one request to the collector, and how long the first of them waits for the others.
const BATCH_MAX: usize = 2_000;
const BATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How long one batch is offered again.
const PATIENCE: Duration = Duration::from_secs(30);
/// A request is late when the generator came to it this much after it was due; its span says so.
const LATE: Duration = Duration::from_millis(1);

/// What a span says of one request.
#[derive(Debug, Clone)]
pub struct Sent {
    pub parent: TraceParent,
    pub operation: usize,
    /// Unix nanoseconds.
    pub due: u64,
    pub sent: u64,
    pub ended: u64,
    pub result: Result<(), String>,
}

/// What all spans of an operation share.
#[derive(Debug, Clone)]
pub struct Described {
    pub name: String,
    pub attributes: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct Exporter {
    queue: mpsc::Sender<Sent>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    lost: AtomicU64,
}

/// How many spans arrived, and how many did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub exported: u64,
    pub lost: u64,
}

impl Exporter {
    /// Sends to `{endpoint}/v1/traces`, such as `http://127.0.0.1:4318`.
    pub fn start(
        wire: Wire,
        endpoint: &str,
        resource: &[(&str, String)],
        described: Vec<Described>,
    ) -> Exporter {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let counts = Arc::new(Counts::default());
        let attributes = resource.iter().map(|(key, value)| text(key, value.clone())).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let shipped = Ship { wire, url, resource, described, counts: counts.clone() };
        Exporter { queue, counts, task: tokio::spawn(shipped.run(waiting)) }
    }

    pub fn offer(&self, sent: Sent) {
        if self.queue.try_send(sent).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends what waits.
    pub async fn finish(self) -> Exported {
        drop(self.queue);
        // A panic there is seen as spans that are missing.
        let _ = self.task.await;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Exported { exported: read(&self.counts.exported), lost: read(&self.counts.lost) }
    }
}

struct Ship {
    wire: Wire,
    url: String,
    resource: Resource,
    described: Vec<Described>,
    counts: Arc<Counts>,
}

impl Ship {
    async fn run(self, mut waiting: mpsc::Receiver<Sent>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while let Some(first) = waiting.recv().await {
            batch.push(first);
            let until = Instant::now() + BATCH_INTERVAL;
            while batch.len() < BATCH_MAX {
                match tokio::time::timeout_at(until, waiting.recv()).await {
                    Ok(Some(sent)) => batch.push(sent),
                    Ok(None) | Err(_) => break,
                }
            }
            self.ship(&batch).await;
            batch.clear();
        }
    }

    /// Offers a batch until it is taken, refused for good, or time is up.
    async fn ship(&self, batch: &[Sent]) {
        let spans = batch.iter().map(|sent| span(sent, &self.described[sent.operation])).collect();
        let request = request(self.resource.clone(), spans);
        let body = Bytes::from(request.encode_to_vec());
        let (began, all) = (Instant::now(), batch.len() as u64);
        let mut wait = Duration::from_millis(100);
        let exported = loop {
            let sent =
                self.wire.send(Method::POST, &self.url, "application/x-protobuf", body.clone());
            match sent.await {
                Ok(answer) if answer.status == 200 => {
                    let reply = ExportTraceServiceResponse::decode(answer.body).unwrap_or_default();
                    let refused = reply.partial_success.map_or(0, |partial| partial.rejected_spans);
                    break all.saturating_sub(u64::try_from(refused).unwrap_or(0));
                }
                // As OTLP says: these may be tried again.
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                    wait = answer.retry_after.unwrap_or(wait);
                }
                Ok(_) => break 0,
                Err(_) => {}
            }
            if began.elapsed() + wait > PATIENCE {
                break 0;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        };
        self.counts.exported.fetch_add(exported, Ordering::Relaxed);
        self.counts.lost.fetch_add(all - exported, Ordering::Relaxed);
    }
}

fn request(resource: Resource, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: "binnacle-load".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let of = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![of] }
}

fn span(sent: &Sent, described: &Described) -> Span {
    let mut attributes: Vec<KeyValue> =
        described.attributes.iter().map(|(key, value)| text(key, value.clone())).collect();
    let mut status = None;
    if let Err(why) = &sent.result {
        let code = why.strip_prefix("status ");
        attributes.push(text("error.type", code.unwrap_or(why).to_owned()));
        status = Some(Status { code: StatusCode::Error.into(), message: why.clone() });
    }
    let is_late = sent.sent.saturating_sub(sent.due) > LATE.as_nanos() as u64;
    let late =
        Event { time_unix_nano: sent.sent, name: "sent late".to_owned(), ..Event::default() };
    Span {
        trace_id: sent.parent.trace_id.to_be_bytes().to_vec(),
        span_id: sent.parent.span_id.to_be_bytes().to_vec(),
        flags: 1,
        name: described.name.clone(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: sent.due,
        end_time_unix_nano: sent.ended,
        attributes,
        events: if is_late { vec![late] } else { Vec::new() },
        status,
        ..Span::default()
    }
}

fn text(key: &str, value: String) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value)) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(result: Result<(), String>) -> Sent {
        let parent = TraceParent { trace_id: 1, span_id: 2 };
        Sent { parent, operation: 0, due: 1_000, sent: 5_001_000, ended: 9_000_000, result }
    }

    #[test]
    fn a_span_lasts_from_when_its_request_was_due() {
        let described =
            Described { name: "GET /".to_owned(), attributes: vec![("a", "b".to_owned())] };
        let good = span(&sent(Ok(())), &described);
        assert_eq!((good.start_time_unix_nano, good.end_time_unix_nano), (1_000, 9_000_000));
        assert_eq!((good.trace_id.len(), good.span_id.len()), (16, 8));
        assert_eq!((good.status, good.attributes.len()), (None, 1));
        assert_eq!(good.events[0].time_unix_nano, 5_001_000);
        let failed = span(&sent(Err("status 503".to_owned())), &described);
        assert_eq!(failed.attributes[1], text("error.type", "503".to_owned()));
        assert_eq!(failed.status.unwrap().message, "status 503");
        let on_time = span(&Sent { sent: 900_000, ..sent(Ok(())) }, &described);
        assert!(on_time.events.is_empty());
    }
}
