//! What rules keep in the database: their alerts as they stand, and every transition.

use super::file::{Group, Rule};
use super::state::{ActiveAlert, Alerts, State, Transition};
use crate::LabelSet;
use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::HashMap;

/// Transitions older than this are forgotten: 400 days, so that a year can be looked back on.
const TRANSITIONS_RETENTION: i64 = 400 * 86_400 * 1_000_000_000;

/// One rule's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleKey {
    pub tenant: String,
    pub file: String,
    pub group: String,
    pub rule: String,
}

/// The keys of a group's rules. A rule is known again by its name and labels, whatever its expression becomes.
pub fn keys(tenant: &TenantId, group: &Group) -> Vec<RuleKey> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let key = |rule: &Rule| {
        let alike = serde_json::json!([rule.name(), rule.labels]).to_string();
        let count = counts.entry(alike.clone()).or_default();
        *count += 1;
        RuleKey {
            tenant: tenant.to_string(),
            file: group.file.clone(),
            group: group.name.clone(),
            rule: format!("{alike}#{count}"),
        }
    };
    group.rules.iter().map(key).collect()
}

/// Replaces the alerts kept of a rule.
pub fn save(tx: &Transaction<'_>, key: &RuleKey, alerts: &Alerts) -> rusqlite::Result<()> {
    forget(tx, key)?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO rule_alerts (tenant, file, \"group\", rule, labels, annotations, value, state, active_at, fired_at,
         resolved_at, keep_firing_since, last_sent_at, held_since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for (labels, alert) in alerts {
        insert.execute(params![
            key.tenant,
            key.file,
            key.group,
            key.rule,
            write_labels(labels),
            write_labels(&alert.annotations),
            finite(alert.value),
            alert.state.name(),
            alert.active_at,
            alert.fired_at,
            alert.resolved_at,
            alert.keep_firing_since,
            alert.last_sent_at,
            alert.held_since,
        ])?;
    }
    Ok(())
}

pub fn forget(tx: &Transaction<'_>, key: &RuleKey) -> rusqlite::Result<()> {
    let mut delete = tx.prepare_cached(
        "DELETE FROM rule_alerts WHERE tenant = ?1 AND file = ?2 AND \"group\" = ?3 AND rule = ?4",
    )?;
    delete.execute(params![key.tenant, key.file, key.group, key.rule]).map(drop)
}

/// All alerts kept, by rule.
pub fn load(connection: &Connection) -> rusqlite::Result<HashMap<RuleKey, Alerts>> {
    let mut all: HashMap<RuleKey, Alerts> = HashMap::new();
    let mut select = connection.prepare("SELECT * FROM rule_alerts")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let key = RuleKey {
            tenant: row.get("tenant")?,
            file: row.get("file")?,
            group: row.get("group")?,
            rule: row.get("rule")?,
        };
        all.entry(key).or_default().insert(read_labels(row, "labels")?, read_alert(row)?);
    }
    Ok(all)
}

fn read_alert(row: &Row<'_>) -> rusqlite::Result<ActiveAlert> {
    let state: String = row.get("state")?;
    Ok(ActiveAlert {
        annotations: read_labels(row, "annotations")?,
        value: row.get("value")?,
        state: State::of_name(&state).unwrap_or_default(),
        active_at: row.get("active_at")?,
        fired_at: row.get("fired_at")?,
        resolved_at: row.get("resolved_at")?,
        keep_firing_since: row.get("keep_firing_since")?,
        last_sent_at: row.get("last_sent_at")?,
        held_since: row.get("held_since")?,
    })
}

/// A transition as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTransition {
    /// `rule` or `slo`.
    pub source: String,
    /// Of the rule or SLO.
    pub name: String,
    pub group: String,
    pub transition: Transition,
}

/// Adds transitions, and forgets those that are very old.
pub fn add_transitions(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    transitions: &[KeptTransition],
    now: Timestamp,
) -> rusqlite::Result<()> {
    if transitions.is_empty() {
        return Ok(());
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO alert_transitions (tenant, time, source, name, \"group\", labels, annotations, value, from_state, to_state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for kept in transitions {
        let change = &kept.transition;
        insert.execute(params![
            tenant.as_str(),
            change.at.saturating_mul(1_000_000),
            kept.source,
            kept.name,
            kept.group,
            write_labels(&change.labels),
            write_labels(&change.annotations),
            finite(change.value),
            change.from.name(),
            change.to.name(),
        ])?;
    }
    let oldest = now.0.saturating_sub(TRANSITIONS_RETENTION);
    tx.execute("DELETE FROM alert_transitions WHERE time < ?1", params![oldest]).map(drop)
}

/// A tenant's transitions, newest first.
pub fn list_transitions(
    connection: &Connection,
    tenant: &TenantId,
    limit: usize,
) -> rusqlite::Result<Vec<KeptTransition>> {
    let mut select = connection.prepare(
        "SELECT * FROM alert_transitions WHERE tenant = ?1 ORDER BY time DESC, id DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![tenant.as_str(), limit], |row| {
        let (from, to): (String, String) = (row.get("from_state")?, row.get("to_state")?);
        let time: i64 = row.get("time")?;
        Ok(KeptTransition {
            source: row.get("source")?,
            name: row.get("name")?,
            group: row.get("group")?,
            transition: Transition {
                at: time.div_euclid(1_000_000),
                labels: read_labels(row, "labels")?,
                annotations: read_labels(row, "annotations")?,
                value: row.get("value")?,
                from: State::of_name(&from).unwrap_or_default(),
                to: State::of_name(&to).unwrap_or_default(),
            },
        })
    })?;
    rows.collect()
}

/// Notes that rules were evaluated until now.
pub fn beat(tx: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO rule_heartbeat (id, time) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET time = ?1";
    tx.execute(sql, params![now]).map(drop)
}

/// When rules were last evaluated, in Unix milliseconds.
pub fn last_beat(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT time FROM rule_heartbeat WHERE id = 1";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// The database has no infinities; what shows the value computes it again soon.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn write_labels(labels: &LabelSet) -> String {
    serde_json::to_string(labels).expect("texts are JSON")
}

fn read_labels(row: &Row<'_>, column: &str) -> rusqlite::Result<LabelSet> {
    let text: String = row.get(column)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}
