//! The query engine: who may run, on which threads, for how long.

use crate::metrics::QueryMetrics;
use crate::turn::Turn;
use crate::{Error, QueryConfig, QueryStats};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::TenantId;
use binnacle_storage::{Stitches, Storage};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Makes the rows of a system table for one tenant.
pub type SystemTableRows = Arc<dyn Fn(&TenantId) -> RecordBatch + Send + Sync>;

/// A table the wiring provides.
#[derive(Clone)]
pub(crate) struct SystemTable {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: SystemTableRows,
}

/// Answers queries. Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct QueryEngine {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    config: QueryConfig,
    metrics: QueryMetrics,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    system_tables: RwLock<BTreeMap<String, SystemTable>>,
    memory: Arc<crate::sql::MemoryTotal>,
    sql_base: crate::sql::SessionState,
    catalogs: Arc<crate::promql::store::CatalogCache>,
    tails: Arc<Semaphore>,
    stitches: Stitches,
    runtime: Option<Runtime>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropping a runtime waits for its tasks, which an async caller must not do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for QueryEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryEngine").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

/// Counts a waiting query, also when its caller gives up.
struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiting.dec();
    }
}

impl QueryEngine {
    /// Starts the query threads.
    pub fn new(storage: Storage, config: QueryConfig) -> Result<QueryEngine, Error> {
        let threads = match config.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("query")
            .thread_stack_size(crate::sql::STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|error| Error::Execution {
                message: format!("failed to start the query threads: {error}"),
            })?;
        let config = QueryConfig { threads, ..config };
        let inner = Inner {
            storage,
            sql_base: crate::sql::base(&config)?,
            turns: Arc::new(Semaphore::new(config.concurrency.max(1))),
            memory: crate::sql::MemoryTotal::new(config.memory_bytes_total),
            config,
            metrics: QueryMetrics::default(),
            catalogs: Arc::default(),
            tails: Arc::new(Semaphore::new(crate::tail::TAILS_MAX)),
            stitches: Stitches::default(),
            waiting: AtomicUsize::new(0),
            system_tables: RwLock::default(),
            runtime: Some(runtime),
        };
        Ok(QueryEngine { inner: Arc::new(inner) })
    }

    /// A table the wiring provides; `rows` is called once per query that names it.
    pub fn add_system_table(&self, name: &str, schema: SchemaRef, rows: SystemTableRows) {
        let table = SystemTable { schema, rows };
        self.inner.system_tables.write().insert(name.to_owned(), table);
    }

    /// Adds the engine's own metrics.
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.inner.metrics.register(registry);
    }

    pub fn config(&self) -> &QueryConfig {
        &self.inner.config
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    pub(crate) fn metrics(&self) -> &QueryMetrics {
        &self.inner.metrics
    }

    pub(crate) fn memory(&self) -> &Arc<crate::sql::MemoryTotal> {
        &self.inner.memory
    }

    pub(crate) fn sql_base(&self) -> &crate::sql::SessionState {
        &self.inner.sql_base
    }

    pub(crate) fn catalogs(&self) -> &Arc<crate::promql::store::CatalogCache> {
        &self.inner.catalogs
    }

    /// One permit for every tail there may be.
    pub(crate) fn tail_places(&self) -> &Arc<Semaphore> {
        &self.inner.tails
    }

    pub(crate) fn stitches(&self) -> &Stitches {
        &self.inner.stitches
    }

    pub(crate) fn system_tables(&self) -> BTreeMap<String, SystemTable> {
        self.inner.system_tables.read().clone()
    }

    /// Waits for this query's turn; refuses when too many wait already.
    pub(crate) async fn turn(&self) -> Result<Arc<Turn>, Error> {
        let inner = &self.inner;
        if let Ok(permit) = inner.turns.clone().try_acquire_owned() {
            return Ok(self.take_turn(permit));
        }
        let before = inner.waiting.fetch_add(1, Ordering::Relaxed);
        inner.metrics.waiting.inc();
        let _waiting = Waiting(inner);
        if before >= inner.config.waiting_max {
            return Err(Error::Overloaded {
                running: inner.config.concurrency,
                waiting: before,
                retry_after: Duration::from_secs(1),
            });
        }
        let permit = inner.turns.clone().acquire_owned().await.map_err(|_| Error::Cancelled)?;
        Ok(self.take_turn(permit))
    }

    fn take_turn(&self, permit: OwnedSemaphorePermit) -> Arc<Turn> {
        Arc::new(Turn::new(self.inner.metrics.running.clone(), Some(permit)))
    }

    /// Runs `work` on the query threads; it stops when the caller stops waiting.
    pub(crate) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn_on(work, self.runtime_handle());
        match tasks.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) if error.is_cancelled() => Err(Error::Cancelled),
            Some(Err(error)) => {
                Err(Error::Execution { message: format!("a query thread failed: {error}") })
            }
            None => Err(Error::Cancelled),
        }
    }

    pub(crate) fn runtime_handle(&self) -> &tokio::runtime::Handle {
        self.inner.runtime.as_ref().expect("the runtime lives as long as the engine").handle()
    }

    /// One query that is not SQL, from its turn to its counting: `work` runs on the query threads under the engine's
    /// time limit.
    pub(crate) async fn run<T: Send + 'static, W>(
        &self,
        language: &'static str,
        stats: Arc<QueryStats>,
        work: impl FnOnce(Arc<Turn>) -> W,
    ) -> Result<T, Error>
    where
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.metrics().started(language);
        let limit = self.config().timeout;
        let answer = async {
            let turn = self.turn().await?;
            let _stop = turn.stop_when_dropped();
            let work = work(turn.clone());
            self.spawn(async move {
                let result = work.await;
                drop(turn);
                result
            })
            .await
        };
        let result = match tokio::time::timeout(limit, answer).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { limit }),
        };
        stats.finish();
        if let Err(error) = &result {
            self.metrics().failed(language, error.code());
        }
        self.metrics().ended(language, &stats.snapshot());
        result
    }
}
