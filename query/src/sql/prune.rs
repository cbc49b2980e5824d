//! What filters say about time and trace ids, so that whole segments can be left closed.

use binnacle_storage::model::{TimeRange, Timestamp, TraceId};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// More trace ids than this are not looked up one by one.
const TRACE_IDS_MAX: usize = 64;

/// The range outside of which no row can pass `filters`; `None` when no row at all can.
pub(super) fn time_range(filters: &[Expr], column: &str) -> Option<TimeRange> {
    let mut bounds = Bounds { start: i64::MIN, end: i64::MAX };
    filters.iter().for_each(|filter| bounds.narrow(filter, column));
    TimeRange::new(Timestamp(bounds.start), Timestamp(bounds.end))
}

/// Half-open; `end == i64::MAX` is no bound.
struct Bounds {
    start: i64,
    end: i64,
}

impl Bounds {
    fn narrow(&mut self, filter: &Expr, column: &str) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left, column);
                self.narrow(right, column);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (true, Some(nanos)) = (is_column(left, column), nanos(right)) {
                    self.compare(*op, nanos);
                } else if let (Some(nanos), true) = (nanos(left), is_column(right, column))
                    && let Some(swapped) = op.swap()
                {
                    self.compare(swapped, nanos);
                }
            }
            Expr::Between(between) if !between.negated && is_column(&between.expr, column) => {
                if let Some(low) = nanos(&between.low) {
                    self.compare(Operator::GtEq, low);
                }
                if let Some(high) = nanos(&between.high) {
                    self.compare(Operator::LtEq, high);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, op: Operator, nanos: i64) {
        let after = nanos.saturating_add(1);
        match op {
            Operator::Gt => self.start = self.start.max(after),
            Operator::GtEq => self.start = self.start.max(nanos),
            Operator::Lt => self.end = self.end.min(nanos),
            Operator::LtEq => self.end = self.end.min(after),
            Operator::Eq => {
                self.start = self.start.max(nanos);
                self.end = self.end.min(after);
            }
            _ => {}
        }
    }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn nanos(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(nanos, _), _) => *nanos,
        _ => None,
    }
}

/// The trace ids one of which every passing row has; `None` when the filters do not say.
pub(super) fn trace_ids(filters: &[Expr]) -> Option<Vec<TraceId>> {
    let mut ids = filters.iter().find_map(ids_of)?;
    ids.sort_unstable();
    ids.dedup();
    (ids.len() <= TRACE_IDS_MAX).then_some(ids)
}

fn ids_of(filter: &Expr) -> Option<Vec<TraceId>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            ids_of(left).or_else(|| ids_of(right))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut ids = ids_of(left)?;
            ids.extend(ids_of(right)?);
            Some(ids)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (is_column(left, "trace_id"), is_column(right, "trace_id")) {
                (true, false) => trace_id(right).map(|id| vec![id]),
                (false, true) => trace_id(left).map(|id| vec![id]),
                _ => None,
            }
        }
        Expr::InList(list) if !list.negated && is_column(&list.expr, "trace_id") => {
            list.list.iter().map(trace_id).collect()
        }
        _ => None,
    }
}

fn trace_id(expr: &Expr) -> Option<TraceId> {
    match expr {
        Expr::Literal(ScalarValue::FixedSizeBinary(16, Some(bytes)), _) => {
            Some(TraceId(bytes.as_slice().try_into().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::col;

    fn time(nanos: i64) -> Expr {
        let utc = Some("UTC".into());
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(nanos), utc), None)
    }

    fn id(byte: u8) -> Expr {
        Expr::Literal(ScalarValue::FixedSizeBinary(16, Some(vec![byte; 16])), None)
    }

    #[test]
    fn comparisons_with_time_narrow_the_range() {
        let range = |filter: Expr| {
            time_range(&[filter], "time").map(|range| (range.start().0, range.end().0))
        };
        assert_eq!(range(col("time").gt(time(5)).and(time(9).gt_eq(col("time")))), Some((6, 10)));
        assert_eq!(range(col("time").between(time(5), time(6))), Some((5, 7)));
        assert_eq!(range(col("time").eq(time(5))), Some((5, 6)));
        assert_eq!(range(col("time").lt(time(5)).or(col("a"))), Some((i64::MIN, i64::MAX)));
        assert_eq!(range(col("other").lt(time(5))), Some((i64::MIN, i64::MAX)));
        assert_eq!(range(col("time").lt(time(5)).and(col("time").gt(time(5)))), None);
        assert_eq!(range(col("time").lt_eq(time(i64::MAX))), Some((i64::MIN, i64::MAX)));
    }

    #[test]
    fn trace_ids_are_found_where_every_row_must_have_one() {
        let trace = || col("trace_id");
        let count = |filter: Expr| trace_ids(&[filter]).map(|ids| ids.len());
        assert_eq!(count(trace().eq(id(1))), Some(1));
        assert_eq!(count(id(1).eq(trace()).and(col("a"))), Some(1));
        assert_eq!(count(trace().eq(id(1)).or(trace().eq(id(2)))), Some(2));
        assert_eq!(count(trace().eq(id(1)).or(col("a"))), None);
        assert_eq!(count(trace().in_list(vec![id(1), id(2), id(2)], false)), Some(2));
        assert_eq!(count(trace().in_list(vec![id(1)], true)), None);
    }
}
