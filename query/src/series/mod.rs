//! Series: metrics by name, service and attributes, with their data points and exemplars, page by page.
//!
//! The path: SQL says which series match and reads their points ([`select`]); their descriptions are found by id
//! ([`find`]), and so are their exemplars ([`exemplar`]). Series come in the order of their ids, points in that of their
//! times; a cursor ([`cursor`]) names the last point given, so that a page may end within a series.

mod cursor;
mod exemplar;
mod find;
mod page;
mod point;
mod select;

pub use exemplar::SeriesExemplar;
pub(crate) use find::find_series;
pub use point::Point;

use crate::value::{Attributes, Resource, Scope};
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{SeriesId, TenantId, Timestamp};
use cursor::Cursor;
use std::sync::Arc;

/// Series of a page when the request does not say.
pub const SERIES_LIMIT_DEFAULT: usize = 100;

/// Most series of one page.
pub const SERIES_LIMIT_MAX: usize = 1_000;

/// Most data points of one page, over all its series: some tens of megabytes of JSON when they are histograms.
pub const SERIES_POINTS_MAX: usize = 50_000;

/// Most exemplars of one page. Senders keep a few per data point.
pub const SERIES_EXEMPLARS_MAX: usize = 50_000;

/// Most attributes of one request; each becomes a column to compare.
const ATTRIBUTES_MAX: usize = 50;

/// Which series, and which of their points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesRequest {
    /// The metric's name.
    pub metric: Option<String>,
    pub service: Option<String>,
    /// Key and value: the data points have the attribute, or else their resource has it. Compared as text.
    pub attributes: Vec<(String, String)>,
    /// Only points at or after this time, and only series that have one.
    pub start: Option<Timestamp>,
    /// Only points before this time.
    pub end: Option<Timestamp>,
    /// Series of this page; `None` means [`SERIES_LIMIT_DEFAULT`].
    pub limit: Option<usize>,
    /// Where the page before ended, as it said; the other fields but the limit must be the same as then.
    pub cursor: Option<String>,
}

/// One page of series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPage {
    /// By id.
    pub series: Vec<SeriesPoints>,
    /// Asks for the next page; `None` when this is the last.
    pub cursor: Option<String>,
    pub stats: StatsSnapshot,
}

/// A series and what it measured.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoints {
    pub id: SeriesId,
    pub series: Arc<Series>,
    /// By time.
    pub points: Vec<Point>,
    /// By the time of their points, then their own.
    pub exemplars: Vec<SeriesExemplar>,
}

/// What all data points of a series have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub service: String,
    /// The metric's name.
    pub name: String,
    pub description: String,
    pub unit: String,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`; remote write has names of its own.
    pub kind: String,
    /// OTLP's `AggregationTemporality` number; `None` for gauges and summaries.
    pub temporality: Option<i32>,
    /// Only for sums.
    pub is_monotonic: Option<bool>,
    pub metadata: Attributes,
    /// The data points' attributes. Sorted by key.
    pub attributes: Attributes,
    pub resource: Arc<Resource>,
    pub scope: Arc<Scope>,
}

impl QueryEngine {
    /// Series of `tenant` that match, with their points and exemplars: one page of them.
    pub async fn series(
        &self,
        tenant: &TenantId,
        request: SeriesRequest,
    ) -> Result<SeriesPage, Error> {
        let stats = Arc::new(QueryStats::new());
        let limit = limit(request.limit)?;
        check(&request)?;
        let fingerprint = cursor::fingerprint(tenant, &request);
        let cursor = match &request.cursor {
            Some(text) => Some(Cursor::parse(text, fingerprint)?),
            None => None,
        };
        let (engine, tenant, shared) = (self.clone(), tenant.clone(), stats.clone());
        let work = |turn| async move {
            let snapshot = engine.storage().snapshot(&tenant).await?;
            shared.warn_all(snapshot.warnings());
            let reader = select::Reader { engine, tenant, snapshot, stats: shared, turn };
            page::page(&reader, &request, limit, cursor).await
        };
        let (series, next) = self.run("series", stats.clone(), work).await?;
        stats.add_rows_returned(series.len() as u64);
        if next.is_some() {
            stats.mark_truncated();
        }
        let cursor = next.map(|next| next.render(fingerprint));
        Ok(SeriesPage { series, cursor, stats: stats.snapshot() })
    }
}

fn limit(asked: Option<usize>) -> Result<usize, Error> {
    match asked.unwrap_or(SERIES_LIMIT_DEFAULT) {
        limit @ 1..=SERIES_LIMIT_MAX => Ok(limit),
        limit => Err(Error::InvalidRequest {
            message: format!("limit is {limit}; it must be from 1 to {SERIES_LIMIT_MAX}"),
            hint: Some("follow the cursor for more series, or use SQL".to_owned()),
        }),
    }
}

fn check(request: &SeriesRequest) -> Result<(), Error> {
    let invalid = |message: &str, hint: &str| {
        Err(Error::InvalidRequest { message: message.to_owned(), hint: Some(hint.to_owned()) })
    };
    if let (Some(start), Some(end)) = (request.start, request.end)
        && start >= end
    {
        return invalid("start is not before end", "end is not included");
    }
    if request.attributes.len() > ATTRIBUTES_MAX {
        return invalid("too many attributes", "ask for fewer, or use SQL");
    }
    Ok(())
}
