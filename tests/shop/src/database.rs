//! The SQL database: one SQLite file, to which each service has a connection of its own.

use crate::Error;
use crate::telemetry::Service;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A connection, whose statements run one after the other.
#[derive(Debug, Clone)]
pub struct Database {
    service: Service,
    connection: Arc<Mutex<Connection>>,
}

/// What a span says of a statement.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    pub operation: &'static str,
    pub table: &'static str,
    pub text: &'static str,
    /// Time that the statement takes beside what it does here: a large table's, or a fault's.
    pub delay: Duration,
}

impl Statement {
    pub fn new(operation: &'static str, table: &'static str, text: &'static str) -> Statement {
        Statement { operation, table, text, delay: Duration::ZERO }
    }
}

impl Database {
    /// Opens the file and makes the service's tables.
    pub fn open(file: &Path, service: &Service, tables: &str) -> Result<Database, Error> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(tables)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Database { service: service.clone(), connection })
    }

    /// Runs `statement` as a span below `parent`, which takes in the wait for the connection.
    pub async fn run<T: Send + 'static>(
        &self,
        statement: Statement,
        parent: &Context,
        act: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let summary = format!("{} {}", statement.operation, statement.table);
        let mut attributes = vec![
            KeyValue::new("db.system.name", "sqlite"),
            KeyValue::new("db.namespace", "shop"),
            KeyValue::new("db.operation.name", statement.operation),
            KeyValue::new("db.collection.name", statement.table),
        ];
        let mut said = attributes.clone();
        said.push(KeyValue::new("db.query.text", statement.text));
        said.push(KeyValue::new("db.query.summary", summary.clone()));
        let work = self.service.start(SpanKind::Client, summary, parent, said);
        let mut connection = self.connection.clone().lock_owned().await;
        let ran = tokio::task::spawn_blocking(move || {
            std::thread::sleep(statement.delay);
            act(&mut connection)
        });
        let result = match ran.await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("the statement was given up".to_owned()),
        };
        if let Err(error) = &result {
            work.fail("database_error", error.clone());
            attributes.push(KeyValue::new("error.type", "database_error"));
        }
        let context = work.context().clone();
        let elapsed = work.finish();
        self.service.measure("db.client.operation.duration", elapsed, &attributes, &context);
        result
    }

    /// Runs what is nobody's request, without a span.
    pub async fn run_quietly<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let mut connection = self.connection.clone().lock_owned().await;
        let ran = tokio::task::spawn_blocking(move || act(&mut connection)).await;
        ran.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
