//! Counts what came of requests: in all, by stage, by operation, and by second.

use crate::latency::Latency;
use crate::schedule::{Arrival, Schedule};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most slots of the timeline; longer tests have wider ones.
const SLOTS_MAX: u64 = 3600;
/// Most kinds of failures that are told apart; the others are counted together.
const FAILURES_MAX: usize = 50;

/// What came of one request. Times count from the begin of the schedule.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub arrival: Arrival,
    pub operation: usize,
    /// When the generator came to it.
    pub sent: Duration,
    pub ended: Duration,
    /// `Err` says why it failed, in a word or two.
    pub result: Result<(), String>,
}

impl Outcome {
    /// From when it was due.
    pub fn elapsed(&self) -> Duration {
        self.ended.saturating_sub(self.arrival.due)
    }

    /// How late the generator was.
    pub fn behind(&self) -> Duration {
        self.sent.saturating_sub(self.arrival.due)
    }
}

/// A part of all requests.
#[derive(Debug, Clone, Default)]
pub struct Part {
    pub requests: u64,
    pub errors: u64,
    /// Of all, also of those that failed.
    pub latency: Latency,
}

impl Part {
    fn add(&mut self, outcome: &Outcome) {
        self.requests += 1;
        self.errors += u64::from(outcome.result.is_err());
        self.latency.record(outcome.elapsed());
    }
}

/// What ended in one slot of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    pub requests: u64,
    pub errors: u64,
    pub p50: u64,
    pub p99: u64,
}

#[derive(Debug)]
pub struct Tally {
    /// How wide a slot is.
    pub slot: Duration,
    pub total: Part,
    pub stages: Vec<Part>,
    /// How many ended while each stage lasted.
    pub ended_within: Vec<u64>,
    pub operations: Vec<Part>,
    pub behind: Latency,
    pub failures: BTreeMap<String, u64>,
    /// When the last one ended.
    pub ended: Duration,
    ends: Vec<Duration>,
    slots: Vec<Slot>,
    open: Part,
    /// What ended since it was last looked at.
    fresh: Part,
}

impl Tally {
    pub fn new(schedule: &Schedule, operations: usize) -> Tally {
        let stages = schedule.stages();
        let seconds = schedule.duration().as_secs_f64().ceil() as u64;
        let mut end = Duration::ZERO;
        let ends = stages.iter().map(|stage| {
            end += stage.duration;
            end
        });
        let ends = ends.collect();
        Tally {
            slot: Duration::from_secs(seconds.div_ceil(SLOTS_MAX).max(1)),
            total: Part::default(),
            stages: vec![Part::default(); stages.len()],
            ended_within: vec![0; stages.len()],
            operations: vec![Part::default(); operations],
            behind: Latency::default(),
            failures: BTreeMap::new(),
            ended: Duration::ZERO,
            ends,
            slots: Vec::new(),
            open: Part::default(),
            fresh: Part::default(),
        }
    }

    pub fn add(&mut self, outcome: &Outcome) {
        // Who comes late, by being counted after a later one, counts in the slot that is open.
        let slot = outcome.ended.as_nanos() / self.slot.as_nanos();
        while (self.slots.len() as u128) < slot {
            self.close_slot();
        }
        self.open.add(outcome);
        self.fresh.add(outcome);
        self.total.add(outcome);
        self.stages[outcome.arrival.stage].add(outcome);
        self.operations[outcome.operation].add(outcome);
        self.behind.record(outcome.behind());
        self.ended = self.ended.max(outcome.ended);
        if let Some(stage) = self.ends.iter().position(|end| outcome.ended < *end) {
            self.ended_within[stage] += 1;
        }
        if let Err(why) = &outcome.result {
            let is_known = self.failures.contains_key(why) || self.failures.len() < FAILURES_MAX;
            let why = if is_known { why.as_str() } else { "others" };
            *self.failures.entry(why.to_owned()).or_default() += 1;
        }
    }

    /// What ended since this was asked last.
    pub fn take_fresh(&mut self) -> Slot {
        let slot = slot_of(&self.fresh);
        clear(&mut self.fresh);
        slot
    }

    /// All slots up to the last one in which something ended.
    pub fn timeline(&self) -> Vec<Slot> {
        let open = (self.open.requests > 0).then(|| slot_of(&self.open));
        self.slots.iter().copied().chain(open).collect()
    }

    fn close_slot(&mut self) {
        self.slots.push(slot_of(&self.open));
        clear(&mut self.open);
    }
}

fn slot_of(part: &Part) -> Slot {
    Slot {
        requests: part.requests,
        errors: part.errors,
        p50: part.latency.percentile(50.0),
        p99: part.latency.percentile(99.0),
    }
}

/// Without giving its memory back.
fn clear(part: &mut Part) {
    part.requests = 0;
    part.errors = 0;
    part.latency.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Stage;

    fn tally() -> Tally {
        let stages = ["2s:2", "2s:4"].map(|text| text.parse::<Stage>().unwrap());
        Tally::new(&Schedule::new(stages.to_vec()).unwrap(), 2)
    }

    fn outcome(stage: usize, due_ms: u64, sent_ms: u64, ended_ms: u64) -> Outcome {
        let [due, sent, ended] = [due_ms, sent_ms, ended_ms].map(Duration::from_millis);
        let arrival = Arrival { number: 0, stage, due };
        Outcome { arrival, operation: stage, sent, ended, result: Ok(()) }
    }

    #[test]
    fn a_stall_is_charged_from_when_each_request_was_due() {
        let mut tally = tally();
        // The generator could send neither before 1500.
        tally.add(&outcome(0, 500, 1500, 1600));
        tally.add(&outcome(0, 1000, 1500, 1600));
        assert_eq!(tally.total.latency.max() / 1_000_000, 1100);
        assert_eq!(tally.behind.max() / 1_000_000, 1000);
        assert_eq!(tally.behind.min() / 1_000_000, 500);
    }

    #[test]
    fn slots_are_those_in_which_requests_ended() {
        let mut tally = tally();
        for ended in [100, 900, 1100, 3900, 4500, 4499] {
            let stage = usize::from(ended > 3000);
            tally.add(&outcome(stage, 50, 50, ended));
        }
        let requests: Vec<u64> = tally.timeline().iter().map(|slot| slot.requests).collect();
        assert_eq!(requests, [2, 1, 0, 1, 2]);
        assert_eq!(tally.ended_within, [3, 1]);
        assert_eq!((tally.stages[0].requests, tally.stages[1].requests), (3, 3));
        assert_eq!(tally.operations[1].requests, 3);
        assert_eq!(tally.take_fresh().requests, 6);
        assert_eq!(tally.take_fresh(), Slot::default());
        assert_eq!(tally.total.requests, 6);
    }

    #[test]
    fn failures_are_counted_by_kind_up_to_a_bound() {
        let mut tally = tally();
        for kind in 0..100 {
            let result = Err(format!("kind {kind}"));
            tally.add(&Outcome { result, ..outcome(0, 1, 1, 2) });
        }
        assert_eq!(tally.failures.len(), FAILURES_MAX + 1);
        assert_eq!(tally.failures["others"], 50);
        assert_eq!((tally.total.errors, tally.total.requests), (100, 100));
    }

    #[test]
    fn long_tests_have_wider_slots() {
        let schedule = Schedule::new(vec!["12h:1".parse().unwrap()]).unwrap();
        assert_eq!(Tally::new(&schedule, 1).slot, Duration::from_secs(12));
    }
}
