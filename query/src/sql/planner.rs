//! Expressions only we know: attribute accesses, and ids compared with text.

use super::functions;
use super::layout::{AttributeColumn, column_name};
use super::proto::AttributeList;
use super::statement::Access;
use super::want::{Want, unmark};
use arrow::datatypes::DataType;
use binnacle_storage::batch::AttributeType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, GetFieldAccess};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one attribute over all files and buffered rows of the tables a query names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Types it has a column of somewhere.
    pub(super) kinds: BTreeSet<AttributeType>,
    /// Some file may have values of any type in its tail.
    pub(super) in_rest: bool,
}

/// The flat columns of a query.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    names: BTreeMap<Access, String>,
    pub(super) columns: BTreeMap<String, AttributeColumn>,
}

impl Attributes {
    pub(super) fn new(
        accesses: &BTreeSet<Access>,
        recorded: &BTreeMap<String, Recorded>,
    ) -> Attributes {
        let anything = Recorded { kinds: BTreeSet::new(), in_rest: true };
        let mut attributes = Attributes::default();
        for access in accesses {
            let recorded = match access.list {
                AttributeList::Row => recorded.get(&access.key).unwrap_or(&anything),
                AttributeList::Resource | AttributeList::Scope => &anything,
            };
            let (list, key) = (access.list, access.key.clone());
            let default = Want::Plain.resolve(&recorded.kinds, recorded.in_rest);
            let kind = access.want.resolve(&recorded.kinds, recorded.in_rest);
            let column = AttributeColumn { list, key, kind };
            let name = column_name(&column, default);
            attributes.columns.insert(name.clone(), column);
            attributes.names.insert(access.clone(), name);
        }
        attributes
    }
}

/// Plans what [`super::statement`] has marked.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) attributes: Attributes,
}

impl ExprPlanner for Planner {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name } = &access.field_access else {
            return Ok(PlannerResult::Original(access));
        };
        let Some(marked) = name.try_as_str().flatten() else {
            return Ok(PlannerResult::Original(access));
        };
        let (key, want) = unmark(marked);
        if let Some(column) = self.flat_column(&access.expr, key, want, schema) {
            return Ok(PlannerResult::Planned(Expr::Column(column)));
        }
        if is_text(&access.expr.get_type(schema)?) {
            return Ok(PlannerResult::Planned(member(access.expr, key, want)));
        }
        let name = ScalarValue::from(key);
        let field_access = GetFieldAccess::NamedStructField { name };
        Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr: access.expr }))
    }

    fn plan_binary_op(
        &self,
        binary: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = binary;
        let left_id = id_width(&left, schema);
        let right_id = id_width(&right, schema);
        let left = match right_id {
            Some(width) => as_id(left, width)?,
            None => left,
        };
        let right = match left_id {
            Some(width) => as_id(right, width)?,
            None => right,
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

impl Planner {
    /// The flat column that stands for the access, where its table is in reach.
    fn flat_column(&self, list: &Expr, key: &str, want: Want, schema: &DFSchema) -> Option<Column> {
        let Expr::Column(column) = list else { return None };
        let list = AttributeList::from_sql_name(&column.name)?;
        let access = Access { list, key: key.to_owned(), want };
        let name = self.attributes.names.get(&access)?;
        let flat = Column::new(column.relation.clone(), name);
        schema.has_column(&flat).then_some(flat)
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => values.is_string(),
        other => other.is_string(),
    }
}

/// Reads a member of attributes that are JSON text by now, for example from a subquery.
fn member(text: Expr, key: &str, want: Want) -> Expr {
    let cast = |expr, to| Expr::Cast(Cast::new(Box::new(expr), to));
    let key = Expr::Literal(ScalarValue::Utf8View(Some(key.to_owned())), None);
    let arguments = vec![cast(text, DataType::Utf8View), key];
    let value = Expr::ScalarFunction(ScalarFunction::new_udf(functions::json_value(), arguments));
    match want {
        Want::Plain | Want::Present | Want::Text => value,
        Want::Number => cast(value, DataType::Float64),
        Want::LargeInt => cast(value, DataType::Int64),
        Want::Bool => cast(value, DataType::Boolean),
    }
}

/// Bytes of an id, if `expr` is a column of ids.
fn id_width(expr: &Expr, schema: &DFSchema) -> Option<i32> {
    if matches!(expr, Expr::Literal(..)) {
        return None;
    }
    match expr.get_type(schema) {
        Ok(DataType::FixedSizeBinary(width)) => Some(width),
        _ => None,
    }
}

/// A literal compared with an id becomes an id: hex text in either case, or bytes.
fn as_id(expr: Expr, width: i32) -> Result<Expr> {
    let Expr::Literal(value, metadata) = &expr else { return Ok(expr) };
    let bytes = match value {
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::FixedSizeBinary(_, Some(bytes)) => Some(bytes.clone()),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => from_hex(text),
        ScalarValue::Null => return Ok(expr),
        _ => None,
    };
    match bytes {
        Some(bytes) if bytes.len() == width as usize => {
            let id = ScalarValue::FixedSizeBinary(width, Some(bytes));
            Ok(Expr::Literal(id, metadata.clone()))
        }
        _ => plan_err!("{value} is not an id of {} hex digits", width * 2),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks_exact(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
