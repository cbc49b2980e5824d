//! What is remembered beside telemetry: one SQLite file, WAL mode, every commit synced.
//!
//! Alerting's is a file of its own beside the catalog, so that an alert never waits for a compaction's edit nor the other way round.
//! Each module brings its tables as one step of `STEPS`; a step that was released never changes.

use crate::Error;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// What alerting keeps.
const STEPS: &[&str] = &[
    crate::notify::TABLES,
    crate::rule::TABLES,
    crate::slo::TABLES,
    crate::explain::TABLES,
    crate::slo::PROMPT_TABLES,
];

/// The database. Clones share it. Calls block.
#[derive(Debug, Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    /// Told after every commit.
    committed: Arc<Notify>,
}

impl Store {
    /// Opens or creates alerting's file and brings its tables to the present.
    pub fn open(path: &Path) -> Result<Store, Error> {
        Store::open_with(path, STEPS)
    }

    /// The same for a file of other tables: `steps` is the SQL that brings an empty database to the present; how many of them
    /// were done is the file's `user_version`.
    pub fn open_with(path: &Path, steps: &[&str]) -> Result<Store, Error> {
        let unusable = |detail: String| Error::StoreUnusable { path: path.to_owned(), detail };
        let mut connection = Connection::open(path).map_err(|error| unusable(error.to_string()))?;
        prepare(&connection).map_err(|error| unusable(error.to_string()))?;
        let done = migrate(&mut connection, steps).map_err(|error| unusable(error.to_string()))?;
        if done > steps.len() {
            let known = steps.len();
            return Err(unusable(format!(
                "a later version wrote it: its schema has step {done}, this program knows {known}"
            )));
        }
        Ok(Store { connection: Arc::new(Mutex::new(connection)), committed: Arc::default() })
    }

    /// Runs `write` in a transaction: all of it is durable when this returns `Ok`, nothing of it happened otherwise.
    pub fn write<T>(
        &self,
        action: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let failed = |source| Error::Store { action, source };
        let mut connection = self.connection.lock();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let written = write(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.committed.notify_waiters();
        Ok(written)
    }

    /// Done after the next commit, whatever it changed. Ask before looking at what is there, so that nothing is missed.
    pub fn next_commit(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.committed).notified_owned()
    }

    /// Runs `read` on what is committed.
    pub fn read<T>(
        &self,
        action: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        read(&self.connection.lock()).map_err(|source| Error::Store { action, source })
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

/// Does the steps that are missing; says how many are done, which is more than there are in a later version's file.
fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<usize> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: usize = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for step in steps.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    let done = done.max(steps.len());
    transaction.pragma_update(None, "user_version", done)?;
    transaction.commit()?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_once_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE a (x INTEGER)";
        let second = "ALTER TABLE a ADD COLUMN y INTEGER";
        assert_eq!(migrate(&mut connection, &[first]).unwrap(), 1);
        assert_eq!(migrate(&mut connection, &[first, second]).unwrap(), 2);
        assert_eq!(migrate(&mut connection, &[first, second]).unwrap(), 2);
        assert_eq!(migrate(&mut connection, &[first]).unwrap(), 2);
        connection.execute("INSERT INTO a (x, y) VALUES (1, 2)", []).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        store.write("prepare", |tx| tx.execute_batch("CREATE TABLE a (x INTEGER)")).unwrap();
        let failed = store.write("fail", |tx| {
            tx.execute("INSERT INTO a VALUES (1)", [])?;
            tx.execute("INSERT INTO missing VALUES (1)", [])
        });
        assert!(matches!(failed, Err(Error::Store { action: "fail", .. })));
        let rows: i64 = store
            .read("count", |connection| {
                connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0))
            })
            .unwrap();
        assert_eq!(rows, 0);
    }
}
