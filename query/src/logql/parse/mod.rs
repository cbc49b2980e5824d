//! From text to syntax tree.

mod filter;
mod metric;
mod selector;
mod stage;
#[cfg(test)]
mod tests;

use super::ast::*;
use super::error::SyntaxError;
use super::token::{Token, tokens};
use crate::Error;

/// Longest query read. Queries that people or dashboards write stay under a few thousand bytes.
const TEXT_BYTES_MAX: usize = 128 << 10;

/// Most parentheses within each other, and most operators of one query: what bounds the depth of its tree.
const DEPTH_MAX: usize = 64;
const OPERATORS_MAX: usize = 200;

/// Most stages of one pipeline.
const STAGES_MAX: usize = 256;

/// Parses a query.
pub fn parse(text: &str) -> Result<Query, Error> {
    with_parser(text, |parser| {
        if parser.starts_with_selector() {
            return parser.log_query().map(Query::Logs);
        }
        parser.metric(0).map(Query::Metric)
    })
}

/// Parses a query for lines.
pub fn parse_logs(text: &str) -> Result<LogQuery, Error> {
    with_parser(text, |parser| parser.log_query())
}

/// Parses a stream selector, as `match[]` parameters hold them. It may select every stream.
pub fn parse_selector(text: &str) -> Result<Vec<crate::promql::labels::Matcher>, Error> {
    with_parser(text, |parser| parser.selector())
}

fn with_parser<T>(
    text: &str,
    read: impl FnOnce(&mut Parser) -> Result<T, SyntaxError>,
) -> Result<T, Error> {
    let parsed = || {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the query is longer than {TEXT_BYTES_MAX} bytes");
            return Err(SyntaxError::new(Span::default(), message));
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, operators: 0 };
        let parsed = read(&mut parser)?;
        match parser.peek() {
            Token::End => Ok(parsed),
            _ => Err(parser.unexpected("")),
        }
    };
    parsed().map_err(|error| error.in_text(text))
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    operators: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser {
    /// Whether a selector stands here, in however many parentheses.
    fn starts_with_selector(&self) -> bool {
        let mut rest = self.tokens[self.at..].iter().map(|(token, _)| token);
        rest.find(|token| **token != Token::Sign("(")) == Some(&Token::Sign("{"))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn peek_after(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].0
    }

    fn place(&self) -> Span {
        self.tokens[self.at.min(self.tokens.len() - 1)].1
    }

    /// Where the token before ended.
    fn end_before(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at.min(self.tokens.len() - 1)].1.end)
    }

    /// The place from `start` to what was read last.
    fn since(&self, start: Span) -> Span {
        Span { start: start.start, end: self.end_before() }
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(taken);
        taken
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = self.is_word(word);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(self.unexpected(sign)),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        match self.peek() {
            Token::Word(word) => {
                let word = word.clone();
                self.advance();
                Ok(word)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    fn text(&mut self) -> Parsed<String> {
        match self.peek() {
            Token::Text(text) => {
                let text = text.clone();
                self.advance();
                Ok(text)
            }
            _ => Err(self.unexpected("STRING")),
        }
    }

    /// A number with its sign.
    fn number(&mut self) -> Parsed<f64> {
        let negative = self.take("-");
        let _ = !negative && self.take("+");
        match *self.peek() {
            Token::Number(number) => {
                self.advance();
                Ok(if negative { -number } else { number })
            }
            _ => Err(self.unexpected("NUMBER")),
        }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            let message = format!("the query nests deeper than {DEPTH_MAX} levels");
            return Err(self.error(message));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Counts an operator.
    fn operator(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(self.error(format!("the query has more than {OPERATORS_MAX} operators")));
        }
        Ok(())
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.place(), message)
    }

    /// `expected` may be empty, where many things could stand.
    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek() {
            Token::Word(word) if !is_keyword(word) => "IDENTIFIER".to_owned(),
            token => token.described(),
        };
        let expected = match expected {
            "" => String::new(),
            expected => format!(", expecting {expected}"),
        };
        self.error(format!("syntax error: unexpected {found}{expected}"))
    }
}

/// Words that errors call by themselves.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 24] = [
        "by",
        "without",
        "and",
        "or",
        "unless",
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "offset",
        "unwrap",
        "json",
        "logfmt",
        "pattern",
        "regexp",
        "unpack",
        "decolorize",
        "line_format",
        "label_format",
        "drop",
        "keep",
        "ip",
        "vector",
    ];
    KEYWORDS.contains(&word)
        || RangeOp::ALL.iter().any(|op| op.name() == word)
        || VectorOp::ALL.iter().any(|op| op.name() == word)
}
