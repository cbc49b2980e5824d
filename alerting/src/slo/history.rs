//! The slices of one SLI: how many events there were in each, and how many of them were good.
//!
//! Integers only. Hours are kept as the bytes that the database has, with the sums up to each, so that any range is summed by
//! two searches and a look into two hours. A slice that was counted again is replaced, not added to, and what is set in any
//! order comes to the same. Copies share all hours that neither changes.
//!
//! Of an hour the sum alone may be kept, once nobody asks for what lies in it: it then counts at its first slice, until
//! [`History::fill`] brings its slices back.

use super::blob::{Hour, SLICES_PER_HOUR};
use super::packed::Packed;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

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

    /// What is left without `other`, which is part of it.
    pub fn minus(self, other: Count) -> Count {
        Count {
            good: self.good.saturating_sub(other.good),
            total: self.total.saturating_sub(other.total),
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

/// Which hour a slice lies in.
pub(super) fn hour_of(slice: i64) -> i64 {
    slice.div_euclid(SLICES_PER_HOUR)
}

/// Slices with events, by number (Unix seconds ÷ [`SLICE_SECONDS`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Those with events, in order.
    hours: Arc<Vec<HourSum>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HourSum {
    number: i64,
    /// All slices up to its end.
    up_to: Count,
    /// As the database has them; `None` where the sum alone is kept.
    slices: Option<Arc<Packed>>,
}

impl HourSum {
    /// By their numbers in the hour, which comes to `sum`.
    fn slices(&self, sum: Count) -> impl Iterator<Item = (u16, Count)> + '_ {
        let thin = self.slices.is_none().then_some((0, sum));
        self.slices.iter().flat_map(|slices| slices.slices()).chain(thin)
    }

    /// Of an hour that comes to `sum` all slices before one of them that is not the first.
    fn up_to(&self, number: u16, sum: Count) -> Count {
        self.slices.as_ref().map_or(sum, |slices| slices.up_to(number))
    }
}

impl History {
    /// All slices in `range` together.
    pub fn sum(&self, range: Range<i64>) -> Count {
        if range.is_empty() {
            return Count::default();
        }
        self.up_to(range.end).minus(self.up_to(range.start))
    }

    /// All slices before one.
    pub fn up_to(&self, number: i64) -> Count {
        let (hour, within) = split(number);
        let place = self.hours.partition_point(|of| of.number < hour);
        let before = self.before(place);
        match self.hours.get(place).filter(|of| of.number == hour && within > 0) {
            Some(of) => before.plus(of.up_to(within, of.up_to.minus(before))),
            None => before,
        }
    }

    /// All hours before that at a place.
    fn before(&self, place: usize) -> Count {
        place.checked_sub(1).map_or(Count::default(), |last| self.hours[last].up_to)
    }

    pub fn at(&self, number: i64) -> Count {
        self.sum(number..number.saturating_add(1))
    }

    /// The slices in `range` that have events, in order.
    pub fn slices(&self, range: Range<i64>) -> impl Iterator<Item = (i64, Count)> + '_ {
        let first = self.hours.partition_point(|of| of.number < hour_of(range.start));
        let within = range.clone();
        let hours = self.hours.iter().enumerate().skip(first);
        hours
            .take_while(move |(_, of)| of.number.saturating_mul(SLICES_PER_HOUR) < range.end)
            .flat_map(|(place, of)| {
                let slices = of.slices(of.up_to.minus(self.before(place)));
                slices.map(|(at, count)| (of.number * SLICES_PER_HOUR + i64::from(at), count))
            })
            .filter(move |(at, _)| within.contains(at))
    }

    pub fn first(&self) -> Option<i64> {
        let number = self.hours.first()?.number;
        self.slices(number * SLICES_PER_HOUR..i64::MAX).next().map(|(at, _)| at)
    }

    pub fn last(&self) -> Option<i64> {
        let number = self.hours.last()?.number;
        self.slices(number * SLICES_PER_HOUR..i64::MAX).last().map(|(at, _)| at)
    }

    /// The last slice with events before one.
    pub fn last_before(&self, number: i64) -> Option<i64> {
        let (hour, within) = split(number);
        let place = self.hours.partition_point(|of| of.number < hour);
        let begun = self.hours.get(place).filter(|of| of.number == hour && within > 0);
        let begun = begun.and_then(|of| self.slices(of.number * SLICES_PER_HOUR..number).last());
        let earlier = || {
            let number = self.hours[..place].last()?.number * SLICES_PER_HOUR;
            self.slices(number..number + SLICES_PER_HOUR).last()
        };
        begun.or_else(earlier).map(|(at, _)| at)
    }

    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
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
        let mut by_hour: BTreeMap<i64, Vec<(u16, Count)>> = BTreeMap::new();
        for (at, count) in changes {
            let (hour, within) = split(at);
            by_hour.entry(hour).or_default().push((within, count));
        }
        let changed = by_hour.into_iter().map(|(number, changes)| {
            let mut hour = self.hour(number);
            for (at, change) in changes {
                let count = hour.entry(at).or_default();
                *count = to(*count, change);
                count.good = count.good.min(count.total);
            }
            hour.retain(|_, count| count.total > 0);
            (number, hour)
        });
        let changed: Vec<(i64, Hour)> = changed.collect();
        self.put(changed);
    }

    fn hour(&self, number: i64) -> Hour {
        let place = self.hours.partition_point(|of| of.number < number);
        let of = self.hours.get(place).filter(|of| of.number == number);
        of.map(|of| of.slices(of.up_to.minus(self.before(place))).collect()).unwrap_or_default()
    }

    /// Puts hours, in order, in the place of what they were.
    fn put(&mut self, changed: Vec<(i64, Hour)>) {
        let Some(&(first, _)) = changed.first() else { return };
        let place = self.hours.partition_point(|of| of.number < first);
        let mut before = self.before(place);
        let mut sum = before;
        let hours = Arc::make_mut(&mut self.hours);
        let mut tail = hours.split_off(place).into_iter().peekable();
        let mut changed = changed.into_iter().peekable();
        loop {
            let next = [tail.peek().map(|of| of.number), changed.peek().map(|(number, _)| *number)];
            let Some(number) = next.into_iter().flatten().min() else { break };
            let old = tail.next_if(|of| of.number == number);
            let old = old.map(|of| {
                let own = of.up_to.minus(before);
                before = of.up_to;
                (own, of.slices)
            });
            let (own, slices) = match (changed.next_if(|(at, _)| *at == number), old) {
                (Some((_, hour)), _) => {
                    let own = hour.values().fold(Count::default(), |sum, count| sum.plus(*count));
                    (own, Some(Arc::new(Packed::of(&hour))))
                }
                (None, Some(old)) => old,
                (None, None) => break,
            };
            if own.total > 0 {
                sum = sum.plus(own);
                hours.push(HourSum { number, up_to: sum, slices });
            }
        }
    }

    /// Sets all slices from `number` on.
    pub fn replace_from(&mut self, number: i64, slices: impl IntoIterator<Item = (i64, Count)>) {
        let gone = number..i64::MAX;
        *self = self.without(std::slice::from_ref(&gone));
        self.add(slices);
    }

    /// The first slice that is another than in `other`.
    pub fn first_difference(&self, other: &History) -> Option<i64> {
        let same = |(one, other): &(&HourSum, &HourSum)| {
            let shared = one.slices.as_ref().zip(other.slices.as_ref());
            let is_shared = shared.is_some_and(|(one, other)| Arc::ptr_eq(one, other));
            one.number == other.number
                && one.up_to == other.up_to
                && (is_shared || one.slices == other.slices)
        };
        let place = self.hours.iter().zip(&*other.hours).take_while(same).count();
        let number = |history: &History| history.hours.get(place).map(|of| of.number);
        let number = number(self).into_iter().chain(number(other)).min()?;
        let mut slices = [self, other].map(|of| of.slices(number * SLICES_PER_HOUR..i64::MAX));
        loop {
            match slices.each_mut().map(Iterator::next) {
                [None, None] => return None,
                [one, other] if one == other => {}
                [one, other] => return one.into_iter().chain(other).map(|(at, _)| at).min(),
            }
        }
    }

    /// Whether of an hour the sum alone is kept.
    pub(super) fn is_thin(&self, hour: i64) -> bool {
        let place = self.hours.partition_point(|of| of.number < hour);
        self.hours.get(place).is_some_and(|of| of.number == hour && of.slices.is_none())
    }

    /// Hours of which the sum alone is kept.
    pub(super) fn thin_hours(&self) -> impl Iterator<Item = i64> + '_ {
        self.hours.iter().filter(|of| of.slices.is_none()).map(|of| of.number)
    }

    /// Brings back the slices of hours.
    pub(super) fn fill(&mut self, hours: impl IntoIterator<Item = (i64, Hour)>) {
        let mut hours: Vec<(i64, Hour)> = hours.into_iter().collect();
        hours.sort_by_key(|(number, _)| *number);
        self.put(hours);
    }

    /// Of hours that nobody asks for keeps the sum alone, but for the last.
    pub(super) fn thin(&mut self, is_asked: impl Fn(i64) -> bool) {
        let last = self.hours.last().map(|of| of.number);
        let goes =
            |of: &HourSum| of.slices.is_some() && Some(of.number) != last && !is_asked(of.number);
        if self.hours.iter().any(goes) {
            let hours = Arc::make_mut(&mut self.hours);
            hours.iter_mut().filter(|of| goes(of)).for_each(|of| of.slices = None);
        }
    }

    /// Without the slices in `ranges`, which are in order and apart.
    pub fn without(&self, ranges: &[Range<i64>]) -> History {
        let (mut sum, mut before) = (Count::default(), Count::default());
        let mut kept = Vec::with_capacity(self.hours.len());
        let mut ranges = ranges.iter().peekable();
        for of in &*self.hours {
            let own = of.up_to.minus(before);
            before = of.up_to;
            let start = of.number * SLICES_PER_HOUR;
            while ranges.next_if(|range| range.end <= start).is_some() {}
            let is_whole = ranges.peek().is_none_or(|range| range.start >= start + SLICES_PER_HOUR);
            let (own, slices) = if is_whole {
                (own, of.slices.clone())
            } else {
                let mut hour: Hour = of.slices(own).collect();
                let within =
                    ranges.clone().take_while(|range| range.start < start + SLICES_PER_HOUR);
                let within: Vec<&Range<i64>> = within.collect();
                hour.retain(|at, _| {
                    let at = start + i64::from(*at);
                    !within.iter().any(|range| range.contains(&at))
                });
                let own = hour.values().fold(Count::default(), |sum, count| sum.plus(*count));
                (own, Some(Arc::new(Packed::of(&hour))))
            };
            if own.total > 0 {
                sum = sum.plus(own);
                kept.push(HourSum { number: of.number, up_to: sum, slices });
            }
        }
        History { hours: Arc::new(kept) }
    }

    /// Forgets the slices before `number`.
    pub fn forget_before(&mut self, number: i64) {
        if self.first().is_some_and(|first| first < number) {
            let before = i64::MIN..number;
            *self = self.without(std::slice::from_ref(&before));
        }
    }

    /// Bytes that it takes, of which copies may share most.
    pub fn bytes(&self) -> usize {
        let slices = self.hours.iter().filter_map(|of| of.slices.as_ref());
        let own = self.hours.capacity() * size_of::<HourSum>();
        own + slices.map(|slices| slices.bytes()).sum::<usize>()
    }
}

