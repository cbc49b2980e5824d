//! Recent series: those whose rows were stored a short while ago, so that samples alone are enough now.
//!
//! Remote write spells out every series in every request, mostly for one sample. What was made of the same bytes a moment
//! ago need not be made again: neither the series' id nor its row. Only what is durable is remembered, and only for
//! [`KEPT`], so that a series' row is never much older than its points.

use binnacle_storage::model::{SeriesId, TenantId, Timestamp};
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use std::collections::HashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// How long a series does without a new row, in nanoseconds. Far shorter than it takes to count a series as gone.
const KEPT: i64 = 600_000_000_000;

/// Series remembered, some 20 MB; past it all are forgotten and cost what they cost before.
const SERIES_MAX: usize = 300_000;

/// A tenant's series as it is spelled out in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spelling(u128);

#[derive(Debug, Default)]
pub struct RecentSeries(RwLock<HashMap<Spelling, (SeriesId, Timestamp), RandomState>>);

impl RecentSeries {
    /// What one request of a tenant may know.
    pub fn of(&self, tenant: &TenantId, now: Timestamp) -> Known<'_> {
        Known { series: Some(self), seed: xxh3_64(tenant.as_str().as_bytes()), now }
    }

    /// Remembers series whose rows have become durable.
    pub fn remember(&self, series: &[(Spelling, SeriesId)], now: Timestamp) {
        if series.is_empty() {
            return;
        }
        let mut known = self.0.write();
        if known.len() + series.len() > SERIES_MAX {
            known.clear();
        }
        let until = Timestamp(now.0.saturating_add(KEPT));
        known.extend(series.iter().map(|(spelling, id)| (*spelling, (*id, until))));
    }
}

/// What a decoder may know of earlier requests; the default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    series: Option<&'a RecentSeries>,
    seed: u64,
    now: Timestamp,
}

impl Known<'_> {
    pub fn spelling(&self, labels: &[u8]) -> Spelling {
        Spelling(xxh3_128_with_seed(labels, self.seed))
    }

    /// The series, if its row is recent enough.
    pub fn find(&self, spelling: Spelling) -> Option<SeriesId> {
        let (id, until) = self.series?.0.read().get(&spelling).copied()?;
        (self.now < until).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_known_to_their_tenant_for_a_while() {
        let recent = RecentSeries::default();
        let tenants: [TenantId; 2] = [TenantId::default(), "other".parse().unwrap()];
        let id = SeriesId([7; 16]);
        let find = |tenant: &TenantId, labels: &[u8], now: i64| {
            let known = recent.of(tenant, Timestamp(now));
            known.find(known.spelling(labels))
        };
        assert_eq!(find(&tenants[0], b"a", 0), None);
        let spelling = recent.of(&tenants[0], Timestamp(0)).spelling(b"a");
        recent.remember(&[(spelling, id)], Timestamp(0));
        assert_eq!(find(&tenants[0], b"a", KEPT - 1), Some(id));
        assert_eq!(find(&tenants[0], b"a", KEPT), None);
        assert_eq!(find(&tenants[0], b"b", 0), None);
        assert_eq!(find(&tenants[1], b"a", 0), None);
        assert_eq!(Known::default().find(spelling), None);
    }
}
