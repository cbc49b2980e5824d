//! What to send: requests with their weights, and when. Read from a TOML file, or made of the command line.

use crate::Error;
use crate::schedule::{Schedule, Stage};
use crate::template::{Template, spread};
use crate::threshold::Threshold;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most kinds of requests; each has a histogram of its own.
const REQUESTS_MAX: usize = 100;
/// How long an answer is waited for, unless it is said.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Http1,
    Http2,
    /// Unary calls over HTTP/2.
    Grpc,
}

/// What the file may say, before it is checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub name: Option<String>,
    /// `http://host:port`; the paths of requests follow it.
    pub target: String,
    pub protocol: Protocol,
    /// Such as `30s:200`, or `10s:0..200`.
    pub stages: Vec<String>,
    pub thresholds: Vec<String>,
    /// Such as `10s`.
    pub timeout: Option<String>,
    /// Sent with every request.
    pub headers: BTreeMap<String, String>,
    /// What the run is found by, such as `branch`.
    pub labels: BTreeMap<String, String>,
    /// The version of what is tested.
    pub version: Option<String>,
    pub requests: Vec<FileRequest>,
}

/// One of the file's requests.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileRequest {
    /// What it is called in reports; method and path, if left out.
    pub name: Option<String>,
    pub method: Option<String>,
    pub path: String,
    pub weight: Option<u32>,
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    /// A file that is sent as it is, beside the plan's.
    pub body_file: Option<PathBuf>,
    /// Which service and span name are the same requests, as the target's own spans have them.
    pub service: Option<String>,
    pub span_name: Option<String>,
}

/// What is sent. Checked: there is a request, and its target can be asked.
#[derive(Debug, Clone)]
pub struct Plan {
    pub name: String,
    pub target: String,
    pub protocol: Protocol,
    pub schedule: Schedule,
    pub thresholds: Vec<Threshold>,
    pub timeout: Duration,
    pub labels: BTreeMap<String, String>,
    pub version: Option<String>,
    pub requests: Vec<Request>,
}

/// One kind of request.
#[derive(Debug, Clone)]
pub struct Request {
    pub name: String,
    pub method: Method,
    path: Template,
    weight: u32,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    pub service: Option<String>,
    pub span_name: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    Text(Template),
    Bytes(Bytes),
}

impl File {
    pub fn read(path: &Path) -> Result<File, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let mut file: File = toml::from_str(&text)
            .map_err(|error| Error::Plan(format!("{}: {error}", path.display())))?;
        // Files are named from where the plan is.
        let directory = path.parent().unwrap_or(Path::new("."));
        for body in file.requests.iter_mut().filter_map(|request| request.body_file.as_mut()) {
            *body = directory.join(&*body);
        }
        Ok(file)
    }
}

