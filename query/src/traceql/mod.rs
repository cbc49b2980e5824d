//! TraceQL: searching traces by what their spans are and how they stand to each other.
//!
//! The path: the text is parsed and checked ([`parse()`]) and planned ([`evaluate`]); a scan of the columns that its
//! conditions name ([`scan`]) finds the traces that may match, newest first ([`candidates`]); these are read whole ([`fetch`]), put up as
//! trees ([`tree`]) and the pipeline is run over each ([`evaluate`]), until the page is full. A metrics function counts the
//! spans of all of them instead ([`metrics`]).
//!
//! A trace matches when the pipeline leaves a set of its spans; the sets speak of all spans of the trace, also of those
//! outside the time range, in which one span must lie that the query's first conditions leave open.

mod ast;
mod attributes;
mod candidates;
mod check;
mod condition;

mod error;
mod evaluate;
mod fetch;
mod filter;
mod metrics;
mod parse;
mod print;
mod prune;
mod row_fields;
mod row_values;
mod scan;
mod search;
mod single;
mod span_fields;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod value;
mod values;
mod visit;

pub(crate) use attributes::each_attribute;
pub(crate) use fetch::whole as whole_traces;
pub use metrics::{MetricSeries, MetricsPage, MetricsRequest, SeriesFound, SpanExemplar};
pub(crate) use parse::parse;
pub use search::{
    MatchedSpan, ServiceStats, SpansetMatch, TRACES_LIMIT_DEFAULT, TRACES_LIMIT_MAX, TraceMatch,
    TracePage, TraceRequest, TracesFound,
};
pub(crate) use single::SpanFilter;
pub use tags::{TAGS_LIMIT_MAX, TagScope, TagTimes, TagValue};
pub use token::quoted;
pub(crate) use tree::Tree;
pub(crate) use values::SpanFields;
pub use visit::{TRACES_VISITED_DEFAULT, TRACES_VISITED_MAX, TraceSet};
pub(crate) use visit::{Visited, visit};

use crate::Error;

/// The query as TraceQL writes it, in one form for all ways of writing it.
pub fn format(text: &str) -> Result<String, Error> {
    Ok(parse(text)?.to_string())
}

/// Whether a text is a query whose answer is numbers, as rules need it.
pub fn check_metrics(text: &str) -> Result<(), Error> {
    match parse(text)?.metrics {
        Some(_) => Ok(()),
        None => Err(Error::InvalidRequest {
            message: "the query finds traces, not numbers".to_owned(),
            hint: Some("end it with such as | rate() by (resource.service.name)".to_owned()),
        }),
    }
}
