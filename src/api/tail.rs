//! `GET /api/v1/logs/tail` and `/api/v1/spans/tail`: what arrives from now on, as server-sent events.
//!
//! Events: `log` or `span` with the record, `notice` with rows that are not told of, `error` before the stream ends by one.
//! A comment opens the stream and keeps it alive.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{Log, Span};
use super::request::{Params, Tenant};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use binnacle_query::tail::{TAIL_ROWS_PER_SECOND, Tail, Tailed};
use futures::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use utoipa::{IntoParams, ToSchema};

/// What to watch for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TailParams {
    /// For logs the language of `/api/v1/logs` without pipes, for spans TraceQL conditions on one span such as
    /// `{ status = error }`; empty watches everything. See query/LANGUAGE.md.
    #[serde(default)]
    #[param(required = false)]
    query: String,
}

/// Rows that are not told of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TailNotice {
    /// How many rows.
    pub rows: u64,
    /// `slow_reader`: they arrived after those told of before this notice, while the reader lagged behind, and were not looked
    /// at. `too_many`: they match too, among those told of before this notice.
    pub reason: &'static str,
    pub message: String,
}

/// Log records that match, as they arrive.
#[utoipa::path(get, path = "/api/v1/logs/tail", tag = "query", operation_id = "tail_logs",
    params(TailParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "Events `log` (as in /api/v1/logs), `notice` (TailNotice) and `error` (ErrorBody), until \
            the client or the server ends", content_type = "text/event-stream", body = String),
        (status = 400, description = "Not a query", body = ErrorBody),
        (status = 429, description = "Too many tails", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn logs(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<TailParams>,
) -> Result<Response, ApiError> {
    let tail = api.ready_product()?.engine.tail_logs(&tenant, &params.query)?;
    Ok(respond(&api, tail, |log| event("log", &Log::from(log))))
}

/// Spans that match, as they arrive.
#[utoipa::path(get, path = "/api/v1/spans/tail", tag = "query", operation_id = "tail_spans",
    params(TailParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "Events `span` (as in /api/v1/traces/{trace_id}), `notice` (TailNotice) and `error` \
            (ErrorBody), until the client or the server ends", content_type = "text/event-stream", body = String),
        (status = 400, description = "Not a query, or one that needs more than one span", body = ErrorBody),
        (status = 429, description = "Too many tails", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn spans(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<TailParams>,
) -> Result<Response, ApiError> {
    let tail = api.ready_product()?.engine.tail_spans(&tenant, &params.query)?;
    Ok(respond(&api, tail, |span| event("span", &Span::from(span))))
}

fn respond<T: Send + 'static>(
    api: &Api,
    tail: Tail<T>,
    render: impl Fn(&T) -> Event + Send + 'static,
) -> Response {
    let opened = stream::once(async { Event::default().comment("open") });
    let events =
        opened.chain(events(tail, render)).take_until(api.stopped()).map(Ok::<_, Infallible>);
    let keep = KeepAlive::default();
    // Some proxies hold answers back to send them in larger parts.
    let unbuffered = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (unbuffered, Sse::new(events).keep_alive(keep)).into_response()
}

fn events<T: Send + 'static>(
    tail: Tail<T>,
    render: impl Fn(&T) -> Event + Send + 'static,
) -> impl Stream<Item = Event> + Send {
    let arrivals = stream::unfold(Some(tail), |tail| async move {
        let mut tail = tail?;
        match tail.next().await {
            Ok(Some(tailed)) => Some((Ok(tailed), Some(tail))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    arrivals.flat_map(move |arrival| {
        let events: Vec<Event> = match arrival {
            Ok(tailed) => tailed.rows.iter().map(&render).chain(notices(&tailed)).collect(),
            Err(error) => vec![event("error", &ApiError::from(error).body())],
        };
        stream::iter(events)
    })
}

fn notices<T>(tailed: &Tailed<T>) -> impl Iterator<Item = Event> + use<T> {
    let too_many = (tailed.skipped > 0).then(|| TailNotice {
        rows: tailed.skipped,
        reason: "too_many",
        message: format!(
            "{} more rows match; a tail gives {TAIL_ROWS_PER_SECOND} a second",
            tailed.skipped
        ),
    });
    let slow = (tailed.missed > 0).then(|| TailNotice {
        rows: tailed.missed,
        reason: "slow_reader",
        message: format!("{} rows arrived faster than they were read", tailed.missed),
    });
    too_many.into_iter().chain(slow).map(|notice| event("notice", &notice))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    // Records of any content have a JSON form; should one fail, its event says so.
    event.json_data(data).unwrap_or_else(|error| {
        Event::default().event("error").data(error.to_string().replace(['\r', '\n'], " "))
    })
}
