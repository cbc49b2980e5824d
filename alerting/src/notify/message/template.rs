//! Templates of notifications: Go's, with the data and functions that Alertmanager gives them.

use super::data::{self, common, quote_meta};
use crate::notify::dispatch::Notice;
use crate::{Alert, LabelSet};
use binnacle_query::template::text::{html, printf, title, url_decode, url_encode};
use binnacle_query::template::{
    BUILTINS, Definitions, Dialect, Environment, Function, Template, Value, date, humanize, regex,
};
use binnacle_storage::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const DIALECT: Dialect =
    Dialect { functions: &[FUNCTIONS, BUILTINS], variables: &[], methods: true };

/// The templates that are there without any file.
const DEFAULTS: &str = include_str!("default.tmpl");

/// Reads a template, or says why it is none.
pub fn parse(text: &str) -> Result<Template, String> {
    Template::parse(text, &DIALECT)
}

/// The default templates.
pub fn defaults() -> Definitions {
    static READ: LazyLock<Definitions> = LazyLock::new(|| {
        let mut definitions = Definitions::default();
        definitions.add(&parse(DEFAULTS).expect("the default templates are sound"));
        definitions
    });
    READ.clone()
}

fn text(value: String) -> Result<Value, String> {
    Ok(Value::Text(value))
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::List(list) => Ok(list.iter().map(Value::text).collect()),
        Value::Nil => Ok(Vec::new()),
        other => Err(format!("{} is no list", other.text())),
    }
}

static FUNCTIONS: &[Function] = &[
    Function::fixed("toUpper", 1, |a| text(a[0].text().to_uppercase())),
    Function::fixed("toLower", 1, |a| text(a[0].text().to_lowercase())),
    Function::fixed("title", 1, |a| text(title(&a[0].text()))),
    Function::fixed("trimSpace", 1, |a| text(a[0].text().trim().to_owned())),
    Function::fixed("join", 2, |a| text(texts(&a[1])?.join(&a[0].text()))),
    Function::fixed("match", 2, |a| Ok(Value::Bool(regex(&a[0].text())?.is_match(&a[1].text())))),
    Function::fixed("reReplaceAll", 3, |a| {
        let replacement = a[1].text();
        text(regex(&a[0].text())?.replace_all(&a[2].text(), replacement.as_str()).into_owned())
    }),
    Function::ask("safeHtml", 1),
    Function::fixed("safeUrl", 1, |a| text(a[0].text())),
    Function::fixed("urlquery", 1, |a| text(url_encode(&a[0].text()))),
    Function::fixed("urlUnescape", 1, |a| text(url_decode(&a[0].text())?)),
    Function::many("stringSlice", 0, |a| Ok(Value::List(a.to_vec()))),
    Function::fixed("date", 2, |a| match &a[1] {
        Value::Time(time) => text(date::format(&a[0].text(), *time)),
        other => Err(format!("{} is no time", other.text())),
    }),
    Function::fixed("humanizeDuration", 1, |a| text(humanize::humanize_duration(a[0].float()))),
    Function::many("printf", 1, |a| text(printf(&a[0].text(), &a[1..]))),
];

/// What templates of a notice see.
pub struct Data(Value);

impl Data {
    /// Of a notice, of whose alerts these are shown.
    pub fn of(notice: &Notice, shown: &[Arc<Alert>], external_url: &str) -> Data {
        let alerts = &notice.alerts;
        let map = [
            ("Receiver", Value::Text(quote_meta(&notice.receiver))),
            ("Status", Value::Text(data::status(alerts, notice.now).to_owned())),
            ("Alerts", Value::List(shown.iter().map(|a| of_alert(a, notice.now)).collect())),
            ("GroupLabels", labels(notice.group_labels.clone())),
            ("CommonLabels", labels(common(alerts.iter().map(|alert| &alert.labels)))),
            ("CommonAnnotations", labels(common(alerts.iter().map(|alert| &alert.annotations)))),
            ("ExternalURL", Value::Text(external_url.to_owned())),
            ("NotificationReason", Value::Text(notice.reason.text().to_owned())),
        ];
        Data(to_map(map))
    }

