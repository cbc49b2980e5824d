//! Answers as Prometheus writes them, written piece by piece as they are sent.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use binnacle_query::promql::Value;
use binnacle_query::promql::histogram::{Bucket, Histogram};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::{Sample, Samples};
use binnacle_query::promql::text::float_json;
use http::header;
use std::convert::Infallible;
use std::fmt::Write as _;
use tokio::sync::mpsc;

/// Bytes of an answer that are sent at once.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait for a slow reader.
const PIECES_WAITING: usize = 8;

/// What comes with the data.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

/// `{"status": "success", "data": …}` of small data.
pub fn success(data: &serde_json::Value, notes: &Notes) -> Response {
    let mut body = serde_json::Map::new();
    body.insert("status".to_owned(), "success".into());
    body.insert("data".to_owned(), data.clone());
    for (name, list) in [("warnings", &notes.warnings), ("infos", &notes.infos)] {
        if !list.is_empty() {
            body.insert(name.to_owned(), list.clone().into());
        }
    }
    let text = serde_json::Value::Object(body).to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The answer of a query, streamed. `time` is when an instant query was asked about, in Unix milliseconds.
pub fn answer(value: Value, time: i64, stats: Option<serde_json::Value>, notes: Notes) -> Response {
    let (sender, receiver) = mpsc::channel::<Bytes>(PIECES_WAITING);
    // Rendering large answers takes long; it stops when the reader has gone.
    tokio::task::spawn_blocking(move || {
        let mut writer = Writer { text: String::new(), sender, time };
        // Nobody is left to be told.
        let _ = writer.answer(&value, stats.as_ref(), &notes);
    });
    let pieces = futures::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<Bytes, Infallible>(piece), receiver))
    });
    // Compression asks once more after the end.
    let pieces = futures::StreamExt::fuse(pieces);
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}

/// The reader has gone.
struct Gone;

struct Writer {
    text: String,
    sender: mpsc::Sender<Bytes>,
    time: i64,
}

