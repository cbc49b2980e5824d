//! Data states: whether what was counted says anything about the service.
//!
//! Only measured data may change an alert. Everything else holds it as it is: a page is never resolved because nothing is heard
//! any more, and unmeasured time is never uptime.

/// Shares of a window that must have been measured, in parts per million.
pub const COVERAGE_MIN: u64 = 900_000;

/// The first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataState {
    /// Counting failed; what is known is of before.
    QueryError,
    /// What is counted ends too long ago.
    Stale,
    /// Those who sent telemetry have gone silent.
    NoTelemetry,
    /// Too little of the window was measured.
    LowCoverage,
    /// Measured, and there was no event.
    NoTraffic,
    Measured,
}

impl DataState {
    pub fn name(self) -> &'static str {
        match self {
            DataState::QueryError => "query_error",
            DataState::Stale => "stale",
            DataState::NoTelemetry => "no_telemetry",
            DataState::LowCoverage => "low_coverage",
            DataState::NoTraffic => "no_traffic",
            DataState::Measured => "measured",
        }
    }
}

/// What is known about a window beside its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    pub has_failed: bool,
    /// Seconds from the end of what is counted to now, and how many are usual.
    pub lag_seconds: u64,
    pub lag_seconds_max: u64,
    pub is_silent: bool,
    /// In parts per million.
    pub coverage: u64,
    pub total: u64,
}

pub fn data_state(evidence: &Evidence) -> DataState {
    if evidence.has_failed {
        DataState::QueryError
    } else if evidence.lag_seconds > evidence.lag_seconds_max {
        DataState::Stale
    } else if evidence.is_silent && evidence.total == 0 {
        DataState::NoTelemetry
    } else if evidence.coverage < COVERAGE_MIN {
        DataState::LowCoverage
    } else if evidence.total == 0 {
        DataState::NoTraffic
    } else {
        DataState::Measured
    }
}

/// What a window without events counts as, where its owner knows better than to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Absence {
    /// Alerts stay as they are.
    #[default]
    Hold,
    /// As if all had been good: alerts resolve.
    Good,
    /// As if all had failed.
    Bad,
}

impl Absence {
    pub fn from_name(name: &str) -> Option<Absence> {
        match name {
            "hold" => Some(Absence::Hold),
            "good" => Some(Absence::Good),
            "bad" => Some(Absence::Bad),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Absence::Hold => "hold",
            Absence::Good => "good",
            Absence::Bad => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Evidence = Evidence {
        has_failed: false,
        lag_seconds: 20,
        lag_seconds_max: 60,
        is_silent: false,
        coverage: 1_000_000,
        total: 5,
    };

    #[test]
    fn the_first_state_that_applies_counts() {
        let states = [
            (FINE, DataState::Measured),
            (Evidence { total: 0, ..FINE }, DataState::NoTraffic),
            (Evidence { total: 0, coverage: 899_999, ..FINE }, DataState::LowCoverage),
            (Evidence { coverage: 900_000, ..FINE }, DataState::Measured),
            (Evidence { is_silent: true, total: 0, coverage: 0, ..FINE }, DataState::NoTelemetry),
            (Evidence { is_silent: true, ..FINE }, DataState::Measured),
            (Evidence { lag_seconds: 61, is_silent: true, ..FINE }, DataState::Stale),
            (Evidence { has_failed: true, lag_seconds: 99, ..FINE }, DataState::QueryError),
        ];
        for (evidence, state) in states {
            assert_eq!(data_state(&evidence), state, "{evidence:?}");
        }
    }
}
