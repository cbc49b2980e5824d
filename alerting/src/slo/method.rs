//! Budgeting methods: what is counted as good and bad.
//!
//! Each method turns the slices of events into slices of what it counts, so that all formulas after it are the same: an error
//! ratio is bad ÷ total of whatever is counted. *Occurrences* count events. *Timeslices* count slices of time, good if enough of
//! their events were. *RatioTimeslices* count every slice of time as one whole, good by the share of its events. A slice
//! without events was not measured and does not count.

use super::composite::{Weighted, weighted_bound, weighted_sum};
use super::history::{Count, History, SLICE_SECONDS};
use std::ops::Range;

/// One slice of time in the counts of ratio timeslices: shares are kept to 12 digits, rounded down.
pub const WHOLE: u64 = 1_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Occurrences,
    Timeslices(TimesliceGoal),
    /// Of so many seconds, a multiple of [`SLICE_SECONDS`].
    RatioTimeslices {
        seconds: u64,
    },
}

/// When a slice of time is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimesliceGoal {
    /// A multiple of [`SLICE_SECONDS`].
    pub seconds: u64,
    /// At least so many good events, in parts per 10⁹ of all; up to all.
    pub target_parts: u64,
}

impl Method {
    /// Seconds of what is counted at once: windows end where such a slice ends.
    pub fn seconds(&self) -> u64 {
        match self {
            Method::Occurrences => SLICE_SECONDS as u64,
            Method::Timeslices(goal) => goal.seconds,
            Method::RatioTimeslices { seconds } => *seconds,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Method::Occurrences => "Occurrences",
            Method::Timeslices(_) => "Timeslices",
            Method::RatioTimeslices { .. } => "RatioTimeslices",
        }
    }

    pub fn counts_time(&self) -> bool {
        !matches!(self, Method::Occurrences)
    }

    /// What one slice of time counts as, by its events.
    fn judge(&self, events: Count) -> Count {
        let good = events.good.min(events.total);
        match self {
            Method::Occurrences => events,
            Method::Timeslices(goal) => {
                let parts = u128::from(goal.target_parts) * u128::from(events.total);
                let is_good = u128::from(good) * 1_000_000_000 >= parts;
                Count::new(u64::from(is_good), 1)
            }
            Method::RatioTimeslices { .. } => {
                let share = u128::from(good) * u128::from(WHOLE) / u128::from(events.total.max(1));
                Count::new(share as u64, WHOLE)
            }
        }
    }

    /// Events as what is counted, each at the number of its first slice. `range` is whole slices of the method.
    pub fn counted(
        &self,
        events: &History,
        range: Range<i64>,
    ) -> impl Iterator<Item = (i64, Count)> {
        let width = (self.seconds() as i64 / SLICE_SECONDS).max(1);
        let mut slices: Vec<(i64, Count)> = Vec::new();
        for (at, count) in events.slices(range) {
            let at = at.div_euclid(width) * width;
            match slices.last_mut() {
                Some((last, sum)) if *last == at => *sum = sum.plus(count),
                _ => slices.push((at, count)),
            }
        }
        let method = *self;
        slices.into_iter().map(move |(at, events)| (at, method.judge(events)))
    }
}

/// What a method counts, kept beside the events it is made of.
#[derive(Debug, Clone)]
pub struct Counted {
    method: Method,
    history: History,
    /// Of a weighted composite, which has no history of its own.
    members: Vec<Weighted>,
}

impl Counted {
    pub fn new(method: Method) -> Counted {
        Counted { method, history: History::default(), members: Vec::new() }
    }

    /// The weighted mean of members over whatever range is asked for.
    pub fn weighted(method: Method, members: Vec<Weighted>) -> Counted {
        Counted { method, history: History::default(), members }
    }

    pub fn of(method: Method, events: &History) -> Counted {
        let mut counted = Counted::new(method);
        counted.refresh(events, i64::MIN..i64::MAX);
        counted
    }

    /// Counts again what changed in `range`.
    pub fn refresh(&mut self, events: &History, range: Range<i64>) {
        if self.method == Method::Occurrences {
            self.history = events.clone();
            return;
        }
        let width = (self.method.seconds() as i64 / SLICE_SECONDS).max(1);
        let align = |at: i64| at.div_euclid(width).saturating_mul(width);
        let range = align(range.start)..align(range.end.saturating_add(width - 1));
        let gone = self.history.slices(range.clone()).map(|(at, _)| (at, Count::default()));
        let mut changes: Vec<(i64, Count)> = gone.collect();
        changes.extend(self.method.counted(events, range));
        self.history.set(changes);
    }

