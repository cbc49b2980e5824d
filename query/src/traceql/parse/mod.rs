//! From text to syntax tree.
//!
//! Precedence is Tempo's: `&&` and `||` bind alike, from left to right; then comparisons and the relations of the tree of
//! spans; then sums, products and powers.

mod field;
mod metrics;
mod pipeline;
#[cfg(test)]
mod tests;

use super::ast::{Literal, Query};
use super::check::check;
use super::error::{Place, SyntaxError};
use super::token::{Placed, Token, tokens};
use crate::Error;

/// Longest query read. Queries that people or dashboards write stay under a few thousand bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Most braces and parentheses within each other, and most operators of one query: what bounds the depth of its tree.
const DEPTH_MAX: usize = 64;
const OPERATORS_MAX: usize = 1000;

/// Reads and checks a query.
pub(crate) fn parse(text: &str) -> Result<Query, Error> {
    read(text).map_err(|error| error.in_text(text))
}

fn read(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the query is longer than {TEXT_BYTES_MAX} bytes");
        return Err(SyntaxError::new(Place(0), message));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, operators: 0 };
    let query = parser.query()?;
    check(&query)?;
    Ok(query)
}

struct Parser<'a> {
    tokens: &'a [Placed],
    at: usize,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    /// `pipeline [| metrics] [with(…)]`
    fn query(&mut self) -> Result<Query, SyntaxError> {
        let pipeline = self.pipeline()?;
        let metrics = match self.peek() {
            Token::Symbol("|") => {
                self.advance();
                Some(self.metrics()?)
            }
            _ => None,
        };
        let hints = if self.take_word("with") { self.hints()? } else { Vec::new() };
        match self.peek() {
            Token::End => Ok(Query { pipeline, metrics, hints }),
            _ => Err(self.unexpected("the end of the query")),
        }
    }

    /// `(key=value, …)`
    fn hints(&mut self) -> Result<Vec<(String, Literal)>, SyntaxError> {
        self.expect("(")?;
        let mut hints = Vec::new();
        loop {
            let Token::Word(key) = self.peek().clone() else {
                return Err(self.unexpected("the name of a hint"));
            };
            self.advance();
            self.expect("=")?;
            hints.push((key, self.literal()?));
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(hints)
    }

    /// A number, string, duration, `true` or `false`.
    fn literal(&mut self) -> Result<Literal, SyntaxError> {
        let literal = match self.peek() {
            Token::Literal(literal) => literal.clone(),
            Token::Word(word) if word == "true" || word == "false" => Literal::Bool(word == "true"),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(literal)
    }

    /// A whole number that is not negative.
    fn count(&mut self) -> Result<usize, SyntaxError> {
        let count = match self.peek() {
            Token::Literal(Literal::Int(number)) => usize::try_from(*number).ok(),
            _ => None,
        };
        let count = count.ok_or_else(|| self.unexpected("a whole number"))?;
        self.advance();
        Ok(count)
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(format!("the query is nested deeper than {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Counts an operator.
    fn operator(&mut self) -> Result<(), SyntaxError> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(self.error(format!("the query has more than {OPERATORS_MAX} operators")));
        }
        Ok(())
    }

    fn peek(&self) -> &Token {
        &self.placed(self.at).token
    }

    /// The token after `self.at + ahead`; the last one is the end.
    fn placed(&self, at: usize) -> &Placed {
        &self.tokens[at.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn take(&mut self, symbol: &str) -> bool {
        let taken = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.at += usize::from(taken);
        taken
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = matches!(self.peek(), Token::Word(found) if found == word);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        match self.take(symbol) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("'{symbol}'"))),
        }
    }

    fn error(&self, message: String) -> SyntaxError {
        SyntaxError::new(self.placed(self.at).place, message)
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek() {
            Token::End => "the query ends".to_owned(),
            Token::Symbol(symbol) => format!("there is '{symbol}'"),
            Token::Word(word) => format!("there is '{word}'"),
            Token::Literal(_) => "there is a value".to_owned(),
            Token::Attribute { name, .. } => format!("there is the attribute '{name}'"),
        };
        self.error(format!("expected {expected}, but {found}"))
    }
}
