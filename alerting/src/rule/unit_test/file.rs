//! Unit tests of rules, in promtool's YAML.

use crate::rule::Reading;
use crate::yaml::{self, Fault, Fields, Node};
use binnacle_query::promql::describe::{self, Point};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::text::{parse_duration, parse_number};
use chrono::DateTime;

/// What is evaluated when a file does not say how often: every minute.
const INTERVAL_DEFAULT: i64 = 60_000;

/// One file. Times and durations are milliseconds.
#[derive(Debug, Clone)]
pub struct TestFile {
    pub rule_files: Vec<String>,
    pub evaluation_interval: i64,
    pub group_eval_order: Vec<String>,
    pub fuzzy_compare: bool,
    pub tests: Vec<TestGroup>,
}

/// Series, and what is expected of rules and expressions over them.
#[derive(Debug, Clone)]
pub struct TestGroup {
    pub name: String,
    /// Between two samples of the series.
    pub interval: i64,
    pub start: i64,
    pub series: Vec<(Labels, Vec<Point>)>,
    pub alerts: Vec<AlertTest>,
    pub exprs: Vec<ExprTest>,
    pub external_labels: Vec<(String, String)>,
    pub external_url: String,
}

#[derive(Debug, Clone)]
pub struct AlertTest {
    /// After the start.
    pub eval_time: i64,
    pub alertname: String,
    pub expected: Vec<ExpectedAlert>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedAlert {
    pub labels: Labels,
    pub annotations: Labels,
}

#[derive(Debug, Clone)]
pub struct ExprTest {
    pub expr: String,
    pub eval_time: i64,
    /// Or why they cannot be read, which fails the test.
    pub expected: Result<Vec<(Labels, Point)>, String>,
}

impl TestGroup {
    /// The last time anything is expected, after the start.
    pub fn time_max(&self) -> i64 {
        let alerts = self.alerts.iter().map(|test| test.eval_time);
        alerts.chain(self.exprs.iter().map(|test| test.eval_time)).max().unwrap_or(0)
    }
}

pub fn parse(text: &str, reading: Reading) -> Result<TestFile, Fault> {
    let mut fields = yaml::document(text)?.fields("the file")?;
    let rule_files = fields.texts("rule_files")?;
    let interval = duration(&mut fields, "evaluation_interval")?.filter(|interval| *interval > 0);
    let evaluation_interval = interval.unwrap_or(INTERVAL_DEFAULT);
    let group_eval_order = fields.texts("group_eval_order")?;
    let fuzzy_compare = fields.bool("fuzzy_compare")?.unwrap_or(false);
    let tests = fields.list("tests")?;
    finish(fields, reading)?;
    let tests = tests.into_iter().map(|node| group(node, evaluation_interval, reading));
    let tests = tests.collect::<Result<_, _>>()?;
    Ok(TestFile { rule_files, evaluation_interval, group_eval_order, fuzzy_compare, tests })
}

fn finish(fields: Fields, reading: Reading) -> Result<(), Fault> {
    if reading.ignore_unknown_fields { Ok(()) } else { fields.finish() }
}

fn group(node: Node, evaluation_interval: i64, reading: Reading) -> Result<TestGroup, Fault> {
    let mut fields = node.fields("a test")?;
    let name = fields.text("name")?.unwrap_or_default();
    let interval = duration(&mut fields, "interval")?.filter(|interval| *interval > 0);
    let start = fields.take("start_timestamp").map_or(Ok(0), |node| timestamp(&node))?;
    let (inputs, alerts) = (fields.list("input_series")?, fields.list("alert_rule_test")?);
    let exprs = fields.list("promql_expr_test")?;
    let external_labels = fields.text_map("external_labels")?;
    let external_url = fields.text("external_url")?.unwrap_or_default();
    finish(fields, reading)?;
    Ok(TestGroup {
        name,
        interval: interval.unwrap_or(evaluation_interval),
        start,
        series: each(inputs, |node| input(node, reading))?,
        alerts: each(alerts, |node| alert(node, reading))?,
        exprs: each(exprs, |node| expr(node, reading))?,
        external_labels,
        external_url,
    })
}

fn each<T>(nodes: Vec<Node>, read: impl Fn(Node) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    nodes.into_iter().map(read).collect()
}

fn input(node: Node, reading: Reading) -> Result<(Labels, Vec<Point>), Fault> {
    let line = node.line;
    let mut fields = node.fields("an input series")?;
    let series = fields.text("series")?.unwrap_or_default();
    let values = fields.text("values")?.unwrap_or_default();
    finish(fields, reading)?;
    let wrong = |reason: String| Fault::new(line, format!("series {series:?}: {reason}"));
    describe::series(&format!("{series} {values}")).map_err(wrong)
}

fn alert(node: Node, reading: Reading) -> Result<AlertTest, Fault> {
    let mut fields = node.fields("an alert test")?;
    let eval_time = duration(&mut fields, "eval_time")?.unwrap_or(0);
    let alertname = fields.text("alertname")?.unwrap_or_default();
    if alertname.is_empty() {
        return Err(
            fields.fault("an item under alert_rule_test misses required attribute alertname")
        );
    }
    let expected = fields.list("exp_alerts")?;
    finish(fields, reading)?;
    let expected = each(expected, |node| {
        let mut fields = node.fields("an expected alert")?;
        let mut labels = fields.text_map("exp_labels")?;
        labels.push(("alertname".to_owned(), alertname.clone()));
        let annotations = Labels::with_empty(fields.text_map("exp_annotations")?);
        finish(fields, reading)?;
        Ok(ExpectedAlert { labels: Labels::new(labels), annotations })
    })?;
    Ok(AlertTest { eval_time, alertname, expected })
}

fn expr(node: Node, reading: Reading) -> Result<ExprTest, Fault> {
    let mut fields = node.fields("an expression test")?;
    let expr = fields.text("expr")?.unwrap_or_default();
    let eval_time = duration(&mut fields, "eval_time")?.unwrap_or(0);
    let samples = fields.list("exp_samples")?;
    finish(fields, reading)?;
    let samples = each(samples, |node| sample(node, reading))?;
    Ok(ExprTest { expr, eval_time, expected: samples.into_iter().collect() })
}

fn sample(node: Node, reading: Reading) -> Result<Result<(Labels, Point), String>, Fault> {
    let mut fields = node.fields("an expected sample")?;
    let labels = fields.text("labels")?.unwrap_or_default();
    let histogram = fields.text("histogram")?.unwrap_or_default();
    let value = match fields.take("value") {
        Some(node) => {
            let text = node.text("value")?;
            parse_number(&text).ok_or_else(|| node.fault(format!("value '{text}' is no number")))?
        }
        None => 0.0,
    };
    finish(fields, reading)?;
    let parsed = describe::metric(labels.trim()).and_then(|parsed| {
        if histogram.is_empty() {
            return Ok((parsed, Point::Float(value)));
        }
        let (_, points) = describe::series(&format!("{{}} {histogram}"))?;
        match <[Point; 1]>::try_from(points) {
            Ok([point]) => Ok((parsed, point)),
            Err(_) => Err("expected exactly one histogram".to_owned()),
        }
    });
    Ok(parsed.map_err(|reason| format!("labels {labels:?}: {reason}")))
}

fn duration(fields: &mut Fields, key: &str) -> Result<Option<i64>, Fault> {
    let Some(node) = fields.take(key) else { return Ok(None) };
    let text = node.text(key)?;
    let parsed = parse_duration(&text).filter(|milliseconds| *milliseconds >= 0);
    let wrong = || node.fault(format!("{key}: not a valid duration string: \"{text}\""));
    parsed.map(Some).ok_or_else(wrong)
}

/// Unix seconds, or RFC 3339.
fn timestamp(node: &Node) -> Result<i64, Fault> {
    let text = node.text("start_timestamp")?;
    if let Some(seconds) = parse_number(&text).filter(|seconds| seconds.abs() < 1e13) {
        return Ok((seconds * 1000.0) as i64);
    }
    let time = DateTime::parse_from_rfc3339(&text);
    time.map(|time| time.timestamp_millis())
        .map_err(|_| node.fault(format!("start_timestamp: '{text}' is no time")))
}
