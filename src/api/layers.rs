//! What every request passes through: an id, the log and the counters, a net under panics, compression, and
//! a look at which page a browser sends it for.

use super::error::ApiError;
use super::request::TENANT_HEADER;
use super::{Api, browser};
use crate::telemetry;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode};
use opentelemetry::context::FutureExt;
use std::any::Any;
use std::time::Instant;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tracing::{Instrument, debug, error, info_span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps the routes, outermost first.
pub fn around(routes: Router<Api>, api: Api) -> Router<Api> {
    // Parquet is compressed inside.
    let worth_compressing =
        DefaultPredicate::new().and(NotForContentType::const_new("application/vnd.apache.parquet"));
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(CompressionLayer::new().gzip(true).zstd(true).compress_when(worth_compressing))
        .layer(from_fn_with_state(api.clone(), observe))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api, browser::refuse_foreign));
    routes.layer(layers)
}

/// One span and one count per request.
async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("unknown", MatchedPath::as_str).to_owned();
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or("");
    let span = info_span!("request", id, method = %request.method(), route);
    let tenant = request.headers().get(TENANT_HEADER).and_then(|name| name.to_str().ok());
    let telemetry = api.inner.telemetry.get();
    let work = telemetry.and_then(|own| own.begin(request.method().as_str(), &route, tenant));
    async move {
        let response = match work {
            Some(work) => {
                let response = next.run(request).with_context(work.clone()).await;
                telemetry::finish(&work, response.status());
                response
            }
            None => next.run(request).await,
        };
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        api.inner.metrics.count(&route, status, elapsed);
        debug!(status, elapsed_ms = elapsed.as_millis(), "answered");
        response
    }
    .instrument(span)
    .await
}

fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    error!(panic = text, "a request handler panicked");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed to answer")
        .hint("this is a defect of the server; its log has the details")
        .into_response()
}
