//! Bounds on a query's shape, checked before anything walks it.
//!
//! Planning goes down a query level by level and cannot be interrupted; its time grows with the square of the levels, and with
//! common table expressions that name each other twice it doubles at each. No text within these bounds can exhaust a query
//! thread's stack or keep it for long.

use crate::Error;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Most levels of one expression: operators in a row, and what stands in parentheses between them.
const LEVELS_MAX: usize = 500;

/// Most conditions that `AND` and `OR` join in one place; [`balance`] makes few levels of them.
const CONDITIONS_MAX: usize = 2_000;

/// Conditions in a row that are not worth balancing.
const CHAIN_MAX: usize = 16;

/// Most queries that `UNION`, `EXCEPT` and `INTERSECT` join in one place.
const SETS_MAX: usize = 200;

/// Most tables a query reads, each common table expression counted as often as it is named; also most tables and common table
/// expressions in its text, since each may be planned inside the one before.
const TABLES_MAX: u64 = 200;

/// Stack of a thread that plans: a level takes up to 30 KiB without optimisation.
pub(crate) const STACK_BYTES: usize = 64 << 20;

fn refused(message: String) -> Error {
    let hint =
        "a list of values is short as `key IN (…)`, and joins of few tables are fast".to_owned();
    Error::InvalidRequest { message, hint: Some(hint) }
}

/// Levels of what stands between two parentheses.
#[derive(Default)]
struct Level {
    /// Deepest item so far; items stand between commas.
    deepest: usize,
    /// `AND` and `OR` in the item.
    conditions: usize,
    /// Other operators in the condition, and most in one of the item's.
    operators: usize,
    operators_max: usize,
    /// Deepest parentheses in the item.
    inner: usize,
    sets: usize,
}

impl Level {
    fn end_condition(&mut self) {
        self.operators_max = self.operators_max.max(self.operators);
        self.operators = 0;
    }

    fn end_item(&mut self) {
        self.end_condition();
        self.deepest = self.deepest.max(self.operators_max + self.inner);
        (self.conditions, self.operators_max, self.inner) = (0, 0, 0);
    }
}

/// Refuses a text whose expressions or set operations are too deep. It is not parsed for that: what parsing makes of it
/// could not even be dropped.
pub(super) fn check_text(text: &str) -> Result<(), Error> {
    // A text that is not even tokens is the parser's to refuse.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else { return Ok(()) };
    let mut outer = Vec::new();
    let mut level = Level::default();
    let (mut levels, mut conditions, mut sets) = (0, 0, 0);
    for token in &tokens {
        match token {
            Token::LParen => outer.push(std::mem::take(&mut level)),
            Token::RParen => {
                level.end_item();
                let inner = level.deepest + 1;
                level = outer.pop().unwrap_or_default();
                level.inner = level.inner.max(inner);
            }
            Token::Comma | Token::SemiColon => level.end_item(),
            Token::Word(word) => match word.keyword {
                Keyword::AND | Keyword::OR => {
                    level.conditions += 1;
                    level.end_condition();
                }
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => level.sets += 1,
                // Whatever follows an expression and makes another of it.
                Keyword::NOT
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::IN
                | Keyword::BETWEEN
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::DIV
                | Keyword::XOR
                | Keyword::CASE
                | Keyword::RLIKE
                | Keyword::REGEXP
                | Keyword::OVERLAPS
                | Keyword::INTERVAL
                | Keyword::NOTNULL => {
                    level.operators += 1;
                }
                _ => {}
            },
            Token::Whitespace(_)
            | Token::EOF
            | Token::Number(..)
            | Token::Char(_)
            | Token::Period
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::RBracket
            | Token::LBrace
            | Token::RBrace
            | Token::Placeholder(_) => {}
            // Planning a member of a member takes far longer than an operator.
            Token::LBracket => level.operators += 10,
            _ => level.operators += 1,
        }
        let so_far = level.operators.max(level.operators_max) + level.inner;
        levels = levels.max(so_far).max(level.deepest);
        conditions = conditions.max(level.conditions);
        sets = sets.max(level.sets);
    }
    if levels > LEVELS_MAX {
        return Err(refused(format!("an expression has more than {LEVELS_MAX} levels")));
    }
    if conditions > CONDITIONS_MAX {
        return Err(refused(format!("more than {CONDITIONS_MAX} conditions stand in a row")));
    }
    if sets > SETS_MAX {
        return Err(refused(format!(
            "more than {SETS_MAX} queries are joined by UNION and the like"
        )));
    }
    Ok(())
}

/// Makes a chain of `AND` or `OR`, which the parser hangs under one another, as shallow as can be. It means the same.
pub(super) fn balance(expr: &mut Expr) {
    let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr else {
        return;
    };
    let op = op.clone();
    if chain(expr, &op) <= CHAIN_MAX {
        return;
    }
    let mut terms = Vec::new();
    let mut rest = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
    loop {
        match rest {
            Expr::BinaryOp { left, op: other, right } if other == op => {
                terms.push(*right);
                rest = *left;
            }
            first => {
                terms.push(first);
                break;
            }
        }
    }
    terms.reverse();
    if let Some(balanced) = join(terms, &op) {
        *expr = balanced;
    }
}

/// How many `op` hang under one another on the left.
fn chain(mut expr: &Expr, op: &BinaryOperator) -> usize {
    let mut levels = 0;
    while let Expr::BinaryOp { left, op: other, .. } = expr
        && other == op
    {
        levels += 1;
        expr = left;
    }
    levels
}

