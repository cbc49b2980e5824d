//! Alertmanager's configuration file, read whole or refused with the line of what is wrong.
//!
//! What it may say and we do not do is refused by name, so that nobody waits for a message that is never sent.

mod email;
mod http;
mod receiver;
mod route;
mod secret;
mod time_interval;

pub use email::{Email, Login, Security};
pub use http::{Credentials, HttpConfig, SecretSource, TlsConfig};
pub use receiver::{
    Integration, Kind, PagerDuty, Receiver, Slack, Webhook, WebhookFormat, check_url,
};
pub use route::{GroupBy, Route};
pub use secret::Secret;
pub use time_interval::TimeInterval;

use crate::notify::matcher::Matcher;
use crate::notify::message::template;
use crate::yaml::{self, Fault, Fields, Node};
use binnacle_query::template::Definitions;
use binnacle_storage::model::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an alert without an end counts as firing after it was last sent.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Whom to tell, and how.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub resolve_timeout: Duration,
    pub root: Route,
    pub receivers: Vec<Receiver>,
    pub inhibit_rules: Vec<InhibitRule>,
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Patterns of files with templates.
    pub templates: Vec<PathBuf>,
    /// The default templates, and those of the files once they are read.
    pub definitions: Definitions,
    /// The file as it may be shown: without secrets.
    pub shown: String,
}

/// While an alert that `source` matches is firing, those that `target` matches and that equal it in some labels are muted.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    pub source: Vec<Matcher>,
    pub target: Vec<Matcher>,
    pub equal: Vec<String>,
}

impl Default for Configuration {
    /// Without a file: alerts are grouped and shown, and nobody is told.
    fn default() -> Configuration {
        const NAME: &str = "nobody";
        Configuration {
            resolve_timeout: RESOLVE_TIMEOUT,
            root: Route::to(NAME),
            receivers: vec![Receiver { name: NAME.to_owned(), integrations: Vec::new() }],
            inhibit_rules: Vec::new(),
            time_intervals: BTreeMap::new(),
            templates: Vec::new(),
            definitions: template::defaults(),
            shown: format!(
                "route:\n  receiver: {NAME}\n  group_by:\n  - alertname\nreceivers:\n- name: {NAME}\n"
            ),
        }
    }
}

impl Configuration {
    /// Reads a file's text; `folder` is where the paths in it start.
    pub fn parse(text: &str, folder: &Path) -> Result<Configuration, Fault> {
        let document = yaml::document(text)?;
        let shown = secret::print_hidden(&document);
        let mut fields = document.fields("the file")?;
        let (resolve_timeout, inherited) = global(&mut fields, folder)?;
        let receivers = receivers(&mut fields, &inherited, folder)?;
        let time_intervals = time_intervals(&mut fields)?;
        let known = route::Known {
            receivers: receivers.iter().map(|receiver| receiver.name.as_str()).collect(),
            time_intervals: time_intervals.keys().map(String::as_str).collect(),
        };
        let root = route::read_root(fields.need("route")?, &known)?;
        let inhibit_rules = fields.list("inhibit_rules")?.into_iter().map(inhibit_rule);
        let inhibit_rules = inhibit_rules.collect::<Result<_, Fault>>()?;
        let templates = fields.texts("templates")?;
        let templates = templates.into_iter().map(|path| folder.join(path)).collect();
        fields.finish()?;
        Ok(Configuration {
            resolve_timeout,
            root,
            receivers,
            inhibit_rules,
            time_intervals,
            templates,
            definitions: template::defaults(),
            shown,
        })
    }

    pub fn find_receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Whether one of the named intervals contains this moment.
    pub fn is_within(&self, names: &[String], now: Timestamp) -> bool {
        let intervals = names.iter().filter_map(|name| self.time_intervals.get(name)).flatten();
        intervals.into_iter().any(|interval| interval.contains(now))
    }
}

fn global(fields: &mut Fields, folder: &Path) -> Result<(Duration, receiver::Inherited), Fault> {
    let Some(node) = fields.take("global") else {
        return Ok((RESOLVE_TIMEOUT, receiver::Inherited::default()));
    };
    let mut global = node.fields("global")?;
    let resolve_timeout = route::duration(&mut global, "resolve_timeout", RESOLVE_TIMEOUT)?;
    let inherited = receiver::Inherited {
        http: global
            .take("http_config")
            .map_or(Ok(HttpConfig::default()), |node| http::read(node, folder))?,
        slack_api_url: address(&mut global, "slack_api_url", folder)?,
        pagerduty_url: address(&mut global, "pagerduty_url", folder)?,
        smtp: email::read_global(&mut global, folder)?,
    };
    global.finish()?;
    Ok((resolve_timeout, inherited))
}

fn address(fields: &mut Fields, key: &str, folder: &Path) -> Result<Option<SecretSource>, Fault> {
    let given = http::secret(fields, key, folder)?;
    if let Some(SecretSource::Given(url)) = &given {
        check_url(url.reveal()).map_err(|wrong| fields.fault(format!("{key} {wrong}")))?;
    }
    Ok(given)
}

fn receivers(
    fields: &mut Fields,
    inherited: &receiver::Inherited,
    folder: &Path,
) -> Result<Vec<Receiver>, Fault> {
    let mut receivers: Vec<Receiver> = Vec::new();
    for node in fields.list("receivers")? {
        let line = node.line;
        let receiver = receiver::read(node, inherited, folder)?;
        if receivers.iter().any(|known| known.name == receiver.name) {
            return Err(Fault::new(line, format!("there are two receivers '{}'", receiver.name)));
        }
        receivers.push(receiver);
    }
    Ok(receivers)
}

/// Of both names they are written under.
fn time_intervals(fields: &mut Fields) -> Result<BTreeMap<String, Vec<TimeInterval>>, Fault> {
    let mut intervals = BTreeMap::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        for node in fields.list(key)? {
            let mut named = node.fields(key)?;
            let line = named.line;
            let name = named.need("name")?.text("name")?;
            let list = named.take("time_intervals");
            let list = list.map_or(Ok(Vec::new()), time_interval::read_list)?;
            named.finish()?;
            if intervals.insert(name.clone(), list).is_some() {
                return Err(Fault::new(line, format!("there are two time intervals '{name}'")));
            }
        }
    }
    Ok(intervals)
}

fn inhibit_rule(node: Node) -> Result<InhibitRule, Fault> {
    let mut fields = node.fields("an inhibit rule")?;
    // Names a rule in newer files; nothing refers to it.
    fields.take("name");
    let rule = InhibitRule {
        source: route::read_matchers(
            &mut fields,
            "source_match",
            "source_match_re",
            "source_matchers",
        )?,
        target: route::read_matchers(
            &mut fields,
            "target_match",
            "target_match_re",
            "target_matchers",
        )?,
        equal: fields.texts("equal")?,
    };
    fields.finish()?;
    Ok(rule)
}

#[cfg(test)]
mod tests;
