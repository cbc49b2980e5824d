//! Statements about the alerts of SLOs, and what they did.

use super::grouping::{group_of, text_of};
use super::latch::{Latch, Level};
use crate::LabelSet;
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::TenantId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// Which alert of which SLO.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertKey {
    pub slo: String,
    /// Its place among the SLO's objectives.
    pub objective: usize,
    /// Of an SLO whose events are told apart; `None` for the SLO as a whole.
    pub group: Option<SliGroup>,
    pub kind: super::evaluate::AlertKind,
}

impl AlertKey {
    /// Its group as it is kept.
    fn member(&self) -> String {
        self.group.as_ref().map(text_of).unwrap_or_default()
    }
}

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredAlert {
    pub latch: Latch,
    pub told_at: Option<i64>,
    /// As JSON, so that it can be resolved when its SLO is gone.
    pub labels: String,
}

impl StoredAlert {
    pub fn labels(&self) -> LabelSet {
        serde_json::from_str(&self.labels).unwrap_or_default()
    }
}

pub(super) fn list_alerts(
    connection: &Connection,
    tenant: &TenantId,
) -> rusqlite::Result<BTreeMap<AlertKey, StoredAlert>> {
    let sql = "SELECT slo, objective, kind, long_seconds, short_seconds, level, since, held_since, cool_since, \
               is_flapping, resolved_at, told_at, labels, member FROM slo_alert WHERE tenant = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.as_str()], |row| {
        let kind: String = row.get(2)?;
        let (long, short): (i64, i64) = (row.get(3)?, row.get(4)?);
        let kind = super::evaluate::AlertKind::from_parts(&kind, long as u64, short as u64);
        let since: Option<i64> = row.get(6)?;
        let level: String = row.get(5)?;
        let level = match (level.as_str(), since) {
            ("pending", Some(since)) => Level::Pending { since },
            ("firing", Some(since)) => Level::Firing { since },
            _ => Level::Inactive,
        };
        let latch = Latch {
            level,
            held_since: row.get(7)?,
            cool_since: row.get(8)?,
            is_flapping: row.get(9)?,
            resolved_at: row.get(10)?,
        };
        let alert = StoredAlert { latch, told_at: row.get(11)?, labels: row.get(12)? };
        let group = group_of(&row.get::<_, String>(13)?);
        Ok((row.get(0)?, row.get::<_, i64>(1)? as usize, group, kind, alert))
    })?;
    let mut alerts = BTreeMap::new();
    for row in rows {
        let (slo, objective, group, kind, alert) = row?;
        if let Some(kind) = kind {
            alerts.insert(AlertKey { slo, objective, group, kind }, alert);
        }
    }
    Ok(alerts)
}

pub(super) fn put_alert(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &AlertKey,
    alert: &StoredAlert,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO slo_alert (tenant, slo, objective, kind, long_seconds, short_seconds, level, since, \
               held_since, cool_since, is_flapping, resolved_at, told_at, labels, member) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (long, short) = key.kind.windows();
    tx.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        key.slo,
        key.objective as i64,
        key.kind.name(),
        long as i64,
        short as i64,
        alert.latch.level.name(),
        alert.latch.level.since(),
        alert.latch.held_since,
        alert.latch.cool_since,
        alert.latch.is_flapping,
        alert.latch.resolved_at,
        alert.told_at,
        alert.labels,
        key.member(),
    ])?;
    Ok(())
}

pub(super) fn delete_alert(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &AlertKey,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM slo_alert WHERE tenant = ?1 AND slo = ?2 AND objective = ?3 AND kind = ?4 \
               AND long_seconds = ?5 AND short_seconds = ?6 AND member = ?7";
    let (long, short) = key.kind.windows();
    let of = params![
        tenant.as_str(),
        key.slo,
        key.objective as i64,
        key.kind.name(),
        long as i64,
        short as i64,
        key.member()
    ];
    tx.prepare_cached(sql)?.execute(of)?;
    Ok(())
}

/// A change of an alert, kept for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub version: i64,
    pub key: AlertKey,
    pub severity: String,
    /// Unix seconds.
    pub at: i64,
    pub until: i64,
    pub level: String,
    /// What was seen, in words.
    pub reason: String,
}

pub(super) fn add_transition(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    transition: &Transition,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO slo_transition (tenant, slo, version, objective, kind, long_seconds, short_seconds, severity, at, \
               until, level, reason, member) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let Transition { version, key, severity, at, until, level, reason } = transition;
    let (long, short) = key.kind.windows();
    tx.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        key.slo,
        version,
        key.objective as i64,
        key.kind.name(),
        long as i64,
        short as i64,
        severity,
        at,
        until,
        level,
        reason,
        key.member()
    ])?;
    Ok(())
}

/// Up to when was counted as an alert changed at `at`.
pub(super) fn find_until(
    connection: &Connection,
    tenant: &TenantId,
    key: &AlertKey,
    at: i64,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT until FROM slo_transition WHERE tenant = ?1 AND slo = ?2 AND at = ?3 AND objective = ?4 AND kind = ?5 \
               AND long_seconds = ?6 AND short_seconds = ?7 AND member = ?8 ORDER BY id DESC LIMIT 1";
    let (long, short) = key.kind.windows();
    let of = params![
        tenant.as_str(),
        key.slo,
        at,
        key.objective as i64,
        key.kind.name(),
        long as i64,
        short as i64,
        key.member()
    ];
    connection.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()
}

/// The newest first.
pub(super) fn list_transitions(
    connection: &Connection,
    tenant: &TenantId,
    slo: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<Transition>> {
    let sql = "SELECT version, slo, objective, kind, long_seconds, short_seconds, severity, at, until, level, reason, member \
               FROM slo_transition WHERE tenant = ?1 AND (?2 IS NULL OR slo = ?2) ORDER BY id DESC LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.as_str(), slo, limit as i64], |row| {
        let kind: String = row.get(3)?;
        let (long, short): (i64, i64) = (row.get(4)?, row.get(5)?);
        let kind = super::evaluate::AlertKind::from_parts(&kind, long as u64, short as u64);
        let (slo, objective) = (row.get(1)?, row.get::<_, i64>(2)? as usize);
        let group = group_of(&row.get::<_, String>(11)?);
        Ok(kind.map(|kind| Transition {
            version: row.get(0).unwrap_or_default(),
            key: AlertKey { slo, objective, group, kind },
            severity: row.get(6).unwrap_or_default(),
            at: row.get(7).unwrap_or_default(),
            until: row.get(8).unwrap_or_default(),
            level: row.get(9).unwrap_or_default(),
            reason: row.get(10).unwrap_or_default(),
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}
