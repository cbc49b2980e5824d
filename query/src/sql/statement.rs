//! From a query's text to one checked statement, with the attributes it names.
//!
//! `attributes['k']` can be text in one place and a number in another, depending on what it is compared with. Here each
//! such access gets a mark for what it is wanted as, kept in its key until the planner replaces the access by a column.

use super::proto::AttributeList;
use super::shape;
use crate::{Error, Position};
use binnacle_storage::batch::AttributeType;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, Statement as SqlStatement, Subscript, UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Longest query text read. Longer ones are nearly always data pasted into a query.
const QUERY_BYTES_MAX: usize = 1 << 20;

/// Most attributes one query may name; each becomes a column of every table.
const ATTRIBUTES_MAX: usize = 1_000;

/// Columns that hold ids.
const ID_COLUMNS: [&str; 4] = ["trace_id", "span_id", "parent_span_id", "series_id"];

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

/// One place where a query names an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Access {
    pub(super) list: AttributeList,
    pub(super) key: String,
    pub(super) want: Want,
}

/// A statement that only reads, and the attributes it names.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) statement: Statement,
    pub(super) accesses: BTreeSet<Access>,
    /// Whether it is a query whose rows can be limited.
    pub(super) is_query: bool,
}

/// Parses `text` and refuses everything but queries.
pub(super) fn parse(text: &str) -> Result<Parsed, Error> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Error::InvalidRequest {
            message: format!("the query is longer than {QUERY_BYTES_MAX} bytes"),
            hint: None,
        });
    }
    shape::check_text(text)?;
    let statements = DFParser::parse_sql_with_dialect(text, &GenericDialect {});
    let mut statements = statements.map_err(|error| super::failure::parse_error(&error, text))?;
    let statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (None, _) => {
            return Err(Error::Parse {
                message: "the query is empty".to_owned(),
                position: Some(Position { line: 1, column: 1 }),
                hint: Some("try SELECT * FROM spans LIMIT 10".to_owned()),
            });
        }
        (Some(_), false) => {
            return Err(Error::InvalidRequest {
                message: "more than one statement".to_owned(),
                hint: Some("send one query at a time".to_owned()),
            });
        }
    };
    mark(statement)
}

fn mark(mut statement: Statement) -> Result<Parsed, Error> {
    let is_query = check(&statement)?;
    let mut marker = Marker { accesses: BTreeSet::new() };
    let inner = match &mut statement {
        Statement::Explain(explain) => &mut *explain.statement,
        statement => statement,
    };
    if let Statement::Statement(sql) = inner {
        shape::check_tables(&**sql)?;
        let _ = VisitMut::visit(&mut **sql, &mut marker);
    }
    if marker.accesses.len() > ATTRIBUTES_MAX {
        return Err(Error::InvalidRequest {
            message: format!("the query names more than {ATTRIBUTES_MAX} attributes"),
            hint: Some("select `attributes` to get all of them as JSON".to_owned()),
        });
    }
    Ok(Parsed { statement, accesses: marker.accesses, is_query })
}

/// Whether it is a query (and not an explanation or listing); an error when it does more than read.
fn check(statement: &Statement) -> Result<bool, Error> {
    let refused = |what: &str| Error::InvalidRequest {
        message: format!("{what} is not allowed: SQL here only reads"),
        hint: Some("use SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE".to_owned()),
    };
    match statement {
        Statement::Statement(sql) => match &**sql {
            SqlStatement::Query(_) => Ok(true),
            SqlStatement::Explain { statement, .. } => match &**statement {
                SqlStatement::Query(_) => Ok(false),
                other => Err(refused(&first_word(other))),
            },
            SqlStatement::ExplainTable { .. }
            | SqlStatement::ShowTables { .. }
            | SqlStatement::ShowColumns { .. }
            | SqlStatement::ShowFunctions { .. }
            | SqlStatement::ShowVariable { .. } => Ok(false),
            other => Err(refused(&first_word(other))),
        },
        Statement::Explain(explain) => check(&explain.statement).map(|_| false),
        Statement::CreateExternalTable(_) => Err(refused("CREATE")),
        Statement::CopyTo(_) => Err(refused("COPY")),
        Statement::Reset(_) => Err(refused("RESET")),
    }
}

fn first_word(statement: &SqlStatement) -> String {
    let text = statement.to_string();
    text.split_whitespace().next().unwrap_or("this statement").to_uppercase()
}

struct Marker {
    accesses: BTreeSet<Access>,
}

impl VisitorMut for Marker {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        shape::balance(expr);
        spread_id_list(expr);
        mark_operands(expr);
        self.note(expr);
        ControlFlow::Continue(())
    }
}

