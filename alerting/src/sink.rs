//! The way out for series that rules make. Alerting knows no format of the wire, so whoever wires the product brings one:
//! the way in that every other series takes, durable and visible once written.

use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_storage::model::TenantId;
use futures::future::BoxFuture;

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSample {
    /// With `__name__`.
    pub labels: Labels,
    /// Unix milliseconds.
    pub time: i64,
    /// `None`: the series ends here.
    pub value: Option<Sample>,
}

/// Where series are written.
pub trait SeriesSink: Send + Sync {
    /// On `Ok` the samples survive a crash, and every later query sees them. An error says why none or only some were kept.
    fn write(
        &self,
        tenant: &TenantId,
        samples: Vec<RecordedSample>,
    ) -> BoxFuture<'_, Result<(), String>>;
}
