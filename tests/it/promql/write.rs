//! A remote write 1.0 request.

use super::load::Points;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::histogram::{Histogram, ResetHint};
use binnacle_query::promql::labels::Labels;
use binnacle_storage::model::wire::{put_message, put_varint};

pub fn request(series: &[(&Labels, &Points)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (labels, points) in series {
        let mut one = Vec::new();
        for (name, value) in labels.iter() {
            let mut label = Vec::new();
            put_message(&mut label, 1, name.as_bytes());
            put_message(&mut label, 2, value.as_bytes());
            put_message(&mut one, 1, &label);
        }
        for (time, point) in *points {
            match point {
                Point::Nothing => {}
                Point::Float(value) => {
                    let mut sample = Vec::new();
                    put_double(&mut sample, 1, *value);
                    put_number(&mut sample, 2, *time as u64);
                    put_message(&mut one, 2, &sample);
                }
                Point::Histogram(histogram) => put_message(&mut one, 4, &message(histogram, *time)),
            }
        }
        put_message(&mut body, 1, &one);
    }
    snap::raw::Encoder::new().compress_vec(&body).unwrap()
}

fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3);
    put_varint(out, number);
}

fn put_double(out: &mut Vec<u8>, field: u64, number: f64) {
    put_varint(out, field << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn put_doubles(out: &mut Vec<u8>, field: u32, numbers: impl Iterator<Item = f64>) {
    let packed: Vec<u8> = numbers.flat_map(f64::to_le_bytes).collect();
    if !packed.is_empty() {
        put_message(out, field, &packed);
    }
}

/// A histogram with float counts.
fn message(histogram: &Histogram, time: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_double(&mut out, 2, histogram.count);
    put_double(&mut out, 3, histogram.sum);
    put_number(&mut out, 4, zigzag(i64::from(histogram.schema)));
    put_double(&mut out, 5, histogram.zero_threshold);
    put_double(&mut out, 7, histogram.zero_count);
    put_side(&mut out, 8, &histogram.negative);
    put_side(&mut out, 11, &histogram.positive);
    let hint = match histogram.hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    put_number(&mut out, 14, hint);
    put_number(&mut out, 15, time as u64);
    put_doubles(&mut out, 16, histogram.bounds.iter().copied());
    out
}

/// Spans in `field`, counts two fields later.
fn put_side(out: &mut Vec<u8>, field: u32, counts: &[(i32, f64)]) {
    let mut end = 0i64;
    for run in counts.chunk_by(|a, b| a.0 + 1 == b.0) {
        let first = i64::from(run[0].0);
        let mut span = Vec::new();
        put_number(&mut span, 1, zigzag(first - end));
        put_number(&mut span, 2, run.len() as u64);
        put_message(out, field, &span);
        end = first + run.len() as i64;
    }
    put_doubles(out, field + 2, counts.iter().map(|(_, count)| *count));
}
