use super::*;
use proptest::prelude::*;

/// Parses and prints; `Err` is the message.
fn printed(text: &str) -> Result<String, String> {
    parse(text).map(|query| query.to_string()).map_err(|error| error.to_string())
}

fn check(text: &str, expected: &str) {
    assert_eq!(printed(text).as_deref(), Ok(expected), "{text}");
    assert_eq!(printed(expected).as_deref(), Ok(expected), "printed: {text}");
}

fn refuse(text: &str, part: &str) {
    let error = printed(text).expect_err(text);
    assert!(error.contains(part), "{text}: {error}");
}

#[test]
fn conditions() {
    check("{}", "{ }");
    check("{.a=1}", "{ .a = 1 }");
    check(
        "{ span.http.status_code >= 200 && duration > 1.5s }",
        "{ (span.http.status_code >= 200) && (duration > 1500000000ns) }",
    );
    check("{ status = error || kind != server }", "{ (status = error) || (kind != server) }");
    check("{ resource.\"a b\" =~ `x|y` }", "{ resource.\"a b\" =~ \"x|y\" }");
    check("{ .a != nil && parent.span.b = true }", "{ (.a != nil) && (parent.span.b = true) }");
    check(
        "{ span:duration > 1 && trace:rootName = \"x\" }",
        "{ (duration > 1) && (rootName = \"x\") }",
    );
    check("{ !(.a && .b) }", "{ !(.a && .b) }");
    check("{ .a = -1 && -.b > 2 }", "{ (.a = -1) && (-(.b) > 2) }");
}

#[test]
fn relations_bind_more_than_logic_from_left_to_right() {
    check("{.a} && {.b} > {.c} || {.d}", "({ .a } && ({ .b } > { .c })) || { .d }");
    check("{.a} !>> {.b} &< {.c} ~ {.d}", "(({ .a } !>> { .b }) &< { .c }) ~ { .d }");
}

#[test]
fn pipelines() {
    check(
        "{.a} | count() > 2 | by(resource.service.name) | coalesce()",
        "{ .a } | count() > 2 | by(resource.service.name) | coalesce()",
    );
    check(
        "{} | avg(duration) * 2 >= max(duration) - 1s",
        "{ } | (avg(duration) * 2) >= (max(duration) - 1000000000ns)",
    );
    check(
        "({.a} | count() > 1) && {.b} | select(.x, name)",
        "({ .a } | count() > 1) && { .b } | select(.x, name)",
    );
    check("({.a} | {.b})", "({ .a } | { .b })");
    check("{.a} | {.b}", "{ .a } | { .b }");
}

#[test]
fn metrics() {
    check("{} | rate()", "{ } | rate()");
    check(
        "{.a} | count() > 1 | rate() by (name, .b) | topk(5) > 3",
        "{ .a } | count() > 1 | rate() by(name, .b) | topk(5) > 3.0",
    );
    check(
        "{} | quantile_over_time(duration, .5, 0.99) by(name)",
        "{ } | quantile_over_time(duration, 0.5, 0.99) by(name)",
    );
    check("{} | compare({status=error}, 3)", "{ } | compare({ status = error }, 3)");
    check(
        "{} | histogram_over_time(duration) with (sample=true)",
        "{ } | histogram_over_time(duration) with(sample=true)",
    );
}

#[test]
fn what_is_wrong_is_said() {
    refuse("", "expected '{', but the query ends");
    refuse("{ foo = 1 }", "expected a field or a value");
    refuse("{ name = 1 }", "unlike types");
    refuse("{ status = \"error\" }", "unlike types");
    refuse("{ 1 }", "not true or false");
    refuse("{ name =~ `(` }", "regular expression");
    refuse("{ status > ok }", "= and !=");
    refuse("{ .a } | count()", "a comparison");
    refuse("{ .a } | count() > \"x\"", "numbers only");
    refuse("{ .a } > ", "the query ends");
    refuse("{ .a } | quantile_over_time(duration, 2)", "from 0 to 1");
    refuse("{ .a } { .b }", "the end of the query");
    refuse(&"(".repeat(100), "nested deeper");
    refuse(&format!("{{ {} }}", vec![".a"; 2000].join(" && ")), "operators");
}

#[test]
fn the_place_of_an_error_is_told() {
    let Err(Error::Parse { position: Some(position), .. }) = parse("{ .a }\n  | nope()") else {
        panic!("not a parse error");
    };
    assert_eq!((position.line, position.column), (2, 5));
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_an_error(text in "[{}().a-c=<>!~&|\"0-9 +*/^%,-]{0,40}") {
        if let Ok(query) = parse(&text) {
            let printed = query.to_string();
            prop_assert_eq!(parse(&printed).map(|query| query.to_string()).ok(), Some(printed));
        }
    }
}
