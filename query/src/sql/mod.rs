//! SQL over one snapshot, by DataFusion.
//!
//! A query goes: [`statement`] parses and refuses what writes, and marks each attribute with what it is wanted as ([`want`]);
//! [`session`] learns the attributes' types and lays out the tables' columns ([`layout`]); DataFusion plans, asking
//! [`planner`] about attributes and ids; [`provider`] picks segments and buffered chunks, and [`adapter`] turns columns
//! into expressions over each file's own; [`run`] streams the rows under the query's limits.

mod adapter;
mod attribute;
mod buffer;
mod context;
mod events;
mod failure;
mod functions;
mod histogram;
mod kept_rollup;
mod labelled;
mod layout;
mod memory;
pub mod output;
mod planner;
mod proto;
mod provider;
mod prune;
mod reader;
mod rollup;
mod run;
mod session;
mod shape;
mod statement;
mod stop;
mod system;
mod text;
mod want;

#[cfg(test)]
mod tests;

pub(crate) use datafusion::execution::session_state::SessionState;
pub(crate) use memory::MemoryTotal;
pub(crate) use run::rows;
pub(crate) use session::base;
pub(crate) use shape::STACK_BYTES;

use crate::{Error, QueryEngine, QueryStats};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::TenantId;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;

/// One SQL query. Limits left out are the configuration's; a query can only ask for less memory and time.
#[derive(Debug, Clone, Default)]
pub struct SqlRequest {
    pub query: String,
    /// Most rows to return; past them the answer ends and is marked as truncated.
    pub row_limit: Option<u64>,
    /// In bytes.
    pub memory_limit: Option<u64>,
    pub timeout: Option<Duration>,
}

/// The rows of an answer, in order. Dropping it stops the query.
pub type RecordBatches = BoxStream<'static, Result<RecordBatch, Error>>;

/// The answer to a query, as far as it is known before its rows.
pub struct SqlAnswer {
    pub schema: SchemaRef,
    pub batches: RecordBatches,
    /// Final once `batches` has ended.
    pub stats: Arc<QueryStats>,
}

impl std::fmt::Debug for SqlAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlAnswer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl QueryEngine {
    /// Answers one query over what `tenant` has stored by now. Returns with the first rows at hand, so that most errors
    /// come before any answer.
    pub async fn sql(&self, tenant: &TenantId, request: SqlRequest) -> Result<SqlAnswer, Error> {
        run::answer(self, tenant, request).await
    }
}
