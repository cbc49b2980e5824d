//! `fields`: chosen fields of the newest records, as a table.

use super::{LogTable, Named, TableCell, TableKind, Work};
use crate::Error;
use crate::logs::ast::Place;
use crate::logs::field::{Key, TIME};
use crate::logs::severity::class_name;
use crate::logs::{LOG_LIMIT_MAX, LogRecord, newest};
use crate::value::{AnyValue, Attributes};

/// One page of records; `most` is what the pipe limits it to.
pub(super) async fn table(
    work: Work,
    fields: &[Named],
    most: Option<usize>,
) -> Result<LogTable, Error> {
    let limit = rows(work.request.limit, most)?;
    let (records, cursor) = newest(work, limit).await?;
    let columns = fields.iter().map(|field| match is_time(field) {
        true => (field.name.as_str(), TableKind::Time),
        false => (field.name.as_str(), TableKind::Any),
    });
    let row = |record: &LogRecord| fields.iter().map(|field| cell(record, field)).collect();
    let rows = records.iter().map(row).collect();
    let mut table = LogTable::new(columns.collect(), rows);
    table.truncated = cursor.is_some() && most.is_none_or(|most| most > limit);
    table.cursor = cursor.filter(|_| table.truncated);
    Ok(table)
}

/// The rows of a page: what is asked for, within what the pipe limits it to.
fn rows(asked: Option<usize>, most: Option<usize>) -> Result<usize, Error> {
    let most_rows = most.map(|most| most.min(LOG_LIMIT_MAX));
    let limit = super::super::limit(asked.or(most_rows))?;
    Ok(most_rows.map_or(limit, |most| most.min(limit)))
}

/// `time` is the record's time here, not an attribute.
fn is_time(field: &Named) -> bool {
    field.name == TIME
}

fn cell(record: &LogRecord, field: &Named) -> TableCell {
    if is_time(field) {
        return TableCell::Time(record.time.0);
    }
    let text = |text: &str| match text.is_empty() {
        true => AnyValue::Empty,
        false => AnyValue::String(text.to_owned()),
    };
    TableCell::Value(match &field.key {
        Key::Severity => {
            let name = class_name(record.severity_number, Some(&record.severity_text));
            name.map_or(AnyValue::Empty, AnyValue::String)
        }
        Key::TraceId => record.trace_id.map_or(AnyValue::Empty, |id| text(&id.to_string())),
        Key::SpanId => record.span_id.map_or(AnyValue::Empty, |id| text(&id.to_string())),
        Key::In(place) => match place {
            Place::Service => text(&record.service),
            Place::Body => record.body.clone().unwrap_or(AnyValue::Empty),
            Place::EventName => text(&record.event_name),
            Place::Scope => text(&record.scope.name),
            Place::Resource(key) => first(&record.resource.attributes, key),
            Place::Attribute(key) => first(&record.attributes, key),
            Place::Any(key) => match first(&record.attributes, key) {
                AnyValue::Empty => first(&record.resource.attributes, key),
                value => value,
            },
        },
    })
}

fn first(attributes: &Attributes, key: &str) -> AnyValue {
    let found = attributes.iter().find(|(name, _)| name == key);
    found.map_or(AnyValue::Empty, |(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_the_pipe_asks_for_as_many_rows() {
        let cases = [
            (None, None, 100),
            (None, Some(7), 7),
            (None, Some(2_000), 2_000),
            (None, Some(20_000), LOG_LIMIT_MAX),
            (Some(50), Some(2_000), 50),
            (Some(50), Some(7), 7),
        ];
        for (asked, most, expected) in cases {
            assert_eq!(rows(asked, most).unwrap(), expected, "{asked:?} {most:?}");
        }
        assert!(rows(Some(0), Some(7)).is_err());
    }
}
