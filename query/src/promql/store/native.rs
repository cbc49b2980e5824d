//! Stored distributions as native histograms: OTLP's exponential ones, and Prometheus's own message.

use super::super::histogram::{Count, Histogram, ResetHint};
use crate::value::{self, Buckets, ExponentialHistogram, NativeBuckets, NativeHistogram};
use binnacle_storage::model::wire::Malformed;

/// The finest schema Prometheus has.
const SCHEMA_MAX: i32 = 8;

/// An exponential histogram, finer ones made coarser.
pub fn exponential(stored: &ExponentialHistogram) -> Histogram {
    let mut histogram = Histogram {
        schema: stored.scale,
        zero_threshold: stored.zero_threshold,
        zero_count: stored.zero_count as f64,
        count: stored.count as f64,
        sum: stored.sum.unwrap_or(0.0),
        positive: counts(&stored.positive),
        negative: counts(&stored.negative),
        ..Histogram::default()
    };
    histogram.reduce(SCHEMA_MAX);
    histogram
}

/// OTLP's bucket `i` begins where Prometheus's bucket `i` ends.
fn counts(buckets: &Buckets) -> Vec<Count> {
    let first = buckets.offset.saturating_add(1);
    let all = buckets.bucket_counts.iter().enumerate().filter(|(_, count)| **count > 0);
    all.map(|(at, count)| {
        (first.saturating_add(i32::try_from(at).unwrap_or(i32::MAX)), *count as f64)
    })
    .collect()
}

/// Prometheus's own message.
pub fn prometheus(bytes: &[u8]) -> Result<Histogram, Malformed> {
    let stored = NativeHistogram::decode(bytes)?;
    Ok(Histogram {
        hint: match stored.reset_hint {
            value::ResetHint::Unknown => ResetHint::Unknown,
            value::ResetHint::Reset => ResetHint::Reset,
            value::ResetHint::NoReset => ResetHint::NotReset,
            value::ResetHint::Gauge => ResetHint::Gauge,
        },
        schema: stored.schema,
        zero_threshold: stored.zero_threshold,
        zero_count: stored.zero_count,
        count: stored.count,
        sum: stored.sum,
        positive: placed(stored.positive),
        negative: placed(stored.negative),
        bounds: stored.custom_values.into(),
    })
}

/// Counts with the indexes their spans give them.
fn placed(buckets: NativeBuckets) -> Vec<Count> {
    let mut counts = buckets.counts.into_iter();
    let mut out = Vec::with_capacity(counts.len());
    let mut index = 0i32;
    for span in buckets.spans {
        index = index.saturating_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            out.push((index, count));
            index = index.saturating_add(1);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_keep_their_bounds() {
        let stored = ExponentialHistogram {
            count: 3,
            scale: 0,
            positive: Buckets { offset: 0, bucket_counts: vec![1, 0, 2] },
            ..ExponentialHistogram::default()
        };
        // OTLP's bucket 0 of scale 0 reaches from 1 to 2.
        let bounds: Vec<(f64, f64)> =
            exponential(&stored).buckets().map(|b| (b.lower, b.upper)).collect();
        assert_eq!(bounds, [(1.0, 2.0), (4.0, 8.0)]);
    }

    #[test]
    fn damaged_messages_never_panic() {
        for seed in 0u64..2_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|at| (seed.wrapping_mul(6_364_136_223_846_793_005) >> (at % 56)) as u8)
                .collect();
            let _ = prometheus(&bytes);
        }
    }
}
