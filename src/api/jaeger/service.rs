//! `jaeger.api_v3.QueryService`: version 3 by gRPC. Traces are streamed, one in each message.

use super::super::Api;
use super::super::error::ApiError;
use super::super::grpc::{self, Code, Status};
use super::super::otlp::resource_spans;
use super::super::progress::{PARTS_WAITING, Progress, progress};
use super::super::request::Tenant;
use super::find::parse_id;
use super::params::{LIMIT_DEFAULT, query};
use super::proto::{self, Seconds};
use super::summary::summary;
use super::trace::kind_name;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use binnacle_query::traceql::TRACES_LIMIT_MAX;
use binnacle_query::{QueryEngine, TraceRequest};
use binnacle_storage::model::{TenantId, Timestamp, TraceId};
use futures::{StreamExt, stream};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use tokio::sync::mpsc;

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
        "GetTrace" => call.trace(&grpc::read(request).await?).await,
        "FindTraces" => call.traces(grpc::read(request).await?).await,
        "FindTraceSummaries" => Ok(call.summaries(grpc::read(request).await?)),
        "GetServices" => {
            let proto::GetServicesRequest {} = grpc::read(request).await?;
            Ok(grpc::answer(call.services().await))
        }
        "GetOperations" => Ok(grpc::answer(call.operations(&grpc::read(request).await?).await)),
        "GetDependencies" => Ok(grpc::answer(call.dependencies(grpc::read(request).await?).await)),
        method => Err(Status::unknown_method(method)),
    }
}

impl Call {
    async fn trace(self, asked: &proto::GetTraceRequest) -> Result<Response, Status> {
        let id = parse_id(&asked.trace_id)
            .map_err(|error| Status::new(Code::InvalidArgument, error.message()))?;
        match self.message(id).await? {
            Some(trace) => Ok(grpc::stream_answer(stream::once(async { Ok(trace) }))),
            None => Err(Status::new(Code::NotFound, "trace not found")),
        }
    }

    async fn traces(self, asked: proto::FindRequest) -> Result<Response, Status> {
        let page = self.engine.traces(&self.tenant, search(asked)?).await?;
        let ids = page.traces.into_iter().map(|found| found.trace_id);
        let messages = stream::iter(ids).then(move |id| {
            let call =
                Call { engine: self.engine.clone(), tenant: self.tenant.clone(), now: self.now };
            async move { call.message(id).await.transpose() }
        });
        Ok(grpc::stream_answer(messages.filter_map(futures::future::ready)))
    }

    async fn message(&self, id: TraceId) -> Result<Option<TracesData>, Status> {
        let trace = self.engine.trace(&self.tenant, id).await?;
        let trace = trace.filter(|trace| !trace.spans.is_empty());
        Ok(trace.map(|trace| TracesData { resource_spans: resource_spans(&trace.spans) }))
    }

    fn summaries(self, asked: proto::FindRequest) -> Response {
        let (sender, receiver) = mpsc::channel(PARTS_WAITING);
        let work = async move {
            Ok(self.engine.traces_as_found(&self.tenant, search(asked)?, sender).await?)
        };
        let messages = progress(receiver, work).filter_map(|progress| {
            futures::future::ready(match progress {
                Progress::Part(part) => {
                    let summaries = part.traces.iter().map(summary).collect();
                    Some(Ok(proto::FindTraceSummariesResponse { summaries }))
                }
                Progress::Done(Ok(_)) => None,
                Progress::Done(Err(status)) => Some(Err(status)),
            })
        });
        grpc::stream_answer(messages)
    }

    async fn services(&self) -> Result<proto::GetServicesResponse, Status> {
        let services = self.engine.trace_services(&self.tenant).await?;
        Ok(proto::GetServicesResponse { services })
    }

    async fn operations(
        &self,
        asked: &proto::GetOperationsRequest,
    ) -> Result<proto::GetOperationsResponse, Status> {
        let all = self.engine.trace_operations(&self.tenant, &asked.service).await?;
        let operations = all.into_iter().map(|operation| proto::Operation {
            span_kind: kind_name(operation.kind).unwrap_or("").to_owned(),
            name: operation.name,
        });
        let wanted = |operation: &proto::Operation| {
            asked.span_kind.is_empty() || asked.span_kind.eq_ignore_ascii_case(&operation.span_kind)
        };
        Ok(proto::GetOperationsResponse { operations: operations.filter(wanted).collect() })
    }

    async fn dependencies(
        &self,
        asked: proto::GetDependenciesRequest,
    ) -> Result<proto::DependenciesResponse, Status> {
        let time = |time: Option<Seconds>| time.map(|time| Timestamp(time.nanoseconds()));
        let start = time(asked.start_time).unwrap_or_default();
        let end = time(asked.end_time).unwrap_or(self.now);
        let calls = self.engine.trace_calls(&self.tenant, start, end).await?;
        let dependencies = calls.into_iter().map(|calls| proto::Dependency {
            parent: calls.parent,
            child: calls.child,
            call_count: u64::try_from(calls.count).unwrap_or(0),
        });
        Ok(proto::DependenciesResponse { dependencies: dependencies.collect() })
    }
}

fn search(asked: proto::FindRequest) -> Result<TraceRequest, Status> {
    let asked = asked.query.unwrap_or_default();
    if asked.filter.is_some() {
        let refused = ApiError::invalid("structured filters are not read");
        return Err(refused.hint("ask with service_name, operation_name and attributes").into());
    }
    fn given(text: &str) -> Option<&str> {
        Some(text).filter(|text| !text.is_empty())
    }
    let nanos = |seconds: Option<Seconds>| seconds.map(Seconds::nanoseconds).filter(|&n| n > 0);
    let limit = usize::try_from(asked.search_depth).ok().filter(|&limit| limit > 0);
    Ok(TraceRequest {
        query: query(
            given(&asked.service_name),
            given(&asked.operation_name),
            &asked.attributes.into_iter().collect(),
            nanos(asked.duration_min),
            nanos(asked.duration_max),
        ),
        start: nanos(asked.start_time_min).map(Timestamp),
        end: nanos(asked.start_time_max).map(Timestamp),
        limit: Some(limit.unwrap_or(LIMIT_DEFAULT).min(TRACES_LIMIT_MAX)),
        ..TraceRequest::default()
    })
}
