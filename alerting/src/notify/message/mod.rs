//! Messages: a notice as each kind of integration reads it. No I/O; secrets are added when it is sent.

mod cloud_event;
mod data;
pub mod email;
mod pagerduty;
mod slack;
pub mod template;
pub mod time;

use super::configuration::{Integration, Kind, WebhookFormat};
use super::dispatch::Notice;
use super::outbox::Message;
use crate::Alert;
use binnacle_query::template::Definitions;
use binnacle_storage::model::TenantId;
use ring::digest;
use std::sync::Arc;

const JSON: &str = "application/json";

/// Templates that fail with all alerts of a notice see so many of them.
const ALERTS_SHORT: usize = 50;

/// What every message is made with.
#[derive(Debug)]
pub struct Context<'a> {
    pub tenant: &'a TenantId,
    /// Address of the Alertmanager API, for links.
    pub external_url: &'a str,
    /// Templates by name.
    pub definitions: &'a Definitions,
}

/// A message of a notice, or, if it cannot be made, why, with an empty body.
pub fn render(
    notice: &Notice,
    integration: &Integration,
    context: &Context<'_>,
) -> (Message, Option<String>) {
    let key = idempotency_key(notice, integration, context.tenant);
    let rendered = render_kind(notice, &notice.alerts, integration, context, &key);
    // A text that would be too long, most likely: of some of the alerts it is better than none.
    let rendered = rendered.or_else(|error| {
        let some = notice.alerts.get(..ALERTS_SHORT).ok_or(error)?;
        render_kind(notice, some, integration, context, &key)
    });
    let ((content_type, body), error) = match rendered {
        Ok(rendered) => (rendered, None),
        Err(error) => (("", String::new()), Some(error)),
    };
    let message = Message {
        receiver: notice.receiver.clone(),
        integration: integration.name.clone(),
        group_key: notice.group_key.clone(),
        idempotency_key: key,
        is_firing: is_firing(notice),
        reason: notice.reason.text(),
        alerts: notice.alerts.len(),
        content_type,
        body,
    };
    (message, error)
}

/// Content type and body, where templates see `alerts` of the notice's.
fn render_kind(
    notice: &Notice,
    alerts: &[Arc<Alert>],
    integration: &Integration,
    context: &Context<'_>,
    key: &str,
) -> Result<(&'static str, String), String> {
    let data = || template::Data::of(notice, alerts, context.external_url);
    match &integration.kind {
        Kind::Webhook(webhook) => {
            let data = data::webhook(notice, context.external_url, webhook.alerts_max);
            match webhook.format {
                WebhookFormat::Alertmanager => Ok((JSON, data.to_string())),
                WebhookFormat::CloudEvents => {
                    Ok((cloud_event::CONTENT_TYPE, cloud_event::wrap(notice, context, key, data)))
                }
            }
        }
        Kind::Slack(slack) => {
            slack::render(slack, &data(), context.definitions).map(|body| (JSON, body))
        }
        Kind::PagerDuty(duty) => {
            pagerduty::render(duty, notice, context, &data()).map(|body| (JSON, body))
        }
        Kind::Email(mail) => {
            email::render(mail, notice, &data(), context.definitions).map(|body| (JSON, body))
        }
    }
}

/// Whether any of its alerts is.
fn is_firing(notice: &Notice) -> bool {
    notice.alerts.iter().any(|alert| !alert.is_resolved(notice.now))
}

/// Of who is told what about which group at what time: the same notice always has the same key.
fn idempotency_key(notice: &Notice, integration: &Integration, tenant: &TenantId) -> String {
    let Notice { receiver, group_key, now, .. } = notice;
    let text = format!("{tenant}\0{receiver}\0{}\0{group_key}\0{now}", integration.name);
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    hex(&digest.as_ref()[..16])
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Not more than `chars_max` characters, with an ellipsis where some are missing.
fn cut(text: String, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text;
    }
    let mut cut: String = text.chars().take(chars_max - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests;