/// The terms in their order under as few levels as they need; `None` of none.
fn join(mut terms: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    if terms.len() < 2 {
        return terms.pop();
    }
    let right = join(terms.split_off(terms.len() / 2), op)?;
    let left = join(terms, op)?;
    Some(Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) })
}

/// Refuses a statement that reads too many tables.
pub(super) fn check_tables(statement: &impl Visit) -> Result<(), Error> {
    let mut tables = Tables::default();
    match statement.visit(&mut tables) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(refused(format!(
            "the query reads more than {TABLES_MAX} tables, each WITH counted as often as it is named"
        ))),
    }
}

/// Counts tables, query by query.
#[derive(Default)]
struct Tables {
    /// Tables and common table expressions in the text so far.
    seen: u64,
    /// Tables in each of the queries around the current place.
    open: Vec<u64>,
    /// Tables behind the name of a common table expression.
    named: HashMap<String, u64>,
    /// Names of the common table expressions to come, by their query.
    expected: HashMap<*const Query, String>,
}

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.seen += 1;
            self.expected.insert(&raw const *cte.query, cte.alias.name.value.to_lowercase());
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = self.open.pop().unwrap_or(0);
        match self.expected.remove(&(&raw const *query)) {
            Some(name) => {
                self.named.insert(name, tables.max(1));
                ControlFlow::Continue(())
            }
            None => self.add(tables),
        }
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        let name = match table {
            TableFactor::Table { name, .. } => name.to_string().to_lowercase(),
            _ => String::new(),
        };
        let tables = self.named.get(&name).copied().unwrap_or(1);
        self.seen += 1;
        if self.seen > 2 * TABLES_MAX {
            return ControlFlow::Break(());
        }
        self.add(tables)
    }
}

impl Tables {
    fn add(&mut self, tables: u64) -> ControlFlow<()> {
        let Some(open) = self.open.last_mut() else {
            return if tables > TABLES_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
        };
        *open = open.saturating_add(tables);
        if *open > TABLES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::parser::Parser;

    #[test]
    fn levels_are_counted_through_parentheses_but_not_through_lists() {
        let repeat = |text: &str, times: usize, between: &str| vec![text; times].join(between);
        let fine = [
            format!("SELECT 1 IN ({})", repeat("1", 50_000, ",")),
            format!("SELECT {}", repeat("a + 1", 5_000, ", ")),
            format!("SELECT 1 WHERE {}", repeat("a = 'x' OR b + 1 > 2", 900, " AND ")),
            format!("SELECT {}", repeat("1", 150, " UNION SELECT ")),
            "SELECT ) + ( 'unfinished".to_owned(),
        ];
        for text in fine {
            assert!(check_text(&text).is_ok(), "{}", &text[..20]);
        }
        let refused = [
            format!("SELECT {}", repeat("1", 20_000, "+")),
            format!("SELECT 1{}", "::int".repeat(600)),
            format!("SELECT attributes{}", "['a']".repeat(60)),
            format!("SELECT 1 WHERE {}", repeat("a = 1", 3_000, " AND ")),
            format!("SELECT {}(1 + 1){}", "(1 + ".repeat(300), ")".repeat(300)),
            format!("SELECT {}", repeat("1, 2", 300, " UNION SELECT ")),
            format!("SELECT 'a' {}", "IS TRUE ".repeat(600)),
        ];
        for text in refused {
            assert!(check_text(&text).is_err(), "{}", &text[..40]);
        }
    }

    #[test]
    fn chains_of_conditions_become_shallow_and_keep_their_order() {
        let text = |count: usize| {
            let terms: Vec<_> = (0..count).map(|i| format!("c{i}")).collect();
            terms.join(" OR ")
        };
        let parsed = |text: &str| {
            Parser::new(&GenericDialect {}).try_with_sql(text).unwrap().parse_expr().unwrap()
        };
        let mut long = parsed(&text(1_000));
        assert_eq!(chain(&long, &BinaryOperator::Or), 999);
        balance(&mut long);
        assert_eq!(chain(&long, &BinaryOperator::Or), 9);
        assert_eq!(long.to_string(), text(1_000));
        let mut mixed = parsed("a AND b OR c");
        balance(&mut mixed);
        assert_eq!(mixed, parsed("a AND b OR c"));
    }

    #[test]
    fn tables_behind_names_are_counted_as_often_as_they_are_named() {
        let check = |text: &str| {
            check_tables(&Parser::parse_sql(&GenericDialect {}, text).unwrap()).is_ok()
        };
        let doubling = |times: usize| {
            let tables: Vec<_> = (1..times)
                .map(|i| format!("c{i} AS (SELECT 1 FROM c{0} a, C{0} b)", i - 1))
                .collect();
            format!("WITH c0 AS (SELECT 1), {} SELECT * FROM c{}", tables.join(", "), times - 1)
        };
        assert!(check(&doubling(7)));
        assert!(!check(&doubling(40)));
        let chain = |times: usize| {
            let links: Vec<_> =
                (1..times).map(|i| format!("c{i} AS (SELECT * FROM c{})", i - 1)).collect();
            format!("WITH c0 AS (SELECT 1), {} SELECT * FROM c{}", links.join(", "), times - 1)
        };
        assert!(check(&chain(190)));
        assert!(!check(&chain(300)));
        let cross = |times| format!("SELECT 1 FROM {}", vec!["t"; times].join(", "));
        assert!(check(&cross(150)));
        assert!(!check(&cross(250)));
        let nested = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(20), ") AS t".repeat(20));
        assert!(check(&nested));
    }
}
