//! The table of current alerts: one row for each set of labels, merged from all that was received of it.

use crate::{Alert, LabelSet};
use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Our own rules and SLOs.
    Own,
    /// Somebody over the API, who knows when the alert ends.
    Api,
    /// Somebody over the API who gave no end: the alert ends unless it is sent again.
    ApiUntilTimeout,
}

/// An alert and what is known of its coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub alert: Alert,
    pub updated_at: Timestamp,
    /// Whether its end is only how long to wait for the next word of it.
    pub is_timeout: bool,
    pub is_own: bool,
    pub sequence: i64,
}

/// Takes in what rules and SLOs say of their alerts, in the transaction that records it. The dispatcher wakes once that
/// has committed. A firing alert whose `ends_at` passes without being sent again counts as resolved, unless nothing ran.
pub fn receive(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    alerts: &[Alert],
    now: Timestamp,
) -> rusqlite::Result<()> {
    receive_from(tx, tenant, Origin::Own, alerts, now)
}

/// [`receive`], from anybody.
pub fn receive_from(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    origin: Origin,
    alerts: &[Alert],
    now: Timestamp,
) -> rusqlite::Result<()> {
    if alerts.is_empty() {
        return Ok(());
    }
    let sequence = next_sequence(tx)?;
    for alert in alerts {
        let new = Received {
            alert: without_empty_labels(alert),
            updated_at: now,
            is_timeout: origin == Origin::ApiUntilTimeout,
            is_own: origin == Origin::Own,
            sequence,
        };
        let merged = match find(tx, tenant, &new.alert.labels)? {
            Some(old) if overlap(&old.alert, &new.alert) => merge(&old, new),
            _ => new,
        };
        write(tx, tenant, &merged)?;
    }
    Ok(())
}

/// An empty label is no label; its name is not part of the alert's identity.
fn without_empty_labels(alert: &Alert) -> Alert {
    let mut alert = alert.clone();
    alert.labels.retain(|_, value| !value.is_empty());
    alert
}

/// Whether both speak of one time of being active. Otherwise the newer simply replaces the older.
fn overlap(old: &Alert, new: &Alert) -> bool {
    let within = |time: Timestamp| old.starts_at < time && time < old.ends_at;
    within(new.ends_at) || within(new.starts_at)
}

/// One of two that overlap: it began when the earlier began; an end that was said wins over one that was only waited for.
fn merge(old: &Received, new: Received) -> Received {
    let mut merged = new;
    merged.alert.starts_at = merged.alert.starts_at.min(old.alert.starts_at);
    let (old_end, new_end) = (old.alert.ends_at, merged.alert.ends_at);
    let now = merged.updated_at;
    let keep = match new_end <= now {
        true => old_end <= now && old_end > new_end,
        false => old_end > new_end && !old.is_timeout,
    };
    if keep {
        merged.alert.ends_at = old_end;
    }
    merged
}

fn next_sequence(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.query_row("UPDATE notify_sequence SET last = last + 1 RETURNING last", [], |row| row.get(0))
}

fn find(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    labels: &LabelSet,
) -> rusqlite::Result<Option<Received>> {
    let fingerprint = crate::Fingerprint::of(labels).0.cast_signed();
    tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM notify_alerts WHERE tenant = ? AND fingerprint = ?"
    ))?
    .query_row(params![tenant.as_str(), fingerprint], |row| read(row, 0))
    .optional()
}

fn write(tx: &Transaction<'_>, tenant: &TenantId, received: &Received) -> rusqlite::Result<()> {
    let alert = &received.alert;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO notify_alerts (tenant, fingerprint, labels, annotations, starts_at, ends_at, \
         generator_url, updated_at, is_timeout, is_own, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        tenant.as_str(),
        alert.fingerprint().0.cast_signed(),
        encode(&alert.labels),
        encode(&alert.annotations),
        alert.starts_at.0,
        alert.ends_at.0,
        alert.generator_url,
        received.updated_at.0,
        received.is_timeout,
        received.is_own,
        received.sequence,
    ])?;
    Ok(())
}

const COLUMNS: &str = "labels, annotations, starts_at, ends_at, generator_url, updated_at, is_timeout, is_own, sequence";

pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Received> {
    Ok(Received {
        alert: Alert {
            labels: decode(row, first)?,
            annotations: decode(row, first + 1)?,
            starts_at: Timestamp(row.get(first + 2)?),
            ends_at: Timestamp(row.get(first + 3)?),
            generator_url: row.get(first + 4)?,
        },
        updated_at: Timestamp(row.get(first + 5)?),
        is_timeout: row.get(first + 6)?,
        is_own: row.get(first + 7)?,
        sequence: row.get(first + 8)?,
    })
}

