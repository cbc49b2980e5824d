//! What people and their tools keep here beside telemetry: dashboards, load-test runs. JSON documents of a tenant by kind and id,
//! in one SQLite file; a version counts the changes of each, so that two who edit one at the same time notice.

use binnacle_alerting::{Error, Store};
use binnacle_storage::model::{TenantId, TimeRange, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::path::Path;

const FILE: &str = "documents.sqlite";
const STEPS: &[&str] = &[include_str!("documents.sql")];

/// Documents of one kind and tenant.
const COUNT_MAX: i64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Dashboard,
    Run,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Dashboard => "dashboard",
            Kind::Run => "run",
        }
    }
}

/// A document to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub title: String,
    /// By which lists are ordered.
    pub at: Timestamp,
    /// JSON of what lists show.
    pub head: String,
    /// The whole of it, as JSON.
    pub body: String,
}

/// A document, with its `head` or its `body`, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub id: String,
    /// 1 for the first.
    pub version: i64,
    pub updated_at: Timestamp,
    pub json: String,
}

/// Why a document was not kept.
#[derive(Debug)]
pub enum Refused {
    /// There is one of this id.
    Taken,
    /// There are as many as there can be.
    TooMany {
        count_max: i64,
    },
    NotFound {
        kind: Kind,
        id: String,
    },
    /// Somebody else changed it.
    Changed {
        version: i64,
    },
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Failed(error)
    }
}

/// The documents. Clones share them. Calls block.
#[derive(Debug, Clone)]
pub struct Documents {
    store: Store,
}

/// Which documents of a list.
#[derive(Debug, Clone)]
pub struct Filter {
    pub range: TimeRange,
    /// Part of the title, in any case.
    pub title: Option<String>,
    pub limit: usize,
}

impl Documents {
    /// Opens or creates the file in the data directory.
    pub fn open(data: &Path) -> Result<Documents, Error> {
        Ok(Documents { store: Store::open_with(&data.join(FILE), STEPS)? })
    }

    /// With their heads, the newest first.
    pub fn list(
        &self,
        tenant: &TenantId,
        kind: Kind,
        filter: &Filter,
    ) -> Result<Vec<Document>, Refused> {
        let sql = "SELECT id, version, updated_at, head FROM document WHERE tenant = ?1 AND kind = ?2 AND at >= ?3 AND at < ?4 \
                   AND (?5 IS NULL OR instr(lower(title), lower(?5)) > 0) ORDER BY at DESC, id DESC LIMIT ?6";
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        let range = (filter.range.start().0, filter.range.end().0);
        let of = params![tenant.as_str(), kind.name(), range.0, range.1, filter.title, limit];
        Ok(self.store.read("list documents", |connection| {
            connection.prepare_cached(sql)?.query_map(of, read)?.collect()
        })?)
    }

    /// With its body.
    pub fn find(&self, tenant: &TenantId, kind: Kind, id: &str) -> Result<Document, Refused> {
        let sql = "SELECT id, version, updated_at, body FROM document WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
        let of = [tenant.as_str(), kind.name(), id];
        let found = self.store.read("read a document", |connection| {
            connection.prepare_cached(sql)?.query_row(of, read).optional()
        });
        found?.ok_or_else(|| not_found(kind, id))
    }

