//! LogQL: the query language of Loki, over stored log records.
//!
//! The path: the text is parsed ([`parse`]); a resource makes a stream's labels ([`stream`]), a record its own ([`rows`]); log and trace
//! index and the page index say which rows to look at ([`scan`]); each line goes through the pipeline ([`pipeline`]). The
//! lines that come out are the answer ([`select`]), or are gathered by their labels, aggregated over ranges of time
//! ([`range`]) and computed with by PromQL's evaluator ([`metric`]).

mod ast;
mod base64;
mod catalog;
mod detected;
mod engine;
mod error;
mod gather;
mod ip;
mod labels;
mod level;
pub(crate) mod line;
mod metric;
mod parse;
mod parser;
mod patterns;
mod pipeline;
mod print;
mod range;
mod rows;
mod scan;
mod select;
mod stream;
mod tail;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod unit;
mod wanted;

pub use catalog::{Selection, StreamStats, VolumeBy, VolumeRequest};
pub use detected::{DetectedField, FieldsRequest};
pub use engine::{
    LINES_DEFAULT, LINES_MAX, LogqlAnswer, LogqlRequest, LogqlResult, POINTS_MAX, PointSeries, When,
};
pub use labels::ByKind;
pub use patterns::PatternsRequest;
pub use select::{Direction, Entry};
pub use stream::{SERVICE_NAME, UNKNOWN_SERVICE};
pub use unit::parse_duration;

use crate::Error;

/// The query as LogQL writes it, in one form for all ways of writing it.
pub fn format(text: &str) -> Result<String, Error> {
    Ok(parse::parse(text)?.to_string())
}

/// Whether a text is a query whose answer is numbers, as rules need it.
pub fn check_metric(text: &str) -> Result<(), Error> {
    match parse::parse(text)? {
        ast::Query::Metric(_) => Ok(()),
        ast::Query::Logs(_) => Err(Error::InvalidRequest {
            message: "the query finds lines, not numbers".to_owned(),
            hint: Some("count them: count_over_time(… [5m])".to_owned()),
        }),
    }
}