    /// Renders one template, where the defined ones may be called.
    pub fn render(&self, text: &str, definitions: &Definitions) -> Result<String, String> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        parse(text)?.render_with(self, definitions)
    }

    /// Likewise, where what is written comes out as HTML shows it, unless `safeHtml` says that it is HTML.
    pub fn render_html(&self, text: &str, definitions: &Definitions) -> Result<String, String> {
        parse(text)?.render_with(&Html(self), definitions)
    }
}

/// Data of which HTML is made.
struct Html<'a>(&'a Data);

/// What `safeHtml` gives is a map with this one key, which no label can be.
const IS_HTML: &str = "\0html";

impl Environment for Html<'_> {
    fn root(&self, field: Option<&str>) -> Result<Value, String> {
        self.0.root(field)
    }

    fn method(&self, of: &Value, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        self.0.method(of, name, args)
    }

    fn ask(&self, _: &str, args: &[Value]) -> Result<Value, String> {
        Ok(to_map([(IS_HTML, Value::Text(args[0].text()))]))
    }

    fn output(&self, value: &Value) -> String {
        match value {
            Value::Map(map) if map.contains_key(IS_HTML) => value.field(IS_HTML).text(),
            other => html(&other.text()),
        }
    }
}

fn to_map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn of_alert(alert: &Alert, now: Timestamp) -> Value {
    let is_resolved = alert.is_resolved(now);
    let status = if is_resolved { "resolved" } else { "firing" };
    let ends_at = match is_resolved {
        true => Value::Time(alert.ends_at.0),
        // Go's zero time, which nanoseconds of ours cannot say.
        false => Value::Text("0001-01-01 00:00:00 +0000 UTC".to_owned()),
    };
    to_map([
        ("Status", Value::Text(status.to_owned())),
        ("Labels", labels(alert.labels.clone())),
        ("Annotations", labels(alert.annotations.clone())),
        ("StartsAt", Value::Time(alert.starts_at.0)),
        ("EndsAt", ends_at),
        ("GeneratorURL", Value::Text(alert.generator_url.clone())),
        ("Fingerprint", Value::Text(alert.fingerprint().to_string())),
    ])
}

fn labels(labels: LabelSet) -> Value {
    Value::Labels(Arc::new(labels))
}

/// By name, but the alert's name first.
fn sorted_pairs(labels: &BTreeMap<String, String>) -> Vec<Value> {
    let pair = |(name, value): (&String, &String)| {
        to_map([("Name", Value::Text(name.clone())), ("Value", Value::Text(value.clone()))])
    };
    let is_name = |(name, _): &(&String, &String)| *name == "alertname";
    let first = labels.iter().filter(is_name);
    first.chain(labels.iter().filter(|entry| !is_name(entry))).map(pair).collect()
}

impl Environment for Data {
    fn root(&self, field: Option<&str>) -> Result<Value, String> {
        match field {
            None => Ok(self.0.clone()),
            Some(name) => Ok(self.0.field(name)),
        }
    }

    /// `safeHtml`, where nothing is escaped.
    fn ask(&self, _: &str, args: &[Value]) -> Result<Value, String> {
        text(args[0].text())
    }

