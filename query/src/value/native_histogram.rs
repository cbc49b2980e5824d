//! Native histograms: the `Histogram` message of Prometheus's remote write, as points keep it.

use binnacle_storage::model::wire::{FIXED64, LENGTH, Malformed, Reader, VARINT, tag};

/// A native histogram of any schema. Counts are doubles when its sender counted in doubles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NativeHistogram {
    pub is_float: bool,
    pub count: f64,
    pub sum: f64,
    /// −4 to 8: buckets grow by `2^(2^-schema)`; −53: custom bounds.
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub positive: NativeBuckets,
    pub negative: NativeBuckets,
    /// Upper bounds of the buckets of schema −53.
    pub custom_values: Vec<f64>,
    pub reset_hint: ResetHint,
}

/// Buckets of one side of zero: runs of consecutive ones, and the counts of all runs end to end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NativeBuckets {
    pub spans: Vec<BucketSpan>,
    pub counts: Vec<f64>,
}

/// A run of buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketSpan {
    /// Gap to the run before; of the first run, the index of its first bucket.
    pub offset: i32,
    pub length: u32,
}

/// What the sender knows about a counter reset before this histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NoReset,
    /// It is a gauge, which never resets.
    Gauge,
}

impl NativeHistogram {
    pub fn decode(bytes: &[u8]) -> Result<NativeHistogram, Malformed> {
        const COUNT_INT: u32 = tag(1, VARINT);
        const COUNT_FLOAT: u32 = tag(2, FIXED64);
        const SUM: u32 = tag(3, FIXED64);
        const SCHEMA: u32 = tag(4, VARINT);
        const ZERO_THRESHOLD: u32 = tag(5, FIXED64);
        const ZERO_COUNT_INT: u32 = tag(6, VARINT);
        const ZERO_COUNT_FLOAT: u32 = tag(7, FIXED64);
        const RESET_HINT: u32 = tag(14, VARINT);
        let mut histogram = NativeHistogram::default();
        let (mut negative, mut positive) = (Side::default(), Side::default());
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                COUNT_INT => {
                    (histogram.is_float, histogram.count) = (false, reader.varint()? as f64);
                }
                COUNT_FLOAT => (histogram.is_float, histogram.count) = (true, reader.double()?),
                SUM => histogram.sum = reader.double()?,
                SCHEMA => histogram.schema = reader.zigzag()? as i32,
                ZERO_THRESHOLD => histogram.zero_threshold = reader.double()?,
                ZERO_COUNT_INT => histogram.zero_count = reader.varint()? as f64,
                ZERO_COUNT_FLOAT => histogram.zero_count = reader.double()?,
                RESET_HINT => {
                    histogram.reset_hint = match reader.varint()? {
                        1 => ResetHint::Reset,
                        2 => ResetHint::NoReset,
                        3 => ResetHint::Gauge,
                        _ => ResetHint::Unknown,
                    };
                }
                other => match other >> 3 {
                    8..=10 => negative.read(&mut reader, other, 8)?,
                    11..=13 => positive.read(&mut reader, other, 11)?,
                    16 => reader.doubles(other, &mut histogram.custom_values)?,
                    _ => reader.skip(other)?,
                },
            }
        }
        histogram.negative = negative.finish(histogram.is_float);
        histogram.positive = positive.finish(histogram.is_float);
        Ok(histogram)
    }
}

#[derive(Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Side {
    /// Spans, deltas and counts of one side have consecutive numbers from `first`.
    fn read(&mut self, reader: &mut Reader<'_>, field: u32, first: u32) -> Result<(), Malformed> {
        match ((field >> 3) - first, field & 7) {
            (0, LENGTH) => self.spans.push(BucketSpan::decode(reader.length_delimited()?)?),
            (1, _) => reader.zigzags(field, &mut self.deltas)?,
            (2, _) => reader.doubles(field, &mut self.counts)?,
            _ => return Err(Malformed::Tag),
        }
        Ok(())
    }

    /// Integer counts are sent as differences.
    fn finish(self, is_float: bool) -> NativeBuckets {
        let Side { spans, deltas, counts } = self;
        if is_float {
            return NativeBuckets { spans, counts };
        }
        let absolute = deltas.iter().scan(0i64, |count, delta| {
            *count = count.wrapping_add(*delta);
            Some(*count as f64)
        });
        NativeBuckets { spans, counts: absolute.collect() }
    }
}

impl BucketSpan {
    fn decode(bytes: &[u8]) -> Result<BucketSpan, Malformed> {
        const OFFSET: u32 = tag(1, VARINT);
        const SPAN_LENGTH: u32 = tag(2, VARINT);
        let mut span = BucketSpan::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                OFFSET => span.offset = reader.zigzag()? as i32,
                SPAN_LENGTH => span.length = reader.varint()? as u32,
                other => reader.skip(other)?,
            }
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_storage::model::wire::{put_message, put_varint};
    use proptest::prelude::*;

    fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
        put_varint(out, u64::from(tag(field, VARINT)));
        put_varint(out, number);
    }

    fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
        put_varint(out, u64::from(tag(field, FIXED64)));
        out.extend_from_slice(&value.to_le_bytes());
    }

    #[test]
    fn integer_histograms_add_up_their_differences() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 1, 7);
        put_double(&mut bytes, 3, 12.5);
        put_number(&mut bytes, 4, 7); // zigzag of -4
        put_double(&mut bytes, 5, 0.001);
        put_number(&mut bytes, 6, 1);
        put_message(&mut bytes, 11, &[0x08, 0x05, 0x10, 0x03]); // offset -3, length 3
        put_message(&mut bytes, 12, &[2, 2, 1]); // 1, +1, -1
        put_number(&mut bytes, 14, 2);
        let histogram = NativeHistogram::decode(&bytes).unwrap();
        let expected = NativeHistogram {
            count: 7.0,
            sum: 12.5,
            schema: -4,
            zero_threshold: 0.001,
            zero_count: 1.0,
            positive: NativeBuckets {
                spans: vec![BucketSpan { offset: -3, length: 3 }],
                counts: vec![1.0, 2.0, 1.0],
            },
            reset_hint: ResetHint::NoReset,
            ..NativeHistogram::default()
        };
        assert_eq!(histogram, expected);
    }

    #[test]
    fn float_histograms_keep_their_counts() {
        let mut bytes = Vec::new();
        put_double(&mut bytes, 2, 4.5);
        put_number(&mut bytes, 4, 105); // zigzag of -53
        put_message(&mut bytes, 13, &[1.5f64.to_le_bytes(), 3f64.to_le_bytes()].concat());
        put_double(&mut bytes, 16, 0.5);
        let histogram = NativeHistogram::decode(&bytes).unwrap();
        assert!(histogram.is_float);
        assert_eq!((histogram.count, histogram.schema), (4.5, -53));
        assert_eq!(histogram.positive.counts, [1.5, 3.0]);
        assert_eq!(histogram.custom_values, [0.5]);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = NativeHistogram::decode(&bytes);
        }
    }
}
