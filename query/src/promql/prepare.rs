//! Filling in what a query leaves to its request: lengths that depend on step and range, `@ start()` and `@ end()`.

use super::ast::*;
use super::parse::ParseError;

/// When a query is evaluated, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub start: i64,
    pub end: i64,
    /// Zero for an instant query.
    pub step: i64,
}

impl Times {
    pub fn is_range(&self) -> bool {
        self.step > 0
    }
}

/// Replaces every length and `@` in `expr` by numbers.
pub fn prepare(expr: &mut Expr, times: Times) -> Result<(), ParseError> {
    match expr {
        Expr::Number(_) | Expr::Text(_) => Ok(()),
        Expr::Vector(node) => shift(&mut node.shift, times),
        Expr::Matrix(node) => {
            node.range_ms = positive(&node.range, node.range_span, times)?;
            shift(&mut node.selector.shift, times)
        }
        Expr::Subquery(node) => {
            node.range_ms = positive(&node.range, node.range_span, times)?;
            if !node.step.is_zero() {
                node.step_ms = positive(&node.step, node.step_span, times)?;
            }
            shift(&mut node.shift, times)?;
            prepare(&mut node.expr, times)
        }
        Expr::Paren(inner, _) => prepare(inner, times),
        Expr::Unary(node) => prepare(&mut node.expr, times),
        Expr::Binary(node) => {
            prepare(&mut node.left, times)?;
            prepare(&mut node.right, times)
        }
        Expr::Call(node) => node.args.iter_mut().try_for_each(|arg| prepare(arg, times)),
        Expr::Aggregate(node) => {
            if let Some(parameter) = &mut node.parameter {
                prepare(parameter, times)?;
            }
            prepare(&mut node.expr, times)
        }
    }
}

fn shift(shift: &mut Shift, times: Times) -> Result<(), ParseError> {
    shift.at_time = shift.at.map(|at| match at {
        At::Time(time) => time,
        At::Start => times.start,
        At::End => times.end,
    });
    let offset = milliseconds(&shift.offset, times);
    shift.offset_ms = offset.map_err(|message| wrong(shift.offset_span, message))?;
    Ok(())
}

/// What is wrong with a length only when it is computed, worded with its place in the text as Prometheus does.
fn wrong(span: Span, message: &str) -> ParseError {
    ParseError::at(span, format!("{}:{}: {message}", span.start, span.end))
}

fn positive(length: &Length, span: Span, times: Times) -> Result<i64, ParseError> {
    match milliseconds(length, times) {
        Ok(ms) if ms > 0 => Ok(ms),
        Ok(_) => Err(wrong(span, "duration must be greater than 0")),
        Err(message) => Err(wrong(span, message)),
    }
}

fn milliseconds(length: &Length, times: Times) -> Result<i64, &'static str> {
    let ms = seconds(length, times)? * 1000.0;
    // What fits into Go's nanoseconds.
    if ms.is_nan() || ms.abs() >= i64::MAX as f64 / 1e6 {
        return Err("duration is out of range");
    }
    // Whole milliseconds, but not one less because a decimal fraction is a little short of its value.
    Ok((ms * 1e3).round() as i64 / 1000)
}

fn seconds(length: &Length, times: Times) -> Result<f64, &'static str> {
    let value = |length: &Length| seconds(length, times);
    Ok(match length {
        Length::Seconds(seconds) => *seconds,
        Length::Step => times.step as f64 / 1000.0,
        Length::Range => (times.end - times.start) as f64 / 1000.0,
        Length::Negative(inner) => -value(inner)?,
        Length::Paren(inner) => value(inner)?,
        Length::Least(a, b) => value(a)?.min(value(b)?),
        Length::Greatest(a, b) => value(a)?.max(value(b)?),
        Length::Binary(op, a, b) => {
            let (a, b) = (value(a)?, value(b)?);
            match op {
                BinaryOp::Div if b == 0.0 => return Err("division by zero"),
                BinaryOp::Mod if b == 0.0 => return Err("modulo by zero"),
                op => super::eval::arithmetic(*op, a, b),
            }
        }
    })
}
