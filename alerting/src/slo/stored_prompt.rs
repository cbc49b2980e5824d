//! Statements about hours of which something came late, as they are without that: alerts are judged by these, also after a
//! restart.

use super::blob::{self, Hour};

use binnacle_storage::model::TenantId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("prompt.sql");

/// The member that is the SLI as a whole.
pub(super) const WHOLE: &str = "";

/// An SLI, or a group of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub tenant: &'a TenantId,
    pub key: &'a str,
    /// [`WHOLE`], or the text of a group.
    pub member: &'a str,
}

/// All such hours from one on.
pub(super) fn list_hours(
    connection: &Connection,
    place: Place<'_>,
    from_hour: i64,
) -> rusqlite::Result<Vec<(i64, Hour)>> {
    let sql = "SELECT hour, slices FROM slo_prompt \
               WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour >= ?4 ORDER BY hour";
    let mut statement = connection.prepare_cached(sql)?;
    let of = params![place.tenant.as_str(), place.key, place.member, from_hour];
    let mut rows = statement.query(of)?;
    let mut hours = Vec::new();
    while let Some(row) = rows.next()? {
        hours.push((row.get(0)?, decode(&row.get::<_, Vec<u8>>(1)?, place)?));
    }
    Ok(hours)
}

pub(super) fn find_hour(
    connection: &Connection,
    place: Place<'_>,
    hour: i64,
) -> rusqlite::Result<Option<Hour>> {
    let sql = "SELECT slices FROM slo_prompt \
               WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour = ?4";
    let of = params![place.tenant.as_str(), place.key, place.member, hour];
    let mut statement = connection.prepare_cached(sql)?;
    let bytes: Option<Vec<u8>> = statement.query_row(of, |row| row.get(0)).optional()?;
    bytes.map(|bytes| decode(&bytes, place)).transpose()
}

fn decode(bytes: &[u8], place: Place<'_>) -> rusqlite::Result<Hour> {
    blob::decode(bytes).ok_or_else(|| {
        let error = format!("what of SLI {} came in time is damaged", place.key);
        let kind = rusqlite::types::Type::Blob;
        rusqlite::Error::FromSqlConversionFailure(1, kind, error.into())
    })
}

/// Adds to an hour what of `more`, which is added to what was `before`, did not come late.
pub(super) fn add_to_hour(
    tx: &Transaction<'_>,
    place: Place<'_>,
    hour: i64,
    before: &Hour,
    more: &Hour,
    late: Option<&Hour>,
) -> rusqlite::Result<()> {
    let kept = find_hour(tx, place, hour)?;
    if kept.is_none() && late.is_none() {
        return Ok(());
    }
    let mut slices = kept.unwrap_or_else(|| before.clone());
    for (number, count) in more {
        let late = late.and_then(|late| late.get(number)).copied().unwrap_or_default();
        let sum = slices.entry(*number).or_default();
        *sum = sum.plus(count.minus(late));
    }
    put_hour(tx, place, hour, &slices)
}

/// Replaces all hours from one on by those that are given.
pub(super) fn replace_hours(
    tx: &Transaction<'_>,
    place: Place<'_>,
    from_hour: i64,
    hours: &BTreeMap<i64, Hour>,
) -> rusqlite::Result<()> {
    let sql =
        "DELETE FROM slo_prompt WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour >= ?4";
    let of = params![place.tenant.as_str(), place.key, place.member, from_hour];
    tx.prepare_cached(sql)?.execute(of)?;
    hours.iter().try_for_each(|(hour, slices)| put_hour(tx, place, *hour, slices))
}

fn put_hour(
    tx: &Transaction<'_>,
    place: Place<'_>,
    hour: i64,
    slices: &Hour,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO slo_prompt (tenant, key, member, hour, slices) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let bytes = blob::encode(slices);
    let of = params![place.tenant.as_str(), place.key, place.member, hour, bytes];
    tx.prepare_cached(sql)?.execute(of)?;
    Ok(())
}

/// Forgets hours before one.
pub(super) fn delete_before(
    tx: &Transaction<'_>,
    place: Place<'_>,
    hour: i64,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM slo_prompt WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour < ?4";
    let of = params![place.tenant.as_str(), place.key, place.member, hour];
    tx.prepare_cached(sql)?.execute(of)?;
    Ok(())
}
