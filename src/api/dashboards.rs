//! `/api/v1/dashboards…`: dashboards as JSON documents. Those built into the binary (`dashboards/` of the sources) are for reading
//! and copying; what panels are made of is the UI's business, and is kept as it was sent.

use super::Api;
use super::documents::{documents, parse, rfc3339};
use super::error::{ApiError, ErrorBody};
use super::request::{JsonBody, Params, PathText, Tenant};
use crate::documents::{Document, Draft, Filter, Kind, Refused};
use axum::extract::State;
use axum::{Json, Router, routing::get};
use binnacle_storage::model::{TimeRange, Timestamp};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::LazyLock;
use utoipa::ToSchema;

const TITLE_CHARS_MAX: usize = 200;
const PANELS_MAX: usize = 200;
const ID_CHARS_MAX: usize = 100;
/// Dashboards of one list.
const LIST_MAX: usize = 10_000;

/// Name and text of each file.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/dashboards.rs"));

static BUILT_INS: LazyLock<Vec<Dashboard>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| {
        let document = serde_json::from_str(text).unwrap_or(Value::Null);
        Some(Dashboard {
            id: (*name).to_owned(),
            source: Source::BuiltIn,
            version: 1,
            updated_at: None,
            dashboard: check(document).ok()?,
        })
    };
    BUILT_IN.iter().filter_map(read).collect()
});

/// Where a dashboard comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Part of this version of the program; cannot be changed.
    BuiltIn,
    Stored,
}

/// A dashboard, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Dashboard {
    id: String,
    source: Source,
    /// Counts its changes, from 1.
    version: i64,
    /// RFC 3339; null for built-in ones.
    updated_at: Option<String>,
    /// The document: `title`, `panels` (each with its `id` and `kind`), and whatever else was sent.
    #[schema(value_type = Object)]
    dashboard: Map<String, Value>,
}

/// What the list says of a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Head {
    title: String,
    description: String,
    tags: Vec<String>,
    /// How many.
    panels: usize,
}

/// A dashboard of the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listed {
    id: String,
    source: Source,
    version: i64,
    updated_at: Option<String>,
    #[serde(flatten)]
    head: Head,
}

/// All dashboards.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List {
    /// By title.
    dashboards: Vec<Listed>,
}

pub fn routes() -> Router<Api> {
    Router::new().route("/api/v1/dashboards", get(list_dashboards).post(add_dashboard)).route(
        "/api/v1/dashboards/{id}",
        get(read_dashboard).put(replace_dashboard).delete(delete_dashboard),
    )
}

/// All dashboards, built-in ones and those of the tenant, by title.
#[utoipa::path(get, path = "/api/v1/dashboards", tag = "dashboards",
    responses((status = 200, description = "The dashboards without their panels", body = List)))]
pub async fn list_dashboards(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
) -> Result<Json<List>, ApiError> {
    let filter = Filter { range: TimeRange::all(), title: None, limit: LIST_MAX };
    let listed =
        documents(&api, move |documents| documents.list(&tenant, Kind::Dashboard, &filter));
    let stored = listed.await?.into_iter().filter_map(|document| {
        Some(Listed {
            head: serde_json::from_str(&document.json).ok()?,
            id: document.id,
            source: Source::Stored,
            version: document.version,
            updated_at: Some(rfc3339(document.updated_at)),
        })
    });
    let built_in = BUILT_INS.iter().map(|dashboard| Listed {
        id: dashboard.id.clone(),
        source: dashboard.source,
        version: dashboard.version,
        updated_at: None,
        head: head(&dashboard.dashboard),
    });
    let mut dashboards: Vec<Listed> = built_in.chain(stored).collect();
    dashboards.sort_by_cached_key(|one| (one.head.title.to_lowercase(), one.id.clone()));
    Ok(Json(List { dashboards }))
}

/// One dashboard.
#[utoipa::path(get, path = "/api/v1/dashboards/{id}", tag = "dashboards", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The dashboard", body = Dashboard),
        (status = 404, description = "No such dashboard", body = ErrorBody)))]
