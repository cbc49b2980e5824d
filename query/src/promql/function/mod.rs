//! The functions of the language, one file per family. A call finds its family here.

mod absent;
mod changes;
mod date;
mod edge;
mod edge_rate;
mod exponential;
mod histogram;
pub mod info;
mod instant_rate;
mod label;
mod math;
mod over_time;
mod range;
mod rate;
mod reference;
mod regression;
mod scalar;
mod sort;
mod timestamp;

pub use edge::{interpolated, interpolated_histogram, picked};
pub use over_time::{add_lost, mean_of, quantile_of};
pub use rate::began_anew;

use super::ast::{Call, Expr, Kind};
use super::error::Failure;
use super::eval::{Evaluated, Evaluator, Grid};
use super::series::Column;

/// Evaluates a call.
pub fn call(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Evaluated, Failure> {
    let name = node.function.name;
    if let Some(values) = scalar::call(evaluator, node, grid)? {
        return Ok(Evaluated::Scalar(values));
    }
    if let Some(function) = range::find(name) {
        let columns = range::call(evaluator, node, function, grid)?;
        return Ok(Evaluated::Vector(columns));
    }
    let columns = match name {
        "absent" => absent::absent(evaluator, node, grid)?,
        "absent_over_time" => absent::absent_over_time(evaluator, node, grid)?,
        "info" => info::info(evaluator, node, grid)?,
        "label_join" => label::label_join(evaluator, node, grid)?,
        "label_replace" => label::label_replace(evaluator, node, grid)?,
        "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
            sort::sort(evaluator, node, grid)?
        }
        "timestamp" | "start_timestamp" => timestamp::timestamp(evaluator, node, grid)?,
        "vector" => {
            let floats = evaluator.scalar(arg(node, 0)?, grid)?;
            vec![Column { floats, ..Column::default() }]
        }
        "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
            histogram::over_buckets(evaluator, node, grid)?
        }
        _ if name.starts_with("histogram_") => histogram::simple(evaluator, node, grid)?,
        _ => match date::find(name) {
            Some(part) => date::call(evaluator, node, part, grid)?,
            None => math::call(evaluator, node, grid)?,
        },
    };
    Ok(Evaluated::Vector(columns))
}

fn arg(node: &Call, index: usize) -> Result<&Expr, Failure> {
    node.args.get(index).ok_or_else(|| {
        Failure::Execution(format!("{} has no argument {}", node.function.name, index + 1))
    })
}

fn text(node: &Call, index: usize) -> Result<&str, Failure> {
    match arg(node, index)?.bare() {
        Expr::Text(text) => Ok(&text.value),
        _ => Err(Failure::execution("expected a string literal")),
    }
}

/// The instant vector among the arguments, if there is one.
fn vector_arg(node: &Call) -> Option<&Expr> {
    node.args.iter().find(|arg| arg.kind() == Kind::Vector)
}
