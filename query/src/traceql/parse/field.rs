//! Expressions of one span: `span.http.status_code >= 500 && duration > 1s`.

use super::Parser;
use crate::traceql::ast::{Arithmetic, Comparison, Field, FieldExpr, FieldOp, Intrinsic, Literal};
use crate::traceql::error::SyntaxError;
use crate::traceql::token::Token;

/// How strongly an operator binds; more is stronger.
const LOGICAL: u8 = 1;
const COMPARISON: u8 = 2;
const SUM: u8 = 3;
const NOT: u8 = 4;
const PRODUCT: u8 = 5;
const POWER: u8 = 6;

/// What comes after a field or value at `symbol`.
fn operator(symbol: &str) -> Option<(FieldOp, u8)> {
    if let Some(comparison) = comparison(symbol) {
        return Some((FieldOp::Compare(comparison), COMPARISON));
    }
    if let Some((arithmetic, binds)) = arithmetic(symbol) {
        return Some((FieldOp::Arithmetic(arithmetic), binds));
    }
    match symbol {
        "&&" => Some((FieldOp::And, LOGICAL)),
        "||" => Some((FieldOp::Or, LOGICAL)),
        _ => None,
    }
}

pub(super) fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        "=~" => Comparison::Matches,
        "!~" => Comparison::NotMatches,
        _ => return None,
    })
}

pub(super) fn arithmetic(symbol: &str) -> Option<(Arithmetic, u8)> {
    Some(match symbol {
        "+" => (Arithmetic::Add, SUM),
        "-" => (Arithmetic::Subtract, SUM),
        "*" => (Arithmetic::Multiply, PRODUCT),
        "/" => (Arithmetic::Divide, PRODUCT),
        "%" => (Arithmetic::Modulo, PRODUCT),
        "^" => (Arithmetic::Power, POWER),
        _ => return None,
    })
}

impl Parser<'_> {
    pub(super) fn field_expr(&mut self) -> Result<FieldExpr, SyntaxError> {
        self.nested(|parser| parser.binary(LOGICAL))
    }

    /// Operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Result<FieldExpr, SyntaxError> {
        let mut left = self.unary()?;
        while let Token::Symbol(symbol) = *self.peek()
            && let Some((op, binds)) = operator(symbol)
            && binds >= least
        {
            self.operator()?;
            self.advance();
            // A power groups from the right, everything else from the left.
            let right = self
                .nested(|parser| parser.binary(if binds == POWER { binds } else { binds + 1 }))?;
            left = FieldExpr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<FieldExpr, SyntaxError> {
        if self.take("!") {
            let inner = self.nested(|parser| parser.binary(NOT))?;
            return Ok(FieldExpr::Not(Box::new(inner)));
        }
        if self.take("-") {
            let inner = self.nested(|parser| parser.binary(NOT))?;
            return Ok(negative(inner));
        }
        if self.take("(") {
            let inner = self.field_expr()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some(literal) = self.take_literal() {
            return Ok(FieldExpr::Literal(literal));
        }
        Ok(FieldExpr::Field(self.field()?))
    }

    /// A literal, or a word that stands for one.
    fn take_literal(&mut self) -> Option<Literal> {
        let literal = match self.peek() {
            Token::Literal(literal) => literal.clone(),
            Token::Word(word) => word_literal(word)?,
            _ => return None,
        };
        self.advance();
        Some(literal)
    }

    pub(super) fn field(&mut self) -> Result<Field, SyntaxError> {
        let field = match self.peek() {
            Token::Attribute { scope, of_parent, name } => {
                Some(Field::Attribute { scope: *scope, of_parent: *of_parent, name: name.clone() })
            }
            Token::Word(word) => Intrinsic::from_name(word).map(Field::Intrinsic),
            _ => None,
        };
        match field {
            Some(field) => {
                self.advance();
                Ok(field)
            }
            None => Err(self.no_field()),
        }
    }

    fn no_field(&self) -> SyntaxError {
        let error = self.unexpected("a field or a value");
        match self.peek() {
            Token::Word(word) => error.with_hint(&format!(
                "an attribute is written .{word}, span.{word} or resource.{word}, a text \"{word}\""
            )),
            _ => error,
        }
    }
}

/// `-1` is a literal of its own, so that it can be shown and checked as one.
fn negative(inner: FieldExpr) -> FieldExpr {
    match inner {
        FieldExpr::Literal(Literal::Int(number)) if number != i64::MIN => {
            FieldExpr::Literal(Literal::Int(-number))
        }
        FieldExpr::Literal(Literal::Float(number)) => FieldExpr::Literal(Literal::Float(-number)),
        FieldExpr::Literal(Literal::Duration(nanos)) => {
            FieldExpr::Literal(Literal::Duration(nanos.saturating_neg()))
        }
        inner => FieldExpr::Negative(Box::new(inner)),
    }
}

fn word_literal(word: &str) -> Option<Literal> {
    Some(match word {
        "nil" => Literal::Nil,
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        "minInt" => Literal::Int(i64::MIN),
        "maxInt" => Literal::Int(i64::MAX),
        "unset" => Literal::Status(0),
        "ok" => Literal::Status(1),
        "error" => Literal::Status(2),
        "unspecified" => Literal::Kind(0),
        "internal" => Literal::Kind(1),
        "server" => Literal::Kind(2),
        "client" => Literal::Kind(3),
        "producer" => Literal::Kind(4),
        "consumer" => Literal::Kind(5),
        _ => return None,
    })
}
