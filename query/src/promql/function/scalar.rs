//! Functions that give one number per step.

use super::super::ast::Call;
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::series::Column;
use super::arg;
use std::cmp::Ordering;

/// `None` for functions of other families.
pub fn call(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Option<Vec<f64>>, Failure> {
    let count = grid.count();
    let times = evaluator.times;
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let values = match node.function.name {
        "time" => (0..count).map(|step| seconds(grid.time(step))).collect(),
        "pi" => vec![std::f64::consts::PI; count],
        "start" => vec![seconds(times.start); count],
        "end" => vec![seconds(times.end); count],
        "step" => vec![seconds(times.step); count],
        "range" => vec![seconds(times.end - times.start); count],
        "scalar" => {
            let columns = evaluator.vector(arg(node, 0)?, grid)?;
            (0..count).map(|step| only_value(&columns, step)).collect()
        }
        name @ ("min_of" | "max_of") => {
            let first = evaluator.scalar(arg(node, 0)?, grid)?;
            let second = evaluator.scalar(arg(node, 1)?, grid)?;
            let pick = if name == "min_of" { least } else { greatest };
            first.into_iter().zip(second).map(|(a, b)| pick(a, b)).collect()
        }
        _ => return Ok(None),
    };
    Ok(Some(values))
}

/// Go's `math.Min`: unlike `f64::min`, not a number when either is not, unless the other is the least of all.
pub fn least(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    match (a.is_nan() || b.is_nan(), a.partial_cmp(&b)) {
        (true, _) => f64::NAN,
        (_, Some(Ordering::Less)) => a,
        // Negative zero is less than zero.
        (_, Some(Ordering::Equal)) if a.is_sign_negative() => a,
        _ => b,
    }
}

/// Go's `math.Max`: unlike `f64::max`, not a number when either is not, unless the other is the greatest of all.
pub fn greatest(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    match (a.is_nan() || b.is_nan(), a.partial_cmp(&b)) {
        (true, _) => f64::NAN,
        (_, Some(Ordering::Greater)) => a,
        (_, Some(Ordering::Equal)) if a.is_sign_positive() => a,
        _ => b,
    }
}

/// The value of a vector that has exactly one float.
fn only_value(columns: &[Column], step: usize) -> f64 {
    let mut floats =
        columns.iter().filter(|c| c.histogram(step).is_none()).filter_map(|c| c.float(step));
    match (floats.next(), floats.next()) {
        (Some(value), None) => value,
        _ => f64::NAN,
    }
}