impl Plan {
    pub fn new(file: File) -> Result<Plan, Error> {
        let wrong = Error::Plan;
        let target = file.target.trim_end_matches('/').to_owned();
        let uri: Uri = target.parse().map_err(|_| wrong(format!("'{target}' is no URL")))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(wrong(format!(
                "'{target}' is no target; write such as http://127.0.0.1:8080"
            )));
        }
        let stages: Result<Vec<Stage>, _> = file.stages.iter().map(|text| text.parse()).collect();
        let schedule = stages.and_then(Schedule::new).map_err(wrong)?;
        let thresholds: Result<Vec<Threshold>, _> =
            file.thresholds.iter().map(|text| text.parse()).collect();
        let thresholds = thresholds.map_err(wrong)?;
        let timeout = match &file.timeout {
            None => TIMEOUT,
            Some(text) => humantime::parse_duration(text)
                .map_err(|_| wrong(format!("'{text}' is no time to wait; write such as 10s")))?,
        };
        if file.requests.is_empty() || file.requests.len() > REQUESTS_MAX {
            return Err(wrong(format!("a plan has 1 to {REQUESTS_MAX} requests")));
        }
        let made: Result<Vec<Request>, Error> =
            file.requests.iter().map(|request| Request::new(request, &file)).collect();
        let requests = made?;
        let names: BTreeSet<&str> = requests.iter().map(|request| request.name.as_str()).collect();
        if names.len() < requests.len() {
            return Err(wrong("two requests have one name; give each its own".to_owned()));
        }
        if requests.iter().all(|request| request.weight == 0) {
            return Err(wrong("no request has a weight".to_owned()));
        }
        for operation in thresholds.iter().filter_map(|threshold| threshold.operation.as_deref()) {
            if !names.contains(operation) {
                let names: Vec<&str> = names.into_iter().collect();
                let names = names.join("', '");
                return Err(wrong(format!(
                    "no request is called '{operation}'; there are '{names}'"
                )));
            }
        }
        let name = file.name.unwrap_or_else(|| requests[0].name.clone());
        let (labels, version) = (file.labels, file.version);
        let protocol = file.protocol;
        Ok(Plan {
            name,
            target,
            protocol,
            schedule,
            thresholds,
            timeout,
            labels,
            version,
            requests,
        })
    }

    /// Which request is sent as number `number`: as often as its weight says, in an order that looks like chance.
    pub fn pick(&self, number: u64) -> usize {
        let total: u64 = self.requests.iter().map(|request| u64::from(request.weight)).sum();
        let mut left = spread(number) % total;
        for (index, request) in self.requests.iter().enumerate() {
            match left.checked_sub(u64::from(request.weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        unreachable!("what is drawn is below the sum of the weights")
    }
}

impl Request {
    fn new(request: &FileRequest, plan: &File) -> Result<Request, Error> {
        let wrong = Error::Plan;
        let has_body = request.body.is_some() || request.body_file.is_some();
        let method = match (&request.method, plan.protocol) {
            (Some(method), _) => Method::from_bytes(method.as_bytes())
                .map_err(|_| wrong(format!("'{method}' is no method")))?,
            (None, Protocol::Grpc) => Method::POST,
            (None, _) if has_body => Method::POST,
            (None, _) => Method::GET,
        };
        let path = Template::read(&request.path);
        let sample = path.render(0);
        if !sample.starts_with('/') || sample.parse::<Uri>().is_err() {
            return Err(wrong(format!(
                "'{}' is no path; write such as /products/{{1..60}}",
                request.path
            )));
        }
        let mut headers = Vec::new();
        for (name, value) in plan.headers.iter().chain(&request.headers) {
            let read =
                HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            headers.push(read.ok_or_else(|| wrong(format!("'{name}: {value}' is no header")))?);
        }
        let body = match (&request.body, &request.body_file) {
            (Some(_), Some(_)) => return Err(wrong("a request has body or body_file".to_owned())),
            (Some(text), None) => Body::Text(Template::read(text)),
            (None, Some(path)) => Body::Bytes(
                std::fs::read(path)
                    .map_err(|source| Error::Read { path: path.clone(), source })?
                    .into(),
            ),
            (None, None) => Body::Bytes(Bytes::new()),
        };
        let name = match (&request.name, plan.protocol) {
            (Some(name), _) => name.clone(),
            // As spans of gRPC are named.
            (None, Protocol::Grpc) => path.outline().trim_start_matches('/').to_owned(),
            (None, _) => {
                format!("{method} {}", path.outline().split('?').next().unwrap_or_default())
            }
        };
        let (service, span_name) = (request.service.clone(), request.span_name.clone());
        let weight = request.weight.unwrap_or(1);
        Ok(Request { name, method, path, weight, headers, body, service, span_name })
    }

    /// The path with its numbers drawn.
    pub fn path(&self, seed: u64) -> String {
        self.path.render(seed)
    }

    /// The body with its numbers drawn.
    pub fn body(&self, seed: u64) -> Bytes {
        match &self.body {
            Body::Text(template) => template.render(seed).into(),
            Body::Bytes(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
        target = "http://127.0.0.1:8080/"
        stages = ["1s:0..10", "1s:10"]
        thresholds = ["p99{look}<1s"]
        timeout = "2s"
        headers = { x-api-key = "k" }
        [[requests]]
        path = "/products"
        weight = 3
        [[requests]]
        name = "look"
        path = "/products/{1..60}?full=1"
        [[requests]]
        path = "/cart"
        body = '{"customer": "c-{1..9}"}'
    "#;

    fn plan(text: &str) -> Result<Plan, String> {
        let file = toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())?;
        Plan::new(file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_is_read() {
        let plan = plan(SHOP).unwrap();
        let names: Vec<&str> = plan.requests.iter().map(|request| request.name.as_str()).collect();
        assert_eq!(names, ["GET /products", "look", "POST /cart"]);
        assert_eq!((plan.schedule.count(), plan.timeout), (15, Duration::from_secs(2)));
        assert_eq!(plan.requests[1].path(1).split('?').nth(1), Some("full=1"));
        assert_eq!(plan.requests[2].body(1).len(), r#"{"customer": "c-1"}"#.len());
        assert_eq!(plan.requests[0].headers.len(), 1);
    }

    #[test]
    fn requests_come_as_often_as_they_weigh() {
        let plan = plan(SHOP).unwrap();
        let mut counts = [0_u64; 3];
        for number in 0..50_000 {
            counts[plan.pick(number)] += 1;
        }
        // Three standard deviations of a binomial distribution.
        assert!(counts[0].abs_diff(30_000) < 330 && counts[1].abs_diff(10_000) < 270, "{counts:?}");
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let cases = [
            ("127.0.0.1:8080/", "no target"),
            ("\"1s:10\"", "\"soon\" "),
            ("look\"\n", "GET /products\"\n"),
            ("/cart", "cart"),
            ("p99{look}", "p99{buy}"),
            ("\"2s\"", "\"2\""),
            ("x-api-key", "'x api key'"),
            ("weight = 3", "wait = 3"),
            ("weight = 3", "method = \"GE T\""),
            ("path = \"/products\"\n", "path = \"/products\"\nbody = ''\nbody_file = 'x'\n"),
            ("path = \"/products\"\n", "path = \"/products\"\nbody_file = '/nowhere/x'\n"),
        ];
        for (from, to) in cases {
            let text = SHOP.replacen(from, to, 1);
            assert_ne!(text, SHOP, "{from}");
            assert!(plan(&text).is_err(), "{to}");
        }
        assert!(plan("target = 'http://x'\nstages = ['1s:1']").is_err());
    }
}
