//! A tally: the slices of an SLI, or of one of its groups, by now.
//!
//! What counted segments came to is stored for good; what is not in one yet lies over it, and is replaced at every look. What came
//! late is told apart: it changes budgets, and alerts leave it out.

use super::blob::{Hour, SLICES_PER_HOUR};
use super::edges::Edges;
use super::first::FirstSlices;
use super::history::{Count, History, hour_of};
use super::method::{Counted, Method};
use binnacle_query::sli::SliSlices;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Slices that grow, with and without what came late.
#[derive(Debug, Default)]
pub struct Tally {
    all: Slices,
    /// Without what came late; `None` as long as nothing did.
    prompt: Option<Box<Slices>>,
    /// What is set of slices before it is late.
    closed: i64,
}

/// Slices, stored ones and what lies over them.
#[derive(Debug, Clone, Default)]
struct Slices {
    events: History,
    /// `events` by each method that asks for it.
    counted: Vec<Counted>,
    /// What of `events` is not stored yet.
    over: BTreeMap<i64, Count>,
}

/// An hour as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredHour {
    pub number: i64,
    pub all: Hour,
    /// Without what came late, where anything did.
    pub prompt: Option<Hour>,
}

impl Tally {
    pub fn of(stored: History) -> Tally {
        Tally { all: Slices { events: stored, ..Slices::default() }, ..Tally::default() }
    }

    /// With hours of which something came late, as they are without that.
    pub(super) fn with_prompt(self, hours: Vec<(i64, Hour)>) -> Tally {
        let prompt = (!hours.is_empty()).then(|| {
            let mut prompt = self.all.clone();
            prompt.fill(hours);
            Box::new(prompt)
        });
        Tally { prompt, ..self }
    }

    pub fn events(&self) -> &History {
        &self.all.events
    }

    /// The slices, and what a method counts of them, without what came late. `None` where nothing did.
    pub fn prompt(&self, method: Method) -> Option<(&History, &Counted)> {
        let prompt = self.prompt.as_ref()?;
        Some((&prompt.events, prompt.counted(method)?))
    }

    /// The slices without what came late. `None` where nothing did.
    pub(super) fn prompt_events(&self) -> Option<&History> {
        self.prompt.as_ref().map(|prompt| &prompt.events)
    }

    /// How many events came late.
    pub fn late_events(&self) -> u64 {
        let sum = |slices: &Slices| slices.events.up_to(i64::MAX).total;
        self.prompt.as_ref().map_or(0, |prompt| sum(&self.all).saturating_sub(sum(prompt)))
    }

    /// From now on what is [set](Tally::set) of slices before `slice` is late.
    pub fn close(&mut self, slice: i64) {
        self.closed = self.closed.max(slice);
    }

    /// The slices by a method; made when first asked for.
    pub fn prepare(&mut self, method: Method) {
        self.each(|slices| slices.prepare(method));
    }

    /// Once prepared.
    pub fn counted(&self, method: Method) -> Option<&Counted> {
        self.all.counted(method)
    }

    /// Takes what segments came to, and what of it came late; from now on it is stored. What lay over it was of rows that are
    /// stored now, or is counted again.
    pub fn take_stored(&mut self, slices: &SliSlices, late: &SliSlices) {
        self.take(slices, late, Slices::take_stored);
    }

    /// Takes what was stored of a first count, when nothing lies over it yet.
    pub(super) fn take_first(&mut self, stored: &FirstSlices) {
        self.tell_late(!stored.late.is_empty());
        self.all.add(&stored.all);
        if let Some(prompt) = &mut self.prompt {
            prompt.add(&stored.prompt());
        }
    }

    /// Takes what is not stored yet, and what of it came late, in the place of what it was before.
    pub fn take_over(&mut self, slices: &SliSlices, late: &SliSlices) {
        self.take(slices, late, Slices::take_over);
    }

    fn take(
        &mut self,
        slices: &SliSlices,
        late: &SliSlices,
        take: impl Fn(&mut Slices, BTreeMap<i64, Count>),
    ) {
        self.tell_late(!late.is_empty());
        if let Some(prompt) = &mut self.prompt {
            let late = |at: &i64| late.get(at).map_or(Count::default(), |of| count((at, of)).1);
            let prompt_slices =
                slices.iter().map(count).map(|(at, all)| (at, all.minus(late(&at))));
            take(prompt, prompt_slices.collect());
        }
        take(&mut self.all, slices.iter().map(count).collect());
    }

