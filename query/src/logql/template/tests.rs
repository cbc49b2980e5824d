use super::*;
use proptest::prelude::*;

fn render(template: &str) -> Result<String, String> {
    let labels = [
        ("app", "shop"),
        ("n", "7"),
        ("path", "/a/b"),
        ("json", r#"{"a":{"b":[1,"x"]}}"#),
        ("empty", ""),
    ];
    let line = Line {
        time: 1_700_000_000_123_000_000,
        text: "the line",
        labels: labels.into_iter().collect(),
    };
    Template::new(template)?.render(&line)
}

#[test]
fn templates_render() {
    let cases = [
        ("plain", "plain"),
        ("{{.app}}-{{ .missing }}", "shop-"),
        ("{{ .app | ToUpper | printf \"<%s>\" }}", "<SHOP>"),
        ("a {{- .app -}} b", "ashopb"),
        ("{{/* nothing */}}x", "x"),
        ("{{ if eq .app \"shop\" }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .empty }}a{{ else if .n }}b{{ else }}c{{ end }}", "b"),
        ("{{ if and (contains \"a\" .path) (ne .n \"8\") }}y{{end}}", "y"),
        ("{{ with $x := .n }}{{ $x }}{{ end }}", "7"),
        ("{{ range $i, $e := (fromJson .json).a.b }}{{$i}}={{$e}};{{ end }}", "0=1;1=x;"),
        ("{{ $y := add (int .n) 1 }}{{ $y }}", "8"),
        (
            "{{ __line__ }} {{ __timestamp__ | date \"2006-01-02T15:04:05.000Z07:00\" }}",
            "the line 2023-11-14T22:13:20.123Z",
        ),
        ("{{ __timestamp__ | unixEpochMillis }}", "1700000000123"),
        ("{{ regexReplaceAll \"/(\\\\w)/\" .path \"<${1}>\" }}", "<a>b"),
        ("{{ count \"/\" .path }}", "2"),
        ("{{ substr 0 2 .app }}{{ trunc -2 .app }}", "shop"),
        ("{{ alignLeft 6 .app }}|{{ alignRight 2 .app }}|", "shop  |op|"),
        ("{{ duration \"1m30s\" }} {{ bytes \"2KB\" }}", "90 2000"),
        ("{{ divf 7 2 }} {{ div 7 2 }} {{ round 2.345 2 }}", "3.5 3 2.35"),
        (
            "{{ printf \"%05.1f|%-4d|%4s|%x\" (float64 .n) (int .n) .n \"az\" }}",
            "007.0|7   |   7|617a",
        ),
        ("{{ .app | b64enc }} {{ \"c2hvcA==\" | b64dec }}", "c2hvcA== shop"),
        ("{{ .path | urlencode }} {{ urldecode \"a%20b+c\" }}", "%2Fa%2Fb a b c"),
        ("{{ default \"none\" .empty }}{{ index . \"app\" }}", "noneshop"),
        ("{{ toDate \"2006-01-02 15:04\" \"2024-02-29 10:30\" | unixEpoch }}", "1709202600"),
        ("{{ Replace .path \"/\" \"-\" -1 }} {{ trimPrefix \"/\" .path }}", "-a-b a/b"),
        ("{{ title \"two words\" }} {{ len .app }}", "Two Words 4"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn wrong_templates_are_refused() {
    for template in [
        "{{",
        "{{ if .a }}",
        "{{ end }}",
        "{{ nope .a }}",
        "{{ .a | .b }}",
        "{{ \"x }}",
        "{{ (.a }}",
        "{{}}",
        "{{ .a .b }}",
    ] {
        assert!(Template::new(template).is_err(), "{template}");
    }
    for template in [
        "{{ div 1 0 }}",
        "{{ repeat 99999999 .app }}",
        "{{ eq .app 1 }}",
        "{{ ToUpper }}",
        "{{ $x }}",
        "{{ range 9999 }}{{ range 9999 }}{{ range 9999 }}{{ end }}x{{ end }}{{ end }}",
    ] {
        assert!(render(template).is_err(), "{template}");
    }
}

#[test]
fn the_labels_looked_at_are_known() {
    let fields = |text: &str| Template::new(text).unwrap().fields();
    let expected = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!(
        fields("{{ if .a }}{{ .b | lower }}{{ else }}{{ printf \"%s\" (upper .c) }}{{ end }}"),
        Some(expected)
    );
    assert_eq!(fields("{{ index . \"a\" }}"), None);
}

proptest! {
    #[test]
    fn any_text_is_rendered_or_refused(text in "(\\{\\{|\\}\\}|[ .a|\"()$:=-]|if|end|else|range|printf|\\PC){0,30}") {
        let _ = render(&text);
    }
}
