//! PagerDuty's Events API v2: one incident for each group, triggered and resolved by its key.

use super::template::Data;
use super::{Context, cut, hex, is_firing};
use crate::notify::configuration::PagerDuty;
use crate::notify::dispatch::Notice;
use binnacle_storage::model::TenantId;
use ring::digest;
use serde_json::{Map, json};

/// Longest summary taken.
const SUMMARY_CHARS_MAX: usize = 1024;

/// Largest event taken.
const EVENT_BYTES_MAX: usize = 512_000;

/// The event without its routing key, which is a secret and added when it is sent.
pub fn render(
    pagerduty: &PagerDuty,
    notice: &Notice,
    context: &Context<'_>,
    data: &Data,
) -> Result<String, String> {
    let text = |template: &str| data.render(template, context.definitions);
    let mut details = Map::new();
    for (name, template) in &pagerduty.details {
        details.insert(name.clone(), text(template)?.into());
    }
    let mut payload = Map::new();
    payload
        .insert("summary".to_owned(), cut(text(&pagerduty.description)?, SUMMARY_CHARS_MAX).into());
    payload.insert("source".to_owned(), text(&pagerduty.source)?.into());
    payload.insert("severity".to_owned(), text(&pagerduty.severity)?.into());
    payload.insert("custom_details".to_owned(), details.into());
    let optional = [
        ("class", &pagerduty.class),
        ("component", &pagerduty.component),
        ("group", &pagerduty.group),
    ];
    for (name, template) in optional {
        let rendered = text(template)?;
        if !rendered.is_empty() {
            payload.insert(name.to_owned(), rendered.into());
        }
    }
    let (mut links, mut images) = (Vec::new(), Vec::new());
    for (href, label) in &pagerduty.links {
        let href = text(href)?;
        if !href.is_empty() {
            links.push(json!({ "href": href, "text": text(label)? }));
        }
    }
    for (src, alt, href) in &pagerduty.images {
        let src = text(src)?;
        if !src.is_empty() {
            images.push(json!({ "src": src, "alt": text(alt)?, "href": text(href)? }));
        }
    }
    let mut event = json!({
        "event_action": if is_firing(notice) { "trigger" } else { "resolve" },
        "dedup_key": dedup_key(&notice.group_key, context.tenant),
        "payload": payload,
        "client": text(&pagerduty.client)?,
        "client_url": text(&pagerduty.client_url)?,
    });
    for (name, list) in [("links", links), ("images", images)] {
        if !list.is_empty() {
            event[name] = list.into();
        }
    }
    if event.to_string().len() > EVENT_BYTES_MAX {
        let why = format!("left out: the event was larger than {EVENT_BYTES_MAX} bytes");
        event["payload"]["custom_details"] = json!({ "error": why });
    }
    Ok(event.to_string())
}

/// Of the group, so that whatever is said of it is about one incident; of the default tenant it is Alertmanager's.
fn dedup_key(group_key: &str, tenant: &TenantId) -> String {
    let text = match *tenant == TenantId::default() {
        true => group_key.to_owned(),
        false => format!("{tenant}\0{group_key}"),
    };
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}
