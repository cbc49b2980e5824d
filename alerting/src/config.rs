//! `[alerting]` of the configuration.

use crate::notify;
use binnacle_storage::model::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[alerting]` in the config file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingConfig {
    /// Whose telemetry rules are about, where their group does not say `tenant`, and whose SLOs and alerts these are.
    pub tenant: String,
    /// Prometheus rule files, as paths or patterns such as `rules/*.yml`. Read again when one changes.
    pub rule_files: Vec<String>,
    /// Folder of SLOs in OpenSLO's YAML. Read again when a file in it changes. Empty: SLOs come over the API only.
    pub slos: PathBuf,
    /// Whom to tell and how: routes and receivers as Alertmanager's configuration file has them. Empty: nobody is told.
    pub notify_file: PathBuf,
    /// Hosts that notifications may be sent to, as patterns such as `*.example.com`. Empty: all.
    pub notify_hosts: Vec<String>,
    /// Other Alertmanagers, `http://am:9093`, that are to know of every alert raised here, whatever `notify_file` says.
    pub alertmanagers: Vec<String>,
    /// Files are looked at for changes this often.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
    /// Time between two evaluations of a rule group that does not say `interval`.
    #[serde(with = "humantime_serde")]
    pub evaluation_interval: Duration,
    /// How far in the past rules look, where their group does not say `query_offset`: for series that arrive late.
    #[serde(with = "humantime_serde")]
    pub query_offset: Duration,
    /// An alert that goes on firing is handed to notification again after this time.
    #[serde(with = "humantime_serde")]
    pub resend_delay: Duration,
    /// Rule groups evaluated at one time.
    pub concurrency: usize,
    /// Address by which people reach this server, for the links in alerts. Empty: that of the API's listener.
    pub external_url: String,
    /// Labels that every alert gets when it leaves, unless it has them: `{ cluster = "eu-1" }`.
    pub external_labels: BTreeMap<String, String>,
}

impl Default for AlertingConfig {
    fn default() -> Self {
        AlertingConfig {
            tenant: TenantId::DEFAULT.to_owned(),
            rule_files: Vec::new(),
            slos: PathBuf::new(),
            notify_file: PathBuf::new(),
            notify_hosts: Vec::new(),
            alertmanagers: Vec::new(),
            reload_interval: Duration::from_secs(10),
            evaluation_interval: Duration::from_secs(15),
            query_offset: Duration::ZERO,
            resend_delay: Duration::from_secs(60),
            concurrency: 4,
            external_url: String::new(),
            external_labels: BTreeMap::new(),
        }
    }
}

impl AlertingConfig {
    /// What cannot work, in words.
    pub fn check(&self) -> Result<(), String> {
        self.tenant
            .parse::<TenantId>()
            .map_err(|error| format!("alerting.tenant is none: {error}"))?;
        for pattern in &self.rule_files {
            glob::Pattern::new(pattern).map_err(|error| {
                format!("alerting.rule_files has '{pattern}', which is no pattern: {error}")
            })?;
        }
        for address in &self.alertmanagers {
            notify::check_address(address)
                .map_err(|wrong| format!("alerting.alertmanagers has an address that {wrong}"))?;
        }
        for host in &self.notify_hosts {
            glob::Pattern::new(host).map_err(|error| {
                format!("alerting.notify_hosts has '{host}', which is no pattern: {error}")
            })?;
        }
        if self.evaluation_interval < Duration::from_millis(100) {
            return Err("alerting.evaluation_interval must be at least 100ms".to_owned());
        }
        if self.reload_interval < Duration::from_millis(100) {
            return Err("alerting.reload_interval must be at least 100ms".to_owned());
        }
        if self.concurrency == 0 {
            return Err("alerting.concurrency must be at least 1".to_owned());
        }
        if !self.external_url.is_empty() {
            let url = url::Url::parse(&self.external_url)
                .map_err(|error| format!("alerting.external_url is no address: {error}"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err("alerting.external_url must begin with http:// or https://".to_owned());
            }
        }
        if self.external_labels.keys().any(|name| name.is_empty()) {
            return Err("alerting.external_labels has a label without a name".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_said() {
        let refused = |change: fn(&mut AlertingConfig)| {
            let mut config = AlertingConfig::default();
            change(&mut config);
            config.check().is_err()
        };
        assert!(!refused(|_| ()));
        assert!(!refused(|config| config.external_url = "https://telemetry.example".to_owned()));
        assert!(refused(|config| config.external_url = "telemetry.example".to_owned()));
        assert!(refused(|config| config.tenant = "a/b".to_owned()));
        assert!(refused(|config| config.rule_files = vec!["rules/***".to_owned()]));
        assert!(refused(|config| config.evaluation_interval = Duration::ZERO));
        assert!(refused(|config| config.concurrency = 0));
        assert!(refused(|config| config.alertmanagers = vec!["am:9093".to_owned()]));
        assert!(refused(|config| config.notify_hosts = vec!["[".to_owned()]));
    }
}
