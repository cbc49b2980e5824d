//! The catalog in SQLite: one file, WAL mode, every commit synced.

use super::{AttributeKey, Catalog, CompactionEdit, Edited, FlushEdit, StoredRequest};
use crate::Error;
use crate::borders::Positions;
use crate::disk::{Disk, Operation};
use crate::model::{Signal, Table, TenantId, Timestamp};
use crate::retries::REMEMBERED_FOR;
use crate::segment::{SegmentId, SegmentInfo};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 3;

/// From version 1: segments have rollup files.
const FROM_VERSION_1: &str = "
    ALTER TABLE segment ADD COLUMN rollup_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE segment ADD COLUMN rollup_crc32c INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE segment ADD COLUMN rollup_settled INTEGER NOT NULL DEFAULT 0;
    UPDATE schema_version SET version = 2;
";

/// From version 2: segments are not joined at borders.
const FROM_VERSION_2: &str = "
    CREATE TABLE border (
        tenant TEXT NOT NULL,
        table_name TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (tenant, table_name, position)
    ) WITHOUT ROWID;
    UPDATE schema_version SET version = 3;
";

/// Most attribute keys remembered of one tenant and table: keys with data in their name would grow it without bound.
const ATTRIBUTE_KEYS_MAX: i64 = 10_000;

const SEGMENT_COLUMNS: &str = "id, tenant, table_name, day, part, part_modulus, level, time_min, time_max, rows, bytes, \
     footer_bytes, footer_crc32c, index_bytes, rollup_bytes, rollup_crc32c, rollup_settled, schema_version, sort_version, wal_from, wal_to, ingested_max";

#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    connection: Connection,
    disk: Disk,
}

impl SqliteCatalog {
    /// Opens or creates the catalog and checks that it is whole.
    pub fn open(path: &Path, disk: Disk) -> Result<SqliteCatalog, Error> {
        let unusable = |error: rusqlite::Error| Error::CatalogUnusable {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let mut connection = Connection::open(path).map_err(unusable)?;
        prepare(&mut connection).map_err(unusable)?;
        let version = version(&mut connection).map_err(unusable)?;
        if version != SCHEMA_VERSION {
            let detail =
                format!("its schema has version {version}, this program knows {SCHEMA_VERSION}");
            return Err(Error::CatalogUnusable { path: path.to_owned(), detail });
        }
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(unusable)?;
        if verdict != "ok" {
            return Err(Error::CatalogUnusable { path: path.to_owned(), detail: verdict });
        }
        Ok(SqliteCatalog { connection, disk })
    }

    /// Runs `edit` in a transaction; commits unless it finds the catalog stale.
    fn edit(
        &mut self,
        action: &'static str,
        edit: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Edited>,
    ) -> Result<Edited, Error> {
        let failed = |source| Error::Catalog { action, source };
        self.ask(action, Operation::EditCatalog)?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let edited = edit(&transaction).map_err(failed)?;
        if edited == Edited::Done {
            transaction.commit().map_err(failed)?;
            self.ask(action, Operation::LearnEdit)?;
        }
        Ok(edited)
    }

    fn ask(&self, action: &'static str, operation: Operation) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::Catalog {
            action,
            source: rusqlite::Error::ToSqlConversionFailure(Box::new(error)),
        };
        self.disk.check(operation).map_err(failed)
    }

    fn select<T>(
        &self,
        action: &'static str,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let rows = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(parameters, read)?.collect::<rusqlite::Result<Vec<T>>>()
        };
        rows().map_err(|source| Error::Catalog { action, source })
    }
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Pages of its log: the catalog itself is rarely larger, and would otherwise have a log of 4 MB beside it.
    connection.pragma_update(None, "wal_autocheckpoint", 128)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

/// The schema's version; creates the schema in an empty file, and brings an earlier one up to date.
fn version(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(SCHEMA)?;
    }
    let read = |transaction: &Transaction<'_>| {
        transaction.query_row("SELECT version FROM schema_version", [], |row| row.get::<_, i64>(0))
    };
    if read(&transaction)? == 1 {
        transaction.execute_batch(FROM_VERSION_1)?;
    }
    if read(&transaction)? == 2 {
        transaction.execute_batch(FROM_VERSION_2)?;
    }
    let version = read(&transaction)?;
    transaction.commit()?;
    Ok(version)
}

