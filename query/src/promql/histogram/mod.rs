//! Native histograms with float counts: exponential buckets, or custom bounds.
//!
//! Buckets are sparse: (index, count), ascending. Bucket `i` of an exponential histogram reaches from above
//! `2^((i-1)·2^-schema)` to `2^(i·2^-schema)`; of custom bounds, bucket `i` reaches up to bound `i` and the last one to
//! infinity.

mod arithmetic;
mod classic;
mod quantile;
mod reset;
mod trim;

pub use arithmetic::{Added, Incompatible, kahan_add};
pub use classic::{ClassicBucket, classic_fraction, classic_quantile};
pub use quantile::{Quantile, fraction, quantile};
pub use trim::Keep;

use super::text::float_short;
use std::fmt;
use std::sync::Arc;

/// The schema that stands for custom bounds.
pub const CUSTOM: i32 = -53;

/// What is known about whether a counter began anew with this sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

/// Index and count.
pub type Count = (i32, f64);

#[derive(Debug, Clone, Default)]
pub struct Histogram {
    pub hint: ResetHint,
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive: Vec<Count>,
    pub negative: Vec<Count>,
    /// Custom bounds; empty otherwise.
    pub bounds: Arc<[f64]>,
}

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: f64,
}

/// Two floats as samples are compared: NaN equals NaN.
fn same(a: f64, b: f64) -> bool {
    a == b || a.to_bits() == b.to_bits()
}

impl PartialEq for Histogram {
    /// Equal samples; what is known about resets does not count.
    fn eq(&self, other: &Histogram) -> bool {
        let counts = |a: &[Count], b: &[Count]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        };
        self.schema == other.schema
            && same(self.zero_threshold, other.zero_threshold)
            && same(self.zero_count, other.zero_count)
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && self.bounds == other.bounds
            && counts(&self.positive, &other.positive)
            && counts(&self.negative, &other.negative)
    }
}

/// Upper bound of exponential bucket `index`.
fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema <= 0 {
        let exponent = i64::from(index) << (-schema).min(31);
        // The last bucket before infinity ends at the largest number.
        return if exponent == 1024 { f64::MAX } else { (exponent as f64).exp2() };
    }
    let size = f64::from(1u32 << schema.min(31));
    let exponent = f64::from(index) / size;
    if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
}

impl Histogram {
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM
    }

    fn bound(&self, index: i32) -> f64 {
        if !self.is_custom() {
            return exponential_bound(index, self.schema);
        }
        match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => self.bounds.get(index).copied().unwrap_or(f64::INFINITY),
        }
    }

    fn positive_bucket(&self, (index, count): Count) -> Bucket {
        let (lower, upper) = (self.bound(index.saturating_sub(1)), self.bound(index));
        if self.is_custom() {
            let lower_inclusive = index == 0;
            return Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count };
        }
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count }
    }

    fn negative_bucket(&self, (index, count): Count) -> Bucket {
        let (lower, upper) = (-self.bound(index), -self.bound(index.saturating_sub(1)));
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count }
    }

    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// Every bucket from the lowest to the highest. Buckets next to the zero bucket do not reach into it.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let threshold = self.zero_threshold;
        let negative = self.negative.iter().rev().map(move |count| {
            let bucket = self.negative_bucket(*count);
            Bucket { upper: bucket.upper.min(-threshold), ..bucket }
        });
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let is_custom = self.is_custom();
        let positive = self.positive.iter().map(move |count| {
            let bucket = self.positive_bucket(*count);
            let lower = if is_custom { bucket.lower } else { bucket.lower.max(threshold) };
            Bucket { lower, ..bucket }
        });
        negative.chain(zero).chain(positive)
    }

    /// The same layout without observations.
    pub fn emptied(&self) -> Histogram {
        Histogram {
            schema: self.schema,
            bounds: self.bounds.clone(),
            zero_threshold: self.zero_threshold,
            ..Histogram::default()
        }
    }

    /// Drops empty buckets.
    pub fn compact(&mut self) {
        self.positive.retain(|(_, count)| *count != 0.0);
        self.negative.retain(|(_, count)| *count != 0.0);
    }

    pub fn scaled(&self, factor: f64) -> Histogram {
        let mut scaled = self.clone();
        scaled.scale(factor);
        scaled
    }

    pub fn scale(&mut self, factor: f64) {
        self.each(|value| value * factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    pub fn divided(&self, divisor: f64) -> Histogram {
        let mut divided = self.clone();
        divided.divide(divisor);
        divided
    }

    pub fn divide(&mut self, divisor: f64) {
        self.each(|value| value / divisor);
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
        if divisor == 0.0 {
            // Nothing can be said about single buckets any more.
            self.positive.clear();
            self.negative.clear();
        }
    }

    fn each(&mut self, change: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = change(*value);
        }
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            *count = change(*count);
        }
    }

    pub fn has_overflow(&self) -> bool {
        self.zero_count.is_infinite()
            || self.count.is_infinite()
            || self.sum.is_infinite()
            || self.positive.iter().chain(&self.negative).any(|(_, count)| count.is_infinite())
    }

    /// With buckets joined to those of a coarser schema.
    pub fn reduced(&self, schema: i32) -> Histogram {
        let mut reduced = self.clone();
        reduced.reduce(schema);
        reduced
    }

    pub fn reduce(&mut self, schema: i32) {
        if self.is_custom() || schema >= self.schema {
            return;
        }
        let shift = (self.schema - schema).min(31) as u32;
        for counts in [&mut self.positive, &mut self.negative] {
            let mut joined: Vec<Count> = Vec::with_capacity(counts.len());
            for (index, count) in counts.drain(..) {
                let index = ((index.saturating_sub(1)) >> shift) + 1;
                match joined.last_mut() {
                    Some((last, sum)) if *last == index => *sum += count,
                    _ => joined.push((index, count)),
                }
            }
            *counts = joined;
        }
        self.schema = schema;
    }

    /// Roughly the bytes this takes in memory.
    pub fn size(&self) -> usize {
        std::mem::size_of::<Histogram>()
            + (self.positive.len() + self.negative.len()) * std::mem::size_of::<Count>()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        let (lower, upper) = (float_short(self.lower), float_short(self.upper));
        write!(f, "{open}{lower},{upper}{close}:{}", float_short(self.count))
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", float_short(self.count), float_short(self.sum))?;
        for count in self.negative.iter().rev().filter(|(_, count)| *count != 0.0) {
            write!(f, ", {}", self.negative_bucket(*count))?;
        }
        if self.zero_count != 0.0 {
            write!(f, ", {}", self.zero_bucket())?;
        }
        for count in self.positive.iter().filter(|(_, count)| *count != 0.0) {
            write!(f, ", {}", self.positive_bucket(*count))?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests;