impl Marker {
    /// Notes an access; one that no parent has marked is plain.
    fn note(&mut self, expr: &mut Expr) {
        let Some((list, key)) = access(expr) else { return };
        if !key.contains(MARK) {
            key.push(MARK);
            key.push(Want::Plain.code());
        }
        let (key, want) = unmark(key);
        self.accesses.insert(Access { list, key: key.to_owned(), want });
    }
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

/// `trace_id IN (a, b)` becomes `trace_id = a OR trace_id = b`, whose literals the planner can read as ids.
fn spread_id_list(expr: &mut Expr) {
    let (subject, list, negated) = match expr {
        Expr::InList { expr: subject, list, negated } if is_id(subject) && !list.is_empty() => {
            (subject.clone(), std::mem::take(list), *negated)
        }
        _ => return,
    };
    let equal = |value: Expr| Expr::BinaryOp {
        left: subject.clone(),
        op: BinaryOperator::Eq,
        right: Box::new(value),
    };
    let mut ors: Vec<Expr> = list.into_iter().map(equal).collect();
    // As a balanced tree, so that a long list does not nest deeply.
    while ors.len() > 1 {
        let mut halved = Vec::with_capacity(ors.len().div_ceil(2));
        let mut rest = ors.into_iter();
        while let Some(left) = rest.next() {
            halved.push(match rest.next() {
                Some(right) => {
                    let (left, right) = (Box::new(left), Box::new(right));
                    Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Or, right }))
                }
                None => left,
            });
        }
        ors = halved;
    }
    let Some(any) = ors.pop() else { return };
    let any = Box::new(Expr::Nested(Box::new(any)));
    *expr = if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: any } } else { *any };
}

fn is_id(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(names) => match names.last() {
            Some(name) => name,
            None => return false,
        },
        _ => return false,
    };
    ID_COLUMNS.iter().any(|id| name.value.eq_ignore_ascii_case(id))
}

/// Marks the attribute accesses directly below `expr` with what it wants them as.
fn mark_operands(expr: &mut Expr) {
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
        Expr::Cast { expr, data_type, .. } => want(expr, cast_to(data_type)),
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
        And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, PGRegexIMatch,
        PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch, Plus, Spaceship, StringConcat,
    };
    let (for_left, for_right) = match op {
        Eq | NotEq | Gt | GtEq | Lt | LtEq | Spaceship => (literal(right), literal(left)),
        Plus | Minus | Multiply | Divide | Modulo => (Some(Want::Number), Some(Want::Number)),
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
    if let Expr::Nested(inner) = expr {
        return want(inner, Some(wanted));
    }
    if let Some((_, key)) = access(expr)
        && !key.contains(MARK)
    {
        key.push(MARK);
        key.push(wanted.code());
    }
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

/// What a literal says about the attribute it is compared with.
fn literal(expr: &Expr) -> Option<Want> {
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => literal(expr),
        Expr::Cast { data_type, .. } => cast_to(data_type),
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

    fn wants(query: &str) -> Vec<(String, Want)> {
        let parsed = parse(query).unwrap();
        parsed.accesses.into_iter().map(|access| (access.key, access.want)).collect()
    }

    #[test]
    fn an_attribute_takes_the_type_of_what_it_meets() {
        let one = |condition: &str| {
            let found = wants(&format!("SELECT 1 FROM spans WHERE {condition}"));
            assert_eq!(found.len(), 1, "{condition}");
            found[0].1
        };
        assert_eq!(one("attributes['k'] = 'x'"), Want::Text);
        assert_eq!(one("5 <= spans.attributes['k']"), Want::Number);
        assert_eq!(one("(attributes['k']) = -5"), Want::Number);
        assert_eq!(one("attributes['k'] = 9007199254740993"), Want::LargeInt);
        assert_eq!(one("attributes['k'] IN (1, 'a')"), Want::Text);
        assert_eq!(one("attributes['k'] BETWEEN 1 AND 2.5"), Want::Number);
        assert_eq!(one("attributes['k'] ILIKE 'a%'"), Want::Text);
        assert_eq!(one("attributes['k'] ~ 'a'"), Want::Text);
        assert_eq!(one("attributes['k'] IS NOT NULL"), Want::Present);
        assert_eq!(one("attributes['k']::varchar = name"), Want::Text);
        assert_eq!(one("attributes['k'] AND 1 = 1"), Want::Bool);
        assert_eq!(one("lower(attributes['k']) = name"), Want::Text);
        assert_eq!(one("attributes['k'] = name"), Want::Plain);
    }

    #[test]
    fn the_same_attribute_can_be_wanted_in_two_ways() {
        let found = wants("SELECT attributes['k'] FROM spans WHERE attributes['k'] > 5");
        assert_eq!(found, [("k".to_owned(), Want::Plain), ("k".to_owned(), Want::Number)]);
    }

    #[test]
    fn everything_that_writes_is_refused() {
        for query in [
            "INSERT INTO spans VALUES (1)",
            "DELETE FROM spans",
            "UPDATE spans SET name = 'x'",
            "CREATE TABLE t AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "COPY spans TO '/tmp/x.csv'",
            "DROP TABLE spans",
            "SET a = 1",
            "EXPLAIN DELETE FROM spans",
            "EXPLAIN ANALYZE INSERT INTO spans VALUES (1)",
            "SELECT 1; SELECT 2",
        ] {
            assert!(matches!(parse(query), Err(Error::InvalidRequest { .. })), "{query}");
        }
    }

    #[test]
    fn parse_errors_say_where() {
        let Err(Error::Parse { position, .. }) = parse("SELECT 1\nFROM FROM x WHERE") else {
            panic!("it is no query");
        };
        assert_eq!(position.map(|at| at.line), Some(2));
    }

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