impl Catalog for SqliteCatalog {
    fn list_segments(&self) -> Result<Vec<SegmentInfo>, Error> {
        let sql =
            format!("SELECT {SEGMENT_COLUMNS} FROM segment WHERE deleted_at IS NULL ORDER BY id");
        self.select("list segments", &sql, [], read_segment)
    }

    fn list_wal_positions(&self) -> Result<HashMap<(TenantId, Signal), u64>, Error> {
        let sql = "SELECT tenant, signal, position FROM wal_position";
        let rows = self.select("list WAL positions", sql, [], |row| {
            Ok(((read_tenant(row, 0)?, read_signal(row, 1)?), row.get::<_, i64>(2)? as u64))
        })?;
        Ok(rows.into_iter().collect())
    }

    fn list_requests(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(TenantId, Signal, StoredRequest)>, Error> {
        let sql = "SELECT tenant, signal, content_hash, arrived_at FROM recent_request WHERE arrived_at > ?1 \
                   ORDER BY arrived_at";
        self.select("list recent requests", sql, [since.0], |row| {
            let content_hash = u128::from_be_bytes(row.get(2)?);
            let request = StoredRequest { content_hash, arrived_at: Timestamp(row.get(3)?) };
            Ok((read_tenant(row, 0)?, read_signal(row, 1)?, request))
        })
    }

    fn list_attribute_keys(&self, tenant: &TenantId) -> Result<Vec<AttributeKey>, Error> {
        let sql = "SELECT table_name, key, value_type, rows, last_seen FROM attribute_key WHERE tenant = ?1 \
                   ORDER BY table_name, key, rows DESC";
        self.select("list attribute keys", sql, [tenant.as_str()], |row| {
            Ok(AttributeKey {
                table: read_table(row, 0)?,
                key: row.get(1)?,
                value_type: row.get(2)?,
                rows: row.get::<_, i64>(3)? as u64,
                last_seen: Timestamp(row.get(4)?),
            })
        })
    }

    fn commit_flush(&mut self, edit: &FlushEdit) -> Result<Edited, Error> {
        self.edit("commit a flush", |transaction| {
            if !advance_wal(transaction, edit)? {
                return Ok(Edited::Stale);
            }
            insert_segments(transaction, &edit.segments, edit.now)?;
            remember_requests(transaction, edit)?;
            count_attributes(transaction, edit)?;
            Ok(Edited::Done)
        })
    }

    fn commit_compaction(&mut self, edit: &CompactionEdit) -> Result<Edited, Error> {
        self.edit("commit a compaction", |transaction| {
            let replaced_by = edit.segments.first().map(|segment| segment.id);
            let retired = retire_segments(transaction, &edit.retired, replaced_by, edit.now)?;
            if retired != edit.retired.len() {
                return Ok(Edited::Stale);
            }
            insert_segments(transaction, &edit.segments, edit.now)?;
            Ok(Edited::Done)
        })
    }

    fn retire(&mut self, ids: &[SegmentId], now: Timestamp) -> Result<Edited, Error> {
        self.edit("retire segments", |transaction| {
            let retired = retire_segments(transaction, ids, None, now)?;
            Ok(if retired == ids.len() { Edited::Done } else { Edited::Stale })
        })
    }

    fn list_retired(&self, until: Timestamp) -> Result<Vec<SegmentInfo>, Error> {
        let sql =
            format!("SELECT {SEGMENT_COLUMNS} FROM segment WHERE deleted_at <= ?1 ORDER BY id");
        self.select("list retired segments", &sql, [until.0], read_segment)
    }

    fn forget(&mut self, ids: &[SegmentId]) -> Result<(), Error> {
        let edited = self.edit("forget segments", |transaction| {
            let sql = "DELETE FROM segment WHERE id = ?1 AND deleted_at IS NOT NULL";
            let mut delete = transaction.prepare_cached(sql)?;
            for id in ids {
                delete.execute([id.0.as_bytes().as_slice()])?;
            }
            Ok(Edited::Done)
        })?;
        debug_assert_eq!(edited, Edited::Done, "forgetting assumes nothing");
        Ok(())
    }

    fn list_borders(&self) -> Result<Positions, Error> {
        let sql = "SELECT tenant, table_name, position FROM border";
        let rows = self.select("list borders", sql, [], |row| {
            Ok((read_tenant(row, 0)?, read_table(row, 1)?, row.get::<_, i64>(2)? as u64))
        })?;
        let mut positions = Positions::new();
        for (tenant, table, position) in rows {
            positions.entry((tenant, table)).or_default().insert(position);
        }
        Ok(positions)
    }

    fn store_borders(
        &mut self,
        tenant: &TenantId,
        table: Table,
        positions: &BTreeSet<u64>,
    ) -> Result<(), Error> {
        let edited = self.edit("store borders", |transaction| {
            let of = [tenant.as_str(), table.name()];
            transaction.execute("DELETE FROM border WHERE tenant = ?1 AND table_name = ?2", of)?;
            let sql = "INSERT INTO border (tenant, table_name, position) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(sql)?;
            for position in positions {
                insert.execute(params![of[0], of[1], *position as i64])?;
            }
            Ok(Edited::Done)
        })?;
        debug_assert_eq!(edited, Edited::Done, "storing borders assumes nothing");
        Ok(())
    }

    fn knows(&self, id: SegmentId) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM segment WHERE id = ?1";
        let found =
            self.select("look up a segment", sql, [id.0.as_bytes().as_slice()], |_| Ok(()))?;
        Ok(!found.is_empty())
    }
}

