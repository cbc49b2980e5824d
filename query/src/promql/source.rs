//! Where the evaluator gets its samples from.

use super::labels::Matcher;
use super::series::Samples;
use crate::Error;
use async_trait::async_trait;

/// Which samples a selector needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub matchers: Vec<Matcher>,
    /// Unix milliseconds, both inclusive.
    pub start: i64,
    pub end: i64,
    /// Bytes of samples that may be returned; more is an error.
    pub bytes_max: u64,
}

/// Stored series.
#[async_trait]
pub trait SeriesSource: Send + Sync {
    /// The series that meet all matchers with their samples in the time range, sorted by labels.
    async fn select(&self, select: &Select) -> Result<Vec<Samples>, Error>;
}
