//! A load-test run, as its generator measured it from outside.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A load-test run. Times are RFC 3339 or Unix ns; latencies whole nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Given by the server when it is left out.
    #[serde(default)]
    pub id: Option<String>,
    /// Runs of one name are compared with each other.
    #[schema(example = "checkout")]
    pub name: String,
    /// What made the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "k6")]
    pub tool: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080")]
    pub target: Option<String>,
    /// Version of what was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub state: State,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pub started_at: String,
    #[serde(default)]
    pub ended_at: Option<String>,
    /// Whether latency counts from when a request was due rather than from when it was sent (coordinated omission).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<bool>,
    /// How far the generator fell behind its schedule at worst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_seconds_max: Option<f64>,
    /// Services that were called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    pub total: Measured,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Point>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Whether all thresholds held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    #[default]
    Finished,
    Aborted,
}

/// What was measured of some requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub requests: u64,
    #[serde(default)]
    pub errors: u64,
    /// Requests per second that were to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended_rate: Option<f64>,
    /// Requests per second that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// A distribution of latencies, in ns: as a histogram, which gives every percentile, or as percentiles alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<f64>,
    /// Highest latency of a bucket and how many there were in it, ascending; at most 20,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<u64>>)]
    pub buckets: Vec<(u64, u64)>,
    /// Percentile (0–100) and latency; worked out of the buckets when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub percentiles: Vec<(f64, u64)>,
}

/// A part of the run with a rate of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    pub name: String,
    pub started_at: String,
    pub ended_at: String,
    #[serde(flatten)]
    pub measured: Measured,
}

/// Requests of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    #[schema(example = "POST /checkout")]
    pub name: String,
    /// The spans that are the same requests, as the service saw them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_name: Option<String>,
    #[serde(flatten)]
    pub measured: Measured,
}

/// What happened in a moment of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    pub at: String,
    /// How long the moment is.
    pub seconds: f64,
    /// Requests that were to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<f64>,
    pub requests: u64,
    #[serde(default)]
    pub errors: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
}

/// A demand made of the run, and whether it held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    #[schema(example = "p99<250ms")]
    pub expression: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "241ms")]
    pub actual: Option<String>,
    pub passed: bool,
}

impl Run {
    /// The run as lists show it.
    pub fn without_details(&self) -> Run {
        let mut run = self.clone();
        run.timeline.clear();
        run.each_measured(|measured| {
            if let Some(latency) = &mut measured.latency {
                latency.buckets.clear();
            }
        });
        run
    }

    /// Calls `visit` with everything that was measured.
    pub fn each_measured(&mut self, mut visit: impl FnMut(&mut Measured)) {
        visit(&mut self.total);
        self.stages.iter_mut().for_each(|stage| visit(&mut stage.measured));
        self.operations.iter_mut().for_each(|operation| visit(&mut operation.measured));
    }
}

impl Latency {
    /// The latency that `percentile` per cent of the requests did not exceed: the bucket of the rank ⌈p/100 · n⌉.
    pub fn percentile(&self, percentile: f64) -> Option<u64> {
        let count: u64 = self.buckets.iter().map(|(_, count)| count).sum();
        if count == 0 {
            return None;
        }
        let rank = ((percentile / 100.0 * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        let mut past = self.buckets.iter().filter(|(_, count)| {
            seen += count;
            seen >= rank
        });
        past.next().map(|(highest, _)| self.max_ns.map_or(*highest, |max| max.min(*highest)))
    }
}
