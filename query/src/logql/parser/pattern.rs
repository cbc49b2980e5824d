//! Patterns: `<ip> - <_> "<method> <path>"` — texts with captures between them.

use super::Found;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// As written.
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `None` is `<_>`.
    Capture(Option<String>),
}

impl Pattern {
    /// With at least one named capture.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let pattern = Pattern::read(text)?;
        let names: Vec<&String> = pattern.names().collect();
        if names.is_empty() {
            return Err("at least one capture is required".to_owned());
        }
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(format!("duplicate capture name ({name})"));
            }
        }
        Ok(pattern)
    }

    /// Without names, for filtering lines.
    pub fn nameless(text: &str) -> Result<Pattern, String> {
        let pattern = Pattern::read(text)?;
        if pattern.names().next().is_some() {
            return Err("named captures are not allowed in a pattern that filters lines".to_owned());
        }
        Ok(pattern)
    }

    fn read(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((name, length)) = capture(rest) {
                if matches!(parts.last(), Some(Part::Capture(_))) {
                    return Err("consecutive capture".to_owned());
                }
                parts.push(Part::Capture((name != "_").then(|| name.to_owned())));
                rest = &rest[length..];
                continue;
            }
            let length = rest.chars().next().map_or(0, char::len_utf8);
            match parts.last_mut() {
                Some(Part::Literal(literal)) => literal.push_str(&rest[..length]),
                _ => parts.push(Part::Literal(rest[..length].to_owned())),
            }
            rest = &rest[length..];
        }
        Ok(Pattern { text: text.to_owned(), parts })
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(Some(name)) => Some(name),
            _ => None,
        })
    }

    /// The texts that every matching line holds.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Capture(_) => None,
        })
    }

    /// Adds the captures, up to where the line is no longer as the pattern says.
    pub fn extract(&self, line: &str, into: &mut impl Found) {
        let mut rest = line;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                // The first text must begin the line; the others are found by the capture before them.
                Part::Literal(text) => match rest.strip_prefix(text.as_str()) {
                    Some(after) => rest = after,
                    None => return,
                },
                Part::Capture(name) => {
                    let end = match parts.peek() {
                        Some(Part::Literal(text)) => rest.find(text.as_str()),
                        _ => Some(rest.len()),
                    };
                    let (value, ended) = (&rest[..end.unwrap_or(rest.len())], end.is_none());
                    if let Some(name) = name
                        && into.wants(name)
                        && !rest.is_empty()
                    {
                        into.add(name, value);
                    }
                    if ended {
                        return;
                    }
                    rest = &rest[value.len()..];
                }
            }
        }
    }

    /// Whether the line is as the pattern says from its beginning to its end; captures take at least one character.
    pub fn matches_whole(&self, line: &str) -> bool {
        let mut rest = line;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(text) => match rest.strip_prefix(text.as_str()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Part::Capture(_) => {
                    let Some(first) = rest.chars().next().map(char::len_utf8) else { return false };
                    match parts.next() {
                        None => return true,
                        Some(Part::Capture(_)) => return false,
                        // The last text stands at the end, wherever else it stands.
                        Some(Part::Literal(text)) if parts.peek().is_none() => {
                            return rest[first..].ends_with(text.as_str());
                        }
                        Some(Part::Literal(text)) => match rest[first..].find(text.as_str()) {
                            Some(at) => rest = &rest[first + at + text.len()..],
                            None => return false,
                        },
                    }
                }
            }
        }
        rest.is_empty()
    }
}

/// The name of the capture at the start of `text`, and its length with brackets.
fn capture(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find('>')?;
    let name = &inner[..end];
    let mut chars = name.chars();
    let first = chars.next()?;
    let is_name = (first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn check(pattern: &str, line: &str, expected: &[(&str, &str)]) {
        let mut found = BTreeMap::new();
        Pattern::new(pattern).unwrap().extract(line, &mut found);
        let expected: BTreeMap<String, String> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(found, expected, "{pattern} {line}");
    }

    #[test]
    fn captures_end_at_the_next_text() {
        let pattern = r#"<ip> - <_> [<time>] "<method> <path> <_>" <status> <size>"#;
        let line = r#"1.2.3.4 - frank [10/Oct] "GET /a?b=c HTTP/1.1" 200 2326"#;
        let expected = [
            ("ip", "1.2.3.4"),
            ("method", "GET"),
            ("path", "/a?b=c"),
            ("size", "2326"),
            ("status", "200"),
            ("time", "10/Oct"),
        ];
        check(pattern, line, &expected);
        check("<a> <b>", "one", &[("a", "one")]);
        check("x<a>", "y", &[]);
        check("<a>,<b>", ",2", &[("a", ""), ("b", "2")]);
        check("<a > <b>", "<a > 2", &[("b", "2")]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "no capture", "<_>", "<a><b>", "<a> <a>"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
        assert!(Pattern::nameless("<a>").is_err());
    }

    #[test]
    fn whole_lines_match() {
        let cases = [
            ("<_>b<_>", "abc", true),
            ("<_>b<_>", "abb", true),
            ("<_>b", "ab", true),
            ("<_>b", "aba", false),
            ("a<_>", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("a<_>b<_>c", "a1b2c3c", true),
        ];
        for (pattern, line, expected) in cases {
            assert_eq!(
                Pattern::nameless(pattern).unwrap().matches_whole(line),
                expected,
                "{pattern} {line}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(pattern in "[<>_ab ]{1,12}", line in "[<>_ab ]{0,20}|\\PC{0,10}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                pattern.extract(&line, &mut BTreeMap::new());
            }
            if let Ok(pattern) = Pattern::nameless(&pattern) {
                pattern.matches_whole(&line);
            }
        }
    }
}
