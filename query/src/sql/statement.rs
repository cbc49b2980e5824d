//! From a query's text to one checked statement, with the attributes it names.

use super::proto::AttributeList;
use super::shape;
use super::want::{Want, mark_operands, marked};
use crate::{Error, Position};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Statement as SqlStatement, UnaryOperator, VisitMut, VisitorMut,
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
        spread_id_range(expr);
        mark_operands(expr);
        self.note(expr);
        ControlFlow::Continue(())
    }
}

impl Marker {
    /// Notes an access; one that no parent has marked is plain.
    fn note(&mut self, expr: &mut Expr) {
        if let Some((list, key, want)) = marked(expr) {
            self.accesses.insert(Access { list, key: key.to_owned(), want });
        }
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

/// `trace_id BETWEEN a AND b` becomes two comparisons, for the same reason.
fn spread_id_range(expr: &mut Expr) {
    let (subject, low, high, negated) = match expr {
        Expr::Between { expr: subject, low, high, negated } if is_id(subject) => {
            (subject.clone(), low.clone(), high.clone(), *negated)
        }
        _ => return,
    };
    let compare = |op, right| Box::new(Expr::BinaryOp { left: subject.clone(), op, right });
    let left = compare(BinaryOperator::GtEq, low);
    let right = compare(BinaryOperator::LtEq, high);
    let both = Expr::BinaryOp { left, op: BinaryOperator::And, right };
    let both = Expr::Nested(Box::new(both));
    *expr = match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(both) },
        false => both,
    };
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
}
