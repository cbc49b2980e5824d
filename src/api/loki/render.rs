//! Answers as Loki writes them.

use super::super::trace::json;
use super::error::LokiError;
use axum::response::Response;
use binnacle_query::StatsSnapshot;
use binnacle_query::logql::{ByKind, Entry, LogqlAnswer, LogqlResult, When};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::text::float_json;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The answer of a query, rendered off the network's threads.
pub async fn answer(
    answer: LogqlAnswer,
    when: When,
    categorizes: bool,
) -> Result<Response, LokiError> {
    let render = move || {
        let mut data = Map::new();
        let (kind, result) = match answer.result {
            LogqlResult::Lines(entries) => ("streams", streams(entries, categorizes)),
            LogqlResult::Scalar(value) => ("scalar", point(moment(when), value)),
            LogqlResult::Vector(list) => {
                let time = moment(when);
                let sample = |(labels, value): (Labels, f64)| json!({ "metric": object(&labels), "value": point(time, value) });
                ("vector", list.into_iter().map(sample).collect())
            }
            LogqlResult::Matrix(list) => {
                let series = |(labels, points): (Labels, Vec<(i64, f64)>)| {
                    let values: Vec<Value> =
                        points.into_iter().map(|(time, value)| point(time, value)).collect();
                    json!({ "metric": object(&labels), "values": values })
                };
                ("matrix", list.into_iter().map(series).collect())
            }
        };
        data.insert("resultType".to_owned(), kind.into());
        data.insert("result".to_owned(), result);
        if categorizes && kind == "streams" {
            data.insert("encodingFlags".to_owned(), json!(["categorize-labels"]));
        }
        data.insert("stats".to_owned(), stats(&answer.stats));
        let mut body = json!({ "status": "success", "data": data });
        if !answer.stats.warnings.is_empty() {
            body["warnings"] = answer.stats.warnings.clone().into();
        }
        serde_json::to_vec(&body)
    };
    Ok(json(render).await?)
}

fn moment(when: When) -> i64 {
    match when {
        When::At(time) => time.0,
        When::Range { end, .. } => end.0,
    }
}

/// Lines by their streams, in the order they are in.
pub fn streams(entries: Vec<Entry>, categorizes: bool) -> Value {
    let mut streams: BTreeMap<Labels, Vec<Value>> = BTreeMap::new();
    for Entry { time, line, labels } in entries {
        let time = time.to_string();
        let (stream, value) = match categorizes {
            true => {
                let kinds = kinds(&labels);
                (labels.stream, json!([time, line, kinds]))
            }
            false => (merged(&labels), json!([time, line])),
        };
        streams.entry(stream).or_default().push(value);
    }
    let stream = |(labels, values): (Labels, Vec<Value>)| json!({ "stream": object(&labels), "values": values });
    streams.into_iter().map(stream).collect()
}

fn merged(labels: &ByKind) -> Labels {
    if labels.structured.is_empty() && labels.parsed.is_empty() {
        return labels.stream.clone();
    }
    let ByKind { stream, structured, parsed } = labels;
    Labels::with_empty(stream.iter().chain(structured.iter()).chain(parsed.iter()))
}

fn kinds(labels: &ByKind) -> Value {
    let mut kinds = Map::new();
    for (name, labels) in [("structuredMetadata", &labels.structured), ("parsed", &labels.parsed)] {
        if !labels.is_empty() {
            kinds.insert(name.to_owned(), object(labels));
        }
    }
    Value::Object(kinds)
}

pub fn object(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(pairs.collect())
}

/// Seconds and a value.
pub fn point(time: i64, value: f64) -> Value {
    json!([seconds(time), float_json(value)])
}

/// Seconds to the millisecond, as a number without a fraction where there is none.
pub fn seconds(time: i64) -> Value {
    let milliseconds = time.div_euclid(1_000_000);
    match milliseconds % 1000 {
        0 => (milliseconds / 1000).into(),
        _ => (milliseconds as f64 / 1000.0).into(),
    }
}

/// What the query did, in the shape that Grafana shows.
pub fn stats(stats: &StatsSnapshot) -> Value {
    let seconds = stats.elapsed.as_secs_f64();
    let per_second = |count: u64| if seconds > 0.0 { (count as f64 / seconds) as u64 } else { 0 };
    let lines = stats.rows_scanned;
    json!({
        "summary": {
            "bytesProcessedPerSecond": per_second(stats.bytes_read),
            "linesProcessedPerSecond": per_second(lines),
            "totalBytesProcessed": stats.bytes_read,
            "totalLinesProcessed": lines,
            "execTime": seconds,
            "queueTime": 0.0,
            "subqueries": 0,
            "totalEntriesReturned": stats.rows_returned,
            "splits": 0,
            "shards": 0,
            "totalPostFilterLines": stats.rows_returned,
            "totalStructuredMetadataBytesProcessed": 0,
        },
        "querier": { "store": {
            "totalChunksRef": stats.segments,
            "totalChunksDownloaded": stats.segments.saturating_sub(stats.segments_pruned),
            "chunksDownloadTime": 0,
            "chunk": {
                "headChunkBytes": 0,
                "headChunkLines": 0,
                "decompressedBytes": stats.bytes_read,
                "decompressedLines": lines.saturating_sub(stats.rows_buffered),
                "compressedBytes": stats.bytes_read,
                "totalDuplicates": 0,
            },
        }},
        "ingester": {
            "totalReached": 1,
            "totalChunksMatched": 0,
            "totalBatches": 0,
            "totalLinesSent": stats.rows_buffered,
            "store": {
                "totalChunksRef": 0,
                "totalChunksDownloaded": 0,
                "chunksDownloadTime": 0,
                "chunk": {
                    "headChunkBytes": 0,
                    "headChunkLines": stats.rows_buffered,
                    "decompressedBytes": 0,
                    "decompressedLines": 0,
                    "compressedBytes": 0,
                    "totalDuplicates": 0,
                },
            },
        },
        "cache": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: i64, trace: &str) -> Entry {
        let labels = ByKind {
            stream: Labels::new([("app", "a")]),
            structured: Labels::new([("trace_id", trace)]),
            parsed: Labels::default(),
        };
        Entry { time, line: format!("line {time}"), labels }
    }

    #[test]
    fn lines_are_put_by_stream() {
        let entries = vec![entry(3, "x"), entry(2, "y"), entry(1, "x")];
        let plain = json!([
            {"stream": {"app": "a", "trace_id": "x"}, "values": [["3", "line 3"], ["1", "line 1"]]},
            {"stream": {"app": "a", "trace_id": "y"}, "values": [["2", "line 2"]]},
        ]);
        assert_eq!(streams(entries.clone(), false), plain);
        let kinds = |trace: &str| json!({"structuredMetadata": {"trace_id": trace}});
        let categorized = json!([{"stream": {"app": "a"}, "values": [
            ["3", "line 3", kinds("x")], ["2", "line 2", kinds("y")], ["1", "line 1", kinds("x")],
        ]}]);
        assert_eq!(streams(entries, true), categorized);
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds(1_700_000_000_000_000_000).to_string(), "1700000000");
        assert_eq!(seconds(1_700_000_000_250_000_000).to_string(), "1700000000.25");
    }
}
