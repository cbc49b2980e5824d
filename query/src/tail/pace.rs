//! How many rows a tail may give: so many per second, saved up for a few seconds.

use std::time::Instant;

/// Seconds' worth of rows that may come at once after a quiet time.
const SAVED_SECONDS: u32 = 2;

#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(per_second: u32, now: Instant) -> Pace {
        let per_second = f64::from(per_second);
        Pace { per_second, left: per_second * f64::from(SAVED_SECONDS), at: now }
    }

    /// Rows that may be given now.
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.per_second * f64::from(SAVED_SECONDS));
        self.at = now;
        self.left as usize
    }

    pub(super) fn take(&mut self, rows: usize) {
        self.left = (self.left - rows as f64).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rows_are_allowed_again_as_time_passes() {
        let start = Instant::now();
        let mut pace = Pace::new(100, start);
        assert_eq!(pace.allowed(start), 200);
        pace.take(150);
        assert_eq!(pace.allowed(start), 50);
        pace.take(50);
        assert_eq!(pace.allowed(start), 0);
        assert_eq!(pace.allowed(start + Duration::from_millis(500)), 50);
        assert_eq!(pace.allowed(start + Duration::from_secs(60)), 200);
    }
}
