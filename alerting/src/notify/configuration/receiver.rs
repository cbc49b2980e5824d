//! Receivers: who is told, through which integrations.

use super::email::{self, Email, Smtp};
use super::http::{self, HttpConfig, SecretSource};
use super::route;
use crate::notify::message;
use crate::yaml::{Fault, Fields, Node};
use std::path::Path;
use std::time::Duration;

/// How long one attempt may take unless the integration says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    pub name: String,
    pub integrations: Vec<Integration>,
}

/// One way to tell a receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// `webhook[0]`: the kind, and which of its kind.
    pub name: String,
    pub send_resolved: bool,
    pub http: HttpConfig,
    /// Of mail its relay, as `smtp://host:port`.
    pub url: SecretSource,
    pub timeout: Duration,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Webhook(Webhook),
    Slack(Box<Slack>),
    PagerDuty(Box<PagerDuty>),
    Email(Box<Email>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Alerts beyond so many are only counted; 0 is no limit.
    pub alerts_max: u64,
    pub format: WebhookFormat,
    /// Signs every request.
    pub hmac_secret: Option<SecretSource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Alertmanager's JSON, version 4.
    Alertmanager,
    /// The same as the data of a CloudEvent, in structured mode.
    CloudEvents,
}

/// Texts are templates, but for `mrkdwn_in`.
#[derive(Debug, Clone, PartialEq)]
pub struct Slack {
    pub channel: String,
    pub username: String,
    pub color: String,
    pub title: String,
    pub title_link: String,
    pub pretext: String,
    pub text: String,
    pub fallback: String,
    pub callback_id: String,
    pub footer: String,
    pub icon_emoji: String,
    pub icon_url: String,
    pub image_url: String,
    pub thumb_url: String,
    pub link_names: bool,
    pub mrkdwn_in: Vec<String>,
    pub fields: Vec<SlackField>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SlackField {
    pub title: String,
    pub value: String,
    pub short: bool,
}

/// Texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct PagerDuty {
    pub routing_key: SecretSource,
    pub client: String,
    pub client_url: String,
    pub description: String,
    pub source: String,
    pub severity: String,
    pub class: String,
    pub component: String,
    pub group: String,
    pub details: Vec<(String, String)>,
    /// `href` and `text`.
    pub links: Vec<(String, String)>,
    /// `src`, `alt`, `href`.
    pub images: Vec<(String, String, String)>,
}

/// What receivers inherit from `global`.
#[derive(Debug, Clone, Default)]
pub struct Inherited {
    pub http: HttpConfig,
    pub slack_api_url: Option<SecretSource>,
    pub pagerduty_url: Option<SecretSource>,
    pub smtp: Smtp,
}

pub fn read(node: Node, inherited: &Inherited, folder: &Path) -> Result<Receiver, Fault> {
    let mut fields = node.fields("receiver")?;
    let name = fields.need("name")?.text("name")?;
    if name.is_empty() {
        return Err(fields.fault("a receiver has no name"));
    }
    fields.what = format!("receiver '{name}'");
    let mut integrations = Vec::new();
    for (key, read) in KINDS {
        for (place, node) in fields.list(key)?.into_iter().enumerate() {
            let kind = key.trim_end_matches("_configs");
            let mut config = node.fields(*key)?;
            let integration = read(&mut config, format!("{kind}[{place}]"), inherited, folder)?;
            config.finish()?;
            integrations.push(integration);
        }
    }
    fields.finish()?;
    Ok(Receiver { name, integrations })
}

type Read = fn(&mut Fields, String, &Inherited, &Path) -> Result<Integration, Fault>;

const KINDS: &[(&str, Read)] = &[
    ("webhook_configs", webhook),
    ("slack_configs", slack),
    ("pagerduty_configs", pagerduty),
    ("email_configs", email::read),
];

