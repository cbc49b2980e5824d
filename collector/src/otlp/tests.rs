//! Every answer of both transports, against a sink that remembers what it was given.

use super::reply;
use crate::collector::Sink;
use crate::otlp::decode::tests::generate;
use crate::{Collector, CollectorConfig};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use binnacle_storage::model::{Signal, TenantId};
use binnacle_storage::{Accepted, AppendRequest, Error as StorageError, SystemClock};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use parking_lot::Mutex;
use prost::Message;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Keeps what is appended, or refuses it.
#[derive(Default)]
pub struct TestSink {
    pub requests: Mutex<Vec<AppendRequest>>,
    pub refuse: Mutex<Option<StorageError>>,
}

impl Sink for TestSink {
    fn append(&self, request: AppendRequest) -> BoxFuture<'_, Result<Accepted, StorageError>> {
        let refusal = self.refuse.lock().take();
        Box::pin(async move {
            if let Some(error) = refusal {
                return Err(error);
            }
            self.requests.lock().push(request);
            Ok(Accepted::Stored)
        })
    }
}

pub struct Bench {
    pub sink: Arc<TestSink>,
    pub collector: Collector,
    pub http: Router,
    grpc: Router,
}

pub fn bench() -> Bench {
    bench_with(CollectorConfig { request_bytes_max: 1 << 20, ..CollectorConfig::default() })
}

pub fn bench_with(config: CollectorConfig) -> Bench {
    let sink = Arc::new(TestSink::default());
    let collector = Collector::with_sink(sink.clone(), config, Arc::new(SystemClock));
    let (http, grpc) = (super::http::router(&collector), super::grpc::router(&collector));
    Bench { sink, collector, http, grpc }
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Sends one HTTP request; answers with status, headers and body.
pub async fn send(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> (StatusCode, http::HeaderMap, Bytes) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.into())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn one_span() -> Vec<u8> {
    generate::spans_request(&[&generate::nested_span(0)])
}

#[tokio::test]
async fn a_request_lands_with_its_tenant_body_and_hash() {
    let bench = bench();
    let body = one_span();
    let headers = [("content-type", PROTOBUF), ("x-scope-orgid", "team-a")];
    let (status, answer, bytes) =
        send(&bench.http, "POST", "/v1/traces", &headers, body.clone()).await;
    assert_eq!((status, answer["content-type"].as_bytes()), (StatusCode::OK, PROTOBUF.as_bytes()));
    assert!(bytes.is_empty(), "full success leaves partial_success unset");

    let zipped = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    send(&bench.http, "POST", "/v1/traces", &zipped, gzip(&body)).await;
    let requests = bench.sink.requests.lock();
    assert_eq!(requests[0].tenant.as_str(), "team-a");
    assert_eq!((&requests[0].body[..], requests[0].batch.rows()), (&body[..], 1));
    assert_eq!(requests[1].tenant, TenantId::default());
    assert_eq!(requests[0].content_hash, requests[1].content_hash, "the hash is of the plain body");
}

#[tokio::test]
async fn bad_http_requests_are_answered_as_specified() {
    let bench = bench();
    let deep = "{\"resourceSpans\":".to_owned() + &"[".repeat(6000);
    let big = vec![0; (1 << 20) + 1];
    let bomb = gzip(&vec![0; 8 << 20]);
    let protobuf = [("content-type", PROTOBUF)];
    let json = [("content-type", JSON)];
    let zipped = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let brotli = [("content-type", PROTOBUF), ("content-encoding", "br")];
    let tenant = [("content-type", PROTOBUF), ("x-scope-orgid", "../etc")];
    let text = [("content-type", "text/plain")];
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16);
    let cases: Vec<Case<'_>> = vec![
        ("POST", "/v1/traces", &protobuf, one_span()[..20].to_vec(), 400),
        ("POST", "/v1/traces", &protobuf, b"{}".to_vec(), 400),
        ("POST", "/v1/traces", &json, one_span(), 400),
        ("POST", "/v1/logs", &json, deep.into_bytes(), 400),
        ("POST", "/v1/traces", &zipped, b"bogus gzip".to_vec(), 400),
        ("POST", "/v1/traces", &tenant, one_span(), 400),
        ("POST", "/v1/traces", &protobuf, big, 413),
        ("POST", "/v1/traces", &zipped, bomb, 413),
        ("POST", "/v1/traces", &brotli, one_span(), 415),
        ("POST", "/v1/traces", &text, one_span(), 415),
        ("POST", "/v1/traces", &[], one_span(), 415),
        ("GET", "/v1/traces", &protobuf, Vec::new(), 405),
        ("POST", "/v1/spans", &protobuf, one_span(), 404),
    ];
    for (method, path, headers, body, expected) in cases {
        let case = format!("{method} {path} {headers:?} {} bytes", body.len());
        let (status, answer, bytes) = send(&bench.http, method, path, headers, body).await;
        assert_eq!(status.as_u16(), expected, "{case}");
        assert!(!answer.contains_key("retry-after"), "{case}");
        let is_protobuf = headers.first().is_some_and(|(_, value)| *value == PROTOBUF);
        let message = if is_protobuf {
            assert_eq!(answer["content-type"], PROTOBUF, "{case}");
            tonic_types::pb::Status::decode(bytes).unwrap().message
        } else {
            assert_eq!(answer["content-type"], JSON, "{case}");
            let status: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            status["message"].as_str().unwrap().to_owned()
        };
        assert!(!message.is_empty(), "{case}");
        match expected {
            405 => assert_eq!(answer["allow"], "POST, OPTIONS"),
            415 if headers.len() == 2 => {
                assert_eq!(answer["accept-encoding"], "gzip, zstd, identity")
            }
            _ => {}
        }
    }
    assert!(bench.sink.requests.lock().is_empty());
    let refused = bench.collector.rejections().totals(&TenantId::default()).requests;
    assert!(refused >= 9, "{refused}");
}

