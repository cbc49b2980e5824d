//! The slices of one SLI: how many events there were in each, and how many of them were good.
//!
//! Integers only, and sums over any range in two binary searches. A slice that was counted again is replaced, not added to,
//! and what is set in any order comes to the same.

use std::ops::Range;

/// Seconds of a slice. All windows are whole numbers of slices.
pub const SLICE_SECONDS: i64 = 10;

/// Events, or whatever a method counts in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub good: u64,
    pub total: u64,
}

impl Count {
    pub fn new(good: u64, total: u64) -> Count {
        Count { good, total }
    }

    /// Never below 0, even of corrupt counts with more good events than events.
    pub fn bad(self) -> u64 {
        self.total.saturating_sub(self.good)
    }

    pub fn plus(self, other: Count) -> Count {
        Count {
            good: self.good.saturating_add(other.good),
            total: self.total.saturating_add(other.total),
        }
    }

    pub fn is_corrupt(self) -> bool {
        self.good > self.total
    }
}

/// Which slice a time in Unix seconds lies in.
pub fn slice_of(seconds: i64) -> i64 {
    seconds.div_euclid(SLICE_SECONDS)
}

/// Slices with events, by number (Unix seconds ÷ [`SLICE_SECONDS`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Number, and the sums of all slices up to it.
    sums: Vec<(i64, Count)>,
}

impl History {
    /// All slices in `range` together.
    pub fn sum(&self, range: Range<i64>) -> Count {
        if range.is_empty() {
            return Count::default();
        }
        let (before, up_to) = (self.up_to(range.start), self.up_to(range.end));
        Count { good: up_to.good - before.good, total: up_to.total - before.total }
    }

    fn up_to(&self, number: i64) -> Count {
        match self.sums.partition_point(|(at, _)| *at < number) {
            0 => Count::default(),
            place => self.sums[place - 1].1,
        }
    }

    pub fn at(&self, number: i64) -> Count {
        self.sum(number..number.saturating_add(1))
    }

    /// The slices in `range` that have events, in order.
    pub fn slices(&self, range: Range<i64>) -> impl Iterator<Item = (i64, Count)> + '_ {
        let from = self.sums.partition_point(|(at, _)| *at < range.start);
        let mut before = from.checked_sub(1).map_or(Count::default(), |place| self.sums[place].1);
        self.sums[from..].iter().take_while(move |(at, _)| *at < range.end).map(move |(at, sum)| {
            let count = Count { good: sum.good - before.good, total: sum.total - before.total };
            before = *sum;
            (*at, count)
        })
    }

    pub fn first(&self) -> Option<i64> {
        self.sums.first().map(|(at, _)| *at)
    }

    pub fn last(&self) -> Option<i64> {
        self.sums.last().map(|(at, _)| *at)
    }

    pub fn len(&self) -> usize {
        self.sums.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Adds to slices. Good events beyond the events of a slice are left out.
    pub fn add(&mut self, changes: impl IntoIterator<Item = (i64, Count)>) {
        self.change(changes, Count::plus);
    }

    /// Replaces slices; those not named stay.
    pub fn set(&mut self, changes: impl IntoIterator<Item = (i64, Count)>) {
        self.change(changes, |_, count| count);
    }

    fn change(
        &mut self,
        changes: impl IntoIterator<Item = (i64, Count)>,
        to: impl Fn(Count, Count) -> Count,
    ) {
        let mut changes: Vec<(i64, Count)> = changes.into_iter().collect();
        changes.sort_by_key(|(at, _)| *at);
        let Some(&(first, _)) = changes.first() else { return };
        let tail: Vec<(i64, Count)> = self.slices(first..i64::MAX).collect();
        self.sums.truncate(self.sums.partition_point(|(at, _)| *at < first));
        let mut tail = tail.into_iter().peekable();
        let mut changes = changes.into_iter().peekable();
        loop {
            let next = [tail.peek().map(|(at, _)| *at), changes.peek().map(|(at, _)| *at)];
            let Some(at) = next.into_iter().flatten().min() else { break };
            let mut count =
                tail.next_if(|(number, _)| *number == at).map_or(Count::default(), |slice| slice.1);
            while let Some((_, change)) = changes.next_if(|(number, _)| *number == at) {
                count = to(count, change);
            }
            self.push(at, count);
        }
    }

    /// After all others. Slices without events are not kept.
    fn push(&mut self, at: i64, count: Count) {
        if count.total == 0 {
            return;
        }
        let before = self.sums.last().map_or(Count::default(), |(_, sum)| *sum);
        let good = count.good.min(count.total);
        self.sums.push((at, before.plus(Count { good, total: count.total })));
    }

    /// Forgets the slices before `number`.
    pub fn forget_before(&mut self, number: i64) {
        if self.first().is_some_and(|first| first < number) {
            let kept: Vec<(i64, Count)> = self.slices(number..i64::MAX).collect();
            self.sums.clear();
            kept.into_iter().for_each(|(at, count)| self.push(at, count));
        }
    }
}

impl FromIterator<(i64, Count)> for History {
    fn from_iter<I: IntoIterator<Item = (i64, Count)>>(slices: I) -> History {
        let mut history = History::default();
        history.add(slices);
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn more_good_events_than_events_are_not_believed() {
        let history: History = [(3, Count::new(9, 5))].into_iter().collect();
        assert_eq!(history.at(3), Count::new(5, 5));
        assert!(Count::new(9, 5).is_corrupt());
        assert_eq!(Count::new(9, 5).bad(), 0);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_slices_whatever_their_order(
            changes in prop::collection::vec((-50i64..50, 0u64..9, 0u64..9), 0..80),
            from in -60i64..60,
            length in 0i64..120,
        ) {
            let mut expected: BTreeMap<i64, Count> = BTreeMap::new();
            let mut history = History::default();
            for (at, good, bad) in &changes {
                let count = Count::new(*good, good + bad);
                let sum = expected.entry(*at).or_default();
                *sum = sum.plus(count);
                history.add([(*at, count)]);
            }
            let within = expected.range(from..from + length).map(|(_, count)| *count);
            prop_assert_eq!(history.sum(from..from + length), within.fold(Count::default(), Count::plus));
            let at_once: History = changes.iter().rev().map(|(at, good, bad)| (*at, Count::new(*good, good + bad))).collect();
            prop_assert_eq!(&history, &at_once);
            history.forget_before(from);
            let kept: Vec<_> = expected.range(from..).filter(|(_, c)| c.total > 0).map(|(a, c)| (*a, *c)).collect();
            prop_assert_eq!(history.slices(i64::MIN..i64::MAX).collect::<Vec<_>>(), kept);
        }
    }
}
