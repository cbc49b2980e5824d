//! Evidence in the database: the statements, and nothing that decides.

use crate::{Fingerprint, LabelSet};
use binnacle_query::explain::Explanation;
use binnacle_storage::model::TenantId;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("schema.sql");

/// Evidence kept of one tenant; the oldest goes first. A day of pages every minute is 1,440.
const EVIDENCE_MAX: i64 = 5_000;

/// Why an alert fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// 0 until it is stored.
    pub id: i64,
    pub fingerprint: Fingerprint,
    /// Unix seconds.
    pub starts_at: i64,
    pub made_at: i64,
    pub slo: String,
    pub slo_version: i64,
    /// Its place among the SLO's objectives.
    pub objective: usize,
    pub labels: LabelSet,
    pub explanation: Explanation,
}

const COLUMNS: &str =
    "id, fingerprint, starts_at, made_at, slo, slo_version, objective, labels, explanation";

/// Keeps it, unless there is some of this firing already.
pub(crate) fn put(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    evidence: &Evidence,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO explain_evidence (tenant, fingerprint, starts_at, made_at, slo, slo_version, objective, \
               labels, explanation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let json = |text: serde_json::Result<String>| {
        text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    };
    tx.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        evidence.fingerprint.0.cast_signed(),
        evidence.starts_at,
        evidence.made_at,
        evidence.slo,
        evidence.slo_version,
        evidence.objective as i64,
        json(serde_json::to_string(&evidence.labels))?,
        json(serde_json::to_string(&evidence.explanation))?,
    ])?;
    let sql = "DELETE FROM explain_evidence WHERE tenant = ?1 AND id <= \
               (SELECT max(id) FROM explain_evidence WHERE tenant = ?1) - ?2";
    tx.prepare_cached(sql)?.execute(params![tenant.as_str(), EVIDENCE_MAX])?;
    Ok(())
}

/// That of one firing.
pub(crate) fn find_of(
    connection: &Connection,
    tenant: &TenantId,
    fingerprint: Fingerprint,
    starts_at: i64,
) -> rusqlite::Result<Option<Evidence>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM explain_evidence WHERE tenant = ?1 AND fingerprint = ?2 AND starts_at = ?3"
    );
    let of = params![tenant.as_str(), fingerprint.0.cast_signed(), starts_at];
    connection.prepare_cached(&sql)?.query_row(of, read).optional()
}

/// By its number.
pub fn find_evidence(
    connection: &Connection,
    tenant: &TenantId,
    id: i64,
) -> rusqlite::Result<Option<Evidence>> {
    let sql = format!("SELECT {COLUMNS} FROM explain_evidence WHERE tenant = ?1 AND id = ?2");
    connection.prepare_cached(&sql)?.query_row(params![tenant.as_str(), id], read).optional()
}

/// Of one alert, the newest first.
pub fn list_evidence(
    connection: &Connection,
    tenant: &TenantId,
    fingerprint: Fingerprint,
    limit: usize,
) -> rusqlite::Result<Vec<Evidence>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM explain_evidence WHERE tenant = ?1 AND fingerprint = ?2 ORDER BY starts_at DESC LIMIT ?3"
    );
    let of = params![tenant.as_str(), fingerprint.0.cast_signed(), limit as i64];
    connection.prepare_cached(&sql)?.query_map(of, read)?.collect()
}

/// Of all alerts, the newest first.
pub fn list_all(
    connection: &Connection,
    tenant: &TenantId,
    limit: usize,
) -> rusqlite::Result<Vec<Evidence>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM explain_evidence WHERE tenant = ?1 ORDER BY id DESC LIMIT ?2"
    );
    connection
        .prepare_cached(&sql)?
        .query_map(params![tenant.as_str(), limit as i64], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Evidence> {
    let damaged = |column: usize, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    };
    let (labels, explanation): (String, String) = (row.get(7)?, row.get(8)?);
    Ok(Evidence {
        id: row.get(0)?,
        fingerprint: Fingerprint(row.get::<_, i64>(1)?.cast_unsigned()),
        starts_at: row.get(2)?,
        made_at: row.get(3)?,
        slo: row.get(4)?,
        slo_version: row.get(5)?,
        objective: row.get::<_, i64>(6)? as usize,
        labels: serde_json::from_str(&labels).map_err(|error| damaged(7, error))?,
        explanation: serde_json::from_str(&explanation).map_err(|error| damaged(8, error))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn evidence(fingerprint: u64, starts_at: i64, summary: &str) -> Evidence {
        let explanation = Explanation { summary: summary.to_owned(), ..Explanation::default() };
        Evidence {
            id: 0,
            fingerprint: Fingerprint(fingerprint),
            starts_at,
            made_at: starts_at + 1,
            slo: "shop".to_owned(),
            slo_version: 2,
            objective: 1,
            labels: LabelSet::from([("slo".to_owned(), "shop".to_owned())]),
            explanation,
        }
    }

    #[test]
    fn the_first_evidence_of_a_firing_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        let tenant = TenantId::default();
        let written = [
            evidence(u64::MAX, 100, "the first"),
            evidence(u64::MAX, 100, "another of the same firing"),
            evidence(u64::MAX, 200, "the next firing"),
            evidence(7, 100, "of another alert"),
        ];
        for one in &written {
            store.write("pin", |tx| put(tx, &tenant, one)).unwrap();
        }
        let of = Fingerprint(u64::MAX);
        let list = |c: &Connection| list_evidence(c, &tenant, of, 10);
        let found = store.read("list", list).unwrap();
        let summaries: Vec<&str> =
            found.iter().map(|one| one.explanation.summary.as_str()).collect();
        assert_eq!(summaries, ["the next firing", "the first"]);
        let again = store.read("find", |c| find_evidence(c, &tenant, found[1].id)).unwrap();
        assert_eq!(again.unwrap(), found[1]);
        assert_eq!(Evidence { id: 0, ..found[1].clone() }, written[0]);
        let firing = |at| store.read("find", |c| find_of(c, &tenant, of, at)).unwrap();
        assert_eq!(firing(200).unwrap().explanation.summary, "the next firing");
        assert_eq!(firing(300), None);
        let all = store.read("list", |c| list_all(c, &tenant, 2)).unwrap();
        let summaries: Vec<&str> = all.iter().map(|one| one.explanation.summary.as_str()).collect();
        assert_eq!(summaries, ["of another alert", "the next firing"]);
        let other: TenantId = "other".parse().unwrap();
        assert_eq!(store.read("list", |c| list_evidence(c, &other, of, 10)).unwrap(), []);
    }
}
