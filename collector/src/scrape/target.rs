//! Targets: from an address with labels to what is scraped, by the rules of its job.

use super::config::JobConfig;
use super::labels::Labels;
use super::relabel::{self, Rule};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAMETER: &str = "__param_";
const META: &str = "__meta_";

/// An address that was discovered, with the labels discovery gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    pub address: String,
    pub labels: BTreeMap<String, String>,
}

/// Something to scrape.
#[derive(Debug, Clone)]
pub struct Target {
    /// What its samples carry.
    pub labels: Labels,
    /// What relabelling started from.
    pub discovered: Labels,
    pub url: Url,
    pub interval: Duration,
    pub timeout: Duration,
}

impl Target {
    /// The same for the same target, whatever was discovered around it.
    pub fn key(&self) -> (Labels, String) {
        (self.labels.clone(), self.url.to_string())
    }

    /// A number that spreads targets over their interval.
    pub fn spread(&self) -> u64 {
        let labels: Vec<String> =
            self.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        xxh3_64(format!("{}{}", self.url, labels.join(";")).as_bytes())
    }
}

/// The labels relabelling starts from.
pub fn discovered_labels(job: &JobConfig, discovered: &Discovered) -> Labels {
    let mut labels: Labels = discovered.labels.iter().map(|(n, v)| (n, v.clone())).collect();
    labels.set(ADDRESS, discovered.address.clone());
    let duration = |duration: Option<Duration>| render(duration.unwrap_or_default());
    let mut defaults = vec![
        ("job".to_owned(), job.job_name.clone()),
        (INTERVAL.to_owned(), duration(job.scrape_interval)),
        (TIMEOUT.to_owned(), duration(job.scrape_timeout)),
        (PATH.to_owned(), job.metrics_path.clone()),
        (SCHEME.to_owned(), job.scheme.clone()),
    ];
    let parameters = job.params.iter();
    defaults.extend(parameters.filter_map(|(name, values)| {
        Some((format!("{PARAMETER}{name}"), values.first()?.clone()))
    }));
    for (name, value) in defaults {
        if !labels.has(&name) {
            labels.set(&name, value);
        }
    }
    labels
}

/// Whole milliseconds, which every reader of durations takes.
fn render(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// The target of these labels; `Ok(None)` when a rule drops it.
pub fn target(
    job: &JobConfig,
    rules: &[Rule],
    discovered: Labels,
) -> Result<Option<Target>, String> {
    let mut labels = discovered.clone();
    if !relabel::apply(rules, &mut labels) {
        return Ok(None);
    }
    let address = labels.value(ADDRESS).to_owned();
    if address.is_empty() {
        return Err("it has no address".to_owned());
    }
    let duration = |name: &str| {
        let text = labels.value(name);
        humantime::parse_duration(text)
            .ok()
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| format!("{name} '{text}' is not a duration"))
    };
    let (interval, timeout) = (duration(INTERVAL)?, duration(TIMEOUT)?);
    if timeout > interval {
        return Err(format!("{TIMEOUT} is longer than {INTERVAL}"));
    }
    let url = url(job, &labels, &address)?;
    labels.retain(|name| !name.starts_with(META));
    if !labels.has("instance") {
        labels.set("instance", address);
    }
    labels.retain(|name| !name.starts_with("__"));
    Ok(Some(Target { labels, discovered, url, interval, timeout }))
}

fn url(job: &JobConfig, labels: &Labels, address: &str) -> Result<Url, String> {
    let (scheme, path) = (labels.value(SCHEME), labels.value(PATH));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let text = format!("{scheme}://{address}{slash}{path}");
    let mut url = Url::parse(&text).map_err(|error| format!("'{text}': {error}"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(format!("'{text}' is neither http nor https"));
    }
    let mut parameters: BTreeMap<String, Vec<String>> = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix(PARAMETER) {
            let values = parameters.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    if !parameters.is_empty() {
        let mut query = url.query_pairs_mut();
        for (name, values) in &parameters {
            query.extend_pairs(values.iter().map(|value| (name, value)));
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(json: &str) -> JobConfig {
        let mut job: JobConfig = serde_json::from_str(json).unwrap();
        job.scrape_interval.get_or_insert(Duration::from_secs(15));
        job.scrape_timeout.get_or_insert(Duration::from_secs(10));
        job
    }

    fn make(
        job: &JobConfig,
        address: &str,
        labels: &[(&str, &str)],
    ) -> Result<Option<Target>, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels = labels.iter().map(own).collect();
        let discovered = Discovered { address: address.to_owned(), labels };
        let rules = relabel::compile(&job.relabel_configs).unwrap();
        target(job, &rules, discovered_labels(job, &discovered))
    }

    #[test]
    fn a_plain_target_has_job_and_instance() {
        let job = job(r#"{"job_name": "node", "params": {"x": ["a b", "c"]}}"#);
        let target =
            make(&job, "host:9100", &[("env", "prod"), ("__meta_x", "y")]).unwrap().unwrap();
        let labels: Vec<_> = target.labels.iter().collect();
        assert_eq!(labels, [("env", "prod"), ("instance", "host:9100"), ("job", "node")]);
        assert_eq!(target.url.as_str(), "http://host:9100/metrics?x=a+b&x=c");
        assert_eq!(target.interval, Duration::from_secs(15));
        assert_eq!(target.discovered.value("__meta_x"), "y");
    }

    #[test]
    fn rules_may_change_everything() {
        let job = job(r#"{"job_name": "blackbox", "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": "127.0.0.1:9115"},
                {"target_label": "__metrics_path__", "replacement": "probe"},
                {"target_label": "__scrape_interval__", "replacement": "1m"},
                {"target_label": "__scheme__", "replacement": "https"},
                {"source_labels": ["env"], "regex": "test", "action": "drop"}]}"#);
        let target = make(&job, "http://example.com", &[]).unwrap().unwrap();
        let expected = "https://127.0.0.1:9115/probe?target=http%3A%2F%2Fexample.com";
        assert_eq!(target.url.as_str(), expected);
        assert_eq!(target.labels.value("instance"), "http://example.com");
        assert_eq!(target.interval, Duration::from_secs(60));
        assert!(make(&job, "x", &[("env", "test")]).unwrap().is_none());
    }

    #[test]
    fn targets_that_cannot_be_scraped_say_why() {
        let job = job(r#"{"job_name": "a"}"#);
        for (address, labels) in [
            ("", [("a", "b")]),
            ("host:port:port", [("a", "b")]),
            ("host", [("__scrape_timeout__", "1m")]),
            ("host", [("__scrape_interval__", "often")]),
            ("host", [("__scheme__", "ftp")]),
        ] {
            assert!(make(&job, address, &labels).is_err(), "{address} {labels:?}");
        }
    }
}
