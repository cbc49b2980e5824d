//! Histograms of durations whose sum is exact: adding two is adding the counts of equal buckets.
//!
//! Buckets are those of an HDR histogram: every power of two is cut into 64 of equal width, and below 128 ns each value
//! has its own. A bucket stands for its middle, so a quantile is within 1/128 (0.79 %) of the duration it stands for.
//! Negative durations count as 0.
//!
//! Stored: the buckets that are not empty, ascending, each as a varint of twice the difference to the one before (the
//! first to 0), plus one if its count is not 1; then that count, zigzag-encoded: counts that are to be added to
//! others may be negative.

use crate::model::wire::{Malformed, Reader, put_varint, put_zigzag};

/// Buckets per power of two, as a power of two.
const PRECISION_BITS: u32 = 6;

/// Values below have a bucket each.
const EXACT_BELOW: u64 = 2 << PRECISION_BITS;

/// Number of buckets: all non-negative 64-bit integers fall into one.
pub const BUCKETS: usize = 57 * (1 << PRECISION_BITS) + (1 << PRECISION_BITS);

/// The largest relative error of a quantile.
pub const ERROR_MAX: f64 = 1.0 / 128.0;

/// The bucket of a duration in nanoseconds.
#[inline]
pub fn bucket(duration: i64) -> u16 {
    let value = duration.max(0) as u64;
    if value < EXACT_BELOW {
        return value as u16;
    }
    let shift = 63 - value.leading_zeros() - PRECISION_BITS;
    ((u64::from(shift) << PRECISION_BITS) + (value >> shift)) as u16
}

/// The duration a bucket stands for: its middle.
pub fn middle(bucket: u16) -> i64 {
    let (low, width) = bounds(bucket);
    low + width / 2
}

/// Where a bucket begins, and how wide it is.
pub fn bounds(bucket: u16) -> (i64, i64) {
    let bucket = u64::from(bucket);
    if bucket < EXACT_BELOW {
        return (bucket as i64, 1);
    }
    let shift = (bucket >> PRECISION_BITS) - 1;
    let within = bucket - (shift << PRECISION_BITS);
    ((within << shift) as i64, 1 << shift)
}

/// Counts of durations by bucket. Counts may be negative on the way to a sum.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// Bucket of the first count.
    first: usize,
    counts: Vec<i64>,
}

impl Histogram {
    /// Adds `count` durations to a bucket; past the last bucket there is none.
    #[inline]
    pub fn add(&mut self, bucket: u16, count: i64) {
        let bucket = usize::from(bucket).min(BUCKETS - 1);
        match self.counts.get_mut(bucket.wrapping_sub(self.first)) {
            Some(held) => *held = held.wrapping_add(count),
            None => self.add_outside(bucket, count),
        }
    }

    /// To a bucket before the first or past the last.
    #[cold]
    fn add_outside(&mut self, bucket: usize, count: i64) {
        if self.counts.is_empty() {
            self.first = bucket;
        } else if bucket < self.first {
            self.counts.splice(0..0, std::iter::repeat_n(0, self.first - bucket));
            self.first = bucket;
        }
        let index = bucket - self.first;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = self.counts[index].wrapping_add(count);
    }

    /// Adds a stored histogram `times` times.
    pub fn add_stored(&mut self, stored: &[u8], times: i64) -> Result<(), Malformed> {
        each(stored, |bucket, count| self.add(bucket, count.wrapping_mul(times)))
    }

    pub fn merge(&mut self, other: &Histogram) {
        self.each(other, |own, bucket, count| own.add(bucket, count));
    }

    fn each(&mut self, other: &Histogram, mut visit: impl FnMut(&mut Histogram, u16, i64)) {
        for (index, &count) in other.counts.iter().enumerate().filter(|(_, count)| **count != 0) {
            visit(self, (other.first + index) as u16, count);
        }
    }

    pub fn count(&self) -> i64 {
        self.counts.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// The buckets that are not empty, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u16, i64)> + '_ {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count != 0);
        counts.map(|(index, &count)| ((self.first + index) as u16, count))
    }

    /// The smallest duration that at least the share `q` of all do not exceed; `None` when there are none.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let total = self.count();
        if total <= 0 || q.is_nan() {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as i64;
        let mut seen = 0;
        for (bucket, count) in self.iter() {
            seen += count;
            if seen >= rank {
                return Some(middle(bucket));
            }
        }
        self.iter().last().map(|(bucket, _)| middle(bucket))
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.counts.capacity() * 8
    }

    /// As it is stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode_counts(self.iter(), out);
    }
}

#[derive(Default)]
struct Writer {
    last: u16,
}

