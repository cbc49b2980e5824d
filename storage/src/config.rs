//! `[storage]` of the configuration.

use crate::model::{Signal, TenantId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[storage]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// Where WAL, segments and the catalog live.
    pub path: PathBuf,
    /// A buffer whose oldest row is older than this is flushed to a segment.
    #[serde(with = "humantime_serde")]
    pub flush_interval: Duration,
    /// A buffer of one tenant and signal is flushed when it holds this many bytes of memory.
    pub flush_bytes_max: u64,
    /// A buffer is also flushed when it holds this many spans, log records or data points: they make a segment worth keeping.
    pub flush_rows_max: u64,
    /// Rows that are not yet in a segment may hold this many bytes of memory over all tenants; past it senders are told
    /// to wait.
    pub buffer_bytes_max: u64,
    /// Rows are deleted this long after both their own time and their arrival. Zero keeps them for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// What spans add up to by minute (SQL tables `red` and `edges`) is kept this long, also when the spans are gone. Zero
    /// keeps it for ever.
    #[serde(with = "humantime_serde")]
    pub rollup_retention: Duration,
    /// All segments together may take this many bytes; the oldest are deleted first. Zero means no limit.
    pub retention_bytes_max: u64,
    /// What else holds for some tenants and signals; for each row the first rule that names its tenant and signal, or leaves
    /// them open. For example `[[storage.retention_rules]]` with `tenant = "shop"`, `signal = "traces"`, `age = "90days"` and
    /// `thin = { after = "1day", keep_one_in = 100, keep_errors = true, keep_slower_than = "1s", keep_severity = 13 }`: of
    /// traces and logs older than a day one in a hundred is kept, whole, with its `weight`, and in full what is named.
    pub retention_rules: Vec<RetentionRule>,
}

/// One of `storage.retention_rules`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Whose rows; everybody's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `traces`, `logs` or `metrics`; all three without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Instead of `storage.retention`. Zero keeps rows for ever.
    #[serde(default, with = "humantime_serde::option", skip_serializing_if = "Option::is_none")]
    pub age: Option<Duration>,
    /// What to keep of old rows; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thin: Option<Thinning>,
}

/// Which rows stay when they have grown old. A trace is judged as a whole: its spans, and the logs with its id, stay or go
/// together. Metrics are never thinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thinning {
    /// Rows stay as they are for so long after their own time and their arrival.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// Of what nothing below keeps in full, one in so many stays, and stands for as many: its `weight`.
    pub keep_one_in: u32,
    /// Keeps traces with a span whose status is an error.
    #[serde(default = "yes")]
    pub keep_errors: bool,
    /// Keeps traces with a span that took at least this long.
    #[serde(default, with = "humantime_serde::option", skip_serializing_if = "Option::is_none")]
    pub keep_slower_than: Option<Duration>,
    /// Keeps logs from this severity number on (13: WARN, 17: ERROR), with their traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_severity: Option<i32>,
}

fn yes() -> bool {
    true
}

impl RetentionRule {
    fn is_for(&self, tenant: &TenantId, signal: Signal) -> bool {
        self.tenant.as_deref().is_none_or(|name| name == tenant.as_str())
            && self.signal.is_none_or(|only| only == signal)
    }
}

impl StorageConfig {
    fn rule(&self, tenant: &TenantId, signal: Signal) -> Option<&RetentionRule> {
        self.retention_rules.iter().find(|rule| rule.is_for(tenant, signal))
    }

    /// How long rows are kept; zero is for ever.
    pub(crate) fn age(&self, tenant: &TenantId, signal: Signal) -> Duration {
        self.rule(tenant, signal).and_then(|rule| rule.age).unwrap_or(self.retention)
    }

    /// What is kept of old rows, when not all.
    pub(crate) fn thinning(&self, tenant: &TenantId, signal: Signal) -> Option<&Thinning> {
        if signal == Signal::Metrics {
            return None;
        }
        self.rule(tenant, signal)?.thin.as_ref()
    }

    /// What is wrong with the rules, each said with its number.
    pub fn check_rules(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, rule) in self.retention_rules.iter().enumerate() {
            let mut problem = |text: String| problems.push(format!("rule {}: {text}", index + 1));
            if let Some(Err(error)) = rule.tenant.as_deref().map(str::parse::<TenantId>) {
                problem(error.to_string());
            }
            if rule.age.is_none() && rule.thin.is_none() {
                problem("it says neither 'age' nor 'thin'".to_owned());
            }
            let Some(thin) = &rule.thin else { continue };
            if thin.keep_one_in == 0 {
                problem("keep_one_in is 0; it must be 1 or more".to_owned());
            }
            if thin.after < THIN_AFTER_MIN {
                let reason = "traces must have ended, and been flushed";
                problem(format!("after is less than ten seconds; {reason}"));
            }
            if rule.signal == Some(Signal::Metrics) {
                problem("metrics cannot be thinned".to_owned());
            }
        }
        problems
    }
}

/// Least age of rows that are thinned.
const THIN_AFTER_MIN: Duration = Duration::from_secs(10);

impl Default for StorageConfig {
    fn default() -> Self {
        StorageConfig {
            path: PathBuf::from("data"),
            flush_interval: Duration::from_secs(60),
            flush_bytes_max: 64 << 20,
            flush_rows_max: 256 << 10,
            buffer_bytes_max: 128 << 20,
            retention: Duration::from_secs(30 * 86_400),
            rollup_retention: Duration::from_secs(400 * 86_400),
            retention_bytes_max: 0,
            retention_rules: Vec::new(),
        }
    }
}
