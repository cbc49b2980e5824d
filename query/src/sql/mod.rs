//! SQL over one snapshot, by DataFusion.

mod memory;

pub(crate) use memory::MemoryTotal;

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

impl QueryEngine {
    /// Answers one query over what `tenant` has stored by now.
    pub async fn sql(&self, _tenant: &TenantId, _request: SqlRequest) -> Result<SqlAnswer, Error> {
        unimplemented!()
    }
}
