//! The two filters of an indicator: which rows are events, and which of these count as good or bad.

use super::counts::LATE_NANOS;
use super::groups::SliGroups;
use crate::Error;
use crate::logs::LogFilter;
use crate::rows::Shared;
use crate::traceql::SpanFilter;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::Table;
use binnacle_storage::segment::AttributeKeys;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What to count.
#[derive(Debug)]
pub struct SliQuery {
    filters: Filters,
    /// Whether the rows that pass the second filter are good; else they are bad.
    is_good: bool,
    groups: Option<Arc<SliGroups>>,
    /// From when on arrivals may be late, in Unix nanoseconds.
    late_from: i64,
    /// Whose events are left out.
    named: Option<Arc<SliGroups>>,
}

#[derive(Debug)]
enum Filters {
    Spans { total: SpanFilter, part: SpanFilter },
    Logs { total: LogFilter, part: LogFilter },
}

/// Whether a text is conditions on one span.
pub fn check_spans(query: &str) -> Result<(), Error> {
    SpanFilter::parse(query).map(drop)
}

/// Whether a text is a log search.
pub fn check_logs(query: &str) -> Result<(), Error> {
    LogFilter::parse(query).map(drop)
}

impl SliQuery {
    /// Spans that pass `total`; those of them that pass `part` are good, or bad.
    pub fn spans(total: &str, part: &str, is_good: bool) -> Result<SliQuery, Error> {
        let (total, part) = (SpanFilter::parse(total)?, SpanFilter::parse(part)?);
        Ok(SliQuery::of(Filters::Spans { total, part }, is_good))
    }

    /// Log records that match `total`; those of them that match `part` are good, or bad.
    pub fn logs(total: &str, part: &str, is_good: bool) -> Result<SliQuery, Error> {
        let (total, part) = (LogFilter::parse(total)?, LogFilter::parse(part)?);
        Ok(SliQuery::of(Filters::Logs { total, part }, is_good))
    }

    fn of(filters: Filters, is_good: bool) -> SliQuery {
        SliQuery { filters, is_good, groups: None, named: None, late_from: i64::MAX }
    }

    /// Tells what comes late from `nanos` on (Unix nanoseconds); what arrived before is never late.
    pub fn late_from(self, nanos: i64) -> SliQuery {
        SliQuery { late_from: nanos, ..self }
    }

    /// Whether an event that arrived `lag` nanoseconds after its end is late.
    pub(super) fn is_late(&self, arrival: i64, lag: i64) -> bool {
        lag > LATE_NANOS && arrival >= self.late_from
    }

    /// Tells the events apart by groups, made for the same table.
    pub fn grouped(self, groups: Arc<SliGroups>) -> SliQuery {
        SliQuery { groups: Some(groups), ..self }
    }

    /// Leaves out the events of the groups that are admitted by the time they are looked at: what is left is the overflow.
    pub fn beyond(self, named: Arc<SliGroups>) -> SliQuery {
        SliQuery { named: Some(named), ..self }
    }

    pub fn groups(&self) -> Option<&Arc<SliGroups>> {
        self.groups.as_ref()
    }

    pub fn table(&self) -> Table {
        match &self.filters {
            Filters::Spans { .. } => Table::Spans,
            Filters::Logs { .. } => Table::Logs,
        }
    }

    /// The events among the rows of a batch, ascending, and whether each is good.
    pub(super) fn events(
        &self,
        batch: &RecordBatch,
        shared: &mut Shared,
    ) -> Result<Vec<(usize, bool)>, Error> {
        let (total, part) = match &self.filters {
            Filters::Spans { total, part } => {
                (total.matching(batch, shared)?, part.matching(batch, shared)?)
            }
            Filters::Logs { total, part } => {
                let rows = |filter: &LogFilter| -> Result<Vec<usize>, Error> {
                    Ok(filter.matching(batch)?.into_iter().map(|row| row as usize).collect())
                };
                (rows(total)?, rows(part)?)
            }
        };
        let total = match &self.named {
            Some(named) => named.beyond(batch, shared, total)?,
            None => total,
        };
        let mut part = part.into_iter().peekable();
        let is_good = |row: usize| {
            while part.next_if(|chosen| *chosen < row).is_some() {}
            part.next_if_eq(&row).is_some() == self.is_good
        };
        let mut is_good = is_good;
        Ok(total.into_iter().map(|row| (row, is_good(row))).collect())
    }

    /// Columns of a file that deciding takes.
    pub(super) fn columns(
        &self,
        keys: &AttributeKeys,
        metadata: &ParquetMetaData,
    ) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        match &self.filters {
            Filters::Spans { total, part } => {
                columns.extend(total.columns(keys, metadata));
                columns.extend(part.columns(keys, metadata));
            }
            Filters::Logs { total, part } => {
                columns.extend(total.columns(keys));
                columns.extend(part.columns(keys));
            }
        }
        for groups in self.groups.iter().chain(&self.named) {
            columns.extend(groups.columns(keys, metadata));
        }
        columns
    }
}
