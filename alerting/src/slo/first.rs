//! What a first count has come to so far, packed as histories are: it may be months of many groups.

use super::history::{Count, History};
use binnacle_query::sli::{SliCounts, SliGroup, SliLate, SliSlices};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct First {
    pub all: FirstSlices,
    pub groups: BTreeMap<SliGroup, FirstSlices>,
    /// All else: it has no slices.
    pub rest: SliCounts,
}

/// Slices, and what of them came late.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FirstSlices {
    pub all: History,
    pub late: History,
}

impl First {
    pub fn add(&mut self, more: SliCounts) {
        let SliCounts { slices, groups, late, .. } = &more;
        self.all.all.add(counts(slices));
        self.all.late.add(counts(&late.slices));
        for (group, slices) in groups {
            self.groups.entry(group.clone()).or_default().all.add(counts(slices));
        }
        for (group, slices) in &late.groups {
            self.groups.entry(group.clone()).or_default().late.add(counts(slices));
        }
        let (slices, groups, late) = (SliSlices::new(), BTreeMap::new(), SliLate::default());
        self.rest.add(&SliCounts { slices, groups, late, ..more });
    }
}

impl FirstSlices {
    /// Without what came late.
    pub fn prompt(&self) -> History {
        let mut prompt = self.all.clone();
        let late = self.late.slices(i64::MIN..i64::MAX);
        prompt.set(late.map(|(at, late)| (at, self.all.at(at).minus(late))).collect::<Vec<_>>());
        prompt
    }
}

fn counts(slices: &SliSlices) -> impl Iterator<Item = (i64, Count)> + '_ {
    slices.iter().map(|(at, (good, total))| (*at, Count::new(*good, *total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_to_what_they_would_at_once() {
        let group = || SliGroup(vec!["a".to_owned()]);
        let part = |slices: [(i64, (u64, u64)); 2]| SliCounts {
            slices: slices.into(),
            groups: BTreeMap::from([(group(), slices.into())]),
            late: SliLate {
                slices: slices[..1].iter().copied().collect(),
                groups: BTreeMap::from([(group(), slices[..1].iter().copied().collect())]),
            },
            services: BTreeMap::from([("shop".to_owned(), slices[0].0)]),
            lost_segments: 1,
            ..SliCounts::default()
        };
        let mut first = First::default();
        first.add(part([(1, (1, 2)), (900, (3, 3))]));
        first.add(part([(1, (0, 1)), (2, (5, 5))]));
        let expected = [(1, Count::new(1, 3)), (2, Count::new(5, 5)), (900, Count::new(3, 3))];
        assert_eq!(first.all.all, expected.into_iter().collect());
        assert_eq!(first.all.prompt(), expected[1..].iter().copied().collect());
        assert_eq!(first.groups[&group()], first.all);
        assert_eq!((first.rest.lost_segments, first.rest.services["shop"]), (2, 1));
        assert!(first.rest.slices.is_empty() && first.rest.groups.is_empty());
        assert_eq!(first.rest.late, SliLate::default());
    }
}
