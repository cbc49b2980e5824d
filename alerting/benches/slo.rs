//! One look at 10,000 SLO groups: it must fit into ten seconds of one core, since there is one every ten seconds.
//!
//! All are busy and no two are alike: each has a policy, a latch, and slices of 30 days of its own, with events in every slice.
//! Slices of hours that are not looked into are in the database, and the sums of these hours in memory, as they are live.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_alerting::slo::{
    Absence, AlertKind, Count, DEFAULT_TIERS, Edges, Facts, Guards, History, Latch, Method, Mode,
    Objective, Policy, SLICE_SECONDS, Tally, TimesliceGoal, Window, evaluate, slice_of,
};
use binnacle_storage::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

const GROUPS: usize = 10_000;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600 / SLICE_SECONDS;
const NOW: i64 = 1_700_000_000 / SLICE_SECONDS * SLICE_SECONDS;

struct Group {
    policy: Policy,
    tally: Tally,
    latches: BTreeMap<AlertKind, Latch>,
    /// As it was published at the last look; whoever asks reads that.
    published: History,
}

fn method(number: usize) -> Method {
    match number % 3 {
        0 => Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 950_000_000 }),
        1 => Method::RatioTimeslices { seconds: 60 },
        _ => Method::Occurrences,
    }
}

/// Errors come and go; in a tenth of all there is an outage now.
fn count(number: usize, at: i64) -> Count {
    let outage = slice_of(NOW - 1_800);
    let total = 50 + (at as u64 * 7 + number as u64) % 50;
    let bad = match at {
        _ if number.is_multiple_of(10) && at >= outage => total / 2,
        _ => u64::from((at as usize + number).is_multiple_of(40)),
    };
    Count::new(total - bad, total)
}

fn tally(number: usize, policy: &Policy) -> Tally {
    let edges = Edges::of(std::slice::from_ref(policy), NOW);
    let (first, end) = (slice_of(NOW - 30 * DAY), slice_of(NOW));
    let mut slices = Vec::new();
    for hour in first.div_euclid(HOUR)..=end.div_euclid(HOUR) {
        let within = (hour * HOUR).max(first)..((hour + 1) * HOUR).min(end);
        if edges.has(hour) {
            slices.extend(within.map(|at| (at, count(number, at))));
        } else {
            // What is thinned out below: making all slices would take minutes.
            let sum = within.clone().step_by(7).map(|at| count(number, at));
            let sum = sum.fold(Count::default(), Count::plus);
            slices.push((within.start, Count::new(sum.good * 7, sum.total * 7)));
        }
    }
    let mut tally = Tally::of(slices.into_iter().collect());
    tally.prepare(policy.method);
    tally.thin(|hour| edges.has(hour));
    tally
}

fn group(number: usize) -> Group {
    let policy = Policy {
        objective: Objective::new(999_000_000 - number as u64).unwrap(),
        method: method(number),
        window: Window::Rolling { seconds: 30 * DAY as u64 },
        tiers: DEFAULT_TIERS.to_vec(),
        hold_seconds: 0,
        guards: Guards::default(),
        mode: Mode::Rate,
        no_traffic: Absence::Hold,
        no_telemetry: Absence::Hold,
        exclusions: Vec::new(),
    };
    let tally = tally(number, &policy);
    Group { published: tally.events().clone(), tally, policy, latches: BTreeMap::new() }
}

static GROUPS_MADE: LazyLock<Mutex<Vec<Group>>> =
    LazyLock::new(|| Mutex::new((0..GROUPS).map(group).collect()));

/// Bytes that the process holds.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

fn main() {
    let before = resident();
    LazyLock::force(&GROUPS_MADE);
    let bytes = resident().saturating_sub(before);
    println!(
        "{GROUPS} busy groups hold {} MB, {} kB each",
        bytes / 1_000_000,
        bytes / 1_000 / GROUPS as u64
    );
    divan::main();
    let bytes = resident().saturating_sub(before);
    println!("after all looks {} MB, with what is published apart", bytes / 1_000_000);
}

/// A slice of each changes as events come, and is counted by its method again, beside what was published before.
#[divan::bench(sample_count = 10)]
fn take_events_of_10000_groups(bencher: divan::Bencher<'_, '_>) {
    let mut groups = GROUPS_MADE.lock().unwrap();
    let mut look = 0;
    bencher.bench_local(|| {
        look += 1;
        for group in &mut *groups {
            let at = slice_of(NOW) - 1;
            let slices = BTreeMap::from([(at, (look % 90, 100))]);
            group.tally.take_over(&slices, &BTreeMap::new());
            group.published = group.tally.events().clone();
        }
    });
}

/// Status, burn rates, forecast and all alerts of each.
#[divan::bench(sample_count = 10)]
fn look_at_10000_groups(bencher: divan::Bencher<'_, '_>) {
    let mut groups = GROUPS_MADE.lock().unwrap();
    bencher.bench_local(|| {
        let mut firing = 0;
        for Group { policy, tally, latches, .. } in &mut *groups {
            let facts = Facts {
                counted: tally.counted(policy.method).unwrap(),
                events: tally.events(),
                all_events: tally.events(),
                excluded: &[],
                now: Timestamp(NOW * 1_000_000_000),
                watermark: NOW,
                lag_seconds_max: 60,
                has_failed: false,
                last_heard: Some(NOW),
                silence_seconds_max: 120,
                unmeasured: &[],
                is_group: true,
            };
            for seen in evaluate(policy, &facts).alerts {
                let latch = latches.entry(seen.kind).or_default();
                *latch = latch.next(seen.seen, NOW, seen.temper);
                firing += usize::from(latch.is_firing());
            }
        }
        assert!(firing > 0);
        firing
    });
}
