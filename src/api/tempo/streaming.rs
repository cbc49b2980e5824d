//! `tempopb.StreamingQuerier`: what Grafana asks by gRPC when streaming is switched on in its Tempo data source.
//!
//! Grafana dials the host and port of the data source's URL, so these methods stand beside `/tempo`, not below it. Traces come
//! as they are found, newest first; points of series as they are finished; each once.

use super::super::Api;
use super::super::error::ApiError;
use super::super::grpc::{self, Status};
use super::super::otlp::key_values;
use super::super::progress::{PARTS_WAITING, Progress, progress};
use super::super::request::Tenant;
use super::metrics::{exemplar_labels, labels, prometheus_labels};
use super::proto;
use super::search::{NO_ROOT, of_tags, plain_names};
use super::tags::scopes_named;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use binnacle_query::traceql::{
    MatchedSpan, MetricSeries, MetricsRequest, SpansetMatch, TAGS_LIMIT_MAX, TagTimes, TraceMatch,
};
use binnacle_query::{QueryEngine, StatsSnapshot, TraceRequest};
use binnacle_storage::model::{TenantId, Timestamp};
use futures::StreamExt;
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// `tempopb.PartialStatus`.
const COMPLETE: i32 = 0;
const PARTIAL: i32 = 1;

/// Who asks what.
struct Call {
    engine: QueryEngine,
    tenant: TenantId,
    now: Timestamp,
}

