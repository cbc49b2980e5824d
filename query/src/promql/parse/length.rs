//! Lengths of time in selectors: literals, and expressions of them.

use super::super::ast::{BinaryOp, Length};
use super::token::Token;
use super::{ParseError, Parser};

/// What a length can be.
const EXPECTED: &str = "number, duration, step(), or range()";

impl Parser<'_> {
    fn begins_length(&self) -> bool {
        match self.peek() {
            Token::Number | Token::Duration => true,
            Token::Sign(sign) => matches!(sign, "+" | "-" | "("),
            Token::Word => self.peek_second() == Token::Sign("("),
            _ => false,
        }
    }

    /// A range or step: an expression, which has to be more than nothing.
    pub(super) fn positive_length(&mut self, context: &str) -> Result<Length, ParseError> {
        let place = self.span();
        if !self.begins_length() {
            return Err(self.unexpected(context, EXPECTED));
        }
        let length = self.length(1)?;
        if let Length::Seconds(seconds) = length
            && seconds <= 0.0
        {
            let message = "duration must be greater than 0".to_owned();
            return Err(ParseError::at(place, message));
        }
        Ok(length)
    }

    /// What follows `offset`: one term, so that `x offset 5m + 1` adds to the offset vector.
    pub(super) fn offset_length(&mut self) -> Result<Length, ParseError> {
        if !self.begins_length() {
            return Err(self.unexpected("offset", EXPECTED));
        }
        self.deeper(|parser| match parser.peek() {
            Token::Sign(sign @ ("+" | "-")) => {
                parser.advance();
                let term = parser.length_term()?;
                Ok(if sign == "-" { negative(term) } else { term })
            }
            _ => parser.length_term(),
        })
    }

    fn length(&mut self, precedence: u8) -> Result<Length, ParseError> {
        self.deeper(|parser| {
            let mut left = parser.length_unary()?;
            while let Some(op) = parser.length_op().filter(|op| op.precedence() >= precedence) {
                let place = parser.advance();
                parser.require_experimental(place, "arithmetic on durations")?;
                let tighter = op.precedence() + u8::from(op != BinaryOp::Pow);
                let right = parser.length(tighter)?;
                if right.is_zero() && matches!(op, BinaryOp::Div | BinaryOp::Mod) {
                    let what = if op == BinaryOp::Div { "division" } else { "modulo" };
                    return Err(ParseError::at(place, format!("{what} by zero")));
                }
                left = Length::Binary(op, Box::new(left), Box::new(right));
            }
            Ok(left)
        })
    }

    fn length_op(&self) -> Option<BinaryOp> {
        Some(match self.peek() {
            Token::Sign("+") => BinaryOp::Add,
            Token::Sign("-") => BinaryOp::Sub,
            Token::Sign("*") => BinaryOp::Mul,
            Token::Sign("/") => BinaryOp::Div,
            Token::Sign("%") => BinaryOp::Mod,
            Token::Sign("^") => BinaryOp::Pow,
            _ => return None,
        })
    }

    fn length_unary(&mut self) -> Result<Length, ParseError> {
        let Token::Sign(sign @ ("+" | "-")) = self.peek() else {
            return self.length_term();
        };
        self.advance();
        let operand = self.length(BinaryOp::Pow.precedence())?;
        Ok(if sign == "-" { negative(operand) } else { operand })
    }

    fn length_term(&mut self) -> Result<Length, ParseError> {
        let place = self.span();
        match self.peek() {
            Token::Number | Token::Duration => {
                let number = self.number()?;
                // What fits into Go's nanoseconds.
                if number.value.is_nan() || number.value.abs() >= i64::MAX as f64 / 1e9 {
                    return Err(ParseError::at(place, "duration out of range".to_owned()));
                }
                Ok(Length::Seconds(number.value))
            }
            Token::Sign("(") => {
                self.require_experimental(place, "an expression as duration")?;
                self.advance();
                let inner = self.length(1)?;
                self.expect_sign(")", "duration expression")?;
                Ok(Length::Paren(Box::new(inner)))
            }
            Token::Word => self.length_call(),
            _ => Err(self.unexpected("duration", EXPECTED)),
        }
    }

    /// `step()`, `range()`, or the smaller or larger of two lengths.
    fn length_call(&mut self) -> Result<Length, ParseError> {
        let place = self.span();
        let name = self.written().to_ascii_lowercase();
        if !matches!(name.as_str(), "step" | "range" | "min" | "max" | "min_of" | "max_of") {
            return Err(self.unexpected("duration", EXPECTED));
        }
        self.require_experimental(place, &format!("{name}() in durations"))?;
        self.advance();
        self.expect_sign("(", "duration")?;
        let length = match name.as_str() {
            "step" => Length::Step,
            "range" => Length::Range,
            _ => {
                let first = Box::new(self.length(1)?);
                self.expect_sign(",", "duration")?;
                let second = Box::new(self.length(1)?);
                if name.starts_with("min") {
                    Length::Least(first, second)
                } else {
                    Length::Greatest(first, second)
                }
            }
        };
        self.expect_sign(")", "duration")?;
        Ok(length)
    }
}

fn negative(length: Length) -> Length {
    match length {
        Length::Seconds(seconds) => Length::Seconds(-seconds),
        other => Length::Negative(Box::new(other)),
    }
}