    /// Up to now all came in time.
    fn tell_late(&mut self, is_any_late: bool) {
        if is_any_late && self.prompt.is_none() {
            self.prompt = Some(Box::new(self.all.clone()));
        }
    }

    /// Sets slices to what they are now, where nothing lies over others. What changes of closed ones is late.
    pub fn set(&mut self, changes: Vec<(i64, Count)>) {
        self.tell_late(changes.iter().any(|(at, _)| *at < self.closed));
        if let Some(prompt) = &mut self.prompt {
            prompt.set(changes.iter().filter(|(at, _)| *at >= self.closed).copied().collect());
        }
        self.all.set(changes);
    }

    fn each(&mut self, change: impl Fn(&mut Slices)) {
        change(&mut self.all);
        if let Some(prompt) = &mut self.prompt {
            change(prompt);
        }
    }

    /// Forgets all slices before `oldest`. Says whether anything is left.
    pub fn forget_before(&mut self, oldest: i64) -> bool {
        self.each(|slices| slices.forget_before(oldest));
        !self.all.events.is_empty() || self.all.over.range(oldest..).next().is_some()
    }

    /// Hours that are looked into, or in which `slices` are about to change, and of which the sum alone is kept.
    pub(super) fn missing(&self, slices: &SliSlices, edges: Option<&Edges>) -> BTreeSet<i64> {
        let events = &self.all.events;
        let changing = slices.keys().map(|at| hour_of(*at));
        let mut hours: BTreeSet<i64> = changing.filter(|hour| events.is_thin(*hour)).collect();
        if let Some(edges) = edges {
            hours.extend(events.thin_hours().filter(|hour| edges.has(*hour)));
        }
        hours
    }

    /// Brings back the slices of hours of which the sum alone was kept.
    pub(super) fn fill(&mut self, hours: Vec<StoredHour>) {
        if let Some(prompt) = &mut self.prompt {
            let hour = |of: &StoredHour| (of.number, of.prompt.as_ref().unwrap_or(&of.all).clone());
            prompt.fill(hours.iter().map(hour).collect());
        }
        self.all.fill(hours.into_iter().map(|of| (of.number, of.all)).collect());
    }

    /// Of hours that nobody asks for, and that are stored whole, keeps the sums alone.
    pub fn thin(&mut self, is_asked: impl Fn(i64) -> bool) {
        let unstored: BTreeSet<i64> = self.all.over.keys().map(|at| hour_of(*at)).collect();
        let stays = |hour: i64| unstored.contains(&hour) || is_asked(hour);
        self.each(|slices| slices.thin(stays));
    }
}

impl Slices {
    fn prepare(&mut self, method: Method) {
        if self.counted.iter().all(|counted| counted.method() != method) {
            self.counted.push(Counted::of(method, &self.events));
        }
    }

    fn counted(&self, method: Method) -> Option<&Counted> {
        self.counted.iter().find(|counted| counted.method() == method)
    }

    fn take_stored(&mut self, stored: BTreeMap<i64, Count>) {
        let over = std::mem::take(&mut self.over);
        self.exchange(&over, &stored);
    }

    fn take_over(&mut self, over: BTreeMap<i64, Count>) {
        let before = std::mem::replace(&mut self.over, over.clone());
        self.exchange(&before, &over);
    }

