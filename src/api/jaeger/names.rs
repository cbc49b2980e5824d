//! Names of services and operations.

use super::super::Api;
use super::super::request::{PathText, Tenant};
use super::error::{JaegerError, envelope};
use super::params::Params;
use axum::Json;
use axum::extract::State;
use binnacle_query::trace::Operation;
use binnacle_storage::model::TenantId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub async fn services(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<Value>, JaegerError> {
    let services = api.ready_product()?.engine.trace_services(&tenant).await?;
    Ok(Json(envelope(services.into_iter().map(Value::from).collect())))
}

pub async fn services_v3(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<Value>, JaegerError> {
    let services = api.ready_product()?.engine.trace_services(&tenant).await?;
    Ok(Json(json!({ "services": services })))
}

/// Names alone, each once.
pub async fn operations_of(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(service): PathText,
) -> Result<Json<Value>, JaegerError> {
    let operations = api.ready_product()?.engine.trace_operations(&tenant, &service).await?;
    let names: BTreeSet<String> = operations.into_iter().map(|operation| operation.name).collect();
    Ok(Json(envelope(names.into_iter().map(Value::from).collect())))
}

pub async fn operations(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, JaegerError> {
    let found = find(&api, &tenant, &params, &["service"], &["spanKind"]).await?;
    Ok(Json(envelope(found)))
}

pub async fn operations_v3(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, JaegerError> {
    let found = find(&api, &tenant, &params, &["service"], &["span_kind", "spanKind"]).await?;
    Ok(Json(json!({ "operations": found })))
}

async fn find(
    api: &Api,
    tenant: &TenantId,
    params: &Params,
    service: &[&str],
    kind: &[&str],
) -> Result<Vec<Value>, JaegerError> {
    let service = params.find(service);
    let service =
        service.ok_or_else(|| JaegerError::bad_request("parameter 'service' is required"))?;
    let wanted = params.find(kind);
    let operations = api.ready_product()?.engine.trace_operations(tenant, service).await?;
    let found = operations.iter().filter(|operation| {
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind_of(operation)))
    });
    Ok(found
        .map(|operation| json!({ "name": operation.name, "spanKind": kind_of(operation) }))
        .collect())
}

/// Jaeger has no word for an unspecified kind.
fn kind_of(operation: &Operation) -> &'static str {
    super::trace::kind_name(operation.kind).unwrap_or("")
}
