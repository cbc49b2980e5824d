//! Power cuts at random places: whatever was acknowledged is there exactly once, whatever was not, at most once.
//!
//! `BINNACLE_CRASH_SEED` runs one seed, `BINNACLE_CRASH_RUNS` sets how many are tried.

use super::*;
use std::collections::BTreeMap;

/// SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Lets a number of operations pass; the next is cut short, and after it nothing reaches the disk.
#[derive(Debug)]
struct PowerCut {
    state: Mutex<(u64, Random)>,
}

impl PowerCut {
    fn after(operations: u64, random: &mut Random) -> Arc<PowerCut> {
        Arc::new(PowerCut { state: Mutex::new((operations, Random(random.next()))) })
    }

    fn is_off(&self) -> bool {
        self.state.lock().0 == 0
    }
}

impl Faults for PowerCut {
    fn before(&self, operation: Operation) -> Verdict {
        let mut state = self.state.lock();
        let error = io::Error::other("the power is off");
        match (state.0, operation) {
            (0, _) => Verdict::Fail(error),
            (1, Operation::WriteWal { bytes }) => {
                state.0 = 0;
                Verdict::Cut { bytes: state.1.below(bytes as u64 + 1) as usize, error }
            }
            (1, _) => {
                state.0 = 0;
                Verdict::Fail(error)
            }
            _ => {
                state.0 -= 1;
                Verdict::Go
            }
        }
    }
}

/// What was sent, and what we were told about it.
#[derive(Debug, Default)]
struct Ledger {
    /// Text of a request → whether it was acknowledged.
    sent: BTreeMap<String, bool>,
}

impl Ledger {
    async fn send(&mut self, storage: &Storage, text: String, clock: &TestClock) {
        let is_acknowledged = append(storage, &text, clock).await.is_ok();
        *self.sent.entry(text).or_default() |= is_acknowledged;
    }

    async fn check(&self, storage: &Storage, seed: u64, when: &str) {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for body in bodies(storage).await {
            *counts.entry(body).or_default() += 1;
        }
        for (text, is_acknowledged) in &self.sent {
            for line in text.lines() {
                let count = counts.remove(line).unwrap_or(0);
                assert!(
                    count == 1 || count == 0 && !is_acknowledged,
                    "seed {seed}, {when}: {line:?} is there {count} times, acknowledged: {is_acknowledged}"
                );
            }
        }
        assert!(counts.is_empty(), "seed {seed}, {when}: rows nobody sent: {counts:?}");
    }
}

async fn run(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    let clock = TestClock::at(NOW);
    let mut ledger = Ledger::default();
    let mut next = 0;
    for life in 0..4 {
        let power = PowerCut::after(1 + random.below(70), &mut random);
        let buffer_bytes_max = if random.below(4) == 0 { 100_000 } else { 256 << 20 };
        let config = StorageConfig { buffer_bytes_max, ..config(directory.path()) };
        // The power may go while recovery flushes or cuts a torn tail.
        let Ok((storage, _)) = open_with(power.clone(), config, clock.clone()).await else {
            continue;
        };
        ledger.check(&storage, seed, &format!("life {life} begins")).await;
        for _ in 0..25 {
            match random.below(10) {
                0 => drop(storage.flush().await),
                1 => drop(storage.compact().await),
                2 => {
                    // A retry of something, answered or not.
                    let index = random.below(ledger.sent.len().max(1) as u64) as usize;
                    if let Some(text) = ledger.sent.keys().nth(index).cloned() {
                        ledger.send(&storage, text, &clock).await;
                    }
                }
                3 => {
                    let texts: Vec<String> =
                        (0..4).map(|i| body(&mut random, &format!("{next}-{i}"))).collect();
                    next += 1;
                    let sends = texts.iter().map(|text| append(&storage, text, &clock));
                    let answers = futures::future::join_all(sends).await;
                    for (text, answer) in texts.into_iter().zip(answers) {
                        *ledger.sent.entry(text).or_default() |= answer.is_ok();
                    }
                }
                _ => {
                    let text = body(&mut random, &next.to_string());
                    next += 1;
                    ledger.send(&storage, text, &clock).await;
                }
            }
            if power.is_off() {
                break;
            }
        }
        ledger.check(&storage, seed, &format!("life {life} ends")).await;
        if random.below(4) == 0 {
            let _ = storage.shutdown().await;
        }
    }
    let (storage, _) = open(directory.path(), &clock).await;
    ledger.check(&storage, seed, "the last life").await;
    let unanswered: Vec<String> = ledger
        .sent
        .iter()
        .filter(|(_, acknowledged)| !**acknowledged)
        .map(|(text, _)| text.clone())
        .collect();
    for text in unanswered {
        ledger.send(&storage, text, &clock).await;
    }
    storage.compact().await.unwrap();
    storage.flush().await.unwrap();
    assert!(ledger.sent.values().all(|acknowledged| *acknowledged));
    ledger.check(&storage, seed, "after all retries").await;
}

/// A body of a few lines, sometimes longer than a block.
fn body(random: &mut Random, name: &str) -> String {
    let lines = 1 + random.below(3);
    let mut text: Vec<String> = (0..lines).map(|line| format!("{name}.{line}")).collect();
    if random.below(3) == 0 {
        text[0].extend(std::iter::repeat_n('x', random.below(20_000) as usize));
    }
    text.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_request_survives_power_cuts_exactly_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("BINNACLE_CRASH_SEED") {
        return run(seed).await;
    }
    for seed in 0..number("BINNACLE_CRASH_RUNS").unwrap_or(20) {
        run(seed).await;
    }
}
