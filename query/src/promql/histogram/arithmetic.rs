//! Adding and subtracting histograms whose layouts differ: the coarser schema, the wider zero bucket and the bounds both
//! have win.

use super::{Count, Histogram, ResetHint};

/// Exponential and custom buckets cannot be reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incompatible;

/// What had to be settled for an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// One side began anew here and the other did not.
    pub collision: bool,
    /// Custom bounds differed.
    pub reconciled: bool,
}

/// Neumaier's summation: adds `value` to `sum` and what rounding lost to `lost`.
pub fn kahan_add(value: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + value;
    let lost = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        lost + ((sum - total) + value)
    } else {
        lost + ((value - total) + sum)
    };
    (total, lost)
}

impl Histogram {
    pub fn add(&mut self, other: &Histogram) -> Result<Added, Incompatible> {
        self.combine(other, 1.0, None)
    }

    pub fn subtract(&mut self, other: &Histogram) -> Result<Added, Incompatible> {
        self.combine(other, -1.0, None)
    }

    /// Adds, keeping what rounding loses in `lost`, which starts as a default histogram.
    pub fn add_exactly(
        &mut self,
        other: &Histogram,
        lost: &mut Histogram,
    ) -> Result<Added, Incompatible> {
        self.combine(other, 1.0, Some(lost))
    }

