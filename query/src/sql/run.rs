//! Runs one query under its limits and streams its rows.

use super::context::QueryContext;
use super::statement::{self, Parsed};
use super::{RecordBatches, SqlAnswer, SqlRequest, failure, session};
use crate::broken;
use crate::turn::Turn;
use crate::{Error, QueryEngine, QueryStats};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::Snapshot;
use binnacle_storage::model::TenantId;
use binnacle_storage::segment::Segment;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Batches made ahead of the caller.
const BATCHES_AHEAD: usize = 2;

/// A query is started anew without segments that turned out broken at most this often.
const RESTARTS_MAX: usize = 8;

/// One query's limits.
#[derive(Debug, Clone, Copy)]
struct Limits {
    rows: u64,
    memory: u64,
    timeout: Duration,
    deadline: Instant,
}

impl Limits {
    fn of(engine: &QueryEngine, request: &SqlRequest) -> Limits {
        let config = engine.config();
        let timeout = request.timeout.unwrap_or(config.timeout).min(config.timeout);
        let memory = request.memory_limit.unwrap_or(config.memory_bytes_max);
        Limits {
            rows: request.row_limit.unwrap_or(config.rows_max),
            memory: memory.min(config.memory_bytes_max),
            timeout,
            deadline: Instant::now() + timeout,
        }
    }
}

/// A query under way: its first rows, and the rest.
struct Started {
    schema: SchemaRef,
    first: Option<RecordBatch>,
    rest: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<QueryContext>,
    /// Segments left out by then.
    left_out: usize,
}

/// Counts a query when it ends, however it ends.
struct Account {
    engine: QueryEngine,
    stats: Arc<QueryStats>,
    plans: Vec<Arc<dyn ExecutionPlan>>,
    turn: Option<Arc<Turn>>,
}

impl Account {
    fn fail(&self, error: Error) -> Error {
        self.engine.metrics().failed("sql", error.code());
        error
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.plans.iter().for_each(|plan| count_plan(plan.as_ref(), &self.stats));
        self.stats.finish();
        self.engine.metrics().ended("sql", &self.stats.snapshot());
        self.turn.iter().for_each(|turn| turn.stop());
    }
}

pub(super) async fn answer(
    engine: &QueryEngine,
    tenant: &TenantId,
    request: SqlRequest,
) -> Result<SqlAnswer, Error> {
    engine.metrics().started("sql");
    let limits = Limits::of(engine, &request);
    let stats = Arc::new(QueryStats::new());
    let mut account =
        Account { engine: engine.clone(), stats: stats.clone(), plans: Vec::new(), turn: None };
    let started = async {
        let turn = account.turn.insert(engine.turn().await?).clone();
        let parsed = statement::parse(&request.query)?;
        let (engine, tenant, stats) = (engine.clone(), tenant.clone(), stats.clone());
        let work = async move { start(&engine, &tenant, parsed, limits, stats, turn).await };
        account.engine.spawn(work).await
    };
    let started = match tokio::time::timeout_at(limits.deadline, started).await {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return Err(account.fail(error)),
        Err(_) => return Err(account.fail(Error::Timeout { limit: limits.timeout })),
    };
    account.plans.push(started.plan.clone());
    account.plans.extend(started.context.inner_plans());
    let schema = started.schema.clone();
    Ok(SqlAnswer { schema, batches: stream(engine, started, limits, account), stats })
}

/// Plans and runs up to the first rows; starts anew without segments that turn out broken.
async fn start(
    engine: &QueryEngine,
    tenant: &TenantId,
    parsed: Parsed,
    limits: Limits,
    stats: Arc<QueryStats>,
    turn: Arc<Turn>,
) -> Result<Started, Error> {
    let snapshot = engine.storage().snapshot(tenant).await?;
    let storage = engine.storage().clone();
    let pushdown = engine.config().filter_pushdown;
    let context = QueryContext::new(storage, snapshot, stats, turn, pushdown);
    start_in(engine, tenant, &parsed, limits, &context).await
}

