//! When the series of an expression were looked at: the `@` and `offset` that all its selectors share.

use super::super::ast::{Expr, Kind, Shift};

#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// No series at all: a number or text.
    Nothing,
    Of(Shift),
    /// Several times, or series that come from no selector.
    Mixed,
}

impl Reference {
    fn join(self, other: Reference) -> Reference {
        match (self, other) {
            (Reference::Nothing, other) | (other, Reference::Nothing) => other,
            (a, b) if a == b => a,
            _ => Reference::Mixed,
        }
    }
}

pub fn reference(expr: &Expr) -> Reference {
    if matches!(expr.kind(), Kind::Scalar | Kind::Text) {
        return Reference::Nothing;
    }
    match expr {
        Expr::Vector(node) => Reference::Of(effective(&node.shift)),
        Expr::Matrix(node) => Reference::Of(effective(&node.selector.shift)),
        Expr::Subquery(node) => match reference(&node.expr) {
            // A moment named inside does not move with the subquery.
            Reference::Of(inner) if inner.at_time.is_none() => {
                let mut shift = effective(&node.shift);
                match &mut shift.at_time {
                    Some(time) => *time -= inner.offset_ms,
                    None => shift.offset_ms += inner.offset_ms,
                }
                Reference::Of(shift)
            }
            other => other,
        },
        Expr::Paren(inner, _) => reference(inner),
        Expr::Unary(node) => reference(&node.expr),
        Expr::Binary(node) => reference(&node.left).join(reference(&node.right)),
        Expr::Aggregate(node) => reference(&node.expr),
        Expr::Call(node) => {
            let all = node.args.iter().map(reference).fold(Reference::Nothing, Reference::join);
            if all == Reference::Nothing { Reference::Mixed } else { all }
        }
        Expr::Number(_) | Expr::Text(_) => Reference::Nothing,
    }
}

/// Only what counts: equal for equal moments.
fn effective(shift: &Shift) -> Shift {
    let at_time = shift.at_time.map(|time| time.saturating_sub(shift.offset_ms));
    let offset_ms = if at_time.is_some() { 0 } else { shift.offset_ms };
    Shift { at_time, offset_ms, ..Shift::default() }
}
