//! Quantiles and fractions of classic histograms: cumulative counts per upper bound.

use super::super::annotation::Raised;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    pub upper: f64,
    pub count: f64,
}

/// Relative difference below which a falling count is a rounding error.
const TOLERANCE: f64 = 1e-12;

/// The quantile, and where counts had to be raised for it.
pub fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Raised>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !order(buckets) {
        return (f64::NAN, None);
    }
    let raised = raise(buckets);
    let Some(observations) = buckets.last().map(|bucket| bucket.count) else {
        return (f64::NAN, None);
    };
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, None);
    }
    let last = buckets.len() - 1;
    let rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return (buckets[last - 1].upper, raised);
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, raised);
    }
    let (lower, before) = match at.checked_sub(1) {
        Some(before) => (buckets[before].upper, buckets[before].count),
        None => (0.0, 0.0),
    };
    let (upper, count) = (buckets[at].upper, buckets[at].count - before);
    (lower + (upper - lower) * ((rank - before) / count), raised)
}

/// Sorts and joins buckets of the same bound; whether there is one without end.
fn order(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    buckets.last().is_some_and(|bucket| bucket.upper == f64::INFINITY)
}

/// Raises counts that are below those of a lower bound: they can only be rounding errors or races.
fn raise(buckets: &mut [ClassicBucket]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    let mut previous = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == previous {
            continue;
        }
        if nearly_equal(previous, count) {
            bucket.count = previous;
            continue;
        }
        if count < previous {
            bucket.count = previous;
            let all = raised.get_or_insert(Raised {
                bucket_min: bucket.upper,
                bucket_max: bucket.upper,
                difference_max: 0.0,
            });
            all.bucket_max = bucket.upper;
            all.difference_max = all.difference_max.max(previous - count);
            continue;
        }
        previous = count;
    }
    raised
}

fn nearly_equal(a: f64, b: f64) -> bool {
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// The fraction of observations between two values.
pub fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !order(buckets) {
        return f64::NAN;
    }
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || total.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |value: f64| {
        let mut rank = 0.0;
        let mut start = if buckets[0].upper > 0.0 { 0.0 } else { f64::NEG_INFINITY };
        for bucket in buckets.iter() {
            if start >= value {
                return rank;
            }
            if bucket.upper > value {
                // Nothing is known about where values lie in a bucket without a lower end.
                if start == f64::NEG_INFINITY {
                    return bucket.count;
                }
                return rank + (bucket.count - rank) * (value - start) / (bucket.upper - start);
            }
            (rank, start) = (bucket.count, bucket.upper);
        }
        total
    };
    (below(upper).min(total) - below(lower).min(total)) / total
}
