//! What texts are read as, and what is wrong with others.

use super::*;
use crate::logs::ast::{Place, SeverityTest};
use proptest::prelude::*;

fn word(text: &str) -> Query {
    Query::Text(TextMatch::of(text, false))
}

fn field(key: &str, test: Test) -> Query {
    Query::Field(Place::Any(key.to_owned()), test)
}

fn equals(value: &str) -> Test {
    Test::Equals(Literal::bare(value))
}

fn included(value: &str) -> Bound {
    Bound::Included(Literal::bare(value))
}

#[test]
fn words_and_operators() {
    let not = |query| Query::Not(Box::new(query));
    let cases = [
        ("", Query::And(vec![])),
        (" * ", Query::And(vec![])),
        ("a", word("a")),
        ("a b", Query::And(vec![word("a"), word("b")])),
        ("a AND b", Query::And(vec![word("a"), word("b")])),
        ("a OR b c", Query::Or(vec![word("a"), Query::And(vec![word("b"), word("c")])])),
        ("(a OR b) c", Query::And(vec![Query::Or(vec![word("a"), word("b")]), word("c")])),
        ("-a", not(word("a"))),
        ("NOT a b", Query::And(vec![not(word("a")), word("b")])),
        ("NOT NOT a", word("a")),
        ("a-b", word("a-b")),
        ("ANDROID", word("ANDROID")),
        ("\"a \\\" b\"", word("a \" b")),
        ("conn*", Query::Text(TextMatch::of("conn", true))),
        ("12:30", word("12:30")),
        ("http://x/y", word("http://x/y")),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn field_tests() {
    let glob = |parts: &[&str]| Test::Glob(parts.iter().map(|p| (*p).to_owned()).collect());
    let range = |low, high| Test::Between(low, high);
    let excluded = |value| Bound::Excluded(Literal::bare(value));
    let cases = [
        ("k:v", field("k", equals("v"))),
        ("k:\"v w\"", field("k", Test::Equals(Literal::quoted("v w".into())))),
        ("\"a b\":v", field("a b", equals("v"))),
        ("k:*", field("k", Test::Exists)),
        ("k:a*b", field("k", glob(&["a", "b"]))),
        ("k:>=500", field("k", range(included("500"), Bound::Open))),
        ("k:< -1", field("k", range(Bound::Open, excluded("-1")))),
        ("k:200..299", field("k", range(included("200"), included("299")))),
        ("k:200..", field("k", range(included("200"), Bound::Open))),
        ("k:../x", field("k", equals("../x"))),
        ("k:[1 TO 2}", field("k", range(included("1"), excluded("2")))),
        (
            "k:[* TO \"b\"]",
            field("k", range(Bound::Open, Bound::Included(Literal::quoted("b".into())))),
        ),
        ("k:(a OR -1)", Query::Or(vec![field("k", equals("a")), field("k", equals("-1"))])),
        ("k:a:b", field("k", equals("a:b"))),
        ("service:x", Query::Field(Place::Service, equals("x"))),
        ("resource.k:x", Query::Field(Place::Resource("k".into()), equals("x"))),
        ("attributes.service:x", Query::Field(Place::Attribute("service".into()), equals("x"))),
        ("body:\"a b\"", word("a b")),
        ("severity:>=warn", Query::Severity(SeverityTest::Between(13, i32::MAX))),
        ("severity:error", Query::Severity(SeverityTest::Between(17, 20))),
        ("severity:warn..error", Query::Severity(SeverityTest::Between(13, 20))),
        ("severity:9", Query::Severity(SeverityTest::Between(9, 9))),
        ("severity:Notice", Query::Severity(SeverityTest::Named("Notice".into()))),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn errors_say_where() {
    let cases = [
        ("a )", 1, 3),
        ("(a", 1, 1),
        ("a\nb OR", 2, 5),
        ("ä \"b", 1, 3),
        ("k: v", 1, 3),
        ("k:[1 2]", 1, 6),
        ("k:[1 TO 2", 1, 3),
        ("a*b", 1, 1),
        ("trace_id:xyz", 1, 10),
        ("severity:>=loud", 1, 10),
        ("AND a", 1, 1),
        ("a AND AND b", 1, 7),
    ];
    for (text, line, column) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error.position(), Some(Position { line, column }), "{text}: {error}");
        assert!(error.hint().is_some(), "{text}");
    }
}

#[test]
fn absurd_queries_are_refused_not_fatal() {
    for text in ["(".repeat(10_000), "k:(".repeat(5_000), "a ".repeat(5_000), "x".repeat(1 << 20)] {
        assert!(parse(&text).is_err());
    }
    assert!(parse(&format!("{}a", "-".repeat(10_000))).is_ok());
    assert!(parse(&format!("{} a", "NOT ".repeat(4_000))).is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ a-c()\"\\\\:*.\\[\\]{}<>=ä-]{0,30}|(AND|OR|NOT|TO|k:|severity:|trace_id:|[ ()\"\\[*a1]){0,12}") {
        let _ = parse(&text);
    }
}