pub async fn read_dashboard(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<Json<Dashboard>, ApiError> {
    if let Some(built_in) = find_built_in(&id) {
        return Ok(Json(built_in.clone()));
    }
    let found = documents(&api, move |documents| documents.find(&tenant, Kind::Dashboard, &id));
    render(found.await?).map(Json)
}

/// Keeps a new dashboard. Its id is the document's `id`, else made of its title.
#[utoipa::path(post, path = "/api/v1/dashboards", tag = "dashboards", request_body = Object,
    responses(
        (status = 201, description = "The dashboard", body = Dashboard),
        (status = 400, description = "It is none", body = ErrorBody),
        (status = 409, description = "Its id is taken, or there are too many", body = ErrorBody),
        (status = 413, description = "It is too large", body = ErrorBody),
        (status = 415, description = "It is not JSON", body = ErrorBody)))]
pub async fn add_dashboard(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    JsonBody(document): JsonBody<Value>,
) -> Result<(StatusCode, Json<Dashboard>), ApiError> {
    let mut document = check(document)?;
    let now = api.now();
    let added = documents(&api, move |documents| {
        let wanted = document.get("id").and_then(Value::as_str).map(str::to_owned);
        let base = slug(document.get("title").and_then(Value::as_str).unwrap_or_default());
        for number in 1.. {
            let id = match (&wanted, number) {
                (Some(id), _) => id.clone(),
                (None, 1) => base.clone(),
                (None, number) => format!("{base}-{number}"),
            };
            document.insert("id".to_owned(), json!(id));
            let added = match find_built_in(&id) {
                Some(_) => Err(Refused::Taken),
                None => documents.add(&tenant, Kind::Dashboard, &id, &draft(&document, now), now),
            };
            match added {
                Err(Refused::Taken) if wanted.is_none() => {}
                added => return added,
            }
        }
        Err(Refused::Taken)
    });
    Ok((StatusCode::CREATED, Json(render(added.await?)?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceParams {
    version: Option<i64>,
}

/// Keeps another version of a dashboard.
#[utoipa::path(put, path = "/api/v1/dashboards/{id}", tag = "dashboards", request_body = Object,
    params(
        ("id" = String, Path),
        ("version" = Option<i64>, Query, description = "The version that was edited: refused when there is a newer one")),
    responses(
        (status = 200, description = "The dashboard", body = Dashboard),
        (status = 400, description = "It is none", body = ErrorBody),
        (status = 404, description = "No such dashboard", body = ErrorBody),
        (status = 409, description = "It is built in, or there is a newer version", body = ErrorBody),
        (status = 413, description = "It is too large", body = ErrorBody),
        (status = 415, description = "It is not JSON", body = ErrorBody)))]
pub async fn replace_dashboard(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
    Params(params): Params<ReplaceParams>,
    JsonBody(document): JsonBody<Value>,
) -> Result<Json<Dashboard>, ApiError> {
    let mut document = check(document)?;
    if find_built_in(&id).is_some() {
        return Err(built_in(&id));
    }
    document.insert("id".to_owned(), json!(id));
    let now = api.now();
    let replaced = documents(&api, move |documents| {
        let draft = draft(&document, now);
        documents.replace(&tenant, Kind::Dashboard, &id, &draft, params.version, now)
    });
    render(replaced.await?).map(Json)
}

/// Deletes a dashboard.
#[utoipa::path(delete, path = "/api/v1/dashboards/{id}", tag = "dashboards", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "No such dashboard", body = ErrorBody),
        (status = 409, description = "It is built in", body = ErrorBody)))]
