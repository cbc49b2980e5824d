//! Trimming: a histogram of only the observations below (`</`) or above (`>/`) a value.

use super::{Bucket, Count, Histogram};

/// Which observations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Below,
    Above,
}

/// What stays of a bucket, and where the removed observations lay on average.
struct Cut {
    kept: f64,
    removed_at: f64,
}

impl Histogram {
    pub fn trimmed(&self, limit: f64, keep: Keep) -> Histogram {
        let mut out = self.clone();
        let mut sides = Sides::default();
        let mut removed_sum = 0.0;
        let mut count = 0.0;
        let is_custom = self.is_custom();
        let mut trim = |counts: &mut Vec<Count>, is_positive: bool| {
            for slot in counts.iter_mut().filter(|(_, count)| *count != 0.0) {
                let bucket = if is_positive {
                    self.positive_bucket(*slot)
                } else {
                    self.negative_bucket(*slot)
                };
                sides.see(&bucket, is_positive, is_custom);
                let cut = cut(&bucket, limit, keep, is_positive, is_custom);
                removed_sum += (bucket.count - cut.kept) * cut.removed_at;
                slot.1 = cut.kept;
                count += cut.kept;
            }
        };
        trim(&mut out.positive, true);
        trim(&mut out.negative, false);
        if self.zero_count > 0.0 {
            let below = split(&self.zero_bucket(), limit, true, true);
            out.zero_count = if keep == Keep::Below { below } else { self.zero_count - below };
            count += out.zero_count;
        }
        out.sum = if count == 0.0 { 0.0 } else { sides.clamp(self.sum - removed_sum) };
        out.count = count;
        out.compact();
        out
    }
}

/// On which sides of zero there were observations: the sum cannot leave them.
#[derive(Default)]
struct Sides {
    positive: bool,
    negative: bool,
}

impl Sides {
    fn see(&mut self, bucket: &Bucket, is_positive: bool, is_custom: bool) {
        if !is_custom {
            self.positive |= is_positive;
            self.negative |= !is_positive;
            return;
        }
        self.negative |= bucket.upper <= 0.0 || bucket.lower < 0.0;
        self.positive |= bucket.upper > 0.0;
    }

    fn clamp(&self, sum: f64) -> f64 {
        let outside = (!self.negative && sum < 0.0) || (!self.positive && sum > 0.0);
        if outside { 0.0 } else { sum }
    }
}

fn cut(bucket: &Bucket, limit: f64, keep: Keep, is_positive: bool, is_custom: bool) -> Cut {
    let all = Cut { kept: bucket.count, removed_at: 0.0 };
    let none = |removed_at| Cut { kept: 0.0, removed_at };
    let inside = match keep {
        Keep::Below if bucket.upper <= limit => return all,
        Keep::Above if bucket.lower >= limit => return all,
        Keep::Below => bucket.lower < limit,
        Keep::Above => bucket.upper > limit,
    };
    if bucket.lower.is_infinite() || bucket.upper.is_infinite() {
        return cut_endless(bucket, limit, keep);
    }
    if !inside {
        // An exponential bucket's middle is geometric.
        let middle = if is_custom {
            (bucket.lower + bucket.upper) / 2.0
        } else {
            (bucket.lower * bucket.upper).sqrt()
        };
        return none(middle);
    }
    let below = split(bucket, limit, is_positive, is_custom);
    let (kept, product) = match keep {
        Keep::Below => (below, bucket.lower.abs() * limit.abs()),
        Keep::Above => (bucket.count - below, limit.abs() * bucket.upper.abs()),
    };
    let removed_at = if is_custom {
        (bucket.lower + bucket.upper) / 2.0
    } else if is_positive {
        product.sqrt()
    } else {
        -product.sqrt()
    };
    Cut { kept, removed_at }
}

/// A bucket without end: nothing is known about where its values lie, so it goes as a whole, except for one from below
/// that ends above zero, which is taken to begin at zero.
fn cut_endless(bucket: &Bucket, limit: f64, keep: Keep) -> Cut {
    if bucket.lower == f64::NEG_INFINITY {
        if limit >= 0.0 && bucket.upper > limit && bucket.upper.is_finite() {
            let share = limit / bucket.upper;
            return match keep {
                Keep::Below => {
                    Cut { kept: bucket.count * share, removed_at: (limit + bucket.upper) / 2.0 }
                }
                Keep::Above => Cut { kept: bucket.count * (1.0 - share), removed_at: limit / 2.0 },
            };
        }
        return Cut { kept: 0.0, removed_at: bucket.upper };
    }
    Cut { kept: 0.0, removed_at: bucket.lower }
}

/// The part of the bucket's count that lies at or below `limit`.
fn split(bucket: &Bucket, limit: f64, is_positive: bool, is_linear: bool) -> f64 {
    if limit <= bucket.lower {
        return 0.0;
    }
    if limit >= bucket.upper {
        return bucket.count;
    }
    if is_linear {
        return bucket.count * (limit - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let at = limit.abs().log2();
    let share = if is_positive {
        (at - lower) / (upper - lower)
    } else {
        1.0 - (at - upper) / (lower - upper)
    };
    bucket.count * share
}
