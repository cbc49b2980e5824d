//! Parsers: labels from what a line says.

mod json;
mod logfmt;
mod pattern;
mod scan;

pub use json::{JsonPath, extract_json, extract_paths, unpack};
pub use logfmt::{LogfmtFlags, extract_logfmt};
pub use pattern::Pattern;

/// Takes the labels that a parser finds.
pub trait Found {
    /// Whether anybody asks for this label.
    fn wants(&self, name: &str) -> bool;

    fn add(&mut self, name: &str, value: &str);
}

/// A key as the name of a label: what names cannot hold becomes an underscore.
pub fn sanitized(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 1);
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        name.push('_');
    }
    push_sanitized(&mut name, key);
    name
}

fn push_sanitized(name: &mut String, key: &str) {
    name.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }));
}

/// Labels by name, for tests.
#[cfg(test)]
impl Found for std::collections::BTreeMap<String, String> {
    fn wants(&self, _: &str) -> bool {
        true
    }

    fn add(&mut self, name: &str, value: &str) {
        self.insert(name.to_owned(), value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_names() {
        for (key, name) in [("a.b-c", "a_b_c"), ("9x", "_9x"), ("ä", "_"), ("a_1", "a_1"), ("", "")]
        {
            assert_eq!(sanitized(key), name, "{key}");
        }
    }
}
