//! Native histograms: checked as Prometheus checks them, kept as sent without their times.
//!
//! The message is the same in both versions of the protocol, and it alone says everything a native histogram can:
//! integer and float counts, sparse buckets of any gap, custom bounds, the counter reset hint. So it is what is stored.

use super::STALE_BITS;
use binnacle_storage::model::wire::{FIXED64, LENGTH, Malformed, Reader, VARINT, tag};

/// The schema of histograms with custom bounds.
const CUSTOM_BOUNDS: i64 = -53;

/// What a `Histogram` message says that has columns of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    pub time: i64,
    pub start: i64,
    /// `None` for float histograms.
    pub count: Option<u64>,
    pub sum: f64,
    /// It is a stale marker and holds nothing else.
    pub is_stale: bool,
}

/// Why a histogram is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Malformed(Malformed),
    Invalid(&'static str),
}

impl From<Malformed> for Fault {
    fn from(error: Malformed) -> Fault {
        Fault::Malformed(error)
    }
}

/// The counts of one side of zero.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<(i64, u64)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

#[derive(Debug, Default)]
struct Body {
    count: u64,
    count_float: Option<f64>,
    zero_count: u64,
    zero_count_float: f64,
    zero_threshold: f64,
    sum: f64,
    schema: i64,
    negative: Side,
    positive: Side,
    custom_values: Vec<f64>,
    time: i64,
    start: i64,
}

/// Reads and checks a `Histogram` message, and appends to `stored` what is kept of it.
pub fn read(bytes: &[u8], stored: &mut Vec<u8>) -> Result<Head, Fault> {
    let body = read_fields(bytes, stored)?;
    let is_stale = body.sum.to_bits() == STALE_BITS;
    if !is_stale {
        check(&body).map_err(Fault::Invalid)?;
    }
    let Body { count, count_float, sum, time, start, .. } = body;
    let count = count_float.is_none().then_some(count);
    Ok(Head { time, start, count, sum, is_stale })
}

fn read_fields(bytes: &[u8], stored: &mut Vec<u8>) -> Result<Body, Malformed> {
    const TIME: u32 = tag(15, VARINT);
    const START: u32 = tag(17, VARINT);
    let mut body = Body::default();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        let before = reader.rest();
        match reader.tag()? {
            TIME => body.time = reader.varint()? as i64,
            START => body.start = reader.varint()? as i64,
            other => {
                read_field(&mut reader, other, &mut body)?;
                stored.extend_from_slice(&before[..before.len() - reader.rest().len()]);
            }
        }
    }
    Ok(body)
}

fn read_field(reader: &mut Reader<'_>, field: u32, body: &mut Body) -> Result<(), Malformed> {
    const COUNT_INT: u32 = tag(1, VARINT);
    const COUNT_FLOAT: u32 = tag(2, FIXED64);
    const SUM: u32 = tag(3, FIXED64);
    const SCHEMA: u32 = tag(4, VARINT);
    const ZERO_THRESHOLD: u32 = tag(5, FIXED64);
    const ZERO_COUNT_INT: u32 = tag(6, VARINT);
    const ZERO_COUNT_FLOAT: u32 = tag(7, FIXED64);
    const CUSTOM_VALUES: u32 = 16;
    match field {
        COUNT_INT => (body.count, body.count_float) = (reader.varint()?, None),
        COUNT_FLOAT => body.count_float = Some(reader.double()?),
        SUM => body.sum = reader.double()?,
        SCHEMA => body.schema = reader.zigzag()?,
        ZERO_THRESHOLD => body.zero_threshold = reader.double()?,
        ZERO_COUNT_INT => body.zero_count = reader.varint()?,
        ZERO_COUNT_FLOAT => body.zero_count_float = reader.double()?,
        other => match other >> 3 {
            8..=10 => read_side(reader, other, 8, &mut body.negative)?,
            11..=13 => read_side(reader, other, 11, &mut body.positive)?,
            CUSTOM_VALUES => reader.doubles(other, &mut body.custom_values)?,
            _ => reader.skip(other)?,
        },
    }
    Ok(())
}

/// Spans, deltas and counts of one side have consecutive numbers from `first`.
fn read_side(
    reader: &mut Reader<'_>,
    field: u32,
    first: u32,
    side: &mut Side,
) -> Result<(), Malformed> {
    match ((field >> 3) - first, field & 7) {
        (0, LENGTH) => side.spans.push(span(reader.length_delimited()?)?),
        (1, _) => reader.zigzags(field, &mut side.deltas)?,
        (2, _) => reader.doubles(field, &mut side.counts)?,
        _ => return Err(Malformed::Tag),
    }
    Ok(())
}

fn span(bytes: &[u8]) -> Result<(i64, u64), Malformed> {
    const OFFSET: u32 = tag(1, VARINT);
    const SPAN_LENGTH: u32 = tag(2, VARINT);
    let (mut offset, mut length) = (0, 0);
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            OFFSET => offset = reader.zigzag()?,
            SPAN_LENGTH => length = reader.varint()?,
            other => reader.skip(other)?,
        }
    }
    Ok((offset, length))
}

