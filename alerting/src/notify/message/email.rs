//! Mail, as its parts: they become one message when it is sent.

use super::template::Data;
use super::{cut, time};
use crate::notify::configuration::Email;
use crate::notify::dispatch::Notice;
use binnacle_query::template::Definitions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest header but for addresses.
const HEADER_CHARS_MAX: usize = 900;

/// What the outbox holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    pub from: String,
    pub to: String,
    /// When it was written.
    pub date: String,
    pub headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub text: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub html: String,
}

pub fn render(
    email: &Email,
    notice: &Notice,
    data: &Data,
    definitions: &Definitions,
) -> Result<String, String> {
    let line = |template: &str| data.render(template, definitions).map(|text| one_line(&text));
    let mut headers = BTreeMap::new();
    for (name, template) in &email.headers {
        headers.insert(name.clone(), cut(line(template)?, HEADER_CHARS_MAX));
    }
    let parts = Parts {
        from: line(&email.from)?,
        to: line(&email.to)?,
        date: time::precise(notice.now),
        headers,
        text: data.render(&email.text, definitions)?,
        html: data.render_html(&email.html, definitions)?,
    };
    serde_json::to_string(&parts).map_err(|error| error.to_string())
}

/// Labels come from outside: none may begin another header.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}
