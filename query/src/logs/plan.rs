//! Planning: what must be read to answer a query, and what an index can rule out. Pure functions of the query.

use super::ast::{Place, Query, SeverityTest, Test};
use super::text::TextMatch;
use binnacle_storage::log_index::IndexQuery;
use binnacle_storage::model::TraceId;
use binnacle_storage::segment::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
use std::collections::BTreeSet;

/// Puts the cheap tests of every `And` and `Or` first: what they decide, the others need not look at.
pub(super) fn cheap_first(query: Query) -> Query {
    let sorted = |parts: Vec<Query>| {
        let mut parts: Vec<Query> = parts.into_iter().map(cheap_first).collect();
        parts.sort_by_key(cost);
        parts
    };
    match query {
        Query::And(parts) => Query::And(sorted(parts)),
        Query::Or(parts) => Query::Or(sorted(parts)),
        Query::Not(inner) => Query::Not(Box::new(cheap_first(*inner))),
        leaf => leaf,
    }
}

fn cost(query: &Query) -> u32 {
    match query {
        Query::And(parts) | Query::Or(parts) => parts.iter().map(cost).max().unwrap_or(0),
        Query::Not(inner) => cost(inner),
        Query::TraceId(_) | Query::SpanId(_) | Query::Severity(SeverityTest::Between(..)) => 1,
        Query::Severity(_) => 2,
        Query::Field(Place::Service | Place::EventName, _) => 2,
        Query::Resource(_) | Query::Field(Place::Scope | Place::Resource(_), _) => 3,
        Query::Field(Place::Attribute(_) | Place::Any(_), _) => 4,
        Query::Text(_) | Query::Field(Place::Body, _) => 5,
    }
}

/// Names of the columns that deciding the query takes, in a file whose attributes are where `keys` says.
pub(super) fn columns(query: &Query, keys: &AttributeKeys) -> Vec<String> {
    let mut names = BTreeSet::from(["time".to_owned()]);
    add_columns(query, keys, &mut names);
    names.into_iter().collect()
}

fn add_columns(query: &Query, keys: &AttributeKeys, names: &mut BTreeSet<String>) {
    let mut add = |name: &str| {
        names.insert(name.to_owned());
    };
    match query {
        Query::And(parts) | Query::Or(parts) => {
            parts.iter().for_each(|part| add_columns(part, keys, names));
        }
        Query::Not(inner) => add_columns(inner, keys, names),
        Query::Text(_) => add("body"),
        Query::Severity(_) => {
            add("severity_number");
            add("severity_text");
        }
        Query::TraceId(_) => add("trace_id"),
        Query::SpanId(_) => add("span_id"),
        Query::Resource(_) => add("resource"),
        Query::Field(place, _) => match place {
            Place::Service => add("service"),
            Place::Body => add("body"),
            Place::EventName => add("event_name"),
            Place::Scope => add("scope"),
            Place::Resource(_) => add("resource"),
            Place::Attribute(key) | Place::Any(key) => {
                if keys.columns.contains_key(key) {
                    add(&attribute_column_name(key));
                }
                if keys.may_be_in_rest(key) {
                    add(ATTRIBUTES_REST);
                }
                if matches!(place, Place::Any(_)) {
                    add("resource");
                }
            }
        },
    }
}

/// What the log index can be asked: every row that matches `query` matches this.
pub(super) fn index_query(query: &Query) -> IndexQuery {
    match query {
        Query::Text(TextMatch::Tokens { tokens, prefix }) => {
            let whole = if *prefix { &tokens[..tokens.len() - 1] } else { &tokens[..] };
            match whole.is_empty() {
                true => IndexQuery::Anything,
                false => IndexQuery::Phrase(whole.to_vec()),
            }
        }
        Query::And(parts) => {
            let mut parts: Vec<_> = parts
                .iter()
                .map(index_query)
                .filter(|part| *part != IndexQuery::Anything)
                .collect();
            match parts.len() {
                0 => IndexQuery::Anything,
                1 => parts.remove(0),
                _ => IndexQuery::And(parts),
            }
        }
        Query::Or(parts) => {
            let parts: Vec<_> = parts.iter().map(index_query).collect();
            match parts.contains(&IndexQuery::Anything) {
                true => IndexQuery::Anything,
                false => IndexQuery::Or(parts),
            }
        }
        _ => IndexQuery::Anything,
    }
}

/// A text that an attribute of every matching row must have, or, where the record may lack it, of its resource.
pub(super) struct WantedValue<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
    pub(super) or_resource: bool,
}

/// All such that the query names.
pub(super) fn wanted_values(query: &Query) -> Vec<WantedValue<'_>> {
    match query {
        Query::And(parts) => parts.iter().flat_map(wanted_values).collect(),
        Query::Field(place, Test::Equals(literal)) => {
            let (key, or_resource) = match place {
                Place::Attribute(key) => (key, false),
                Place::Any(key) => (key, true),
                _ => return Vec::new(),
            };
            vec![WantedValue { key, text: &literal.text, or_resource }]
        }
        _ => Vec::new(),
    }
}

/// The trace id that every matching row must have, if the query names one.
pub(super) fn trace_id(query: &Query) -> Option<TraceId> {
    match query {
        Query::TraceId(id) => *id,
        Query::And(parts) => parts.iter().find_map(trace_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use binnacle_storage::batch::AttributeType;

    #[test]
    fn the_index_is_asked_only_what_every_match_has() {
        let phrase =
            |words: &[&str]| IndexQuery::Phrase(words.iter().map(|w| (*w).into()).collect());
        let cases = [
            ("", IndexQuery::Anything),
            ("a", phrase(&["a"])),
            ("\"a b\" service:x", phrase(&["a", "b"])),
            ("a -b", phrase(&["a"])),
            (
                "a (b OR c)",
                IndexQuery::And(vec![
                    phrase(&["a"]),
                    IndexQuery::Or(vec![phrase(&["b"]), phrase(&["c"])]),
                ]),
            ),
            ("a OR service:x", IndexQuery::Anything),
            ("a.b.c*", phrase(&["a", "b"])),
            ("a*", IndexQuery::Anything),
        ];
        for (text, expected) in cases {
            assert_eq!(index_query(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn only_the_columns_the_query_needs_are_read() {
        let keys = AttributeKeys {
            columns: [("k".to_owned(), AttributeType::Int)].into(),
            rest: Some(["r".to_owned()].into()),
        };
        let cases: [(&str, &[&str]); 5] = [
            ("", &["time"]),
            ("a", &["body", "time"]),
            ("k:1", &["attributes.k", "resource", "time"]),
            ("attributes.r:1", &["attributes_rest", "time"]),
            ("attributes.x:1 severity:error", &["severity_number", "severity_text", "time"]),
        ];
        for (text, expected) in cases {
            assert_eq!(columns(&parse(text).unwrap(), &keys), expected, "{text}");
        }
    }

    #[test]
    fn a_trace_id_counts_only_where_every_match_must_have_it() {
        let id = "0123456789abcdef0123456789abcdef";
        let of = |text: String| trace_id(&parse(&text).unwrap());
        assert!(of(format!("a trace_id:{id}")).is_some());
        assert!(of(format!("a OR trace_id:{id}")).is_none());
        assert!(of(format!("-trace_id:{id}")).is_none());
    }
}
