//! `GET /prometheus/api/v1/targets`: what is scraped, in the shape Prometheus answers with.

use super::Api;
use super::error::ApiError;
use super::request::Tenant;
use axum::Json;
use axum::extract::{Query, State};
use binnacle_collector::{ScrapeTargets, TargetStatus};
use binnacle_storage::model::{TenantId, Timestamp};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use std::time::Duration;

/// What is scraped, and how the last scrape of each target went.
#[utoipa::path(get, path = "/prometheus/api/v1/targets", tag = "query",
    params(
        ("state" = Option<String>, Query, description = "`active`, `dropped` or `any`, which is the default"),
        ("scrapePool" = Option<String>, Query, description = "Only this job")),
    responses((status = 200, description = "As Prometheus answers", body = Object)))]
pub async fn targets(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let product = api.ready_product()?;
    let parameter = |name: &str| {
        parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let state = parameter("state").unwrap_or("any").to_ascii_lowercase();
    let data = render(&product.targets, &tenant, &state, parameter("scrapePool"));
    Ok(Json(json!({ "status": "success", "data": data })))
}

fn render(targets: &ScrapeTargets, tenant: &TenantId, state: &str, pool: Option<&str>) -> Value {
    let is_wanted = |job: &str| pool.is_none_or(|pool| pool == job);
    let (mut active, mut dropped) = (Vec::new(), Vec::new());
    if state != "dropped" {
        let all = targets.active(tenant).into_iter();
        active.extend(all.filter(|target| is_wanted(&target.job)).map(|target| one(&target)));
    }
    if state != "active" {
        let all = targets.dropped(tenant).into_iter().filter(|target| is_wanted(&target.job));
        dropped.extend(all.map(|target| {
            json!({ "discoveredLabels": target.discovered_labels, "scrapePool": target.job })
        }));
    }
    json!({
        "activeTargets": active,
        "droppedTargets": dropped,
        "droppedTargetCounts": targets.dropped_counts(tenant),
    })
}

fn one(target: &TargetStatus) -> Value {
    json!({
        "discoveredLabels": target.discovered_labels,
        "labels": target.labels,
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": target.last_error,
        "lastScrape": time(target.last_scrape),
        "lastScrapeDuration": target.last_duration.as_secs_f64(),
        "health": target.health.name(),
        "scrapeInterval": duration(target.interval),
        "scrapeTimeout": duration(target.timeout),
    })
}

/// `1m30s`.
fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

/// Prometheus's zero time stands for "never".
fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |time| DateTime::from_timestamp_nanos(time.0).to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_scraped_has_the_shape_too() {
        let data = render(&ScrapeTargets::default(), &TenantId::default(), "any", None);
        let expected =
            json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} });
        assert_eq!(data, expected);
        assert_eq!(time(None), "0001-01-01T00:00:00Z");
        assert_eq!(time(Some(Timestamp(1_500_000_000))), "1970-01-01T00:00:01.500Z");
    }
}
