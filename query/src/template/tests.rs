use super::*;

const FUNCTIONS: &[Function] = &[
    Function::fixed("upper", 1, |args| Ok(Value::Text(args[0].text().to_uppercase()))),
    Function::ask("answer", 1),
    Function::fixed("at", 1, |args| Ok(Value::Time(args[0].int() * 1_000_000_000))),
];

const DIALECT: Dialect =
    Dialect { functions: &[BUILTINS, FUNCTIONS], variables: &["$given"], methods: true };

struct Page;

impl Environment for Page {
    fn root(&self, field: Option<&str>) -> Result<Value, String> {
        let labels = BTreeMap::from([("a", "1"), ("b", "2")]);
        let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        match field {
            Some("Labels") => Ok(Value::Labels(Arc::new(labels.collect()))),
            Some("List") => Ok(Value::List(["x", "y", "z"].map(|t| Value::Text(t.into())).into())),
            Some("Map") => Ok(Value::Map(BTreeMap::from([("k".to_owned(), Value::Int(7))]))),
            Some("Endless") => Ok(Value::Float(f64::INFINITY)),
            Some(other) => Err(format!("can't evaluate field {other}")),
            None => Ok(Value::Text("root".to_owned())),
        }
    }

    fn variable(&self, _name: &str) -> Value {
        Value::Text("given".to_owned())
    }

    fn ask(&self, _function: &str, args: &[Value]) -> Result<Value, String> {
        Ok(Value::Int(args[0].int() * 2))
    }

    fn method(&self, of: &Value, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match (of, name) {
            (Value::Labels(_), "Joined") => {
                let mut texts: Vec<String> = args.iter().map(Value::text).collect();
                texts.push(of.text());
                Some(Ok(Value::Text(texts.join("+"))))
            }
            _ => None,
        }
    }
}

fn render(text: &str) -> Result<String, String> {
    Template::parse(text, &DIALECT)?.render(&Page)
}

#[test]
fn templates_render() {
    let cases = [
        ("{{ . }} {{ $ }} {{ $given }}", "root root given"),
        ("{{ .Labels.a }}{{ .Labels.none }}|{{ .Map.k }}{{ .Map.none }}", "1|7<no value>"),
        ("{{ index .Labels \"b\" }} {{ .Labels }}", "2 map[a:1 b:2]"),
        ("{{ answer 21 }} {{ 4 | answer }}", "42 8"),
        ("{{ .Labels.Joined \"x\" 1 }} {{ .Labels.Joined }}", "x+1+map[a:1 b:2] map[a:1 b:2]"),
        ("{{ define \"t\" }}<{{ . }}{{ $ }}>{{ end }}{{ template \"t\" .Map.k }}!", "<77>!"),
        ("{{ block \"t\" 1 }}({{ . }}){{ end }}{{ template \"t\" 2 }}", "(1)(2)"),
        ("{{ range .List }}{{ if eq . \"y\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "x"),
        ("{{ range .List }}{{ if eq . \"y\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "xz"),
        ("{{ range $i, $e := .List }}{{ $i }}{{ $e }}{{ end }}", "0x1y2z"),
        ("{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=2;"),
        ("{{ range .Map.none }}x{{ else }}none{{ end }}", "none"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        ("{{ with .Labels.none }}a{{ else with .Labels.b }}{{ . }}{{ end }}", "2"),
        ("{{ if and false (index .List 9) }}a{{ else }}b{{ end }}", "b"),
        ("{{ or .Labels.a (index .List 9) }}", "1"),
        ("{{ printf \"%.3g %.4g %g\" 1234.5 0.00001 1e21 }}", "1.23e+03 1e-05 1e+21"),
        (
            "{{ printf \"%6.1f %05.1f %+e %-5.1f| %05.1f\" .Endless .Endless .Endless .Endless 1.5 }}",
            "  +Inf  +Inf +Inf +Inf | 001.5",
        ),
        (
            "{{ gt 123456.5 123456.0 }} {{ 1234567.0 }} {{ 123456.0 }} {{ 0.00001 }}",
            "true 1.234567e+06 123456 1e-05",
        ),
        (
            "{{ (at 1700000000).Year }} {{ (at 0).Format \"Jan 2 15:04\" }} {{ (at 7).Unix }}",
            "2023 Jan 1 00:00 7",
        ),
        ("{{ slice \"abcdef\" 1 3 }} {{ len .List }}", "bc 3"),
        ("{{ print 1 2 \"a\" 3 }}", "1 2a3"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn wrong_templates_are_refused() {
    for template in [
        "{{ $x }}",
        "{{ $x = 1 }}",
        "{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}",
        "{{ define \"t\" }}{{ $given }}{{ end }}",
        "{{ define \"t\" }}",
        "{{ template }}",
        "{{ break }}",
        "{{ nothing }}",
        "{{ .List 1 | 2 }}",
    ] {
        assert!(Template::parse(template, &DIALECT).is_err(), "{template}");
    }
    for template in [
        "{{ .Nothing }}",
        "{{ .Map.k 1 }}",
        "{{ template \"nothing\" }}",
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
        "{{ index .List 9 }}",
    ] {
        assert!(render(template).is_err(), "{template}");
    }
}

#[test]
fn definitions_are_shared() {
    let mut shared = Definitions::default();
    let library = "{{ define \"title\" }}[{{ . }}]{{ end }}{{ define \"own\" }}shared{{ end }}";
    shared.add(&Template::parse(library, &DIALECT).unwrap());
    shared.add_named("file.tmpl", &Template::parse("the file", &DIALECT).unwrap());
    let text = "{{ define \"own\" }}mine{{ end }}{{ template \"title\" 1 }}{{ template \"own\" }}{{ template \"file.tmpl\" }}";
    let template = Template::parse(text, &DIALECT).unwrap();
    assert_eq!(template.render_with(&Page, &shared).as_deref(), Ok("[1]minethe file"));
    assert!(shared.has("title") && !shared.has("subject"));
}
