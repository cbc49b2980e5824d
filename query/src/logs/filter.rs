//! A query of log search as a filter on rows that are at hand.

use super::ast::Query;
use super::evaluate::matching;
use super::{parse, plan};
use crate::Error;
use arrow::record_batch::RecordBatch;
use binnacle_storage::segment::AttributeKeys;

/// A query that was read.
#[derive(Debug, Clone)]
pub(crate) struct LogFilter(Query);

impl LogFilter {
    /// Reads a query; blank text passes every record.
    pub(crate) fn parse(text: &str) -> Result<LogFilter, Error> {
        Ok(LogFilter(plan::cheap_first(parse::parse(text)?)))
    }

    /// Columns of a file that deciding takes.
    pub(crate) fn columns(&self, keys: &AttributeKeys) -> Vec<String> {
        plan::columns(&self.0, keys)
    }

    /// The rows of a batch that pass, ascending.
    pub(crate) fn matching(&self, batch: &RecordBatch) -> Result<Vec<u32>, Error> {
        matching(&self.0, batch, (0..batch.num_rows() as u32).collect())
    }
}
