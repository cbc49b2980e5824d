//! Faults on command: what can break in the shop, and when it does.

use serde::Serialize;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Something that can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    SlowDatabase,
    CacheStampede,
    RetryStorm,
    SagaFailure,
    BadCanary,
    NoisyNeighbour,
    LostCell,
    ExpiredCertificate,
    ClockSkew,
    TelemetryOutage,
}

impl Fault {
    pub const ALL: [Fault; 10] = [
        Fault::SlowDatabase,
        Fault::CacheStampede,
        Fault::RetryStorm,
        Fault::SagaFailure,
        Fault::BadCanary,
        Fault::NoisyNeighbour,
        Fault::LostCell,
        Fault::ExpiredCertificate,
        Fault::ClockSkew,
        Fault::TelemetryOutage,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Fault::SlowDatabase => "slow-database",
            Fault::CacheStampede => "cache-stampede",
            Fault::RetryStorm => "retry-storm",
            Fault::SagaFailure => "saga-failure",
            Fault::BadCanary => "bad-canary",
            Fault::NoisyNeighbour => "noisy-neighbour",
            Fault::LostCell => "lost-cell",
            Fault::ExpiredCertificate => "expired-certificate",
            Fault::ClockSkew => "clock-skew",
            Fault::TelemetryOutage => "telemetry-outage",
        }
    }

    /// What breaks, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Fault::SlowDatabase => "every write to the orders database takes 400 ms longer",
            Fault::CacheStampede => "the cache forgets products at once, and all readers load them",
            Fault::RetryStorm => {
                "payment refuses most calls, and orders tries each up to six times"
            }
            Fault::SagaFailure => "orders cannot be confirmed after payment, and are taken back",
            Fault::BadCanary => "payment 1.9.0 takes half of the calls and fails most of them",
            Fault::NoisyNeighbour => "one customer asks far more often than its rate limit allows",
            Fault::LostCell => "cell b of the gateway is gone",
            Fault::ExpiredCertificate => "the CDN serves a certificate that has expired",
            Fault::ClockSkew => "payment's clock is three seconds fast",
            Fault::TelemetryOutage => "the shop's telemetry reaches nobody",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        Fault::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
            format!("there is no fault '{text}'; there are {}", names.join(", "))
        })
    }
}

/// When a fault is to happen, counted from when the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub fault: Fault,
    pub after: Duration,
    /// For ever, if not said.
    pub lasts: Option<Duration>,
}

impl Plan {
    /// Reads `slow-database`, or `slow-database,after=30s,for=5m`; `duration` reads the times.
    pub fn read(
        text: &str,
        duration: impl Fn(&str) -> Result<Duration, String>,
    ) -> Result<Plan, String> {
        let mut parts = text.split(',');
        let fault = parts.next().unwrap_or_default().trim().parse()?;
        let mut plan = Plan { fault, after: Duration::ZERO, lasts: None };
        for part in parts {
            match part.trim().split_once('=') {
                Some(("after", value)) => plan.after = duration(value)?,
                Some(("for", value)) => plan.lasts = Some(duration(value)?),
                _ => return Err(format!("'{part}' is neither after=TIME nor for=TIME")),
            }
        }
        Ok(plan)
    }
}

/// From when to when, if it was planned.
type Span = Option<(Instant, Option<Instant>)>;

/// Which faults are on. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    spans: Arc<Mutex<[Span; Fault::ALL.len()]>>,
}

/// One fault as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    pub name: &'static str,
    pub about: &'static str,
    pub is_on: bool,
    /// Until it begins, when it is planned for later.
    pub starts_in_ms: Option<u64>,
    /// Until it ends, when it has an end.
    pub ends_in_ms: Option<u64>,
}

impl Faults {
    pub fn is_on(&self, fault: Fault) -> bool {
        is_within(self.lock()[fault.index()], Instant::now())
    }

    pub fn plan(&self, plan: Plan) {
        let from = Instant::now() + plan.after;
        self.lock()[plan.fault.index()] = Some((from, plan.lasts.map(|lasts| from + lasts)));
    }

    /// Ends `fault`, or what was planned of it.
    pub fn end(&self, fault: Fault) {
        self.lock()[fault.index()] = None;
    }

    pub fn list(&self) -> Vec<Standing> {
        let (now, spans) = (Instant::now(), *self.lock());
        let millis = |until: Instant| {
            let left = until.saturating_duration_since(now).as_millis();
            (left > 0).then_some(u64::try_from(left).unwrap_or(u64::MAX))
        };
        let standing = |fault: Fault| {
            let span = spans[fault.index()];
            Standing {
                name: fault.name(),
                about: fault.about(),
                is_on: is_within(span, now),
                starts_in_ms: span.and_then(|(from, _)| millis(from)),
                ends_in_ms: span.and_then(|(_, until)| until).and_then(millis),
            }
        };
        Fault::ALL.into_iter().map(standing).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, [Span; Fault::ALL.len()]> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_within(span: Span, now: Instant) -> bool {
    span.is_some_and(|(from, until)| from <= now && until.is_none_or(|until| now < until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<Duration, String> {
        let number = text.trim_end_matches('s').parse().map_err(|_| format!("no time: {text}"))?;
        Ok(Duration::from_secs(number))
    }

    #[test]
    fn plans_are_read() {
        let read = |text| Plan::read(text, seconds);
        let (fault, second) = (Fault::BadCanary, Duration::from_secs(1));
        let plan = Plan { fault, after: Duration::ZERO, lasts: None };
        assert_eq!(read("bad-canary"), Ok(plan));
        let later = Plan { after: second * 30, lasts: Some(second * 300), ..plan };
        assert_eq!(read("bad-canary,after=30s,for=300s"), Ok(later));
        for wrong in ["", "nothing", "bad-canary,now", "bad-canary,for=x", "bad-canary,in=1s"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_fault_is_found_by_its_name_and_turned_on_alone() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(fault));
            let faults = Faults::default();
            faults.plan(Plan { fault, after: Duration::ZERO, lasts: None });
            let on: Vec<&str> =
                faults.list().into_iter().filter(|one| one.is_on).map(|one| one.name).collect();
            assert_eq!(on, [fault.name()]);
            faults.end(fault);
            assert!(!faults.is_on(fault));
        }
    }

    #[test]
    fn a_planned_fault_begins_and_ends() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let span = Some((now + second, Some(now + 3 * second)));
        let on = [0, 1, 2, 3].map(|at| is_within(span, now + at * second));
        assert_eq!(on, [false, true, true, false]);
    }
}
