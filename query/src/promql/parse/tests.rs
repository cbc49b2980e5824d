use super::super::print;
use super::*;

const ALL: Features = Features { experimental: true };

/// Parses `text` and writes it again in the canonical form.
fn check(text: &str, expected: &str) {
    let expr = parse(text, ALL).unwrap_or_else(|error| panic!("{text}: {}", error.text(text)));
    assert_eq!(print::one_line(&expr), expected, "{text}");
    // What is written parses to the same again.
    let again =
        parse(expected, ALL).unwrap_or_else(|error| panic!("{expected}: {}", error.message));
    assert_eq!(print::one_line(&again), expected);
}

#[test]
fn queries_read_and_write() {
    for (text, expected) in [
        ("1 + 2 * 3 ^ 2 ^ 2", "1 + 2 * 3 ^ 2 ^ 2"),
        ("-2^3", "-2 ^ 3"),
        ("SUM BY (a,b) (x)", "sum by (a, b) (x)"),
        ("sum(x) without(a)", "sum without (a) (x)"),
        ("topk(5, x)", "topk(5, x)"),
        ("rate(x[5m] offset 1m @ 100)", "rate(x[5m] @ 100.000 offset 1m)"),
        ("x offset -90s", "x offset -1m30s"),
        ("a and on(b) c", "a and on (b) c"),
        ("a * on(b) group_left(c) d", "a * on (b) group_left (c) d"),
        ("a > bool 1", "a > bool 1"),
        ("max_over_time(rate(x[5m])[1h:])", "max_over_time(rate(x[5m])[1h:])"),
        ("x[5m] anchored", "x[5m] anchored"),
        ("x smoothed", "x smoothed"),
        ("rate(x[5m] smoothed)", "rate(x[5m] smoothed)"),
        ("x[2*step()]", "x[2s * step()]"),
        ("x[max_of(step(), 1m)]", "x[max_of(step(), 1m)]"),
        ("x{z='1',a=~'b'}", r#"x{a=~"b",z="1"}"#),
        ("1 + on() x", "1 + on () x"),
        ("x + ignoring() group_left(a) y", "x + ignoring () group_left (a) y"),
        ("x offset -(5m+2)", "x offset -(5m + 2s)"),
        ("x + fill(0) y", "x + fill (0) y"),
        ("x + on(a) group_left fill_left(1) y", "x + on (a) group_left () fill_left (1) y"),
        (r#"{"my.metric", "a.b"="c"}"#, r#"{"my.metric","a.b"="c"}"#),
        (r#"sum by ("a.b") (x)"#, r#"sum by ("a.b") (x)"#),
        ("h </ 5", "h </ 5"),
        ("sum", "sum"),
        ("by{a='b'}", r#"by{a="b"}"#),
        ("x @ start()", "x @ start()"),
        ("start() + end()", "start() + end()"),
        ("inf", "+Inf"),
        ("a # c\n+ b", "a + b"),
    ] {
        check(text, expected);
    }
}

#[test]
fn wrong_queries_are_refused() {
    for (text, reason) in [
        ("", "no expression found"),
        ("a +", "unexpected end of input"),
        ("1 == 1", "BOOL"),
        ("a bool b", "unexpected"),
        ("sum(a[5m])", "expected type instant vector"),
        ("rate(a)", "expected type range vector"),
        ("foo(a)", "unknown function"),
        ("a[0s]", "greater than 0"),
        ("a[5m] offset 1m offset 2m", "multiple times"),
        ("{}", "non-empty matcher"),
        ("{a=~\".*\"}", "non-empty matcher"),
        ("a{b=\"c}", "unterminated"),
        ("5x", "bad number"),
        ("a and 1", "set operator"),
        ("a and on(b) group_left() c", "no grouping"),
        ("x{a=~\"(\"}", "error parsing regexp: missing closing )"),
        ("topk(x)", "wrong number"),
        ("rate(x[5m],)", "trailing commas"),
        ("bool", "unexpected <bool>"),
        ("sum(1 + )", "unexpected \")\" in aggregation"),
        ("(x", "unclosed left parenthesis"),
        ("x)", "unexpected right parenthesis ')'"),
        ("x{a!b}", "unexpected character after '!' inside braces: 'b'"),
        ("x[5m", "unexpected end of input in duration expression"),
        ("x[5m:1m:1m]", "unexpected repeated colon"),
        ("x * * x", "unexpected <op:*>"),
        ("x offset", "in offset, expected"),
        ("\"\\q\"", "unknown escape sequence U+0071 'q'"),
        ("1e999", "value out of range"),
        ("5mm", "bad number or duration syntax: \"5mm\""),
        ("integral(x[5m])", "unknown function"),
    ] {
        let error = parse(text, ALL).expect_err(text);
        assert!(error.message.contains(reason), "{text}: {}", error.message);
    }
    let plain = Features { experimental: false };
    for text in ["limitk(1, a)", "a[1m+1s]", "mad_over_time(a[5m])", "a smoothed"] {
        assert!(parse(text, plain).is_err(), "{text}");
    }
    let chains =
        ["(".repeat(100_000), "1+".repeat(100_000) + "1", "x".to_owned() + &"[1m:1s]".repeat(1000)];
    for deep in chains {
        assert!(parse(&deep, ALL).is_err());
    }
    assert!(parse(&("1+".repeat(150) + "1"), ALL).is_ok());
}

#[test]
fn places_are_lines_and_columns() {
    let error = parse("a +\n  foo(b)", ALL).expect_err("unknown");
    assert_eq!(error.text("a +\n  foo(b)"), "2:3: parse error: unknown function with name \"foo\"");
}
