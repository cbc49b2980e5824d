//! `[scrape]` of the configuration. A job has the keys of Prometheus's `scrape_configs`, with their meaning.

use super::relabel::RelabelConfig;
use binnacle_storage::model::TenantId;
use http::header::{self, HeaderName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

/// `[scrape]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScrapeConfig {
    /// Time between two scrapes of a target, where its job does not say `scrape_interval`.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long a scrape may take, where its job does not say `scrape_timeout`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// A file with the `global` and `scrape_configs` of Prometheus (YAML); its jobs are scraped too. Empty: none.
    pub prometheus_file: PathBuf,
    /// Targets scraped at one time, over all jobs; more are left out, and the log says so.
    pub targets_max: usize,
    /// Largest answer of a target, after decompression, where its job does not say `body_size_limit`.
    pub body_bytes_max: u64,
    /// What to scrape, as `[[scrape.jobs]]` with the keys of a Prometheus `scrape_configs` entry: `job_name`,
    /// `static_configs`, `file_sd_configs`, `http_sd_configs`, `relabel_configs`, `metric_relabel_configs`, `honor_labels`, limits,
    /// credentials and so on; and `tenant`, whose data it becomes. For example
    /// `jobs = [{ job_name = "node", static_configs = [{ targets = ["127.0.0.1:9100"] }] }]`.
    pub jobs: Vec<JobConfig>,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        ScrapeConfig {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            prometheus_file: PathBuf::new(),
            targets_max: 10_000,
            body_bytes_max: 64 << 20,
            jobs: Vec::new(),
        }
    }
}

/// One job: targets that are scraped alike.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobConfig {
    pub job_name: String,
    /// Whose data it becomes.
    pub tenant: String,
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub scrape_interval: Option<Duration>,
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<Duration>,
    pub metrics_path: String,
    pub scheme: String,
    pub params: BTreeMap<String, Vec<String>>,
    /// Labels that a target sends win over the target's own.
    pub honor_labels: bool,
    /// Timestamps that a target sends are kept.
    pub honor_timestamps: bool,
    /// Series with timestamps of their own get stale markers too.
    pub track_timestamps_staleness: bool,
    pub follow_redirects: bool,
    /// Targets may answer compressed.
    pub enable_compression: bool,
    /// Further headers of each request.
    pub http_headers: BTreeMap<String, HttpHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    pub static_configs: Vec<TargetGroup>,
    pub file_sd_configs: Vec<FileDiscovery>,
    pub http_sd_configs: Vec<HttpDiscovery>,
    pub relabel_configs: Vec<RelabelConfig>,
    pub metric_relabel_configs: Vec<RelabelConfig>,
    /// Most samples after relabelling; a scrape past it fails. 0: no limit. The other limits alike.
    pub sample_limit: u64,
    pub target_limit: usize,
    pub label_limit: usize,
    pub label_name_length_limit: usize,
    pub label_value_length_limit: usize,
    /// Bytes, or a text such as `10MB`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "size")]
    pub body_size_limit: Option<u64>,
}

impl Default for JobConfig {
    fn default() -> Self {
        JobConfig {
            job_name: String::new(),
            tenant: TenantId::default().as_str().to_owned(),
            scrape_interval: None,
            scrape_timeout: None,
            metrics_path: "/metrics".to_owned(),
            scheme: "http".to_owned(),
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            follow_redirects: true,
            enable_compression: true,
            http_headers: BTreeMap::new(),
            basic_auth: None,
            authorization: None,
            bearer_token: None,
            bearer_token_file: None,
            tls_config: None,
            static_configs: Vec::new(),
            file_sd_configs: Vec::new(),
            http_sd_configs: Vec::new(),
            relabel_configs: Vec::new(),
            metric_relabel_configs: Vec::new(),
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            body_size_limit: None,
        }
    }
}

/// The values of one header, given or in files, which are read for each request.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    pub values: Vec<String>,
    pub secrets: Vec<String>,
    pub files: Vec<PathBuf>,
}

/// User and password; the `_file` of each names a file that holds it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuth {
    pub username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_file: Option<PathBuf>,
    pub password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// The `Authorization` header.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    #[serde(rename = "type")]
    pub kind: String,
    pub credentials: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
}

impl Default for Authorization {
    fn default() -> Self {
        let kind = "Bearer".to_owned();
        Authorization { kind, credentials: String::new(), credentials_file: None }
    }
}

/// How `https` targets are trusted.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The name on the target's certificate, where it is not the one it is reached by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
}

/// Targets with the labels they share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetGroup {
    pub targets: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// Files with target groups, JSON or YAML; read again when they change.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileDiscovery {
    /// Paths, whose last part may hold `*`.
    pub files: Vec<String>,
    /// Kept for Prometheus's files: changes are seen within seconds anyway.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<Duration>,
}

/// An address that answers with target groups in JSON.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpDiscovery {
    pub url: String,
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<Duration>,
}

