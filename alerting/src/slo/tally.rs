//! A tally: the slices of an SLI, or of one of its groups, by now.
//!
//! What counted segments came to is stored for good; what is not in one yet lies over it, and is replaced at every look.

use super::blob::{Hour, SLICES_PER_HOUR};
use super::edges::Edges;
use super::history::{Count, History, SLICE_SECONDS, hour_of};
use super::method::{Counted, Method};
use binnacle_query::sli::SliSlices;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Slices that grow.
#[derive(Debug, Default)]
pub struct Tally {
    events: History,
    /// `events` by each method that asks for it.
    counted: Vec<Counted>,
    /// What of `events` is not stored yet.
    over: BTreeMap<i64, Count>,
    /// Slices before it have long been closed: whatever comes for them is late.
    closed: i64,
    /// How much of `events` came late.
    late: Late,
}

/// Slices → good and all events that came late; below 0 where events were taken away.
pub type Late = BTreeMap<i64, (i64, i64)>;

/// Of slices this far before the last that is closed it is known what came late: longer than the windows of most tiers.
const LATE_KEPT: i64 = 8 * 86_400 / SLICE_SECONDS;

impl Tally {
    pub fn of(stored: History) -> Tally {
        Tally { events: stored, ..Tally::default() }
    }

    pub fn events(&self) -> &History {
        &self.events
    }

    /// What came late, where it is known from before.
    pub fn restore_late(&mut self, late: Late) {
        self.late = late;
    }

    pub fn late(&self) -> &Late {
        &self.late
    }

    /// From now on what comes for slices before `slice` is late.
    pub fn close(&mut self, slice: i64) {
        self.closed = self.closed.max(slice);
        if self.late.first_key_value().is_some_and(|(first, _)| *first < slice - LATE_KEPT) {
            self.late = self.late.split_off(&(slice - LATE_KEPT));
        }
    }

    /// The slices, and what a method counts of them, without what came late for slices from `from` on. `None` where nothing did.
    pub fn prompt(&self, from: i64, method: Method) -> Option<(History, Counted)> {
        self.late.range(from..).next()?;
        let less = |of: u64, late: i64| of.saturating_add_signed(late.saturating_neg());
        let change = |(at, (good, total)): (&i64, &(i64, i64))| {
            let all = self.events.at(*at);
            let total = less(all.total, *total);
            (*at, Count::new(less(all.good, *good).min(total), total))
        };
        let changes: Vec<(i64, Count)> = self.late.range(from..).map(change).collect();
        let ranges = by_hour(&changes);
        let (mut events, mut counted) = (self.events.clone(), self.counted(method)?.clone());
        events.set(changes);
        ranges.into_iter().for_each(|range| counted.refresh(&events, range));
        Some((events, counted))
    }

    fn note_late(&mut self, changes: &[(i64, Count)]) {
        for (at, count) in changes.iter().filter(|(at, _)| *at < self.closed) {
            let before = self.events.at(*at);
            let more = |now: u64, before: u64| now as i64 - before as i64;
            let late = self.late.entry(*at).or_default();
            late.0 += more(count.good, before.good);
            late.1 += more(count.total, before.total);
            if *late == (0, 0) {
                self.late.remove(at);
            }
        }
    }

    /// The slices by a method; made when first asked for.
    pub fn prepare(&mut self, method: Method) {
        if self.counted.iter().all(|counted| counted.method() != method) {
            self.counted.push(Counted::of(method, &self.events));
        }
    }

    /// Once prepared.
    pub fn counted(&self, method: Method) -> Option<&Counted> {
        self.counted.iter().find(|counted| counted.method() == method)
    }

    /// Takes what segments came to; from now on it is stored. What lay over it was of rows that are stored now, or is counted
    /// again.
    pub fn take_stored(&mut self, slices: &SliSlices) {
        let stored: BTreeMap<i64, Count> = slices.iter().map(count).collect();
        let over = std::mem::take(&mut self.over);
        self.exchange(&over, &stored);
    }

    /// Takes what was stored of a first count, when nothing lies over it yet.
    pub(super) fn take_first(&mut self, stored: &History) {
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.add(stored.slices(i64::MIN..i64::MAX));
        self.refresh(i64::MIN..i64::MAX);
    }

