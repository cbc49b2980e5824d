//! The API as clients meet it, before there is any data to ask for.

use super::*;
use axum::body::Body;
use http::{Request, Response, header};
use serde_json::Value;
use tower::ServiceExt;

fn api() -> Api {
    let facts = Facts {
        started: Instant::now(),
        data_path: PathBuf::from("/data"),
        listeners: Vec::new(),
        external_url: String::new(),
    };
    Api::new(ApiConfig { request_bytes_max: 1000, ..ApiConfig::default() }, facts)
}

async fn call(request: Request<Body>) -> Response<Body> {
    router(api()).oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> Vec<u8> {
    axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post_sql(content_type: &str, text: &str) -> Request<Body> {
    let request = Request::post("/api/v1/sql").header(header::CONTENT_TYPE, content_type);
    request.body(Body::from(text.to_owned())).unwrap()
}

/// Every refusal has the status, the code and the whole shape.
async fn check_refused(request: Request<Body>, status: u16, code: &str) -> Response<()> {
    let response = call(request).await;
    assert_eq!(response.status(), status);
    assert!(response.headers().contains_key("x-request-id"));
    let (parts, rest) = response.into_parts();
    let answer: Value = serde_json::from_slice(&body(Response::new(rest)).await).unwrap();
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert!(answer["error"].as_object().unwrap().contains_key("hint"), "{answer}");
    Response::from_parts(parts, ())
}

#[tokio::test]
async fn every_refusal_has_one_shape() {
    let json = "application/json";
    check_refused(get_request("/api/v1/nothing"), 404, "not_found").await;
    check_refused(post_sql("text/plain", "SELECT 1"), 415, "unsupported_media_type").await;
    check_refused(post_sql(json, "{"), 400, "invalid_request").await;
    check_refused(post_sql(json, "{\"query\":1}"), 400, "invalid_request").await;
    check_refused(post_sql(json, "{\"query\":\"\",\"x\":1}"), 400, "invalid_request").await;
    check_refused(post_sql(json, &"[".repeat(900)), 400, "invalid_request").await;
    check_refused(post_sql(json, &" ".repeat(1001)), 413, "too_large").await;
    check_refused(get_request("/api/v1/logs?limt=1"), 400, "invalid_request").await;
    check_refused(get_request("/api/v1/logs?limit=x"), 400, "invalid_request").await;
    let odd_tenant = Request::get("/api/v1/logs").header("X-Scope-OrgID", "a/b");
    check_refused(odd_tenant.body(Body::empty()).unwrap(), 400, "invalid_request").await;
}

#[tokio::test]
async fn a_wrong_method_says_the_right_one() {
    let refused = check_refused(get_request("/api/v1/sql"), 405, "method_not_allowed").await;
    assert_eq!(refused.headers()[header::ALLOW], "POST");
    for (path, allow) in [
        ("/healthz", "GET, HEAD"),
        ("/loki/api/v1/push", "POST"),
        ("/loki/otlp/v1/logs", "POST"),
        ("/otlp/v1/logs", "POST"),
        ("/loki/api/v1/tail", "GET, HEAD"),
        ("/loki/api/v1/query_range", "GET, HEAD, POST"),
        ("/loki/api/v1/label/app/values", "GET, HEAD, POST"),
    ] {
        let delete = Request::delete(path).body(Body::empty()).unwrap();
        let refused = check_refused(delete, 405, "method_not_allowed").await;
        assert_eq!(refused.headers()[header::ALLOW], allow, "{path}");
    }
}

#[tokio::test]
async fn while_starting_it_lives_but_is_not_ready() {
    assert_eq!(call(get_request("/healthz")).await.status(), 200);
    assert_eq!(call(get_request("/")).await.status(), 200);
    for path in ["/readyz", "/api/v1/logs", "/api/v1/traces/5b8aa5a2d2c872e8321cf37308d69df2"] {
        let refused = check_refused(get_request(path), 503, "starting").await;
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }
    let status: Value =
        serde_json::from_slice(&body(call(get_request("/api/v1/status")).await).await).unwrap();
    assert_eq!(status["ready"], false);
    assert_eq!(status["ingest"]["state"], "starting");
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_json() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for path in
        ["/", "/traces", "/traces/5b8aa5a2d2c872e8321cf37308d69df2", "/alerts/rules?from=now-6h"]
    {
        let request = Request::get(path).header(header::ACCEPT, browser).body(Body::empty());
        let page = call(request.unwrap()).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(page.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        assert!(body(page).await.starts_with(b"<!doctype html>"));
    }
    for accept in ["*/*", "application/json"] {
        let request = Request::get("/").header(header::ACCEPT, accept).body(Body::empty());
        let facts: Value =
            serde_json::from_slice(&body(call(request.unwrap()).await).await).unwrap();
        assert_eq!(facts["description"], "/api/v1/openapi.json");
    }
    // As alerts of rules link to what they ask.
    let graph = call(get_request("/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=1")).await;
    assert_eq!(graph.status(), 303);
    assert_eq!(graph.headers()[header::LOCATION], "/metrics-explorer?q=up%7Ba%3D%22b%22%7D");
    // A path that there is not is none, whoever asks; whoever reads it is led on.
    for path in ["/api/v1/none", "/prometheus/none", "/assets/none.js"] {
        let request = Request::get(path).header(header::ACCEPT, browser).body(Body::empty());
        check_refused(request.unwrap(), 404, "not_found").await;
    }
    for path in ["/nothing", "/tracesx/y"] {
        check_refused(get_request(path), 404, "not_found").await;
        let request = Request::get(path).header(header::ACCEPT, browser).body(Body::empty());
        let page = call(request.unwrap()).await;
        assert_eq!(page.status(), 404, "{path}");
        assert!(body(page).await.starts_with(b"<!doctype html>"));
    }
}

#[tokio::test]
async fn metrics_speak_open_metrics_when_asked() {
    let accept = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5";
    let request = Request::get("/metrics").header(header::ACCEPT, accept);
    let open = call(request.body(Body::empty()).unwrap()).await;
    assert!(open.headers()[header::CONTENT_TYPE].to_str().unwrap().contains("openmetrics"));
    assert!(body(open).await.ends_with(b"# EOF\n"));
    let plain = call(get_request("/metrics")).await;
    assert!(plain.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/plain"));
    let text = String::from_utf8(body(plain).await).unwrap();
    assert!(text.contains("# TYPE process_cpu_seconds_total counter"), "{text}");
    assert!(!text.contains("# EOF"));
}

#[tokio::test]
async fn a_request_id_comes_back() {
    let request = Request::get("/healthz").header("x-request-id", "mine");
    let response = call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["x-request-id"], "mine");
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    for encoding in ["gzip", "zstd"] {
        let request =
            Request::get("/api/v1/openapi.json").header(header::ACCEPT_ENCODING, encoding);
        let response = call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], encoding);
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let description = serde_json::to_value(openapi::description()).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = description["paths"].as_object().unwrap();
    let sources = [
        include_str!("mod.rs"),
        include_str!("slos/mod.rs"),
        include_str!("dashboards.rs"),
        include_str!("runs/mod.rs"),
    ];
    let routes = sources.iter().flat_map(|source| source.split(".route(").skip(1));
    let routes = routes.filter_map(|route| {
        let (path, handler) = route.trim_start().strip_prefix('"')?.split_once("\",")?;
        let handler = handler.trim_start();
        let mut methods = ["post", "delete"].into_iter();
        let method = methods.find(|method| handler.starts_with(method));
        Some((path, method.unwrap_or("get")))
    });
    let routes: Vec<_> = routes.collect();
    assert_eq!(routes.len(), paths.len(), "{:?}", paths.keys());
    for (path, method) in routes {
        let operation = &paths[path][method];
        assert!(operation["responses"].is_object(), "{method} {path}");
        for answer in operation["responses"].as_object().unwrap().values() {
            assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()));
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_description_leads_somewhere() {
    let description = serde_json::to_value(openapi::description()).unwrap();
    let mut open = vec![&description];
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
