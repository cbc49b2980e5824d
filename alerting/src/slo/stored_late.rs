//! Statements about what came late for slices that were long closed: alerts leave it out, also after a restart.

use super::tally::Late;
use binnacle_storage::model::TenantId;
use rusqlite::{Connection, Transaction, params};

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("late.sql");

pub(super) fn list_late(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
) -> rusqlite::Result<Late> {
    let sql = "SELECT slice, good, total FROM slo_late WHERE tenant = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)));
    statement.query_map([tenant.as_str(), key], read)?.collect()
}

/// Replaces `before` by `now`.
pub(super) fn put_late(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    before: &Late,
    now: &Late,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM slo_late WHERE tenant = ?1 AND key = ?2 AND slice = ?3";
    let mut statement = tx.prepare_cached(sql)?;
    for slice in before.keys().filter(|slice| !now.contains_key(slice)) {
        statement.execute(params![tenant.as_str(), key, slice])?;
    }
    let sql = "INSERT OR REPLACE INTO slo_late (tenant, key, slice, good, total) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = tx.prepare_cached(sql)?;
    for (slice, late) in now.iter().filter(|(slice, late)| before.get(slice) != Some(late)) {
        statement.execute(params![tenant.as_str(), key, slice, late.0, late.1])?;
    }
    Ok(())
}
