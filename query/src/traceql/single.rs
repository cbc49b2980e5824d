//! Conditions that one span answers alone: what can be decided of a span as it arrives, before its trace is whole.

use super::ast::{Pipeline, SpansetExpr, Stage};
use super::condition::{Condition, FieldSlots};
use super::parse;
use super::prune::all_have_services;
use super::row_fields::{RowReader, columns, is_of_row};
use crate::Error;
use crate::rows::Shared;
use arrow::record_batch::RecordBatch;
use binnacle_storage::segment::AttributeKeys;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BTreeSet;

/// A query that only filters spans.
#[derive(Debug)]
pub(crate) struct SpanFilter {
    conditions: Vec<Condition>,
    slots: FieldSlots,
}

impl SpanFilter {
    /// Reads a query; blank text passes every span.
    pub(crate) fn parse(text: &str) -> Result<SpanFilter, Error> {
        let mut filter = SpanFilter { conditions: Vec::new(), slots: FieldSlots::default() };
        if text.trim().is_empty() {
            return Ok(filter);
        }
        let query = parse(text)?;
        if query.metrics.is_some() {
            return Err(refused("a metrics function counts spans of the past"));
        }
        filter.add(&query.pipeline)?;
        if let Some(field) = filter.slots.fields.iter().find(|field| !is_of_row(field)) {
            return Err(refused(&format!("'{field}' hangs on other spans of the trace")));
        }
        Ok(filter)
    }

    fn add(&mut self, pipeline: &Pipeline) -> Result<(), Error> {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spans(SpansetExpr::Filter(None)) => {}
                Stage::Spans(SpansetExpr::Filter(Some(condition))) => {
                    self.conditions.push(Condition::compile(condition, &mut self.slots));
                }
                Stage::Spans(SpansetExpr::Pipeline(inner)) => self.add(inner)?,
                Stage::Spans(SpansetExpr::Binary { .. }) => {
                    return Err(refused("operators between spansets hang on whole traces"));
                }
                Stage::Filter(_) | Stage::By(_) | Stage::Coalesce | Stage::Select(_) => {
                    return Err(refused("a pipeline works on sets of spans"));
                }
            }
        }
        Ok(())
    }

    /// Columns of a file that deciding takes.
    pub(crate) fn columns(
        &self,
        keys: &AttributeKeys,
        metadata: &ParquetMetaData,
    ) -> BTreeSet<String> {
        columns(self.slots.fields.iter(), keys, all_have_services(metadata))
    }

    /// The rows of a batch that pass, ascending.
    pub(crate) fn matching(
        &self,
        batch: &RecordBatch,
        shared: &mut Shared,
    ) -> Result<Vec<usize>, Error> {
        let reader = RowReader::of(batch, &self.slots.fields, shared)?;
        let passes = |row: &usize| {
            let fields = reader.row(*row);
            self.conditions.iter().all(|condition| condition.holds(&fields) == Some(true))
        };
        Ok((0..batch.num_rows()).filter(passes).collect())
    }
}

fn refused(why: &str) -> Error {
    Error::InvalidRequest {
        message: format!("spans are decided one by one here: {why}"),
        hint: Some(
            "write one condition on a span, such as { status = error && duration > 1s }".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_conditions_on_one_span_can_be_tailed() {
        for good in ["", "{ }", "{ status = error }", "{ .a = 1 } | { .b = 2 }", "({ name = `x` })"]
        {
            assert!(SpanFilter::parse(good).is_ok(), "{good}");
        }
        for wrong in [
            "{ .a = 1 } >> { .b = 2 }",
            "{ .a = 1 } && { .b = 2 }",
            "{ .a = 1 } | count() > 2",
            "{ .a = 1 } | select(.b)",
            "{ .a = 1 } | rate()",
            "{ rootName = `x` }",
            "{ parent.a = 1 }",
        ] {
            let error = SpanFilter::parse(wrong).unwrap_err();
            assert!(matches!(error, Error::InvalidRequest { .. }), "{wrong}: {error}");
            assert!(error.hint().is_some());
        }
        assert!(matches!(SpanFilter::parse("{ .a = "), Err(Error::Parse { .. })));
    }
}
