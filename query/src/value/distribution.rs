//! Distributions: what a histogram or summary data point holds beside its time and attributes.

use super::NativeHistogram;
use binnacle_storage::model::wire::{FIXED64, LENGTH, Malformed, Reader, VARINT, tag};

/// The `distribution` column of a data point.
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

const COUNT: u32 = tag(4, FIXED64);
const SUM: u32 = tag(5, FIXED64);

impl Distribution {
    /// Reads a `distribution` column. `kind` is the series' `type`.
    pub fn decode(kind: &str, bytes: &[u8]) -> Result<Distribution, Malformed> {
        Ok(match kind {
            "histogram" => Distribution::Histogram(Histogram::decode(bytes)?),
            "exponential_histogram" => {
                Distribution::ExponentialHistogram(ExponentialHistogram::decode(bytes)?)
            }
            "summary" => Distribution::Summary(Summary::decode(bytes)?),
            _ => Distribution::Native(NativeHistogram::decode(bytes)?),
        })
    }
}

impl Histogram {
    pub fn decode(bytes: &[u8]) -> Result<Histogram, Malformed> {
        const BUCKET_COUNTS: u32 = tag(6, LENGTH);
        const BUCKET_COUNT: u32 = tag(6, FIXED64);
        const BOUNDS: u32 = tag(7, LENGTH);
        const BOUND: u32 = tag(7, FIXED64);
        const MIN: u32 = tag(11, FIXED64);
        const MAX: u32 = tag(12, FIXED64);
        let mut histogram = Histogram::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                COUNT => histogram.count = reader.fixed64()?,
                SUM => histogram.sum = Some(double(&mut reader)?),
                BUCKET_COUNTS => {
                    let mut packed = Reader::new(reader.length_delimited()?);
                    while !packed.is_done() {
                        histogram.bucket_counts.push(packed.fixed64()?);
                    }
                }
                BUCKET_COUNT => histogram.bucket_counts.push(reader.fixed64()?),
                BOUNDS => {
                    let mut packed = Reader::new(reader.length_delimited()?);
                    while !packed.is_done() {
                        histogram.explicit_bounds.push(double(&mut packed)?);
                    }
                }
                BOUND => histogram.explicit_bounds.push(double(&mut reader)?),
                MIN => histogram.min = Some(double(&mut reader)?),
                MAX => histogram.max = Some(double(&mut reader)?),
                other => reader.skip(other)?,
            }
        }
        Ok(histogram)
    }
}

impl ExponentialHistogram {
    pub fn decode(bytes: &[u8]) -> Result<ExponentialHistogram, Malformed> {
        const SCALE: u32 = tag(6, VARINT);
        const ZERO_COUNT: u32 = tag(7, FIXED64);
        const POSITIVE: u32 = tag(8, LENGTH);
        const NEGATIVE: u32 = tag(9, LENGTH);
        const MIN: u32 = tag(12, FIXED64);
        const MAX: u32 = tag(13, FIXED64);
        const ZERO_THRESHOLD: u32 = tag(14, FIXED64);
        let mut histogram = ExponentialHistogram::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                COUNT => histogram.count = reader.fixed64()?,
                SUM => histogram.sum = Some(double(&mut reader)?),
                SCALE => histogram.scale = zigzag(&mut reader)?,
                ZERO_COUNT => histogram.zero_count = reader.fixed64()?,
                POSITIVE => histogram.positive.read(reader.length_delimited()?)?,
                NEGATIVE => histogram.negative.read(reader.length_delimited()?)?,
                MIN => histogram.min = Some(double(&mut reader)?),
                MAX => histogram.max = Some(double(&mut reader)?),
                ZERO_THRESHOLD => histogram.zero_threshold = double(&mut reader)?,
                other => reader.skip(other)?,
            }
        }
        Ok(histogram)
    }
}

