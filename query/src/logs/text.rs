//! Words and phrases in a body.
//!
//! What a word is, [`tokens`] says: the log index and this exact check must agree on it. Bodies of ASCII alone, nearly all
//! of them, are checked here without making a string per word.

use binnacle_storage::log_index::{TOKEN_BYTES_MAX, tokens};

/// Words that must stand next to each other in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextMatch {
    /// At least one token; with `prefix`, the last one only has to start with its token.
    Tokens { tokens: Vec<String>, prefix: bool },
    /// A text without any letter or digit: found as it stands.
    Literal(String),
}

impl TextMatch {
    pub(crate) fn of(text: &str, prefix: bool) -> TextMatch {
        let tokens: Vec<String> = tokens(text).collect();
        match tokens.is_empty() {
            true => TextMatch::Literal(text.to_owned()),
            false => TextMatch::Tokens { tokens, prefix },
        }
    }

    pub(crate) fn matches(&self, body: &str) -> bool {
        match self {
            TextMatch::Literal(text) => body.contains(text.as_str()),
            TextMatch::Tokens { tokens: wanted, prefix } if body.is_ascii() => {
                if !wanted.iter().all(|token| token.is_ascii()) {
                    return false;
                }
                match find_word(body.as_bytes(), wanted, *prefix) {
                    Seen::No => return false,
                    Seen::Word if wanted.len() == 1 => return true,
                    Seen::Word | Seen::Letters => {}
                }
                contains_run(ascii_tokens(body.as_bytes()), wanted, |token, wanted, last| {
                    same(token, wanted.as_bytes(), last && *prefix)
                })
            }
            TextMatch::Tokens { tokens: wanted, prefix } => {
                contains_run(tokens(body), wanted, |token, wanted, last| {
                    if last && *prefix { token.starts_with(wanted) } else { token == wanted }
                })
            }
        }
    }
}

/// What a first look at a text sees of the longest of some tokens.
enum Seen {
    No,
    /// Its letters, maybe within a longer word.
    Letters,
    Word,
}

/// Looks for the longest token by its rarest letter, which passes over most of a text without making words of it.
fn find_word(body: &[u8], wanted: &[String], prefix: bool) -> Seen {
    let Some((index, word)) =
        wanted.iter().map(String::as_bytes).enumerate().max_by_key(|(_, token)| token.len())
    else {
        return Seen::Letters;
    };
    let commonness = |letter: &u8| COMMON.iter().position(|common| common == letter);
    // What is not in the list is rare.
    let rarest = (0..word.len()).max_by_key(|&at| commonness(&word[at]).unwrap_or(COMMON.len()));
    let Some(at) = rarest else { return Seen::Letters };
    let (lower, upper) = (word[at], word[at].to_ascii_uppercase());
    let ends_free = prefix && index + 1 == wanted.len();
    let is_free = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let mut seen = Seen::No;
    for found in memchr::memchr2_iter(lower, upper, body) {
        let Some(start) = found.checked_sub(at) else { continue };
        let end = start + word.len();
        if !body.get(start..end).is_some_and(|text| text.eq_ignore_ascii_case(word)) {
            continue;
        }
        let starts = start == 0 || is_free(body.get(start - 1));
        if starts && (ends_free || is_free(body.get(end))) {
            return Seen::Word;
        }
        seen = Seen::Letters;
    }
    seen
}

/// Letters and digits of log lines, the most frequent first.
const COMMON: &[u8] = b"eatroinsdlcupm0h1g2f345b6789ywvkxjqz";

/// The tokens of an ASCII text, not lower-cased.
fn ascii_tokens(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| !byte.is_ascii_alphanumeric()).flat_map(|run| run.chunks(TOKEN_BYTES_MAX))
}

fn same(token: &[u8], wanted: &[u8], prefix: bool) -> bool {
    let token = if prefix { token.get(..wanted.len()).unwrap_or_default() } else { token };
    token.eq_ignore_ascii_case(wanted)
}

/// Whether `found` holds `wanted` in sequence; `matches(token, wanted, is_last)` compares two tokens.
fn contains_run<T>(
    found: impl Iterator<Item = T>,
    wanted: &[String],
    matches: impl Fn(&T, &str, bool) -> bool,
) -> bool {
    let is = |token: &T, index: usize| matches(token, &wanted[index], index + 1 == wanted.len());
    if wanted.len() == 1 {
        let mut found = found;
        return found.any(|token| is(&token, 0));
    }
    // How many tokens of `wanted` the runs that end here have matched, longest first.
    let mut runs: Vec<usize> = Vec::new();
    for token in found {
        runs.push(0);
        runs.retain_mut(|matched| {
            let goes_on = is(&token, *matched);
            *matched += 1;
            goes_on
        });
        if runs.first() == Some(&wanted.len()) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, bodies: &[&str], expected: &[usize]) {
        let text = TextMatch::of(text, false);
        let found: Vec<_> = (0..bodies.len()).filter(|&i| text.matches(bodies[i])).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn words_match_whole_in_either_case() {
        check("refused", &["Connection REFUSED", "refusedx", "x-refused-x", "re fused"], &[0, 2]);
        check("ÄRGER", &["großer ärger", "aerger", "ärgerlich"], &[0]);
        check("=>", &["a => b", "a = > b"], &[0]);
    }

    #[test]
    fn phrases_match_in_order() {
        check("refused by", &["connection refused, by peer", "by refused", "refused"], &[0]);
        check("a b a c", &["a b a b a c", "a b a"], &[0]);
        check("user.id=7", &["user.id = 7", "user id 77"], &[0]);
    }

    #[test]
    fn prefixes_match_the_start_of_the_last_word() {
        let text = TextMatch::of("connection ref", true);
        assert!(text.matches("Connection refused") && !text.matches("connection was refused"));
        assert!(!text.matches("connection re"));
    }

    proptest! {
        /// The quick path for ASCII must agree with the definition.
        #[test]
        fn ascii_and_unicode_paths_agree(
            body in "[aAbB1 .-]{0,40}|[ab]{120,140}( [ab]{60,70})?",
            text in "[aAbB1]{1,3}([ .][abAB1]{1,2}){0,3}|[ab]{60,70}",
            prefix in any::<bool>(),
        ) {
            let text = TextMatch::of(&text, prefix);
            // A letter outside ASCII, set apart from everything, forces the general path.
            let forced = format!("{body} ☃");
            prop_assert_eq!(text.matches(&body), text.matches(&forced));
        }

        #[test]
        fn a_body_matches_every_phrase_cut_from_it(words in prop::collection::vec("[a-z0-9ä]{1,5}", 1..12), from in 0usize..12, length in 1usize..6) {
            let from = from % words.len();
            let to = (from + length).min(words.len());
            let body = words.join(" ");
            prop_assert!(TextMatch::of(&words[from..to].join(" "), false).matches(&body));
        }
    }
}
