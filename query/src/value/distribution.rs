//! Distributions: what a histogram or summary data point holds beside its time and attributes.

use super::NativeHistogram;
use binnacle_storage::model::distribution::{COUNT_DIFFERENCES, parse_counts, read_differences};
use binnacle_storage::model::wire::{FIXED64, LENGTH, Malformed, Reader, VARINT, tag};
use std::sync::Arc;

/// A distribution as the columns of a data point hold it (see [`binnacle_storage::model::distribution`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredDistribution {
    pub count: u64,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub bucket_counts: Option<Box<str>>,
    pub explicit_bounds: Option<Arc<[f64]>>,
    /// The `distribution` column.
    pub message: Box<[u8]>,
}

impl StoredDistribution {
    /// Bytes of memory held; bounds are shared.
    pub fn memory(&self) -> usize {
        size_of::<StoredDistribution>()
            + self.bucket_counts.as_ref().map_or(0, |counts| counts.len())
            + self.message.len()
    }
}

/// What a data point holds beside its time, in a series of its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    Histogram(Histogram),
    ExponentialHistogram(ExponentialHistogram),
    Summary(Summary),
    /// What Prometheus's senders sent, in a series of any other type.
    Native(NativeHistogram),
}

/// Counts between explicit bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    pub count: u64,
    pub sum: Option<f64>,
    pub bucket_counts: Vec<u64>,
    pub explicit_bounds: Vec<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// Counts between powers of `2^(2^-scale)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExponentialHistogram {
    pub count: u64,
    pub sum: Option<f64>,
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: f64,
    pub positive: Buckets,
    pub negative: Buckets,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// Consecutive buckets, the first of which has index `offset`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    pub offset: i32,
    pub bucket_counts: Vec<u64>,
}

/// Quantiles computed by the sender.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    pub count: u64,
    pub sum: f64,
    pub quantiles: Vec<Quantile>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantile {
    pub quantile: f64,
    pub value: f64,
}

impl Distribution {
    /// `kind` is the series' `type`.
    pub fn decode(kind: &str, stored: &StoredDistribution) -> Result<Distribution, Malformed> {
        Ok(match kind {
            "histogram" => Distribution::Histogram(Histogram::decode(stored)?),
            "exponential_histogram" => {
                Distribution::ExponentialHistogram(ExponentialHistogram::decode(stored)?)
            }
            "summary" => Distribution::Summary(Summary::decode(stored)?),
            _ => Distribution::Native(NativeHistogram::decode(&stored.message)?),
        })
    }
}

impl Histogram {
    pub fn decode(stored: &StoredDistribution) -> Result<Histogram, Malformed> {
        let StoredDistribution { count, sum, min, max, bucket_counts, explicit_bounds, message } =
            stored;
        let mut histogram =
            Histogram { count: *count, sum: *sum, min: *min, max: *max, ..Histogram::default() };
        match (bucket_counts, explicit_bounds) {
            (Some(counts), Some(bounds)) => {
                histogram.bucket_counts = parse_counts(counts)?;
                histogram.explicit_bounds = bounds.to_vec();
            }
            _ => histogram.read(message)?,
        }
        Ok(histogram)
    }