    /// Gives up what it shares with the events, so that these change in place; refresh it after.
    pub(super) fn let_go(&mut self) {
        if self.method == Method::Occurrences {
            self.history = History::default();
        }
    }

    pub(super) fn forget_before(&mut self, oldest: i64, events: &History) {
        match self.method {
            Method::Occurrences => self.history = events.clone(),
            _ => self.history.forget_before(oldest),
        }
    }

    /// Without what lies in `ranges`, which are whole slices of the method.
    pub fn without(&self, ranges: &[Range<i64>]) -> Counted {
        let member =
            |member: &Weighted| Weighted { counted: member.counted.without(ranges), ..*member };
        Counted {
            method: self.method,
            history: self.history.without(ranges),
            members: self.members.iter().map(member).collect(),
        }
    }

    /// As [`History::thin`]; of events that are, too.
    pub(super) fn thin(&mut self, events: &History, is_asked: impl Fn(i64) -> bool) {
        match self.method {
            Method::Occurrences => self.history = events.clone(),
            _ => self.history.thin(is_asked),
        }
    }

    pub fn method(&self) -> Method {
        self.method
    }

    /// Counts again what changed of the members' events.
    pub(super) fn refresh_members(&mut self, events: &[History], range: Range<i64>) {
        for (member, events) in self.members.iter_mut().zip(events) {
            member.counted.refresh(events, range.clone());
        }
    }

    /// Sets all slices from `from` on.
    pub(super) fn replace_from(&mut self, from: i64, slices: Vec<(i64, Count)>) {
        self.history.replace_from(from, slices);
    }

    pub fn sum(&self, range: Range<i64>) -> Count {
        match self.members.as_slice() {
            [] => self.history.sum(range),
            members => weighted_sum(members, range, self.method.seconds()),
        }
    }

    pub fn is_weighted(&self) -> bool {
        !self.members.is_empty()
    }

    /// The least bad share of a range, where `of` is that of a count.
    pub fn bound(&self, range: &Range<i64>, of: impl Fn(Count) -> f64) -> f64 {
        match self.members.as_slice() {
            [] => of(self.history.sum(range.clone())),
            members => weighted_bound(members, range, of),
        }
    }

    pub fn first(&self) -> Option<i64> {
        let members = self.members.iter().filter_map(|member| member.counted.first());
        self.history.first().into_iter().chain(members).min()
    }

    pub fn history(&self) -> &History {
        &self.history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Method =
        Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 950_000_000 });

    fn events() -> History {
        // Two minutes: 95 of 100 good, then 94 of 100; a quiet minute; one event that failed.
        [
            (0, Count::new(50, 50)),
            (5, Count::new(45, 50)),
            (6, Count::new(94, 100)),
            (18, Count::new(0, 1)),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn each_method_counts_its_own() {
        let events = events();
        let sum = |method| Counted::of(method, &events).sum(0..24);
        assert_eq!(sum(Method::Occurrences), Count::new(189, 201));
        assert_eq!(sum(MINUTE), Count::new(1, 3));
        let ratio = sum(Method::RatioTimeslices { seconds: 60 });
        assert_eq!(ratio, Count::new(WHOLE / 100 * (95 + 94), 3 * WHOLE));
    }

    #[test]
    fn late_events_change_their_slice_in_both_directions() {
        let mut events = events();
        let mut counted = Counted::of(MINUTE, &events);
        events.add([(7, Count::new(100, 100))]);
        counted.refresh(&events, 7..8);
        assert_eq!(counted.sum(0..24), Count::new(2, 3));
        events.add([(7, Count::new(0, 100))]);
        counted.refresh(&events, 7..8);
        assert_eq!(counted.sum(0..24), Count::new(1, 3));
        assert_eq!(counted.history(), Counted::of(MINUTE, &events).history());
    }

    #[test]
    fn the_last_part_in_a_billion_counts() {
        let goal = TimesliceGoal { seconds: 60, target_parts: 999_999_999 };
        let good = |good, total| Method::Timeslices(goal).judge(Count::new(good, total)).good;
        assert_eq!(good(999_999_999, 1_000_000_000), 1);
        assert_eq!(good(999_999_998, 1_000_000_000), 0);
        let all = TimesliceGoal { seconds: 60, target_parts: 1_000_000_000 };
        assert_eq!(Method::Timeslices(all).judge(Count::new(9, 10)).good, 0);
    }
}