/// What every integration has.
fn integration(
    fields: &mut Fields,
    name: String,
    send_resolved: bool,
    inherited: &Inherited,
    folder: &Path,
    (url_key, url): (&str, Option<&SecretSource>),
    kind: Kind,
) -> Result<Integration, Fault> {
    let line = fields.line;
    let given = http::secret(fields, url_key, folder)?;
    if let Some(SecretSource::Given(url)) = &given {
        check_url(url.reveal()).map_err(|wrong| Fault::new(line, format!("{url_key} {wrong}")))?;
    }
    let url = given.or_else(|| url.cloned());
    Ok(Integration {
        name,
        send_resolved: fields.bool("send_resolved")?.unwrap_or(send_resolved),
        http: match fields.take("http_config") {
            Some(node) => http::read(node, folder)?,
            None => inherited.http.clone(),
        },
        url: url.ok_or_else(|| Fault::new(line, format!("{} has no '{url_key}'", fields.what)))?,
        timeout: or_default(route::duration(fields, "timeout", TIMEOUT)?, TIMEOUT),
        kind,
    })
}

/// An address we can send to; the fault does not repeat it.
pub fn check_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(()),
        _ => Err("must begin with http:// or https://".to_owned()),
    }
}

fn webhook(
    fields: &mut Fields,
    name: String,
    inherited: &Inherited,
    folder: &Path,
) -> Result<Integration, Fault> {
    let alerts_max = match fields.take("max_alerts") {
        None => 0,
        Some(node) => u64::try_from(node.integer("max_alerts")?)
            .map_err(|_| node.fault("max_alerts cannot be negative"))?,
    };
    let format = match fields.take("format") {
        None => WebhookFormat::Alertmanager,
        Some(node) => match node.text("format")?.as_str() {
            "alertmanager" => WebhookFormat::Alertmanager,
            "cloudevents" => WebhookFormat::CloudEvents,
            other => {
                let message = format!("format is '{other}', not alertmanager or cloudevents");
                return Err(node.fault(message));
            }
        },
    };
    let hmac_secret = http::secret(fields, "hmac_secret", folder)?;
    let kind = Kind::Webhook(Webhook { alerts_max, format, hmac_secret });
    integration(fields, name, true, inherited, folder, ("url", None), kind)
}

/// No timeout at all is none that is said.
pub fn or_default(timeout: Duration, default: Duration) -> Duration {
    if timeout.is_zero() { default } else { timeout }
}

/// A template with its default.
pub fn template(fields: &mut Fields, key: &str, default: &str) -> Result<String, Fault> {
    let Some(node) = fields.take(key) else { return Ok(default.to_owned()) };
    let text = node.text(key)?;
    match message::template::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(node.fault(format!("{key} is no template: {error}"))),
    }
}

fn slack(
    fields: &mut Fields,
    name: String,
    inherited: &Inherited,
    folder: &Path,
) -> Result<Integration, Fault> {
    let short = fields.bool("short_fields")?.unwrap_or(false);
    let default = |part: &str| format!("{{{{ template \"slack.default.{part}\" . }}}}");
    let config = Slack {
        channel: template(fields, "channel", "")?,
        username: template(fields, "username", &default("username"))?,
        color: template(
            fields,
            "color",
            "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}",
        )?,
        title: template(fields, "title", &default("title"))?,
        title_link: template(fields, "title_link", &default("titlelink"))?,
        pretext: template(fields, "pretext", &default("pretext"))?,
        text: template(fields, "text", &default("text"))?,
        fallback: template(fields, "fallback", &default("fallback"))?,
        callback_id: template(fields, "callback_id", &default("callbackid"))?,
        footer: template(fields, "footer", &default("footer"))?,
        icon_emoji: template(fields, "icon_emoji", &default("iconemoji"))?,
        icon_url: template(fields, "icon_url", &default("iconurl"))?,
        image_url: template(fields, "image_url", "")?,
        thumb_url: template(fields, "thumb_url", "")?,
        link_names: fields.bool("link_names")?.unwrap_or(false),
        mrkdwn_in: fields.texts("mrkdwn_in")?,
        fields: slack_fields(fields, short)?,
    };
    let url = inherited.slack_api_url.as_ref();
    let kind = Kind::Slack(Box::new(config));
    integration(fields, name, false, inherited, folder, ("api_url", url), kind)
}

