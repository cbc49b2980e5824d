//! What the product itself makes of stored series, such as the results of rules: written as a remote-write message, the way
//! in that scrapes take too.

use crate::Error;
use crate::admit::body;
use crate::collector::{Collector, Export};
use crate::metrics::Transport;
use crate::otlp::reply;
use crate::remote_write::STALE_BITS;
use crate::scrape::{Labels, Message, Sample};
use binnacle_storage::model::wire::{FIXED64, VARINT, put_message, put_varint, put_zigzag, tag};
use binnacle_storage::model::{Compression, Encoding, Format, Signal, TenantId};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// How long writing is tried again while storage is busy. The next evaluation of a rule comes soon.
const PATIENCE: Duration = Duration::from_secs(10);

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPoint {
    /// With `__name__`.
    pub labels: Vec<(String, String)>,
    /// Unix milliseconds.
    pub time: i64,
    pub value: RecordedValue,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RecordedValue {
    Float(f64),
    Histogram(RecordedHistogram),
    /// The series ends here.
    End,
}

/// A native histogram with float counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedHistogram {
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    /// Index and count, ascending.
    pub positive: Vec<(i32, f64)>,
    pub negative: Vec<(i32, f64)>,
    pub bounds: Vec<f64>,
    pub is_gauge: bool,
}

impl Collector {
    /// Makes points of a tenant's series durable and visible. An error says why they, or some of them, were not kept.
    pub async fn record(&self, tenant: &TenantId, points: &[RecordedPoint]) -> Result<(), String> {
        if points.is_empty() {
            return Ok(());
        }
        let plain = message(points);
        let body = snap::raw::Encoder::new().compress_vec(&plain);
        let body = Bytes::from(body.map_err(|error| error.to_string())?);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match self.record_once(tenant, body.clone()).await {
                Ok(None) => return Ok(()),
                Ok(Some(rejected)) => return Err(rejected),
                Err(error) => error,
            };
            let refusal = reply::refusal(&error);
            match refusal.retry_after {
                Some(wait) if Instant::now() + wait < deadline => tokio::time::sleep(wait).await,
                _ => return Err(refusal.message),
            }
        }
    }

    /// What was rejected of it, in words.
    async fn record_once(&self, tenant: &TenantId, body: Bytes) -> Result<Option<String>, Error> {
        let mut reservation = self.in_flight().reservation();
        if !reservation.try_grow(body.len() as u64) {
            return Err(body::busy());
        }
        let encoding = Encoding { format: Format::RemoteWrite2, compression: Compression::Snappy };
        let export = Export {
            tenant: tenant.clone(),
            signal: Signal::Metrics,
            encoding,
            transport: Transport::Rules,
            client: None,
            body,
            reservation,
        };
        let rejected = self.export(export).await?.rejected;
        Ok((rejected.count > 0).then(|| rejected.message(1000)))
    }
}

fn message(points: &[RecordedPoint]) -> Vec<u8> {
    let mut message = Message::new();
    for point in points {
        let labels: Labels =
            point.labels.iter().map(|(name, value)| (name, value.as_str())).collect();
        let value = match &point.value {
            RecordedValue::Histogram(histogram) => {
                message.push_histogram(&labels, &encode(histogram, point.time));
                continue;
            }
            RecordedValue::Float(value) => *value,
            RecordedValue::End => f64::from_bits(STALE_BITS),
        };
        message.push(&Sample {
            labels: &labels,
            value,
            time: point.time,
            start: None,
            description: None,
            exemplar: None,
        });
    }
    message.finish()
}

/// A `Histogram` message with float counts.
fn encode(histogram: &RecordedHistogram, time: i64) -> Vec<u8> {
    /// The counter reset hint of a gauge.
    const GAUGE: u64 = 3;
    let mut out = Vec::with_capacity(128);
    put_double(&mut out, 2, histogram.count);
    put_double(&mut out, 3, histogram.sum);
    put_varint(&mut out, u64::from(tag(4, VARINT)));
    put_zigzag(&mut out, i64::from(histogram.schema));
    put_double(&mut out, 5, histogram.zero_threshold);
    put_double(&mut out, 7, histogram.zero_count);
    put_side(&mut out, 8, &histogram.negative);
    put_side(&mut out, 11, &histogram.positive);
    if histogram.is_gauge {
        put_varint(&mut out, u64::from(tag(14, VARINT)));
        put_varint(&mut out, GAUGE);
    }
    put_varint(&mut out, u64::from(tag(15, VARINT)));
    put_varint(&mut out, time as u64);
    put_message(&mut out, 16, &doubles(&histogram.bounds));
    out
}

/// Spans of consecutive buckets in `first`, their counts two fields later.
fn put_side(out: &mut Vec<u8>, first: u32, counts: &[(i32, f64)]) {
    let mut next = 0;
    let mut rest = counts;
    while let Some((start, _)) = rest.first() {
        let length =
            rest.iter().zip(*start..).take_while(|((at, _), expected)| at == expected).count();
        let mut span = Vec::new();
        put_varint(&mut span, u64::from(tag(1, VARINT)));
        put_zigzag(&mut span, i64::from(*start) - next);
        put_varint(&mut span, u64::from(tag(2, VARINT)));
        put_varint(&mut span, length as u64);
        put_message(out, first, &span);
        next = i64::from(*start) + length as i64;
        rest = &rest[length..];
    }
    let counts: Vec<f64> = counts.iter().map(|(_, count)| *count).collect();
    put_message(out, first + 2, &doubles(&counts));
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect()
}

fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    put_varint(out, u64::from(tag(field, FIXED64)));
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::decode_v2;
    use crate::remote_write::tests::rows;
    use binnacle_storage::model::{Table, Timestamp};

    #[test]
    fn points_become_rows_of_their_series() {
        let point = |name: &str, value| RecordedPoint {
            labels: vec![
                ("__name__".to_owned(), name.to_owned()),
                ("a".to_owned(), "b".to_owned()),
            ],
            time: 5000,
            value,
        };
        let histogram = RecordedHistogram {
            schema: 1,
            zero_threshold: 0.001,
            zero_count: 1.5,
            count: 8.5,
            sum: 12.0,
            positive: vec![(-1, 1.0), (0, 2.0), (4, 3.0)],
            negative: vec![(2, 1.0)],
            ..RecordedHistogram::default()
        };
        let points = [
            point("x", RecordedValue::Float(2.5)),
            point("y", RecordedValue::End),
            point("z", RecordedValue::Histogram(histogram)),
        ];
        let decoded = decode_v2(&message(&points), Timestamp(1)).unwrap();
        assert_eq!(decoded.rejected.count, 0, "{:?}", decoded.rejected);
        let found = rows(&decoded.batch, Table::MetricPoints, &["time", "flags", "value", "sum"]);
        assert_eq!(found, ["5000000000 - 2.5 -", "5000000000 1 - -", "5000000000 - - 12"]);
        let series = rows(&decoded.batch, Table::Series, &["name", "type"]);
        assert_eq!(series, ["x gauge a=b", "y gauge a=b", "z native_histogram a=b"]);
    }
}