    /// Takes what is not stored yet, in the place of what it was before.
    pub fn take_over(&mut self, slices: &SliSlices) {
        let over: BTreeMap<i64, Count> = slices.iter().map(count).collect();
        let before = std::mem::replace(&mut self.over, over.clone());
        self.exchange(&before, &over);
    }

    /// Slices come to as much as before without some events, and with others.
    fn exchange(&mut self, before: &BTreeMap<i64, Count>, after: &BTreeMap<i64, Count>) {
        let all: BTreeSet<i64> = before.keys().chain(after.keys()).copied().collect();
        let of = |counts: &BTreeMap<i64, Count>, at| counts.get(&at).copied().unwrap_or_default();
        let changed = all.into_iter().filter(|at| before.get(at) != after.get(at));
        let changes: Vec<(i64, Count)> = changed
            .map(|at| (at, self.events.at(at).minus(of(before, at)).plus(of(after, at))))
            .collect();
        self.set(changes);
    }

    /// Sets slices to what they are now, where nothing lies over others.
    pub fn set(&mut self, changes: Vec<(i64, Count)>) {
        if changes.is_empty() {
            return;
        }
        self.note_late(&changes);
        let ranges = by_hour(&changes);
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.set(changes);
        ranges.into_iter().for_each(|range| self.refresh(range));
    }

    fn refresh(&mut self, range: Range<i64>) {
        for counted in &mut self.counted {
            counted.refresh(&self.events, range.clone());
        }
    }

    /// Forgets all slices before `oldest`. Says whether anything is left.
    pub fn forget_before(&mut self, oldest: i64) -> bool {
        if self.events.first().is_some_and(|first| first < oldest) {
            self.counted.iter_mut().for_each(Counted::let_go);
            self.events.forget_before(oldest);
            for counted in &mut self.counted {
                counted.forget_before(oldest, &self.events);
            }
        }
        !self.events.is_empty() || !self.over.is_empty()
    }

    /// Hours that are looked into, or in which `slices` are about to change, and of which the sum alone is kept.
    pub(super) fn missing(&self, slices: &SliSlices, edges: Option<&Edges>) -> BTreeSet<i64> {
        let changing = slices.keys().map(|at| hour_of(*at));
        let mut hours: BTreeSet<i64> = changing.filter(|hour| self.events.is_thin(*hour)).collect();
        if let Some(edges) = edges {
            hours.extend(self.events.thin_hours().filter(|hour| edges.has(*hour)));
        }
        hours
    }

    /// Brings back the slices of hours of which the sum alone was kept.
    pub(super) fn fill(&mut self, hours: Vec<(i64, Hour)>) {
        let numbers: Vec<i64> = hours.iter().map(|(number, _)| *number).collect();
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.fill(hours);
        for number in numbers {
            self.refresh(number * SLICES_PER_HOUR..(number + 1) * SLICES_PER_HOUR);
        }
    }

    /// Of hours that nobody asks for, and that are stored whole, keeps the sums alone.
    pub fn thin(&mut self, is_asked: impl Fn(i64) -> bool) {
        let unstored: BTreeSet<i64> = self.over.keys().map(|at| hour_of(*at)).collect();
        let stays = |hour: i64| unstored.contains(&hour) || is_asked(hour);
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.thin(stays);
        for counted in &mut self.counted {
            counted.thin(&self.events, stays);
        }
    }
}

/// What changes, hour by hour: what lies between may be sums alone, which nothing can be judged by.
fn by_hour(changes: &[(i64, Count)]) -> Vec<Range<i64>> {
    let mut ranges: BTreeMap<i64, Range<i64>> = BTreeMap::new();
    for (at, _) in changes {
        let range = ranges.entry(hour_of(*at)).or_insert(*at..*at + 1);
        *range = range.start.min(*at)..range.end.max(*at + 1);
    }
    ranges.into_values().collect()
}

