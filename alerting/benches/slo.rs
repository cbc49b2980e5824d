//! One look at 10,000 SLO groups: it must fit into ten seconds of one core, since there is one every ten seconds.
//!
//! Each group has a policy and a latch of its own; histories of 30 days with events in every slice are shared by 250 groups,
//! as they would not fit into memory otherwise.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_alerting::slo::{
    Absence, AlertKind, Count, Counted, DEFAULT_TIERS, Facts, Guards, History, Latch, Method, Mode,
    Objective, Policy, SLICE_SECONDS, TimesliceGoal, Window, evaluate, slice_of,
};
use binnacle_storage::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const GROUPS: usize = 10_000;
const HISTORIES: usize = 40;
const DAY: i64 = 86_400;
const NOW: i64 = 1_700_000_000 / SLICE_SECONDS * SLICE_SECONDS;

struct Group {
    policy: Policy,
    history: usize,
}

struct World {
    groups: Vec<Group>,
    histories: Vec<(History, Counted)>,
}

fn method(number: usize) -> Method {
    match number % 3 {
        0 => Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 950_000_000 }),
        1 => Method::RatioTimeslices { seconds: 60 },
        _ => Method::Occurrences,
    }
}

/// Errors come and go; in a tenth of all there is an outage now.
fn history(number: usize) -> History {
    let slices = slice_of(NOW - 30 * DAY)..slice_of(NOW);
    let outage = slice_of(NOW - 1_800);
    let count = |at: i64| {
        let total = 50 + (at as u64 * 7 + number as u64) % 50;
        let bad = match at {
            _ if number.is_multiple_of(10) && at >= outage => total / 2,
            _ => u64::from((at as usize + number).is_multiple_of(40)),
        };
        (at, Count::new(total - bad, total))
    };
    slices.map(count).collect()
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let histories = (0..HISTORIES).map(|number| {
        let events = history(number);
        let counted = Counted::of(method(number), &events);
        (events, counted)
    });
    let group = |number: usize| Group {
        policy: Policy {
            objective: Objective::new(999_000_000 - number as u64).unwrap(),
            method: method(number % HISTORIES),
            window: Window::Rolling { seconds: 30 * DAY as u64 },
            tiers: DEFAULT_TIERS.to_vec(),
            hold_seconds: 0,
            guards: Guards::default(),
            mode: Mode::Rate,
            no_traffic: Absence::Hold,
            no_telemetry: Absence::Hold,
            exclusions: Vec::new(),
        },
        history: number % HISTORIES,
    };
    World { groups: (0..GROUPS).map(group).collect(), histories: histories.collect() }
});

fn main() {
    LazyLock::force(&WORLD);
    divan::main();
}

/// Status, burn rates, forecast and all alerts of each.
#[divan::bench(sample_count = 10)]
fn look_at_10000_groups(bencher: divan::Bencher<'_, '_>) {
    let mut latches: Vec<BTreeMap<AlertKind, Latch>> = vec![BTreeMap::new(); GROUPS];
    bencher.bench_local(|| {
        let mut firing = 0;
        for (group, latches) in WORLD.groups.iter().zip(&mut latches) {
            let (events, counted) = &WORLD.histories[group.history];
            let facts = Facts {
                counted,
                events,
                all_events: events,
                excluded: &[],
                now: Timestamp(NOW * 1_000_000_000),
                watermark: NOW,
                lag_seconds_max: 60,
                has_failed: false,
                last_heard: Some(NOW),
                silence_seconds_max: 120,
                unmeasured: &[],
            };
            for seen in evaluate(&group.policy, &facts).alerts {
                let latch = latches.entry(seen.kind).or_default();
                *latch = latch.next(seen.seen, NOW, seen.temper);
                firing += usize::from(latch.is_firing());
            }
        }
        assert!(firing > 0);
        firing
    });
}

/// A slice of each changes, and is counted by its method again.
#[divan::bench(sample_count = 10)]
fn renew_10000_slices(bencher: divan::Bencher<'_, '_>) {
    let mut histories: Vec<(History, Counted)> = WORLD.histories.clone();
    bencher.bench_local(|| {
        for number in 0..GROUPS {
            let (events, counted) = &mut histories[number % HISTORIES];
            let at = slice_of(NOW) - 1;
            events.set([(at, Count::new(number as u64 % 90, 100))]);
            counted.refresh(events, at..at + 1);
        }
    });
}