#[tokio::test]
async fn empty_requests_succeed_in_both_encodings() {
    let bench = bench();
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        let protobuf = [("content-type", PROTOBUF)];
        let (status, _, body) = send(&bench.http, "POST", path, &protobuf, "").await;
        assert_eq!((status, body.len()), (StatusCode::OK, 0));
        let json = [("content-type", "application/json; charset=utf-8")];
        let (status, _, body) = send(&bench.http, "POST", path, &json, "{}").await;
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"{}"[..]));
    }
}

#[tokio::test]
async fn bad_records_are_counted_and_their_neighbours_land() {
    let bench = bench();
    let good = generate::nested_span(0);
    let bad = generate::span_with_id(&[0; 16]);
    let body = generate::spans_request(&[&bad, &good, &bad]);
    let headers = [("content-type", PROTOBUF)];
    let (status, _, bytes) = send(&bench.http, "POST", "/v1/traces", &headers, body).await;
    assert_eq!(status, StatusCode::OK);
    let partial = ExportTraceServiceResponse::decode(bytes).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert_eq!(partial.error_message, "2 × trace id is empty or all zero");
    assert_eq!(bench.sink.requests.lock()[0].batch.rows(), 1);
    let entries = bench.collector.rejections().entries(&TenantId::default());
    assert_eq!((entries.len(), entries[0].records), (1, 2));

    let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SERVER"}]}]}]}"#;
    let headers = [("content-type", JSON)];
    let (status, _, bytes) = send(&bench.http, "POST", "/v1/traces", &headers, json).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((status, &answer["partialSuccess"]["rejectedSpans"]), (StatusCode::OK, &"1".into()));
}

#[tokio::test]
async fn what_can_be_retried_says_when() {
    let bench = bench();
    let wait = Duration::from_secs(7);
    let refusals = [
        (StorageError::Overloaded { bytes: 1, retry_after: wait }, "7"),
        (StorageError::ReadOnly { reason: "disk is full".to_owned() }, "30"),
    ];
    for (refusal, seconds) in refusals {
        *bench.sink.refuse.lock() = Some(refusal);
        let headers = [("content-type", JSON)];
        let body = include_str!("../../testdata/otlp/trace.json");
        let (status, answer, _) = send(&bench.http, "POST", "/v1/traces", &headers, body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer["retry-after"], seconds);
    }
    let config = CollectorConfig { tenant_bytes_per_second: 10, ..CollectorConfig::default() };
    let bench = bench_with(config);
    let headers = [("content-type", PROTOBUF)];
    let first = send(&bench.http, "POST", "/v1/traces", &headers, one_span()).await;
    let second = send(&bench.http, "POST", "/v1/traces", &headers, one_span()).await;
    assert_eq!((first.0, second.0), (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS));
    assert!(second.1.contains_key("retry-after"));
}

