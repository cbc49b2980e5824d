//! `/rules`, `/alerts`, `/alertmanagers` and `/-/reload`: the rules there are, their alerts, and reading them again.

use super::super::Api;
use super::error::PromError;
use super::json::{self, Notes};
use super::params::Params;
use axum::extract::State as AxumState;
use axum::response::{IntoResponse, Response};
use binnacle_alerting::rule::{
    ActiveAlert, Alerts, Language, LiveGroup, Rule, RuleKind, RuleState, State,
};
use binnacle_query::promql::labels::{Labels, Matcher, all_match};
use binnacle_query::promql::parse::{Features, parse};
use binnacle_query::promql::print::one_line;
use chrono::{DateTime, SecondsFormat};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Which rules are asked for.
#[derive(Debug, Default)]
struct Filter {
    kind: Option<&'static str>,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    matchers: Vec<Vec<Matcher>>,
    excludes_alerts: bool,
}

impl Filter {
    fn of(params: &Params) -> Result<Filter, PromError> {
        let kind = params.value("type").map(str::to_ascii_lowercase);
        let kind = match kind.as_deref() {
            None => None,
            Some("alert") => Some("alerting"),
            Some("record") => Some("recording"),
            Some(kind) => {
                let problem = format!("not supported value {kind:?}");
                return Err(PromError::parameter("type", problem));
            }
        };
        let excludes_alerts = match params.value("exclude_alerts") {
            None => false,
            Some(text) => truth(text).ok_or_else(|| {
                PromError::parameter("exclude_alerts", format!("{text:?} is no truth value"))
            })?,
        };
        let matchers = params.matchers().map_err(PromError::bad_data)?;
        let list = |name: &str| params.values(name).map(str::to_owned).collect();
        let (names, groups, files) = (list("rule_name[]"), list("rule_group[]"), list("file[]"));
        Ok(Filter { kind, names, groups, files, matchers, excludes_alerts })
    }

    fn takes_group(&self, live: &LiveGroup) -> bool {
        let among = |list: &[String], text: &String| list.is_empty() || list.contains(text);
        among(&self.groups, &live.group.name) && among(&self.files, &live.group.file)
    }

    fn takes(&self, rule: &Rule) -> bool {
        let name = rule.name();
        let labels = Labels::new(rule.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        self.kind.is_none_or(|kind| kind == kind_of(rule))
            && (self.names.is_empty() || self.names.iter().any(|wanted| wanted == name))
            && (self.matchers.is_empty()
                || self.matchers.iter().any(|matchers| all_match(matchers, &labels)))
    }
}

/// What Go's `ParseBool` takes.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn success(data: &Value) -> Response {
    json::success(data, &Notes::default())
}

/// The groups of a tenant with their rules, by file and name.
pub async fn rules(AxumState(api): AxumState<Api>, params: Params) -> Result<Response, PromError> {
    let filter = Filter::of(&params)?;
    let page = Page::of(&params)?;
    let groups = groups(&api, &params)?;
    let mut listed = Vec::new();
    let mut next = None;
    let mut is_past = page.token.is_none();
    for live in groups.iter().filter(|live| filter.takes_group(live)) {
        is_past |= page.token.as_deref() == Some(&token(live));
        let Some(group) = Some(live).filter(|_| is_past).and_then(|live| one_group(live, &filter))
        else {
            continue;
        };
        if page.limit == Some(listed.len()) {
            next = Some(token(live));
            break;
        }
        listed.push(group);
    }
    if !is_past {
        let token = page.token.unwrap_or_default();
        let problem = format!("invalid group_next_token '{token}'. were rule groups changed?");
        return Err(PromError::bad_data(problem));
    }
    let mut data = json!({ "groups": listed });
    if let Some(next) = next {
        data["groupNextToken"] = next.into();
    }
    Ok(success(&data))
}

/// Which part of the groups is asked for.
struct Page {
    limit: Option<usize>,
    token: Option<String>,
}

impl Page {
    fn of(params: &Params) -> Result<Page, PromError> {
        let token = params.value("group_next_token").map(str::to_owned);
        let limit = match params.value("group_limit") {
            None => None,
            Some(text) => {
                let wrong = || PromError::parameter("group_limit", "must be a positive number");
                Some(text.parse().ok().filter(|limit| *limit > 0).ok_or_else(wrong)?)
            }
        };
        if token.is_some() && limit.is_none() {
            let problem = "group_limit needs to be present in order to paginate over the groups";
            return Err(PromError::parameter("group_limit", problem));
        }
        Ok(Page { limit, token })
    }
}

/// By which a page begins with a group.
fn token(live: &LiveGroup) -> String {
    let identity = [("file", live.group.file.as_str()), ("group", live.group.name.as_str())];
    format!("{:016x}", Labels::new(identity).hash64())
}

fn groups(api: &Api, params: &Params) -> Result<Vec<Arc<LiveGroup>>, PromError> {
    let mut groups = api.ready_product()?.alerting.rules().groups();
    groups.retain(|live| live.tenant == params.tenant);
    groups.sort_by(|a, b| (&a.group.file, &a.group.name).cmp(&(&b.group.file, &b.group.name)));
    Ok(groups)
}

/// A group with the rules that the filter takes; `None` without any.
fn one_group(live: &LiveGroup, filter: &Filter) -> Option<Value> {
    let state = live.state();
    let both = live.group.rules.iter().zip(&state.rules).filter(|(rule, _)| filter.takes(rule));
    let rules: Vec<Value> = both.map(|(rule, state)| one_rule(rule, state, filter)).collect();
    (!rules.is_empty()).then(|| {
        json!({
            "name": live.group.name,
            "file": live.group.file,
            "rules": rules,
            "interval": seconds(live.interval),
            "limit": live.group.limit,
            "evaluationTime": state.evaluation_seconds,
            "lastEvaluation": time(state.last_evaluation),
        })
    })
}

