//! Series, labels, label values, exemplars.

use super::super::Api;
use super::error::PromError;
use super::json::{self, Notes, labels_json};
use super::params::Params;
use axum::extract::{Path, State};
use axum::response::Response;
use binnacle_query::promql::ast::Expr;
use binnacle_query::promql::labels::{Labels, Matcher};
use binnacle_query::promql::parse::{Features, parse};
use binnacle_query::promql::text::float_json;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub async fn series(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    if params.values("match[]").next().is_none() {
        return Err(PromError::bad_data("no match[] parameter provided"));
    }
    let sets = params.matchers().map_err(|error| PromError::parameter("match[]", error))?;
    let found = found(&api, &params, sets).await?;
    list(found.iter().map(labels_json), &params)
}

pub async fn labels(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let sets = params.matchers().map_err(PromError::bad_data)?;
    let found = found(&api, &params, sets).await?;
    let names: BTreeSet<&str> =
        found.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
    list(names.into_iter().map(Value::from), &params)
}

pub async fn label_values(
    State(api): State<Api>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, PromError> {
    let name = unescaped(&name);
    if name.is_empty() {
        return Err(PromError::bad_data("invalid label name: \"\""));
    }
    let sets = params.matchers().map_err(PromError::bad_data)?;
    let found = found(&api, &params, sets).await?;
    let values: BTreeSet<&str> =
        found.iter().map(|labels| labels.value(&name)).filter(|value| !value.is_empty()).collect();
    list(values.into_iter().map(Value::from), &params)
}

/// The labels of the series the request names; of all series when it names none.
async fn found(
    api: &Api,
    params: &Params,
    mut sets: Vec<Vec<Matcher>>,
) -> Result<BTreeSet<Labels>, PromError> {
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    let range = params.range()?;
    if range.1 < range.0 {
        return Ok(BTreeSet::new());
    }
    let product = api.ready_product()?;
    Ok(product.engine.series_labels(&params.tenant, sets, range).await?)
}

fn list(items: impl Iterator<Item = Value>, params: &Params) -> Result<Response, PromError> {
    let mut list: Vec<Value> = items.collect();
    let mut notes = Notes::default();
    if let Some(limit) = params.limit("limit")?
        && list.len() > limit
    {
        list.truncate(limit);
        notes.warnings.push("results truncated due to limit".to_owned());
    }
    Ok(json::success(&Value::Array(list), &notes))
}

/// Names that do not fit into a path come as `U__…`, with `_` doubled and other characters as `_hex_`.
fn unescaped(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('_') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let character = after.split_once('_').and_then(|(hex, after)| {
            let code = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
            Some((code, after))
        });
        // Not an escape after all: the name is what it says.
        let Some((character, after)) = character else { return name.to_owned() };
        out.push(character);
        rest = after;
    }
    out + rest
}

pub async fn exemplars(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let text = params.value("query").unwrap_or("");
    let range = params.range()?;
    if range.1 < range.0 {
        return Err(PromError::bad_data("end timestamp must not be before start timestamp"));
    }
    let expr = parse(text, Features { experimental: true })
        .map_err(|error| PromError::bad_data(error.text(text)))?;
    let mut sets = Vec::new();
    expr.walk(&mut |expr| match expr {
        Expr::Vector(selector) => sets.push(selector.matchers.clone()),
        Expr::Matrix(matrix) => sets.push(matrix.selector.matchers.clone()),
        _ => {}
    });
    let product = api.ready_product()?;
    let found = product.engine.exemplars(&params.tenant, sets, range).await?;
    let series = found.iter().map(|series| {
        let exemplars = series.exemplars.iter().map(|exemplar| {
            json!({
                "labels": labels_json(&exemplar.labels),
                "value": float_json(exemplar.value),
                "timestamp": exemplar.time as f64 / 1000.0,
            })
        });
        let exemplars: Vec<Value> = exemplars.collect();
        json!({"seriesLabels": labels_json(&series.labels), "exemplars": exemplars})
    });
    Ok(json::success(&Value::Array(series.collect()), &Notes::default()))
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn names_of_any_characters_fit_into_a_path() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status__code", "http.status_code"),
            ("U__broken_zz_", "U__broken_zz_"),
        ] {
            assert_eq!(unescaped(escaped), name);
        }
    }
}
