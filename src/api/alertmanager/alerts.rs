//! Alerts in and out, one by one and in their groups.

use super::answer::{Refusal, ask};
use super::params::{self, Params};
use crate::api::Api;
use crate::api::request::Tenant;
use axum::Json;
use axum::extract::{Query, Request, State};
use binnacle_alerting::notify::matcher::{self, Matcher};
use binnacle_alerting::notify::message::time;
use binnacle_alerting::notify::{Origin, Standing};
use binnacle_alerting::{Alert, LabelSet};
use binnacle_storage::model::Timestamp;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// An alert as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: Option<LabelSet>,
    #[serde(default)]
    annotations: Option<LabelSet>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
}

/// Which alerts are asked for. Every alert here has been processed, so `unprocessed` makes no difference.
struct Wanted {
    active: bool,
    silenced: bool,
    inhibited: bool,
    filter: Vec<Matcher>,
    receiver: Option<Matcher>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Wanted, Refusal> {
        Ok(Wanted {
            active: params.flag("active"),
            silenced: params.flag("silenced"),
            inhibited: params.flag("inhibited"),
            filter: params.filter()?,
            receiver: params.receiver()?,
        })
    }

    fn has(&self, alert: &Standing) -> bool {
        let (is_silenced, is_inhibited) =
            (!alert.silenced_by.is_empty(), !alert.inhibited_by.is_empty());
        (self.active || is_silenced || is_inhibited)
            && (self.silenced || !is_silenced)
            && (self.inhibited || !is_inhibited)
            && matcher::matches_all(&self.filter, &alert.received.alert.labels)
    }

    fn has_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|receiver| receiver.matches_value(name))
    }
}

pub async fn list(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(params): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let wanted = Wanted::read(&Params(params))?;
    let alerts = ask(&api, move |notifier| notifier.list_alerts(&tenant)).await?;
    let is_wanted = |alert: &&Standing| {
        alert.receivers.iter().any(|receiver| wanted.has_receiver(receiver)) && wanted.has(alert)
    };
    Ok(Json(alerts.iter().filter(is_wanted).map(|alert| render(alert, &[])).collect()))
}

pub async fn groups(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(params): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Refusal> {
    let params = Params(params);
    let (wanted, with_muted) = (Wanted::read(&params)?, params.flag("muted"));
    let groups = ask(&api, move |notifier| notifier.list_groups(&tenant)).await?;
    let mut rendered = Vec::new();
    for group in groups {
        let is_wanted = wanted.has_receiver(&group.receiver);
        if !is_wanted || !(with_muted || group.muted_by.is_empty()) {
            continue;
        }
        let alerts = group.alerts.iter().filter(|alert| wanted.has(alert));
        let alerts: Vec<Value> = alerts.map(|alert| render(alert, &group.muted_by)).collect();
        if !alerts.is_empty() {
            rendered.push(json!({
                "labels": group.id.labels,
                "receiver": { "name": group.receiver },
                "alerts": alerts,
            }));
        }
    }
    Ok(Json(rendered.into()))
}

fn render(standing: &Standing, muted_by: &[String]) -> Value {
    let alert = &standing.received.alert;
    let is_suppressed = !standing.silenced_by.is_empty()
        || !standing.inhibited_by.is_empty()
        || !muted_by.is_empty();
    let inhibited_by: Vec<String> = standing.inhibited_by.iter().map(ToString::to_string).collect();
    let receivers = standing.receivers.iter().map(|name| json!({ "name": name }));
    let mut rendered = json!({
        "annotations": alert.annotations,
        "endsAt": time::millis(alert.ends_at),
        "fingerprint": alert.fingerprint().to_string(),
        "receivers": receivers.collect::<Vec<_>>(),
        "startsAt": time::millis(alert.starts_at),
        "status": {
            "inhibitedBy": inhibited_by,
            "mutedBy": muted_by,
            "silencedBy": standing.silenced_by,
            "state": if is_suppressed { "suppressed" } else { "active" },
        },
        "updatedAt": time::millis(standing.received.updated_at),
        "labels": alert.labels,
    });
    if !alert.generator_url.is_empty() {
        rendered["generatorURL"] = alert.generator_url.clone().into();
    }
    rendered
}

/// Takes in what is valid, and says what is not.
pub async fn post(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let posted: Vec<Posted> = params::body(&api, request).await?;
    let now = api.now();
    let configuration = ask(&api, |notifier| Ok(notifier.configuration())).await?;
    let (mut valid, mut wrong) = (Vec::new(), Vec::new());
    for (place, alert) in posted.into_iter().enumerate() {
        let Some(labels) = alert.labels.clone() else {
            return Err(Refusal::required(&format!("{place}.labels")));
        };
        match read(alert, labels, now, configuration.resolve_timeout) {
            Ok(alert) => valid.push(alert),
            Err(error) => wrong.push(error),
        }
    }
    if !ask(&api, move |notifier| notifier.post_alerts(&tenant, &valid)).await? {
        let message = "there are too many alerts already".to_owned();
        return Err(Refusal::Said(StatusCode::TOO_MANY_REQUESTS, Some(message)));
    }
    if wrong.is_empty() { Ok(StatusCode::OK) } else { Err(Refusal::bad(wrong.join("; "))) }
}

fn read(
    posted: Posted,
    labels: LabelSet,
    now: Timestamp,
    resolve_timeout: Duration,
) -> Result<(Origin, Alert), String> {
    let time = |text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => time::parse(text),
    };
    let (start, end) = (time(posted.starts_at)?, time(posted.ends_at)?);
    let starts_at = start.or(end).unwrap_or(now);
    let (origin, ends_at) = match end {
        Some(end) => (Origin::Api, end),
        None => (Origin::ApiUntilTimeout, now.saturating_add(resolve_timeout)),
    };
    if ends_at < starts_at {
        return Err("start time must be before end time".to_owned());
    }
    params::check_labels(&labels)?;
    if labels.values().all(|value| value.is_empty()) {
        return Err("at least one label pair required".to_owned());
    }
    let alert = Alert {
        labels,
        annotations: posted.annotations.unwrap_or_default(),
        starts_at,
        ends_at,
        generator_url: posted.generator_url.unwrap_or_default(),
    };
    Ok((origin, alert))
}
