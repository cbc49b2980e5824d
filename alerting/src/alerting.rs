//! What alerting consists of, and its life: opened once storage has recovered, run until told to stop.

use crate::notify::Notifier;
use crate::rule::Rules;
use crate::slo::Slos;
use crate::{AlertingConfig, Error, SeriesSink, Store};
use binnacle_query::QueryEngine;
use binnacle_storage::{Clock, Storage};
use prometheus_client::registry::Registry;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The file in the data directory that holds alert states, silences and deliveries.
const FILE: &str = "alerting.sqlite";

/// What alerting works with; every part of it gets the same.
#[derive(Clone)]
pub struct Parts {
    pub config: Arc<AlertingConfig>,
    pub storage: Storage,
    pub engine: QueryEngine,
    pub sink: Arc<dyn SeriesSink>,
    pub clock: Arc<dyn Clock>,
}

/// Alerting as a whole. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Alerting {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    store: Store,
    rules: Rules,
    notifier: Notifier,
    slos: Slos,
}

impl std::fmt::Debug for Alerting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerting").field("config", &self.inner.parts.config).finish_non_exhaustive()
    }
}

impl Alerting {
    /// Opens what alerting remembers, in the data directory. Nothing is evaluated or sent before [`Alerting::run`].
    pub fn open(parts: Parts, data: &Path) -> Result<Alerting, Error> {
        let store = Store::open(&data.join(FILE))?;
        let rules = Rules::open(parts.clone(), store.clone())?;
        let notifier = Notifier::open(&parts.config, store.clone(), parts.clock.clone())?;
        let slos = Slos::open(parts.clone(), store.clone())?;
        Ok(Alerting { inner: Arc::new(Inner { parts, store, rules, slos, notifier }) })
    }

    pub fn config(&self) -> &AlertingConfig {
        &self.inner.parts.config
    }

    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// Reads files again that may have changed. The error says what is wrong with them.
    pub async fn reload(&self) -> Result<(), Vec<String>> {
        self.inner.rules.reload().await
    }

    /// Who tells people of alerts.
    pub fn notifier(&self) -> &Notifier {
        &self.inner.notifier
    }

    /// Adds alerting's own metrics.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.rules.register_metrics(registry);
        self.inner.notifier.register_metrics(registry);
    }

    pub fn slos(&self) -> &Slos {
        &self.inner.slos
    }

    /// Evaluates and delivers until `stop`; then what is being evaluated or delivered ends first. Storage must outlive it.
    pub async fn run(&self, stop: CancellationToken) {
        let Inner { rules, slos, notifier, .. } = &*self.inner;
        tokio::join!(rules.run(stop.clone()), slos.run(stop.clone()), notifier.run(stop));
    }
}
