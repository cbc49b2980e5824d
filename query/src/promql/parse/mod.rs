//! Parsing: text → [`Expr`], with types checked.
//!
//! The parser is our own rather than a crate's because annotations must say where in the text their cause stands, and
//! because the newest parts of the language (duration expressions, `anchored` and `smoothed`, fill values, trimming)
//! are nowhere else: a recursive descent whose precedences are Prometheus's.

mod check;
mod expr;
mod length;
mod number;
mod selector;
mod string;
mod token;
mod word;

use super::ast::{Expr, Span};
use super::text::quote;
use token::Token;

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub span: Span,
    pub message: String,
}

impl ParseError {
    pub fn at(span: Span, message: String) -> ParseError {
        ParseError { span, message }
    }

    /// As Prometheus says it: `line:column: parse error: …`.
    pub fn text(&self, query: &str) -> String {
        format!("{}: parse error: {}", self.span.place(query), self.message)
    }
}

/// Which parts of the language may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Functions, aggregations and modifiers that Prometheus calls experimental.
    pub experimental: bool,
}

/// How deep expressions may nest: each level needs stack, here and in evaluation.
const DEPTH_MAX: usize = 200;

/// Longest query text read.
pub const QUERY_BYTES_MAX: usize = 1 << 20;

/// Parses a query.
pub fn parse(text: &str, features: Features) -> Result<Expr, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("the query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(ParseError::at(Span::default(), message));
    }
    let mut parser = Parser::new(text, features);
    if parser.peek() == Token::End {
        return Err(ParseError::at(Span::default(), "no expression found in input".to_owned()));
    }
    let expr = parser.expr(0)?;
    if parser.peek() != Token::End {
        return Err(parser.unexpected("", ""));
    }
    check::check(&expr, text)?;
    Ok(expr)
}

/// Parses one vector selector, as the `match[]` parameters hold them. It may match every series.
pub fn parse_selector(text: &str) -> Result<super::ast::VectorSelector, ParseError> {
    let mut parser = Parser::new(text, Features { experimental: true });
    let selector = parser.vector_selector()?;
    if parser.peek() != Token::End {
        return Err(parser.unexpected("", ""));
    }
    Ok(selector)
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, Span)>,
    /// Why the last token is none.
    wrong: Option<String>,
    at: usize,
    depth: usize,
    /// How many aggregations are being read around this place.
    aggregations: usize,
    selectors: usize,
    features: Features,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, features: Features) -> Parser<'a> {
        let token::Tokens { list, wrong } = token::tokens(text);
        Parser {
            text,
            tokens: list,
            wrong,
            at: 0,
            depth: 0,
            aggregations: 0,
            selectors: 0,
            features,
        }
    }

    fn peek(&self) -> Token {
        self.tokens[self.at].0
    }

    fn peek_second(&self) -> Token {
        self.tokens.get(self.at + 1).map_or(Token::End, |(token, _)| *token)
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The end of the token before.
    fn end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |before| self.tokens[before].1.end)
    }

    fn written(&self) -> &'a str {
        let span = self.span();
        &self.text[span.start..span.end]
    }

    /// Takes the token; the end is never passed.
    fn advance(&mut self) -> Span {
        let span = self.span();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        span
    }

    fn peek_is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(other) if other == sign)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.peek_is(sign);
        if found {
            self.advance();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek() == Token::Word && self.written().eq_ignore_ascii_case(word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &str, context: &str) -> Result<Span, ParseError> {
        match self.peek() {
            Token::Sign(other) if other == sign => Ok(self.advance()),
            _ => Err(self.unexpected(context, &format!("{sign:?}"))),
        }
    }

    /// `context` and `expected` may be empty.
    fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        if let (Token::Wrong, Some(reason)) = (self.peek(), &self.wrong) {
            return ParseError::at(self.span(), reason.clone());
        }
        let context = match context {
            "" if self.aggregations > 0 => " in aggregation".to_owned(),
            "" => String::new(),
            context => format!(" in {context}"),
        };
        let expected =
            if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
        let found = self.described();
        ParseError::at(self.span(), format!("unexpected {found}{context}{expected}"))
    }

    /// The token as errors name it.
    fn described(&self) -> String {
        let written = self.written();
        let quoted = || match written.char_indices().nth(10) {
            Some((end, _)) => format!("{}...", quote(&written[..end])),
            None => quote(written),
        };
        match self.peek() {
            Token::End | Token::Wrong => "end of input".to_owned(),
            Token::Label => format!("identifier {written:?}"),
            Token::Word => word::described(written),
            Token::Text => format!("string {}", quoted()),
            Token::Number => format!("number {}", quoted()),
            Token::Duration => format!("duration {}", quoted()),
            Token::Sign(sign) if word::is_operator_sign(sign) => format!("<op:{sign}>"),
            Token::Sign(sign) => format!("{sign:?}"),
        }
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth >= DEPTH_MAX {
            let message = format!("the query nests deeper than {DEPTH_MAX} levels");
            return Err(ParseError::at(self.span(), message));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Refuses a chain that nests too deeply, where `chained` counts its links.
    fn check_chain(&self, chained: usize, place: Span) -> Result<(), ParseError> {
        if self.depth + chained <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("the query nests deeper than {DEPTH_MAX} levels");
        Err(ParseError::at(place, message))
    }

    fn require_experimental(&self, span: Span, what: &str) -> Result<(), ParseError> {
        if self.features.experimental {
            return Ok(());
        }
        Err(ParseError::at(span, format!("{what} is not enabled")))
    }
}

#[cfg(test)]
mod tests;
