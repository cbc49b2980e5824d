//! The engine's PromQL: one snapshot of one tenant per question.

use super::error::Failure;
use super::labels::{Labels, Matcher};
use super::run::{Answer, Request, Settings, Stopped, run};
use super::store::{ExemplarSeries, Metadata, Store, Traces};
use super::{Select, SeriesSource};
use crate::turn::Turn;
use crate::{Error, QueryConfig, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

/// Inclusive Unix milliseconds.
pub type MilliRange = (i64, i64);

impl QueryConfig {
    /// The settings of PromQL queries that ask for nothing else.
    pub fn promql_settings(&self) -> Settings {
        Settings {
            lookback: self.promql_lookback,
            subquery_step: self.promql_subquery_step,
            bytes_max: self.memory_bytes_max,
            delayed_names: self.promql_delayed_names,
            experimental: self.promql_experimental,
            timeout: self.timeout,
            threads: self.threads,
        }
    }
}

impl QueryEngine {
    /// Answers a query, with what it did.
    pub async fn promql(
        &self,
        tenant: &TenantId,
        request: Request,
    ) -> Result<(Answer, StatsSnapshot), Failure> {
        let limit = request.settings.timeout;
        let work = |store: Store, turn: Arc<Turn>| async move {
            let stopped: Stopped = Arc::new(move || turn.is_stopped());
            Ok(run(&store, &request, stopped).await)
        };
        let (answer, stats) =
            self.over_store("promql", tenant, work).await.map_err(|error| match error {
                Error::Timeout { .. } => Failure::Timeout { limit },
                Error::Cancelled => Failure::Cancelled,
                other => Failure::Source(other),
            })?;
        Ok((answer?, stats))
    }

    /// The labels of the series that meet any of the sets of matchers.
    pub async fn series_labels(
        &self,
        tenant: &TenantId,
        sets: Vec<Vec<Matcher>>,
        range: MilliRange,
    ) -> Result<BTreeSet<Labels>, Error> {
        let bytes_max = self.config().memory_bytes_max;
        let work = |store: Store, _| async move { store.labels(&sets, range, bytes_max).await };
        Ok(self.over_store("promql_series", tenant, work).await?.0)
    }

    /// Types, descriptions and units of metrics, by name.
    pub async fn metric_metadata(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<String, BTreeSet<Metadata>>, Error> {
        let work = |store: Store, _| async move { store.metadata().await };
        Ok(self.over_store("promql_metadata", tenant, work).await?.0)
    }

    /// The exemplars of the series that meet any of the sets of matchers.
    pub async fn exemplars(
        &self,
        tenant: &TenantId,
        sets: Vec<Vec<Matcher>>,
        range: MilliRange,
    ) -> Result<Vec<ExemplarSeries>, Error> {
        let work = |store: Store, _| async move { store.exemplars(&sets, range).await };
        Ok(self.over_store("promql_exemplars", tenant, work).await?.0)
    }

    /// The labels of every stored series, for counting.
    pub async fn all_series_labels(&self, tenant: &TenantId) -> Result<Vec<Labels>, Error> {
        let work = |store: Store, _| async move { store.all_labels().await };
        Ok(self.over_store("promql_series", tenant, work).await?.0)
    }

    /// The samples a selection finds: what remote read asks for.
    pub async fn samples(
        &self,
        tenant: &TenantId,
        select: Select,
    ) -> Result<Vec<super::series::Samples>, Error> {
        let work = |store: Store, _| async move { store.select(&select).await };
        Ok(self.over_store("promql_samples", tenant, work).await?.0)
    }

    /// The same, with what is missing from them, in words.
    pub(crate) async fn whole_samples(
        &self,
        tenant: &TenantId,
        select: Select,
    ) -> Result<(Vec<super::series::Samples>, Vec<String>), Error> {
        let work = |store: Store, _| async move { store.select(&select).await };
        let (samples, stats) = self.over_store("slo", tenant, work).await?;
        Ok((samples, stats.warnings))
    }

    async fn over_store<T, W>(
        &self,
        language: &'static str,
        tenant: &TenantId,
        work: impl FnOnce(Store, Arc<Turn>) -> W,
    ) -> Result<(T, StatsSnapshot), Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let stats = Arc::new(QueryStats::new());
        let storage = self.storage().clone();
        let snapshot = storage.snapshot(tenant).await?;
        let shared = (self.catalogs().clone(), self.config().threads);
        let names = self.config().metric_names;
        let store = Store::new(storage, snapshot, names, shared, stats.clone());
        let (own, tenant) = (self.clone(), tenant.clone());
        let work =
            |turn: Arc<Turn>| work(store.with_traces(Traces::new(own, tenant, turn.clone())), turn);
        let answer = self.run(language, stats.clone(), work).await?;
        Ok((answer, stats.snapshot()))
    }
}
