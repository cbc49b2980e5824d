//! Which series match, and their points, asked in SQL over one snapshot.

use super::SeriesRequest;
use super::cursor::Cursor;
use crate::rows::DistributionColumns;
use crate::turn::Turn;
use crate::{Error, QueryEngine, QueryStats, sql};
use arrow::record_batch::RecordBatch;
use binnacle_storage::Snapshot;
use binnacle_storage::model::{SeriesId, TenantId};
use std::fmt::Write as _;
use std::sync::Arc;

/// What one request reads from.
pub(super) struct Reader {
    pub(super) engine: QueryEngine,
    pub(super) tenant: TenantId,
    pub(super) snapshot: Snapshot,
    pub(super) stats: Arc<QueryStats>,
    pub(super) turn: Arc<Turn>,
}

impl Reader {
    pub(super) async fn rows(&self, query: &str) -> Result<Vec<RecordBatch>, Error> {
        let (stats, turn) = (self.stats.clone(), self.turn.clone());
        sql::rows(&self.engine, &self.tenant, self.snapshot.clone(), stats, turn, query).await
    }
}

/// The ids of the first `limit` series after `cursor` that match, in order. Descriptions that remote write sends apart
/// from their series are none.
pub(super) fn ids(request: &SeriesRequest, cursor: Option<Cursor>, limit: usize) -> String {
    let mut query = "SELECT series_id FROM series WHERE type <> 'metadata'".to_owned();
    let mut and = |condition: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = write!(query, " AND {condition}");
    };
    if let Some(metric) = &request.metric {
        and(format_args!("name = {}", literal(metric)));
    }
    if let Some(service) = &request.service {
        and(format_args!("service = {}", literal(service)));
    }
    for (key, value) in &request.attributes {
        let (key, value) = (literal(key), literal(value));
        and(format_args!(
            "(attributes[{key}] = {value} OR attributes[{key}] IS NULL AND resource[{key}] = {value})"
        ));
    }
    if let Some(Cursor { series, point }) = cursor {
        let operator = if point.is_some() { ">=" } else { ">" };
        and(format_args!("series_id {operator} '{series}'"));
    }
    if request.start.is_some() || request.end.is_some() {
        let times = times(request);
        and(format_args!("series_id IN (SELECT series_id FROM metric_points WHERE true{times})"));
    }
    let _ = write!(query, " GROUP BY series_id ORDER BY series_id LIMIT {limit}");
    query
}

/// The first `limit` points of the series `ids` (sorted), by series and time. Every column takes part in the order, so
/// that points which it does not tell apart are the same.
pub(super) fn points(
    request: &SeriesRequest,
    ids: &[SeriesId],
    cursor: Option<Cursor>,
    limit: u64,
) -> String {
    let columns = ["series_id", "time", "start_time", "flags", "value", "int_value"];
    let columns = [&columns[..], &DistributionColumns::NAMES[..]].concat();
    // `min` and the like are also functions.
    let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let columns = columns.join(", ");
    let listed: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let (listed, times) = (listed.join(", "), times(request));
    let mut query =
        format!("SELECT {columns} FROM metric_points WHERE series_id IN ({listed}){times}");
    // Bounds close pages that a long list would have to be checked against.
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        let _ = write!(query, " AND series_id >= '{first}' AND series_id <= '{last}'");
    }
    if let Some(Cursor { series, point: Some(given) }) = cursor {
        let time = time(given.time);
        let _ = write!(query, " AND (series_id <> '{series}' OR time >= {time})");
    }
    let _ = write!(query, " ORDER BY {columns} LIMIT {limit}");
    query
}

fn times(request: &SeriesRequest) -> String {
    let start = request.start.map(|start| format!(" AND time >= {}", time(start.0)));
    let end = request.end.map(|end| format!(" AND time < {}", time(end.0)));
    format!("{}{}", start.unwrap_or_default(), end.unwrap_or_default())
}

fn time(nanos: i64) -> String {
    format!("arrow_cast({nanos}, 'Timestamp(ns, \"UTC\")')")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let request = SeriesRequest {
            metric: Some("it's; DROP TABLE series --".to_owned()),
            attributes: vec![("k'] OR true --".to_owned(), "\\'".to_owned())],
            ..SeriesRequest::default()
        };
        let query = ids(&request, None, 1);
        assert!(query.contains("name = 'it''s; DROP TABLE series --' AND"), "{query}");
        assert!(query.contains("(attributes['k''] OR true --'] = '\\''' OR"), "{query}");
    }
}
