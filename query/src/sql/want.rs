//! What an attribute is wanted as: text in one place and a number in another, depending on what it meets.
//!
//! Each access of a query's text gets a mark for that, kept in its key until the planner replaces the access by a column.

use super::proto::AttributeList;
use binnacle_storage::batch::AttributeType;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Subscript, UnaryOperator, Value,
};
use std::collections::BTreeSet;

/// What an attribute is wanted as where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Want {
    /// Nothing is said: the type it was sent with.
    Plain,
    /// Only whether it is there.
    Present,
    Text,
    Number,
    /// A whole number too large for a double.
    LargeInt,
    Bool,
}

impl Want {
    const ALL: [(Want, char); 6] = [
        (Want::Plain, 'p'),
        (Want::Present, 'e'),
        (Want::Text, 't'),
        (Want::Number, 'n'),
        (Want::LargeInt, 'i'),
        (Want::Bool, 'b'),
    ];

    fn code(self) -> char {
        Want::ALL.into_iter().find(|(want, _)| *want == self).map_or('p', |(_, code)| code)
    }

    /// The type to read an attribute as that was sent as `kinds` and may also be untyped in some file's tail.
    pub(super) fn resolve(self, kinds: &BTreeSet<AttributeType>, in_rest: bool) -> AttributeType {
        use AttributeType::{Bool, Double, Int, String};
        let only = (kinds.len() == 1).then(|| kinds.first().copied()).flatten();
        let numbers = kinds.iter().all(|kind| matches!(kind, Int | Double));
        match self {
            Want::Text => String,
            Want::Bool => Bool,
            Want::LargeInt => Int,
            Want::Number if only == Some(Int) && !in_rest => Int,
            Want::Number => Double,
            Want::Present if in_rest => String,
            Want::Plain | Want::Present => match only {
                Some(kind) => kind,
                None if numbers && !kinds.is_empty() => Double,
                None => String,
            },
        }
    }
}

/// Stands between a key and the mark for what it is wanted as.
const MARK: char = '\u{1}';

/// Takes a marked key apart.
pub(super) fn unmark(key: &str) -> (&str, Want) {
    let split = key.rsplit_once(MARK);
    let found = split.and_then(|(key, code)| {
        let (want, _) = Want::ALL.into_iter().find(|(_, c)| code.chars().eq([*c]))?;
        Some((key, want))
    });
    found.unwrap_or((key, Want::Plain))
}

/// The list, key and want of an access, which is marked as plain if nothing has marked it.
pub(super) fn marked(expr: &mut Expr) -> Option<(AttributeList, &str, Want)> {
    let (list, key) = access(expr)?;
    if !key.contains(MARK) {
        key.push(MARK);
        key.push(Want::Plain.code());
    }
    let (key, want) = unmark(key);
    Some((list, key, want))
}

/// The list and key of `attributes['k']` and its like.
fn access(expr: &mut Expr) -> Option<(AttributeList, &mut String)> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let (last, before) = access_chain.split_last_mut()?;
    let name: &Ident = match before.last() {
        Some(AccessExpr::Dot(Expr::Identifier(name))) => name,
        Some(_) => return None,
        None => match &**root {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(names) => names.last()?,
            _ => return None,
        },
    };
    let list = AttributeList::from_sql_name(&name.value)?;
    let AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) = last else {
        return None;
    };
    match &mut value.value {
        Value::SingleQuotedString(key) | Value::DoubleQuotedString(key) => Some((list, key)),
        _ => None,
    }
}

/// Marks the attribute accesses directly below `expr` with what it wants them as.
pub(super) fn mark_operands(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { left, op, right } => mark_binary(left, op, right),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            mark_binary(left, &BinaryOperator::Eq, right);
        }
        Expr::InList { expr, list, .. } => {
            let wanted = list.iter().filter_map(literal).max_by_key(|want| strength(*want));
            want(expr, wanted);
        }
        Expr::Between { expr, low, high, .. } => {
            let ends = [literal(low), literal(high)];
            want(expr, ends.into_iter().flatten().max_by_key(|want| strength(*want)));
        }
        Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::RLike { expr, .. } => want(expr, Some(Want::Text)),
        Expr::IsNull(expr) | Expr::IsNotNull(expr) => want(expr, Some(Want::Present)),
        Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::UnaryOp { op: UnaryOperator::Not, expr } => want(expr, Some(Want::Bool)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            want(expr, Some(Want::Number));
        }
        Expr::Cast { expr, data_type, kind, .. } => {
            want(expr, cast_to(data_type));
            // What an attribute cannot be is null, whoever asks.
            if access(inner(expr)).is_some() {
                *kind = CastKind::TryCast;
            }
        }
        Expr::Trim { expr, .. }
        | Expr::Substring { expr, .. }
        | Expr::Position { r#in: expr, .. } => want(expr, Some(Want::Text)),
        Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } => want(expr, Some(Want::Number)),
        Expr::Case { operand: Some(operand), conditions, .. } => {
            let literals = conditions.iter().filter_map(|when| literal(&when.condition));
            want(operand, literals.max_by_key(|want| strength(*want)));
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            let Some(wanted) = function_wants(&name) else { return };
            let FunctionArguments::List(list) = &mut function.args else { return };
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument {
                    want(argument, Some(wanted));
                }
            }
        }
        _ => {}
    }
}

