//! A circuit breaker: opens when nearly all of the newest calls failed, and after a while lets one call try.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calls that are remembered, and how many of them must have failed.
const CALLS: usize = 20;
const FAILED_MIN: usize = 19;
const OPEN: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether each of the newest calls failed.
    calls: VecDeque<bool>,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may go; if not, after what time to ask again.
    pub fn ask(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            None => Ok(()),
            Some(until) if now < until => Err(until - now),
            // This one tries. The next may when nothing was heard of it.
            Some(_) => {
                state.open_until = Some(now + OPEN);
                Ok(())
            }
        }
    }

    /// How a call went.
    pub fn tell(&self, has_failed: bool, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open_until.is_some() {
            state.open_until = has_failed.then_some(now + OPEN);
            state.calls.clear();
            return;
        }
        if state.calls.len() == CALLS {
            state.calls.pop_front();
        }
        state.calls.push_back(has_failed);
        let failed = state.calls.iter().filter(|has_failed| **has_failed).count();
        if failed >= FAILED_MIN {
            state.open_until = Some(now + OPEN);
        }
    }

    pub fn is_open(&self, now: Instant) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_when_nearly_all_fail_and_closes_when_one_gets_through() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for call in 0..CALLS {
            assert_eq!(breaker.ask(start), Ok(()), "{call}");
            breaker.tell(call > 0, start);
        }
        assert!(breaker.is_open(start));
        assert_eq!(breaker.ask(start), Err(OPEN));
        // One may try; the others wait for it.
        let later = start + OPEN;
        assert_eq!(breaker.ask(later), Ok(()));
        assert_eq!(breaker.ask(later), Err(OPEN));
        breaker.tell(true, later);
        assert_eq!(breaker.ask(later), Err(OPEN));
        let last = later + OPEN;
        assert_eq!(breaker.ask(last), Ok(()));
        breaker.tell(false, last);
        assert_eq!(breaker.ask(last), Ok(()));
        assert!(!breaker.is_open(last));
    }

    #[test]
    fn some_failures_open_nothing() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for call in 0..200 {
            assert_eq!(breaker.ask(start), Ok(()));
            breaker.tell(call % 10 != 0, start);
        }
    }
}
