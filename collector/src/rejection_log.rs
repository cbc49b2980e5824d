//! Rejection log: the latest rejected records and requests of each tenant, for the `ingest_rejections` table.

use binnacle_storage::model::{Signal, TenantId, Timestamp};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Entries kept per tenant; older ones make room.
const ENTRIES_MAX: usize = 512;

/// Tenants remembered; past it the one that was quiet longest makes room.
const TENANTS_MAX: usize = 1024;

/// Longest reason kept.
const REASON_BYTES_MAX: usize = 512;

/// Records of one request that were rejected for one reason, or a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionEntry {
    pub time: Timestamp,
    pub signal: Signal,
    pub reason: String,
    /// Records rejected; 0 when the request was refused whole, so that nobody counted them.
    pub records: u64,
    /// `service.name` of the sender, empty when not known.
    pub service: String,
    pub client: Option<IpAddr>,
}

/// Totals of one tenant since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectionTotals {
    pub records: u64,
    pub requests: u64,
}

#[derive(Debug, Default)]
struct TenantLog {
    entries: VecDeque<RejectionEntry>,
    totals: RejectionTotals,
}

/// Rejections of all tenants, bounded.
#[derive(Debug, Default)]
pub struct RejectionLog {
    tenants: Mutex<HashMap<TenantId, TenantLog>>,
}

impl RejectionLog {
    pub fn add(&self, tenant: &TenantId, mut entry: RejectionEntry) {
        let end = entry.reason.floor_char_boundary(REASON_BYTES_MAX);
        entry.reason.truncate(end);
        let mut tenants = self.tenants.lock();
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(tenant) {
            forget_quietest(&mut tenants);
        }
        let log = tenants.entry(tenant.clone()).or_default();
        if entry.records == 0 {
            log.totals.requests += 1;
        } else {
            log.totals.records += entry.records;
        }
        if log.entries.len() == ENTRIES_MAX {
            log.entries.pop_front();
        }
        log.entries.push_back(entry);
    }

    /// The tenant's latest entries, newest first.
    pub fn entries(&self, tenant: &TenantId) -> Vec<RejectionEntry> {
        let tenants = self.tenants.lock();
        let entries = tenants.get(tenant).map(|log| log.entries.iter().rev().cloned().collect());
        entries.unwrap_or_default()
    }

    pub fn totals(&self, tenant: &TenantId) -> RejectionTotals {
        self.tenants.lock().get(tenant).map(|log| log.totals).unwrap_or_default()
    }
}

fn forget_quietest(tenants: &mut HashMap<TenantId, TenantLog>) {
    let last_time = |log: &TenantLog| log.entries.back().map(|entry| entry.time);
    let quietest = tenants.iter().min_by_key(|(_, log)| last_time(log));
    if let Some(quietest) = quietest.map(|(tenant, _)| tenant.clone()) {
        tenants.remove(&quietest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: i64, records: u64) -> RejectionEntry {
        RejectionEntry {
            time: Timestamp(time),
            signal: Signal::Logs,
            reason: "x".repeat(1000),
            records,
            service: String::new(),
            client: None,
        }
    }

    #[test]
    fn the_log_keeps_the_latest_and_counts_all() {
        let log = RejectionLog::default();
        let tenant = TenantId::default();
        for time in 0..1000 {
            log.add(&tenant, entry(time, 2));
        }
        log.add(&tenant, entry(1000, 0));
        let entries = log.entries(&tenant);
        assert_eq!((entries.len(), entries[0].time), (ENTRIES_MAX, Timestamp(1000)));
        assert_eq!(entries[0].reason.len(), REASON_BYTES_MAX);
        assert_eq!(log.totals(&tenant), RejectionTotals { records: 2000, requests: 1 });
        assert!(log.entries(&"other".parse().unwrap()).is_empty());
    }

    #[test]
    fn tenants_are_bounded() {
        let log = RejectionLog::default();
        for number in 0..TENANTS_MAX as i64 + 10 {
            log.add(&format!("t{number}").parse().unwrap(), entry(number, 1));
        }
        assert_eq!(log.tenants.lock().len(), TENANTS_MAX);
        assert!(log.entries(&"t0".parse().unwrap()).is_empty());
    }
}
