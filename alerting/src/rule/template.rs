//! Templates of labels and annotations: Go's, with the variables and functions that Prometheus gives them.
//!
//! A template may ask queries. Rendering knows no waiting, so it stops at a query whose answer is not at hand; the answer
//! is fetched and rendering begins again, until it needs nothing more.

use crate::LabelSet;
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::text::parse_duration;
use binnacle_query::template::text::{title, url_encode};
use binnacle_query::template::{
    BUILTINS, Body, Dialect, Environment, Function, Template, Value, float_text, humanize, regex,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Most queries that the templates of one rule may ask in one evaluation.
const QUERIES_MAX: usize = 100;

const DIALECT: Dialect = Dialect {
    functions: &[BUILTINS, FUNCTIONS],
    variables: &["$labels", "$externalLabels", "$externalURL", "$value"],
    methods: true,
};

pub fn parse(text: &str) -> Result<Template, String> {
    Template::parse(text, &DIALECT)
}

/// Answers to queries by their texts.
pub type Answers = HashMap<String, Result<Vec<(Labels, Sample)>, String>>;

/// What a rendering needs to go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Expanded {
    Text(String),
    /// The answer to this query.
    Needs(String),
}

/// What alerts of one evaluation have in common.
#[derive(Debug)]
pub struct Surroundings {
    pub external_labels: Arc<BTreeMap<String, String>>,
    pub external_url: String,
    /// Unix milliseconds of the evaluation.
    pub time: i64,
}

/// What a template is rendered of: one element of a rule's answer.
#[derive(Debug)]
pub struct Instance<'a> {
    pub around: &'a Surroundings,
    pub labels: Arc<BTreeMap<String, String>>,
    pub value: Value,
    pub answers: &'a Answers,
    needs: RefCell<Option<String>>,
}

impl<'a> Instance<'a> {
    pub fn new(
        around: &'a Surroundings,
        labels: &Labels,
        value: &Sample,
        answers: &'a Answers,
    ) -> Instance<'a> {
        let labels = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let value = match value {
            Sample::Float(value) => Value::Float(*value),
            Sample::Histogram(histogram) => Value::Text(histogram.to_string()),
        };
        let labels = Arc::new(labels.collect());
        Instance { around, labels, value, answers, needs: RefCell::default() }
    }

    /// The text of a template, or the query it asks first. What is wrong becomes part of the text, as Prometheus has it.
    pub fn expand(&self, text: &str) -> Expanded {
        if !text.contains("{{") {
            return Expanded::Text(text.to_owned());
        }
        let rendered = parse(text).and_then(|template| template.render(self));
        match (self.needs.take(), rendered) {
            (Some(query), _) if self.answers.len() < QUERIES_MAX => Expanded::Needs(query),
            (Some(_), _) => Expanded::Text(failed(&format!("more than {QUERIES_MAX} queries"))),
            (None, Ok(text)) => Expanded::Text(text),
            (None, Err(reason)) => Expanded::Text(failed(&reason)),
        }
    }

    /// Templates by name, all of them expanded, or the first query they ask.
    pub fn expand_all(&self, pairs: &[(String, String)]) -> Result<LabelSet, String> {
        let mut all = LabelSet::new();
        for (name, text) in pairs {
            match self.expand(text) {
                Expanded::Text(text) => drop(all.insert(name.clone(), text)),
                Expanded::Needs(query) => return Err(query),
            }
        }
        Ok(all)
    }

    fn query(&self, text: &str) -> Result<Value, String> {
        match self.answers.get(text) {
            Some(Ok(list)) => Ok(Value::List(list.iter().map(element).collect())),
            Some(Err(reason)) => Err(reason.clone()),
            None => {
                self.needs.replace(Some(text.to_owned()));
                Err("the answer is being fetched".to_owned())
            }
        }
    }
}

fn failed(reason: &str) -> String {
    format!("<error expanding template: {reason}>")
}