pub async fn call(
    State(api): State<Api>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    answer(&api, &method, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(api: &Api, method: &str, request: Request) -> Result<Response, Status> {
    let (mut parts, body) = request.into_parts();
    let Tenant(tenant) = Tenant::from_request_parts(&mut parts, api).await?;
    let engine = api.ready_product()?.engine.clone();
    let call = Call { engine, tenant, now: api.now() };
    let request = Request::from_parts(parts, body);
    match method {
        "Search" => Ok(call.search(grpc::read(request).await?)),
        "SearchTags" => Ok(grpc::answer(call.tags(grpc::read(request).await?).await)),
        "SearchTagsV2" => Ok(grpc::answer(call.tags_v2(grpc::read(request).await?).await)),
        "SearchTagValues" => Ok(grpc::answer(call.values(grpc::read(request).await?).await)),
        "SearchTagValuesV2" => Ok(grpc::answer(call.values_v2(grpc::read(request).await?).await)),
        "MetricsQueryRange" => Ok(call.range(grpc::read(request).await?)),
        "MetricsQueryInstant" => Ok(grpc::answer(call.instant(grpc::read(request).await?).await)),
        method => Err(Status::unknown_method(method)),
    }
}

impl Call {
    fn search(self, asked: proto::SearchRequest) -> Response {
        let (sender, receiver) = mpsc::channel(PARTS_WAITING);
        let work = async move {
            let request = search_request(&asked)?;
            Ok(self.engine.traces_as_found(&self.tenant, request, sender).await?)
        };
        let mut found = 0;
        let messages = progress(receiver, work).map(move |progress| match progress {
            Progress::Part(part) => {
                found += part.traces.len();
                let traces = part.traces.iter().map(trace).collect();
                let metrics = Some(metrics(&part.stats, found, 0));
                Ok(proto::SearchResponse { traces, metrics })
            }
            Progress::Done(Ok(page)) => {
                let metrics = Some(metrics(&page.stats, page.traces.len(), 1));
                Ok(proto::SearchResponse { traces: Vec::new(), metrics })
            }
            Progress::Done(Err(status)) => Err(status),
        });
        grpc::stream_answer(messages)
    }

    fn range(self, asked: proto::QueryRangeRequest) -> Response {
        let (sender, receiver) = mpsc::channel(PARTS_WAITING);
        let work = async move {
            let request = MetricsRequest {
                step: i64::try_from(asked.step).ok().filter(|&step| step > 0),
                exemplars: asked.exemplars as usize,
                ..self.metrics_request(asked.query, asked.start, asked.end)
            };
            Ok(self.engine.trace_metrics_as_found(&self.tenant, request, sender).await?)
        };
        let messages = progress(receiver, work).map(|progress| match progress {
            Progress::Part(part) => Ok(proto::QueryRangeResponse {
                series: part.series.iter().map(series).collect(),
                metrics: Some(metrics(&part.stats, 0, 0)),
                status: COMPLETE,
                message: String::new(),
            }),
            Progress::Done(Ok(page)) => {
                let (status, message) = completeness(&page.stats);
                let metrics = Some(metrics(&page.stats, 0, 1));
                Ok(proto::QueryRangeResponse { series: Vec::new(), metrics, status, message })
            }
            Progress::Done(Err(status)) => Err(status),
        });
        grpc::stream_answer(messages)
    }

    async fn instant(
        &self,
        asked: proto::QueryInstantRequest,
    ) -> Result<proto::QueryInstantResponse, Status> {
        let request = MetricsRequest {
            instant: true,
            ..self.metrics_request(asked.query, asked.start, asked.end)
        };
        let page = self.engine.trace_metrics(&self.tenant, request).await?;
        let one = |series: &MetricSeries| proto::InstantSeries {
            labels: key_values(&labels(series)),
            value: series.points.first().map_or(0.0, |(_, value)| *value),
            prom_labels: prometheus_labels(series),
        };
        let (status, message) = completeness(&page.stats);
        let metrics = Some(metrics(&page.stats, 0, 1));
        let series = page.series.iter().map(one).collect();
        Ok(proto::QueryInstantResponse { series, metrics, status, message })
    }

    fn metrics_request(&self, query: String, start: u64, end: u64) -> MetricsRequest {
        let time = |nanos: u64| Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX));
        let end = if end == 0 { self.now } else { time(end) };
        MetricsRequest { query, start: time(start), end, ..MetricsRequest::default() }
    }

    async fn tags(
        &self,
        asked: proto::SearchTagsRequest,
    ) -> Result<proto::SearchTagsResponse, Status> {
        let scopes = self.tags_v2(asked).await?.scopes;
        let names: BTreeSet<String> = scopes.into_iter().flat_map(|scope| scope.tags).collect();
        Ok(proto::SearchTagsResponse { tag_names: names.into_iter().collect() })
    }

    async fn tags_v2(
        &self,
        asked: proto::SearchTagsRequest,
    ) -> Result<proto::SearchTagsV2Response, Status> {
        let scopes = self.engine.trace_tags(&self.tenant, times(asked.start, asked.end)).await?;
        let scope = Some(asked.scope.as_str()).filter(|scope| !scope.is_empty());
        let limit = limit(asked.max_tags_per_scope);
        let scopes = scopes_named(scopes, scope.unwrap_or("none"), limit);
        let scopes = scopes.map_err(|message| Status::from(ApiError::invalid(message)))?;
        let scopes = scopes.into_iter().map(|scope| proto::SearchTagsV2Scope {
            name: scope.name.to_owned(),
            tags: scope.tags,
        });
        Ok(proto::SearchTagsV2Response { scopes: scopes.collect() })
    }

    async fn values(
        &self,
        asked: proto::SearchTagValuesRequest,
    ) -> Result<proto::SearchTagValuesResponse, Status> {
        let values = self.values_v2(asked).await?.tag_values.into_iter();
        Ok(proto::SearchTagValuesResponse { tag_values: values.map(|one| one.value).collect() })
    }

    async fn values_v2(
        &self,
        asked: proto::SearchTagValuesRequest,
    ) -> Result<proto::SearchTagValuesV2Response, Status> {
        let when = times(asked.start, asked.end);
        let limit = limit(asked.max_tag_values);
        let (tag, query) = (&asked.tag_name, Some(asked.query.as_str()));
        let values = self.engine.trace_tag_values(&self.tenant, tag, query, when, limit).await?;
        let value = |value: binnacle_query::traceql::TagValue| proto::TagValue {
            r#type: value.kind.to_owned(),
            value: value.text,
        };
        Ok(proto::SearchTagValuesV2Response { tag_values: values.into_iter().map(value).collect() })
    }
}

