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

/// What stands in the place of an address that must remain one: `amtool` reads the file that is shown.
const HIDDEN_URL: &str = "http://hidden/<secret>";

/// Fields of webhooks that only this product has. They are shown as comments, so that `amtool` does not refuse the file.
const OWN_KEYS: &[&str] = &["format", "hmac_secret", "hmac_secret_file"];

/// Fields whose values are secret, wherever they stand. An address is: whoever knows it may post to it.
const SECRET_KEYS: &[&str] = &[
    "api_url",
    "slack_api_url",
    "routing_key",
    "credentials",
    "password",
    "auth_password",
    "smtp_auth_password",
    "bearer_token",
    "hmac_secret",
    "secrets",
    "values",
];

/// The file as it may be shown: without its secrets, and without its comments, which may hold some.
pub fn print_hidden(document: &Node) -> String {
    let mut out = String::new();
    print(document, Place::default(), &mut out);
    out
}

/// What is known of the place where something stands.
#[derive(Clone, Copy, Default)]
struct Place {
    depth: usize,
    /// What stands for a text here.
    hidden: Option<&'static str>,
    is_webhook: bool,
}

fn print(node: &Node, place: Place, out: &mut String) {
    let indent = "  ".repeat(place.depth);
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                let is_own = place.is_webhook && OWN_KEYS.contains(&entry.key.as_str());
                let comment = if is_own { "# " } else { "" };
                out.push_str(&format!("{indent}{comment}{}:", scalar(&entry.key)));
                below(&entry.value, place.of(&entry.key), out);
            }
        }
        Kind::List(list) if !list.is_empty() => {
            for item in list {
                out.push_str(&format!("{indent}-"));
                below(item, place, out);
            }
        }
        _ => out.push_str(&format!("{indent}{}\n", leaf(node, place.hidden))),
    }
}

impl Place {
    /// Below a key.
    fn of(self, key: &str) -> Place {
        let hidden = match key {
            "url" => Some(HIDDEN_URL),
            key if SECRET_KEYS.contains(&key) => Some(HIDDEN),
            _ => None,
        };
        let is_webhook = key == "webhook_configs";
        Place { depth: self.depth, hidden: self.hidden.or(hidden), is_webhook }
    }
}

/// What follows `key:` or `-`.
fn below(node: &Node, place: Place, out: &mut String) {
    let is_empty = match &node.kind {
        Kind::Map(entries) => entries.is_empty(),
        Kind::List(list) => list.is_empty(),
        Kind::Plain(_) | Kind::Text(_) => true,
    };
    if is_empty {
        out.push_str(&format!(" {}\n", leaf(node, place.hidden)));
        return;
    }
    out.push('\n');
    print(node, Place { depth: place.depth + 1, ..place }, out);
}

fn leaf(node: &Node, hidden: Option<&str>) -> String {
    match (&node.kind, hidden) {
        (Kind::Map(_), _) => "{}".to_owned(),
        (Kind::List(_), _) => "[]".to_owned(),
        (Kind::Plain(text) | Kind::Text(text), Some(hidden)) if !text.is_empty() => {
            hidden.to_owned()
        }
        (Kind::Plain(text), _) => text.clone(),
        (Kind::Text(text), _) => serde_json::Value::from(text.as_str()).to_string(),
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
        let masked = masked.replace("http://s3cret", HIDDEN_URL).replace("s3cret", HIDDEN);
        assert_eq!(
            strip(&yaml::document(&shown).unwrap()),
            strip(&yaml::document(&masked).unwrap())
        );
        assert_eq!(format!("{:?}", Secret::new("s3cret")), HIDDEN);
    }

    #[test]
    fn what_only_we_have_is_shown_as_a_comment() {
        let text = "receivers: [{name: r, webhook_configs: [{format: cloudevents, hmac_secret: s3cret, \
                    url: 'http://x', http_config: {http_headers: {format: {values: [v]}}}}]}]";
        let shown = print_hidden(&yaml::document(text).unwrap());
        assert!(shown.contains("# format: cloudevents\n"), "{shown}");
        assert!(shown.contains("# hmac_secret: <secret>\n"), "{shown}");
        assert!(shown.contains("  format:\n") && !shown.contains("s3cret"), "{shown}");
        assert!(yaml::document(&shown).is_ok());
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
