//! Field tests: what `key:` means for each key.

use super::ast::{Bound, Literal, Number, Place, Query, SeverityTest, Test};
use super::severity::class_of;
use super::text::TextMatch;
use std::str::FromStr;

/// What stands before the colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Severity,
    TraceId,
    SpanId,
    In(Place),
}

/// The name of a record's time, which is no key: there are as many values as records.
pub(crate) const TIME: &str = "time";
pub(crate) const NO_TIME: &str = "`time` is no key to count by";
pub(crate) const NO_TIME_HINT: &str =
    "count over time as | count per 1h; an attribute of that name is attributes.time";

/// The key a name stands for.
pub(crate) fn key_of(name: &str) -> Key {
    match name {
        "service" => Key::In(Place::Service),
        "severity" => Key::Severity,
        "trace_id" => Key::TraceId,
        "span_id" => Key::SpanId,
        "body" => Key::In(Place::Body),
        "event_name" => Key::In(Place::EventName),
        "scope" => Key::In(Place::Scope),
        _ => match (name.strip_prefix("resource."), name.strip_prefix("attributes.")) {
            (Some(key), _) => Key::In(Place::Resource(key.to_owned())),
            (_, Some(key)) => Key::In(Place::Attribute(key.to_owned())),
            _ => Key::In(Place::Any(name.to_owned())),
        },
    }
}

impl Key {
    /// The query that reads all columns which the key looks at.
    pub(super) fn exists(&self) -> Query {
        match self {
            Key::Severity => Query::Severity(SeverityTest::Exists),
            Key::TraceId => Query::TraceId(None),
            Key::SpanId => Query::SpanId(None),
            Key::In(place) => Query::Field(place.clone(), Test::Exists),
        }
    }
}

/// The query that `key:test` stands for, or what is wrong with it and what to write instead.
pub(super) fn field_query(key: &Key, test: Test) -> Result<Query, (String, String)> {
    match (key, test) {
        (Key::Severity, test) => severity_query(test),
        (Key::TraceId, test) => id_query(test, "trace_id", 32).map(Query::TraceId),
        (Key::SpanId, test) => id_query(test, "span_id", 16).map(Query::SpanId),
        (Key::In(Place::Body), Test::Equals(literal)) => {
            Ok(Query::Text(TextMatch::of(&literal.text, false)))
        }
        (Key::In(place), test) => Ok(Query::Field(place.clone(), test)),
    }
}

fn id_query<Id: FromStr>(
    test: Test,
    key: &str,
    digits: usize,
) -> Result<Option<Id>, (String, String)> {
    let id = match &test {
        Test::Exists => return Ok(None),
        Test::Equals(literal) => literal.text.parse().ok(),
        Test::Glob(_) | Test::Between(..) => None,
    };
    let wrong = || {
        let message = format!("{key} takes one id of {digits} hex digits");
        (message, format!("write {key}: and the whole id, or {key}:* for any"))
    };
    id.map(Some).ok_or_else(wrong)
}

fn severity_query(test: Test) -> Result<Query, (String, String)> {
    let test = match test {
        Test::Exists => SeverityTest::Exists,
        Test::Equals(literal) => match severity_class(&literal) {
            Some((low, high)) => SeverityTest::Between(low, high),
            None => SeverityTest::Named(literal.text),
        },
        Test::Between(low, high) => {
            let low = match low {
                Bound::Open => 1,
                Bound::Included(literal) => known_class(&literal)?.0,
                Bound::Excluded(literal) => known_class(&literal)?.1.saturating_add(1),
            };
            let high = match high {
                // Numbers past the last name are kept as they were sent.
                Bound::Open => i32::MAX,
                Bound::Included(literal) => known_class(&literal)?.1,
                Bound::Excluded(literal) => known_class(&literal)?.0.saturating_sub(1),
            };
            SeverityTest::Between(low, high)
        }
        Test::Glob(_) => {
            let message = "severity cannot be matched by a pattern".to_owned();
            return Err((message, SEVERITY_HINT.to_owned()));
        }
    };
    Ok(Query::Severity(test))
}

const SEVERITY_HINT: &str =
    "write severity:error, severity:>=warn, or a number from 1 to 24 such as severity:17";

fn severity_class(literal: &Literal) -> Option<(i32, i32)> {
    match literal.number {
        Some(Number::Int(number)) => {
            let number = i32::try_from(number).ok()?;
            Some((number, number))
        }
        Some(Number::Double(_)) => None,
        None => class_of(&literal.text),
    }
}

fn known_class(literal: &Literal) -> Result<(i32, i32), (String, String)> {
    severity_class(literal).ok_or_else(|| {
        let name: String = literal.text.chars().take(40).collect();
        (format!("'{name}' is not a severity"), SEVERITY_HINT.to_owned())
    })
}
