//! Turns a query's columns into expressions over one file's columns.

use super::attribute::{AttributeExpr, data_type};
use super::layout::{AttributeColumn, Layout, Source};
use super::proto::AttributeList;
use super::text::{TextExpr, TextSource};
use arrow::datatypes::{Schema, SchemaRef};
use binnacle_storage::batch::AttributeType;
use binnacle_storage::segment::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, lit};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Key in a file schema's metadata that says which segment it is of.
pub(super) const SEGMENT_KEY: &str = "binnacle.segment";

/// Makes an adapter per file. Knows what attributes each file has where.
#[derive(Debug)]
pub(super) struct AdapterFactory {
    pub(super) layout: Arc<Layout>,
    /// Segment id → its attributes.
    pub(super) keys: HashMap<String, Arc<AttributeKeys>>,
}

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(
        &self,
        logical: SchemaRef,
        physical: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let keys = physical.metadata().get(SEGMENT_KEY).and_then(|id| self.keys.get(id));
        // Without a list any key may be in the tail: slower, never wrong.
        let keys = keys.cloned().unwrap_or_else(|| Arc::new(every_key_in_rest(&physical)));
        adapter(self.layout.clone(), keys, logical, physical)
    }
}

/// An adapter for one file or chunk.
pub(super) fn adapter(
    layout: Arc<Layout>,
    keys: Arc<AttributeKeys>,
    logical: SchemaRef,
    physical: SchemaRef,
) -> Result<Arc<dyn PhysicalExprAdapter>> {
    let default = DefaultPhysicalExprAdapterFactory.create(logical, physical.clone())?;
    Ok(Arc::new(Adapter { layout, keys, physical, default }))
}

fn every_key_in_rest(physical: &Schema) -> AttributeKeys {
    let columns = physical.fields().iter().filter_map(|field| {
        let key = field.name().strip_prefix(&attribute_column_name(""))?;
        Some((key.to_owned(), kind_of(field.data_type())?))
    });
    AttributeKeys { columns: columns.collect(), rest: None }
}

fn kind_of(stored: &arrow::datatypes::DataType) -> Option<AttributeType> {
    use arrow::datatypes::DataType;
    match stored {
        DataType::Utf8 | DataType::Utf8View => Some(AttributeType::String),
        DataType::Int64 => Some(AttributeType::Int),
        DataType::Float64 => Some(AttributeType::Double),
        DataType::Boolean => Some(AttributeType::Bool),
        _ => None,
    }
}

#[derive(Debug)]
struct Adapter {
    layout: Arc<Layout>,
    keys: Arc<AttributeKeys>,
    physical: SchemaRef,
    default: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = expr.transform_down(|expr| {
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let made = match self.layout.source(column.name()) {
                Some(Source::Attribute(attribute)) => self.attribute(attribute)?,
                Some(Source::Text(source)) => self.text(*source)?,
                Some(Source::Stored) | None => self.default.rewrite(expr)?,
            };
            // What was made speaks of the file's columns and must not be rewritten again.
            Ok(Transformed::new(made, true, TreeNodeRecursion::Jump))
        });
        rewritten.data()
    }
}

impl Adapter {
    fn column(&self, name: &str) -> Option<Arc<dyn PhysicalExpr>> {
        let index = self.physical.index_of(name).ok()?;
        Some(Arc::new(Column::new(name, index)))
    }

    fn attribute(&self, wanted: &AttributeColumn) -> Result<Arc<dyn PhysicalExpr>> {
        let (column, bytes) = match wanted.list {
            AttributeList::Resource => (None, self.column("resource")),
            AttributeList::Scope => (None, self.column("scope")),
            AttributeList::Row => {
                let column = self.keys.columns.contains_key(&wanted.key);
                let rest = self.keys.may_be_in_rest(&wanted.key);
                (
                    column.then(|| self.column(&attribute_column_name(&wanted.key))).flatten(),
                    rest.then(|| self.column(ATTRIBUTES_REST)).flatten(),
                )
            }
        };
        let stored = self.keys.columns.get(&wanted.key).copied();
        match (column, bytes) {
            (None, None) => Ok(lit(ScalarValue::try_from(&data_type(wanted.kind))?)),
            // Statistics prune through a plain column, and through a widening cast.
            (Some(column), None) if stored == Some(wanted.kind) => Ok(column),
            (Some(column), None)
                if (stored, wanted.kind) == (Some(AttributeType::Int), AttributeType::Double) =>
            {
                Ok(Arc::new(CastExpr::new(column, data_type(wanted.kind), None)))
            }
            (column, bytes) => Ok(Arc::new(AttributeExpr {
                key: wanted.key.as_str().into(),
                kind: wanted.kind,
                list: wanted.list,
                column,
                bytes,
            })),
        }
    }

    fn text(&self, source: TextSource) -> Result<Arc<dyn PhysicalExpr>> {
        if let Some(name) = source.column() {
            return match self.column(name) {
                Some(column) => Ok(Arc::new(TextExpr {
                    source,
                    keys: Arc::new([]),
                    with_rest: false,
                    inputs: vec![column],
                })),
                None => Ok(lit(ScalarValue::try_from(&source.data_type())?)),
            };
        }
        let mut keys = Vec::new();
        let mut inputs = Vec::new();
        for key in self.keys.columns.keys() {
            if let Some(column) = self.column(&attribute_column_name(key)) {
                keys.push(key.clone());
                inputs.push(column);
            }
        }
        let rest = self.column(ATTRIBUTES_REST);
        let with_rest = rest.is_some();
        inputs.extend(rest);
        if inputs.is_empty() {
            return Ok(lit(ScalarValue::Utf8View(Some("{}".to_owned()))));
        }
        Ok(Arc::new(TextExpr { source, keys: keys.into(), with_rest, inputs }))
    }
}
