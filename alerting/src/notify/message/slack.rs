//! Slack's incoming webhooks: one attachment for each notice.

use super::template::Data;
use crate::notify::configuration::Slack;
use binnacle_query::template::Definitions;
use serde_json::{Map, Value, json};

/// Slack cuts longer titles itself, without a sign of it.
const TITLE_CHARS_MAX: usize = 1024;

pub fn render(slack: &Slack, data: &Data, definitions: &Definitions) -> Result<String, String> {
    let text = |template: &str| data.render(template, definitions);
    let markdown = match slack.mrkdwn_in.is_empty() {
        true => vec!["fallback".to_owned(), "pretext".to_owned(), "text".to_owned()],
        false => slack.mrkdwn_in.clone(),
    };
    let mut attachment = filled([
        ("title", super::cut(text(&slack.title)?, TITLE_CHARS_MAX)),
        ("title_link", text(&slack.title_link)?),
        ("pretext", text(&slack.pretext)?),
        ("image_url", text(&slack.image_url)?),
        ("thumb_url", text(&slack.thumb_url)?),
        ("color", text(&slack.color)?),
    ]);
    attachment.insert("text".to_owned(), text(&slack.text)?.into());
    attachment.insert("fallback".to_owned(), text(&slack.fallback)?.into());
    attachment.insert("callback_id".to_owned(), text(&slack.callback_id)?.into());
    attachment.insert("footer".to_owned(), text(&slack.footer)?.into());
    attachment.insert("mrkdwn_in".to_owned(), markdown.into());
    let mut fields: Vec<Value> = Vec::new();
    for field in &slack.fields {
        let (title, value) = (text(&field.title)?, text(&field.value)?);
        fields.push(json!({ "title": title, "value": value, "short": field.short }));
    }
    if !fields.is_empty() {
        attachment.insert("fields".to_owned(), fields.into());
    }
    let mut message = filled([
        ("channel", text(&slack.channel)?),
        ("username", text(&slack.username)?),
        ("icon_emoji", text(&slack.icon_emoji)?),
        ("icon_url", text(&slack.icon_url)?),
    ]);
    if slack.link_names {
        message.insert("link_names".to_owned(), true.into());
    }
    message.insert("attachments".to_owned(), json!([attachment]));
    Ok(Value::from(message).to_string())
}

/// The fields that say something.
fn filled<const N: usize>(fields: [(&str, String); N]) -> Map<String, Value> {
    let filled = fields.into_iter().filter(|(_, text)| !text.is_empty());
    filled.map(|(name, text)| (name.to_owned(), text.into())).collect()
}