/// Moves the WAL position; `false` when it is not where the flush found it.
fn advance_wal(transaction: &Transaction<'_>, edit: &FlushEdit) -> rusqlite::Result<bool> {
    let sql = "SELECT position FROM wal_position WHERE tenant = ?1 AND signal = ?2";
    let key = params![edit.tenant.as_str(), edit.signal.code()];
    let position: Option<i64> = transaction.query_row(sql, key, |row| row.get(0)).optional()?;
    if position.unwrap_or(0) as u64 != edit.wal_before {
        return Ok(false);
    }
    transaction.execute(
        "INSERT INTO wal_position (tenant, signal, position) VALUES (?1, ?2, ?3) \
         ON CONFLICT (tenant, signal) DO UPDATE SET position = excluded.position",
        params![edit.tenant.as_str(), edit.signal.code(), edit.wal_after as i64],
    )?;
    Ok(true)
}

fn insert_segments(
    transaction: &Transaction<'_>,
    segments: &[SegmentInfo],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO segment ({SEGMENT_COLUMNS}, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
    );
    let mut insert = transaction.prepare_cached(&sql)?;
    for segment in segments {
        insert.execute(params![
            segment.id.0.as_bytes().as_slice(),
            segment.tenant.as_str(),
            segment.table.name(),
            segment.day,
            segment.part,
            segment.part_modulus,
            segment.level,
            segment.time_min.0,
            segment.time_max.0,
            segment.rows as i64,
            segment.bytes as i64,
            segment.footer_bytes as i64,
            segment.footer_crc32c,
            segment.index_bytes as i64,
            segment.rollup_bytes as i64,
            segment.rollup_crc32c,
            segment.rollup_settled,
            segment.schema_version,
            segment.sort_version,
            segment.wal_from as i64,
            segment.wal_to as i64,
            segment.ingested_max.0,
            now.0,
        ])?;
    }
    Ok(())
}

/// Returns how many of them were live.
fn retire_segments(
    transaction: &Transaction<'_>,
    ids: &[SegmentId],
    replaced_by: Option<SegmentId>,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let sql =
        "UPDATE segment SET deleted_at = ?2, replaced_by = ?3 WHERE id = ?1 AND deleted_at IS NULL";
    let mut update = transaction.prepare_cached(sql)?;
    let mut changed = 0;
    for id in ids {
        let by = replaced_by.as_ref().map(|id| id.0.as_bytes().as_slice());
        changed += update.execute(params![id.0.as_bytes().as_slice(), now.0, by])?;
    }
    Ok(changed)
}

