//! Functions of single floats. Histograms are left out.

use super::super::ast::{Call, Expr};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::series::{Column, STALE, is_stale};
use super::arg;
use super::scalar::{greatest, least};

pub fn call(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    match node.function.name {
        "clamp" => clamp(evaluator, node, node.args.get(1), node.args.get(2), grid),
        "clamp_min" => clamp(evaluator, node, node.args.get(1), None, grid),
        "clamp_max" => clamp(evaluator, node, None, node.args.get(1), grid),
        "round" => round(evaluator, node, grid),
        name => {
            let function = function(name)
                .ok_or_else(|| Failure::Execution(format!("function {name:?} is not known")))?;
            let columns = evaluator.vector(arg(node, 0)?, grid)?;
            map(evaluator, columns, |_, value| function(value))
        }
    }
}

/// Applies `change` to every float of every series.
pub fn map(
    evaluator: &Evaluator,
    mut columns: Vec<Column>,
    change: impl Fn(usize, f64) -> f64,
) -> Result<Vec<Column>, Failure> {
    for column in &mut columns {
        column.histograms = None;
        for (step, value) in column.floats.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = change(step, *value);
            }
        }
    }
    columns.retain(Column::has_any);
    evaluator.nameless(columns)
}

fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "sgn" => |value| match value {
            value if value < 0.0 => -1.0,
            value if value > 0.0 => 1.0,
            value => value,
        },
        _ => return None,
    })
}

fn clamp(
    evaluator: &mut Evaluator,
    node: &Call,
    low: Option<&Expr>,
    high: Option<&Expr>,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let columns = evaluator.vector(arg(node, 0)?, grid)?;
    let mut limit = |expr: Option<&Expr>| expr.map(|e| evaluator.scalar(e, grid)).transpose();
    let (low, high) = (limit(low)?, limit(high)?);
    map(evaluator, columns, |step, value| match (&low, &high) {
        (Some(low), Some(high)) if high[step] < low[step] => STALE,
        (low, high) => {
            let capped = high.as_ref().map_or(value, |high| least(high[step], value));
            low.as_ref().map_or(capped, |low| greatest(low[step], capped))
        }
    })
}

fn round(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    let columns = evaluator.vector(arg(node, 0)?, grid)?;
    let nearest = match node.args.get(1) {
        Some(expr) => evaluator.scalar(expr, grid)?,
        None => vec![1.0; grid.count()],
    };
    map(evaluator, columns, |step, value| {
        // Multiplying by the inverse loses less than dividing.
        let inverse = 1.0 / nearest[step];
        (value * inverse + 0.5).floor() / inverse
    })
}
