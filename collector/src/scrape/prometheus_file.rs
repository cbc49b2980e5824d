//! A Prometheus configuration file: its `global` and `scrape_configs`, as far as they concern scraping.

use super::config::JobConfig;
use super::yaml;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;

/// Keys of a job that ask for what scraping here does anyway, or for what has no counterpart and changes no sample.
const WITHOUT_EFFECT: &[&str] = &[
    "always_scrape_classic_histograms",
    "enable_compression",
    "enable_http2",
    "fallback_scrape_protocol",
    "keep_dropped_targets",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "scrape_classic_histograms",
    "scrape_failure_log_file",
    "scrape_protocols",
];

/// What the file says.
#[derive(Debug)]
pub struct PrometheusFile {
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub jobs: Vec<JobConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    global: Global,
    scrape_configs: Vec<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Global {
    #[serde(with = "humantime_serde")]
    scrape_interval: Option<Duration>,
    #[serde(with = "humantime_serde")]
    scrape_timeout: Option<Duration>,
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
    let file: File = yaml::from_str(text)?;
    let mut jobs = Vec::new();
    for mut job in file.scrape_configs {
        job.retain(|key, _| !WITHOUT_EFFECT.contains(&key.as_str()));
        let name = job.get("job_name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let job = serde_json::from_value(Value::Object(job))
            .map_err(|error| format!("scrape_configs entry '{name}': {error}"))?;
        jobs.push(job);
    }
    let Global { scrape_interval: interval, scrape_timeout: timeout } = file.global;
    Ok(PrometheusFile { interval, timeout, jobs })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let error =
            parse("scrape_configs: [{job_name: k, kubernetes_sd_configs: []}]").unwrap_err();
        assert!(error.contains("'k'") && error.contains("kubernetes_sd_configs"), "{error}");
        assert!(parse("scrape_configs: {").is_err());
    }
}
