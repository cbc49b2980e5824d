//! Borders: WAL positions at which segments are not joined.
//!
//! Whoever counts each segment once in its life names how far it has come. Compaction then joins what is counted with what
//! is counted, and what is not with what is not, so that a joined segment is always wholly one or the other. Borders survive a
//! restart, since compaction begins before anybody counts.

use crate::catalog::Catalog;
use crate::live::Live;
use crate::model::{Table, TenantId};
use crate::segment::SegmentInfo;
use crate::{Error, Storage};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// Whose segments, and the positions.
pub(crate) type Positions = BTreeMap<(TenantId, Table), BTreeSet<u64>>;

#[derive(Debug, Default)]
pub(crate) struct Borders {
    /// Held while compaction lists segments and plans, so that no plan misses a border that lies among what it lists.
    pub positions: Mutex<Positions>,
}

/// How many borders lie before a segment: those with the same number may be joined.
pub(crate) fn side(positions: &Positions, segment: &SegmentInfo) -> usize {
    let borders = positions.get(&(segment.tenant.clone(), segment.table));
    borders.map_or(0, |borders| borders.range(..segment.wal_from).count())
}

impl Borders {
    /// Adds a border after all segments there are.
    fn add(
        &self,
        live: &Live,
        catalog: &Mutex<Box<dyn Catalog>>,
        tenant: &TenantId,
        table: Table,
    ) -> Result<u64, Error> {
        let mut positions = self.positions.lock();
        let segments = live.all_segments();
        let own = segments.iter().map(|segment| segment.info());
        let own = own.filter(|info| info.tenant == *tenant && info.table == table);
        let last = own.map(|info| info.wal_to).max().unwrap_or(0);
        let borders = positions.entry((tenant.clone(), table)).or_default();
        if borders.insert(last) {
            let stored = catalog.lock().store_borders(tenant, table, borders);
            if stored.is_err() {
                borders.remove(&last);
            }
            stored?;
        }
        Ok(last)
    }

    fn replace(
        &self,
        catalog: &Mutex<Box<dyn Catalog>>,
        tenant: &TenantId,
        table: Table,
        borders: BTreeSet<u64>,
    ) -> Result<(), Error> {
        let mut positions = self.positions.lock();
        let key = (tenant.clone(), table);
        if positions.get(&key) == Some(&borders) {
            return Ok(());
        }
        catalog.lock().store_borders(tenant, table, &borders)?;
        positions.insert(key, borders);
        Ok(())
    }
}

impl Storage {
    /// The WAL position up to which the rows of `table` are in segments. From now on no segment that ends there or before is
    /// joined with one that begins after it, until [`Storage::keep_borders`] leaves the position out.
    pub async fn add_border(&self, tenant: &TenantId, table: Table) -> Result<u64, Error> {
        let (engine, tenant) = (self.engine().clone(), tenant.clone());
        let added = tokio::task::spawn_blocking(move || {
            engine.borders.add(&engine.live, &engine.catalog, &tenant, table)
        });
        added.await.map_err(|_| Error::ShuttingDown)?
    }

    /// From now on these are the only borders between the segments of `table`.
    pub async fn keep_borders(
        &self,
        tenant: &TenantId,
        table: Table,
        positions: BTreeSet<u64>,
    ) -> Result<(), Error> {
        let (engine, tenant) = (self.engine().clone(), tenant.clone());
        let kept = tokio::task::spawn_blocking(move || {
            engine.borders.replace(&engine.catalog, &tenant, table, positions)
        });
        kept.await.map_err(|_| Error::ShuttingDown)?
    }
}