fn element((labels, sample): &(Labels, Sample)) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let value = match sample {
        Sample::Float(value) => *value,
        Sample::Histogram(histogram) => histogram.sum,
    };
    let fields = [
        ("Labels".to_owned(), Value::Labels(Arc::new(pairs.collect()))),
        ("Value".to_owned(), Value::Float(value)),
    ];
    Value::Map(fields.into())
}

impl Environment for Instance<'_> {
    fn root(&self, field: Option<&str>) -> Result<Value, String> {
        match field {
            Some("Labels") => Ok(self.variable("$labels")),
            Some("Value") => Ok(self.variable("$value")),
            Some("ExternalLabels") => Ok(self.variable("$externalLabels")),
            Some("ExternalURL") => Ok(self.variable("$externalURL")),
            Some(other) => Err(format!("can't evaluate field {other}")),
            None => Ok(Value::Map(BTreeMap::from([
                ("Labels".to_owned(), self.variable("$labels")),
                ("Value".to_owned(), self.variable("$value")),
            ]))),
        }
    }

    fn variable(&self, name: &str) -> Value {
        match name {
            "$labels" => Value::Labels(self.labels.clone()),
            "$value" => self.value.clone(),
            "$externalLabels" => Value::Labels(self.around.external_labels.clone()),
            "$externalURL" => Value::Text(self.around.external_url.clone()),
            _ => Value::Nil,
        }
    }

    fn ask(&self, function: &str, args: &[Value]) -> Result<Value, String> {
        let time = self.around.time;
        match function {
            "query" => self.query(&args[0].text()),
            "externalURL" => Ok(Value::Text(self.around.external_url.clone())),
            "now" => Ok(Value::Float(time as f64 / 1000.0)),
            "pathPrefix" => {
                let url = &self.around.external_url;
                let path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let path = path.find('/').map_or("", |at| &path[at..]);
                Ok(Value::Text(path.trim_end_matches('/').to_owned()))
            }
            other => Err(format!("function {other:?} is not known")),
        }
    }
}

/// Where Prometheus shows an expression as a table or graph, below its address.
pub fn link(expr: &str, is_table: bool) -> String {
    format!("/graph?g0.expr={}&g0.tab={}", url_encode(expr), u8::from(is_table))
}

fn text(value: String) -> Result<Value, String> {
    Ok(Value::Text(value))
}

/// Numbers, and texts that are some.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Int(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Text(text) => binnacle_query::promql::text::parse_number(text)
            .ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        other => Err(format!("can't convert {} to float", other.text())),
    }
}

/// Seconds of a number, or of a duration.
fn seconds(value: &Value) -> Result<f64, String> {
    match value {
        Value::Text(text) => match parse_duration(text) {
            Some(milliseconds) => Ok(milliseconds as f64 / 1000.0),
            None => number(value),
        },
        other => number(other),
    }
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(format!("wanted the answer to a query, got {}", other.text())),
    }
}

fn labels_of(value: &Value) -> Value {
    value.field("Labels")
}

