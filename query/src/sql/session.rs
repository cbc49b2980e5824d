//! What DataFusion is given to plan and run one query with.

use super::context::QueryContext;
use super::events::{Part, PartTable};
use super::layout::Layout;
use super::memory::QueryMemory;
use super::planner::{Attributes, Planner, Recorded};
use super::provider::{SEGMENTS_URL, StoredTable};
use super::rollup::RollupScan;
use super::statement::Access;
use super::stop::StopRule;
use super::system::{self, SystemTable};
use super::{failure, functions};
use crate::engine::QueryEngine;
use crate::{Error, QueryConfig};
use binnacle_storage::model::{Table, TenantId, TimeRange};
use binnacle_storage::rollup::RollupTable;
use binnacle_storage::segment::AttributeKeys;
use datafusion::catalog::memory::{
    MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::SessionConfig;
use futures::StreamExt;
use object_store::memory::InMemory;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CATALOG: &str = "binnacle";
const SCHEMA: &str = "public";

/// Footers read at the same time to learn the types of attributes.
const LOOKUPS_AT_ONCE: usize = 8;

/// What all queries start from.
pub(crate) fn base(config: &QueryConfig) -> Result<SessionState, Error> {
    let mut options = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_target_partitions(config.threads.max(1));
    options.options_mut().sql_parser.collect_spans = true;
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(options)
        // Tables made from files are for those who may read the machine's files.
        .with_table_factories(std::collections::HashMap::new())
        .build();
    prepare_functions(&mut state).map_err(|error| failure::run_error(error, 0))?;
    Ok(state)
}

fn prepare_functions(state: &mut SessionState) -> Result<()> {
    for name in functions::REFUSED {
        state.deregister_udf(name)?;
    }
    for function in functions::all() {
        state.register_udf(function)?;
    }
    state.register_udaf(super::histogram::sum())?;
    Ok(())
}

/// A query's own memory, and no disk and no files.
fn runtime(memory: QueryMemory) -> Result<Arc<RuntimeEnv>> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(memory))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .build_arc()?;
    // Scans read through their own reader; the store behind the address stays empty.
    let url = ObjectStoreUrl::parse(SEGMENTS_URL)?;
    runtime.register_object_store(url.as_ref(), Arc::new(InMemory::new()));
    Ok(runtime)
}

/// The session of one query.
pub(super) async fn session(
    engine: &QueryEngine,
    tenant: &TenantId,
    context: &Arc<QueryContext>,
    accesses: &BTreeSet<Access>,
    memory_limit: u64,
) -> Result<SessionState> {
    let recorded = recorded(context, accesses).await;
    let attributes = Attributes::new(accesses, &recorded);
    let tables = tables(engine, tenant, context, &attributes);
    let schema = MemorySchemaProvider::new();
    for (name, table) in tables {
        schema.register_table(name, table)?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let base = engine.sql_base().clone();
    let turn = context.turn.clone();
    let memory = QueryMemory::new(memory_limit, engine.memory().clone(), turn.clone());
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(Planner { attributes })];
    planners.extend(base.expr_planners().iter().cloned());
    let mut state = SessionStateBuilder::new_from_existing(base)
        .with_session_id(String::new())
        .with_catalog_list(Arc::new(catalogs))
        .with_runtime_env(runtime(memory)?)
        .with_expr_planners(planners)
        .with_physical_optimizer_rule(Arc::new(StopRule { turn }))
        .build();
    // The moment that now() means.
    state.mark_start_execution();
    Ok(state)
}

fn tables(
    engine: &QueryEngine,
    tenant: &TenantId,
    context: &Arc<QueryContext>,
    attributes: &Attributes,
) -> BTreeMap<String, Arc<dyn TableProvider>> {
    let mut tables: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    for (name, table) in engine.system_tables() {
        let (tenant, rows) = (tenant.clone(), table.rows);
        let make = move || {
            let rows = rows(&tenant);
            Box::pin(std::future::ready(Ok(rows))) as futures::future::BoxFuture<'static, _>
        };
        tables.insert(name, Arc::new(SystemTable::new(table.schema, make)));
    }
    tables.insert("segments".to_owned(), Arc::new(system::segments(context.clone())));
    tables.insert("attribute_keys".to_owned(), Arc::new(system::attribute_keys(context.clone())));
    for part in [Part::Events, Part::Links] {
        let table = PartTable::new(part, &attributes.columns, context.clone());
        tables.insert(part.sql_name().to_owned(), Arc::new(table));
    }
    for table in [RollupTable::Red, RollupTable::Edges] {
        let scan =
            RollupScan { table, context: context.clone(), stitches: engine.stitches().clone() };
        tables.insert(table.name().to_owned(), Arc::new(scan));
    }
    for table in Table::ALL {
        let layout = Arc::new(Layout::new(table, &attributes.columns));
        let stored = StoredTable { layout, context: context.clone() };
        tables.insert(table.name().to_owned(), Arc::new(stored));
    }
    tables
}

/// Names of all tables, for hints.
pub(super) fn table_names(state: &SessionState) -> Vec<String> {
    let schema = state.catalog_list().catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
    schema.map(|schema| schema.table_names()).unwrap_or_default()
}

/// What files and buffered rows say about the attributes a query names.
async fn recorded(
    context: &Arc<QueryContext>,
    accesses: &BTreeSet<Access>,
) -> BTreeMap<String, Recorded> {
    use super::proto::AttributeList;
    let rows = accesses.iter().filter(|access| access.list == AttributeList::Row);
    let mut recorded: BTreeMap<String, Recorded> =
        rows.map(|access| (access.key.clone(), Recorded::default())).collect();
    if recorded.is_empty() {
        return recorded;
    }
    for table in Table::ALL {
        for chunk in context.snapshot.chunks(table, TimeRange::all()) {
            record(&mut recorded, &chunk.attributes);
        }
        let segments = context.snapshot.segments(table, TimeRange::all());
        let looked_up = segments.into_iter().map(|segment| async move {
            let keys = segment.attributes().await;
            (segment, keys)
        });
        let mut looked_up = futures::stream::iter(looked_up).buffered(LOOKUPS_AT_ONCE);
        while let Some((segment, keys)) = looked_up.next().await {
            match keys {
                Ok(keys) => record(&mut recorded, &keys),
                Err(error) => context.set_aside(&segment, &error),
            }
        }
    }
    recorded
}

fn record(recorded: &mut BTreeMap<String, Recorded>, keys: &AttributeKeys) {
    for (key, recorded) in recorded {
        recorded.kinds.extend(keys.columns.get(key).copied());
        recorded.in_rest |= keys.may_be_in_rest(key);
    }
}

/// Refuses plans that do more than read, whatever statement they came from.
pub(super) fn verify(plan: &datafusion::logical_expr::LogicalPlan) -> Result<(), DataFusionError> {
    datafusion::prelude::SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(plan)
}
