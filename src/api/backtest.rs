//! `POST /api/v1/rules/backtest`: what rules would have done, or did, over stored telemetry.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::request::{JsonBody, Tenant, parse_time};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::rule::{Backtest, Group, Reading, Rules, backtest, parse};
use binnacle_storage::model::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the rules are called in messages about them, unless the request says it.
const FILE: &str = "rules";

/// Rules, and the time they are tried over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// The text of a rule file; the rules in use when left out.
    #[schema(
        example = "groups: [{name: g, interval: 1m, rules: [{alert: Down, expr: up == 0, for: 5m}]}]"
    )]
    rules: Option<String>,
    /// The path by which a server has that file: a group is evaluated at times that follow from its file and name.
    file: Option<String>,
    /// Only groups of these names.
    groups: Option<Vec<String>>,
    /// Unix ns, RFC 3339, `now`, or a duration before now such as `-1day`.
    #[schema(example = "-1day")]
    start: String,
    /// `now` when left out.
    end: Option<String>,
}

/// What each group would have done.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestAnswer {
    groups: Vec<GroupBacktest>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GroupBacktest {
    name: String,
    file: String,
    /// Times at which the group was evaluated.
    evaluations: usize,
    transitions: Vec<RuleTransition>,
    errors: Vec<RuleError>,
}

/// An alert went from one state to another.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleTransition {
    /// Unix ns.
    time: String,
    rule: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    value: f64,
    /// `inactive`, `pending` or `firing`.
    from: &'static str,
    to: &'static str,
}

/// Evaluations of a rule that failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleError {
    rule: String,
    /// The first.
    error: String,
    evaluations: usize,
}

/// Evaluates rules over stored telemetry, as live evaluation would have done.
///
/// All alerts begin inactive. Nothing is written and nobody is told. Series of recording rules are read as they are stored.
#[utoipa::path(post, path = "/api/v1/rules/backtest", tag = "query", request_body = BacktestRequest,
    params(("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The transitions, in order of time", body = BacktestAnswer),
        (status = 400, description = "The rules are wrong, or the time is too long", body = ErrorBody),
        (status = 415, description = "The request is not JSON", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn try_rules(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    JsonBody(request): JsonBody<BacktestRequest>,
) -> Result<Json<BacktestAnswer>, ApiError> {
    let rules = api.ready_product()?.alerting.rules();
    let parts = rules.parts();
    let groups = groups(rules, &tenant, &request)?;
    let now = api.now();
    let start = parse_time("start", &request.start, now)?;
    let end = request.end.as_deref().map_or(Ok(now), |end| parse_time("end", end, now))?;
    let range = (start.0.div_euclid(1_000_000), end.0.div_euclid(1_000_000));
    let mut answer = BacktestAnswer { groups: Vec::with_capacity(groups.len()) };
    for group in &groups {
        let found = backtest(parts, &tenant, group, range).await.map_err(ApiError::invalid)?;
        answer.groups.push(rendered(group, found));
    }
    Ok(Json(answer))
}

/// The groups that a request is about.
fn groups(
    rules: &Rules,
    tenant: &TenantId,
    request: &BacktestRequest,
) -> Result<Vec<Group>, ApiError> {
    let mut groups = match &request.rules {
        Some(text) => {
            let file = request.file.as_deref().unwrap_or(FILE);
            parse(file, text, Reading::default()).map_err(|faults| {
                let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
                ApiError::invalid(all.join("\n"))
            })?
        }
        None if request.file.is_some() => {
            return Err(ApiError::invalid("file names the file whose text rules is; say both"));
        }
        None => {
            let own = rules.groups().into_iter().filter(|live| live.tenant == *tenant);
            own.map(|live| live.group.clone()).collect()
        }
    };
    if let Some(wanted) = &request.groups {
        if let Some(unknown) = wanted.iter().find(|name| groups.iter().all(|g| g.name != **name)) {
            return Err(ApiError::invalid(format!("there is no group '{unknown}'")));
        }
        groups.retain(|group| wanted.contains(&group.name));
    }
    let is_other = |group: &&Group| group.tenant.as_ref().is_some_and(|other| other != tenant);
    if let Some(other) = groups.iter().find(is_other) {
        let message =
            format!("group '{}' is about another tenant than the one asked for", other.name);
        return Err(ApiError::invalid(message));
    }
    Ok(groups)
}

fn rendered(group: &Group, found: Backtest) -> GroupBacktest {
    let name = |rule: usize| group.rules[rule].name().to_owned();
    let transitions = found.transitions.into_iter().map(|(rule, change)| RuleTransition {
        time: change.at.saturating_mul(1_000_000).to_string(),
        rule: name(rule),
        labels: change.labels,
        annotations: change.annotations,
        value: change.value,
        from: change.from.name(),
        to: change.to.name(),
    });
    let errors = found.errors.into_iter();
    GroupBacktest {
        name: group.name.clone(),
        file: group.file.clone(),
        evaluations: found.evaluations,
        transitions: transitions.collect(),
        errors: errors
            .map(|(rule, error, evaluations)| RuleError { rule: name(rule), error, evaluations })
            .collect(),
    }
}