static FUNCTIONS: &[Function] = &[
    Function::ask("query", 1),
    Function::ask("externalURL", 0),
    Function::ask("pathPrefix", 0),
    Function::ask("now", 0),
    Function::fixed("first", 1, |a| {
        list(&a[0])?
            .first()
            .cloned()
            .ok_or_else(|| "first() called on vector with no elements".to_owned())
    }),
    Function::fixed("value", 1, |a| Ok(a[0].field("Value"))),
    Function::fixed("label", 2, |a| Ok(labels_of(&a[1]).field(&a[0].text()))),
    Function::fixed("strvalue", 1, |a| Ok(labels_of(&a[0]).field("__value__"))),
    Function::fixed("sortByLabel", 2, |a| {
        let name = a[0].text();
        let mut sorted = list(&a[1])?.to_vec();
        sorted.sort_by_key(|value| labels_of(value).field(&name).text());
        Ok(Value::List(sorted))
    }),
    Function::many("args", 0, |a| {
        let named = a.iter().enumerate().map(|(at, value)| (format!("arg{at}"), value.clone()));
        Ok(Value::Map(named.collect()))
    }),
    Function::fixed("safeHtml", 1, |a| text(a[0].text())),
    Function::fixed("reReplaceAll", 3, |a| {
        let pattern = regex(&a[0].text())?;
        text(pattern.replace_all(&a[2].text(), a[1].text().as_str()).into_owned())
    }),
    Function::fixed("match", 2, |a| Ok(Value::Bool(regex(&a[0].text())?.is_match(&a[1].text())))),
    Function::fixed("title", 1, |a| text(title(&a[0].text()))),
    Function::fixed("toUpper", 1, |a| text(a[0].text().to_uppercase())),
    Function::fixed("toLower", 1, |a| text(a[0].text().to_lowercase())),
    Function::fixed("graphLink", 1, |a| text(link(&a[0].text(), false))),
    Function::fixed("tableLink", 1, |a| text(link(&a[0].text(), true))),
    Function::fixed("urlQueryEscape", 1, |a| text(url_encode(&a[0].text()))),
    Function::fixed("stripPort", 1, |a| text(strip_port(&a[0].text()).to_owned())),
    Function::fixed("stripDomain", 1, |a| text(strip_domain(&a[0].text()))),
    Function::fixed("humanize", 1, |a| text(humanize::humanize(number(&a[0])?))),
    Function::fixed("humanize1024", 1, |a| text(humanize::humanize_1024(number(&a[0])?))),
    Function::fixed("humanizeDuration", 1, |a| text(humanize::humanize_duration(number(&a[0])?))),
    Function::fixed("humanizePercentage", 1, |a| {
        text(humanize::humanize_percentage(number(&a[0])?))
    }),
    Function::fixed("humanizeTimestamp", 1, |a| {
        humanize::humanize_timestamp(number(&a[0])?).map(Value::Text)
    }),
    Function::fixed("toTime", 1, |a| humanize::nanoseconds(number(&a[0])?).map(Value::Time)),
    Function::fixed("toDuration", 1, |a| text(go_duration(number(&a[0])?))),
    Function::fixed("parseDuration", 1, |a| Ok(Value::Float(seconds(&a[0])?))),
    Function::fixed("parseDurationTime", 1, |a| text(go_duration(seconds(&a[0])?))),
    Function {
        name: "tmpl",
        count_min: 1,
        count_max: 2,
        body: Body::Pure(|_| text(String::new())),
    },
];

/// `[::1]:80` is `::1`, `host:80` is `host`.
fn strip_port(host: &str) -> &str {
    let Some((name, port)) = host.rsplit_once(':') else { return host };
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) => inner,
        None if name.contains(':') || !port.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            host
        }
        None => name,
    }
}

/// `host.example.com:80` is `host:80`; addresses stay.
fn strip_domain(host_port: &str) -> String {
    let host = strip_port(host_port);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return host_port.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    match host_port.strip_prefix(host) {
        Some(port) => format!("{short}{port}"),
        None => short.to_owned(),
    }
}