fn remember_requests(transaction: &Transaction<'_>, edit: &FlushEdit) -> rusqlite::Result<()> {
    let forgotten = edit.now.saturating_sub(REMEMBERED_FOR);
    transaction.execute("DELETE FROM recent_request WHERE arrived_at <= ?1", [forgotten.0])?;
    let sql = "INSERT INTO recent_request (tenant, signal, content_hash, arrived_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT DO UPDATE SET arrived_at = excluded.arrived_at";
    let mut insert = transaction.prepare_cached(sql)?;
    for request in edit.requests.iter().filter(|request| request.arrived_at > forgotten) {
        let hash = request.content_hash.to_be_bytes();
        insert.execute(params![
            edit.tenant.as_str(),
            edit.signal.code(),
            hash.as_slice(),
            request.arrived_at.0
        ])?;
    }
    Ok(())
}

fn count_attributes(transaction: &Transaction<'_>, edit: &FlushEdit) -> rusqlite::Result<()> {
    let count = "SELECT count(*) FROM attribute_key WHERE tenant = ?1 AND table_name = ?2";
    let update = "UPDATE attribute_key SET rows = rows + ?5, last_seen = max(last_seen, ?6) \
                  WHERE tenant = ?1 AND table_name = ?2 AND key = ?3 AND value_type = ?4";
    let insert = "INSERT INTO attribute_key (tenant, table_name, key, value_type, rows, last_seen) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (mut update, mut insert) =
        (transaction.prepare_cached(update)?, transaction.prepare_cached(insert)?);
    let mut known: HashMap<Table, i64> = HashMap::new();
    for attribute in &edit.attributes {
        let (tenant, table) = (edit.tenant.as_str(), attribute.table.name());
        let known = match known.entry(attribute.table) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(transaction.query_row(count, [tenant, table], |row| row.get(0))?)
            }
        };
        let AttributeKey { key, value_type, rows, last_seen, .. } = attribute;
        let values = params![tenant, table, key, value_type, *rows as i64, last_seen.0];
        if update.execute(values)? == 0 && *known < ATTRIBUTE_KEYS_MAX {
            insert.execute(values)?;
            *known += 1;
        }
    }
    Ok(())
}

fn read_segment(row: &Row<'_>) -> rusqlite::Result<SegmentInfo> {
    Ok(SegmentInfo {
        id: SegmentId(uuid::Uuid::from_bytes(row.get(0)?)),
        tenant: read_tenant(row, 1)?,
        table: read_table(row, 2)?,
        day: row.get(3)?,
        part: row.get(4)?,
        part_modulus: row.get(5)?,
        level: row.get(6)?,
        time_min: Timestamp(row.get(7)?),
        time_max: Timestamp(row.get(8)?),
        rows: row.get::<_, i64>(9)? as u64,
        bytes: row.get::<_, i64>(10)? as u64,
        footer_bytes: row.get::<_, i64>(11)? as u64,
        footer_crc32c: row.get(12)?,
        index_bytes: row.get::<_, i64>(13)? as u64,
        rollup_bytes: row.get::<_, i64>(14)? as u64,
        rollup_crc32c: row.get(15)?,
        rollup_settled: row.get(16)?,
        schema_version: row.get(17)?,
        sort_version: row.get(18)?,
        wal_from: row.get::<_, i64>(19)? as u64,
        wal_to: row.get::<_, i64>(20)? as u64,
        ingested_max: Timestamp(row.get(21)?),
    })
}

fn read_tenant(row: &Row<'_>, column: usize) -> rusqlite::Result<TenantId> {
    row.get::<_, String>(column)?.parse().map_err(|error| invalid(column, error))
}

fn read_table(row: &Row<'_>, column: usize) -> rusqlite::Result<Table> {
    let name: String = row.get(column)?;
    Table::from_name(&name).ok_or_else(|| invalid(column, format!("unknown table '{name}'")))
}

fn read_signal(row: &Row<'_>, column: usize) -> rusqlite::Result<Signal> {
    let code: u8 = row.get(column)?;
    Signal::from_code(code).ok_or_else(|| invalid(column, format!("unknown signal {code}")))
}

fn invalid(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}