    fn add(&mut self, more: &History) {
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.add(more.slices(i64::MIN..i64::MAX));
        self.refresh(i64::MIN..i64::MAX);
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

    fn set(&mut self, changes: Vec<(i64, Count)>) {
        if changes.is_empty() {
            return;
        }
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

    fn forget_before(&mut self, oldest: i64) {
        if self.events.first().is_some_and(|first| first < oldest) {
            self.counted.iter_mut().for_each(Counted::let_go);
            self.events.forget_before(oldest);
            for counted in &mut self.counted {
                counted.forget_before(oldest, &self.events);
            }
        }
    }

    fn fill(&mut self, hours: Vec<(i64, Hour)>) {
        let numbers: Vec<i64> = hours.iter().map(|(number, _)| *number).collect();
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.fill(hours);
        for number in numbers {
            self.refresh(number * SLICES_PER_HOUR..(number + 1) * SLICES_PER_HOUR);
        }
    }

    fn thin(&mut self, stays: impl Fn(i64) -> bool) {
        self.counted.iter_mut().for_each(Counted::let_go);
        self.events.thin(&stays);
        for counted in &mut self.counted {
            counted.thin(&self.events, &stays);
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

    fn sums(tally: &Tally) -> (Count, Option<Count>) {
        let prompt = tally.prompt(Method::Occurrences);
        (tally.events().sum(0..1_000), prompt.map(|(_, counted)| counted.sum(0..1_000)))
    }

    #[test]
    fn what_came_late_is_told_apart_however_it_moves() {
        let (nothing, late) = (slices(&[]), slices(&[(1, 0, 6), (2, 0, 5)]));
        let mut tally = Tally::default();
        tally.prepare(Method::Occurrences);
        tally.take_over(&slices(&[(1, 2, 3), (900, 1, 1)]), &nothing);
        assert_eq!(sums(&tally), (Count::new(3, 4), None));
        tally.take_over(&slices(&[(1, 2, 9), (2, 0, 5), (900, 1, 4)]), &late);
        assert_eq!(sums(&tally), (Count::new(3, 18), Some(Count::new(3, 7))));
        // It moves into a segment, and nothing changes.
        tally.take_stored(&slices(&[(1, 2, 9), (2, 0, 5), (900, 1, 4)]), &late);
        tally.take_over(&nothing, &nothing);
        assert_eq!(sums(&tally), (Count::new(3, 18), Some(Count::new(3, 7))));
        assert_eq!(tally.late_events(), 11);
        // More comes in time.
        tally.take_over(&slices(&[(900, 0, 1)]), &nothing);
        assert_eq!(sums(&tally), (Count::new(3, 19), Some(Count::new(3, 8))));
    }

    #[test]
    fn what_is_set_of_closed_slices_is_late() {
        let mut tally = Tally::default();
        tally.prepare(Method::Occurrences);
        tally.set(vec![(1, Count::new(2, 3))]);
        tally.close(10);
        assert_eq!(sums(&tally), (Count::new(2, 3), None));
        tally.set(vec![(1, Count::new(2, 9)), (10, Count::new(0, 1))]);
        assert_eq!(sums(&tally), (Count::new(2, 10), Some(Count::new(2, 4))));
        tally.set(vec![(1, Count::new(2, 8)), (11, Count::new(1, 1))]);
        assert_eq!(sums(&tally), (Count::new(3, 10), Some(Count::new(3, 5))));
    }

    #[test]
    fn hours_come_back_with_what_came_late_told_apart() {
        let hour = |count| Hour::from([(0, count), (9, Count::new(1, 1))]);
        let stored: History =
            [(0, Count::new(0, 5)), (9, Count::new(1, 1)), (900, Count::new(1, 1))]
                .into_iter()
                .collect();
        let mut tally = Tally::of(stored).with_prompt(vec![(0, hour(Count::new(0, 2)))]);
        tally.prepare(Method::Occurrences);
        tally.thin(|_| false);
        assert_eq!(sums(&tally), (Count::new(2, 7), Some(Count::new(2, 4))));
        let (all, prompt) = (hour(Count::new(0, 5)), Some(hour(Count::new(0, 2))));
        tally.fill(vec![StoredHour { number: 0, all, prompt }]);
        tally.take_over(&slices(&[(0, 3, 3)]), &slices(&[(0, 1, 1)]));
        assert_eq!(tally.events().at(0), Count::new(3, 8));
        assert_eq!(tally.prompt_events().unwrap().at(0), Count::new(2, 4));
    }

    #[test]
    fn what_lies_over_is_replaced_and_what_is_stored_is_added() {
        let mut tally = Tally::default();
        tally.prepare(Method::Occurrences);
        let nothing = slices(&[]);
        tally.take_over(&slices(&[(1, 2, 3), (2, 1, 1)]), &nothing);
        tally.take_over(&slices(&[(1, 3, 4)]), &nothing);
        assert_eq!(tally.events().sum(0..9), Count::new(3, 4));
        tally.take_stored(&slices(&[(1, 3, 4)]), &nothing);
        tally.take_over(&slices(&[(1, 0, 1)]), &nothing);
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
        let hour = |number: i64| {
            let slices = stored.slices(number * 360..(number + 1) * 360);
            let all = slices.map(|(at, count)| ((at % 360) as u16, count)).collect();
            StoredHour { number, all, prompt: None }
        };
        thin.fill(missing.iter().map(|number| hour(*number)).collect());
        for tally in [&mut plain, &mut thin] {
            tally.take_over(&late, &slices(&[]));
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
