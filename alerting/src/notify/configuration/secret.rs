//! Secrets: what is never logged, and shown as `<secret>`.

use crate::yaml::{Kind, Node};
use std::fmt;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "<secret>";

/// Text that only whoever sends it sees.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, to be sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Fields whose values are secret, wherever they stand. An address is: whoever knows it may post to it.
const SECRET_KEYS: &[&str] = &[
    "url",
    "api_url",
    "slack_api_url",
    "routing_key",
    "credentials",
    "password",
    "bearer_token",
    "hmac_secret",
    "secrets",
    "values",
];

/// The file as it may be shown: without its secrets, and without its comments, which may hold some.
pub fn print_hidden(document: &Node) -> String {
    let mut out = String::new();
    print(document, 0, false, &mut out);
    out
}

fn print(node: &Node, depth: usize, is_hidden: bool, out: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                let is_hidden = is_hidden || SECRET_KEYS.contains(&entry.key.as_str());
                out.push_str(&format!("{indent}{}:", scalar(&entry.key)));
                below(&entry.value, depth, is_hidden, out);
            }
        }
        Kind::List(list) if !list.is_empty() => {
            for item in list {
                out.push_str(&format!("{indent}-"));
                below(item, depth, is_hidden, out);
            }
        }
        _ => out.push_str(&format!("{indent}{}\n", leaf(node, is_hidden))),
    }
}

/// What follows `key:` or `-`.
fn below(node: &Node, depth: usize, is_hidden: bool, out: &mut String) {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            print(node, depth + 1, is_hidden, out);
        }
        Kind::List(list) if !list.is_empty() => {
            out.push('\n');
            print(node, depth + 1, is_hidden, out);
        }
        _ => out.push_str(&format!(" {}\n", leaf(node, is_hidden))),
    }
}

fn leaf(node: &Node, is_hidden: bool) -> String {
    match &node.kind {
        Kind::Map(_) => "{}".to_owned(),
        Kind::List(_) => "[]".to_owned(),
        Kind::Plain(text) | Kind::Text(text) if is_hidden && !text.is_empty() => HIDDEN.to_owned(),
        Kind::Plain(text) => text.clone(),
        Kind::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
    }
}

/// A key, in quotes unless it is a plain word.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    match !text.is_empty() && text.chars().all(is_word) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn what_is_shown_has_no_secret_and_is_the_same_otherwise() {
        let text = "global: {slack_api_url: 'http://s3cret/a', empty: ~}\n# s3cret\nreceivers:\n\
            - name: \"a\\nb: c\"\n  webhook_configs:\n  - url: http://s3cret\n    http_config:\n      \
            basic_auth: {username: u, password: s3cret}\n      http_headers: {X-Key: {secrets: [s3cret], files: []}}\n";
        let shown = print_hidden(&yaml::document(text).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
        let masked = text.replace("# s3cret\n", "").replace("http://s3cret/a", HIDDEN);
        let masked = masked.replace("http://s3cret", HIDDEN).replace("s3cret", HIDDEN);
        assert_eq!(
            strip(&yaml::document(&shown).unwrap()),
            strip(&yaml::document(&masked).unwrap())
        );
        assert_eq!(format!("{:?}", Secret::new("s3cret")), HIDDEN);
    }

    /// Without lines and quotes.
    fn strip(node: &Node) -> String {
        match &node.kind {
            Kind::Plain(text) | Kind::Text(text) => format!("{text:?}"),
            Kind::List(list) => format!("{:?}", list.iter().map(strip).collect::<Vec<_>>()),
            Kind::Map(map) => {
                let of = |entry: &yaml::Entry| (entry.key.clone(), strip(&entry.value));
                format!("{:?}", map.iter().map(of).collect::<Vec<_>>())
            }
        }
    }
}
