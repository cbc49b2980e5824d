//! The value of a data point: numbers that have columns, and what is left of a histogram or summary.

use super::field::{Fault, inside, known, skip};
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::distribution;
use binnacle_storage::model::wire::{FIXED64, LENGTH, Malformed, Reader, VARINT, put_message, tag};

/// Where a field that was read is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In [`Values`].
    Values,
    /// As it was sent, in the `distribution` column.
    Message,
}

/// The value of a data point.
#[derive(Debug, Default)]
pub struct Values {
    pub number: Option<NumberValue>,
    pub count: u64,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    has_positive: bool,
    has_negative: bool,
    counts: Vec<u64>,
    bounds: Vec<f64>,
    /// What has no column.
    pub message: Vec<u8>,
    buckets: Vec<u8>,
    differences: Vec<u8>,
}

impl Values {
    /// Empties it, but keeps its memory for the next data point.
    pub fn clear(&mut self) {
        let Values { counts, bounds, message, buckets, differences, .. } = std::mem::take(self);
        *self = Values { counts, bounds, message, buckets, differences, ..Values::default() };
        self.counts.clear();
        self.bounds.clear();
        self.message.clear();
    }
}

/// Explicit buckets as the columns have them.
#[derive(Debug, Default)]
pub struct BucketTexts {
    counts: String,
    bounds: String,
    /// What `bounds` says: one data point after the other has the same.
    rendered: Option<Vec<f64>>,
}

impl BucketTexts {
    /// `None` when the bounds have no text; then the message says it all.
    pub fn render(&mut self, values: &mut Values) -> Option<(&str, &str)> {
        let is_known = |known: &Vec<f64>| is_same(known, &values.bounds);
        if !self.rendered.as_ref().is_some_and(is_known) {
            self.bounds.clear();
            self.rendered = None;
            if !distribution::render_bounds(&values.bounds, &mut self.bounds) {
                const BUCKET_COUNTS: u32 = 6;
                const BOUNDS: u32 = 7;
                let Values { counts, bounds, message, .. } = values;
                distribution::put_packed(message, BUCKET_COUNTS, counts.iter().copied());
                distribution::put_packed(message, BOUNDS, bounds.iter().map(|b| b.to_bits()));
                return None;
            }
            self.rendered = Some(values.bounds.clone());
        }
        self.counts.clear();
        distribution::render_counts(&values.counts, &mut self.counts);
        Some((&self.counts, &self.bounds))
    }
}

/// To the bit: zeros of different signs are not the same.
fn is_same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

