//! Stream selectors, and log queries as a whole.

use super::super::ast::*;
use super::super::token::Token;
use super::{Parsed, Parser, STAGES_MAX};
use crate::promql::labels::{MatchOp, Matcher};

/// A log query in the argument of a range aggregation, as far as it is read.
pub(super) struct RangeParts {
    pub(super) query: LogQuery,
    pub(super) unwrap: Option<Unwrap>,
    pub(super) range: Option<i64>,
    pub(super) offset: Option<i64>,
}

impl Parser {
    /// `{…} stages`, in parentheses or not.
    pub(super) fn log_query(&mut self) -> Parsed<LogQuery> {
        let start = self.place();
        let mut query = if self.take("(") {
            let inner = self.nested(Parser::log_query)?;
            self.expect(")")?;
            inner
        } else {
            LogQuery { matchers: self.checked_selector()?, stages: Vec::new(), span: start }
        };
        while self.starts_stage() {
            let stage = self.stage()?;
            self.push_stage(&mut query, stage)?;
        }
        query.span = self.since(start);
        Ok(query)
    }

    fn push_stage(&self, query: &mut LogQuery, stage: Stage) -> Parsed<()> {
        if query.stages.len() == STAGES_MAX {
            return Err(self.error(format!("the pipeline has more than {STAGES_MAX} stages")));
        }
        query.stages.push(stage);
        Ok(())
    }

    /// The argument of a range aggregation: range, offset, stages and `unwrap` in the orders Loki takes them.
    pub(super) fn range_parts(&mut self) -> Parsed<RangeParts> {
        let start = self.place();
        let mut parts = if self.take("(") {
            let inner = self.nested(Parser::range_parts)?;
            self.expect(")")?;
            inner
        } else {
            let query =
                LogQuery { matchers: self.checked_selector()?, stages: Vec::new(), span: start };
            RangeParts { query, unwrap: None, range: None, offset: None }
        };
        loop {
            match self.peek() {
                Token::Range(range) if parts.range.is_none() => {
                    parts.range = Some(*range);
                    self.advance();
                }
                Token::Word(word) if word == "offset" && parts.range.is_some() => {
                    self.advance();
                    parts.offset = Some(self.offset()?);
                }
                Token::Sign("|")
                    if *self.peek_after(1) == Token::Word("unwrap".to_owned())
                        && parts.unwrap.is_none() =>
                {
                    parts.unwrap = Some(self.unwrap()?);
                }
                _ if self.starts_stage() => {
                    let place = self.place();
                    match (self.stage()?, &mut parts.unwrap) {
                        (stage, None) => self.push_stage(&mut parts.query, stage)?,
                        (Stage::Labels(filter), Some(unwrap)) => unwrap.filters.push(filter),
                        _ => {
                            let message = "only label filters may follow unwrap";
                            return Err(super::SyntaxError::new(place, message));
                        }
                    }
                }
                _ => break,
            }
        }
        parts.query.span = self.since(start);
        Ok(parts)
    }

    fn offset(&mut self) -> Parsed<i64> {
        let negative = self.take("-");
        match *self.peek() {
            Token::Duration(length) => {
                self.advance();
                Ok(if negative { -length } else { length })
            }
            Token::Number(0.0) => {
                self.advance();
                Ok(0)
            }
            _ => Err(self.unexpected("DURATION")),
        }
    }

    /// `| unwrap label`, `| unwrap duration(label)`, `| unwrap bytes(label)`
    fn unwrap(&mut self) -> Parsed<Unwrap> {
        self.expect("|")?;
        self.advance();
        let word = self.name()?;
        let conversion = match word.as_str() {
            "duration" => Conversion::Duration { as_seconds: false },
            "duration_seconds" => Conversion::Duration { as_seconds: true },
            "bytes" => Conversion::Bytes,
            _ => Conversion::None,
        };
        if !self.take("(") {
            let filters = Vec::new();
            return Ok(Unwrap { label: word, conversion: Conversion::None, filters });
        }
        if conversion == Conversion::None {
            return Err(self.error(format!("there is no conversion {word:?} of unwrapped values")));
        }
        let label = self.name()?;
        self.expect(")")?;
        Ok(Unwrap { label, conversion, filters: Vec::new() })
    }

    /// A selector that does not select every stream there could be.
    fn checked_selector(&mut self) -> Parsed<Vec<Matcher>> {
        let start = self.place();
        let matchers = self.selector()?;
        let selects = |matcher: &Matcher| {
            matches!(matcher.op, MatchOp::Equal | MatchOp::Regex) && !matcher.matches("")
        };
        if matchers.iter().any(selects) {
            return Ok(matchers);
        }
        let message = "queries require at least one regexp or equality matcher that does not have an empty-compatible value. \
            For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";
        Err(super::SyntaxError::new(self.since(start), message))
    }

    /// `{name="value", …}`
    pub(super) fn selector(&mut self) -> Parsed<Vec<Matcher>> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.take("}") {
            if !matchers.is_empty() {
                self.expect(",")?;
                if self.take("}") {
                    break;
                }
            }
            let name = match self.peek() {
                Token::Word(_) => self.name()?,
                Token::Text(_) => self.text()?,
                _ => return Err(self.unexpected("IDENTIFIER or }")),
            };
            let op = self.match_op().ok_or_else(|| self.unexpected("= or != or =~ or !~"))?;
            matchers.push(self.matcher(op, &name)?);
        }
        Ok(matchers)
    }

    /// Takes the operator of a matcher.
    pub(super) fn match_op(&mut self) -> Option<MatchOp> {
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            _ => return None,
        };
        self.advance();
        Some(op)
    }

    /// The matcher whose value stands here.
    pub(super) fn matcher(&mut self, op: MatchOp, name: &str) -> Parsed<Matcher> {
        let place = self.place();
        let value = self.text()?;
        Matcher::new(op, name, &value).map_err(|reason| super::SyntaxError::new(place, reason))
    }
}
