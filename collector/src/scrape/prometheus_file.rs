//! A Prometheus configuration file: its `global` and `scrape_configs`, as far as they concern scraping.

use super::config::JobConfig;
use super::yaml::{self, Node};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// What `global` may say for jobs that do not say it themselves.
const INHERITED: &[&str] = &[
    "body_size_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "sample_limit",
    "target_limit",
];

/// What the file says.
#[derive(Debug)]
pub struct PrometheusFile {
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub jobs: Vec<JobConfig>,
    /// What it asks for that is not done, though its jobs are scraped.
    pub warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Global {
    #[serde(with = "humantime_serde")]
    scrape_interval: Option<Duration>,
    #[serde(with = "humantime_serde")]
    scrape_timeout: Option<Duration>,
}

/// What becomes of a key of Prometheus's that [`JobConfig`] does not have.
enum Verdict {
    /// It asks for what is done anyway, or for nothing.
    Leave,
    /// The job is scraped without it.
    Warn(&'static str),
    /// Without it the job would not be what was meant.
    Refuse(&'static str),
}

/// Judges a key; `None` for those a job has here too, and unknown ones.
fn judge(key: &str, value: &Node) -> Option<Verdict> {
    use Verdict::{Leave, Refuse, Warn};
    let text = value.text().unwrap_or_default();
    let is_nothing = value.is_nothing();
    let unless = |harmless: bool, verdict| Some(if harmless { Leave } else { verdict });
    match key {
        "always_scrape_classic_histograms"
        | "enable_http2"
        | "keep_dropped_targets"
        | "scrape_classic_histograms" => Some(Leave),
        "convert_classic_histograms_to_nhcb" => {
            unless(is_nothing, Warn("classic histograms stay what they are"))
        }
        "extra_scrape_metrics" => {
            unless(is_nothing, Warn("there are no series about limits of a scrape"))
        }
        "fallback_scrape_protocol" | "scrape_fallback_protocol" => unless(
            is_nothing || text.starts_with("PrometheusText"),
            Warn("an answer of unknown type is taken for Prometheus's text"),
        ),
        "metric_name_escaping_scheme" => unless(
            is_nothing || text == "allow-utf-8",
            Warn("names are taken as the target says them"),
        ),
        "metric_name_validation_scheme" => {
            unless(is_nothing || text == "utf8", Warn("names may hold any characters"))
        }
        "native_histogram_bucket_limit"
        | "native_histogram_min_bucket_factor"
        | "scrape_native_histograms" => unless(
            is_nothing,
            Warn("targets are asked for text, which has classic histograms only"),
        ),
        "scrape_failure_log_file" => {
            unless(is_nothing, Warn("failures are in this server's own log"))
        }
        "scrape_protocols" => unless(
            is_nothing || is_usual(value),
            Warn("targets are asked for OpenMetrics 1.0, then for Prometheus's text"),
        ),
        "no_proxy" | "proxy_connect_header" | "proxy_from_environment" | "proxy_url" => {
            unless(is_nothing, Refuse("targets are reached directly, never by way of a proxy"))
        }
        "oauth2" | "sigv4" | "azuread" | "google_iam" => unless(
            is_nothing,
            Refuse("the credentials there are: basic_auth, authorization and bearer_token"),
        ),
        _ if key.ends_with("_sd_configs")
            && !["file_sd_configs", "http_sd_configs"].contains(&key) =>
        {
            unless(
                is_nothing,
                Refuse("targets are found by static_configs, file_sd_configs and http_sd_configs"),
            )
        }
        _ => None,
    }
}

/// Whether a list of protocols is in favour of OpenMetrics text, as is done anyway.
fn is_usual(protocols: &Node) -> bool {
    let Node::List(list) = protocols else { return false };
    let has = |wanted: &str| list.iter().any(|one| one.text() == Some(wanted));
    has("OpenMetricsText1.0.0") && !has("PrometheusProto")
}

/// Reads the file; the error names it and what is wrong. Paths in it are relative to it. Blocks.
pub fn read(path: &Path) -> Result<PrometheusFile, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read scrape.prometheus_file {shown}: {error}"))?;
    let mut file = parse(&text).map_err(|error| format!("{shown}: {error}"))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    for job in &mut file.jobs {
        for discovery in &mut job.file_sd_configs {
            for pattern in &mut discovery.files {
                *pattern = directory.join(&*pattern).display().to_string();
            }
        }
    }
    Ok(file)
}

fn parse(text: &str) -> Result<PrometheusFile, String> {
    let mut file = yaml::parse(text)?;
    if !matches!(file, Node::Map(_)) && !file.is_null() {
        return Err("this is no mapping with scrape_configs".to_owned());
    }
    if file.take("scrape_config_files").is_some_and(|files| !files.is_nothing()) {
        return Err(
            "scrape_config_files is not read: the jobs are to be in scrape_configs".to_owned()
        );
    }
    let mut warnings = Vec::new();
    let nothing = || Node::Map(Vec::new());
    let mut global = file.take("global").unwrap_or_else(nothing);
    judge_all(&mut global, "global", &mut warnings)?;
    let mut inherited = Vec::new();
    for key in INHERITED {
        let value = global.take(key).filter(|value| !value.is_nothing());
        inherited.extend(value.map(|value| ((*key).to_owned(), value)));
    }
    let Global { scrape_interval: interval, scrape_timeout: timeout } =
        global.read().map_err(|error| format!("global: {error}"))?;
    let list = match file.take("scrape_configs") {
        Some(Node::List(list)) => list,
        Some(other) if !other.is_null() => return Err("scrape_configs is no list".to_owned()),
        _ => Vec::new(),
    };
    let mut jobs = Vec::new();
    for mut job in list {
        let name = match &job {
            Node::Map(entries) => entries.iter().find(|(key, _)| key == "job_name"),
            _ => None,
        };
        let name = name.and_then(|(_, name)| name.text()).unwrap_or_default().to_owned();
        let name = format!("scrape_configs entry '{name}'");
        judge_all(&mut job, &name, &mut warnings)?;
        for (key, value) in &inherited {
            let own = job.take(key).filter(|own| !own.is_nothing());
            if let Node::Map(entries) = &mut job {
                entries.push((key.clone(), own.unwrap_or_else(|| value.clone())));
            }
        }
        jobs.push(job.read().map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(PrometheusFile { interval, timeout, jobs, warnings })
}

/// Takes the keys out of `entries` that are Prometheus's only.
fn judge_all(node: &mut Node, place: &str, warnings: &mut Vec<String>) -> Result<(), String> {
    let Node::Map(entries) = node else { return Ok(()) };
    let mut kept = Vec::new();
    for (key, value) in std::mem::take(entries) {
        match judge(&key, &value) {
            None => kept.push((key, value)),
            Some(Verdict::Leave) => {}
            Some(Verdict::Warn(why)) => warnings.push(format!("{place}: {key}: {why}")),
            Some(Verdict::Refuse(why)) => {
                return Err(format!("{place}: {key} is not supported: {why}"));
            }
        }
    }
    *entries = kept;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_are_texts_where_texts_are_wanted() {
        let text = "
global: {scrape_interval: 15s, sample_limit: 7}
scrape_configs:
  - job_name: 500
    params: {a: [1, 1.0]}
    basic_auth: {username: true, password: 12345}
    honor_labels: yes
    static_configs:
      - targets: ['localhost:9090']
        labels: {shard: 1, prod: true, hex: 0x10, version: 1.0}
    relabel_configs:
      - {source_labels: [__address__], regex: 9090, target_label: b, replacement: 1, action: Replace}
  - {job_name: other, sample_limit: 9, file_sd_configs: }
";
        let file = parse(text).unwrap();
        let job = &file.jobs[0];
        assert_eq!((job.job_name.as_str(), job.honor_labels), ("500", true));
        assert_eq!(job.params["a"], ["1", "1.0"]);
        let auth = job.basic_auth.as_ref().unwrap();
        assert_eq!((auth.username.as_str(), auth.password.as_str()), ("true", "12345"));
        let labels: Vec<&str> = job.static_configs[0].labels.values().map(String::as_str).collect();
        assert_eq!(labels, ["0x10", "true", "1", "1.0"]);
        let rule = &job.relabel_configs[0];
        assert_eq!((rule.regex.as_str(), rule.replacement.as_str()), ("9090", "1"));
        assert_eq!((job.sample_limit, file.jobs[1].sample_limit), (7, 9));
    }

    #[test]
    fn keys_that_change_nothing_are_taken_and_others_warned_of() {
        let quiet = "
scrape_configs:
  - job_name: a
    scrape_native_histograms: false
    native_histogram_bucket_limit: 0
    native_histogram_min_bucket_factor: 0.0
    extra_scrape_metrics: false
    convert_classic_histograms_to_nhcb: false
    always_scrape_classic_histograms: true
    scrape_protocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]
    fallback_scrape_protocol: PrometheusText0.0.4
    metric_name_validation_scheme: utf8
    metric_name_escaping_scheme: allow-utf-8
    enable_compression: false
    label_name_length_limit: 0
    proxy_url: ''
    http_headers: {X-Shard: {values: [1], secrets: [abc]}}
";
        let file = parse(quiet).unwrap();
        assert_eq!(file.warnings, Vec::<String>::new());
        assert!(!file.jobs[0].enable_compression);
        assert_eq!(file.jobs[0].http_headers["X-Shard"].values, ["1"]);
        for (key, value) in [
            ("scrape_native_histograms", "true"),
            ("native_histogram_bucket_limit", "160"),
            ("scrape_protocols", "[PrometheusProto]"),
            ("metric_name_validation_scheme", "legacy"),
        ] {
            let file = parse(&format!("scrape_configs: [{{job_name: k, {key}: {value}}}]"));
            let warnings = file.unwrap().warnings;
            assert!(matches!(&warnings[..], [one] if one.contains(key)), "{warnings:?}");
        }
    }

    #[test]
    fn the_usual_file_is_read() {
        let text = "
global:
  scrape_interval: 1m30s
  evaluation_interval: 15s
  external_labels: {monitor: 'x'}
rule_files: ['first.rules']
alerting:
  alertmanagers: [{static_configs: [{targets: ['localhost:9093']}]}]
scrape_configs:
  - job_name: 'prometheus'
    scrape_interval: 5s
    scrape_timeout: 5s
    enable_compression: true
    static_configs:
      - targets: ['localhost:9090']
        labels: {group: 'canary'}
    relabel_configs:
      - source_labels: [__address__]
        regex: '(.*):\\d+'
        target_label: host
  - job_name: node
    file_sd_configs: [{files: ['targets/*.yml'], refresh_interval: 5m}]
";
        let file = parse(text).unwrap();
        assert_eq!(file.interval, Some(Duration::from_secs(90)));
        assert_eq!(file.jobs.len(), 2);
        assert_eq!(file.jobs[0].static_configs[0].targets, ["localhost:9090"]);
        assert_eq!(file.jobs[0].relabel_configs[0].target_label, "host");
        assert_eq!(file.jobs[1].file_sd_configs[0].files, ["targets/*.yml"]);
    }

    #[test]
    fn what_is_not_served_is_said() {
        for entry in [
            "kubernetes_sd_configs: [{role: pod}]",
            "proxy_url: 'http://proxy:3128'",
            "oauth2: {client_id: x}",
            "unheard_of: 1",
        ] {
            let text = format!("scrape_configs: [{{job_name: k, {entry}}}]");
            let error = parse(&text).unwrap_err();
            let key = entry.split(':').next().unwrap();
            assert!(error.contains("'k'") && error.contains(key), "{error}");
        }
        assert!(parse("scrape_config_files: [a.yml]").unwrap_err().contains("scrape_config_files"));
        assert!(parse("scrape_configs: {").is_err());
    }
}
