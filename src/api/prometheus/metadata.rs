//! Types, descriptions and units of metrics.

use super::super::Api;
use super::error::PromError;
use super::json::{self, Notes};
use super::params::Params;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

pub async fn metadata(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let (limit, per_metric) = (params.count("limit")?, params.count("limit_per_metric")?);
    let product = api.ready_product()?;
    let all = product.engine.metric_metadata(&params.tenant).await?;
    let wanted = params.value("metric");
    let mut found = Map::new();
    let named = all.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name.as_str()));
    for (name, described) in named.take(limit.unwrap_or(usize::MAX)) {
        let list = described.iter().take(per_metric.unwrap_or(usize::MAX)).map(
            |metadata| json!({"type": metadata.kind, "help": metadata.help, "unit": metadata.unit}),
        );
        found.insert(name.clone(), Value::Array(list.collect()));
    }
    Ok(json::success(&Value::Object(found), &Notes::default()))
}
