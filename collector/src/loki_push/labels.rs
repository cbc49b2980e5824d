//! Labels as text: `{app="shop", env="prod"}`.

/// Most labels of one stream. Loki's default is 15; more are still few.
pub const LABELS_MAX: usize = 128;

/// Reads the labels of a stream. They may be none, and in any order.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let wrong = |reason: &str| format!("error parsing labels {}: {reason}", shown(text));
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let mut rest = inner.ok_or_else(|| wrong("they are not in braces"))?.trim_start();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(|| wrong("a label has no value"))?;
        let (value, after) =
            string(after.trim_start()).ok_or_else(|| wrong("a value is no string"))?;
        let name = name.trim().trim_matches('"');
        if labels.iter().any(|(other, _)| other == name) {
            return Err(wrong(&format!("the label {} is there twice", shown(name))));
        }
        if labels.len() == LABELS_MAX {
            return Err(wrong(&format!("there are more than {LABELS_MAX} labels")));
        }
        labels.push((name.to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(wrong("a comma is missing")),
        };
    }
    Ok(labels)
}

/// Whether the labels can be those of a stream.
pub fn check(labels: &[(String, String)]) -> Result<(), String> {
    if labels.iter().all(|(_, value)| value.is_empty()) {
        return Err("at least one label pair is required per stream".to_owned());
    }
    if labels.len() > LABELS_MAX {
        return Err(format!("a stream has more than {LABELS_MAX} labels"));
    }
    match labels.iter().find(|(name, _)| !is_name(name)) {
        Some((name, _)) => Err(format!("{} is not the name of a label", shown(name))),
        None => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(100).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("'{shown}'")
}

/// The string at the start of a text, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`')?;
        return Some((value.to_owned(), rest));
    }
    let mut bytes = Vec::new();
    let inner = text.strip_prefix('"')?;
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((String::from_utf8(bytes).ok()?, &inner[at + 1..])),
            '\\' => {
                let (_, kind) = chars.next()?;
                let digits = |chars: &mut std::str::CharIndices<'_>, count: usize| {
                    (0..count)
                        .try_fold(0u32, |code, _| Some(code * 16 + chars.next()?.1.to_digit(16)?))
                };
                let code = match kind {
                    'n' => u32::from('\n'),
                    'r' => u32::from('\r'),
                    't' => u32::from('\t'),
                    'a' => 7,
                    'b' => 8,
                    'f' => 12,
                    'v' => 11,
                    '\\' | '"' | '\'' => u32::from(kind),
                    'x' => {
                        bytes.push(u8::try_from(digits(&mut chars, 2)?).ok()?);
                        continue;
                    }
                    'u' => digits(&mut chars, 4)?,
                    'U' => digits(&mut chars, 8)?,
                    _ => return None,
                };
                let c = char::from_u32(code)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_read() {
        let read = |text: &str| {
            parse(text).map(|labels| {
                labels.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            read(r#"{app="a", b = "x,}\"\u00e4\x41\n" ,}"#).unwrap(),
            ["app=a", "b=x,}\"äA\n"]
        );
        assert_eq!(read("{}").unwrap(), Vec::<String>::new());
        assert_eq!(read("{a=`x\\y`}").unwrap(), ["a=x\\y"]);
        for wrong in ["", "app", "{a}", "{a=b}", r#"{a="b"#, r#"{a="b" c="d"}"#, r#"{a="\q"}"#] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            read(r#"{a="1", b="2", "a"="1"}"#).unwrap_err(),
            r#"error parsing labels '{a="1", b="2", "a"="1"}': the label 'a' is there twice"#
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert!(check(&[pair("a", "b")]).is_ok());
        assert!(
            check(&[]).is_err()
                && check(&[pair("a", "")]).is_err()
                && check(&[pair("a.b", "c")]).is_err()
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[{}a=\"\\\\,ux0-9]{0,30}") {
            let _ = parse(&text);
        }
    }
}
