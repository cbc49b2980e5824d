//! Quantiles and fractions of native histograms. Values lie evenly in a bucket on a logarithmic scale, or on a linear one in
//! the zero bucket and between custom bounds.

use super::{Bucket, Histogram};

/// A quantile, and whether observations that were not numbers disturb it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    pub value: f64,
    /// The rank lies among values that are not numbers.
    pub is_nan: bool,
    /// Values that are not numbers count as the largest, which moves the quantile up.
    pub is_skewed: bool,
}

fn plain(value: f64) -> Quantile {
    Quantile { value, is_nan: false, is_skewed: false }
}

pub fn quantile(q: f64, histogram: &Histogram) -> Quantile {
    if q < 0.0 {
        return plain(f64::NEG_INFINITY);
    }
    if q > 1.0 {
        return plain(f64::INFINITY);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return plain(f64::NAN);
    }
    // From the nearer end, as that loses less to rounding; with NaN observations, which are in no bucket, from below.
    let from_below = histogram.sum.is_nan() || q < 0.5;
    let mut rank = if from_below { q * histogram.count } else { (1.0 - q) * histogram.count };
    let mut bucket = Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
    };
    let mut count = 0.0;
    let mut take = |next: Bucket| {
        if next.count == 0.0 {
            return false;
        }
        bucket = next;
        count += next.count;
        count >= rank
    };
    let _found = if from_below {
        histogram.buckets().any(&mut take)
    } else {
        histogram.buckets().rev().any(&mut take)
    };
    if histogram.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return plain(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return plain(bucket.lower);
        }
    } else {
        bucket = one_sided(bucket, histogram);
    }
    count = count.min(histogram.count);
    if count < rank {
        let is_nan = histogram.sum.is_nan();
        let value = if is_nan { f64::NAN } else { bucket.upper };
        return Quantile { value, is_nan, is_skewed: false };
    }
    rank = if from_below { rank - (count - bucket.count) } else { count - rank };
    let is_skewed = histogram.sum.is_nan()
        && histogram.buckets().map(|bucket| bucket.count).sum::<f64>() < histogram.count;
    let value = inside(bucket, rank / bucket.count, histogram.is_custom());
    Quantile { value, is_nan: false, is_skewed }
}

/// A zero bucket has only one side when all other buckets are on that side.
fn one_sided(mut bucket: Bucket, histogram: &Histogram) -> Bucket {
    if bucket.lower < 0.0 && bucket.upper > 0.0 {
        match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }
    bucket
}

fn inside(bucket: Bucket, fraction: f64, linear: bool) -> f64 {
    if linear || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    if bucket.lower > 0.0 {
        return (lower + (upper - lower) * fraction).exp2();
    }
    -(upper + (lower - upper) * (1.0 - fraction)).exp2()
}

/// How much of the bucket's width lies below `value`, which is inside of it.
fn share(bucket: &Bucket, value: f64, linear: bool) -> f64 {
    if linear {
        // Nothing is known about where values lie in a bucket without end: all below, or none.
        if bucket.lower == f64::NEG_INFINITY {
            return 1.0;
        }
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let at = value.abs().log2();
    if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
}

/// The fraction of observations between two values, and whether there were observations that are not numbers.
pub fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> (f64, bool) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    let total: f64 = histogram.buckets().map(|bucket| bucket.count).sum();
    let has_nan = histogram.sum.is_nan() && total < histogram.count;
    if lower >= upper {
        return (0.0, has_nan);
    }
    let below = |value: f64| {
        let mut rank = 0.0;
        for bucket in histogram.buckets() {
            let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            let bucket = if is_zero { zero_sided(bucket, histogram) } else { bucket };
            if bucket.lower >= value {
                return rank;
            }
            if bucket.upper > value {
                let linear = is_zero || histogram.is_custom();
                return rank + bucket.count * share(&bucket, value, linear);
            }
            rank += bucket.count;
        }
        // Without observations that are not numbers, everything is below the highest bucket's end.
        if histogram.sum.is_nan() { total } else { histogram.count }
    };
    let (low, high) = (below(lower).min(histogram.count), below(upper).min(histogram.count));
    ((high - low) / histogram.count, has_nan)
}

fn zero_sided(mut bucket: Bucket, histogram: &Histogram) -> Bucket {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
    bucket
}
