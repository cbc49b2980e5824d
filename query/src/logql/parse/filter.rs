//! Conditions on labels.

use super::super::ast::*;
use super::super::ip::Addresses;
use super::super::token::Token;
use super::{Parsed, Parser, SyntaxError};
use crate::promql::labels::MatchOp;

impl Parser {
    /// `or` binds less than `and`, which may be written as a comma or left out.
    pub(super) fn label_filter(&mut self) -> Parsed<LabelFilter> {
        let mut left = self.label_filter_and()?;
        while self.is_word("or") {
            self.advance();
            self.operator()?;
            let right = self.label_filter_and()?;
            left = LabelFilter::Or(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn label_filter_and(&mut self) -> Parsed<LabelFilter> {
        let mut left = self.label_filter_one()?;
        loop {
            let goes_on = self.take_word("and")
                || self.take(",")
                || *self.peek() == Token::Sign("(")
                || matches!(self.peek(), Token::Word(_))
                    && !self.is_word("or")
                    && !self.is_word("offset");
            if !goes_on {
                return Ok(left);
            }
            self.operator()?;
            let right = self.label_filter_one()?;
            left = LabelFilter::And(Box::new(left), Box::new(right));
        }
    }

    fn label_filter_one(&mut self) -> Parsed<LabelFilter> {
        if self.take("(") {
            let inner = self.nested(Parser::label_filter)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        let op_place = self.place();
        let text_op = self.match_op();
        let op = match text_op {
            Some(MatchOp::Regex | MatchOp::NotRegex) => None,
            Some(MatchOp::Equal) => Some(Comparison::Equal),
            Some(MatchOp::NotEqual) => Some(Comparison::NotEqual),
            None => Some(self.comparison()?),
        };
        let place = self.place();
        match (self.peek().clone(), text_op, op) {
            (Token::Text(_), Some(op), _) => Ok(LabelFilter::Text(self.matcher(op, &name)?)),
            (Token::Word(word), Some(MatchOp::Equal | MatchOp::NotEqual), _) if word == "ip" => {
                self.advance();
                self.expect("(")?;
                let text = self.text()?;
                self.expect(")")?;
                let addresses =
                    Addresses::new(&text).map_err(|reason| SyntaxError::new(place, reason))?;
                let negated = text_op == Some(MatchOp::NotEqual);
                Ok(LabelFilter::Ip { name, negated, addresses })
            }
            (_, _, None) => Err(self.unexpected("STRING")),
            (_, _, Some(op)) => self.number_filter(name, op, op_place),
        }
    }

    fn number_filter(&mut self, name: String, op: Comparison, place: Span) -> Parsed<LabelFilter> {
        let negative = self.take("-");
        let filter = match *self.peek() {
            Token::Number(value) => {
                let value = if negative { -value } else { value };
                LabelFilter::Number { name, op, value }
            }
            Token::Duration(value) => {
                let value = if negative { -value } else { value };
                LabelFilter::Duration { name, op, value }
            }
            Token::Bytes(value) if !negative => LabelFilter::Bytes { name, op, value },
            Token::Text(_) => {
                return Err(SyntaxError::new(place, "a text is compared with =, !=, =~ or !~"));
            }
            _ => return Err(self.unexpected("BYTES or DURATION or NUMBER or STRING")),
        };
        self.advance();
        Ok(filter)
    }

    fn comparison(&mut self) -> Parsed<Comparison> {
        let op = match self.peek() {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessEqual,
            _ => return Err(self.unexpected("= or != or =~ or !~ or == or > or >= or < or <=")),
        };
        self.advance();
        Ok(op)
    }
}
