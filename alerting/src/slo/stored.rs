//! What the SLO engine keeps in the database: the statements, and nothing that decides.

use super::blob::{self, Hour, SLICES_PER_HOUR};
use super::first::First;
use super::history::{Count, History};
use super::stored_groups::add_group_slices;
use super::stored_prompt::{self, Place, WHOLE};
use binnacle_query::sli::{SliCounts, SliSlices};
use binnacle_storage::model::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;
use std::ops::Range;

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("schema.sql");

/// One version of an SLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecVersion {
    pub tenant: TenantId,
    pub name: String,
    pub version: i64,
    pub text: String,
    /// Empty for the API.
    pub file: String,
    /// Unix seconds.
    pub created_at: i64,
    pub deleted_at: Option<i64>,
}

/// Those in force, of all tenants.
pub(super) fn list_specs(connection: &Connection) -> rusqlite::Result<Vec<SpecVersion>> {
    let sql = "SELECT tenant, name, version, text, file, created_at, deleted_at FROM slo_spec AS spec \
               WHERE deleted_at IS NULL AND version = (SELECT max(version) FROM slo_spec \
               WHERE tenant = spec.tenant AND name = spec.name)";
    connection.prepare_cached(sql)?.query_map([], read_spec)?.collect()
}

pub(super) fn list_versions(
    connection: &Connection,
    tenant: &TenantId,
    name: &str,
) -> rusqlite::Result<Vec<SpecVersion>> {
    let sql = "SELECT tenant, name, version, text, file, created_at, deleted_at FROM slo_spec \
               WHERE tenant = ?1 AND name = ?2 ORDER BY version";
    connection.prepare_cached(sql)?.query_map([tenant.as_str(), name], read_spec)?.collect()
}

fn read_spec(row: &Row<'_>) -> rusqlite::Result<SpecVersion> {
    Ok(SpecVersion {
        tenant: read_tenant(row, 0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        text: row.get(3)?,
        file: row.get(4)?,
        created_at: row.get(5)?,
        deleted_at: row.get(6)?,
    })
}

fn read_tenant(row: &Row<'_>, column: usize) -> rusqlite::Result<TenantId> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: <TenantId as std::str::FromStr>::Err| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.to_string().into())
    })
}

/// Adds a version after all there ever were; returns its number.
pub(super) fn add_version(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    name: &str,
    text: &str,
    file: &str,
    now: i64,
) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(version), 0) + 1 FROM slo_spec WHERE tenant = ?1 AND name = ?2";
    let version: i64 = tx.query_row(sql, [tenant.as_str(), name], |row| row.get(0))?;
    let sql = "UPDATE slo_spec SET deleted_at = ?3 WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL";
    tx.execute(sql, params![tenant.as_str(), name, now])?;
    let sql = "INSERT INTO slo_spec (tenant, name, version, text, file, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(sql, params![tenant.as_str(), name, version, text, file, now])?;
    Ok(version)
}

/// Whether there was one in force.
pub(super) fn delete_spec(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    name: &str,
    now: i64,
) -> rusqlite::Result<bool> {
    let sql = "UPDATE slo_spec SET deleted_at = ?3 WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL";
    Ok(tx.execute(sql, params![tenant.as_str(), name, now])? > 0)
}

/// What is kept of one SLI.
#[derive(Debug, Default)]
pub(super) struct StoredSli {
    pub counted_to: Option<u64>,
    pub is_estimate: bool,
    pub lost_segments: u64,
    pub future: u64,
    pub history: History,
    /// Hours of which something came late, without that.
    pub prompt: Vec<(i64, Hour)>,
    /// Unix seconds.
    pub created_at: i64,
    pub services: BTreeMap<String, i64>,
}