fn search_request(asked: &proto::SearchRequest) -> Result<TraceRequest, Status> {
    let query = match asked.query.is_empty() {
        false => asked.query.clone(),
        true => of_tags(asked.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
    };
    let given = |number: u32| (number > 0).then_some(number);
    let millis = |millis: u32| given(millis).map(|millis| i64::from(millis) * 1_000_000);
    let TagTimes { start, end } = times(asked.start, asked.end);
    Ok(TraceRequest {
        query,
        start,
        end,
        limit: given(asked.limit).map(|limit| limit as usize),
        spans_per_set: given(asked.spans_per_span_set).map(|spans| spans as usize),
        duration_min: millis(asked.min_duration_ms),
        duration_max: millis(asked.max_duration_ms),
        cursor: None,
    })
}

/// Unix seconds; zero is none.
fn times(start: u32, end: u32) -> TagTimes {
    let time = |seconds: u32| (seconds > 0).then(|| Timestamp(i64::from(seconds) * 1_000_000_000));
    TagTimes { start: time(start), end: time(end) }
}

fn limit(asked: u32) -> usize {
    if asked == 0 { TAGS_LIMIT_MAX } else { asked as usize }
}

fn metrics(stats: &StatsSnapshot, traces: usize, completed: u32) -> proto::SearchMetrics {
    proto::SearchMetrics {
        inspected_traces: count(traces),
        inspected_bytes: stats.bytes_read,
        total_blocks: u32::try_from(stats.segments).unwrap_or(u32::MAX),
        completed_jobs: completed,
        total_jobs: 1,
        inspected_spans: stats.rows_scanned,
    }
}

fn completeness(stats: &StatsSnapshot) -> (i32, String) {
    let message = stats.warnings.join("; ");
    (if message.is_empty() { COMPLETE } else { PARTIAL }, message)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn trace(found: &TraceMatch) -> proto::TraceSearchMetadata {
    let sets: Vec<proto::SpanSet> = found.sets.iter().map(span_set).collect();
    let services = found.services.iter().map(|(name, stats)| {
        let (span_count, error_count) = (count(stats.spans as usize), count(stats.errors as usize));
        (name.clone(), proto::ServiceStats { span_count, error_count })
    });
    proto::TraceSearchMetadata {
        trace_id: found.trace_id.to_string(),
        root_service_name: found.root_service.as_deref().unwrap_or(NO_ROOT).to_owned(),
        root_trace_name: found.root_name.clone().unwrap_or_default(),
        start_time_unix_nano: unsigned(found.start_time.0),
        duration_ms: u32::try_from(found.duration / 1_000_000).unwrap_or(u32::MAX),
        // Older clients read one set only.
        span_set: sets.first().cloned(),
        span_sets: sets,
        service_stats: services.collect(),
    }
}

fn span_set(set: &SpansetMatch) -> proto::SpanSet {
    proto::SpanSet {
        spans: set.spans.iter().map(span).collect(),
        matched: count(set.matched),
        attributes: key_values(&set.attributes),
    }
}

fn span(span: &MatchedSpan) -> proto::Span {
    proto::Span {
        span_id: span.span_id.to_string(),
        name: span.name.clone(),
        start_time_unix_nano: unsigned(span.start_time.0),
        duration_nanos: unsigned(span.duration),
        attributes: key_values(&plain_names(&span.attributes)),
    }
}

fn series(of: &MetricSeries) -> proto::TimeSeries {
    let sample = |(time, value): &(Timestamp, f64)| proto::Sample {
        value: *value,
        timestamp_ms: time.0 / 1_000_000,
    };
    let exemplar = |one: &binnacle_query::traceql::SpanExemplar| proto::Exemplar {
        labels: key_values(&exemplar_labels(one)),
        value: one.value.unwrap_or(f64::NAN),
        timestamp_ms: one.time.0 / 1_000_000,
    };
    proto::TimeSeries {
        labels: key_values(&labels(of)),
        samples: of.points.iter().map(sample).collect(),
        prom_labels: prometheus_labels(of),
        exemplars: of.exemplars.iter().map(exemplar).collect(),
    }
}