impl Buckets {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        const OFFSET: u32 = tag(1, VARINT);
        const BUCKET_COUNTS: u32 = tag(2, LENGTH);
        const BUCKET_COUNT: u32 = tag(2, VARINT);
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                OFFSET => self.offset = zigzag(&mut reader)?,
                BUCKET_COUNTS => {
                    let mut packed = Reader::new(reader.length_delimited()?);
                    while !packed.is_done() {
                        self.bucket_counts.push(packed.varint()?);
                    }
                }
                BUCKET_COUNT => self.bucket_counts.push(reader.varint()?),
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

impl Summary {
    pub fn decode(bytes: &[u8]) -> Result<Summary, Malformed> {
        const QUANTILE: u32 = tag(6, LENGTH);
        let mut summary = Summary::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                COUNT => summary.count = reader.fixed64()?,
                SUM => summary.sum = double(&mut reader)?,
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
                QUANTILE => quantile.quantile = double(&mut reader)?,
                VALUE => quantile.value = double(&mut reader)?,
                other => reader.skip(other)?,
            }
        }
        Ok(quantile)
    }
}

fn double(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
    Ok(f64::from_bits(reader.fixed64()?))
}

/// `sint32`: small numbers of either sign are short.
fn zigzag(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
    let bits = reader.varint()? as u32;
    Ok((bits >> 1) as i32 ^ -((bits & 1) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut bytes = Vec::new();
        put_fixed(&mut bytes, 4, 3);
        put_fixed(&mut bytes, 5, 1.5f64.to_bits());
        let packed =
            |values: &[u64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        put_message(&mut bytes, 6, &packed(&[1, 2]));
        put_message(&mut bytes, 7, &packed(&[10f64.to_bits()]));
        put_fixed(&mut bytes, 11, 0f64.to_bits());
        put_fixed(&mut bytes, 12, 9f64.to_bits());
        let expected = Histogram {
            count: 3,
            sum: Some(1.5),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![10.0],
            min: Some(0.0),
            max: Some(9.0),
        };
        let decoded = Distribution::decode("histogram", &bytes).unwrap();
        assert_eq!(decoded, Distribution::Histogram(expected));
    }

    #[test]
    fn exponential_histograms_keep_every_field() {
        let mut positive = Vec::new();
        put_number(&mut positive, 1, 3); // zigzag of -2
        put_message(&mut positive, 2, &[1, 0x80, 0x01]);
        let mut bytes = Vec::new();
        put_fixed(&mut bytes, 4, 129);
        put_number(&mut bytes, 6, 6); // zigzag of 3
        put_fixed(&mut bytes, 7, 5);
        put_message(&mut bytes, 8, &positive);
        put_fixed(&mut bytes, 14, 1e-6f64.to_bits());
        let histogram = ExponentialHistogram::decode(&bytes).unwrap();
        assert_eq!((histogram.count, histogram.scale, histogram.zero_count), (129, 3, 5));
        assert_eq!(histogram.positive, Buckets { offset: -2, bucket_counts: vec![1, 128] });
        assert_eq!((histogram.zero_threshold, histogram.sum), (1e-6, None));
    }

    #[test]
    fn summaries_keep_every_field() {
        let mut quantile = Vec::new();
        put_fixed(&mut quantile, 1, 0.5f64.to_bits());
        put_fixed(&mut quantile, 2, 7f64.to_bits());
        let mut bytes = Vec::new();
        put_fixed(&mut bytes, 4, 2);
        put_fixed(&mut bytes, 5, 8f64.to_bits());
        put_message(&mut bytes, 6, &quantile);
        let summary = Summary::decode(&bytes).unwrap();
        assert_eq!((summary.count, summary.sum), (2, 8.0));
        assert_eq!(summary.quantiles, [Quantile { quantile: 0.5, value: 7.0 }]);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for kind in ["histogram", "exponential_histogram", "summary"] {
                let _ = Distribution::decode(kind, &bytes);
            }
        }
    }
}
