//! Answers over HTTP, against a sink that remembers what it was given.

use super::message::{request_v1, request_v2, series};
use crate::CollectorConfig;
use crate::otlp::tests::{Bench, bench, bench_with, send};
use binnacle_storage::Error as StorageError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

const PATH: &str = "/prometheus/api/v1/write";
const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

async fn write(bench: &Bench, content_type: &str, body: Vec<u8>) -> (StatusCode, HeaderMap, Bytes) {
    let headers = [("content-type", content_type), ("content-encoding", "snappy")];
    send(&bench.http, "POST", PATH, &headers, body).await
}

fn written(headers: &HeaderMap) -> [&str; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|what| headers[format!("x-prometheus-remote-write-{what}-written")].to_str().unwrap())
}

#[tokio::test]
async fn what_is_kept_is_counted_to_the_sender() {
    let bench = bench();
    let good = series(&[("__name__", "a"), ("job", "x")]).sample(1.0, 1).sample(2.0, 2);
    let bad = series(&[("job", "x")]).sample(1.0, 1);
    for (content_type, encode) in [(V1, request_v1 as fn(&[_]) -> _), (V2, request_v2)] {
        let (status, headers, body) =
            write(&bench, content_type, snappy(&encode(std::slice::from_ref(&good)))).await;
        assert_eq!((status, body.len()), (StatusCode::NO_CONTENT, 0));
        assert_eq!(written(&headers), ["2", "0", "0"]);

        let (status, headers, body) =
            write(&bench, content_type, snappy(&encode(&[good.clone(), bad.clone()]))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(written(&headers), ["2", "0", "0"]);
        let said = String::from_utf8(body.to_vec()).unwrap();
        assert!(said.contains("the metric has no name: {job=\"x\"}"), "{said}");
    }
    assert_eq!(bench.sink.requests.lock().len(), 4, "the good part of a bad request is stored");
    let rejections = bench.collector.rejections();
    assert_eq!(rejections.entries(&Default::default()).len(), 2);
}

#[tokio::test]
async fn the_body_waits_in_the_wal_as_it_came() {
    let bench = bench();
    let body = snappy(&request_v2(&[series(&[("__name__", "a")]).sample(1.0, 1)]));
    write(&bench, V2, body.clone()).await;
    let requests = bench.sink.requests.lock();
    assert_eq!(requests[0].body, body);
    use binnacle_storage::Decode;
    let request = &requests[0];
    let replayed = crate::WalDecoder
        .decode(request.signal, request.encoding, &request.body, request.ingested_at)
        .unwrap();
    assert_eq!(replayed.rows(), request.batch.rows());
}

#[tokio::test]
async fn wrong_requests_are_answered_as_specified() {
    let bench = bench();
    let good = snappy(&request_v1(&[series(&[("__name__", "a")]).sample(1.0, 1)]));
    let bomb = snappy(&vec![0; 2 << 20]);
    let protobuf = [("content-type", V1)];
    let gzip = [("content-type", V1), ("content-encoding", "gzip")];
    let json = [("content-type", "application/json")];
    let other = [("content-type", "application/x-protobuf;proto=other.Request")];
    let tenant = [("content-type", V1), ("x-scope-orgid", "../etc")];
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16);
    let cases: [Case<'_>; 9] = [
        ("POST", &protobuf, good.clone(), 204),
        ("POST", &[], good.clone(), 204),
        ("POST", &gzip, good.clone(), 415),
        ("POST", &json, good.clone(), 415),
        ("POST", &other, good.clone(), 415),
        ("POST", &tenant, good.clone(), 400),
        ("POST", &protobuf, b"not snappy".to_vec(), 400),
        ("POST", &protobuf, bomb, 413),
        ("GET", &protobuf, Vec::new(), 405),
    ];
    for (method, headers, body, expected) in cases {
        let (status, answer, text) = send(&bench.http, method, PATH, headers, body).await;
        assert_eq!(status.as_u16(), expected, "{headers:?} {text:?}");
        assert!(!answer.contains_key("retry-after"));
        assert_eq!(text.is_empty(), expected == 204);
    }
    let truncated = snappy(&request_v1(&[series(&[("__name__", "a")]).sample(1.0, 1)])[..9]);
    assert_eq!(write(&bench, V1, truncated).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_may_succeed_later_says_when() {
    let bench = bench();
    let body = snappy(&request_v1(&[series(&[("__name__", "a")]).sample(1.0, 1)]));
    let wait = Duration::from_secs(3);
    *bench.sink.refuse.lock() = Some(StorageError::Overloaded { bytes: 1, retry_after: wait });
    let (status, headers, _) = write(&bench, V1, body.clone()).await;
    assert_eq!((status.as_u16(), headers["retry-after"].as_bytes()), (503, &b"3"[..]));
    assert_eq!(written(&headers), ["0", "0", "0"]);

    let config = CollectorConfig { tenant_bytes_per_second: 1, ..CollectorConfig::default() };
    let limited = bench_with(config);
    assert_eq!(write(&limited, V1, body.clone()).await.0, StatusCode::NO_CONTENT);
    let (status, headers, _) = write(&limited, V1, body).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key("retry-after"));
}
