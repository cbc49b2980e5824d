//! `{"columns": […], "rows": [[…], …], "stats": {…}, "truncated": false}`, written as it comes.
//!
//! An answer whose query failed midway ends with an `error` member instead of `stats` and `truncated`: it is not whole.

use super::Renderer;
use super::cell::json_writer;
use crate::api::error::ApiError;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_query::StatsSnapshot;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Column {
    #[schema(example = "start_time")]
    pub name: String,
    /// `string`, `int64`, `uint32`, `float64`, `bool`, `timestamp` and `duration` (Unix ns as decimal strings), `binary`
    /// (lower-case hex), `list<…>`, `struct`, `map`, …
    #[serde(rename = "type")]
    #[schema(example = "timestamp")]
    pub kind: String,
}

/// What a query did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Stats {
    pub elapsed_ms: f64,
    /// Live segments of the tables the query names.
    pub segments: u64,
    /// Of those, not opened because time range, trace id or index ruled them out.
    pub segments_pruned: u64,
    /// Row groups and pages of opened segments that statistics ruled out.
    pub row_groups_pruned: u64,
    pub pages_pruned: u64,
    /// Rows taken from the buffer, not yet in a segment.
    pub rows_buffered: u64,
    /// Rows that left the scans, from segments and buffer.
    pub rows_scanned: u64,
    pub rows_returned: u64,
    /// Bytes of segment files read.
    pub bytes_read: u64,
    /// What is missing from the answer, and why.
    pub warnings: Vec<String>,
}

impl From<&StatsSnapshot> for Stats {
    fn from(stats: &StatsSnapshot) -> Stats {
        Stats {
            elapsed_ms: stats.elapsed.as_micros() as f64 / 1000.0,
            segments: stats.segments,
            segments_pruned: stats.segments_pruned,
            row_groups_pruned: stats.row_groups_pruned,
            pages_pruned: stats.pages_pruned,
            rows_buffered: stats.rows_buffered,
            rows_scanned: stats.rows_scanned,
            rows_returned: stats.rows_returned,
            bytes_read: stats.bytes_read,
            warnings: stats.warnings.clone(),
        }
    }
}

/// The columns of a schema by name and type.
pub fn columns(schema: &Schema) -> Vec<Column> {
    let fields = schema.fields().iter();
    fields.map(|f| Column { name: f.name().clone(), kind: type_name(f.data_type()) }).collect()
}

fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "binary".to_owned(),
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        DataType::Duration(_) => "duration".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(TimeUnit::Second) | DataType::Time64(_) => {
            "time".to_owned()
        }
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Dictionary(_, value) => type_name(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("list<{}>", type_name(item.data_type()))
        }
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Map(_, _) => "map".to_owned(),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "decimal".to_owned(),
        // int8 … uint64, float16 … float64, null
        other => other.to_string().to_lowercase(),
    }
}

#[derive(Debug, Default)]
pub struct JsonRenderer {
    rows: u64,
}

impl Renderer for JsonRenderer {
    fn start(&mut self, schema: &Schema) -> Result<Bytes, String> {
        let columns = serde_json::to_string(&columns(schema)).map_err(|error| error.to_string())?;
        Ok(format!("{{\"columns\":{columns},\"rows\":[").into())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, String> {
        let mut writers = Vec::with_capacity(batch.num_columns());
        for column in batch.columns() {
            writers.push(json_writer(column.as_ref())?);
        }
        let mut out = Vec::with_capacity(batch.num_rows() * batch.num_columns() * 8);
        for row in 0..batch.num_rows() {
            if self.rows > 0 {
                out.push(b',');
            }
            self.rows += 1;
            out.push(b'[');
            for (index, write) in writers.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(row, &mut out);
            }
            out.push(b']');
        }
        Ok(out.into())
    }

    fn finish(&mut self, stats: &StatsSnapshot) -> Result<Bytes, String> {
        let truncated = stats.truncated;
        let stats =
            serde_json::to_string(&Stats::from(stats)).map_err(|error| error.to_string())?;
        Ok(format!("],\"stats\":{stats},\"truncated\":{truncated}}}\n").into())
    }

    fn fail(&mut self, error: &ApiError) -> Option<Bytes> {
        let detail = serde_json::to_string(&error.body().error).ok()?;
        Some(format!("],\"error\":{detail}}}\n").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let a = Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
        let b = Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true)]).unwrap()
    }

    fn render(batches: usize, end: impl FnOnce(&mut JsonRenderer) -> Bytes) -> serde_json::Value {
        let mut renderer = JsonRenderer::default();
        let mut text = renderer.start(&batch().schema()).unwrap().to_vec();
        for _ in 0..batches {
            text.extend(renderer.batch(&batch()).unwrap());
        }
        text.extend(end(&mut renderer));
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn rows_of_all_batches_make_one_array() {
        let stats = StatsSnapshot { truncated: true, segments: 3, ..StatsSnapshot::default() };
        let answer = render(2, |r| r.finish(&stats).unwrap());
        assert_eq!(
            answer["columns"],
            serde_json::json!([{"name": "a", "type": "int64"}, {"name": "b", "type": "string"}])
        );
        assert_eq!(answer["rows"], serde_json::json!([[1, "x"], [2, null], [1, "x"], [2, null]]));
        assert_eq!(answer["stats"]["segments"], 3);
        assert_eq!(answer["truncated"], true);
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        let answer = render(0, |r| r.finish(&StatsSnapshot::default()).unwrap());
        assert_eq!(answer["rows"], serde_json::json!([]));
    }

    #[test]
    fn a_failure_midway_is_an_error_member() {
        let answer = render(1, |r| r.fail(&ApiError::invalid("no")).unwrap());
        assert_eq!(answer["error"]["message"], "no");
        assert!(answer.get("truncated").is_none());
    }
}
