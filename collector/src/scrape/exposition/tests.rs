//! Both formats: what is read, what is refused, and that whatever is written comes back.

use super::*;
use proptest::prelude::*;

fn items(format: TextFormat, body: &str) -> Result<Vec<Item<'_>>, Invalid> {
    let mut items = Vec::new();
    parse(format, body, &mut |item| items.push(item))?;
    Ok(items)
}

fn sample<'a>(name: &'a str, labels: &[(&'a str, &'a str)], value: f64) -> Sample<'a> {
    let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Sample { name: name.into(), labels, value, time: None, exemplar: None }
}

#[test]
fn prometheus_text_is_read_with_all_its_freedom() {
    let body = "# HELP go_gc  A \\\\ summary \\n of.\n# TYPE go_gc summary\n#\tjust a comment\n\n\
        go_gc{quantile=\"0\"} 4.9351e-05\n go_gc{ quantile = \"0.25\" , } 7.4 1395066363000\n\
        wind_speed{A=\"2\",c=\"3\"} +Inf\nnone NaN\n\tescaped{a=\"x\\\"y\\\\z\\n\"} -1 -5\n\
        {\"a.b\",\"c d\"=\"e\"} 1\r\nlast 0x";
    let error = items(TextFormat::Prometheus, body).unwrap_err();
    assert_eq!((error.line, error.message), (11, "expected a number"));
    let body = body.strip_suffix("\nlast 0x").unwrap();
    let read = items(TextFormat::Prometheus, body).unwrap();
    assert_eq!(read[0], Item::Help { name: "go_gc".into(), text: "A \\ summary \n of.".into() });
    assert_eq!(read[1], Item::Type { name: "go_gc".into(), kind: MetricType::Summary });
    assert_eq!(read[2], Item::Sample(sample("go_gc", &[("quantile", "0")], 4.9351e-05)));
    let Item::Sample(timed) = &read[3] else { panic!("{read:?}") };
    assert_eq!((timed.value, timed.time), (7.4, Some(1_395_066_363_000)));
    let wind = sample("wind_speed", &[("A", "2"), ("c", "3")], f64::INFINITY);
    assert_eq!(read[4], Item::Sample(wind));
    let Item::Sample(none) = &read[5] else { panic!("{read:?}") };
    assert_eq!(none.value.to_bits(), 0x7ff8_0000_0000_0001);
    let escaped = Sample { time: Some(-5), ..sample("escaped", &[("a", "x\"y\\z\n")], -1.0) };
    assert_eq!(read[6], Item::Sample(escaped));
    assert_eq!(read[7], Item::Sample(sample("a.b", &[("c d", "e")], 1.0)));
}

#[test]
fn openmetrics_is_read_with_units_exemplars_and_times() {
    let body = "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\n# HELP sent_bytes Sent \\\"all\\\".\n\
        sent_bytes_total{a=\"b\"} 17 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879.5\n\
        sent_bytes_created{a=\"b\"} 1520872607.123\nplain 1 # {} 2\n# EOF\n";
    let read = items(TextFormat::OpenMetrics, body).unwrap();
    assert_eq!(read[1], Item::Unit { name: "sent_bytes".into(), unit: "bytes" });
    let help = Item::Help { name: "sent_bytes".into(), text: "Sent \"all\".".into() };
    assert_eq!(read[2], help);
    let exemplar = Exemplar {
        labels: vec![("trace_id".into(), "KOO5S4vxi0o".into())],
        value: 0.67,
        time: Some(1_520_879_500),
    };
    let expected = Sample {
        time: Some(1_520_879_607_789),
        exemplar: Some(exemplar),
        ..sample("sent_bytes_total", &[("a", "b")], 17.0)
    };
    assert_eq!(read[3], Item::Sample(expected));
    let bare = Exemplar { labels: vec![], value: 2.0, time: None };
    assert_eq!(read[5], Item::Sample(Sample { exemplar: Some(bare), ..sample("plain", &[], 1.0) }));
}

#[test]
fn bad_lines_are_refused_with_their_number() {
    let both = [
        "a",
        "a{",
        "a{b}",
        "a{b=}",
        "a{b=\"c}",
        "a{b=\"c\"",
        "a{b=\"c\" d=\"e\"} 1",
        "a{1b=\"c\"} 1",
        "a{b=\"1\",b=\"2\"} 1",
        "a one",
        "a 1 one",
        "a 1 2 3",
        "{} 1",
        "1a 1",
        "a-b 1",
        "# TYPE a wrong",
        "# TYPE",
        "a 1_000",
        "{\"a\",\"b\"} 1",
    ];
    for line in both {
        let error = items(TextFormat::Prometheus, &format!("ok 1\n{line}\n")).expect_err(line);
        assert_eq!(error.line, 2, "{line}");
        let body = format!("ok 1\n{line}\n# EOF\n");
        assert_eq!(items(TextFormat::OpenMetrics, &body).expect_err(line).line, 2, "{line}");
    }
    for body in [
        "a 1\n",
        "a 1\n\n# EOF\n",
        "# EOF\na 1\n",
        " a 1\n# EOF",
        "a  1\n# EOF",
        "#x\n# EOF",
        "a 1 # 1\n# EOF",
        "",
    ] {
        assert!(items(TextFormat::OpenMetrics, body).is_err(), "{body:?}");
    }
    assert_eq!(items(TextFormat::OpenMetrics, "# EOF"), Ok(vec![]));
}

#[test]
fn the_format_follows_the_content_type() {
    let open = TextFormat::of("application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(open, TextFormat::OpenMetrics);
    assert_eq!(TextFormat::of("text/plain; version=0.0.4"), TextFormat::Prometheus);
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

proptest! {
    #[test]
    fn samples_come_back_as_written(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
        labels in prop::collection::btree_map("[a-zA-Z_][a-z0-9_]{0,4}", "\\PC{0,5}|[\\\\\"\n]{0,4}", 0..4),
        value in any::<f64>(),
        time in prop::option::of(-1_000_000_000_000i64..4_000_000_000_000),
    ) {
        let value = if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0001) } else { value };
        let written: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
        let number = if value.is_nan() { "NaN".to_owned() } else { value.to_string() };
        let line = format!("{name}{{{}}} {number}", written.join(","));
        let plain = time.map_or(String::new(), |time| format!(" {time}"));
        let seconds = time.map_or(String::new(), |time| format!(" {}", time as f64 / 1000.0));
        for (format, body) in [
            (TextFormat::Prometheus, format!("{line}{plain}\n")),
            (TextFormat::OpenMetrics, format!("{line}{seconds}\n# EOF\n")),
        ] {
            let read = items(format, &body).unwrap();
            let Item::Sample(sample) = &read[0] else { panic!("{read:?}") };
            prop_assert_eq!(sample.name.as_ref(), name.as_str());
            prop_assert_eq!(sample.value.to_bits(), value.to_bits());
            prop_assert_eq!(sample.time, time);
            let labels: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let read: Vec<_> = sample.labels.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
            prop_assert_eq!(read, labels);
        }
    }

    #[test]
    fn garbage_never_panics(body in "[ \t\n#{}\",=\\\\a1.+-]{0,60}|\\PC{0,40}") {
        let _ = items(TextFormat::Prometheus, &body);
        let _ = items(TextFormat::OpenMetrics, &body);
    }
}