fn kind_of(rule: &Rule) -> &'static str {
    match rule.kind {
        RuleKind::Alert(_) => "alerting",
        RuleKind::Record(_) => "recording",
    }
}

fn one_rule(rule: &Rule, state: &RuleState, filter: &Filter) -> Value {
    let mut out = Map::new();
    if let RuleKind::Alert(alert) = &rule.kind {
        out.insert("state".to_owned(), worst(&state.alerts).name().into());
        out.insert("duration".to_owned(), seconds(alert.hold).into());
        out.insert("keepFiringFor".to_owned(), seconds(alert.keep_firing_for).into());
        out.insert("annotations".to_owned(), pairs(&alert.annotations));
        let alerts = match filter.excludes_alerts {
            true => Value::Null,
            false => active(&state.alerts).collect(),
        };
        out.insert("alerts".to_owned(), alerts);
    }
    out.insert("name".to_owned(), rule.name().into());
    out.insert("query".to_owned(), query(rule).into());
    if !rule.labels.is_empty() || rule.alert().is_some() {
        out.insert("labels".to_owned(), pairs(&rule.labels));
    }
    out.insert("health".to_owned(), state.health.name().into());
    if let Some(error) = &state.last_error {
        out.insert("lastError".to_owned(), error.as_str().into());
    }
    out.insert("evaluationTime".to_owned(), state.evaluation_seconds.into());
    out.insert("lastEvaluation".to_owned(), time(state.last_evaluation).into());
    out.insert("type".to_owned(), kind_of(rule).into());
    if rule.language != Language::Promql {
        out.insert("language".to_owned(), rule.language.name().into());
    }
    Value::Object(out)
}

/// PromQL in its canonical form, as Prometheus shows it; other languages as written.
fn query(rule: &Rule) -> String {
    let parsed = match rule.language {
        Language::Promql => parse(&rule.expr, Features { experimental: true }).ok(),
        _ => None,
    };
    parsed.map_or_else(|| rule.expr.clone(), |expr| one_line(&expr))
}

fn worst(alerts: &Alerts) -> State {
    alerts.values().map(|alert| alert.state).max().unwrap_or_default()
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

/// The alerts that are pending or firing.
fn active(alerts: &Alerts) -> impl Iterator<Item = Value> + '_ {
    alerts.iter().filter(|(_, alert)| alert.state != State::Inactive).map(|(labels, alert)| {
        let mut out = json!({
            "labels": labels,
            "annotations": alert.annotations,
            "state": alert.state.name(),
            "activeAt": time(Some(alert.active_at)),
            "value": scientific(alert.value),
        });
        for (name, since) in times(alert) {
            out[name] = time(Some(since)).into();
        }
        out
    })
}

/// The last is ours: since when nothing was measured.
fn times(alert: &ActiveAlert) -> impl Iterator<Item = (&'static str, i64)> {
    let all = [("keepFiringSince", alert.keep_firing_since), ("heldSince", alert.held_since)];
    all.into_iter().filter_map(|(name, time)| Some((name, time?)))
}

/// As Go writes a float with an exponent: `1.5e+00`.
fn scientific(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// Prometheus's zero time stands for "never".
fn time(milliseconds: Option<i64>) -> String {
    let time = milliseconds.and_then(DateTime::from_timestamp_millis);
    time.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    )
}

/// The alerts of a tenant that are pending or firing.
pub async fn alerts(AxumState(api): AxumState<Api>, params: Params) -> Result<Response, PromError> {
    let groups = groups(&api, &params)?;
    let states = groups.iter().map(|live| live.state());
    let alerts: Vec<Value> = states
        .flat_map(|state| {
            let all = state.rules.iter().flat_map(|rule| active(&rule.alerts));
            all.collect::<Vec<Value>>()
        })
        .collect();
    Ok(success(&json!({ "alerts": alerts })))
}

/// The Alertmanagers beside this server, which notifies of alerts itself.
pub async fn alertmanagers(AxumState(api): AxumState<Api>) -> Response {
    let product = match api.ready_product() {
        Ok(product) => product,
        Err(error) => return PromError::from(error).into_response(),
    };
    let others = product.alerting.notifier().list_alertmanagers();
    let others: Vec<Value> = others.into_iter().map(|url| json!({ "url": url })).collect();
    success(&json!({ "activeAlertmanagers": others, "droppedAlertmanagers": [] }))
}

/// Reads rule files, SLOs and routes again. PUT does the same.
#[utoipa::path(post, path = "/prometheus/-/reload", tag = "operation",
    responses((status = 200, description = "They were read, and are in use"),
        (status = 500, description = "What is wrong with them, by file and line; the others are in use", body = String,
            content_type = "text/plain"),
        (status = 503, description = "Starting or stopping", body = Object)))]
pub async fn reload(AxumState(api): AxumState<Api>) -> Response {
    let product = match api.ready_product() {
        Ok(product) => product,
        Err(error) => return PromError::from(error).into_response(),
    };
    match product.alerting.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(problems) => {
            let text = format!("failed to reload config: {}\n", problems.join("\n"));
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_times_are_written_as_prometheus_writes_them() {
        let cases = [(1.0, "1e+00"), (0.00125, "1.25e-03"), (0.0, "0e+00"), (f64::NAN, "NaN")];
        for (value, expected) in cases {
            assert_eq!(scientific(value), expected);
        }
        assert_eq!(time(None), "0001-01-01T00:00:00Z");
        assert_eq!(time(Some(1_700_000_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(time(Some(1_700_000_000_120)), "2023-11-14T22:13:20.120Z");
    }
}