fn mark_binary(left: &mut Expr, op: &BinaryOperator, right: &mut Expr) {
    use BinaryOperator::{
        And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or, PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch,
        PGRegexNotMatch, Spaceship, StringConcat,
    };
    let (for_left, for_right) = match op {
        Eq | NotEq | Gt | GtEq | Lt | LtEq | Spaceship => (literal(right), literal(left)),
        op if is_arithmetic(op) => (Some(Want::Number), Some(Want::Number)),
        StringConcat => (Some(Want::Text), Some(Want::Text)),
        PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch => {
            (Some(Want::Text), Some(Want::Text))
        }
        And | Or => (Some(Want::Bool), Some(Want::Bool)),
        _ => (None, None),
    };
    want(left, for_left);
    want(right, for_right);
}

/// Marks `expr` if it is an attribute access.
fn want(expr: &mut Expr, wanted: Option<Want>) {
    let Some(wanted) = wanted else { return };
    if let Some((_, key)) = access(inner(expr))
        && !key.contains(MARK)
    {
        key.push(MARK);
        key.push(wanted.code());
    }
}

/// What stands in the parentheses, if there are any.
fn inner(mut expr: &mut Expr) -> &mut Expr {
    while let Expr::Nested(nested) = expr {
        expr = nested;
    }
    expr
}

/// Of several literals the one that decides.
fn strength(want: Want) -> u8 {
    match want {
        Want::Text => 3,
        Want::Number => 2,
        Want::LargeInt => 1,
        _ => 0,
    }
}

/// From this size on not every whole number is a double.
const DOUBLE_INT_MAX: i128 = 1 << 53;

/// What a literal, or arithmetic, says about the attribute it is compared with.
fn literal(expr: &Expr) -> Option<Want> {
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => literal(expr),
        Expr::Cast { data_type, .. } => cast_to(data_type),
        Expr::BinaryOp { left, op, right } if is_arithmetic(op) => {
            // Arithmetic with times is about times.
            let of_numbers = |expr: &Expr| !matches!(expr, Expr::Interval(_));
            (of_numbers(left) && of_numbers(right)).then_some(Want::Number)
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(match digits.parse::<i128>() {
                Ok(number) if number >= DOUBLE_INT_MAX => Want::LargeInt,
                _ => Want::Number,
            }),
            Value::SingleQuotedString(_)
            | Value::EscapedStringLiteral(_)
            | Value::DollarQuotedString(_)
            | Value::NationalStringLiteral(_) => Some(Want::Text),
            Value::Boolean(_) => Some(Want::Bool),
            _ => None,
        },
        _ => None,
    }
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

fn cast_to(data_type: &DataType) -> Option<Want> {
    let name = data_type.to_string().to_uppercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if starts(&["VARCHAR", "TEXT", "STRING", "CHAR", "CHARACTER"]) {
        Some(Want::Text)
    } else if starts(&["BOOL"]) {
        Some(Want::Bool)
    } else if starts(&["BIGINT", "INT8"]) {
        Some(Want::LargeInt)
    } else if starts(&[
        "INT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC",
    ]) {
        Some(Want::Number)
    } else {
        None
    }
}

/// What functions take their arguments as, where it is clear from the name.
fn function_wants(name: &str) -> Option<Want> {
    const TEXT: &[&str] = &[
        "ascii",
        "bit_length",
        "btrim",
        "char_length",
        "character_length",
        "concat",
        "concat_ws",
        "contains",
        "ends_with",
        "initcap",
        "instr",
        "left",
        "length",
        "levenshtein",
        "lower",
        "ltrim",
        "md5",
        "octet_length",
        "position",
        "regexp_count",
        "regexp_instr",
        "regexp_like",
        "regexp_match",
        "regexp_replace",
        "replace",
        "reverse",
        "right",
        "rtrim",
        "split_part",
        "starts_with",
        "string_agg",
        "strpos",
        "substr",
        "substring",
        "substring_index",
        "translate",
        "trim",
        "upper",
    ];
    const NUMBER: &[&str] = &[
        "abs",
        "approx_median",
        "approx_percentile_cont",
        "avg",
        "cbrt",
        "ceil",
        "corr",
        "covar_pop",
        "covar_samp",
        "exp",
        "floor",
        "ln",
        "log",
        "log10",
        "log2",
        "mean",
        "median",
        "percentile_cont",
        "pow",
        "power",
        "round",
        "signum",
        "sqrt",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "sum",
        "trunc",
        "var",
        "var_pop",
        "var_samp",
        "var_sample",
    ];
    match name {
        "count" => Some(Want::Present),
        name if TEXT.contains(&name) => Some(Want::Text),
        name if NUMBER.contains(&name) => Some(Want::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_exact_where_every_file_has_integers() {
        use AttributeType::{Double, Int, String};
        let int = BTreeSet::from([Int]);
        assert_eq!(Want::Number.resolve(&int, false), Int);
        assert_eq!(Want::Number.resolve(&int, true), Double);
        assert_eq!(Want::Plain.resolve(&int, true), Int);
        assert_eq!(Want::Plain.resolve(&BTreeSet::from([Int, String]), false), String);
        assert_eq!(Want::Plain.resolve(&BTreeSet::from([Int, Double]), false), Double);
        assert_eq!(Want::Present.resolve(&int, true), String);
    }
}
