//! `json` and `unpack`.

use super::scan::{Scanner, unescaped};
use super::{Found, push_sanitized, sanitized};
use std::borrow::Cow;

/// Adds every field of the object in `line`: fields of inner objects as `outer_inner`; lists are left out.
pub fn extract_json(line: &str, into: &mut impl Found) -> Result<(), String> {
    fields(&mut Scanner::new(line), &mut String::new(), into)
}

/// Adds the fields of the object that stands here, below `name`.
fn fields<'a, F: Found>(
    scanner: &mut Scanner<'a>,
    name: &mut String,
    into: &mut F,
) -> Result<(), String> {
    let outer = name.len();
    scanner.object(&mut |scanner: &mut Scanner<'a>, key: Cow<'a, str>| {
        if outer > 0 {
            name.push('_');
            push_sanitized(name, &key);
        } else {
            name.push_str(&sanitized(&key));
        }
        match scanner.peek() {
            Some(b'{') => fields(scanner, name, into)?,
            Some(b'[' | b'n') => drop(scanner.value()?),
            _ => {
                let text = scanner.value()?;
                if into.wants(name) {
                    into.add(name, &plain(text)?);
                }
            }
        }
        name.truncate(outer);
        Ok(())
    })
}

/// A string without its quotes, and everything else as it is written; null is empty.
fn plain(text: &str) -> Result<Cow<'_, str>, String> {
    match text.as_bytes().first() {
        Some(b'"') => unescaped(text),
        _ if text == "null" => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// Where in a document a value stands: `a.b[0]["c"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    /// As written.
    pub text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl JsonPath {
    pub fn new(text: &str) -> Result<JsonPath, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let unexpected = || format!("unexpected {rest:?}");
            if let Some(inner) = rest.strip_prefix('[') {
                if let Some(quoted) = inner.strip_prefix('"') {
                    let end = closing_quote(quoted).ok_or_else(unexpected)?;
                    let key: String =
                        serde_json::from_str(&inner[..end + 2]).map_err(|_| unexpected())?;
                    steps.push(Step::Key(key));
                    rest = quoted[end + 1..].strip_prefix(']').ok_or_else(unexpected)?;
                } else {
                    let (index, after) = inner.split_once(']').ok_or_else(unexpected)?;
                    steps.push(Step::Index(index.trim().parse().map_err(|_| unexpected())?));
                    rest = after;
                }
                continue;
            }
            let field = if steps.is_empty() {
                rest
            } else {
                rest.strip_prefix('.').ok_or_else(unexpected)?
            };
            let end = field.find(['.', '[']).unwrap_or(field.len());
            let key = &field[..end];
            if key.is_empty() || key.contains([' ', '"', ']', '`']) {
                return Err(unexpected());
            }
            steps.push(Step::Key(key.to_owned()));
            rest = &field[end..];
        }
        if steps.is_empty() {
            return Err("the expression is empty".to_owned());
        }
        Ok(JsonPath { text: text.to_owned(), steps })
    }
}

/// The text of the value at `steps` from here; takes the value that stands here whole.
fn find<'a>(scanner: &mut Scanner<'a>, steps: &[Step]) -> Result<Option<&'a str>, String> {
    let Some((step, rest)) = steps.split_first() else {
        return scanner.value().map(Some);
    };
    let mut found = None;
    match (scanner.peek(), step) {
        (Some(b'{'), Step::Key(wanted)) => scanner.object(&mut |scanner, key| {
            if found.is_none() && key == *wanted {
                found = find(scanner, rest)?;
                return Ok(());
            }
            scanner.value().map(drop)
        })?,
        (Some(b'['), Step::Index(wanted)) => scanner.list(&mut |scanner, index| {
            if index == *wanted {
                found = find(scanner, rest)?;
                return Ok(());
            }
            scanner.value().map(drop)
        })?,
        _ => drop(scanner.value()?),
    }
    Ok(found)
}

/// Where the string that began before `text` ends in it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// Adds what stands at each path; nothing there makes an empty label. Objects and lists are their JSON.
pub fn extract_paths(
    line: &str,
    paths: &[(String, JsonPath)],
    into: &mut impl Found,
) -> Result<(), String> {
    if line.is_empty() {
        return Ok(());
    }
    for (label, path) in paths {
        let text = find(&mut Scanner::new(line), &path.steps)?;
        into.add(label, &plain(text.unwrap_or("null"))?);
    }
    Ok(())
}

/// Adds the texts of a packed line, and gives the line that was packed, if there is one.
pub fn unpack(line: &str, into: &mut impl Found) -> Result<Option<String>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    if !line.trim_start().starts_with('{') {
        return Err("expecting json object(6), but it is not".to_owned());
    }
    let mut entry = None;
    Scanner::new(line).object(&mut |scanner, key| {
        let is_text = scanner.peek() == Some(b'"');
        let text = scanner.value()?;
        match key.as_ref() {
            _ if !is_text => {}
            "_entry" => entry = Some(unescaped(text)?.into_owned()),
            key => into.add(&sanitized(key), &unescaped(text)?),
        }
        Ok(())
    })?;
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn pairs(found: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
        found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn fields_become_labels() {
        let mut found = BTreeMap::new();
        let line = r#"{"a": "x\n", "b": {"c": 1.50, "d-e": {"f": true}}, "g": [1], "h": null, "9": false}"#;
        extract_json(line, &mut found).unwrap();
        let expected = [("_9", "false"), ("a", "x\n"), ("b_c", "1.50"), ("b_d_e_f", "true")];
        assert_eq!(pairs(&found), expected);
        for wrong in ["", "[]", "text", r#"{"a":"#, r#"{"a":x}"#, r#"{"a":1"#] {
            assert!(extract_json(wrong, &mut found).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_find_their_value() {
        let line = r#"{"a": {"b": [{"c d": 5}, "x"]}, "e": {"f": 1}}"#;
        let path = |text: &str| (text.to_owned(), JsonPath::new(text).unwrap());
        let paths = [path("a.b[1]"), path(r#"a["b"][0]["c d"]"#), path("e"), path("no.such")];
        let mut found = BTreeMap::new();
        extract_paths(line, &paths, &mut found).unwrap();
        let expected =
            [("a.b[1]", "x"), (r#"a["b"][0]["c d"]"#, "5"), ("e", r#"{"f": 1}"#), ("no.such", "")];
        assert_eq!(pairs(&found), expected);
        for wrong in ["", "a..b", "a[", "a[x]", "a[\"b]", ".a", "a b"] {
            assert!(JsonPath::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn packed_lines_come_out() {
        let mut found = BTreeMap::new();
        let line = r#"{"pod": "p-1", "n": 1, "_entry": "the line"}"#;
        assert_eq!(unpack(line, &mut found).unwrap().as_deref(), Some("the line"));
        assert_eq!(pairs(&found), [("pod", "p-1")]);
        assert!(unpack("[1]", &mut found).is_err());
        assert_eq!(unpack("", &mut found), Ok(None));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "\\PC{0,60}|[\\[\\]{}\":,a-c0-9\\\\.]{0,40}") {
            let mut found = BTreeMap::new();
            let _ = extract_json(&line, &mut found);
            let _ = unpack(&line, &mut found);
            let _ = JsonPath::new(&line);
        }
    }
}
