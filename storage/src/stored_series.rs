//! Stored series: what segments say of the series that were sent last, for who counts them.

use crate::engine::Engine;
use crate::model::{Table, TenantId, Timestamp};
use crate::segment::Segment;
use crate::storage::Decode;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::warn;

/// Rows read per tenant, the newest segments first, so that a start takes seconds at worst.
const ROWS_MAX: u64 = 2_000_000;

/// Tells `decoder` the series of each tenant that arrived within its window. An unreadable segment is passed over.
pub(crate) fn tell_stored_series(engine: &Engine, decoder: &dyn Decode) {
    let Some(window) = decoder.series_window() else { return };
    let mut tenants: BTreeMap<TenantId, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in engine.live.segments() {
        if segment.info().table == Table::Series {
            tenants.entry(segment.info().tenant.clone()).or_default().push(segment);
        }
    }
    for (tenant, mut segments) in tenants {
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.info().ingested_max));
        let newest = segments.first().map_or(Timestamp(0), |first| first.info().ingested_max);
        let since = newest.saturating_sub(window);
        let mut rows = 0;
        for segment in segments {
            let info = segment.info();
            rows += info.rows;
            if info.ingested_max < since || (rows > ROWS_MAX && rows > info.rows) {
                break;
            }
            match block_on(segment.load()).and_then(|file| file.series()) {
                Ok(series) => decoder.stored(&tenant, &series, since),
                Err(error) => warn!(segment = %info.id.0, %error, "series are not counted"),
            }
        }
    }
}