/// The columns that [`read`] reads, of a table by this prefix.
pub(super) fn columns(prefix: &str) -> String {
    COLUMNS.split(", ").map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
}

/// Every alert that changed after `sequence`, with its tenant, oldest change first.
pub(super) fn list_changed(
    connection: &Connection,
    sequence: i64,
) -> rusqlite::Result<Vec<(TenantId, Received)>> {
    let sql = format!(
        "SELECT tenant, {COLUMNS} FROM notify_alerts WHERE sequence > ? ORDER BY sequence, fingerprint"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([sequence], |row| Ok((read_tenant(row)?, read(row, 1)?)))?;
    rows.collect()
}

/// The number of the latest change.
pub(super) fn last_sequence(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT last FROM notify_sequence", [], |row| row.get(0))
}

/// How many alerts a tenant has.
pub(super) fn count(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM notify_alerts WHERE tenant = ?";
    connection.prepare_cached(sql)?.query_row([tenant.as_str()], |row| row.get(0))
}

/// The alerts of a tenant, by fingerprint as it is printed.
pub fn list(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Vec<Received>> {
    let sql = format!("SELECT {COLUMNS} FROM notify_alerts WHERE tenant = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([tenant.as_str()], |row| read(row, 0))?;
    let mut alerts = rows.collect::<rusqlite::Result<Vec<Received>>>()?;
    alerts.sort_by_cached_key(|received| received.alert.fingerprint());
    Ok(alerts)
}

/// The tenant in a row's first column.
pub(super) fn read_tenant(row: &Row<'_>) -> rusqlite::Result<TenantId> {
    let text: String = row.get(0)?;
    text.parse().map_err(|_| {
        let message = format!("'{text}' is no tenant");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, message.into())
    })
}

/// Labels as a column holds them.
pub(super) fn encode(labels: &LabelSet) -> String {
    serde_json::to_string(labels).expect("text is always written as JSON")
}

pub(super) fn decode(row: &Row<'_>, column: usize) -> rusqlite::Result<LabelSet> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    const MINUTE: i64 = 60_000_000_000;

    fn alert(starts_at: i64, ends_at: i64) -> Alert {
        let labels = [("alertname", "Slow"), ("empty", "")];
        Alert {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            annotations: LabelSet::new(),
            starts_at: Timestamp(starts_at * MINUTE),
            ends_at: Timestamp(ends_at * MINUTE),
            generator_url: String::new(),
        }
    }

    /// What stands after each of these was received: origin, minutes of start, end and arrival → start, end.
    fn check(received: &[(Origin, i64, i64, i64)], expected: (i64, i64)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        let tenant = TenantId::default();
        for (origin, starts_at, ends_at, now) in received {
            let alerts = [alert(*starts_at, *ends_at)];
            let now = Timestamp(now * MINUTE);
            store.write("receive", |tx| receive_from(tx, &tenant, *origin, &alerts, now)).unwrap();
        }
        let found = store.read("list", |connection| list(connection, &tenant)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sequence, received.len() as i64);
        assert!(!found[0].alert.labels.contains_key("empty"));
        let stands = (found[0].alert.starts_at.0 / MINUTE, found[0].alert.ends_at.0 / MINUTE);
        assert_eq!(stands, expected, "{received:?}");
    }

    #[test]
    fn an_alert_that_goes_on_keeps_its_start() {
        check(&[(Origin::Own, 10, 14, 10), (Origin::Own, 11, 15, 11)], (10, 15));
    }

    #[test]
    fn resolving_ends_it() {
        check(&[(Origin::Own, 10, 14, 10), (Origin::Own, 10, 12, 12)], (10, 12));
    }

    #[test]
    fn firing_again_later_is_another_start() {
        let ended =
            [(Origin::Own, 10, 14, 10), (Origin::Own, 10, 12, 12), (Origin::Own, 13, 17, 13)];
        check(&ended, (13, 17));
    }

    #[test]
    fn an_end_that_was_said_outlives_one_that_was_waited_for() {
        check(&[(Origin::Api, 10, 60, 10), (Origin::ApiUntilTimeout, 11, 16, 11)], (10, 60));
        check(
            &[(Origin::ApiUntilTimeout, 10, 60, 10), (Origin::ApiUntilTimeout, 11, 16, 11)],
            (10, 16),
        );
    }

    #[test]
    fn tenants_do_not_see_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        let (one, other): (TenantId, TenantId) = ("one".parse().unwrap(), "other".parse().unwrap());
        store.write("receive", |tx| receive(tx, &one, &[alert(1, 5)], Timestamp(MINUTE))).unwrap();
        assert_eq!(store.read("list", |connection| list(connection, &other)).unwrap(), []);
        let changed = store.read("list", |connection| list_changed(connection, 0)).unwrap();
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].0, one);
    }
}
