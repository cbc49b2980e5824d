//! Names and values of fields, for completion; in both versions of Tempo's API.

use super::super::Api;
use super::super::request::{PathText, Tenant};
use super::error::TempoError;
use super::params::Params;
use axum::Json;
use axum::extract::State;
use binnacle_query::traceql::{TAGS_LIMIT_MAX, TagScope, TagTimes, TagValue};
use binnacle_storage::model::TenantId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub async fn tags(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, TempoError> {
    let scopes = scopes(&api, &tenant, &params).await?;
    let names: BTreeSet<String> = scopes.into_iter().flat_map(|scope| scope.tags).collect();
    Ok(Json(json!({ "tagNames": names, "metrics": {} })))
}

pub async fn tags_v2(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, TempoError> {
    let scopes = scopes(&api, &tenant, &params).await?;
    let scope = |scope: TagScope| json!({ "name": scope.name, "tags": scope.tags });
    let scopes: Vec<Value> = scopes.into_iter().map(scope).collect();
    Ok(Json(json!({ "scopes": scopes, "metrics": {} })))
}

/// The scopes asked for; `none` and nothing mean all of them.
async fn scopes(
    api: &Api,
    tenant: &TenantId,
    params: &Params,
) -> Result<Vec<TagScope>, TempoError> {
    let wanted = params.find("scope").unwrap_or("none");
    let limit = params.number("limit")?.filter(|&limit| limit > 0).unwrap_or(TAGS_LIMIT_MAX);
    let scopes = api.ready_product()?.engine.trace_tags(tenant, times(params)?).await?;
    scopes_named(scopes, wanted, limit).map_err(TempoError::bad_request)
}

/// The scopes with this name, with at most `limit` tags each; `none` means all.
pub fn scopes_named(
    mut scopes: Vec<TagScope>,
    wanted: &str,
    limit: usize,
) -> Result<Vec<TagScope>, String> {
    const SCOPES: [&str; 7] =
        ["none", "resource", "span", "intrinsic", "event", "link", "instrumentation"];
    if !SCOPES.contains(&wanted) {
        return Err(format!("invalid scope '{wanted}'; there are {}", SCOPES.join(", ")));
    }
    scopes.retain(|scope| wanted == "none" || scope.name == wanted);
    scopes.iter_mut().for_each(|scope| scope.tags.truncate(limit));
    Ok(scopes)
}

pub async fn values(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(tag): PathText,
    params: Params,
) -> Result<Json<Value>, TempoError> {
    let values = find(&api, &tenant, &tag, &params).await?;
    let texts: Vec<String> = values.into_iter().map(|value| value.text).collect();
    Ok(Json(json!({ "tagValues": texts, "metrics": {} })))
}

pub async fn values_v2(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(tag): PathText,
    params: Params,
) -> Result<Json<Value>, TempoError> {
    let values = find(&api, &tenant, &tag, &params).await?;
    let value = |value: TagValue| json!({ "type": value.kind, "value": value.text });
    let values: Vec<Value> = values.into_iter().map(value).collect();
    Ok(Json(json!({ "tagValues": values, "metrics": {} })))
}

async fn find(
    api: &Api,
    tenant: &TenantId,
    tag: &str,
    params: &Params,
) -> Result<Vec<TagValue>, TempoError> {
    // Grafana encodes the name twice.
    let tag = percent_decode(tag);
    let limit = params.number("limit")?.filter(|&limit| limit > 0).unwrap_or(TAGS_LIMIT_MAX);
    let engine = &api.ready_product()?.engine;
    let query = params.find("q");
    Ok(engine.trace_tag_values(tenant, &tag, query, times(params)?, limit).await?)
}

fn times(params: &Params) -> Result<TagTimes, TempoError> {
    Ok(TagTimes { start: params.time("start")?, end: params.time("end")? })
}

/// What is not an escape stays as it is.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_left_over_are_decoded() {
        assert_eq!(percent_decode("span.a%20b"), "span.a b");
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%C3%A4%zz"), "ä%zz");
    }
}
