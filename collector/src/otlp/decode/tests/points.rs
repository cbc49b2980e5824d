//! The reference's data points: of any kind, as rows.

use super::reference::{attributes, id, non_zero, text, time};
use super::rows::{Cell, Row};
use super::stored::{StoredBuckets, StoredExponential, normal};
use binnacle_storage::model::{Table, Timestamp};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, NumberDataPoint, SummaryDataPoint, exemplar, number_data_point,
};
use prost::Message;

/// A data point of any kind.
pub struct Point {
    pub attributes: Vec<KeyValue>,
    time: u64,
    start: u64,
    flags: u32,
    number: Option<number_data_point::Value>,
    count: Option<u64>,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    buckets: Option<(Vec<u64>, Vec<f64>)>,
    distribution: Option<Vec<u8>>,
    exemplars: Vec<Exemplar>,
}

impl Point {
    pub fn of(data: Data) -> Point {
        match data {
            Data::Gauge(data) => Point::of_number(data.data_points[0].clone()),
            Data::Sum(data) => Point::of_number(data.data_points[0].clone()),
            Data::Histogram(data) => {
                let point = data.data_points[0].clone();
                let is_text = point.explicit_bounds.iter().all(|bound| bound.is_finite());
                let message = HistogramDataPoint {
                    bucket_counts: point.bucket_counts.clone(),
                    explicit_bounds: point.explicit_bounds.clone(),
                    ..HistogramDataPoint::default()
                };
                Point {
                    attributes: point.attributes.clone(),
                    time: point.time_unix_nano,
                    start: point.start_time_unix_nano,
                    flags: point.flags,
                    number: None,
                    count: Some(point.count),
                    sum: point.sum,
                    min: point.min,
                    max: point.max,
                    exemplars: point.exemplars.clone(),
                    buckets: is_text.then_some((point.bucket_counts, point.explicit_bounds)),
                    distribution: (!is_text).then(|| message.encode_to_vec()),
                }
            }
            Data::ExponentialHistogram(data) => {
                let point = data.data_points[0].clone();
                Point {
                    attributes: point.attributes.clone(),
                    time: point.time_unix_nano,
                    start: point.start_time_unix_nano,
                    flags: point.flags,
                    number: None,
                    count: Some(point.count),
                    sum: point.sum,
                    min: point.min,
                    max: point.max,
                    exemplars: point.exemplars.clone(),
                    buckets: None,
                    distribution: Some(
                        StoredExponential {
                            scale: point.scale,
                            zero_count: point.zero_count,
                            zero_threshold: point.zero_threshold,
                            positive: point.positive.map(StoredBuckets::of),
                            negative: point.negative.map(StoredBuckets::of),
                        }
                        .encode_to_vec(),
                    ),
                }
            }
            Data::Summary(data) => {
                let point = data.data_points[0].clone();
                Point {
                    attributes: point.attributes.clone(),
                    time: point.time_unix_nano,
                    start: point.start_time_unix_nano,
                    flags: point.flags,
                    number: None,
                    count: Some(point.count),
                    sum: Some(point.sum),
                    min: None,
                    max: None,
                    exemplars: Vec::new(),
                    buckets: None,
                    distribution: Some(
                        SummaryDataPoint {
                            quantile_values: point.quantile_values,
                            ..SummaryDataPoint::default()
                        }
                        .encode_to_vec(),
                    ),
                }
            }
        }
    }

    fn of_number(point: NumberDataPoint) -> Point {
        Point {
            attributes: point.attributes,
            time: point.time_unix_nano,
            start: point.start_time_unix_nano,
            flags: point.flags,
            number: point.value,
            count: None,
            sum: None,
            min: None,
            max: None,
            buckets: None,
            distribution: None,
            exemplars: point.exemplars,
        }
    }

    /// The point's time, its row and those of its exemplars, each with the index of its table.
    pub fn rows(
        &self,
        kind: &str,
        series: Option<Cell>,
        now: Timestamp,
    ) -> Option<(i64, Vec<(usize, Row)>)> {
        let (point_time, start) = (time(self.time)?, time(self.start)?);
        let (double, int) = match self.number {
            None => (None, None),
            Some(number_data_point::Value::AsDouble(number)) => (Some(number), None),
            Some(number_data_point::Value::AsInt(number)) => (Some(number as f64), Some(number)),
        };
        let double_cell = |number: Option<f64>| number.map(|number| Cell::Double(number.to_bits()));
        let distribution =
            self.distribution.as_ref().map(|message| Cell::Bytes(normal(kind, message)));
        let cells = vec![
            series.clone(),
            Some(Cell::Int(point_time)),
            (start != 0).then_some(Cell::Int(start)),
            non_zero(self.flags),
            double_cell(double),
            int.map(Cell::Int),
            self.count.map(|count| Cell::Int(count as i64)),
            double_cell(self.sum),
            double_cell(self.min),
            double_cell(self.max),
            self.buckets.as_ref().and_then(|(counts, _)| array(counts)),
            self.buckets.as_ref().and_then(|(_, bounds)| array(bounds)),
            distribution,
            Some(Cell::Int(now.0)),
        ];
        let mut rows = vec![(0, Row { table: Table::MetricPoints, cells, attributes: Vec::new() })];
        for exemplar in &self.exemplars {
            let (double, int) = match exemplar.value {
                None => (None, None),
                Some(exemplar::Value::AsDouble(number)) => (Some(number), None),
                Some(exemplar::Value::AsInt(number)) => (Some(number as f64), Some(number)),
            };
            let cells = vec![
                series.clone(),
                Some(Cell::Int(time(exemplar.time_unix_nano)?)),
                Some(Cell::Int(point_time)),
                double_cell(double),
                int.map(Cell::Int),
                id(&exemplar.trace_id, 16)?,
                id(&exemplar.span_id, 8)?,
                Some(Cell::Int(now.0)),
            ];
            let attributes = attributes(&exemplar.filtered_attributes);
            rows.push((2, Row { table: Table::Exemplars, cells, attributes }));
        }
        Some((point_time, rows))
    }
}

/// As JSON, which tells how numbers are written.
fn array<T: std::fmt::Debug>(numbers: &[T]) -> Option<Cell> {
    text(&format!("{numbers:?}").replace(", ", ","))
}
