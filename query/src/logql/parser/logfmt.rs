//! `logfmt`: `key=value` pairs.

use super::{Found, sanitized};
use std::borrow::Cow;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogfmtFlags {
    /// Whether the first mistake ends reading and is said; else what cannot be read is passed over.
    pub strict: bool,
    /// Whether keys without a value become empty labels.
    pub keep_empty: bool,
}

/// Adds the pairs of `line`: of `keys` (a label and the key it is read from), or all when there are none.
pub fn extract_logfmt(
    line: &str,
    flags: LogfmtFlags,
    keys: &[(String, String)],
    into: &mut impl Found,
) -> Result<(), String> {
    let mut missing: Vec<&str> = keys.iter().map(|(label, _)| label.as_str()).collect();
    let mut reader = Reader { text: line, at: 0 };
    let mut result = Ok(());
    loop {
        let pair = match reader.pair() {
            Ok(Some(pair)) => pair,
            Ok(None) => break,
            Err(reason) if flags.strict => {
                result = Err(reason);
                break;
            }
            Err(_) => {
                reader.skip_word();
                continue;
            }
        };
        let (key, value) = pair;
        if keys.is_empty() {
            let name = sanitized(key);
            if !name.is_empty() && (!value.is_empty() || flags.keep_empty) && into.wants(&name) {
                into.add(&name, &value);
            }
            continue;
        }
        for (label, wanted) in keys.iter().filter(|(_, wanted)| wanted == key) {
            debug_assert_eq!(wanted, key);
            missing.retain(|other| other != label);
            into.add(label, &value);
        }
    }
    missing.into_iter().for_each(|label| into.add(label, ""));
    result
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next key and its value; a key alone has an empty one.
    fn pair(&mut self) -> Result<Option<(&'a str, Cow<'a, str>)>, String> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c <= ' ').len();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if matches!(first, '=' | '"') {
            return Err(self.unexpected(self.at));
        }
        let end = rest.find(|c: char| c <= ' ' || matches!(c, '=' | '"')).unwrap_or(rest.len());
        let key = &rest[..end];
        match rest[end..].chars().next() {
            Some('"') => return Err(self.unexpected(self.at + end)),
            Some('=') => self.at += end + 1,
            _ => {
                self.at += end;
                return Ok(Some((key, Cow::Borrowed(""))));
            }
        }
        let value = self.value()?;
        Ok(Some((key, value)))
    }

    fn value(&mut self) -> Result<Cow<'a, str>, String> {
        let rest = self.rest();
        if !rest.starts_with('"') {
            let end = rest.find(|c: char| c <= ' ' || matches!(c, '=' | '"')).unwrap_or(rest.len());
            if matches!(rest[end..].chars().next(), Some('=' | '"')) {
                return Err(self.unexpected(self.at + end));
            }
            self.at += end;
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        let mut escaped = false;
        let mut has_escapes = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => (escaped, has_escapes) = (true, true),
                '"' => {
                    let literal = &rest[..=at];
                    self.at += at + 1;
                    if !has_escapes {
                        return Ok(Cow::Borrowed(&literal[1..at]));
                    }
                    let text: Result<String, _> = serde_json::from_str(literal);
                    return text.map(Cow::Owned).map_err(|_| "invalid quoted value".to_owned());
                }
                _ => {}
            }
        }
        Err("unterminated quoted value".to_owned())
    }

    fn unexpected(&self, at: usize) -> String {
        let c = self.text[at..].chars().next().unwrap_or(' ');
        format!("logfmt syntax error at pos {} : unexpected '{c}'", at + 1)
    }

    /// Past what is no pair.
    fn skip_word(&mut self) {
        let rest = self.rest();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest[first..].find(|c: char| c <= ' ').map_or(rest.len(), |end| first + end);
        self.at += end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn read(line: &str, flags: LogfmtFlags) -> (Vec<(String, String)>, Option<String>) {
        let mut found = BTreeMap::new();
        let error = extract_logfmt(line, flags, &[], &mut found).err();
        (found.into_iter().collect(), error)
    }

    #[test]
    fn pairs_become_labels() {
        let check = |line: &str, expected: &[(&str, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(line, LogfmtFlags::default()).0, expected, "{line}");
        };
        check("a=1 b=two  c.d=3", &[("a", "1"), ("b", "two"), ("c_d", "3")]);
        check(r#"msg="hello \"you\"" a= b"#, &[("msg", "hello \"you\"")]);
        check(r#"at=error ="x" b=2 c"d e=5"#, &[("at", "error"), ("b", "2"), ("e", "5")]);
        check("", &[]);
        let keep = LogfmtFlags { keep_empty: true, ..LogfmtFlags::default() };
        assert_eq!(read("a= b", keep).0.len(), 2);
    }

    #[test]
    fn strict_reading_ends_at_a_mistake() {
        let strict = LogfmtFlags { strict: true, ..LogfmtFlags::default() };
        let (found, error) = read("a=1 b\"=2 c=3", strict);
        assert_eq!(found, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(error.as_deref(), Some("logfmt syntax error at pos 6 : unexpected '\"'"));
        assert_eq!(read("a=\"1", strict).1.as_deref(), Some("unterminated quoted value"));
    }

    #[test]
    fn chosen_keys_get_their_labels() {
        let keys = [("x".to_owned(), "a".to_owned()), ("y".to_owned(), "no".to_owned())];
        let mut found = BTreeMap::new();
        extract_logfmt("a=1 b=2", LogfmtFlags::default(), &keys, &mut found).unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("x".into(), "1".into()), ("y".into(), String::new())]
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC{0,60}|[ab=\" \\\\]{0,30}", strict in any::<bool>()) {
            let _ = read(&line, LogfmtFlags { strict, keep_empty: true });
        }
    }
}
