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

/// Of every kind that the language's public documentation shows.
#[test]
fn queries_of_all_kinds_are_read() {
    for query in [
        "{ trace:id = \"0123\" && span:id = \"ab\" && span:parentID != nil }",
        "{ span:statusMessage =~ `time.*` && span:childCount > 2 && span:kind = producer }",
        "{ trace:duration > 100ms && trace:rootName = \"GET /\" && trace:rootService = \"shop\" }",
        "{ event:name = \"exception\" && event.exception.message =~ `.*refused.*` }",
        "{ event:timeSinceStart > 2ms }",
        "{ link:traceID = \"1234\" && link:spanID != nil && link.opentracing.ref_type = \"child_of\" }",
        "{ instrumentation:name = \"net/http\" && instrumentation:version !~ `1.*` }",
        "{ instrumentation.language = \"go\" }",
        "{ span.\"attribute name with space\" = \"x\" && .\"a \\\" b\" = 1 }",
        "{ parent.service.name = \"x\" || parent.resource.cloud.region = \"y\" }",
        "{ .http.status_code >= 200 && .http.status_code < 300 }",
        "{ span.http.request_content_length > 10 * 1024 * 1024 }",
        "{ duration > 1h30m || duration < 1.5us || duration = 5d }",
        "{ (span.a = 1 || span.b = 2) && !(span.c = 3) }",
        "{ true && nestedSetParent < 0 && nestedSetLeft > 1 && nestedSetRight < 9 }",
        "{ .a } >> { .b } << { .c } ~ { .d } > { .e } < { .f }",
        "{ .a } !>> { .b }",
        "{ .a } !<< { .b } !> { .c } !< { .d } !~ { .e }",
        "{ .a } &>> { .b } &<< { .c } &> { .d } &< { .e } &~ { .f }",
        "{ } | count() > 3 | avg(duration) > 20ms | max(span.x) < 5 | min(.y) = 1 | sum(.z) != 2",
        "{ } | by(resource.service.name) | count() > 2 | coalesce() | select(span.a, resource.b, status)",
        "{ span.http.method = \"DELETE\" && status != ok } | by(name) | count() > 2",
        "({ .a } | count() > 1) || ({ .b } | avg(duration) > 1s)",
        "{ } with (most_recent=true)",
        "{ } | rate() by (resource.service.name, span.http.route) with (sample=0.1, exemplars=true)",
        "{ } | sum_over_time(span.bytes) by (name) | bottomk(3)",
        "{ name = \"x\" } | avg_over_time(duration) > 5",
        "{ } | histogram_over_time(span.bytes) by (resource.cluster)",
        "{ } | compare({ status = error }, 10, 1700000000000000000, 1700000001000000000)",
        "{ } | min_over_time(duration) | topk(10)",
    ] {
        assert!(printed(query).is_ok(), "{query}: {:?}", printed(query));
    }
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
    refuse("{ } | compare({ }, 0)", "at least one value");
    refuse("{ } | compare({ }, 5, 7, 7)", "must lie after");
    refuse("{ } | rate() | topk(0)", "at least one series");
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