fn slack_fields(fields: &mut Fields, short: bool) -> Result<Vec<SlackField>, Fault> {
    let mut read = Vec::new();
    for node in fields.list("fields")? {
        let mut field = node.fields("a field of slack_configs")?;
        read.push(SlackField {
            title: template(&mut field, "title", "")?,
            value: template(&mut field, "value", "")?,
            short: field.bool("short")?.unwrap_or(short),
        });
        field.finish()?;
    }
    Ok(read)
}

fn pagerduty(
    fields: &mut Fields,
    name: String,
    inherited: &Inherited,
    folder: &Path,
) -> Result<Integration, Fault> {
    let line = fields.line;
    let routing_key = http::secret(fields, "routing_key", folder)?;
    let routing_key =
        routing_key.ok_or_else(|| Fault::new(line, "pagerduty_configs has no 'routing_key'"))?;
    let default = |part: &str| format!("{{{{ template \"pagerduty.default.{part}\" . }}}}");
    let client = template(fields, "client", &default("client"))?;
    let config = PagerDuty {
        routing_key,
        client_url: template(fields, "client_url", &default("clientURL"))?,
        description: template(fields, "description", &default("description"))?,
        source: template(fields, "source", &client)?,
        severity: template(fields, "severity", "error")?,
        class: template(fields, "class", "")?,
        component: template(fields, "component", "")?,
        group: template(fields, "group", "")?,
        details: details(fields)?,
        links: texts_of(fields, "links", ["href", "text"])?
            .into_iter()
            .map(|[href, text]| (href, text))
            .collect(),
        images: texts_of(fields, "images", ["src", "alt", "href"])?
            .into_iter()
            .map(|[src, alt, href]| (src, alt, href))
            .collect(),
        client,
    };
    let public = SecretSource::Given(super::secret::Secret::new(PAGERDUTY_URL));
    let url = inherited.pagerduty_url.as_ref().unwrap_or(&public);
    let kind = Kind::PagerDuty(Box::new(config));
    integration(fields, name, true, inherited, folder, ("url", Some(url)), kind)
}

/// Details that are always sent unless they are written otherwise, and those that are written.
fn details(fields: &mut Fields) -> Result<Vec<(String, String)>, Fault> {
    let line = fields.line;
    let mut details = fields.text_map("details")?;
    for (name, text) in &details {
        let wrong = |error| Fault::new(line, format!("details.{name} is no template: {error}"));
        message::template::parse(text).map_err(wrong)?;
    }
    let list =
        |of: &str| format!("{{{{ template \"pagerduty.default.instances\" .Alerts.{of} }}}}");
    let count = |of: &str| format!("{{{{ .Alerts.{of} | len }}}}");
    let defaults = [
        ("firing", list("Firing")),
        ("num_firing", count("Firing")),
        ("num_resolved", count("Resolved")),
        ("resolved", list("Resolved")),
    ];
    for (name, template) in defaults {
        if !details.iter().any(|(known, _)| known == name) {
            details.push((name.to_owned(), template));
        }
    }
    Ok(details)
}

fn texts_of<const N: usize>(
    fields: &mut Fields,
    key: &str,
    names: [&str; N],
) -> Result<Vec<[String; N]>, Fault> {
    let mut read = Vec::new();
    for node in fields.list(key)? {
        let mut item = node.fields(key)?;
        let mut texts = [const { String::new() }; N];
        for (text, name) in texts.iter_mut().zip(names) {
            *text = template(&mut item, name, "")?;
        }
        item.finish()?;
        read.push(texts);
    }
    Ok(read)
}
