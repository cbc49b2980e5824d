//! What is known of targets: for Prometheus's `/targets`.

use super::labels::Labels;
use super::series::Descriptions;
use super::target::Target;
use binnacle_storage::model::{TenantId, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Most dropped targets remembered of one job; they are for debugging rules.
const DROPPED_MAX: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    Up,
    Down,
}

impl Health {
    /// Its name in Prometheus's API.
    pub fn name(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
        }
    }
}

/// One target and its last scrape.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    pub job: String,
    pub discovered_labels: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub url: String,
    pub health: Health,
    /// Empty when the last scrape went well.
    pub last_error: String,
    pub last_scrape: Option<Timestamp>,
    pub last_duration: Duration,
    pub interval: Duration,
    pub timeout: Duration,
    /// What it said of its metrics when it was last scraped well.
    pub descriptions: Arc<Descriptions>,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone)]
pub struct DroppedTarget {
    pub job: String,
    pub discovered_labels: BTreeMap<String, String>,
}

/// The targets of all jobs as they are now. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct ScrapeTargets {
    jobs: Arc<Mutex<Vec<JobStatus>>>,
}

#[derive(Debug)]
struct JobStatus {
    name: String,
    tenant: TenantId,
    active: Vec<SharedStatus>,
    dropped: Vec<BTreeMap<String, String>>,
    dropped_count: usize,
}

/// The status of one target, written by its loop.
pub type SharedStatus = Arc<Mutex<TargetStatus>>;

impl ScrapeTargets {
    /// The tenant's targets, by job in the order configured.
    pub fn active(&self, tenant: &TenantId) -> Vec<TargetStatus> {
        let jobs = self.jobs.lock();
        let jobs = jobs.iter().filter(|job| job.tenant == *tenant);
        jobs.flat_map(|job| job.active.iter().map(|status| status.lock().clone())).collect()
    }

    /// Targets of the tenant's jobs that relabelling dropped, up to a bound.
    pub fn dropped(&self, tenant: &TenantId) -> Vec<DroppedTarget> {
        let jobs = self.jobs.lock();
        let jobs = jobs.iter().filter(|job| job.tenant == *tenant);
        let of = |job: &JobStatus| {
            let one = |labels: &BTreeMap<String, String>| DroppedTarget {
                job: job.name.clone(),
                discovered_labels: labels.clone(),
            };
            job.dropped.iter().map(one).collect::<Vec<_>>()
        };
        jobs.flat_map(of).collect()
    }

    /// How many targets each of the tenant's jobs has dropped.
    pub fn dropped_counts(&self, tenant: &TenantId) -> BTreeMap<String, usize> {
        let jobs = self.jobs.lock();
        let jobs = jobs.iter().filter(|job| job.tenant == *tenant);
        jobs.map(|job| (job.name.clone(), job.dropped_count)).collect()
    }

    /// Puts what a job's targets are now.
    pub(super) fn put(
        &self,
        name: &str,
        tenant: &TenantId,
        active: Vec<SharedStatus>,
        dropped: &[Labels],
    ) {
        let shown = dropped.iter().take(DROPPED_MAX).map(Labels::to_map).collect();
        let status = JobStatus {
            name: name.to_owned(),
            tenant: tenant.clone(),
            active,
            dropped: shown,
            dropped_count: dropped.len(),
        };
        let mut jobs = self.jobs.lock();
        match jobs.iter_mut().find(|job| job.name == name) {
            Some(job) => *job = status,
            None => jobs.push(status),
        }
    }
}

/// The status of a target that was not scraped yet.
pub fn unknown(job: &str, target: &Target) -> SharedStatus {
    Arc::new(Mutex::new(TargetStatus {
        job: job.to_owned(),
        discovered_labels: target.discovered.to_map(),
        labels: target.labels.to_map(),
        url: target.url.to_string(),
        health: Health::Unknown,
        last_error: String::new(),
        last_scrape: None,
        last_duration: Duration::ZERO,
        interval: target.interval,
        timeout: target.timeout,
        descriptions: Arc::default(),
    }))
}
