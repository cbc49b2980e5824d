//! Silences, listed, made, changed and ended.

use super::answer::{Refusal, ask};
use super::params::{self, Params};
use crate::api::Api;
use crate::api::request::Tenant;
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use binnacle_alerting::notify::matcher::{MatchOperator, Matcher};
use binnacle_alerting::notify::message::time;
use binnacle_alerting::notify::silence::{Refused, Silence, SilenceState};
use binnacle_storage::model::Timestamp;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// A silence as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    #[serde(default)]
    id: String,
    matchers: Option<Vec<PostedMatcher>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    created_by: Option<String>,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: Option<String>,
    value: Option<String>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

pub async fn list(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(params): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let filter = Params(params).filter()?;
    let mut silences = ask(&api, move |notifier| notifier.list_silences(&tenant)).await?;
    silences.retain(|silence| filter.iter().all(|wanted| silence.matchers.contains(wanted)));
    let now = api.now();
    silences.sort_by_key(|silence| order(silence, now));
    Ok(Json(silences.iter().map(|silence| render(silence, now)).collect()))
}

/// Active ones first, by what ends soonest; then those to come, by what begins soonest; then the last that ended.
fn order(silence: &Silence, now: Timestamp) -> (SilenceState, i64) {
    let state = silence.state(now);
    let by = match state {
        SilenceState::Active => silence.ends_at.0,
        SilenceState::Pending => silence.starts_at.0,
        SilenceState::Expired => -silence.ends_at.0,
    };
    (state, by)
}

pub async fn one(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let found = ask(&api, move |notifier| notifier.find_silence(&tenant, &id)).await?;
    let silence = found.ok_or_else(Refusal::not_found)?;
    Ok(Json(render(&silence, api.now())))
}

pub async fn expire(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let is_known = ask(&api, move |notifier| notifier.expire_silence(&tenant, &id)).await?;
    if is_known { Ok(StatusCode::OK) } else { Err(Refusal::not_found()) }
}

pub async fn set(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let posted: Posted = params::body(&api, request).await?;
    let silence = read(posted)?;
    let set = ask(&api, move |notifier| notifier.set_silence(&tenant, silence)).await?;
    match set {
        Ok(id) => Ok(Json(json!({ "silenceID": id }))),
        Err(Refused::NotFound) => {
            Err(Refusal::Said(StatusCode::NOT_FOUND, Some("silence not found".to_owned())))
        }
        Err(Refused::Invalid(message)) => Err(Refusal::bad(message)),
    }
}

fn read(posted: Posted) -> Result<Silence, Refusal> {
    let time = |text: Option<String>, field: &str| {
        let text = text.ok_or_else(|| Refusal::required(field))?;
        let wrong = |error| Refusal::bad(format!("{field}: {error}"));
        time::parse(&text)
            .map_err(wrong)?
            .ok_or_else(|| Refusal::bad(format!("invalid silence: invalid zero {field} timestamp")))
    };
    let matchers = posted.matchers.ok_or_else(|| Refusal::required("matchers"))?;
    Ok(Silence {
        id: posted.id,
        matchers: matchers.into_iter().map(read_matcher).collect::<Result<_, _>>()?,
        starts_at: time(posted.starts_at, "startsAt")?,
        ends_at: time(posted.ends_at, "endsAt")?,
        updated_at: Timestamp(0),
        created_by: posted.created_by.ok_or_else(|| Refusal::required("createdBy"))?,
        comment: posted.comment.ok_or_else(|| Refusal::required("comment"))?,
    })
}

fn read_matcher(posted: PostedMatcher) -> Result<Matcher, Refusal> {
    let name = posted.name.ok_or_else(|| Refusal::required("matchers.name"))?;
    let value = posted.value.ok_or_else(|| Refusal::required("matchers.value"))?;
    let is_regex = posted.is_regex.ok_or_else(|| Refusal::required("matchers.isRegex"))?;
    let operator = MatchOperator::of(posted.is_equal.unwrap_or(true), is_regex);
    let wrong = |error| Refusal::bad(format!("invalid silence: invalid label matcher: {error}"));
    Matcher::new(&name, operator, &value).map_err(wrong)
}

fn render(silence: &Silence, now: Timestamp) -> Value {
    let state = match silence.state(now) {
        SilenceState::Active => "active",
        SilenceState::Pending => "pending",
        SilenceState::Expired => "expired",
    };
    let matcher = |matcher: &Matcher| {
        json!({
            "isEqual": matcher.operator().is_equal(),
            "isRegex": matcher.operator().is_regex(),
            "name": matcher.name(),
            "value": matcher.value(),
        })
    };
    json!({
        "id": silence.id,
        "status": { "state": state },
        "updatedAt": time::millis(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "startsAt": time::millis(silence.starts_at),
        "endsAt": time::millis(silence.ends_at),
        "matchers": silence.matchers.iter().map(matcher).collect::<Vec<_>>(),
    })
}
