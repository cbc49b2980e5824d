//! Token buckets: how much each key may ask. A bucket fills at its rate, up to twice what a second brings.

use super::KEYS;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const BURST_SECONDS: f64 = 2.0;

/// The buckets of all keys.
#[derive(Debug)]
pub struct Limits {
    buckets: Mutex<[Bucket; KEYS.len()]>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Limits {
    pub fn new(now: Instant) -> Limits {
        let full = |rate: f64| Bucket { tokens: rate * BURST_SECONDS, filled: now };
        Limits { buckets: Mutex::new(KEYS.map(|(_, _, rate)| full(rate))) }
    }

    /// Takes a token of the key at `index`, or says after what time there is one.
    pub fn take(&self, index: usize, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets[index].take(KEYS[index].2, now)
    }
}

impl Bucket {
    fn take(&mut self, rate: f64, now: Instant) -> Result<(), Duration> {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * rate).min(rate * BURST_SECONDS);
        self.filled = now;
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / rate));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_in_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: 4.0, filled: start };
        let taken = (0..10).filter(|_| bucket.take(2.0, start).is_ok()).count();
        assert_eq!(taken, 4);
        assert_eq!(bucket.take(2.0, start), Err(Duration::from_millis(500)));
        let later = start + Duration::from_millis(1500);
        let taken = (0..10).filter(|_| bucket.take(2.0, later).is_ok()).count();
        assert_eq!(taken, 3);
        let much_later = later + Duration::from_secs(3600);
        let taken = (0..10).filter(|_| bucket.take(2.0, much_later).is_ok()).count();
        assert_eq!(taken, 4);
    }
}
