use super::*;
use crate::logql::ast::Query;
use crate::logql::parse::parse;
use crate::promql::labels::Labels;

/// The line and labels that come out of the stages behind `{a="b"}`, or nothing.
fn run(stages: &str, line: &str) -> Option<(String, String)> {
    let Ok(Query::Logs(query)) = parse(&format!("{{a=\"b\"}} {stages}")) else {
        panic!("not a log query: {stages}")
    };
    let pipeline = Pipeline::new(&query.stages, None, None);
    if !pipeline.starts(line) {
        return None;
    }
    let stream = Labels::new([("a", "b"), ("app", "shop")]);
    let mut labels = LineLabels::new(&stream, vec![("trace_id".into(), "t1".into())]);
    let line = pipeline.run(1_700_000_000_000_000_000, Cow::Borrowed(line), &mut labels)?;
    Some((line.into_owned(), labels.merged().without(&["a", "app", "trace_id"]).to_string()))
}

fn check(stages: &str, line: &str, expected: Option<(&str, &str)>) {
    let expected = expected.map(|(line, labels)| (line.to_owned(), labels.to_owned()));
    assert_eq!(run(stages, line), expected, "{stages} of {line}");
}

#[test]
fn stages_run_in_order() {
    let json = r#"{"app":"x","status":503,"took":"20ms","size":"2KB","ip":"10.1.2.3"}"#;
    check(
        r#"|= "503" | json | line_format "{{.app_extracted}} {{.status}}" |= "x 5""#,
        json,
        Some((
            "x 503",
            r#"{app_extracted="x", ip="10.1.2.3", size="2KB", status="503", took="20ms"}"#,
        )),
    );
    check(r#"| json s="status" | s >= 500"#, json, Some((json, r#"{s="503"}"#)));
    check(
        r#"| json | status < 500 or took > 10ms and size <= 2KB | keep status"#,
        json,
        Some((json, r#"{status="503"}"#)),
    );
    check(
        r#"| json | ip=ip("10.0.0.0/8") | drop __error__, ip, size, took, app_extracted"#,
        json,
        Some((json, r#"{status="503"}"#)),
    );
    check(r#"| json | ip!=ip("10.0.0.0/8")"#, json, None);
    check(r#"| json | nothing > 5"#, json, None);
    check(r#"| json | nothing = """#, json, Some((json, run("| json", json).unwrap().1.as_str())));
    check(r#"|= "absent""#, json, None);
    check(r#"| trace_id="t1" and app="shop""#, "x", Some(("x", "{}")));
}

#[test]
fn mistakes_in_lines_are_labels() {
    check(
        "| json",
        "no json",
        Some((
            "no json",
            r#"{__error__="JSONParserErr", __error_details__="expected a JSON object at character 1"}"#,
        )),
    );
    check(r#"| json | __error__="""#, "no json", None);
    check("| json | drop __error__, __error_details__", "no json", Some(("no json", "{}")));
    check(
        "| logfmt | n > 5",
        "n=x",
        Some((
            "n=x",
            r#"{__error__="LabelFilterErr", __error_details__="\"x\" is not a number", n="x"}"#,
        )),
    );
    check(
        "| logfmt --strict",
        "a=\"",
        Some((
            "a=\"",
            r#"{__error__="LogfmtParserErr", __error_details__="unterminated quoted value"}"#,
        )),
    );
    check(
        r#"| line_format "{{ div 1 0 }}""#,
        "x",
        Some((
            "x",
            r#"{__error__="TemplateFormatErr", __error_details__="error calling div: divide by zero"}"#,
        )),
    );
}

#[test]
fn labels_are_made_and_taken_away() {
    check(
        r#"| logfmt | label_format y=x, z="{{.x}}-{{.app}}""#,
        "x=1",
        Some(("x=1", r#"{y="1", z="1-shop"}"#)),
    );
    check(
        r#"| regexp "(?P<method>\\w+) (?P<path>\\S+)" | drop method="GET""#,
        "GET /a",
        Some(("GET /a", r#"{path="/a"}"#)),
    );
    check(
        r#"| pattern "<m> <_> <s>" | s = "200""#,
        "GET /a 200",
        Some(("GET /a 200", r#"{m="GET", s="200"}"#)),
    );
    check("| decolorize", "\u{1b}[31mred\u{1b}[0m", Some(("red", "{}")));
    check("| unpack", r#"{"pod":"p","_entry":"line"}"#, Some(("line", r#"{pod="p"}"#)));
    check(r#"| label_format app="new" | app="new""#, "x", Some(("x", "{}")));
}

#[test]
fn numbers_come_from_labels() {
    let value = |unwrap: &str, line: &str| {
        let text = format!("sum_over_time({{a=\"b\"}} | logfmt | unwrap {unwrap} [1m])");
        let Ok(Query::Metric(Metric::Range(node))) = parse(&text) else { panic!("{text}") };
        let pipeline = Pipeline::new(&node.query.stages, node.unwrap.as_ref(), None);
        let stream = Labels::new([("a", "b")]);
        let mut labels = LineLabels::new(&stream, Vec::new());
        pipeline.run(0, Cow::Borrowed(line), &mut labels).unwrap();
        let value = pipeline.unwrapped(&mut labels);
        (value, labels.has_error())
    };
    assert_eq!(value("n", "n=1.5"), (Some(1.5), false));
    assert_eq!(value("duration(n)", "n=1m30s"), (Some(90.0), false));
    assert_eq!(value("bytes(n)", "n=2KiB"), (Some(2048.0), false));
    assert_eq!(value("n", "m=1"), (None, false));
    assert_eq!(value("n", "n=x"), (Some(0.0), true));
    assert_eq!(value("n | __error__=\"\"", "n=x"), (None, true));
}

#[test]
fn labels_without_a_value_are_shown_when_asked_for() {
    let shown = |stages: &str, line: &str| {
        let query = crate::logql::parse::parse_logs(&format!("{{a=\"b\"}} {stages}")).unwrap();
        let pipeline = Pipeline::new(&query.stages, None, None);
        let stream = Labels::new([("a", "b")]);
        let mut labels = LineLabels::new(&stream, Vec::new());
        pipeline.run(0, Cow::Borrowed(line), &mut labels).unwrap();
        labels.by_kind().parsed.to_string()
    };
    assert_eq!(shown("| logfmt", "c= d e=1"), r#"{e="1"}"#);
    assert_eq!(shown("| logfmt --keep-empty", "c= d e=1"), r#"{c="", d="", e="1"}"#);
    assert_eq!(shown(r#"| json q="x.y", e"#, r#"{"e":1}"#), r#"{e="1", q=""}"#);
    assert_eq!(shown(r#"| json q="x.y" | drop q"#, r#"{"e":1}"#), "{}");
}
