//! Catalog cache: the series of each tenant's segments, kept from query to query.

use super::catalog::Layer;
use binnacle_storage::model::TenantId;
use binnacle_storage::segment::SegmentId;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of series that are kept of all tenants together: some hundred thousand series. A tenant that has more is read anew by
/// each query.
const BYTES_MAX: usize = 128 << 20;

/// What a set of segments says.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub segments: BTreeSet<SegmentId>,
    pub layer: Arc<Layer>,
}

/// The tenants asked about last, the latest at the end.
#[derive(Debug, Default)]
pub struct CatalogCache(Mutex<Vec<(TenantId, Known, usize)>>);

impl CatalogCache {
    /// What is known of some of these segments and of no others.
    pub fn find(&self, tenant: &TenantId, segments: &BTreeSet<SegmentId>) -> Known {
        let mut tenants = self.0.lock();
        let Some(at) = tenants.iter().position(|(of, _, _)| of == tenant) else {
            return Known::default();
        };
        let entry = tenants.remove(at);
        // Series of segments that are gone would stay for ever.
        if !entry.1.segments.is_subset(segments) {
            return Known::default();
        }
        let known = entry.1.clone();
        tenants.push(entry);
        known
    }

    pub fn keep(&self, tenant: &TenantId, known: Known) {
        let size = known.layer.size();
        let mut tenants = self.0.lock();
        tenants.retain(|(of, _, _)| of != tenant);
        if size > BYTES_MAX {
            return;
        }
        tenants.push((tenant.clone(), known, size));
        let mut total: usize = tenants.iter().map(|(_, _, size)| size).sum();
        while total > BYTES_MAX {
            total -= tenants.remove(0).2;
        }
    }
}
