//! Parts of dates, of values taken as Unix seconds in UTC.

use super::super::ast::Call;
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::series::Column;
use super::super::time::{Civil, civil, days_in_month};
use super::{arg, math};

pub fn find(name: &str) -> Option<fn(Civil) -> f64> {
    Some(match name {
        "days_in_month" => |date| f64::from(days_in_month(date.year, date.month)),
        "day_of_month" => |date| f64::from(date.day),
        "day_of_week" => |date| f64::from(date.weekday),
        "day_of_year" => |date| f64::from(date.year_day),
        "hour" => |date| f64::from(date.hour),
        "minute" => |date| f64::from(date.minute),
        "month" => |date| f64::from(date.month),
        "year" => |date| date.year as f64,
        _ => return None,
    })
}

/// Without an argument, of the moment itself.
pub fn call(
    evaluator: &mut Evaluator,
    node: &Call,
    part: fn(Civil) -> f64,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    if node.args.is_empty() {
        let moments = (0..grid.count()).map(|step| part(civil(grid.time(step) / 1000)));
        return Ok(vec![Column { floats: moments.collect(), ..Column::default() }]);
    }
    let columns = evaluator.vector(arg(node, 0)?, grid)?;
    map_dates(evaluator, columns, part)
}

fn map_dates(
    evaluator: &Evaluator,
    columns: Vec<Column>,
    part: fn(Civil) -> f64,
) -> Result<Vec<Column>, Failure> {
    math::map(evaluator, columns, |_, value| part(civil(seconds(value))))
}

/// Whole seconds; what fits into no integer is the least one, as on the processors Prometheus mostly runs on.
fn seconds(value: f64) -> i64 {
    let limit = i64::MIN as f64;
    if value >= limit && value < -limit { value as i64 } else { i64::MIN }
}
