use super::parse;
use crate::logql::format;
use proptest::prelude::*;

/// The query in its one form.
fn check(text: &str, expected: &str) {
    assert_eq!(format(text).map_err(|error| error.to_string()).as_deref(), Ok(expected), "{text}");
    assert_eq!(format(expected).as_deref().ok(), Some(expected), "again: {expected}");
}

fn refused(text: &str, place: (u64, u64), part: &str) {
    let error = parse(text).expect_err(text);
    let position = error.position().map(|position| (position.line, position.column));
    assert_eq!(position, Some(place), "{text}: {error}");
    assert!(error.to_string().contains(part), "{text}: {error}");
}

#[test]
fn log_queries_are_read() {
    check(r#"{ app = "a", env=~`x|y` , z!="1",} "#, r#"{app="a", env=~"x|y", z!="1"}"#);
    check(
        r#"{a="b"}|="x" or "y" !~ `\d` |= ip("10.0.0.0/8")"#,
        r#"{a="b"} |= "x" or "y" !~ `\d` |= ip("10.0.0.0/8")"#,
    );
    check(r#"({a="b"} |> "<_> x")"#, r#"{a="b"} |> "<_> x""#);
    check(
        r#"{a="b"} | json | json x="y.z[0]", w | logfmt --strict --keep-empty | logfmt p="q""#,
        r#"{a="b"} | json | json x="y.z[0]", w="w" | logfmt --strict --keep-empty | logfmt p="q""#,
    );
    check(
        r#"{a="b"} | regexp "(?P<n>x)" | pattern "<x> y" | unpack | decolorize"#,
        r#"{a="b"} | regexp "(?P<n>x)" | pattern "<x> y" | unpack | decolorize"#,
    );
    check(
        r#"{a="b"} | x="1" and y>2 or z<=5ms, w!=1KB q=ip("::1")"#,
        r#"{a="b"} | ( ( x="1" , y>2 ) or ( ( z<=5ms , w!=1000B ) , q=ip("::1") ) )"#,
    );
    check(
        r#"{a="b"} | json="x" | line_format "{{.a}}" | label_format x=y, z="{{.q}}" | drop a, b="c" | keep d"#,
        r#"{a="b"} | json="x" | line_format "{{.a}}" | label_format x=y, z="{{.q}}" | drop a, b="c" | keep d"#,
    );
    check("{a=\"b\"} # comment\n |= \"x\"", r#"{a="b"} |= "x""#);
}

#[test]
fn metric_queries_are_read() {
    check(r#"rate({a="b"}[5m])"#, r#"rate({a="b"} [5m])"#);
    check(
        r#"count_over_time({a="b"}[1h30m] |= "x")"#,
        r#"count_over_time({a="b"} |= "x" [1h30m])"#,
    );
    check(r#"rate(({a="b"} |= "x")[90s] offset 1m)"#, r#"rate({a="b"} |= "x" [1m30s] offset 1m)"#);
    check(
        r#"quantile_over_time(0.99, {a="b"} | json | unwrap duration(d) | __error__="" [5m]) by (x)"#,
        r#"quantile_over_time(0.99, {a="b"} | json | unwrap duration(d) | __error__="" [5m]) by (x)"#,
    );
    check(
        r#"sum by (x) (rate({a="b"}[1m])) / on (x) group_left (y) sum(rate({a="b"}[1m])) without (z)"#,
        r#"sum by (x) (rate({a="b"} [1m])) / on (x) group_left (y) sum without (z) (rate({a="b"} [1m]))"#,
    );
    check(
        r#"topk(3, count_over_time({a="b"}[1m])) > bool 5"#,
        r#"topk(3, count_over_time({a="b"} [1m])) > bool 5"#,
    );
    check("1 + 2 * 3 ^ 2 ^ 2", "1 + 2 * 3 ^ 2 ^ 2");
    check("vector(1)+vector(-1)", "vector(1) + vector(-1)");
    check(
        r#"label_replace(rate({a="b"}[1m]), "x", "$1", "y", "(.*)")"#,
        r#"label_replace(rate({a="b"} [1m]), "x", "$1", "y", "(.*)")"#,
    );
    check(
        r#"sort_desc(sum(bytes_over_time({a="b"}[1d])))"#,
        r#"sort_desc(sum(bytes_over_time({a="b"} [24h])))"#,
    );
    check(
        r#"(rate({a="b"}[1m]) or vector(0)) unless sum(rate({a="c"}[1m]))"#,
        r#"(rate({a="b"} [1m]) or vector(0)) unless sum(rate({a="c"} [1m]))"#,
    );
}

#[test]
fn mistakes_are_placed() {
    refused("", (1, 1), "unexpected $end");
    refused("{a=}", (1, 4), "unexpected }, expecting STRING");
    refused("{a=\"b\"", (1, 7), "unexpected $end");
    refused("{a=\"b\"}\n|= 5", (2, 4), "unexpected NUMBER, expecting STRING");
    refused("{}", (1, 1), "at least one regexp or equality matcher");
    refused("{a=~\".*\"}", (1, 1), "at least one regexp or equality matcher");
    refused("{a=~\"(\"}", (1, 5), "missing closing )");
    refused("{a=\"b\"} | foo bar", (1, 15), "expecting = or !=");
    refused("rate({a=\"b\"})", (1, 13), "expecting RANGE");
    refused("rate({a=\"b\"}[x])", (1, 13), "not a valid duration");
    refused("sum_over_time({a=\"b\"}[1m])", (1, 1), "without unwrap");
    refused("bytes_rate({a=\"b\"} | unwrap x [1m])", (1, 1), "with unwrap");
    refused("rate({a=\"b\"}[1m]) by (x)", (1, 1), "grouping not allowed");
    refused("topk(0, rate({a=\"b\"}[1m]))", (1, 6), "must be greater than 0");
    refused("{a=\"b\"} | unwrap x", (1, 11), "unwrap stands only");
    refused("{a=\"b\"} | line_format \"{{.x\"", (1, 23), "invalid template");
    refused("{a=\"b\"} | label_format x=y, x=z", (1, 29), "multiple label name");
    refused("1 and rate({a=\"b\"}[1m])", (1, 3), "unexpected literal");
    refused("foo(1)", (1, 1), "unexpected IDENTIFIER");
    refused("{a=\"b\"} |= \"ä\" ;", (1, 16), "unexpected ;");
    refused(&"(".repeat(500), (1, 65), "nests deeper");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "([{}()\\[\\]|=~!,.<> \"`a-c0-9]|rate|sum|by|json|unwrap|offset|\\[5m\\]|\\PC){0,40}") {
        if let Ok(query) = parse(&text) {
            // What is read can be written and read again.
            let written = query.to_string();
            let again = parse(&written).map(|query| query.to_string());
            prop_assert_eq!(again.ok(), Some(written));
        }
    }
}
