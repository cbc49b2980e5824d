//! Pages that cannot hold a span the query needs.

use super::ast::{AttributeScope, Comparison, Field, Intrinsic, Literal};
use super::condition::Condition;
use super::scan::Search;
use crate::rows::{PageTest, pages_that_may_hold, rows_with_text};
use crate::{Error, QueryStats};
use binnacle_storage::batch::AttributeType;
use binnacle_storage::segment::{AttributeKeys, Segment, attribute_column_name};
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;

/// A column and what a needed span has there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prune {
    column: String,
    /// The key, where it is the column of a span's attribute.
    attribute: Option<String>,
    test: PageTest,
}

/// What every needed span of a file fulfils; `None` when no span of it can be needed, since it has no such attribute.
pub(super) fn prunes(search: &Search, keys: &AttributeKeys) -> Option<Vec<Prune>> {
    let times = PageTest::Within(search.from, search.to);
    let mut prunes = vec![Prune { column: "start_time".to_owned(), attribute: None, test: times }];
    if let Some([condition]) = search.plan.first_conditions() {
        add(condition, &search.plan.slots.fields, keys, &mut prunes)?;
    }
    Some(prunes)
}

fn add(
    condition: &Condition,
    fields: &[Field],
    keys: &AttributeKeys,
    prunes: &mut Vec<Prune>,
) -> Option<()> {
    match condition {
        Condition::And(left, right) => {
            add(left, fields, keys, prunes)?;
            add(right, fields, keys, prunes)?;
        }
        Condition::Compare { op, left, right, .. } => {
            if let (Condition::Field(slot), Condition::Literal(literal)) = (&**left, &**right) {
                let field = &fields[*slot];
                if *literal != Literal::Nil && is_absent(field, keys) {
                    return None;
                }
                prunes.extend(prune(field, *op, literal, keys));
            }
        }
        _ => {}
    }
    Some(())
}

/// Whether no span of the file has the attribute.
fn is_absent(field: &Field, keys: &AttributeKeys) -> bool {
    match field {
        Field::Attribute { scope: AttributeScope::Span, of_parent: false, name } => {
            !keys.columns.contains_key(name) && !keys.may_be_in_rest(name)
        }
        _ => false,
    }
}

fn prune(field: &Field, op: Comparison, literal: &Literal, keys: &AttributeKeys) -> Option<Prune> {
    let mut attribute = None;
    let (column, is_number) = match field {
        Field::Intrinsic(Intrinsic::Name) => ("name".to_owned(), false),
        Field::Intrinsic(Intrinsic::Duration) => ("duration".to_owned(), true),
        Field::Attribute { scope: AttributeScope::Resource, of_parent: false, name }
            if name == "service.name" =>
        {
            ("service".to_owned(), false)
        }
        Field::Attribute { scope: AttributeScope::Span, of_parent: false, name }
            if !keys.may_be_in_rest(name) =>
        {
            let is_number = match keys.columns.get(name)? {
                AttributeType::Int => true,
                AttributeType::String => false,
                _ => return None,
            };
            attribute = Some(name.clone());
            (attribute_column_name(name), is_number)
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
    let fits = matches!(test, PageTest::Within(..)) == is_number;
    fits.then_some(Prune { column, attribute, test })
}

/// The rows of every page of a file that may hold such a span, page by page.
pub(super) fn pages(
    metadata: &ParquetMetaData,
    prunes: &[Prune],
    stats: &QueryStats,
) -> Vec<Range<u32>> {
    let mut kept: Option<Vec<Range<u32>>> = None;
    for prune in prunes {
        let (may, pruned) = pages_that_may_hold(metadata, &prune.column, &prune.test);
        stats.add_pruned(0, pruned as u64);
        kept = Some(match kept {
            None => may,
            Some(kept) => overlap(&kept, &may),
        });
    }
    kept.unwrap_or_default()
}

/// The rows of `kept` that the segment's value filters leave open.
pub(super) async fn unfiltered(
    segment: &Segment,
    prunes: &[Prune],
    mut kept: Vec<Range<u32>>,
) -> Result<Vec<Range<u32>>, Error> {
    for prune in prunes {
        if let (Some(key), PageTest::Equals(text)) = (&prune.attribute, &prune.test)
            && let Some(may) = segment.rows_with_value(key, text).await?
        {
            kept = overlap(&kept, &may);
            kept = rows_with_text(segment, &prune.column, text.as_bytes(), kept).await?;
        }
    }
    Ok(kept)
}

/// Whether every row of a file names its service.
pub(super) fn all_have_services(metadata: &ParquetMetaData) -> bool {
    pages_that_may_hold(metadata, "service", &PageTest::Equals(String::new())).0.is_empty()
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