    /// Keeps a new document.
    pub fn add(
        &self,
        tenant: &TenantId,
        kind: Kind,
        id: &str,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<Document, Refused> {
        self.store.write("add a document", |tx| {
            if find_version(tx, tenant, kind, id)?.is_some() {
                return Ok(Err(Refused::Taken));
            }
            let sql = "SELECT count(*) FROM document WHERE tenant = ?1 AND kind = ?2";
            let count: i64 = tx.query_row(sql, [tenant.as_str(), kind.name()], |row| row.get(0))?;
            if count >= COUNT_MAX {
                return Ok(Err(Refused::TooMany { count_max: COUNT_MAX }));
            }
            put(tx, tenant, kind, id, draft, 1, now).map(Ok)
        })?
    }

    /// Keeps another version of a document. With `expected`, only if that is the newest.
    pub fn replace(
        &self,
        tenant: &TenantId,
        kind: Kind,
        id: &str,
        draft: &Draft,
        expected: Option<i64>,
        now: Timestamp,
    ) -> Result<Document, Refused> {
        self.store.write("replace a document", |tx| {
            let Some(version) = find_version(tx, tenant, kind, id)? else {
                return Ok(Err(not_found(kind, id)));
            };
            if expected.is_some_and(|expected| expected != version) {
                return Ok(Err(Refused::Changed { version }));
            }
            put(tx, tenant, kind, id, draft, version + 1, now).map(Ok)
        })?
    }

    pub fn delete(&self, tenant: &TenantId, kind: Kind, id: &str) -> Result<(), Refused> {
        let sql = "DELETE FROM document WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
        let deleted = self
            .store
            .write("delete a document", |tx| tx.execute(sql, [tenant.as_str(), kind.name(), id]))?;
        if deleted == 0 {
            return Err(not_found(kind, id));
        }
        Ok(())
    }
}

fn not_found(kind: Kind, id: &str) -> Refused {
    Refused::NotFound { kind, id: id.to_owned() }
}

fn find_version(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    kind: Kind,
    id: &str,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT version FROM document WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
    tx.query_row(sql, [tenant.as_str(), kind.name(), id], |row| row.get(0)).optional()
}

fn put(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    kind: Kind,
    id: &str,
    draft: &Draft,
    version: i64,
    now: Timestamp,
) -> rusqlite::Result<Document> {
    let sql = "INSERT OR REPLACE INTO document (tenant, kind, id, version, title, at, updated_at, head, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let of = (tenant.as_str(), kind.name(), id, version);
    let Draft { title, at, head, body } = draft;
    tx.execute(sql, params![of.0, of.1, of.2, of.3, title, at.0, now.0, head, body])?;
    Ok(Document { id: id.to_owned(), version, updated_at: now, json: body.clone() })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        id: row.get(0)?,
        version: row.get(1)?,
        updated_at: Timestamp(row.get(2)?),
        json: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, at: i64) -> Draft {
        let json = format!("{{\"title\":\"{title}\"}}");
        Draft { title: title.to_owned(), at: Timestamp(at), head: json.clone(), body: json }
    }

    #[test]
    fn a_document_is_kept_changed_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::open(folder.path()).unwrap();
        let tenant = TenantId::default();
        let other: TenantId = "other".parse().unwrap();
        let (kind, now) = (Kind::Dashboard, Timestamp(7));
        documents.add(&tenant, kind, "a", &draft("One", 1), now).unwrap();
        let again = documents.add(&tenant, kind, "a", &draft("One", 1), now);
        assert!(matches!(again, Err(Refused::Taken)));
        documents.add(&other, kind, "a", &draft("Theirs", 1), now).unwrap();
        documents.add(&tenant, Kind::Run, "a", &draft("Run", 1), now).unwrap();

        let replaced = documents.replace(&tenant, kind, "a", &draft("Two", 1), Some(1), now);
        assert_eq!(replaced.unwrap().version, 2);
        let stale = documents.replace(&tenant, kind, "a", &draft("Three", 1), Some(1), now);
        assert!(matches!(stale, Err(Refused::Changed { version: 2 })));
        let missing = documents.replace(&tenant, kind, "b", &draft("Three", 1), None, now);
        assert!(matches!(missing, Err(Refused::NotFound { .. })));

        // What was kept is there for who opens the file again.
        let reopened = Documents::open(folder.path()).unwrap();
        let found = reopened.find(&tenant, kind, "a").unwrap();
        assert_eq!((found.version, found.json.as_str()), (2, "{\"title\":\"Two\"}"));
        reopened.delete(&tenant, kind, "a").unwrap();
        let again = reopened.delete(&tenant, kind, "a");
        assert!(matches!(again, Err(Refused::NotFound { .. })));
        reopened.find(&other, kind, "a").unwrap();
        reopened.find(&tenant, Kind::Run, "a").unwrap();
    }

    #[test]
    fn lists_are_newest_first_within_range_and_title() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::open(folder.path()).unwrap();
        let tenant = TenantId::default();
        for (id, title, at) in [("a", "Checkout", 10), ("b", "cart", 20), ("c", "checkout 2", 30)] {
            documents.add(&tenant, Kind::Run, id, &draft(title, at), Timestamp(1)).unwrap();
        }
        let ids = |range: TimeRange, title: Option<&str>, limit: usize| -> Vec<String> {
            let filter = Filter { range, title: title.map(str::to_owned), limit };
            let listed = documents.list(&tenant, Kind::Run, &filter).unwrap();
            listed.into_iter().map(|document| document.id).collect()
        };
        assert_eq!(ids(TimeRange::all(), None, 10), ["c", "b", "a"]);
        assert_eq!(ids(TimeRange::all(), None, 2), ["c", "b"]);
        assert_eq!(ids(TimeRange::all(), Some("CHECKOUT"), 10), ["c", "a"]);
        let early = TimeRange::new(Timestamp(10), Timestamp(30)).unwrap();
        assert_eq!(ids(early, None, 10), ["b", "a"]);
    }
}