impl Writer {
    fn answer(
        &mut self,
        value: &Value,
        stats: Option<&serde_json::Value>,
        notes: &Notes,
    ) -> Result<(), Gone> {
        let kind = match value {
            Value::Scalar(_) => "scalar",
            Value::Text(_) => "string",
            Value::Vector(_) => "vector",
            Value::Matrix(_) => "matrix",
        };
        self.put(&format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":"#));
        self.value(value)?;
        if let Some(stats) = stats {
            self.put(r#","stats":"#);
            self.put(&stats.to_string());
        }
        self.put("}");
        for (name, list) in [("warnings", &notes.warnings), ("infos", &notes.infos)] {
            if !list.is_empty() {
                self.put(&format!(",\"{name}\":{}", serde_json::Value::from(list.clone())));
            }
        }
        self.put("}");
        self.send()
    }

    fn value(&mut self, value: &Value) -> Result<(), Gone> {
        match value {
            Value::Scalar(number) => put_float(&mut self.text, self.time, *number),
            Value::Text(text) => {
                put_time(&mut self.text, self.time);
                self.put(&serde_json::Value::from(text.as_str()).to_string());
                self.put("]");
            }
            Value::Vector(list) => {
                self.put("[");
                for (at, (labels, sample)) in list.iter().enumerate() {
                    self.put(if at == 0 { "" } else { "," });
                    self.instant(labels, sample);
                    self.send_if_full()?;
                }
                self.put("]");
            }
            Value::Matrix(list) => {
                self.put("[");
                for (at, samples) in list.iter().enumerate() {
                    self.put(if at == 0 { "" } else { "," });
                    self.range(samples)?;
                }
                self.put("]");
            }
        }
        Ok(())
    }

    fn instant(&mut self, labels: &Labels, sample: &Sample) {
        self.put("{\"metric\":");
        put_labels(&mut self.text, labels);
        match sample {
            Sample::Float(number) => {
                self.put(",\"value\":");
                put_float(&mut self.text, self.time, *number);
            }
            Sample::Histogram(histogram) => {
                self.put(",\"histogram\":");
                put_histogram(&mut self.text, self.time, histogram);
            }
        }
        self.put("}");
    }

    fn range(&mut self, samples: &Samples) -> Result<(), Gone> {
        self.put("{\"metric\":");
        put_labels(&mut self.text, &samples.labels);
        if !samples.times.is_empty() {
            self.put(",\"values\":[");
            for (at, (time, number)) in samples.times.iter().zip(&samples.values).enumerate() {
                self.put(if at == 0 { "" } else { "," });
                put_float(&mut self.text, *time, *number);
                self.send_if_full()?;
            }
            self.put("]");
        }
        if !samples.histogram_times.is_empty() {
            self.put(",\"histograms\":[");
            let timed = samples.histogram_times.iter().zip(&samples.histograms);
            for (at, (time, histogram)) in timed.enumerate() {
                self.put(if at == 0 { "" } else { "," });
                put_histogram(&mut self.text, *time, histogram);
                self.send_if_full()?;
            }
            self.put("]");
        }
        self.put("}");
        Ok(())
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn send_if_full(&mut self) -> Result<(), Gone> {
        if self.text.len() < PIECE_BYTES { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<(), Gone> {
        let text = std::mem::replace(&mut self.text, String::with_capacity(PIECE_BYTES + 1024));
        self.sender.blocking_send(Bytes::from(text)).map_err(|_| Gone)
    }
}

/// Opens `[1.5,` with the time in seconds.
fn put_time(text: &mut String, milliseconds: i64) {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let size = milliseconds.unsigned_abs();
    let (seconds, rest) = (size / 1000, size % 1000);
    // Writing to memory cannot fail.
    let _ = if rest == 0 {
        write!(text, "[{sign}{seconds},")
    } else {
        write!(text, "[{sign}{seconds}.{rest:03},")
    };
}

fn put_float(text: &mut String, time: i64, number: f64) {
    put_time(text, time);
    // Writing to memory cannot fail.
    let _ = write!(text, "\"{}\"]", float_json(number));
}

fn put_histogram(text: &mut String, time: i64, histogram: &Histogram) {
    put_time(text, time);
    let (count, sum) = (float_json(histogram.count), float_json(histogram.sum));
    // Writing to memory cannot fail.
    let _ = write!(text, "{{\"count\":\"{count}\",\"sum\":\"{sum}\"");
    let mut open = ",\"buckets\":[";
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        text.push_str(open);
        open = ",";
        put_bucket(text, &bucket);
    }
    text.push_str(if open == "," { "]}]" } else { "}]" });
}

fn put_bucket(text: &mut String, bucket: &Bucket) {
    let inclusive = match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (true, true) => 3,
        (true, false) => 1,
        (false, true) => 0,
        (false, false) => 2,
    };
    let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(float_json);
    // Writing to memory cannot fail.
    let _ = write!(text, "[{inclusive},\"{lower}\",\"{upper}\",\"{count}\"]");
}

fn put_labels(text: &mut String, labels: &Labels) {
    text.push_str(&labels_json(labels).to_string());
}

/// Labels as an object.
pub fn labels_json(labels: &Labels) -> serde_json::Value {
    let pairs =
        labels.iter().map(|(name, value)| (name.to_owned(), serde_json::Value::from(value)));
    serde_json::Value::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_prometheus_writes_them() {
        let mut text = String::new();
        put_float(&mut text, 1_435_781_430_010, f64::INFINITY);
        put_float(&mut text, -1_500, 1e-7);
        assert_eq!(text, "[1435781430.010,\"+Inf\"][-1.500,\"1e-07\"]");
        let histogram = Histogram {
            count: 2.0,
            sum: 3.0,
            positive: vec![(1, 2.0), (2, 0.0)],
            ..Histogram::default()
        };
        let mut text = String::new();
        put_histogram(&mut text, 1_000, &histogram);
        assert_eq!(text, "[1,{\"count\":\"2\",\"sum\":\"3\",\"buckets\":[[0,\"1\",\"2\",\"2\"]]}]");
    }
}