fn count((at, (good, total)): (&i64, &(u64, u64))) -> (i64, Count) {
    (*at, Count::new(*good, *total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::TimesliceGoal;

    fn slices(of: &[(i64, u64, u64)]) -> SliSlices {
        of.iter().map(|(at, good, total)| (*at, (*good, *total))).collect()
    }

    #[test]
    fn what_comes_for_slices_long_closed_is_late_however_it_moves() {
        let mut tally = Tally::default();
        tally.prepare(Method::Occurrences);
        tally.take_over(&slices(&[(1, 2, 3), (900, 1, 1)]));
        assert!(
            tally.prompt(0, Method::Occurrences).is_none(),
            "nothing is late before it is closed"
        );
        tally.close(10);
        tally.take_over(&slices(&[(1, 2, 9), (2, 0, 5), (900, 1, 4)]));
        // It moves into a segment, and nothing changes.
        tally.take_stored(&slices(&[(1, 2, 9), (2, 0, 5), (900, 1, 4)]));
        tally.take_over(&slices(&[]));
        assert_eq!(tally.late(), &Late::from([(1, (0, 6)), (2, (0, 5))]));
        assert_eq!(tally.events().sum(0..1_000), Count::new(3, 18));
        let (events, counted) = tally.prompt(0, Method::Occurrences).unwrap();
        assert_eq!(events.sum(0..1_000), Count::new(3, 7));
        assert_eq!(counted.sum(0..1_000), Count::new(3, 7));
        assert!(tally.prompt(3, Method::Occurrences).is_none());
    }

    #[test]
    fn what_lies_over_is_replaced_and_what_is_stored_is_added() {
        let mut tally = Tally::default();
        tally.prepare(Method::Occurrences);
        tally.take_over(&slices(&[(1, 2, 3), (2, 1, 1)]));
        tally.take_over(&slices(&[(1, 3, 4)]));
        assert_eq!(tally.events().sum(0..9), Count::new(3, 4));
        tally.take_stored(&slices(&[(1, 3, 4)]));
        tally.take_over(&slices(&[(1, 0, 1)]));
        assert_eq!(tally.events().at(1), Count::new(3, 5));
        assert_eq!(tally.counted(Method::Occurrences).unwrap().sum(0..9), Count::new(3, 5));
    }

    #[test]
    fn what_is_old_is_forgotten_in_all_that_is_made_of_it() {
        let mut tally =
            Tally::of([(1, Count::new(1, 1)), (8, Count::new(0, 1))].into_iter().collect());
        tally.prepare(Method::Occurrences);
        assert!(tally.forget_before(5));
        assert_eq!(tally.counted(Method::Occurrences).unwrap().sum(0..9), Count::new(0, 1));
        assert!(!tally.forget_before(9));
    }

    #[test]
    fn late_events_in_an_hour_of_which_the_sum_was_kept_come_to_what_they_would_have() {
        let minutes = Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 900_000_000 });
        let stored: History = (0..1_440).map(|at| (at, Count::new(9, 10))).collect();
        let (mut plain, mut thin) = (Tally::of(stored.clone()), Tally::of(stored.clone()));
        for tally in [&mut plain, &mut thin] {
            tally.prepare(Method::Occurrences);
            tally.prepare(minutes);
        }
        thin.thin(|_| false);
        let late = slices(&[(5, 0, 4), (1_439, 0, 9)]);
        let missing =
            thin.missing(&late, Some(&Edges::Some { from: 3, earlier: BTreeSet::from([1]) }));
        assert_eq!(missing, BTreeSet::from([0, 1]));
        let hour = |number: i64| -> (i64, Hour) {
            let slices = stored.slices(number * 360..(number + 1) * 360);
            (number, slices.map(|(at, count)| ((at % 360) as u16, count)).collect())
        };
        thin.fill(missing.iter().map(|number| hour(*number)).collect());
        for tally in [&mut plain, &mut thin] {
            tally.take_over(&late);
        }
        thin.thin(|_| false);
        for edge in [0, 6, 100, 360, 720, 1_080, 1_434, 1_440] {
            let sums = |tally: &Tally| {
                [Method::Occurrences, minutes].map(|of| tally.counted(of).unwrap().sum(edge..2_000))
            };
            let is_kept = !(360..=1_079).contains(&edge) || edge % 360 == 0;
            assert!(!is_kept || sums(&plain) == sums(&thin), "from {edge}");
        }
    }
}