fn check(body: &Body) -> Result<(), &'static str> {
    let is_float = body.count_float.is_some();
    match body.schema {
        -4..=8 if !body.custom_values.is_empty() => {
            return Err("an exponential histogram has custom bounds");
        }
        -4..=8 => {}
        CUSTOM_BOUNDS => check_custom(body)?,
        _ => return Err("the histogram's schema is neither between -4 and 8 nor -53"),
    }
    if body.zero_threshold.is_nan() || body.zero_threshold < 0.0 {
        return Err("the histogram's zero threshold is negative");
    }
    let negative = check_side(&body.negative, is_float)?;
    let positive = check_side(&body.positive, is_float)?;
    if is_float {
        let counts = [body.count_float.unwrap_or_default(), body.zero_count_float];
        if counts.iter().any(|count| *count < 0.0) {
            return Err("the histogram has a negative count");
        }
        // Rounding makes the counts of float histograms differ from their sum.
        return Ok(());
    }
    let counted = u128::from(body.zero_count) + negative + positive;
    let count = u128::from(body.count);
    // Observations that are NaN are counted and are in no bucket; they make the sum NaN.
    if counted == count || (body.sum.is_nan() && counted < count) {
        Ok(())
    } else {
        Err("the histogram's buckets do not add up to its count")
    }
}

fn check_custom(body: &Body) -> Result<(), &'static str> {
    let bounds = &body.custom_values;
    let is_ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    if !is_ascending || bounds.iter().any(|bound| !bound.is_finite()) {
        return Err("custom bounds are not finite and ascending");
    }
    let uses_zero = body.zero_count != 0 || body.zero_count_float != 0.0;
    if uses_zero || body.zero_threshold != 0.0 || !body.negative.spans.is_empty() {
        return Err("a histogram with custom bounds has zero or negative buckets");
    }
    let mut end = 0u64;
    for (offset, length) in &body.positive.spans {
        let gap = u64::try_from(*offset).map_err(|_| "the histogram has a negative gap")?;
        end = end.saturating_add(gap).saturating_add(*length);
    }
    if end > bounds.len() as u64 + 1 {
        return Err("the histogram has more buckets than custom bounds");
    }
    Ok(())
}

/// The observations of one side.
fn check_side(side: &Side, is_float: bool) -> Result<u128, &'static str> {
    if side.spans.iter().skip(1).any(|(offset, _)| *offset < 0) {
        return Err("the histogram has a negative gap");
    }
    if side.spans.iter().any(|(offset, _)| i32::try_from(*offset).is_err()) {
        return Err("the histogram has an offset of more than 32 bits");
    }
    let wanted = side.spans.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
    let buckets = if is_float { side.counts.len() } else { side.deltas.len() };
    if wanted != buckets as u64 {
        return Err("the histogram has not as many buckets as its spans say");
    }
    if is_float {
        let is_negative = side.counts.iter().any(|count| *count < 0.0);
        return if is_negative { Err("the histogram has a negative count") } else { Ok(0) };
    }
    let (mut count, mut sum) = (0i64, 0u128);
    for delta in &side.deltas {
        count = count.checked_add(*delta).ok_or("a bucket's count is too large")?;
        sum += u128::try_from(count).map_err(|_| "the histogram has a negative count")?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::tests::message::{self, HistogramMessage};

    fn read_message(histogram: &HistogramMessage) -> Result<(Head, Vec<u8>), Fault> {
        let mut stored = Vec::new();
        let head = read(&histogram.encode(), &mut stored)?;
        Ok((head, stored))
    }

    #[test]
    fn all_but_the_times_is_kept_as_sent() {
        for histogram in [message::int_histogram(), message::float_histogram()] {
            let (head, stored) = read_message(&histogram).unwrap();
            assert_eq!((head.time, head.start), (5_000, 1_000));
            assert_eq!(head.count, histogram.count_float.is_none().then_some(histogram.count));
            let without = HistogramMessage { time: 0, start: 0, ..histogram };
            assert_eq!(stored, without.encode());
        }
    }

    #[test]
    fn stale_markers_hold_nothing() {
        let sum = f64::from_bits(STALE_BITS);
        let stale = HistogramMessage { sum, count: 7, ..HistogramMessage::default() };
        assert!(read_message(&stale).unwrap().0.is_stale);
    }

    #[test]
    fn histograms_that_contradict_themselves_are_refused() {
        let int = message::int_histogram;
        let custom = message::custom_histogram;
        let wrong = [
            HistogramMessage { schema: 9, ..int() },
            HistogramMessage { schema: -5, ..int() },
            HistogramMessage { count: 1, ..int() },
            HistogramMessage { positive_deltas: vec![1, 2, -9], ..int() },
            HistogramMessage { positive_deltas: vec![1], ..int() },
            HistogramMessage { positive_spans: vec![(0, 2), (-1, 1)], ..int() },
            HistogramMessage { zero_threshold: -1.0, ..int() },
            HistogramMessage { custom_values: vec![1.0], ..int() },
            HistogramMessage { custom_values: vec![2.0, 1.0, 3.0], ..custom() },
            HistogramMessage { custom_values: vec![1.0], ..custom() },
            HistogramMessage { zero_threshold: 1.0, ..custom() },
            HistogramMessage { positive_counts: vec![-1.0; 3], ..message::float_histogram() },
        ];
        assert!(read_message(&int()).is_ok() && read_message(&custom()).is_ok());
        for histogram in wrong {
            let refused = read_message(&histogram);
            assert!(matches!(refused, Err(Fault::Invalid(_))), "{histogram:?}");
        }
    }

    #[test]
    fn truncated_histograms_are_malformed() {
        let whole = message::int_histogram().encode();
        let mut refused = 0;
        for end in 1..whole.len() {
            refused += usize::from(read(&whole[..end], &mut Vec::new()).is_err());
        }
        assert!(refused > whole.len() / 2, "{refused}");
    }
}