pub async fn delete_dashboard(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<StatusCode, ApiError> {
    if find_built_in(&id).is_some() {
        return Err(built_in(&id));
    }
    documents(&api, move |documents| documents.delete(&tenant, Kind::Dashboard, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find_built_in(id: &str) -> Option<&'static Dashboard> {
    BUILT_INS.iter().find(|dashboard| dashboard.id == id)
}

fn render(document: Document) -> Result<Dashboard, ApiError> {
    Ok(Dashboard {
        id: document.id,
        source: Source::Stored,
        version: document.version,
        updated_at: Some(rfc3339(document.updated_at)),
        dashboard: parse(&document.json)?,
    })
}

fn draft(document: &Map<String, Value>, now: Timestamp) -> Draft {
    let head = head(document);
    Draft {
        title: head.title.clone(),
        at: now,
        head: json!(head).to_string(),
        body: Value::Object(document.clone()).to_string(),
    }
}

fn head(document: &Map<String, Value>) -> Head {
    let text =
        |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    Head {
        title: text("title"),
        description: text("description"),
        tags: tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        panels: document.get("panels").and_then(Value::as_array).map_or(0, Vec::len),
    }
}

/// A dashboard as it must be; what is wrong with it is said by name.
fn check(document: Value) -> Result<Map<String, Value>, ApiError> {
    let wrong = |message: String| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_dashboard", message)
            .hint("dashboards/README.md describes the document")
    };
    let Value::Object(document) = document else {
        return Err(wrong("a dashboard is a JSON object".to_owned()));
    };
    let title = document.get("title").and_then(Value::as_str).unwrap_or_default();
    if title.trim().is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        return Err(wrong(format!("`title` must be a text of up to {TITLE_CHARS_MAX} characters")));
    }
    if let Some(id) = document.get("id") {
        let is_id = |id: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(plain)
        };
        if !id.as_str().is_some_and(is_id) {
            return Err(wrong(format!(
                "`id` must be up to {ID_CHARS_MAX} letters, digits, `-`, `_` or `.`"
            )));
        }
    }
    let texts =
        |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    if document.get("description").is_some_and(|value| !value.is_string()) {
        return Err(wrong("`description` must be a text".to_owned()));
    }
    if document.get("tags").is_some_and(|value| !texts(value)) {
        return Err(wrong("`tags` must be a list of texts".to_owned()));
    }
    let Some(panels) = document.get("panels").and_then(Value::as_array) else {
        return Err(wrong("`panels` must be a list".to_owned()));
    };
    if panels.len() > PANELS_MAX {
        return Err(wrong(format!("there can be {PANELS_MAX} panels, not {}", panels.len())));
    }
    each_named("panels", panels, &["id", "kind"]).map_err(wrong)?;
    match document.get("variables") {
        None => {}
        Some(Value::Array(variables)) => {
            each_named("variables", variables, &["name"]).map_err(wrong)?;
        }
        Some(_) => return Err(wrong("`variables` must be a list".to_owned())),
    }
    Ok(document)
}

/// Each has these texts, and the first of them is its own alone.
fn each_named(list: &str, items: &[Value], texts: &[&str]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        if let Some(missing) = texts.iter().find(|name| text(name).is_none()) {
            return Err(format!("{list}[{index}] lacks the text `{missing}`"));
        }
        if let Some(name) = texts.first().and_then(|name| text(name))
            && !seen.insert(name)
        {
            return Err(format!("two of `{list}` are called '{name}'"));
        }
    }
    Ok(())
}

/// Letters and digits of a title, joined by hyphens.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let slug: String = slug.chars().take(ID_CHARS_MAX / 2).collect();
    match slug.trim_end_matches('-') {
        "" => "dashboard".to_owned(),
        slug => slug.to_owned(),
    }
}

fn built_in(id: &str) -> ApiError {
    let message = format!("the dashboard '{id}' is built in and cannot be changed");
    ApiError::new(StatusCode::CONFLICT, "built_in", message).hint("copy it under another id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_dashboard_is_one() {
        assert_eq!(BUILT_INS.len(), BUILT_IN.len());
        for (name, text) in BUILT_IN {
            let document: Value = serde_json::from_str(text).unwrap();
            if let Err(error) = check(document) {
                panic!("{name}: {}", error.message);
            }
        }
    }

    #[test]
    fn what_is_no_dashboard_is_refused_by_name() {
        let cases = [
            (json!([]), "object"),
            (json!({"panels": []}), "title"),
            (json!({"title": "x"}), "panels"),
            (json!({"title": "x", "panels": [{"id": "a"}]}), "panels[0] lacks the text `kind`"),
            (
                json!({"title": "x", "panels": [{"id": "a", "kind": "stat"}, {"id": "a", "kind": "stat"}]}),
                "called 'a'",
            ),
            (json!({"title": "x", "panels": [], "id": "a/b"}), "id"),
            (json!({"title": "x", "panels": [], "tags": "a"}), "tags"),
            (json!({"title": "x", "panels": [], "variables": [{}]}), "variables[0]"),
        ];
        for (document, part) in cases {
            let message = check(document.clone()).unwrap_err().message;
            assert!(message.contains(part), "{document}: {message}");
        }
        let kept = check(json!({"title": "x", "panels": [], "of my own": {"a": 1}})).unwrap();
        assert_eq!(kept["of my own"]["a"], 1);
    }

    #[test]
    fn ids_come_from_titles() {
        assert_eq!(slug("Checkout: p99 & errors"), "checkout-p99-errors");
        assert_eq!(slug("Übersicht"), "bersicht");
        assert_eq!(slug("概要"), "dashboard");
    }
}
