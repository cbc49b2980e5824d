//! How SLOs stood at the last look.

use super::counting::Counting;
use super::evaluate::Status;
use super::history::History;
use super::latch::Latch;
use super::spec::Slo;
use super::stored::SpecVersion;
use binnacle_query::sli::SliGroup;
use std::ops::Range;
use std::sync::Arc;

/// An SLO in force.
#[derive(Debug, PartialEq)]
pub struct Loaded {
    pub version: SpecVersion,
    pub slo: Slo,
}

/// How an SLO stood at the last look.
#[derive(Debug)]
pub struct Standing {
    pub loaded: Arc<Loaded>,
    /// Unix seconds.
    pub at: i64,
    pub objectives: Vec<ObjectiveStanding>,
}

#[derive(Debug)]
pub struct ObjectiveStanding {
    pub status: Status,
    /// In the order of `status.alerts`.
    pub latches: Vec<Latch>,
    pub counting: CountingStanding,
    pub events: History,
    /// The events without those that came late; `None` where none did.
    pub prompt: Option<History>,
    /// Slices that were not measured.
    pub unmeasured: Vec<Range<i64>>,
    /// Of an SLO whose events are told apart; the last may be the overflow.
    pub groups: Vec<GroupStanding>,
}

/// How a group stood.
#[derive(Debug)]
pub struct GroupStanding {
    pub group: SliGroup,
    pub status: Status,
    /// In the order of `status.alerts`.
    pub latches: Vec<Latch>,
    /// Of hours long past the sums alone: see [`Slos::events_of_group`](super::Slos::events_of_group).
    pub events: History,
    /// Nothing of it came for so long that its alerts are over.
    pub is_gone: bool,
}

/// How counting an SLI stands.
#[derive(Debug)]
pub struct CountingStanding {
    pub key: String,
    pub is_counted: bool,
    /// Segments of the first count done, and all of them.
    pub progress: (usize, usize),
    pub is_estimate: bool,
    pub lost_segments: u64,
    /// Events that were of a later time than they arrived, and count for nothing.
    pub future_events: u64,
    /// Events that came so late that alerts leave them out.
    pub late_events: u64,
    pub failure: Option<String>,
    /// Unix seconds.
    pub watermark: i64,
    pub settle_seconds: i64,
    pub last_heard: Option<i64>,
}

impl CountingStanding {
    pub(super) fn of(counting: &Counting) -> CountingStanding {
        CountingStanding {
            key: counting.sli.key(),
            is_counted: counting.counted_to.is_some(),
            progress: counting.progress,
            is_estimate: counting.is_estimate,
            lost_segments: counting.lost_segments,
            future_events: counting.future.0 + counting.future.1,
            late_events: counting.all().late_events(),
            failure: counting.failure.clone(),
            watermark: counting.watermark,
            settle_seconds: counting.settle_seconds,
            last_heard: counting.last_heard(),
        }
    }
}