impl Writer {
    fn put(&mut self, out: &mut Vec<u8>, bucket: u16, count: i64) {
        let step = u64::from(bucket - self.last);
        self.last = bucket;
        put_varint(out, step << 1 | u64::from(count != 1));
        if count != 1 {
            put_zigzag(out, count);
        }
    }
}

/// The stored histogram of some counts by bucket, ascending.
pub(super) fn encode_counts(counts: impl Iterator<Item = (u16, i64)>, out: &mut Vec<u8>) {
    let mut writer = Writer::default();
    counts.for_each(|(bucket, count)| writer.put(out, bucket, count));
}

/// The stored histogram of some durations' buckets, which are sorted on the way.
pub(super) fn encode_buckets(buckets: &mut [u16], out: &mut Vec<u8>) {
    buckets.sort_unstable();
    let mut writer = Writer::default();
    for run in buckets.chunk_by(|a, b| a == b) {
        writer.put(out, run[0], run.len() as i64);
    }
}

/// Calls `visit` with every bucket of a stored histogram and its count.
#[inline]
pub fn each(stored: &[u8], mut visit: impl FnMut(u16, i64)) -> Result<(), Malformed> {
    let mut rest = stored;
    let mut bucket = 0u64;
    while !rest.is_empty() {
        let (step, count, length) = match short_entry(rest) {
            Some(entry) => entry,
            None => long_entry(rest)?,
        };
        rest = &rest[length..];
        bucket = bucket.saturating_add(step);
        let known = u16::try_from(bucket).ok().filter(|known| usize::from(*known) < BUCKETS);
        visit(known.ok_or(Malformed::Numbers)?, count);
    }
    Ok(())
}

/// The next bucket's distance, its count, and the bytes of both, if each is one byte, as they mostly are. Whether there is
/// a count is anybody's guess, so nothing branches on it.
#[inline]
fn short_entry(stored: &[u8]) -> Option<(u64, i64, usize)> {
    let [head, next, ..] = *stored else { return None };
    let has_count = head & 1;
    if (head | (next & has_count.wrapping_neg())) >= 0x80 {
        return None;
    }
    let count = i64::from(next >> 1) ^ -i64::from(next & 1);
    let count = 1 + i64::from(has_count) * (count - 1);
    Some((u64::from(head >> 1), count, 1 + usize::from(has_count)))
}

#[inline(never)]
fn long_entry(stored: &[u8]) -> Result<(u64, i64, usize), Malformed> {
    let mut reader = Reader::new(stored);
    let head = reader.varint()?;
    let count = if head & 1 == 1 { reader.zigzag()? } else { 1 };
    Ok((head >> 1, count, stored.len() - reader.rest().len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        let mut next = 0;
        for index in 0..BUCKETS as u16 {
            let (low, width) = bounds(index);
            assert_eq!(low, next, "bucket {index}");
            assert_eq!(bucket(low), index);
            assert_eq!(bucket(low + (width - 1)), index);
            next = low.wrapping_add(width);
        }
        assert_eq!(usize::from(bucket(i64::MAX)), BUCKETS - 1);
        assert_eq!(bucket(-5), 0);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_stated_error(
            mut durations in proptest::collection::vec(prop_oneof![0..300i64, 0..10_000_000_000i64, any::<i64>()], 1..300),
            q in 0.0..1.0f64,
        ) {
            let mut histogram = Histogram::default();
            durations.iter().for_each(|&duration| histogram.add(bucket(duration), 1));
            durations.iter_mut().for_each(|duration| *duration = (*duration).max(0));
            durations.sort_unstable();
            for q in [q, 0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let rank = ((q * durations.len() as f64).ceil() as usize).max(1);
                let exact = durations[rank - 1] as f64;
                let found = histogram.quantile(q).unwrap() as f64;
                prop_assert!((found - exact).abs() <= exact * ERROR_MAX, "{found} for {exact} at {q}");
            }
        }

        #[test]
        fn stored_histograms_add_up(
            parts in proptest::collection::vec(proptest::collection::vec(any::<i64>(), 0..40), 0..5),
        ) {
            let (mut direct, mut merged) = (Histogram::default(), Histogram::default());
            for part in &parts {
                let mut buckets: Vec<u16> = part.iter().map(|&d| bucket(d)).collect();
                buckets.iter().for_each(|&bucket| direct.add(bucket, 1));
                let mut stored = Vec::new();
                encode_buckets(&mut buckets, &mut stored);
                let mut own = Histogram::default();
                own.add_stored(&stored, 1).unwrap();
                let mut again = Vec::new();
                own.encode(&mut again);
                prop_assert_eq!(&again, &stored);
                merged.add_stored(&stored, 3).unwrap();
                merged.add_stored(&stored, -2).unwrap();
            }
            prop_assert_eq!(merged.iter().collect::<Vec<_>>(), direct.iter().collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Histogram::default().add_stored(&bytes, 1);
        }
    }
}
