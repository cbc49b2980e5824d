//! Makes plans stop when their query does.
//!
//! A query ends by its tasks being dropped, which takes effect where a task yields. DataFusion yields as it reads rows;
//! a join can make rows without end from few that it has read, and can turn all of them down without passing one on. So
//! what multiplies rows yields by itself, and a join's filter fails once the query is stopped.

use crate::turn::Turn;
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The last rule of a query's physical optimizer.
#[derive(Debug)]
pub(super) struct StopRule {
    pub(super) turn: Arc<Turn>,
}

impl PhysicalOptimizerRule for StopRule {
    fn name(&self) -> &str {
        "stop"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| self.stoppable(plan)).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl StopRule {
    fn stoppable(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let yielding = |plan: Arc<dyn ExecutionPlan>| {
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>))
        };
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(|filter| self.filter(filter)).or_else(|| {
                // Semi joins and their like keep what matched to themselves until the end.
                is_quiet(*join.join_type()).then(|| self.filter(&always()))
            });
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?;
            return yielding(Arc::new(join));
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return match join.filter() {
                Some(filter) => {
                    let filter = self.filter(filter);
                    yielding(join.builder().with_filter(Some(filter)).build_exec()?)
                }
                None => yielding(plan),
            };
        }
        let multiplies =
            plan.is::<CrossJoinExec>() || plan.is::<SortMergeJoinExec>() || plan.is::<UnnestExec>();
        if multiplies { yielding(plan) } else { Ok(Transformed::no(plan)) }
    }

    fn filter(&self, filter: &JoinFilter) -> JoinFilter {
        let inner = filter.expression().clone();
        let expression = Arc::new(UntilStopped { inner, turn: self.turn.clone() });
        JoinFilter::new(expression, filter.column_indices().to_vec(), filter.schema().clone())
    }
}

fn is_quiet(join: JoinType) -> bool {
    !matches!(join, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full)
}

fn always() -> JoinFilter {
    JoinFilter::new(lit(true), Vec::new(), Arc::new(Schema::empty()))
}

/// Its inner expression, until the query is stopped.
#[derive(Debug)]
struct UntilStopped {
    inner: Arc<dyn PhysicalExpr>,
    turn: Arc<Turn>,
}

impl PartialEq for UntilStopped {
    fn eq(&self, other: &Self) -> bool {
        *self.inner == *other.inner
    }
}

impl Eq for UntilStopped {}

impl Hash for UntilStopped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for UntilStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for UntilStopped {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.turn.is_stopped() {
            return exec_err!("the query was stopped");
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(inner) if children.is_empty() => {
                Ok(Arc::new(UntilStopped { inner, turn: self.turn.clone() }))
            }
            _ => exec_err!("a stoppable filter has one input"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