/// Reads `1024` or `10MB`; units are powers of 1024, as in Prometheus.
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Bytes(u64),
        Text(String),
    }
    match Size::deserialize(deserializer)? {
        Size::Bytes(bytes) => Ok(Some(bytes).filter(|bytes| *bytes > 0)),
        Size::Text(text) => {
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, unit) = text.split_at(digits);
            let factor = match unit.trim().trim_end_matches("iB").trim_end_matches('B') {
                "" => 1u64,
                "K" => 1 << 10,
                "M" => 1 << 20,
                "G" => 1 << 30,
                _ => return Err(serde::de::Error::custom(format!("'{text}' is not a size"))),
            };
            let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
            bytes
                .map(|bytes| Some(bytes).filter(|bytes| *bytes > 0))
                .ok_or_else(|| serde::de::Error::custom(format!("'{text}' is not a size")))
        }
    }
}

impl ScrapeConfig {
    /// All jobs, those of the Prometheus file included, with intervals filled in, and what that file asks for in vain; or what
    /// cannot work, in words.
    pub fn all_jobs(&self) -> Result<(Vec<JobConfig>, Vec<String>), String> {
        let fill = |mut job: JobConfig, interval: Duration, timeout: Duration| {
            let interval = *job.scrape_interval.get_or_insert(interval);
            job.scrape_timeout.get_or_insert(timeout.min(interval));
            job
        };
        let own = self.jobs.iter().map(|job| fill(job.clone(), self.interval, self.timeout));
        let mut jobs: Vec<JobConfig> = own.collect();
        let mut warnings = Vec::new();
        if !self.prometheus_file.as_os_str().is_empty() {
            let file = super::prometheus_file::read(&self.prometheus_file)?;
            warnings = file.warnings;
            let interval = file.interval.unwrap_or(self.interval);
            let timeout = file.timeout.unwrap_or(self.timeout);
            jobs.extend(file.jobs.into_iter().map(|job| fill(job, interval, timeout)));
        }
        let mut names = HashSet::new();
        for job in &jobs {
            check_job(job)
                .map_err(|problem| format!("scrape job '{}': {problem}", job.job_name))?;
            if !names.insert(&job.job_name) {
                return Err(format!("scrape job '{}' occurs twice", job.job_name));
            }
        }
        Ok((jobs, warnings))
    }

    /// What cannot work, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.body_bytes_max == 0 || self.targets_max == 0 {
            return Err("scrape.body_bytes_max and targets_max must be above 0".to_owned());
        }
        self.all_jobs().map(drop)
    }
}

fn check_job(job: &JobConfig) -> Result<(), String> {
    if job.job_name.is_empty() {
        return Err("it needs a job_name".to_owned());
    }
    job.tenant.parse::<TenantId>().map_err(|error| error.to_string())?;
    let (interval, timeout) = (job.scrape_interval, job.scrape_timeout);
    if interval.is_some_and(|interval| interval < Duration::from_millis(10)) {
        return Err("scrape_interval must be at least 10 ms".to_owned());
    }
    if timeout.is_some_and(|timeout| timeout.is_zero()) || timeout > interval {
        return Err("scrape_timeout must be above 0 and no longer than scrape_interval".to_owned());
    }
    if !["http", "https"].contains(&job.scheme.as_str()) {
        return Err(format!("scheme '{}' is neither http nor https", job.scheme));
    }
    let credentials = [
        job.basic_auth.is_some(),
        job.authorization.is_some(),
        job.bearer_token.is_some() || job.bearer_token_file.is_some(),
    ];
    if credentials.iter().filter(|given| **given).count() > 1 {
        return Err(
            "only one of basic_auth, authorization and bearer_token may be given".to_owned()
        );
    }
    for name in job.http_headers.keys() {
        let own = [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH];
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("http_headers: '{name}' is not the name of a header"))?;
        if own.contains(&name) {
            return Err(format!("http_headers: '{name}' is not to be given here"));
        }
    }
    let rules = job.relabel_configs.iter().chain(&job.metric_relabel_configs);
    for rule in rules {
        rule.compile()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_units() {
        let limit = |text: &str| {
            let json = format!("{{\"job_name\": \"a\", \"body_size_limit\": {text}}}");
            serde_json::from_str::<JobConfig>(&json).ok()?.body_size_limit
        };
        assert_eq!(limit("5"), Some(5));
        assert_eq!((limit("0"), limit("\"0\"")), (None, None));
        assert_eq!(limit("\"10MB\""), Some(10 << 20));
        assert_eq!(limit("\"2KiB\""), Some(2048));
        assert_eq!(limit("\"2 parsec\""), None);
    }

    #[test]
    fn jobs_that_cannot_work_are_named() {
        let job = |json: &str| {
            let jobs = vec![serde_json::from_str::<JobConfig>(json).unwrap()];
            ScrapeConfig { jobs, ..ScrapeConfig::default() }.check()
        };
        assert_eq!(job(r#"{"job_name": "a"}"#), Ok(()));
        let wrong = [
            r#"{}"#,
            r#"{"job_name": "a", "tenant": "../b"}"#,
            r#"{"job_name": "a", "scheme": "ftp"}"#,
            r#"{"job_name": "a", "scrape_interval": "1s", "scrape_timeout": "2s"}"#,
            r#"{"job_name": "a", "bearer_token": "x", "basic_auth": {"username": "y"}}"#,
            r#"{"job_name": "a", "relabel_configs": [{"regex": "("}]}"#,
            r#"{"job_name": "a", "http_headers": {"Authorization": {"values": ["x"]}}}"#,
            r#"{"job_name": "a", "http_headers": {"not a name": {"values": ["x"]}}}"#,
        ];
        for json in wrong {
            assert!(job(json).is_err(), "{json}");
        }
    }
}
