//! Facets: the most frequent values of several fields at once, and how many records there are over time.

use super::field::{NO_TIME, TIME, key_of};
use super::pipe::{Budget, Cell, GroupBy, Groups};
use super::scan::{self, Fold};
use super::{LogRequest, parse, plan};
use crate::value::AnyValue;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most fields of one request.
pub const FACETS_MAX: usize = 50;

/// Most spans of time of one histogram.
pub const HISTOGRAM_STEPS_MAX: i64 = 10_000;

/// The values of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    pub field: String,
    /// How many different values there are.
    pub distinct: u64,
    /// Records without a value.
    pub missing: u64,
    /// The most frequent first, then by value.
    pub values: Vec<(AnyValue, u64)>,
}

/// The values of several fields, of all records that match.
#[derive(Debug, Clone, PartialEq)]
pub struct Facets {
    pub total: u64,
    pub facets: Vec<Facet>,
    pub stats: StatsSnapshot,
}

/// How many records there are in each span of time, by severity.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// By the begin of the span; empty ones are left out. `None` counts records without a severity.
    pub counts: BTreeMap<Timestamp, BTreeMap<Option<String>, u64>>,
    pub stats: StatsSnapshot,
}

impl QueryEngine {
    /// The `values` most frequent values of each field, named as keys in a query, of all records that match.
    pub async fn log_facets(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        fields: Vec<String>,
        values: usize,
    ) -> Result<Facets, Error> {
        if fields.len() > FACETS_MAX {
            return Err(Error::InvalidRequest {
                message: format!(
                    "there are {} fields; at most {FACETS_MAX} can be asked",
                    fields.len()
                ),
                hint: Some("ask for fewer at a time".to_owned()),
            });
        }
        if fields.iter().any(|field| field == TIME) {
            let hint = "ask for the histogram; an attribute of that name is attributes.time";
            return Err(Error::InvalidRequest {
                message: NO_TIME.to_owned(),
                hint: Some(hint.to_owned()),
            });
        }
        let keys = fields.iter().map(|field| vec![key_of(field)]).chain([Vec::new()]);
        let by = keys.map(|keys| Arc::new(GroupBy { keys, per: None })).collect();
        let (groups, stats) = self.fold_groups(tenant, request, by).await?;
        let total = groups.last().map_or(0, |all| all.by_count().iter().map(|(_, n)| n).sum());
        let facets =
            fields.into_iter().zip(&groups).map(|(field, groups)| facet(field, groups, values));
        let facets = facets.collect();
        Ok(Facets { total, facets, stats })
    }

    /// How many records match in each `step` nanoseconds, by severity.
    pub async fn log_histogram(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        step: i64,
    ) -> Result<Histogram, Error> {
        if step <= 0 {
            return Err(Error::InvalidRequest {
                message: "the step is not above zero".to_owned(),
                hint: Some("leave the step out, or write such as 1m".to_owned()),
            });
        }
        let by = vec![Arc::new(GroupBy { keys: vec![key_of("severity")], per: Some(step) })];
        let (groups, stats) = self.fold_groups(tenant, request, by).await?;
        let mut counts: BTreeMap<Timestamp, BTreeMap<Option<String>, u64>> = BTreeMap::new();
        for (cells, count) in groups.iter().flat_map(Groups::by_count) {
            let [Cell::Int(begin), severity] = cells else { continue };
            let severity = match severity {
                Cell::Text(name) => Some(name.clone()),
                _ => None,
            };
            counts.entry(Timestamp(*begin)).or_default().insert(severity, count);
        }
        if i64::try_from(counts.len()).is_ok_and(|steps| steps > HISTOGRAM_STEPS_MAX) {
            return Err(Error::InvalidRequest {
                message: format!("there are more than {HISTOGRAM_STEPS_MAX} spans of time"),
                hint: Some("ask for a longer step or a shorter time".to_owned()),
            });
        }
        Ok(Histogram { counts, stats })
    }

    async fn fold_groups(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        by: Vec<Arc<GroupBy>>,
    ) -> Result<(Vec<Groups>, StatsSnapshot), Error> {
        let stats = Arc::new(QueryStats::new());
        let query = plan::cheap_first(parse::parse(&request.query)?);
        let times = super::times(request.start, request.end)?;
        let work = self.work(tenant, request, query, times, stats.clone());
        let work = async move {
            let read = by.iter().flat_map(|by| by.keys.iter().map(|key| key.exists())).collect();
            let budget = Arc::new(Budget::new(work.memory_bytes_max));
            let new =
                || Side(by.iter().map(|by| Groups::new(by.clone(), budget.clone())).collect());
            scan::every(&work, read, new).await
        };
        let Side(groups) = self.run("logs", stats.clone(), |_| work).await?;
        Ok((groups, stats.snapshot()))
    }
}

fn facet(field: String, groups: &Groups, values: usize) -> Facet {
    let found = groups.by_count();
    let is_missing = |cells: &[Cell]| cells == [Cell::None];
    let missing = found.iter().find(|(cells, _)| is_missing(cells)).map_or(0, |(_, count)| *count);
    let some: Vec<_> = found.into_iter().filter(|(cells, _)| !is_missing(cells)).collect();
    let value = |(cells, count): &(&[Cell], u64)| Some((cells.first()?.value(), *count));
    Facet {
        field,
        distinct: some.len() as u64,
        missing,
        values: some.iter().take(values).filter_map(value).collect(),
    }
}

/// Several tables filled from the same rows.
struct Side(Vec<Groups>);

impl Fold for Side {
    fn rows(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(|groups| groups.rows(batch, rows))
    }

    fn unite(&mut self, other: Side) -> Result<(), Error> {
        self.0.iter_mut().zip(other.0).try_for_each(|(ours, theirs)| ours.unite(theirs))
    }
}