async fn start_in(
    engine: &QueryEngine,
    tenant: &TenantId,
    parsed: &Parsed,
    limits: Limits,
    context: &Arc<QueryContext>,
) -> Result<Started, Error> {
    let mut restarts = 0;
    loop {
        let set_aside = context.set_aside_count();
        let error = match start_once(engine, tenant, parsed, limits, context).await {
            Ok(started) => return Ok(started),
            Err(Failure::Query(error)) => return Err(error),
            Err(Failure::Run(error)) => error,
        };
        if context.set_aside_count() == set_aside && is_about_data(&error) {
            set_aside_unreadable(context).await;
        }
        if context.set_aside_count() == set_aside || restarts == RESTARTS_MAX {
            return Err(failure::run_error(error, limits.memory));
        }
        restarts += 1;
        context.stats.restart();
    }
}

enum Failure {
    Query(Error),
    Run(DataFusionError),
}

async fn start_once(
    engine: &QueryEngine,
    tenant: &TenantId,
    parsed: &Parsed,
    limits: Limits,
    context: &Arc<QueryContext>,
) -> Result<Started, Failure> {
    let state = session::session(engine, tenant, context, &parsed.accesses, limits.memory).await;
    let state = state.map_err(Failure::Run)?;
    let tables = session::table_names(&state);
    let misplanned = |error| Failure::Query(failure::plan_error(error, &tables));
    let mut plan = state.statement_to_plan(parsed.statement.clone()).await.map_err(misplanned)?;
    session::verify(&plan).map_err(misplanned)?;
    if parsed.is_query {
        // One row more than allowed tells whether there are more. DataFusion's limits are signed.
        let limit = limits.rows.saturating_add(1).min(i64::MAX as u64) as usize;
        let limited = LogicalPlanBuilder::from(plan).limit(0, Some(limit));
        plan = limited.and_then(LogicalPlanBuilder::build).map_err(misplanned)?;
    }
    let plan = state.optimize(&plan).map_err(misplanned)?;
    let plan = state.query_planner().create_physical_plan(&plan, &state).await;
    let plan = plan.map_err(|error| match is_about_data(&error) {
        true => Failure::Run(error),
        false => Failure::Query(failure::plan_error(error, &tables)),
    })?;
    let mut rest = execute_stream(plan.clone(), state.task_ctx()).map_err(Failure::Run)?;
    // Until there are rows, nothing has been said that a new start could contradict.
    let first = loop {
        match rest.try_next().await.map_err(Failure::Run)? {
            Some(batch) if batch.num_rows() == 0 => {}
            first => break first,
        }
    };
    let (context, left_out) = (context.clone(), context.set_aside_count());
    Ok(Started { schema: plan.schema(), first, rest, plan, context, left_out })
}

/// Whether a segment's bytes may be to blame.
fn is_about_data(error: &DataFusionError) -> bool {
    let may_be = matches!(
        error.find_root(),
        DataFusionError::ParquetError(_)
            | DataFusionError::ArrowError(_, _)
            | DataFusionError::External(_)
    );
    may_be && failure::value_error(error).is_none()
}

/// Reads every opened segment whole to find those that cannot be decoded. Only after a query failed on data.
async fn set_aside_unreadable(context: &Arc<QueryContext>) {
    for segment in context.opened() {
        if let Err(reason) = read_whole(context, &segment).await {
            context.set_aside_for(&segment, &reason);
            broken::examine(&context.storage, &segment).await;
        }
    }
}