    /// Buckets whose bounds JSON has no numbers for.
    fn read(&mut self, message: &[u8]) -> Result<(), Malformed> {
        const BUCKET_COUNTS: u32 = tag(6, LENGTH);
        const BUCKET_COUNT: u32 = tag(6, FIXED64);
        const BOUNDS: u32 = 7;
        let mut reader = Reader::new(message);
        while !reader.is_done() {
            match reader.tag()? {
                BUCKET_COUNTS => {
                    let mut packed = Reader::new(reader.length_delimited()?);
                    while !packed.is_done() {
                        self.bucket_counts.push(packed.fixed64()?);
                    }
                }
                BUCKET_COUNT => self.bucket_counts.push(reader.fixed64()?),
                other if other >> 3 == BOUNDS => {
                    reader.doubles(other, &mut self.explicit_bounds)?
                }
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

impl ExponentialHistogram {
    pub fn decode(stored: &StoredDistribution) -> Result<ExponentialHistogram, Malformed> {
        const SCALE: u32 = tag(6, VARINT);
        const ZERO_COUNT: u32 = tag(7, FIXED64);
        const POSITIVE: u32 = tag(8, LENGTH);
        const NEGATIVE: u32 = tag(9, LENGTH);
        const ZERO_THRESHOLD: u32 = tag(14, FIXED64);
        let StoredDistribution { count, sum, min, max, message, .. } = stored;
        let mut histogram = ExponentialHistogram {
            count: *count,
            sum: *sum,
            min: *min,
            max: *max,
            ..ExponentialHistogram::default()
        };
        let mut reader = Reader::new(message);
        while !reader.is_done() {
            match reader.tag()? {
                SCALE => histogram.scale = reader.zigzag()? as i32,
                ZERO_COUNT => histogram.zero_count = reader.fixed64()?,
                POSITIVE => histogram.positive.read(reader.length_delimited()?)?,
                NEGATIVE => histogram.negative.read(reader.length_delimited()?)?,
                ZERO_THRESHOLD => histogram.zero_threshold = reader.double()?,
                other => reader.skip(other)?,
            }
        }
        Ok(histogram)
    }
}

impl Buckets {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        const OFFSET: u32 = tag(1, VARINT);
        const DIFFERENCES: u32 = tag(COUNT_DIFFERENCES, LENGTH);
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                OFFSET => self.offset = reader.zigzag()? as i32,
                DIFFERENCES => {
                    read_differences(reader.length_delimited()?, &mut self.bucket_counts)?;
                }
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

impl Summary {
    pub fn decode(stored: &StoredDistribution) -> Result<Summary, Malformed> {
        const QUANTILE: u32 = tag(6, LENGTH);
        let (count, sum) = (stored.count, stored.sum.unwrap_or_default());
        let mut summary = Summary { count, sum, quantiles: Vec::new() };
        let mut reader = Reader::new(&stored.message);
        while !reader.is_done() {
            match reader.tag()? {
                QUANTILE => summary.quantiles.push(Quantile::decode(reader.length_delimited()?)?),
                other => reader.skip(other)?,
            }
        }
        Ok(summary)
    }
}

impl Quantile {
    fn decode(bytes: &[u8]) -> Result<Quantile, Malformed> {
        const QUANTILE: u32 = tag(1, FIXED64);
        const VALUE: u32 = tag(2, FIXED64);
        let mut quantile = Quantile::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                QUANTILE => quantile.quantile = reader.double()?,
                VALUE => quantile.value = reader.double()?,
                other => reader.skip(other)?,
            }
        }
        Ok(quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_storage::model::distribution::{put_differences, put_packed};
    use binnacle_storage::model::wire::{put_message, put_varint};
    use proptest::prelude::*;

    fn put_fixed(out: &mut Vec<u8>, field: u32, bits: u64) {
        put_varint(out, u64::from(tag(field, FIXED64)));
        out.extend_from_slice(&bits.to_le_bytes());
    }

    fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
        put_varint(out, u64::from(tag(field, VARINT)));
        put_varint(out, number);
    }

    #[test]
    fn histograms_keep_every_field() {
        let stored = StoredDistribution {
            count: 3,
            sum: Some(1.5),
            min: Some(0.0),
            max: Some(9.0),
            bucket_counts: Some("[1,2]".into()),
            explicit_bounds: Some([10.0].into()),
            message: Box::default(),
        };
        let expected = Histogram {
            count: 3,
            sum: Some(1.5),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![10.0],
            min: Some(0.0),
            max: Some(9.0),
        };
        let decoded = Distribution::decode("histogram", &stored).unwrap();
        assert_eq!(decoded, Distribution::Histogram(expected.clone()));

        let mut message = Vec::new();
        put_packed(&mut message, 6, [1u64, 2].into_iter());
        put_packed(&mut message, 7, [f64::INFINITY.to_bits()].into_iter());
        let (bucket_counts, explicit_bounds) = (None, None);
        let message = message.into();
        let stored = StoredDistribution { bucket_counts, explicit_bounds, message, ..stored };
        let expected = Histogram { explicit_bounds: vec![f64::INFINITY], ..expected };
        assert_eq!(Histogram::decode(&stored).unwrap(), expected);
    }

    #[test]
    fn exponential_histograms_keep_every_field() {
        let mut positive = Vec::new();
        put_number(&mut positive, 1, 3); // zigzag of -2
        put_differences(&mut positive, &[1, 128, 127], &mut Vec::new());
        let mut message = Vec::new();
        put_number(&mut message, 6, 6); // zigzag of 3
        put_fixed(&mut message, 7, 5);
        put_message(&mut message, 8, &positive);
        put_fixed(&mut message, 14, 1e-6f64.to_bits());
        let message = message.into();
        let stored =
            StoredDistribution { count: 129, min: Some(2.0), message, ..Default::default() };
        let histogram = ExponentialHistogram::decode(&stored).unwrap();
        assert_eq!((histogram.count, histogram.scale, histogram.zero_count), (129, 3, 5));
        assert_eq!(histogram.positive, Buckets { offset: -2, bucket_counts: vec![1, 128, 127] });
        assert_eq!((histogram.zero_threshold, histogram.sum), (1e-6, None));
        assert_eq!((histogram.min, histogram.max), (Some(2.0), None));
    }

    #[test]
    fn summaries_keep_every_field() {
        let mut quantile = Vec::new();
        put_fixed(&mut quantile, 1, 0.5f64.to_bits());
        put_fixed(&mut quantile, 2, 7f64.to_bits());
        let mut message = Vec::new();
        put_message(&mut message, 6, &quantile);
        let message = message.into();
        let stored = StoredDistribution { count: 2, sum: Some(8.0), message, ..Default::default() };
        let summary = Summary::decode(&stored).unwrap();
        assert_eq!((summary.count, summary.sum), (2, 8.0));
        assert_eq!(summary.quantiles, [Quantile { quantile: 0.5, value: 7.0 }]);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let stored = StoredDistribution { message: bytes.into(), ..Default::default() };
            for kind in ["histogram", "exponential_histogram", "summary", "sum"] {
                let _ = Distribution::decode(kind, &stored);
            }
        }
    }
}
