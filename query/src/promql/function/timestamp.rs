//! `timestamp`: of a selector the time of the sample, of anything else the moment itself; and `start_timestamp`: when the
//! counter of a sample began, 0 when that is not known.

use super::super::ast::{Call, Edges, Expr};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid, Lookup};
use super::super::series::Column;
use super::arg;

pub fn timestamp(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let of_start = node.function.name == "start_timestamp";
    let mut columns = Vec::new();
    match arg(node, 0)?.bare() {
        Expr::Vector(selector) if selector.edges == Edges::Plain => {
            for samples in evaluator.fetched(selector).iter() {
                let mut column = Column::empty(samples.labels.clone(), false, grid.count());
                let mut lookup = Lookup::new(samples, evaluator.lookback);
                for step in 0..grid.count() {
                    let moment = selector.shift.apply(grid.time(step));
                    if let Some((time, found)) = lookup.at(moment) {
                        let start = if of_start { lookup.start(found) } else { time };
                        column.floats[step] = seconds(start);
                    }
                }
                columns.push(column);
            }
        }
        other => {
            for mut column in evaluator.vector(other, grid)? {
                for step in 0..grid.count() {
                    if column.has(step) {
                        column.clear(step);
                        let start = if of_start { 0 } else { grid.time(step) };
                        column.floats[step] = seconds(start);
                    }
                }
                column.histograms = None;
                columns.push(column);
            }
        }
    }
    columns.retain(Column::has_any);
    evaluator.nameless(columns)
}