async fn read_whole(context: &Arc<QueryContext>, segment: &Arc<Segment>) -> Result<(), String> {
    let reader = super::reader::open(segment.clone(), context.clone());
    let builder = ParquetRecordBatchStreamBuilder::new(reader);
    let stream = builder.await.and_then(|builder| builder.build());
    let mut stream = stream.map_err(|error| error.to_string())?;
    while let Some(batch) = stream.next().await {
        batch.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// All rows of a query that another question asks, within that question's turn and time.
pub(crate) async fn rows(
    engine: &QueryEngine,
    tenant: &TenantId,
    snapshot: Snapshot,
    stats: Arc<QueryStats>,
    turn: Arc<Turn>,
    query: &str,
) -> Result<Vec<RecordBatch>, Error> {
    let parsed = statement::parse(query)?;
    let request = SqlRequest { row_limit: Some(u64::MAX - 1), ..SqlRequest::default() };
    let limits = Limits::of(engine, &request);
    let (storage, pushdown) = (engine.storage().clone(), engine.config().filter_pushdown);
    let context = QueryContext::new(storage, snapshot, stats, turn, pushdown);
    let mut started = start_in(engine, tenant, &parsed, limits, &context).await?;
    let mut batches: Vec<RecordBatch> = started.first.take().into_iter().collect();
    while let Some(batch) = started.rest.next().await {
        match batch {
            Ok(batch) => batches.push(batch),
            Err(error) => {
                return Err(broken_off(&started.context, started.left_out, error, limits).await);
            }
        }
    }
    count_plan(started.plan.as_ref(), &context.stats);
    Ok(batches)
}

/// Drives the query on the query threads; the caller takes batches from a short queue.
fn stream(
    engine: &QueryEngine,
    started: Started,
    limits: Limits,
    account: Account,
) -> RecordBatches {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    let mut tasks = tokio::task::JoinSet::new();
    let stats = account.stats.clone();
    tasks.spawn_on(drive(started, limits, stats, sender), engine.runtime_handle());
    let state = Answer { receiver, _tasks: tasks, account: Some(account), limits };
    futures::stream::unfold(state, |mut answer| async move {
        let next = answer.next().await?;
        Some((next, answer))
    })
    // Whoever asks again after the end is told so again.
    .fuse()
    .boxed()
}

async fn drive(
    mut started: Started,
    limits: Limits,
    stats: Arc<QueryStats>,
    sender: mpsc::Sender<Result<RecordBatch, Error>>,
) {
    let mut left = limits.rows;
    let mut next = started.first.take().map(Ok);
    while let Some(batch) = next {
        let mut batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                let error = broken_off(&started.context, started.left_out, error, limits).await;
                let _ = sender.send(Err(error)).await;
                return;
            }
        };
        let rows = batch.num_rows() as u64;
        let over = rows > left;
        if over {
            stats.mark_truncated();
            batch = batch.slice(0, left as usize);
        }
        left -= batch.num_rows() as u64;
        stats.add_rows_returned(batch.num_rows() as u64);
        let some = batch.num_rows() > 0;
        if (some && sender.send(Ok(batch)).await.is_err()) || over {
            return;
        }
        next = started.rest.next().await;
    }
}

/// An error after rows were given. Segments found broken are set aside, so that asking again leaves them out.
async fn broken_off(
    context: &Arc<QueryContext>,
    left_out: usize,
    error: DataFusionError,
    limits: Limits,
) -> Error {
    if context.set_aside_count() == left_out && is_about_data(&error) {
        set_aside_unreadable(context).await;
    }
    let error = failure::run_error(error, limits.memory);
    if context.set_aside_count() == left_out {
        return error;
    }
    let message = format!(
        "a segment turned out to be unreadable after rows were given; ask again for an answer without it: {error}"
    );
    Error::Execution { message }
}

/// The caller's end of a running query. Dropping it stops the query.
struct Answer {
    receiver: mpsc::Receiver<Result<RecordBatch, Error>>,
    _tasks: tokio::task::JoinSet<()>,
    account: Option<Account>,
    limits: Limits,
}

impl Answer {
    async fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        let received = tokio::time::timeout_at(self.limits.deadline, self.receiver.recv()).await;
        let next = match received {
            _ if self.account.is_none() => return None,
            Ok(Some(Ok(batch))) => return Some(Ok(batch)),
            Ok(Some(Err(error))) => Some(error),
            // The queue ends when the query does, or when it panicked.
            Ok(None) => match self._tasks.join_next().await {
                Some(Err(error)) if error.is_panic() => {
                    Some(Error::Execution { message: "a query thread panicked".to_owned() })
                }
                _ => None,
            },
            Err(_) => Some(Error::Timeout { limit: self.limits.timeout }),
        };
        let account = self.account.take()?;
        self._tasks.abort_all();
        next.map(|error| Err(account.fail(error)))
    }
}

/// Adds what a plan's scans counted.
fn count_plan(plan: &dyn ExecutionPlan, stats: &QueryStats) {
    if plan.children().is_empty()
        && let Some(metrics) = plan.metrics()
    {
        stats.add_rows_scanned(metrics.output_rows().unwrap_or(0) as u64);
        for metric in metrics.iter() {
            if let MetricValue::PruningMetrics { name, pruning_metrics } = metric.value() {
                let pruned = pruning_metrics.pruned() as u64;
                match name.as_ref() {
                    "row_groups_pruned_statistics" => stats.add_pruned(pruned, 0),
                    "page_index_pages_pruned" => stats.add_pruned(0, pruned),
                    _ => {}
                }
            }
        }
    }
    plan.children().into_iter().for_each(|child| count_plan(child.as_ref(), stats));
}
