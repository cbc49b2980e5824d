//! The web UI, as built into the binary: its files, and its page for the paths that are its own.

use super::Api;
use axum::Json;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

/// A file of the built UI.
struct Asset {
    path: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// Sorted by path; empty when the UI was not built.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/ui_assets.rs"));

/// First parts of the UI's paths; what is below belongs to it as well. The same as in `ui/src/app/routes.ts`.
const PAGES: [&str; 12] = [
    "alerts",
    "dashboards",
    "gallery",
    "ingest",
    "logs",
    "metrics-explorer",
    "runs",
    "service-map",
    "services",
    "slos",
    "sql",
    "traces",
];

/// First parts of paths that programs ask.
const APIS: [&str; 8] =
    ["alertmanager", "api", "assets", "jaeger", "loki", "prometheus", "tempo", "v1"];

/// Styles may stand in the page, since the query editor writes its own there; scripts may not.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

const BUILD_HELP: &str = concat!(
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Binnacle</title></head><body><h1>Binnacle ",
    env!("CARGO_PKG_VERSION"),
    "</h1><p>This binary was compiled without the web UI. To have it: <code>make build</code>, or <code>cd ui &amp;&amp; npm ci ",
    "&amp;&amp; npm run build</code> and then <code>cargo build</code>.</p>",
    "<p>The API answers: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a> describes it.</p></body></html>\n"
);

pub fn routes() -> Router<Api> {
    let router = Router::new()
        .route("/", get(root))
        .route("/favicon.svg", get(favicon))
        .route("/assets/{name}", get(asset))
        .route("/graph", get(graph));
    PAGES.iter().fold(router, |router, page| {
        let below = format!("/{page}/{{*rest}}");
        router.route(&format!("/{page}"), get(page_of)).route(&below, get(page_of))
    })
}

/// `/`: the UI for browsers, what there is in JSON for everyone else.
async fn root(headers: HeaderMap) -> Response {
    let mut response = match wants_html(&headers) {
        true => page(&headers),
        false => Json(json!({
            "name": "binnacle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "/api/v1/openapi.json",
            "status": "/api/v1/status",
            "metrics": "/metrics",
            "health": "/healthz",
            "ready": "/readyz",
            "ui": !ASSETS.is_empty(),
        }))
        .into_response(),
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

async fn page_of(headers: HeaderMap) -> Response {
    page(&headers)
}

#[derive(Debug, Deserialize)]
struct Graph {
    #[serde(rename = "g0.expr")]
    expr: Option<String>,
}

/// Where alerts of rules link to, as Prometheus writes it: an expression as a graph.
async fn graph(Query(graph): Query<Graph>) -> Redirect {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", graph.expr.as_deref().unwrap_or_default())
        .finish();
    Redirect::to(&format!("/metrics-explorer?{query}"))
}

/// For a browser that was sent to a path that there is not: the UI, which says so and leads on.
pub fn page_of_nothing(path: &str, headers: &HeaderMap) -> Option<Response> {
    let first = path.split('/').nth(1).unwrap_or_default();
    if !wants_html(headers) || APIS.contains(&first) {
        return None;
    }
    let mut response = page(headers);
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Some(response)
}

/// The UI's one page; it shows what the path says.
fn page(headers: &HeaderMap) -> Response {
    match find("index.html") {
        Some(asset) => serve(asset, headers, "no-cache"),
        None => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CONTENT_SECURITY_POLICY, POLICY),
            ];
            (headers, BUILD_HELP).into_response()
        }
    }
}

async fn favicon(headers: HeaderMap) -> Response {
    find("favicon.svg").map_or_else(not_found, |asset| serve(asset, &headers, "no-cache"))
}

/// Names of assets change with their content, so they may be kept for ever.
async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = find(&format!("assets/{name}"));
    found.map_or_else(not_found, |asset| {
        serve(asset, &headers, "public, max-age=31536000, immutable")
    })
}

fn find(path: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(index)
}

fn not_found() -> Response {
    super::ApiError::new(StatusCode::NOT_FOUND, "not_found", "the web UI has no such file")
        .hint("reload the page: it may be of an earlier version")
        .into_response()
}

fn serve(asset: &'static Asset, headers: &HeaderMap, cache: &'static str) -> Response {
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::ETAG, asset.etag),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| {
        tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag)
    }) {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(asset.path))];
    let encodings = headers.get(header::ACCEPT_ENCODING).and_then(|accept| accept.to_str().ok());
    let encodings = encodings.unwrap_or_default();
    if let Some(bytes) = asset.brotli.filter(|_| accepts(encodings, "br")) {
        return (fixed, kind, [(header::CONTENT_ENCODING, "br")], bytes).into_response();
    }
    if let Some(bytes) = asset.gzip.filter(|_| accepts(encodings, "gzip")) {
        return (fixed, kind, [(header::CONTENT_ENCODING, "gzip")], bytes).into_response();
    }
    (fixed, kind, asset.bytes).into_response()
}

/// Whether `Accept-Encoding` names `encoding` without refusing it.
fn accepts(accept: &str, encoding: &str) -> bool {
    accept.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|weight| {
            weight.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        });
        named && !refused
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SCRIPT: Asset = Asset {
        path: "assets/a-1.js",
        etag: "\"0123\"",
        bytes: b"plain",
        brotli: Some(b"br"),
        gzip: Some(b"gz"),
    };

    async fn served(name: HeaderName, value: &'static str) -> (Response, Vec<u8>) {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        let (head, body) = serve(&SCRIPT, &headers, "no-cache").into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        (Response::from_parts(head, axum::body::Body::empty()), body)
    }

    #[tokio::test]
    async fn the_smallest_encoding_that_is_accepted_is_sent() {
        for (accept, encoding, bytes) in [
            ("gzip, deflate, br, zstd", Some("br"), "br"),
            ("gzip", Some("gzip"), "gz"),
            ("br;q=0, gzip;q=0.5", Some("gzip"), "gz"),
            ("identity", None, "plain"),
        ] {
            let (response, body) = served(header::ACCEPT_ENCODING, accept).await;
            let sent = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(sent.map(|e| e.to_str().unwrap()), encoding, "{accept}");
            assert_eq!(body, bytes.as_bytes());
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let (response, body) = served(header::IF_NONE_MATCH, "\"9\", W/\"0123\"").await;
        assert_eq!((response.status(), body.len()), (StatusCode::NOT_MODIFIED, 0));
        let (response, _) = served(header::IF_NONE_MATCH, "\"9\"").await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn every_page_of_the_ui_has_its_path_here_and_no_other() {
        let routes = include_str!("../../ui/src/app/routes.ts");
        let paths = routes
            .lines()
            .filter_map(|line| line.trim().strip_prefix("{ path: \"/")?.split('"').next());
        let mut pages: Vec<_> =
            paths.filter_map(|path| path.split('/').next()).filter(|p| !p.is_empty()).collect();
        pages.sort_unstable();
        pages.dedup();
        assert_eq!(pages, PAGES);
    }
}