#[tokio::test]
async fn browsers_may_send_from_allowed_pages_only() {
    let bench = bench();
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-token"),
        ];
        let router = bench.http.clone();
        async move { send(&router, "OPTIONS", "/v1/traces", &headers, "").await }
    };
    let (status, answer, _) = preflight("http://localhost:3000").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(answer["access-control-max-age"], "7200");
    assert_eq!(answer["access-control-allow-headers"], "content-type,x-token");
    let (_, answer, _) = preflight("https://evil.example").await;
    assert!(!answer.contains_key("access-control-allow-origin"));
}

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// One gRPC call; answers with the status code, the message and the raw response's details.
async fn call(
    router: &Router,
    method: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (i32, Bytes, tonic::Status) {
    let mut request = Request::builder().method("POST").uri(method);
    request = request.header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response: Response =
        router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let headers = if head.headers.contains_key("grpc-status") { head.headers } else { trailers };
    let status = tonic::Status::from_header_map(&headers).expect("every call ends with a status");
    (status.code() as i32, body.to_bytes(), status)
}

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[tokio::test]
async fn grpc_calls_are_answered_as_specified() {
    use tonic_types::StatusExt;
    let bench = bench();
    let span = one_span();
    let gzip_header = [("grpc-encoding", "gzip")];
    let bomb = gzip(&vec![0; 8 << 20]);
    let big = vec![0; (1 << 20) + 1];
    let snappy = [("grpc-encoding", "snappy")];
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, tonic::Code);
    let cases: Vec<Case<'_>> = vec![
        (TRACES, &[], frame(0, &span), tonic::Code::Ok),
        (TRACES, &[], frame(0, b""), tonic::Code::Ok),
        (TRACES, &gzip_header, frame(1, &gzip(&span)), tonic::Code::Ok),
        (TRACES, &gzip_header, frame(0, &span), tonic::Code::Ok),
        (TRACES, &[], frame(0, &span[..20]), tonic::Code::InvalidArgument),
        (TRACES, &[], Vec::new(), tonic::Code::InvalidArgument),
        (TRACES, &[], frame(1, &span), tonic::Code::InvalidArgument),
        (TRACES, &gzip_header, frame(1, b"bogus"), tonic::Code::InvalidArgument),
        (TRACES, &snappy, frame(1, &span), tonic::Code::Unimplemented),
        (TRACES, &gzip_header, frame(1, &bomb), tonic::Code::ResourceExhausted),
        (TRACES, &[], frame(0, &big), tonic::Code::ResourceExhausted),
        ("/some.Service/Method", &[], frame(0, b""), tonic::Code::Unimplemented),
    ];
    for (method, headers, body, expected) in cases {
        let case = format!("{method} {headers:?} {} bytes", body.len());
        let (code, message, status) = call(&bench.grpc, method, headers, body).await;
        assert_eq!(code, expected as i32, "{case}: {}", status.message());
        assert!(status.get_error_details().retry_info().is_none(), "{case}");
        if expected == tonic::Code::Ok {
            assert_eq!(&message[..], [0, 0, 0, 0, 0], "{case}");
        }
    }
    assert_eq!(bench.sink.requests.lock().len(), 3);

    *bench.sink.refuse.lock() = Some(StorageError::ReadOnly { reason: "disk is full".to_owned() });
    let (code, _, status) = call(&bench.grpc, TRACES, &[], frame(0, &span)).await;
    assert_eq!(code, tonic::Code::Unavailable as i32);
    let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!(retry, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn health_says_that_it_serves() {
    let bench = bench();
    tokio::task::yield_now().await;
    let (code, message, _) =
        call(&bench.grpc, "/grpc.health.v1.Health/Check", &[], frame(0, b"")).await;
    assert_eq!((code, &message[5..]), (0, &[8, 1][..]));
}

#[tokio::test]
async fn requests_past_the_bytes_in_flight_are_told_to_come_back() {
    let bench =
        bench_with(CollectorConfig { in_flight_bytes_max: 10, ..CollectorConfig::default() });
    let headers = [("content-type", PROTOBUF)];
    let (status, answer, _) = send(&bench.http, "POST", "/v1/traces", &headers, one_span()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer["retry-after"], "1");
    assert_eq!(bench.collector.in_flight().bytes(), 0);
}

#[tokio::test]
async fn sockets_serve_until_shutdown_and_cut_slow_senders() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let config = CollectorConfig {
        header_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_millis(200),
        ..CollectorConfig::default()
    };
    let bench = bench_with(config);
    let listen = || tokio::net::TcpListener::bind("127.0.0.1:0");
    let (grpc, http) = (listen().await.unwrap(), listen().await.unwrap());
    let address = http.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let collector = bench.collector.clone();
    let serving = tokio::spawn(async move {
        collector.serve(grpc, http, async { drop(stopped.await) }).await;
    });
    let answer_to = |text: &'static str| async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let whole = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 2\r\nconnection: close\r\n\r\n{}";
    assert!(answer_to(whole).await.starts_with("HTTP/1.1 200"));
    let slow_headers = answer_to("POST /v1/logs HTTP/1.1\r\nhost: x\r\n").await;
    assert!(slow_headers.is_empty() || slow_headers.starts_with("HTTP/1.1 408"), "{slow_headers}");
    let slow_body = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                     content-length: 20\r\n\r\n{";
    assert!(answer_to(slow_body).await.starts_with("HTTP/1.1 503"));
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
}

#[test]
fn replies_name_the_field_of_their_signal() {
    let mut rejected = crate::rejections::Rejections::default();
    rejected.add("why".to_owned(), "shop", 3);
    for (signal, field) in [
        (Signal::Traces, "rejectedSpans"),
        (Signal::Logs, "rejectedLogRecords"),
        (Signal::Metrics, "rejectedDataPoints"),
    ] {
        let json = String::from_utf8(reply::success_json(signal, &rejected)).unwrap();
        assert!(json.contains(&format!("\"{field}\":\"3\"")), "{json}");
        // All three protobuf responses have the count as field 1 and the message as field 2.
        let protobuf = ExportTraceServiceResponse::decode(
            reply::success_protobuf(signal, &rejected).as_slice(),
        );
        assert_eq!(protobuf.unwrap().partial_success.unwrap().rejected_spans, 3);
    }
}