pub(super) fn find_sli(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
    from_hour: i64,
) -> rusqlite::Result<Option<StoredSli>> {
    let of = [tenant.as_str(), key];
    let sql = "SELECT counted_to, is_estimate, lost_segments, future, created_at FROM slo_sli WHERE tenant = ?1 AND key = ?2";
    let read = |row: &Row<'_>| {
        Ok(StoredSli {
            counted_to: row.get::<_, Option<i64>>(0)?.map(|position| position as u64),
            is_estimate: row.get(1)?,
            lost_segments: row.get::<_, i64>(2)? as u64,
            future: row.get::<_, i64>(3)? as u64,
            created_at: row.get(4)?,
            ..StoredSli::default()
        })
    };
    let Some(mut sli) = connection.prepare_cached(sql)?.query_row(of, read).optional()? else {
        return Ok(None);
    };
    let sql = "SELECT service, heard_nanos FROM slo_service WHERE tenant = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    for row in statement.query_map(of, |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (service, heard) = row?;
        sli.services.insert(service, heard);
    }
    let sql = "SELECT hour, slices FROM slo_hour WHERE tenant = ?1 AND key = ?2 AND hour >= ?3 ORDER BY hour";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.as_str(), key, from_hour])?;
    let mut slices = Vec::new();
    while let Some(row) = rows.next()? {
        let (hour, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let Some(decoded) = blob::decode(&bytes) else {
            let error = format!("the slices of hour {hour} of SLI {key} are damaged");
            let kind = rusqlite::types::Type::Blob;
            return Err(rusqlite::Error::FromSqlConversionFailure(1, kind, error.into()));
        };
        let at =
            |(number, count): (u16, Count)| (hour * SLICES_PER_HOUR + i64::from(number), count);
        slices.extend(decoded.into_iter().map(at));
    }
    sli.history = slices.into_iter().collect();
    let place = Place { tenant, key, member: WHOLE };
    sli.prompt = stored_prompt::list_hours(connection, place, from_hour)?;
    Ok(Some(sli))
}

