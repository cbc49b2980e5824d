//! Pipes: what is made of all records that a search matches, instead of a page of them.
//!
//! The path: the text behind the search is parsed ([`parse`]), every matching row is read once ([`super::scan`]) with the
//! columns the keys look at ([`key`]), groups are counted ([`group`]) or bodies clustered ([`super::patterns`]), and the
//! groups become the rows of a table. Counts are exact, and the table is the same wherever the records lie.

mod cell;
mod fields;
mod group;
mod key;
mod parse;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use cell::Cell;
pub(crate) use group::{Budget, GroupBy, Groups};
pub(super) use key::codes;
pub(super) use parse::parse_pipe;
pub use table::{LogTable, TableCell, TableColumn, TableKind};

use super::ast::Query;
use super::field::Key;
use super::search::Times;
use super::{LOG_LIMIT_MAX, LogRequest, scan};
use crate::{Error, QueryStats};
use binnacle_storage::Storage;
use binnacle_storage::model::TenantId;
use std::sync::Arc;

/// What is behind the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipe {
    pub(super) stage: Stage,
    pub(super) sort: Option<Sort>,
    /// Most rows of the table, from `| limit`.
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Records by the values of keys, and by time.
    Count {
        by: Vec<Named>,
        /// Nanoseconds.
        per: Option<i64>,
    },
    /// The most frequent combinations of values.
    Top {
        rows: usize,
        by: Vec<Named>,
    },
    Patterns,
    /// These fields of the newest records.
    Fields(Vec<Named>),
}

/// A key as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) key: Key,
}

/// The column that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: usize,
    pub(super) descending: bool,
}

/// What a pipe works on.
pub(super) struct Work {
    pub(super) storage: Storage,
    pub(super) tenant: TenantId,
    pub(super) request: LogRequest,
    pub(super) query: Query,
    pub(super) times: Times,
    pub(super) threads: usize,
    pub(super) memory_bytes_max: u64,
    pub(super) stats: Arc<QueryStats>,
}

/// The table that the pipe makes of the records matched.
pub(super) async fn run(work: Work, pipe: Pipe) -> Result<LogTable, Error> {
    if work.request.cursor.is_some() && !matches!(pipe.stage, Stage::Fields(_)) {
        return Err(Error::InvalidRequest {
            message: "a query with pipes has one answer, so there is no cursor".to_owned(),
            hint: Some("leave the cursor out".to_owned()),
        });
    }
    let asked = super::limit(work.request.limit.or(Some(LOG_LIMIT_MAX)))?;
    let limit = pipe.limit.map_or(asked, |limit| limit.min(asked));
    let mut table = match &pipe.stage {
        Stage::Count { by, per } => table::counts(&count(&work, by, *per).await?, by, *per)?,
        Stage::Top { rows, by } => table::top(&count(&work, by, None).await?, by, *rows)?,
        Stage::Patterns => table::patterns(super::patterns::find(&work, None).await?),
        Stage::Fields(fields) => return fields::table(work, fields, pipe.limit).await,
    };
    if let Some(sort) = &pipe.sort {
        table.sort(sort);
    }
    table.cut(limit, pipe.limit.is_none_or(|limit| limit > asked));
    Ok(table)
}

async fn count(work: &Work, by: &[Named], per: Option<i64>) -> Result<Groups, Error> {
    let keys: Vec<Key> = by.iter().map(|named| named.key.clone()).collect();
    let group_by = Arc::new(GroupBy { keys, per });
    let budget = Arc::new(Budget::new(work.memory_bytes_max));
    let new = || Groups::new(group_by.clone(), budget.clone());
    let read = group_by.keys.iter().map(Key::exists).collect();
    scan::every(work, read, new).await
}
