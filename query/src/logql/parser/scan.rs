//! Walking through JSON text: each value as the text it stands in, so that numbers keep their digits.

use std::borrow::Cow;

/// Most objects and lists within each other.
const DEPTH_MAX: usize = 64;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Scanned<T> = Result<T, String>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0, depth: 0 }
    }

    /// The next character that is not blank, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8, what: &str) -> Scanned<()> {
        match self.peek() {
            Some(found) if found == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(format!("expected {what} at character {}", self.at + 1)),
            None => Err(format!("expected {what}, but the text ends")),
        }
    }

    /// Calls `visit` with each key of the object that stands here; `visit` takes the value.
    pub(super) fn object(
        &mut self,
        visit: &mut dyn FnMut(&mut Scanner<'a>, Cow<'a, str>) -> Scanned<()>,
    ) -> Scanned<()> {
        self.expect(b'{', "a JSON object")?;
        self.descend()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.peek();
                let key = unescaped(self.string()?)?;
                self.expect(b':', "':'")?;
                visit(self, key)?;
                if self.peek() == Some(b',') {
                    self.at += 1;
                    continue;
                }
                self.expect(b'}', "',' or '}'")?;
                break;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Calls `visit` with the number of each element of the list that stands here; `visit` takes the element.
    pub(super) fn list(
        &mut self,
        visit: &mut dyn FnMut(&mut Scanner<'a>, usize) -> Scanned<()>,
    ) -> Scanned<()> {
        self.expect(b'[', "a JSON list")?;
        self.descend()?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            let mut index = 0;
            loop {
                visit(self, index)?;
                index += 1;
                if self.peek() == Some(b',') {
                    self.at += 1;
                    continue;
                }
                self.expect(b']', "',' or ']'")?;
                break;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn descend(&mut self) -> Scanned<()> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => Err(format!("the JSON nests deeper than {DEPTH_MAX} levels")),
            false => Ok(()),
        }
    }

    /// Takes a value and gives its text.
    pub(super) fn value(&mut self) -> Scanned<&'a str> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{') => self.object(&mut |scanner, _| scanner.value().map(drop))?,
            Some(b'[') => self.list(&mut |scanner, _| scanner.value().map(drop))?,
            Some(b'"') => drop(self.string()?),
            _ => self.word()?,
        }
        Ok(&self.text[start..self.at])
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Scanned<()> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
        let word = &rest[..end.unwrap_or(rest.len())];
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && word.parse::<f64>().is_ok();
        if !is_number && !matches!(word, "true" | "false" | "null") {
            return Err(format!("unknown value at character {}", self.at + 1));
        }
        self.at += word.len();
        Ok(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Scanned<&'a str> {
        let rest = &self.text[self.at..];
        if !rest.starts_with('"') {
            return Err(format!("expected a string at character {}", self.at + 1));
        }
        let bytes = rest.as_bytes();
        let mut end = 1;
        loop {
            match bytes.get(end) {
                None => return Err("a string does not end".to_owned()),
                Some(b'\\') => end += 2,
                Some(b'"') => break,
                Some(_) => end += 1,
            }
        }
        self.at += end + 1;
        Ok(&rest[..=end])
    }
}

/// The text that a JSON string with its quotes stands for.
pub(super) fn unescaped(literal: &str) -> Scanned<Cow<'_, str>> {
    if literal.contains('\\') {
        let text: Result<String, _> = serde_json::from_str(literal);
        return text.map(Cow::Owned).map_err(|_| "a string has a wrong escape".to_owned());
    }
    Ok(Cow::Borrowed(literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default()))
}