/// Begins to count what is new.
pub(super) fn add_sli(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    source: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO slo_sli (tenant, key, source, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    tx.execute(sql, params![tenant.as_str(), key, source, now])?;
    Ok(())
}

/// Adds what segments came to, and says up to where.
pub(super) fn add_counts(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    counts: &SliCounts,
    counted_to: u64,
) -> rusqlite::Result<()> {
    let nothing = SliSlices::new();
    add_slices(tx, tenant, key, hours(&counts.slices), &hours(&counts.late.slices))?;
    for (group, slices) in &counts.groups {
        let late = counts.late.groups.get(group).unwrap_or(&nothing);
        add_group_slices(tx, tenant, key, group, hours(slices), &hours(late))?;
    }
    add_rest(tx, tenant, key, counts, counted_to)
}

/// Adds what a first count came to, and says up to where.
pub(super) fn add_first(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    first: &First,
    counted_to: u64,
) -> rusqlite::Result<()> {
    let hours = |history: &History| blob::hours(history.slices(i64::MIN..i64::MAX));
    add_slices(tx, tenant, key, hours(&first.all.all), &hours(&first.all.late))?;
    for (group, of) in &first.groups {
        add_group_slices(tx, tenant, key, group, hours(&of.all), &hours(&of.late))?;
    }
    add_rest(tx, tenant, key, &first.rest, counted_to)
}

fn hours(slices: &SliSlices) -> BTreeMap<i64, Hour> {
    blob::hours(slices.iter().map(|(at, (good, total))| (*at, Count::new(*good, *total))))
}

fn add_slices(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    hours: BTreeMap<i64, Hour>,
    late: &BTreeMap<i64, Hour>,
) -> rusqlite::Result<()> {
    let place = Place { tenant, key, member: WHOLE };
    for (hour, mut slices) in hours {
        let sql = "SELECT slices FROM slo_hour WHERE tenant = ?1 AND key = ?2 AND hour = ?3";
        let of = params![tenant.as_str(), key, hour];
        let before: Option<Vec<u8>> =
            tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
        let before = before.and_then(|bytes| blob::decode(&bytes)).unwrap_or_default();
        stored_prompt::add_to_hour(tx, place, hour, &before, &slices, late.get(&hour))?;
        for (number, count) in before {
            let sum = slices.entry(number).or_default();
            *sum = sum.plus(count);
        }
        let sql = "INSERT INTO slo_hour (tenant, key, hour, slices) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET slices = excluded.slices";
        tx.prepare_cached(sql)?.execute(params![
            tenant.as_str(),
            key,
            hour,
            blob::encode(&slices)
        ])?;
    }
    Ok(())
}

/// What was counted beside slices.
fn add_rest(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    counts: &SliCounts,
    counted_to: u64,
) -> rusqlite::Result<()> {
    for (service, heard) in &counts.services {
        let sql = "INSERT INTO slo_service (tenant, key, service, heard_nanos) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET heard_nanos = max(heard_nanos, excluded.heard_nanos)";
        tx.prepare_cached(sql)?.execute(params![tenant.as_str(), key, service, heard])?;
    }
    let sql = "UPDATE slo_sli SET counted_to = ?3, is_estimate = max(is_estimate, ?4), lost_segments = lost_segments + ?5, \
               future = future + ?6 WHERE tenant = ?1 AND key = ?2";
    let of = params![
        tenant.as_str(),
        key,
        counted_to as i64,
        counts.is_estimate,
        counts.lost_segments as i64,
        counts.future as i64
    ];
    tx.prepare_cached(sql)?.execute(of)?;
    Ok(())
}

/// Replaces what there is from the hour of slice `first` on, and says up to where was seen.
pub(super) fn replace_counts(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    first: Option<i64>,
    events: &History,
    prompt: Option<&History>,
    counted_to: u64,
) -> rusqlite::Result<()> {
    if let Some(first) = first {
        let hour = first.div_euclid(SLICES_PER_HOUR);
        let hours = |of: &History| blob::hours(of.slices(hour * SLICES_PER_HOUR..i64::MAX));
        let sql = "DELETE FROM slo_hour WHERE tenant = ?1 AND key = ?2 AND hour >= ?3";
        tx.prepare_cached(sql)?.execute(params![tenant.as_str(), key, hour])?;
        let all = hours(events);
        for (hour, slices) in &all {
            let sql = "INSERT INTO slo_hour (tenant, key, hour, slices) VALUES (?1, ?2, ?3, ?4)";
            let of = params![tenant.as_str(), key, hour, blob::encode(slices)];
            tx.prepare_cached(sql)?.execute(of)?;
        }
        // An hour of which all came late is empty without that.
        let mut prompt = prompt.map(hours).unwrap_or_else(|| all.clone());
        for hour in all.keys() {
            prompt.entry(*hour).or_default();
        }
        prompt.retain(|hour, slices| all.get(hour) != Some(slices));
        let place = Place { tenant, key, member: WHOLE };
        stored_prompt::replace_hours(tx, place, hour, &prompt)?;
    }
    let sql = "UPDATE slo_sli SET counted_to = ?3 WHERE tenant = ?1 AND key = ?2";
    tx.prepare_cached(sql)?.execute(params![tenant.as_str(), key, counted_to as i64])?;
    Ok(())
}

/// Up to when somebody was there to count, in Unix seconds.
pub(super) fn find_clock(
    connection: &Connection,
    tenant: &TenantId,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT until FROM slo_clock WHERE tenant = ?1";
    connection.prepare_cached(sql)?.query_row([tenant.as_str()], |row| row.get(0)).optional()
}

/// Says that somebody was there to count up to `until`.
pub(super) fn put_clock(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    until: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO slo_clock (tenant, until) VALUES (?1, ?2) \
               ON CONFLICT DO UPDATE SET until = max(until, excluded.until)";
    tx.prepare_cached(sql)?.execute(params![tenant.as_str(), until])?;
    Ok(())
}

/// Begins to count again at `now`: what lies before it since somebody counted last is a gap. Returns all gaps.
pub(super) fn begin_clock(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    now: i64,
) -> rusqlite::Result<Vec<Range<i64>>> {
    let until = find_clock(tx, tenant)?;
    if let Some(until) = until.filter(|until| *until < now) {
        let sql = "INSERT OR REPLACE INTO slo_gap (tenant, start, end) VALUES (?1, ?2, ?3)";
        tx.execute(sql, params![tenant.as_str(), until, now])?;
    }
    let sql = "SELECT start, end FROM slo_gap WHERE tenant = ?1 ORDER BY start";
    let mut statement = tx.prepare(sql)?;
    let gaps = statement.query_map([tenant.as_str()], |row| Ok(row.get(0)?..row.get(1)?))?;
    gaps.collect()
}
