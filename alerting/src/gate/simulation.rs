//! The rates that the gate states, measured: many made-up deployments, looked at after every block.

use super::{Block, Judge, Settings, VerdictKind};
use crate::slo::Count;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many of `n` are bad.
    fn bad(&mut self, n: u64, rate: f64) -> u64 {
        if rate <= 0.0 {
            return 0;
        }
        // Runs of good events between bad ones: as exact as one draw per event, and quick where few are bad.
        let (mut bad, mut at) = (0, 0.0);
        loop {
            at += ((1.0 - self.next()).ln() / (1.0 - rate.min(1.0 - 1e-12)).ln()).floor() + 1.0;
            if at > n as f64 {
                return bad;
            }
            bad += 1;
        }
    }
}

/// A deployment: events of candidate and baseline per block, and their rates block for block.
struct World {
    name: &'static str,
    events: (u64, u64),
    rates: fn(usize, &mut Random) -> (f64, f64),
}

const BLOCKS: usize = 120;

const SETTINGS: Settings = Settings { alpha: 0.05, margin: 0.01, expected: 0.01 };

/// What a look after every block first decides, and after how many.
fn first_verdict(
    world: &World,
    random: &mut Random,
    settings: Settings,
    stop: VerdictKind,
) -> Option<usize> {
    let mut judge = Judge::new(settings);
    for at in 0..BLOCKS {
        let (p, q) = (world.rates)(at, random);
        let (m, n) = world.events;
        let (bad_m, bad_n) = (random.bad(m, p), random.bad(n, q));
        judge.add(&Block {
            candidate: Count::new(m - bad_m, m),
            baseline: Count::new(n - bad_n, n),
        });
        if judge.kind() == stop {
            return Some(at + 1);
        }
    }
    None
}

/// Of `runs` deployments the share that ever gets such a verdict, and the median number of blocks up to it.
fn rate(world: &World, settings: Settings, stop: VerdictKind, runs: usize) -> (f64, usize) {
    let mut random = Random(7);
    let found = (0..runs).filter_map(|_| first_verdict(world, &mut random, settings, stop));
    let mut after: Vec<usize> = found.collect();
    after.sort_unstable();
    (after.len() as f64 / runs as f64, after.get(after.len() / 2).copied().unwrap_or(0))
}

#[test]
fn candidates_that_are_not_worse_are_rolled_back_no_more_often_than_stated() {
    // The margin is so small that promotion does not end the looking.
    let settings = Settings { margin: 1e-6, ..SETTINGS };
    let worlds = [
        World { name: "1 % of 100 and 100", events: (100, 100), rates: |_, _| (0.01, 0.01) },
        World { name: "a canary of 1 in 50", events: (20, 1000), rates: |_, _| (0.01, 0.01) },
        World { name: "one bad in ten thousand", events: (500, 500), rates: |_, _| (1e-4, 1e-4) },
        World { name: "half of all are bad", events: (50, 50), rates: |_, _| (0.5, 0.5) },
        World {
            name: "outages of both",
            events: (100, 300),
            rates: |at, _| if at % 30 > 25 { (0.6, 0.6) } else { (0.005, 0.005) },
        },
        World {
            name: "rates that wander",
            events: (80, 80),
            rates: |at, _| {
                let rate = 0.02 + 0.019 * (at as f64 / 9.0).sin();
                (rate, rate)
            },
        },
        World {
            name: "bunches of either alone",
            events: (200, 200),
            rates: |_, random| {
                let mut rate = || if random.next() < 0.1 { 0.08 } else { 0.005 };
                (rate(), rate())
            },
        },
    ];
    for world in &worlds {
        let (found, _) = rate(world, settings, VerdictKind::RollBack, 1_000);
        println!(
            "A/A rolled back: {:.1} % ({}), stated {:.0} %",
            found * 100.0,
            world.name,
            settings.alpha * 100.0
        );
        assert!(found <= settings.alpha, "{}: {found}", world.name);
    }
}

#[test]
fn candidates_that_are_worse_by_the_margin_are_promoted_no_more_often_than_stated() {
    let worlds = [
        World { name: "2 % against 1 %", events: (100, 100), rates: |_, _| (0.02, 0.01) },
        World { name: "a canary of 1 in 50", events: (20, 1000), rates: |_, _| (0.02, 0.01) },
        World { name: "1 % against none", events: (200, 200), rates: |_, _| (0.01, 0.0) },
    ];
    for world in &worlds {
        let (found, _) = rate(world, SETTINGS, VerdictKind::Promote, 1_000);
        println!(
            "worse by the margin, promoted: {:.1} % ({}), stated {:.0} %",
            found * 100.0,
            world.name,
            SETTINGS.alpha * 100.0
        );
        assert!(found <= SETTINGS.alpha, "{}: {found}", world.name);
    }
}

#[test]
fn what_is_clear_is_decided_soon() {
    let promoted = |name, events, rates| {
        let (found, after) =
            rate(&World { name, events, rates }, SETTINGS, VerdictKind::Promote, 200);
        println!("promoted: {:.0} % after a median of {after} blocks ({name})", found * 100.0);
        assert!(found > 0.9, "{name}: {found}");
    };
    promoted("1 % against 1 %", (500, 500), |_, _| (0.01, 0.01));
    promoted("better", (500, 500), |_, _| (0.002, 0.01));
    let rolled_back = |name, events, rates| {
        let (found, after) =
            rate(&World { name, events, rates }, SETTINGS, VerdictKind::RollBack, 200);
        println!("rolled back: {:.0} % after a median of {after} blocks ({name})", found * 100.0);
        assert!(found > 0.9, "{name}: {found}");
    };
    rolled_back("5 % against 1 %", (100, 100), |_, _| (0.05, 0.01));
    rolled_back("all fail, a canary of 1 in 50", (20, 1000), |_, _| (1.0, 0.001));
    rolled_back("3 % against 1 %, in bunches", (400, 400), |_, random| {
        let mut rate = |rate: f64| if random.next() < 0.1 { rate * 3.0 } else { rate };
        (rate(0.03), rate(0.01))
    });
}