    fn combine(
        &mut self,
        other: &Histogram,
        sign: f64,
        mut lost: Option<&mut Histogram>,
    ) -> Result<Added, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut added = Added { collision: self.join_hints(other.hint), reconciled: false };
        if let Some(lost) = lost.as_deref_mut() {
            lost.schema = self.schema;
            lost.bounds = self.bounds.clone();
            lost.zero_threshold = self.zero_threshold;
        }
        let mut other = std::borrow::Cow::Borrowed(other);
        if self.is_custom() && self.bounds != other.bounds {
            added.reconciled = true;
            let shared = shared_bounds(&self.bounds, &other.bounds);
            self.rebound(&shared);
            other.to_mut().rebound(&shared);
            if let Some(lost) = lost.as_deref_mut() {
                lost.rebound(&shared);
            }
        }
        if !self.is_custom() {
            self.reconcile_zero(&mut other, lost.as_deref_mut());
            let schema = self.schema.min(other.schema);
            self.reduce(schema);
            if other.schema > schema {
                other.to_mut().reduce(schema);
            }
            if let Some(lost) = lost.as_deref_mut() {
                lost.reduce(schema);
            }
        }
        self.sum_up(&other, sign, lost);
        Ok(added)
    }

    fn sum_up(&mut self, other: &Histogram, sign: f64, lost: Option<&mut Histogram>) {
        let fields = |h: &Histogram| [h.zero_count, h.count, h.sum];
        match lost {
            None => {
                let [zero, count, sum] = fields(other);
                self.zero_count += sign * zero;
                self.count += sign * count;
                self.sum += sign * sum;
                merge(&mut self.positive, &other.positive, sign, None);
                merge(&mut self.negative, &other.negative, sign, None);
            }
            Some(lost) => {
                let [zero, count, sum] = fields(other);
                (self.zero_count, lost.zero_count) =
                    kahan_add(zero, self.zero_count, lost.zero_count);
                (self.count, lost.count) = kahan_add(count, self.count, lost.count);
                (self.sum, lost.sum) = kahan_add(sum, self.sum, lost.sum);
                merge(&mut self.positive, &other.positive, sign, Some(&mut lost.positive));
                merge(&mut self.negative, &other.negative, sign, Some(&mut lost.negative));
            }
        }
    }

    /// Whether the hints contradict each other.
    fn join_hints(&mut self, other: ResetHint) -> bool {
        use ResetHint::*;
        match (self.hint, other) {
            (a, b) if a == b => {}
            (Gauge, _) | (Unknown, Reset | NotReset) => {}
            (_, Gauge) => self.hint = Gauge,
            (_, Unknown) => self.hint = Unknown,
            _ => {
                self.hint = Unknown;
                return true;
            }
        }
        false
    }

    /// Gives both histograms the same zero bucket.
    fn reconcile_zero(
        &mut self,
        other: &mut std::borrow::Cow<'_, Histogram>,
        mut lost: Option<&mut Histogram>,
    ) {
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold.is_nan() || other.zero_threshold.is_nan() {
                return;
            }
            if self.zero_threshold > other.zero_threshold {
                other.to_mut().widen_zero(self.zero_threshold);
            }
            if other.zero_threshold > self.zero_threshold {
                self.widen_zero(other.zero_threshold);
                if let Some(lost) = lost.as_deref_mut() {
                    lost.widen_zero(self.zero_threshold);
                }
            }
        }
    }

    fn widen_zero(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_count_within(threshold);
        self.zero_count = count;
        self.zero_threshold = threshold;
        let (positive, negative) = (self.positive.clone(), self.negative.clone());
        self.positive =
            positive.into_iter().filter(|c| self.positive_bucket(*c).lower >= threshold).collect();
        self.negative =
            negative.into_iter().filter(|c| self.negative_bucket(*c).upper <= -threshold).collect();
    }

    /// What the zero bucket would count with a larger threshold. A populated bucket the threshold falls into moves it to
    /// that bucket's end.
    pub(super) fn zero_count_within(&self, threshold: f64) -> (f64, f64) {
        let mut threshold = threshold;
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        'again: loop {
            let mut count = self.zero_count;
            for bucket in self.positive.iter().map(|c| self.positive_bucket(*c)) {
                if bucket.lower >= threshold {
                    break;
                }
                count += bucket.count;
                if bucket.upper > threshold {
                    if bucket.count != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            for bucket in self.negative.iter().map(|c| self.negative_bucket(*c)) {
                if bucket.upper <= -threshold {
                    break;
                }
                count += bucket.count;
                if bucket.lower < -threshold {
                    if bucket.count != 0.0 {
                        threshold = -bucket.lower;
                        continue 'again;
                    }
                    break;
                }
            }
            return (count, threshold);
        }
    }

    /// Joins custom buckets so that only `bounds` are left, all of which this histogram has.
    pub(super) fn rebound(&mut self, bounds: &std::sync::Arc<[f64]>) {
        let old = std::mem::replace(&mut self.bounds, bounds.clone());
        let mut joined: Vec<Count> = Vec::with_capacity(self.positive.len());
        for (index, count) in self.positive.drain(..) {
            let upper = usize::try_from(index).ok().and_then(|i| old.get(i));
            let new = upper.map_or(bounds.len(), |upper| bounds.partition_point(|b| b < upper));
            let new = i32::try_from(new).unwrap_or(i32::MAX);
            match joined.last_mut() {
                Some((last, sum)) if *last == new => *sum += count,
                _ => joined.push((new, count)),
            }
        }
        self.positive = joined;
    }
}

/// The bounds both have.
pub(super) fn shared_bounds(a: &[f64], b: &[f64]) -> std::sync::Arc<[f64]> {
    a.iter().copied().filter(|bound| b.contains(bound)).collect()
}

/// Adds counts to counts; both ascend.
fn merge(into: &mut Vec<Count>, from: &[Count], sign: f64, mut lost: Option<&mut Vec<Count>>) {
    for (index, count) in from {
        let slot = slot(into, *index);
        match lost.as_deref_mut() {
            None => *slot += sign * count,
            Some(lost) => {
                let kept = self::slot(lost, *index);
                (*slot, *kept) = kahan_add(sign * count, *slot, *kept);
            }
        }
    }
}

fn slot(counts: &mut Vec<Count>, index: i32) -> &mut f64 {
    let at = match counts.binary_search_by_key(&index, |(index, _)| *index) {
        Ok(at) => at,
        Err(at) => {
            counts.insert(at, (index, 0.0));
            at
        }
    };
    &mut counts[at].1
}
