//! Who is to blame for an event: its deepest failing span, or else what took longer than usual, each by how much.
//!
//! Usual is what the same operation took itself, span by span, in the time before; without enough of it, in good events. A call's own
//! time is the way between two services, and either end may be slow: it is the end whose other calls are slow as well, or else
//! the one that was called.

use super::anatomy::{Anatomy, Part};
use super::names::Names;
use super::record::How;
use std::collections::HashMap;

/// As many measurements of the time before are enough to say what is usual.
const ENOUGH: usize = 3;

/// Of the measurements of what is usual so many are below what counts as slow: 95 of 100.
const SLOW_AT: f64 = 0.95;

/// The caller is to blame only where at least this share of its other calls is slow.
const CALLER_SHARE: f64 = 0.5;

/// What is usual for a component, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Usual {
    median: i64,
    high: i64,
}

#[derive(Debug, Default)]
pub(super) struct Blame {
    usual: HashMap<usize, Usual>,
    /// Service → service it is to blame for, by component.
    culprits: Vec<usize>,
    hows: Vec<How>,
}

/// What one event blames a component for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub component: usize,
    pub how: How,
    /// All of an event add up to 1.
    pub share: f64,
}

impl Blame {
    /// `bad` are the bad events of the window, `before` events of the time before, `good` the window's good ones.
    pub fn of(names: &Names, bad: &[Anatomy], good: &[Anatomy], before: &[Anatomy]) -> Blame {
        let usual = usual(good, before);
        let mut blame = Blame { usual, culprits: Vec::new(), hows: Vec::new() };
        let calls = blame.calls(names, bad);
        for component in &names.components {
            let own = names.find_service(&component.service).unwrap_or_default();
            let callee = component.callee.as_deref().and_then(|name| names.find_service(name));
            let (culprit, how) = match callee {
                Some(callee) if component.is_callee_seen => {
                    (calls.end_to_blame(own, callee), How::Call)
                }
                // Only named: believed where it is a service that is known.
                Some(callee) => (callee, How::Call),
                None => (own, How::Slow),
            };
            blame.culprits.push(culprit);
            blame.hows.push(how);
        }
        blame
    }

    /// The service to blame for what a component spends.
    pub fn culprit(&self, component: usize) -> usize {
        self.culprits[component]
    }

    pub fn usual(&self, component: usize) -> Option<i64> {
        self.usual.get(&component).map(|usual| usual.median)
    }

    /// Nanoseconds that a part took longer than usual.
    pub fn excess(&self, part: &Part) -> i64 {
        let usual = self.usual(part.component).unwrap_or(0);
        part.nanos.saturating_sub(usual).max(0)
    }

    /// Divides an event among those to blame.
    pub fn shares(&self, event: &Anatomy) -> Vec<Share> {
        if let Some(failure) = &event.failure {
            return vec![Share { component: failure.component, how: How::Failing, share: 1.0 }];
        }
        let excess: Vec<i64> = event.parts.iter().map(|part| self.excess(part)).collect();
        let whole: f64 = excess.iter().map(|nanos| *nanos as f64).sum();
        // Nothing took longer than usual: it is as it always is, wherever its time goes.
        let weigh =
            |index: usize| if whole > 0.0 { excess[index] } else { event.parts[index].nanos };
        let all: f64 = (0..event.parts.len()).map(|index| weigh(index) as f64).sum();
        let mut shares: Vec<Share> = Vec::new();
        for (index, part) in event.parts.iter().enumerate() {
            let share = weigh(index) as f64 / all;
            if share > 0.0 {
                let (component, how) = (part.component, self.hows[part.component]);
                shares.push(Share { component, how, share });
            }
        }
        shares
    }

    /// The span of an event that is to blame the most, and for what.
    pub fn worst<'a>(&self, event: &'a Anatomy) -> Option<(&'a Part, How)> {
        if let Some(failure) = &event.failure {
            return Some((failure, How::Failing));
        }
        let worst = event.parts.iter().max_by_key(|part| (self.excess(part), part.nanos))?;
        Some((worst, self.hows[worst.component]))
    }

    fn calls(&self, names: &Names, bad: &[Anatomy]) -> Calls {
        let mut calls = Calls::default();
        for part in bad.iter().flat_map(|event| &event.parts) {
            let component = &names.components[part.component];
            let caller = names.find_service(&component.service);
            let callee = component.callee.as_deref().and_then(|name| names.find_service(name));
            if let (Some(caller), Some(callee), true) = (caller, callee, component.is_callee_seen) {
                let high = self.usual.get(&part.component).map_or(0, |usual| usual.high);
                let count = calls.0.entry((caller, callee)).or_default();
                count.0 += u64::from(part.nanos > high);
                count.1 += 1;
            }
        }
        calls
    }
}

/// Calls in bad events, by caller and callee: slow ones, and all.
#[derive(Debug, Default)]
struct Calls(HashMap<(usize, usize), (u64, u64)>);

impl Calls {
    fn end_to_blame(&self, caller: usize, callee: usize) -> usize {
        let of_caller = self.slow_share(caller, (caller, callee));
        let of_callee = self.slow_share(callee, (caller, callee));
        if of_caller >= CALLER_SHARE && of_caller > of_callee { caller } else { callee }
    }

    /// Of the calls from and to a service, without those between two given ones.
    fn slow_share(&self, service: usize, without: (usize, usize)) -> f64 {
        let of =
            |ends: &(usize, usize)| *ends != without && (ends.0 == service || ends.1 == service);
        let others = self.0.iter().filter(|(ends, _)| of(ends)).map(|(_, count)| *count);
        let (slow, all) = others.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        if all == 0 { 0.0 } else { slow as f64 / all as f64 }
    }
}

fn usual(good: &[Anatomy], before: &[Anatomy]) -> HashMap<usize, Usual> {
    let (mut all, good) = (measured(before), measured(good));
    for (component, more) in good {
        let known: &mut Vec<i64> = all.entry(component).or_default();
        if known.len() < ENOUGH {
            known.extend(more);
        }
    }
    let of = |(component, mut nanos): (usize, Vec<i64>)| {
        nanos.sort_unstable();
        let at = |share: f64| {
            let rank = (share * nanos.len() as f64).ceil() as usize;
            nanos[rank.clamp(1, nanos.len()) - 1]
        };
        (component, Usual { median: at(0.5), high: at(SLOW_AT) })
    };
    all.into_iter().filter(|(_, nanos)| !nanos.is_empty()).map(of).collect()
}

fn measured(events: &[Anatomy]) -> HashMap<usize, Vec<i64>> {
    let mut measured: HashMap<usize, Vec<i64>> = HashMap::new();
    for part in events.iter().flat_map(|event| &event.parts) {
        measured.entry(part.component).or_default().push(part.nanos);
    }
    measured
}