pub fn read_histogram(
    reader: &mut Reader<'_>,
    field: u32,
    depth: u32,
    values: &mut Values,
) -> Result<Place, Fault> {
    const COUNT: u32 = tag(4, FIXED64);
    const SUM: u32 = tag(5, FIXED64);
    const BUCKET_COUNTS: u32 = tag(6, LENGTH);
    const BUCKET_COUNT: u32 = tag(6, FIXED64);
    const BOUNDS: u32 = tag(7, LENGTH);
    const BOUND: u32 = tag(7, FIXED64);
    const MIN: u32 = tag(11, FIXED64);
    const MAX: u32 = tag(12, FIXED64);
    const KNOWN: u64 = known(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    match field {
        COUNT => values.count = reader.fixed64()?,
        SUM => values.sum = Some(reader.double()?),
        BUCKET_COUNTS => {
            let mut packed = Reader::new(reader.length_delimited()?);
            while !packed.is_done() {
                values.counts.push(packed.fixed64()?);
            }
        }
        BUCKET_COUNT => values.counts.push(reader.fixed64()?),
        BOUNDS | BOUND => reader.doubles(field, &mut values.bounds)?,
        MIN => values.min = Some(reader.double()?),
        MAX => values.max = Some(reader.double()?),
        other => {
            skip(reader, other, KNOWN, depth)?;
            return Ok(Place::Message);
        }
    }
    Ok(Place::Values)
}

pub fn read_exponential_histogram(
    reader: &mut Reader<'_>,
    field: u32,
    depth: u32,
    values: &mut Values,
) -> Result<Place, Fault> {
    const COUNT: u32 = tag(4, FIXED64);
    const SUM: u32 = tag(5, FIXED64);
    const SCALE: u32 = tag(6, VARINT);
    const ZERO_COUNT: u32 = tag(7, FIXED64);
    const POSITIVE: u32 = tag(8, LENGTH);
    const NEGATIVE: u32 = tag(9, LENGTH);
    const MIN: u32 = tag(12, FIXED64);
    const MAX: u32 = tag(13, FIXED64);
    const ZERO_THRESHOLD: u32 = tag(14, FIXED64);
    const KNOWN: u64 = known(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    match field {
        COUNT => values.count = reader.fixed64()?,
        SUM => values.sum = Some(reader.double()?),
        MIN => values.min = Some(reader.double()?),
        MAX => values.max = Some(reader.double()?),
        POSITIVE if values.has_positive => return Err(Fault::Split),
        NEGATIVE if values.has_negative => return Err(Fault::Split),
        POSITIVE | NEGATIVE => {
            read_buckets(reader.length_delimited()?, depth, values)?;
            put_message(&mut values.message, field >> 3, &values.buckets);
            values.has_positive |= field == POSITIVE;
            values.has_negative |= field == NEGATIVE;
        }
        SCALE => {
            reader.varint()?;
            return Ok(Place::Message);
        }
        ZERO_COUNT | ZERO_THRESHOLD => {
            reader.fixed64()?;
            return Ok(Place::Message);
        }
        other => {
            skip(reader, other, KNOWN, depth)?;
            return Ok(Place::Message);
        }
    }
    Ok(Place::Values)
}

/// Puts the stored form of a `Buckets` message into `values.buckets`.
fn read_buckets(bytes: &[u8], depth: u32, values: &mut Values) -> Result<(), Malformed> {
    const OFFSET: u32 = tag(1, VARINT);
    const COUNTS: u32 = tag(2, LENGTH);
    const COUNT: u32 = tag(2, VARINT);
    const KNOWN: u64 = known(&[1, 2]);
    let Values { counts, buckets, differences, .. } = values;
    counts.clear();
    buckets.clear();
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        let before = reader.rest();
        match reader.tag()? {
            COUNT => counts.push(reader.varint()?),
            COUNTS => {
                let mut packed = Reader::new(reader.length_delimited()?);
                while !packed.is_done() {
                    counts.push(packed.varint()?);
                }
            }
            other => {
                if other == OFFSET {
                    reader.varint()?;
                } else {
                    skip(&mut reader, other, KNOWN, depth)?;
                }
                // The stored form has a use of its own for one field number.
                if other >> 3 != distribution::COUNT_DIFFERENCES {
                    buckets.extend_from_slice(&before[..before.len() - reader.rest().len()]);
                }
            }
        }
    }
    distribution::put_differences(buckets, counts, differences);
    Ok(())
}

pub fn read_summary(
    reader: &mut Reader<'_>,
    field: u32,
    depth: u32,
    values: &mut Values,
) -> Result<Place, Fault> {
    const COUNT: u32 = tag(4, FIXED64);
    const SUM: u32 = tag(5, FIXED64);
    const QUANTILE: u32 = tag(6, LENGTH);
    const KNOWN: u64 = known(&[2, 3, 4, 5, 6, 7, 8]);
    match field {
        COUNT => values.count = reader.fixed64()?,
        SUM => values.sum = Some(reader.double()?),
        QUANTILE => {
            check_quantile(reader.length_delimited()?, depth)?;
            return Ok(Place::Message);
        }
        other => {
            skip(reader, other, KNOWN, depth)?;
            return Ok(Place::Message);
        }
    }
    Ok(Place::Values)
}

fn check_quantile(bytes: &[u8], depth: u32) -> Result<(), Malformed> {
    const QUANTILE: u32 = tag(1, FIXED64);
    const VALUE: u32 = tag(2, FIXED64);
    const KNOWN: u64 = known(&[1, 2]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            QUANTILE | VALUE => drop(reader.fixed64()?),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(())
}