/// A slice as its hour, and its number in that.
fn split(slice: i64) -> (i64, u16) {
    (hour_of(slice), slice.rem_euclid(SLICES_PER_HOUR) as u16)
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

    #[test]
    fn more_good_events_than_events_are_not_believed() {
        let history: History = [(3, Count::new(9, 5))].into_iter().collect();
        assert_eq!(history.at(3), Count::new(5, 5));
        assert!(Count::new(9, 5).is_corrupt());
        assert_eq!(Count::new(9, 5).bad(), 0);
    }

    #[test]
    fn an_hour_without_slices_counts_at_its_first_until_it_has_them_again() {
        let slices = [(359, 1, 2), (360, 3, 4), (719, 5, 9), (720, 1, 1)];
        let slices = slices.into_iter().map(|(at, good, total)| (at, Count::new(good, total)));
        let whole: History = slices.collect();
        let mut thin = whole.clone();
        thin.thin(|hour| hour == 0);
        assert!(thin.is_thin(1) && !thin.is_thin(0) && !thin.is_thin(2));
        for edge in [0, 359, 360, 720, 1_000] {
            assert_eq!(thin.up_to(edge), whole.up_to(edge));
        }
        assert_eq!(thin.at(360), Count::new(8, 13));
        assert!(thin.bytes() < whole.bytes());
        assert_eq!(thin.thin_hours().collect::<Vec<_>>(), [1]);
        thin.fill([(1, whole.hour(1))]);
        assert_eq!(thin, whole);
    }

    #[test]
    fn a_copy_shares_what_neither_changes() {
        let first: History = (0..3_600).map(|at| (at, Count::new(1, 1))).collect();
        let mut second = first.clone();
        second.set([(3_599, Count::new(0, 1))]);
        assert_eq!(first.at(3_599), Count::new(1, 1));
        let shared = first.hours.iter().zip(&*second.hours).filter(|(one, other)| {
            one.slices.as_ref().zip(other.slices.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
        });
        assert_eq!(shared.count(), 9);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_slices_whatever_their_order(
            changes in prop::collection::vec((-900i64..900, 0u64..9, 0u64..9), 0..80),
            from in -1_000i64..1_000,
            length in 0i64..1_500,
            gap in 0i64..500,
        ) {
            let mut expected: BTreeMap<i64, Count> = BTreeMap::new();
            let mut history = History::default();
            for (at, good, bad) in &changes {
                let count = Count::new(*good, good + bad);
                let sum = expected.entry(*at).or_default();
                *sum = sum.plus(count);
                history.add([(*at, count)]);
            }
            expected.retain(|_, count| count.total > 0);
            let within = expected.range(from..from + length).map(|(_, count)| *count);
            prop_assert_eq!(history.sum(from..from + length), within.fold(Count::default(), Count::plus));
            let within: Vec<_> = expected.range(from..from + length).map(|(a, c)| (*a, *c)).collect();
            prop_assert_eq!(history.slices(from..from + length).collect::<Vec<_>>(), within);
            prop_assert_eq!(history.first(), expected.keys().next().copied());
            prop_assert_eq!(history.last(), expected.keys().next_back().copied());
            prop_assert_eq!(history.last_before(from), expected.range(..from).next_back().map(|(at, _)| *at));
            let at_once: History = changes.iter().rev().map(|(at, good, bad)| (*at, Count::new(*good, good + bad))).collect();
            prop_assert_eq!(&history, &at_once);
            let ranges = [from..from + length, from + length + gap + 1..from + length + gap + 9];
            let without: History =
                expected.iter().filter(|(at, _)| !ranges.iter().any(|r| r.contains(at))).map(|(a, c)| (*a, *c)).collect();
            prop_assert_eq!(history.without(&ranges), without);
            let mut other = history.clone();
            other.replace_from(from, [(from + gap, Count::new(1, 2))]);
            let kept: History = expected.range(..from).map(|(at, count)| (*at, *count)).collect();
            prop_assert_eq!(other.sum(i64::MIN..from), kept.sum(i64::MIN..from));
            prop_assert_eq!(other.sum(from..i64::MAX), Count::new(1, 2));
            let first = (-1_000..3_000).find(|at| history.at(*at) != other.at(*at));
            prop_assert_eq!(history.first_difference(&other), first);
            prop_assert_eq!(other.first_difference(&history), first);
            let mut set = history.clone();
            set.set(expected.keys().map(|at| (*at, Count::default())));
            prop_assert!(set.is_empty());
            history.forget_before(from);
            let kept: Vec<_> = expected.range(from..).map(|(a, c)| (*a, *c)).collect();
            prop_assert_eq!(history.slices(i64::MIN..i64::MAX).collect::<Vec<_>>(), kept);
        }
    }
}
