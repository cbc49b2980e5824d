//! The Prometheus API before there is any data to ask for.

use super::super::{Facts, router};
use super::*;
use crate::config::ApiConfig;
use axum::body::Body;
use http::{Request, header};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;
use tower::ServiceExt;

async fn call(request: Request<Body>) -> (u16, Value) {
    let (head, body) = answer(request).await;
    (head.status.as_u16(), body)
}

async fn answer(request: Request<Body>) -> (http::response::Parts, Value) {
    let facts = Facts {
        started: Instant::now(),
        data_path: PathBuf::from("/data"),
        listeners: Vec::new(),
        external_url: String::new(),
    };
    let response = router(Api::new(ApiConfig::default(), facts)).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

async fn get_json(path: &str) -> (u16, Value) {
    call(Request::get(format!("/prometheus/api/v1/{path}")).body(Body::empty()).unwrap()).await
}

async fn check_refused(path: &str, status: u16, kind: &str) {
    let (found, answer) = get_json(path).await;
    assert_eq!(found, status, "{path}: {answer}");
    assert_eq!(
        (&answer["status"], &answer["errorType"]),
        (&"error".into(), &kind.into()),
        "{path}"
    );
    assert!(answer["error"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
}

#[tokio::test]
async fn refusals_have_the_shape_of_prometheus() {
    for path in [
        "query?time=never",
        "query_range?query=1&start=0&end=1",
        "query_range?query=1&start=1&end=0&step=1",
        "query_range?query=1&start=0&end=1&step=0",
        "query_range?query=1&start=0&end=100000&step=1",
        "series",
        "labels?match[]=%7B",
        "query?limit=-1",
        "format_query?query=(",
    ] {
        // What cannot be read is said even before there is anything to ask.
        let path = path.to_owned();
        let (status, answer) = get_json(&path).await;
        assert!(status == 400 || status == 503, "{path}: {answer}");
        assert_eq!(answer["status"], "error", "{path}");
    }
    check_refused("query_range?query=1&start=0&end=100000&step=1", 400, "bad_data").await;
    check_refused("query?query=1", 503, "unavailable").await;
    check_refused("nothing", 404, "not_found").await;
}

#[tokio::test]
async fn a_wrong_method_says_the_right_ones() {
    for (method, path, allow) in [
        ("PUT", "query", "GET, HEAD, POST"),
        ("DELETE", "series", "GET, HEAD, POST"),
        ("POST", "label/job/values", "GET, HEAD"),
        ("DELETE", "targets", "GET, HEAD"),
        ("GET", "write", "POST"),
    ] {
        let request = Request::builder().method(method).uri(format!("/prometheus/api/v1/{path}"));
        let (head, answer) = answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(head.status, 405, "{path}");
        assert_eq!(head.headers[header::ALLOW], allow, "{path}");
        let expected = serde_json::json!({
            "status": "error",
            "errorType": "bad_data",
            "error": format!("/prometheus/api/v1/{path} does not answer {method}; use {allow}"),
        });
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn queries_are_formatted_and_parsed() {
    let (status, answer) = get_json("format_query?query=sum(rate(x[5m]))by(a)").await;
    assert_eq!((status, &answer["data"]), (200, &"sum by (a) (rate(x[5m]))".into()));
    let form = Request::post("/prometheus/api/v1/parse_query")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("query=x%7Ba%3D%22b%22%7D+offset+1m"))
        .unwrap();
    let (status, answer) = call(form).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["type"], "vectorSelector");
    assert_eq!(answer["data"]["offset"], 60_000);
    assert_eq!(answer["data"]["matchers"][0]["value"], "b");
}

#[tokio::test]
async fn rules_wait_for_the_start_and_the_version_does_not() {
    for path in ["rules", "alerts"] {
        let (status, answer) = get_json(path).await;
        assert_eq!((status, &answer["errorType"]), (503, &"unavailable".into()), "{path}");
    }
    let (status, answer) = get_json("rules?type=neither").await;
    assert_eq!((status, &answer["errorType"]), (400, &"bad_data".into()));
    let (_, answer) = get_json("status/buildinfo").await;
    assert!(answer["data"]["version"].as_str().is_some_and(|version| version.starts_with("3.")));
}
