//! When to try again: what an answer means, how long to wait, and when to leave a receiver alone for a while.

use binnacle_storage::model::Timestamp;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const DELAY_FIRST: Duration = Duration::from_secs(1);

/// A receiver that is back is found within this time.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// A receiver may ask for more than that, but not for ever.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10 * 60);

/// So many failures one after the other, and the receiver is left alone.
const FAILURES_MAX: u32 = 3;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered {
        status: u16,
    },
    /// Trying again would not help.
    Refused {
        status: Option<u16>,
        error: String,
    },
    Failed {
        status: Option<u16>,
        error: String,
        retry_after: Option<Duration>,
    },
}

impl Outcome {
    pub fn status(&self) -> Option<u16> {
        match self {
            Outcome::Delivered { status } => Some(*status),
            Outcome::Refused { status, .. } | Outcome::Failed { status, .. } => *status,
        }
    }

    pub fn error(&self) -> Option<&str> {
        match self {
            Outcome::Delivered { .. } => None,
            Outcome::Refused { error, .. } | Outcome::Failed { error, .. } => Some(error),
        }
    }
}

/// What an answer's status means: the server's failures and 429 may pass, the client's do not.
pub fn judge(status: u16, retry_after: Option<Duration>, detail: &str) -> Outcome {
    let error = || match detail.trim() {
        "" => format!("the answer was {status}"),
        detail => format!("the answer was {status}: {detail}"),
    };
    match status {
        200..=299 => Outcome::Delivered { status },
        429 | 500..=599 => Outcome::Failed { status: Some(status), error: error(), retry_after },
        _ => Outcome::Refused { status: Some(status), error: error() },
    }
}

/// How long to wait after the `failures`-th failure: twice as long each time, and up to a half less by chance, so that many
/// messages do not come back at once. The chance is of `seed`, so that it can be foretold.
pub fn delay(failures: u32, seed: u64) -> Duration {
    let doubled = DELAY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let full = doubled.min(DELAY_MAX);
    let chance = xxh3_64(&[seed.to_le_bytes(), u64::from(failures).to_le_bytes()].concat());
    full.mul_f64(0.5 + 0.5 * (chance % 1024) as f64 / 1024.0)
}

/// When to try again after a failure.
pub fn next_attempt(
    now: Timestamp,
    failures: u32,
    seed: u64,
    retry_after: Option<Duration>,
) -> Timestamp {
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    now.saturating_add(delay(failures, seed).max(asked))
}

/// Keeps us from a receiver that fails: after several failures it gets one attempt at a time, until one succeeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// When the next attempt may be made; `None`: at any time.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Notes a success. `true`: it had been failing.
    pub fn succeed(&mut self) -> bool {
        let was_failing = self.failures > 0;
        *self = Breaker::default();
        was_failing
    }

    /// Notes a failure. `true`: from now on the receiver is left alone.
    pub fn fail(&mut self, now: Timestamp, seed: u64, retry_after: Option<Duration>) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX && retry_after.is_none() {
            return false;
        }
        let was_open = self.open_until.is_some();
        let failures = self.failures.saturating_sub(FAILURES_MAX) + 1;
        self.open_until = Some(next_attempt(now, failures, seed, retry_after));
        !was_open
    }
}

/// `Retry-After`, in seconds or as a date.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_nanos_opt()?;
    Some(Duration::from_nanos(u64::try_from(date.saturating_sub(now.0)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn delays_double_to_a_bound_and_differ_by_seed() {
        for failures in 1..40 {
            let full = 2f64.powi(failures as i32 - 1).min(30.0);
            for seed in 0..50 {
                let seconds = delay(failures, seed).as_secs_f64();
                assert!((full / 2.0..=full).contains(&seconds), "{failures} {seed}: {seconds}");
            }
        }
        assert_ne!(delay(5, 1), delay(5, 2));
        assert_eq!(delay(5, 1), delay(5, 1));
    }

    #[test]
    fn what_the_server_failed_at_is_tried_again() {
        let is_retried = |status| matches!(judge(status, None, ""), Outcome::Failed { .. });
        assert!([500, 502, 503, 599, 429].into_iter().all(is_retried));
        assert!(![200, 202, 204, 301, 400, 401, 404, 410, 422].into_iter().any(is_retried));
        assert_eq!(judge(404, None, " gone\n").error(), Some("the answer was 404: gone"));
    }

    #[test]
    fn a_failing_receiver_is_left_alone_until_it_answers() {
        let mut breaker = Breaker::default();
        let now = |seconds: i64| Timestamp(seconds * SECOND);
        assert!(!breaker.fail(now(0), 1, None));
        assert!(!breaker.fail(now(1), 1, None));
        assert_eq!(breaker.open_until(), None);
        assert!(breaker.fail(now(2), 1, None));
        assert!(breaker.open_until().is_some_and(|until| until > now(2) && until <= now(3)));
        for second in 3..60 {
            assert!(!breaker.fail(now(second), 1, None));
        }
        assert!(breaker.open_until().is_some_and(|until| until <= now(59 + 30)));
        assert!(breaker.succeed());
        assert!(!breaker.succeed());
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_receiver_may_say_when_to_come_back() {
        let wait = |text: &str| retry_after(text, Timestamp(1_795_309_040 * SECOND));
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 22 Nov 2026 00:58:20 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 22 Nov 2020 00:58:20 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        let mut breaker = Breaker::default();
        assert!(breaker.fail(Timestamp(0), 1, Some(Duration::from_secs(9))));
        assert_eq!(breaker.open_until(), Some(Timestamp(9 * SECOND)));
        let far = next_attempt(Timestamp(0), 1, 1, Some(Duration::from_secs(86_400)));
        assert_eq!(far, Timestamp(600 * SECOND));
    }
}