    fn method(&self, of: &Value, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        let column = |pairs: &[Value], name: &str| {
            Value::List(pairs.iter().map(|pair| pair.field(name)).collect())
        };
        let found = match (of, name) {
            (Value::List(list), "Firing" | "Resolved") => {
                let status = Value::Text(name.to_lowercase());
                let of_status = list.iter().filter(|alert| alert.field("Status") == status);
                Value::List(of_status.cloned().collect())
            }
            (Value::List(pairs), "Names") => column(pairs, "Name"),
            (Value::List(pairs), "Values") => column(pairs, "Value"),
            (Value::Labels(map), "SortedPairs") => Value::List(sorted_pairs(map)),
            (Value::Labels(map), "Names") => column(&sorted_pairs(map), "Name"),
            (Value::Labels(map), "Values") => column(&sorted_pairs(map), "Value"),
            (Value::Labels(map), "Remove") => {
                let Some(names) = args.first() else {
                    return Some(Err("Remove wants a list of names".to_owned()));
                };
                let names = match texts(names) {
                    Ok(names) => names,
                    Err(error) => return Some(Err(error)),
                };
                let mut left = LabelSet::clone(map);
                left.retain(|name, _| !names.contains(name));
                labels(left)
            }
            _ => return None,
        };
        Some(Ok(found))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::notice;
    use super::*;

    fn data(external_url: &str) -> Data {
        Data::of(&notice(), &notice().alerts, external_url)
    }

    fn check(template: &str, expected: &str) {
        let data = data("http://here/alertmanager");
        let rendered = data.render(template, &defaults());
        assert_eq!(rendered.as_deref(), Ok(expected), "{template}");
    }

    #[test]
    fn default_texts_are_those_people_know() {
        check("{{ template \"slack.default.title\" . }}", "[FIRING:1] Slow (api page)");
        let link = "http://here/alertmanager/api/v2/alerts/groups?receiver=team%5C.x";
        check("{{ template \"slack.default.titlelink\" . }}", link);
        let list = "Labels:\n - alertname = Slow\n - job = api\n - n = 1\n - severity = page\nAnnotations:\n \
                    - summary = one\nSource: http://g\n";
        check("{{ template \"pagerduty.default.instances\" .Alerts.Firing }}", list);
        for part in ["pretext", "text", "iconemoji", "iconurl", "callbackid", "footer"] {
            check(&format!("{{{{ template \"slack.default.{part}\" . }}}}"), "");
        }
    }

    #[test]
    fn data_and_functions_are_alertmanagers() {
        check("{{ len .Alerts }}/{{ .Alerts.Resolved | len }} {{ .Status | title }}", "2/1 Firing");
        check(
            "{{ range .Alerts }}{{ .Labels.n }}{{ .Annotations.summary }} {{ end }}",
            "1one 2two ",
        );
        check(
            "{{ .CommonLabels.missing }}|{{ .CommonLabels.Names | join \",\" }}",
            "|alertname,job,severity",
        );
        check("{{ (index .Alerts 0).StartsAt.Unix }}", "1");
        check("{{ range .Alerts.Resolved }}{{ date \"15:04:05\" .EndsAt }}{{ end }}", "00:00:05");
        check("{{ .GroupLabels.alertname | reReplaceAll \"S(.)ow\" \"$1\" }}", "l");
        check("{{ if match \"^Sl\" .GroupLabels.alertname }}yes{{ end }}", "yes");
        check(
            "{{ stringSlice \"a\" \"b\" | join \"-\" }} {{ toLower \"AB\" }} {{ trimSpace \" x \" }}",
            "a-b ab x",
        );
        check(
            "{{ (.CommonLabels.Remove (stringSlice \"job\" \"alertname\")).Values | join \" \" }}",
            "page",
        );
        check("{{ .NotificationReason }}", "new alerts added");
    }

    #[test]
    fn html_shows_what_labels_say_and_does_not_do_it() {
        let html = |template: &str| {
            let mut notice = notice();
            let mut alert = Alert::clone(&notice.alerts[0]);
            let hostile = "<script>\"'&".to_owned();
            alert.labels.insert("n".to_owned(), hostile.clone());
            alert.generator_url = "javascript:alert(1)".to_owned();
            notice.alerts[0] = Arc::new(alert);
            Data::of(&notice, &notice.alerts, "http://here").render_html(template, &defaults())
        };
        let field = "{{ range .Alerts.Firing }}{{ .Labels.n }}{{ end }}";
        assert_eq!(html(field).as_deref(), Ok("&lt;script&gt;&#34;&#39;&amp;"));
        let safe = "{{ range .Alerts.Firing }}{{ .Labels.n | safeHtml }}{{ end }}<b>";
        assert_eq!(html(safe).as_deref(), Ok("<script>\"'&<b>"));
        let whole = html("{{ template \"email.default.html\" . }}").unwrap();
        assert!(whole.contains("&lt;script&gt;") && !whole.contains("<script>"), "{whole}");
        assert!(!whole.contains("javascript:") && whole.contains("href=\"http://g\""), "{whole}");
        assert!(whole.contains("1 firing, 1 resolved"), "{whole}");
        check("{{ safeHtml \"<b>\" }}", "<b>");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        assert!(parse("{{ .Status").is_err());
        assert!(parse("{{ unknown .Status }}").is_err());
        let data = data("");
        assert!(data.render("{{ template \"none\" . }}", &defaults()).is_err());
    }
}
