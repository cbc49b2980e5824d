//! Selectors, and what follows an expression: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`.

use super::super::ast::*;
use super::super::labels::{METRIC_NAME, MatchOp, Matcher};
use super::super::text::float_plain;
use super::token::Token;
use super::{ParseError, Parser, word};

impl Parser<'_> {
    pub(super) fn vector_selector(&mut self) -> Result<VectorSelector, ParseError> {
        let start = self.span().start;
        let mut matchers = Vec::new();
        let name = match self.peek() {
            Token::Word if !word::is_reserved(self.written()) => {
                let name = self.written().to_owned();
                self.advance();
                Some(name)
            }
            Token::Sign("{") => None,
            _ => return Err(self.unexpected("", "")),
        };
        if self.take_sign("{") {
            self.matchers(&mut matchers)?;
        }
        let span = Span { start, end: self.end() };
        if let Some(name) = &name {
            if let Some(other) = matchers.iter().find(|matcher| &*matcher.name == METRIC_NAME) {
                let message =
                    format!("metric name must not be set twice: {name:?} or {:?}", &*other.value);
                return Err(ParseError::at(span, message));
            }
            matchers.push(matcher(MatchOp::Equal, METRIC_NAME, name, span)?);
        }
        self.selectors += 1;
        Ok(VectorSelector {
            name,
            matchers,
            shift: Shift::default(),
            edges: Edges::Plain,
            span,
            id: self.selectors - 1,
        })
    }

    /// Up to and with the closing brace. A string alone is the metric's name.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        while !self.take_sign("}") {
            let place = self.span();
            let is_text = self.peek() == Token::Text;
            let name = match self.peek() {
                Token::Label => self.written().to_owned(),
                Token::Text => self.unquoted()?,
                _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
            };
            self.advance();
            let op = match self.peek() {
                Token::Sign("=") => Some(MatchOp::Equal),
                Token::Sign("!=") => Some(MatchOp::NotEqual),
                Token::Sign("=~") => Some(MatchOp::Regex),
                Token::Sign("!~") => Some(MatchOp::NotRegex),
                _ if is_text => None,
                _ => return Err(self.unexpected("label matching", "label matching operator")),
            };
            let Some(op) = op else {
                if matchers.iter().any(|other| &*other.name == METRIC_NAME) {
                    let message = format!("metric name must not be set twice: {name:?}");
                    return Err(ParseError::at(place, message));
                }
                matchers.push(matcher(MatchOp::Equal, METRIC_NAME, &name, place)?);
                self.next_matcher()?;
                continue;
            };
            self.advance();
            if self.peek() != Token::Text {
                return Err(self.unexpected("label matching", "string"));
            }
            let value = self.unquoted()?;
            let end = self.advance();
            matchers.push(matcher(op, &name, &value, place.to(end))?);
            self.next_matcher()?;
        }
        Ok(())
    }

    fn next_matcher(&mut self) -> Result<(), ParseError> {
        if self.peek() != Token::Sign("}") && !self.take_sign(",") {
            return Err(self.unexpected("label matching", "\",\" or \"}\""));
        }
        Ok(())
    }

    /// What follows an expression and belongs to it.
    pub(super) fn postfix(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        let mut chained = 0;
        loop {
            if self.peek() == Token::Sign("[") {
                chained += 1;
                self.check_chain(chained, self.span())?;
                expr = self.brackets(expr)?;
            } else if self.is_word("offset") {
                self.advance();
                let first = self.span();
                let offset = self.offset_length()?;
                let (place, end) = (expr.span(), self.end());
                let shift =
                    shift_of(&mut expr, end).ok_or_else(|| misplaced(place, "offset modifier"))?;
                if !shift.offset.is_zero() {
                    let message = "offset may not be set multiple times".to_owned();
                    return Err(ParseError::at(place, message));
                }
                shift.offset = offset;
                shift.offset_span = Span { start: first.start, end };
            } else if self.peek() == Token::Sign("@") {
                self.advance();
                let (place, at) = (expr.span(), self.at_time(expr.span())?);
                let end = self.end();
                let shift =
                    shift_of(&mut expr, end).ok_or_else(|| misplaced(place, "@ modifier"))?;
                if shift.at.is_some() {
                    let message = "@ <timestamp> may not be set multiple times".to_owned();
                    return Err(ParseError::at(place, message));
                }
                shift.at = Some(at);
            } else if self.is_word("anchored") || self.is_word("smoothed") {
                self.edges(&mut expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn edges(&mut self, expr: &mut Expr) -> Result<(), ParseError> {
        let anchored = self.is_word("anchored");
        let word = if anchored { "anchored" } else { "smoothed" };
        let place = self.advance();
        self.require_experimental(place, &format!("the {word} modifier"))?;
        let end = self.end();
        let selector = match expr {
            Expr::Vector(selector) if !anchored => selector,
            Expr::Matrix(matrix) => {
                matrix.span.end = end;
                &mut matrix.selector
            }
            Expr::Vector(_) => {
                let message = "anchored modifier must be preceded by a range selector".to_owned();
                return Err(ParseError::at(place, message));
            }
            _ => return Err(misplaced(place, &format!("{word} modifier"))),
        };
        if selector.edges != Edges::Plain {
            let message = "anchored and smoothed modifiers may be set only once".to_owned();
            return Err(ParseError::at(place, message));
        }
        selector.edges = if anchored { Edges::Anchored } else { Edges::Smoothed };
        Ok(())
    }

    /// `[5m]` or `[5m:1m]`.
    fn brackets(&mut self, expr: Expr) -> Result<Expr, ParseError> {
        let open = self.advance();
        let first = self.span();
        let range = self.positive_length("subquery or range selector")?;
        let range_span = Span { start: first.start, end: self.end() };
        if self.take_sign(":") {
            let first = self.span();
            let step = match self.peek() {
                Token::Sign("]") => Length::ZERO,
                _ => self.positive_length("subquery selector")?,
            };
            let step_span = Span { start: first.start, end: self.end() };
            self.expect_sign("]", "subquery selector")?;
            let span = Span { start: expr.span().start, end: self.end() };
            return Ok(Expr::Subquery(Subquery {
                expr: Box::new(expr),
                range,
                range_span,
                range_ms: 0,
                step,
                step_span,
                step_ms: 0,
                shift: Shift::default(),
                span,
            }));
        }
        if self.peek() != Token::Sign("]") {
            return Err(self.unexpected("subquery or range", "\":\" or \"]\""));
        }
        let close = self.advance();
        let wrong = |message: &str| Err(ParseError::at(open.to(close), message.to_owned()));
        match expr {
            Expr::Vector(selector) if !selector.shift.offset.is_zero() => {
                wrong("no offset modifiers allowed before range")
            }
            Expr::Vector(selector) if selector.shift.at.is_some() => {
                wrong("no @ modifiers allowed before range")
            }
            Expr::Vector(selector) => {
                let span = Span { start: selector.span.start, end: close.end };
                let range_ms = 0;
                Ok(Expr::Matrix(MatrixSelector { selector, range, range_span, range_ms, span }))
            }
            _ => wrong("ranges only allowed for vector selectors"),
        }
    }

    /// The moment after `@`: seconds, `start()` or `end()`.
    fn at_time(&mut self, place: Span) -> Result<At, ParseError> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.take_word(word) {
                if !self.take_sign("(") {
                    return Err(self.unexpected("@", "timestamp"));
                }
                self.expect_sign(")", "@")?;
                return Ok(at);
            }
        }
        let is_negative = !self.take_sign("+") && self.take_sign("-");
        let is_number = match self.peek() {
            Token::Number | Token::Duration => true,
            Token::Word => matches!(self.written().to_ascii_lowercase().as_str(), "inf" | "nan"),
            _ => false,
        };
        if !is_number {
            return Err(self.unexpected("@", "timestamp"));
        }
        let seconds = self.number()?.value * if is_negative { -1.0 } else { 1.0 };
        let milliseconds = (seconds * 1000.0).round();
        // The bounds of what a timestamp can hold.
        if milliseconds.is_nan() || milliseconds.abs() >= i64::MAX as f64 / 2.0 {
            let seconds =
                if seconds.is_finite() { format!("{seconds:.6}") } else { float_plain(seconds) };
            let message = format!("timestamp out of bounds for @ modifier: {seconds}");
            return Err(ParseError::at(place, message));
        }
        Ok(At::Time(milliseconds as i64))
    }
}

fn matcher(op: MatchOp, name: &str, value: &str, span: Span) -> Result<Matcher, ParseError> {
    Matcher::new(op, name, value).map_err(|message| ParseError::at(span, message))
}

/// The shift of a selector or subquery, whose text now reaches to `end`.
fn shift_of(expr: &mut Expr, end: usize) -> Option<&mut Shift> {
    match expr {
        Expr::Vector(node) => {
            node.span.end = end;
            Some(&mut node.shift)
        }
        Expr::Matrix(node) => {
            node.span.end = end;
            Some(&mut node.selector.shift)
        }
        Expr::Subquery(node) => {
            node.span.end = end;
            Some(&mut node.shift)
        }
        _ => None,
    }
}

fn misplaced(place: Span, what: &str) -> ParseError {
    let message = format!(
        "{what} must be preceded by an instant vector selector or range vector selector or a subquery"
    );
    ParseError::at(place, message)
}
