//! Tokens: the words that the log index knows.

/// Longest token that is indexed, in bytes; longer runs are cut into pieces of this length.
pub const TOKEN_BYTES_MAX: usize = 64;

/// The tokens of a text: maximal runs of letters and digits (Unicode), lower-cased, cut at [`TOKEN_BYTES_MAX`].
/// A body matches a word when one of its tokens equals the word's token, and a phrase when its tokens hold the phrase's
/// in sequence.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut scanner = Scanner::new(text);
    std::iter::from_fn(move || scanner.next_token().map(str::to_owned))
}

/// Finds one token after the other without allocating for each.
pub(crate) struct Scanner<'a> {
    rest: &'a str,
    token: String,
    /// Lower-case characters that did not fit into the last token.
    carry: String,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { rest: text, token: String::with_capacity(TOKEN_BYTES_MAX), carry: String::new() }
    }

    /// The next token, valid until the one after it is asked for.
    pub fn next_token(&mut self) -> Option<&str> {
        self.token.clear();
        if self.carry.is_empty() {
            self.skip_separators();
        } else {
            std::mem::swap(&mut self.token, &mut self.carry);
        }
        self.take_run();
        (!self.token.is_empty()).then_some(self.token.as_str())
    }

    #[inline]
    fn skip_separators(&mut self) {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        while at < bytes.len() && bytes[at].is_ascii() && !bytes[at].is_ascii_alphanumeric() {
            at += 1;
        }
        self.rest = &self.rest[at..];
        if self.rest.bytes().next().is_some_and(|byte| !byte.is_ascii()) {
            self.rest = self.rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        }
    }

    #[inline]
    fn take_run(&mut self) {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        while at < bytes.len()
            && bytes[at].is_ascii_alphanumeric()
            && self.token.len() < TOKEN_BYTES_MAX
        {
            self.token.push(bytes[at].to_ascii_lowercase() as char);
            at += 1;
        }
        self.rest = &self.rest[at..];
        if bytes.get(at).is_some_and(|byte| !byte.is_ascii()) {
            self.take_run_of_unicode();
        }
    }

    /// The same, one character at a time; some become several when lower-cased.
    #[cold]
    fn take_run_of_unicode(&mut self) {
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next().filter(|c| c.is_alphanumeric()) {
            let mut lower = character.to_lowercase();
            while let Some(c) = lower.next() {
                if self.token.len() + c.len_utf8() > TOKEN_BYTES_MAX {
                    self.carry.push(c);
                    self.carry.extend(lower);
                    self.rest = characters.as_str();
                    return;
                }
                self.token.push(c);
            }
            self.rest = characters.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(tokens(text).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn tokens_are_runs_of_letters_and_digits_in_lower_case() {
        check("", &[]);
        check(" - ", &[]);
        check("GET /cart?id=42 HTTP/1.1", &["get", "cart", "id", "42", "http", "1", "1"]);
        check("Zürich ÉTÉ—naïve 東京2024", &["zürich", "été", "naïve", "東京2024"]);
        check("user_id", &["user", "id"]);
    }

    #[test]
    fn long_runs_are_cut_into_pieces() {
        let long = "a".repeat(150);
        check(&long, &[&long[..64], &long[..64], &long[..22]]);
        let wide = "ä".repeat(40);
        check(&wide, &[&"ä".repeat(32), &"ä".repeat(8)]);
        let odd = format!("{}ä", "a".repeat(63));
        check(&odd, &[&"a".repeat(63), "ä"]);
        // Becomes two characters when lower-cased, on the edge of a piece.
        let edge = format!("{}İx", "a".repeat(63));
        check(&edge, &[&format!("{}i", "a".repeat(63)), "\u{307}x"]);
    }

    proptest! {
        #[test]
        fn every_token_is_short_and_lower_case(text in "\\PC{0,200}") {
            for token in tokens(&text) {
                prop_assert!(!token.is_empty() && token.len() <= TOKEN_BYTES_MAX);
            }
        }

        #[test]
        fn tokens_of_joined_texts_are_those_of_each(a in "\\PC{0,80}", b in "\\PC{0,80}") {
            let joined: Vec<String> = tokens(&format!("{a}\n{b}")).collect();
            let apart: Vec<String> = tokens(&a).chain(tokens(&b)).collect();
            prop_assert_eq!(joined, apart);
        }
    }
}
