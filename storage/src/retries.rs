//! Retries: the same body sent again is recognised and not stored twice.
//!
//! A request is in flight until the WAL has it, then remembered for ten minutes. One that meets its twin in flight shares
//! its fate.

use crate::model::{Signal, TenantId, Timestamp};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a request is remembered.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// Most requests remembered, about 64 bytes each; past it the oldest are forgotten early.
const REMEMBERED_MAX: usize = 1 << 20;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Stored,
    Duplicate,
    ReadOnly(String),
    Overloaded,
}

/// One request among all tenants' and signals'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey(u128);

impl RequestKey {
    pub fn new(tenant: &TenantId, signal: Signal, content_hash: u128) -> RequestKey {
        let seed =
            xxhash_rust::xxh3::xxh3_64_with_seed(tenant.as_str().as_bytes(), signal.code().into());
        // Odd factors keep tenants apart without a second pass over the body's hash.
        RequestKey(
            content_hash
                ^ (u128::from(seed) << 64 | u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        )
    }
}

/// What to do with a request that arrives.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// New: store it. Its fate comes here.
    First(oneshot::Receiver<Fate>),
    /// Being stored right now: wait for its fate.
    Again(oneshot::Receiver<Fate>),
    Known,
}

#[derive(Debug, Default)]
pub(crate) struct Retries {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_flight: HashMap<RequestKey, Vec<oneshot::Sender<Fate>>>,
    /// Request → when it arrived.
    remembered: HashMap<RequestKey, Timestamp>,
    /// In the order they were remembered.
    order: VecDeque<(Timestamp, RequestKey)>,
}

impl Retries {
    pub fn arrive(&self, key: RequestKey, now: Timestamp) -> Arrival {
        let mut state = self.state.lock();
        if state.knows(key, now) {
            return Arrival::Known;
        }
        let (sender, receiver) = oneshot::channel();
        match state.in_flight.get_mut(&key) {
            Some(waiting) => {
                waiting.push(sender);
                Arrival::Again(receiver)
            }
            None => {
                state.in_flight.insert(key, vec![sender]);
                Arrival::First(receiver)
            }
        }
    }

    /// Whether the request was stored within the last ten minutes before `at`.
    pub fn knows(&self, key: RequestKey, at: Timestamp) -> bool {
        self.state.lock().knows(key, at)
    }

    /// The request is stored: the first sender is told so, the others that theirs was a duplicate.
    pub fn stored(&self, key: RequestKey, arrived_at: Timestamp) {
        let waiting = {
            let mut state = self.state.lock();
            state.remember(key, arrived_at);
            state.in_flight.remove(&key)
        };
        let mut fates = std::iter::once(Fate::Stored).chain(std::iter::repeat(Fate::Duplicate));
        for (sender, fate) in waiting.into_iter().flatten().zip(&mut fates) {
            // A sender that went away needs no answer.
            let _ = sender.send(fate);
        }
    }

    /// The request is not stored; it may come again.
    pub fn refused(&self, key: RequestKey, fate: &Fate) {
        let waiting = self.state.lock().in_flight.remove(&key);
        for sender in waiting.into_iter().flatten() {
            let _ = sender.send(fate.clone());
        }
    }

    /// Remembers a request stored before the last restart.
    pub fn remember(&self, key: RequestKey, arrived_at: Timestamp) {
        self.state.lock().remember(key, arrived_at);
    }
}

impl State {
    fn knows(&self, key: RequestKey, at: Timestamp) -> bool {
        self.remembered.get(&key).is_some_and(|arrived| arrived.saturating_add(REMEMBERED_FOR) > at)
    }

    fn remember(&mut self, key: RequestKey, arrived_at: Timestamp) {
        self.remembered.insert(key, arrived_at);
        self.order.push_back((arrived_at, key));
        while let Some(&(oldest, key)) = self.order.front()
            && (oldest.saturating_add(REMEMBERED_FOR) <= arrived_at
                || self.order.len() > REMEMBERED_MAX)
        {
            self.order.pop_front();
            // Unless it was stored again since.
            if self.remembered.get(&key) == Some(&oldest) {
                self.remembered.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str, signal: Signal) -> RequestKey {
        RequestKey::new(&tenant.parse().unwrap(), signal, 42)
    }

    #[test]
    fn a_retry_in_flight_shares_the_fate_of_the_first() {
        let retries = Retries::default();
        let key = key("a", Signal::Logs);
        let Arrival::First(mut first) = retries.arrive(key, Timestamp(0)) else { panic!() };
        let Arrival::Again(mut again) = retries.arrive(key, Timestamp(0)) else { panic!() };
        retries.refused(key, &Fate::ReadOnly("full".into()));
        assert_eq!(first.try_recv().unwrap(), Fate::ReadOnly("full".into()));
        assert_eq!(again.try_recv().unwrap(), Fate::ReadOnly("full".into()));
        let Arrival::First(mut first) = retries.arrive(key, Timestamp(0)) else { panic!() };
        let Arrival::Again(mut again) = retries.arrive(key, Timestamp(0)) else { panic!() };
        retries.stored(key, Timestamp(0));
        assert_eq!(first.try_recv().unwrap(), Fate::Stored);
        assert_eq!(again.try_recv().unwrap(), Fate::Duplicate);
    }

    #[test]
    fn requests_are_forgotten_after_ten_minutes() {
        let retries = Retries::default();
        let minutes = |minutes: i64| Timestamp(minutes * 60_000_000_000);
        retries.remember(key("a", Signal::Logs), minutes(0));
        assert!(retries.knows(key("a", Signal::Logs), minutes(9)));
        assert!(!retries.knows(key("a", Signal::Logs), minutes(10)));
        assert!(!retries.knows(key("a", Signal::Traces), minutes(9)));
        assert!(!retries.knows(key("b", Signal::Logs), minutes(9)));
        retries.remember(key("b", Signal::Logs), minutes(11));
        assert_eq!(retries.state.lock().remembered.len(), 1);
    }
}
