//! Pages that cannot hold a span the query needs.

use super::ast::{AttributeScope, Comparison, Field, Intrinsic, Literal};
use super::condition::Condition;
use super::scan::Search;
use crate::QueryStats;
use crate::rows::{PageTest, pages_that_may_hold};
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;

/// A column and what a needed span has there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prune {
    column: &'static str,
    test: PageTest,
}

/// What every needed span fulfils.
pub(super) fn prunes(search: &Search, conditions: Option<&[&Condition]>) -> Vec<Prune> {
    let times = PageTest::Within(search.from, search.to);
    let mut prunes = vec![Prune { column: "start_time", test: times }];
    if let Some([condition]) = conditions {
        add(condition, &search.plan.slots.fields, &mut prunes);
    }
    prunes
}

fn add(condition: &Condition, fields: &[Field], prunes: &mut Vec<Prune>) {
    match condition {
        Condition::And(left, right) => {
            add(left, fields, prunes);
            add(right, fields, prunes);
        }
        Condition::Compare { op, left, right, .. } => {
            if let (Condition::Field(slot), Condition::Literal(literal)) = (&**left, &**right) {
                prunes.extend(prune(&fields[*slot], *op, literal));
            }
        }
        _ => {}
    }
}

fn prune(field: &Field, op: Comparison, literal: &Literal) -> Option<Prune> {
    let column = match field {
        Field::Intrinsic(Intrinsic::Name) => "name",
        Field::Intrinsic(Intrinsic::Duration) => "duration",
        Field::Attribute { scope: AttributeScope::Resource, of_parent: false, name }
            if name == "service.name" =>
        {
            "service"
        }
        _ => return None,
    };
    let test = match (literal, op) {
        (Literal::String(text), Comparison::Equal) => PageTest::Equals(text.clone()),
        (Literal::Duration(number) | Literal::Int(number), op) => match op {
            Comparison::Equal => PageTest::Within(*number, *number),
            Comparison::Greater | Comparison::GreaterOrEqual => PageTest::Within(*number, i64::MAX),
            Comparison::Less | Comparison::LessOrEqual => PageTest::Within(i64::MIN, *number),
            _ => return None,
        },
        _ => return None,
    };
    let fits = matches!((column, &test), ("duration", PageTest::Within(..)))
        || matches!((column, &test), ("name" | "service", PageTest::Equals(_)));
    fits.then_some(Prune { column, test })
}

/// The rows of every page of a file that may hold such a span, page by page.
pub(super) fn pages(
    metadata: &ParquetMetaData,
    prunes: &[Prune],
    stats: &QueryStats,
) -> Vec<Range<u32>> {
    let mut kept: Option<Vec<Range<u32>>> = None;
    for prune in prunes {
        let (may, pruned) = pages_that_may_hold(metadata, prune.column, &prune.test);
        stats.add_pruned(0, pruned as u64);
        kept = Some(match kept {
            None => may,
            Some(kept) => overlap(&kept, &may),
        });
    }
    kept.unwrap_or_default()
}

/// What lies in both; each ascending and apart.
fn overlap(a: &[Range<u32>], b: &[Range<u32>]) -> Vec<Range<u32>> {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
        let (start, end) = (left.start.max(right.start), left.end.min(right.end));
        if start < end {
            both.push(start..end);
        }
        if left.end <= right.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_keep_what_is_in_both() {
        assert_eq!(overlap(&[0..4, 6..9], &[2..7, 8..20]), [2..4, 6..7, 8..9]);
        assert_eq!(overlap(&[0..4, 7..9], &[4..7, 9..10]), []);
    }
}
