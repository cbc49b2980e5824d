//! Counts per slice.

use super::groups::SliGroup;
use std::collections::BTreeMap;

/// Nanoseconds of a slice.
pub const SLICE_NANOS: i64 = 10_000_000_000;

/// Arrival lags are counted in seconds up to this many.
pub const LAG_SECONDS_MAX: usize = 64;

/// Clocks of senders may be ahead by so much.
pub const FUTURE_NANOS_MAX: i64 = 300 * 1_000_000_000;

/// An event that arrived so much later than it ended is late: it changes what was counted, and comes too late to be told of.
pub const LATE_NANOS: i64 = 300 * 1_000_000_000;

/// Slice number (Unix nanoseconds ÷ [`SLICE_NANOS`]) → good, total.
pub type SliSlices = BTreeMap<i64, (u64, u64)>;

/// Those of the events that arrived late.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliLate {
    pub slices: SliSlices,
    pub groups: BTreeMap<SliGroup, SliSlices>,
}

/// What some rows come to for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliCounts {
    pub slices: SliSlices,
    /// The same events by their groups, if they are told apart.
    pub groups: BTreeMap<SliGroup, SliSlices>,
    /// What of both was late: a part of them.
    pub late: SliLate,
    /// Services that sent events → when anything of theirs arrived last, in Unix nanoseconds.
    pub services: BTreeMap<String, i64>,
    /// Events by the whole seconds from their end to their arrival; the last counts all that took longer.
    pub lags: Vec<u64>,
    /// Rows that retention thinned out are among them, so that the counts are estimates.
    pub is_estimate: bool,
    /// Segments that could not be read, so that events are missing for good.
    pub lost_segments: u64,
    /// Events of a time later than their arrival by more than [`FUTURE_NANOS_MAX`]; they are in no slice.
    pub future: u64,
}

impl SliCounts {
    pub fn add(&mut self, other: &SliCounts) {
        add_slices(&mut self.slices, &other.slices);
        add_groups(&mut self.groups, &other.groups);
        add_slices(&mut self.late.slices, &other.late.slices);
        add_groups(&mut self.late.groups, &other.late.groups);
        for (service, heard) in &other.services {
            let last = self.services.entry(service.clone()).or_insert(*heard);
            *last = (*last).max(*heard);
        }
        self.lags.resize(self.lags.len().max(other.lags.len()), 0);
        self.lags.iter_mut().zip(&other.lags).for_each(|(sum, count)| *sum += count);
        self.is_estimate |= other.is_estimate;
        self.lost_segments += other.lost_segments;
        self.future += other.future;
    }

    pub(super) fn count(
        &mut self,
        slice: i64,
        is_good: bool,
        weight: u32,
        group: Option<&SliGroup>,
        is_late: bool,
    ) {
        let one = (u64::from(is_good) * u64::from(weight), u64::from(weight));
        add_event(&mut self.slices, &mut self.groups, slice, one, group);
        if is_late {
            add_event(&mut self.late.slices, &mut self.late.groups, slice, one, group);
        }
        self.is_estimate |= weight > 1;
    }

    pub(super) fn lag(&mut self, nanos: i64) {
        self.lags.resize(LAG_SECONDS_MAX, 0);
        let seconds = (nanos.max(0) / 1_000_000_000) as usize;
        self.lags[seconds.min(LAG_SECONDS_MAX - 1)] += 1;
    }
}

fn add_event(
    slices: &mut SliSlices,
    groups: &mut BTreeMap<SliGroup, SliSlices>,
    slice: i64,
    one: (u64, u64),
    group: Option<&SliGroup>,
) {
    add_slice(slices, slice, one);
    let Some(group) = group else { return };
    if !groups.contains_key(group) {
        groups.insert(group.clone(), SliSlices::new());
    }
    if let Some(slices) = groups.get_mut(group) {
        add_slice(slices, slice, one);
    }
}

fn add_groups(sums: &mut BTreeMap<SliGroup, SliSlices>, more: &BTreeMap<SliGroup, SliSlices>) {
    for (group, slices) in more {
        add_slices(sums.entry(group.clone()).or_default(), slices);
    }
}

fn add_slices(sums: &mut SliSlices, more: &SliSlices) {
    more.iter().for_each(|(slice, counts)| add_slice(sums, *slice, *counts));
}

fn add_slice(sums: &mut SliSlices, slice: i64, (good, total): (u64, u64)) {
    let sum = sums.entry(slice).or_default();
    *sum = (sum.0 + good, sum.1 + total);
}
