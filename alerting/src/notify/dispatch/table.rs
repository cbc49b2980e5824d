//! The tables of dispatch: what a restart must know to neither lose nor repeat anything.

use super::{Changed, Group, GroupId, LogEntry, State};
use crate::Fingerprint;
use crate::notify::received::{self, decode, encode};
use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// What was written of every tenant.
pub fn load(connection: &Connection) -> rusqlite::Result<BTreeMap<TenantId, State>> {
    let mut states: BTreeMap<TenantId, State> = BTreeMap::new();
    for (tenant, received) in received::list_changed(connection, 0)? {
        let state = states.entry(tenant).or_default();
        state.alerts.insert(received.alert.fingerprint(), received);
    }
    let sql = "SELECT tenant, route, labels, next_flush, has_flushed, empty_since, members FROM notify_groups";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, group) = read_group(row)?;
        states.entry(received::read_tenant(row)?).or_default().groups.insert(id, group);
    }
    let sql =
        "SELECT tenant, group_key, integration, firing, resolved, at, expires_at FROM notify_log";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let entry = LogEntry {
            firing: decode_set(row, 3)?,
            resolved: decode_set(row, 4)?,
            at: Timestamp(row.get(5)?),
            expires_at: Timestamp(row.get(6)?),
        };
        let state = states.entry(received::read_tenant(row)?).or_default();
        state.log.insert((row.get(1)?, row.get(2)?), entry);
    }
    Ok(states)
}

/// The groups of one tenant.
pub fn list_groups(
    connection: &Connection,
    tenant: &TenantId,
) -> rusqlite::Result<Vec<(GroupId, Group)>> {
    let sql = "SELECT tenant, route, labels, next_flush, has_flushed, empty_since, members \
               FROM notify_groups WHERE tenant = ?";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([tenant.as_str()], read_group)?.collect()
}

fn read_group(row: &Row<'_>) -> rusqlite::Result<(GroupId, Group)> {
    let id = GroupId { route: row.get(1)?, labels: decode(row, 2)? };
    let group = Group {
        next_flush: Timestamp(row.get(3)?),
        has_flushed: row.get(4)?,
        empty_since: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        members: decode_set(row, 6)?,
    };
    Ok((id, group))
}

impl State {
    /// Writes what changed since the last time.
    pub fn write(&mut self, tx: &Transaction<'_>, tenant: &TenantId) -> rusqlite::Result<()> {
        let tenant = tenant.as_str();
        let Changed { groups, log, forgotten, held } = std::mem::take(&mut self.changed);
        for id in groups {
            let labels = encode(&id.labels);
            let Some(group) = self.groups.get(&id) else {
                let sql = "DELETE FROM notify_groups WHERE tenant = ? AND route = ? AND labels = ?";
                tx.prepare_cached(sql)?.execute(params![tenant, id.route, labels])?;
                continue;
            };
            let sql = "INSERT OR REPLACE INTO notify_groups VALUES (?, ?, ?, ?, ?, ?, ?)";
            tx.prepare_cached(sql)?.execute(params![
                tenant,
                id.route,
                labels,
                group.next_flush.0,
                group.has_flushed,
                group.empty_since.map(|since| since.0),
                encode_set(&group.members),
            ])?;
        }
        for key in log {
            let Some(entry) = self.log.get(&key) else {
                let sql =
                    "DELETE FROM notify_log WHERE tenant = ? AND group_key = ? AND integration = ?";
                tx.prepare_cached(sql)?.execute(params![tenant, key.0, key.1])?;
                continue;
            };
            let sql = "INSERT OR REPLACE INTO notify_log VALUES (?, ?, ?, ?, ?, ?, ?)";
            tx.prepare_cached(sql)?.execute(params![
                tenant,
                key.0,
                key.1,
                encode_set(&entry.firing),
                encode_set(&entry.resolved),
                entry.at.0,
                entry.expires_at.0,
            ])?;
        }
        for fingerprint in held {
            let Some(received) = self.alerts.get(&fingerprint) else { continue };
            let sql = "UPDATE notify_alerts SET ends_at = ? WHERE tenant = ? AND fingerprint = ?";
            let key = fingerprint.0.cast_signed();
            tx.prepare_cached(sql)?.execute(params![received.alert.ends_at.0, tenant, key])?;
        }
        for fingerprint in forgotten {
            let sql = "DELETE FROM notify_alerts WHERE tenant = ? AND fingerprint = ?";
            tx.prepare_cached(sql)?.execute(params![tenant, fingerprint.0.cast_signed()])?;
        }
        Ok(())
    }
}

fn encode_set(set: &BTreeSet<Fingerprint>) -> Vec<u8> {
    set.iter().flat_map(|fingerprint| fingerprint.0.to_le_bytes()).collect()
}

fn decode_set(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeSet<Fingerprint>> {
    let bytes: Vec<u8> = row.get(column)?;
    let (numbers, _) = bytes.as_chunks::<8>();
    Ok(numbers.iter().map(|number| Fingerprint(u64::from_le_bytes(*number))).collect())
}