/// Seconds as Go prints a duration: `1h2m3.5s`.
fn go_duration(seconds: f64) -> String {
    let nanoseconds = (seconds * 1e9) as i64;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    if all == 0 {
        return "0s".to_owned();
    }
    if all < 1_000_000_000 {
        let (unit, name) = match all {
            0..1_000 => (1.0, "ns"),
            1_000..1_000_000 => (1e3, "µs"),
            _ => (1e6, "ms"),
        };
        return format!("{sign}{}{name}", float_text(all as f64 / unit));
    }
    let (hours, minutes) = (all / 3_600_000_000_000, all / 60_000_000_000 % 60);
    let rest = float_text((all % 60_000_000_000) as f64 / 1e9);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, answers: &Answers) -> Expanded {
        let around = Surroundings {
            external_labels: Arc::new(BTreeMap::from([("cluster".to_owned(), "c1".to_owned())])),
            external_url: "http://host:1/base/".to_owned(),
            time: 1_700_000_000_500,
        };
        let labels = Labels::new([("__name__", "up"), ("instance", "a:1"), ("job", "api")]);
        Instance::new(&around, &labels, &Sample::Float(1234.5), answers).expand(template)
    }

    fn text(template: &str) -> String {
        match expand(template, &Answers::new()) {
            Expanded::Text(text) => text,
            Expanded::Needs(query) => panic!("needs {query}"),
        }
    }

    #[test]
    fn the_functions_of_prometheus_work() {
        let cases = [
            ("no template", "no template"),
            ("{{ $labels.instance }} {{ $labels.none }}|{{ .Labels.job }}", "a:1 |api"),
            (
                "{{ $value }} {{ .Value | printf \"%.1f\" }} {{ humanize $value }}",
                "1234.5 1234.5 1.234k",
            ),
            (
                "{{ $externalLabels.cluster }} {{ $externalURL }} {{ externalURL }}",
                "c1 http://host:1/base/ http://host:1/base/",
            ),
            ("{{ pathPrefix }}", "/base"),
            ("{{ humanizeDuration \"61\" }} {{ humanizePercentage 0.5 }}", "1m 1s 50%"),
            ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
            ("{{ (1435065584 | toTime) }}", "2015-06-23 13:19:44 +0000 UTC"),
            ("{{ title \"aa bb\" }} {{ toUpper \"a\" }} {{ toLower \"A\" }}", "Aa Bb A a"),
            ("{{ match \"a.*\" \"xab\" }} {{ reReplaceAll \"(a)b\" \"${1}x\" \"ab\" }}", "true ax"),
            ("{{ graphLink \"up{a=\\\"b\\\"}\" }}", "/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0"),
            ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
            (
                "{{ stripPort \"a:1\" }} {{ stripPort \"[::1]:2\" }} {{ stripPort \"::1\" }}",
                "a ::1 ::1",
            ),
            ("{{ stripDomain \"a.b.c:1\" }} {{ stripDomain \"10.0.0.1:1\" }}", "a:1 10.0.0.1:1"),
            ("{{ with args 1 \"x\" }}{{ .arg0 }}{{ .arg1 }}{{ end }}", "1x"),
            (
                "{{ parseDuration \"1h2m\" }} {{ toDuration 3661.5 }} {{ now }}",
                "3720 1h1m1.5s 1.7000000005e+09",
            ),
            ("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" $value }}", "[1234.5]"),
            ("{{ .Nothing }}", "<error expanding template: can't evaluate field Nothing>"),
        ];
        for (template, expected) in cases {
            assert_eq!(text(template), expected, "{template}");
        }
    }

    #[test]
    fn queries_are_asked_one_after_the_other() {
        let template = "{{ with query \"a\" }}{{ . | first | label \"x\" }}={{ . | first | value }}{{ end }}{{ range query \"b\" | sortByLabel \"x\" }}{{ .Labels.x }}{{ end }}";
        let mut answers = Answers::new();
        assert_eq!(expand(template, &answers), Expanded::Needs("a".to_owned()));
        let one = |x: &str, value| (Labels::new([("x", x)]), Sample::Float(value));
        answers.insert("a".to_owned(), Ok(vec![one("1", 2.0)]));
        assert_eq!(expand(template, &answers), Expanded::Needs("b".to_owned()));
        answers.insert("b".to_owned(), Ok(vec![one("z", 2.0), one("y", 1.0)]));
        assert_eq!(expand(template, &answers), Expanded::Text("1=2yz".to_owned()));
        answers.insert("b".to_owned(), Err("it broke".to_owned()));
        assert!(
            matches!(expand(template, &answers), Expanded::Text(text) if text.contains("it broke"))
        );
    }
}
