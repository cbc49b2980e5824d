//! Masking: what varies from line to line becomes `<_>`, and words are parted by one space.
//!
//! A word is made of runs of letters and digits with other characters between them. A run varies when it looks like a
//! number, with or without a unit, or like a hash. Runs that vary and have one separator of numbers between them are one:
//! `10.0.0.1:80` and `2026-01-31T12:00:00` are `<_>`, `id=7,` is `id=<_>,`.

use super::ANYTHING;

/// Most words of a line that are looked at; the rest is one `<_>`.
const WORDS_MAX: usize = 64;

/// Longest word that is looked at; a longer one is data, and varies.
const WORD_BYTES_MAX: usize = 256;

/// Appends the masked line.
pub(super) fn mask(line: &str, out: &mut String) {
    for (number, word) in line.split_whitespace().enumerate() {
        if number > 0 {
            out.push(' ');
        }
        if number == WORDS_MAX {
            out.push_str(ANYTHING);
            return;
        }
        match word.len() > WORD_BYTES_MAX {
            true => out.push_str(ANYTHING),
            false => mask_word(word, out),
        }
    }
}

fn mask_word(word: &str, out: &mut String) {
    let mut rest = word;
    // Where the last mask ends, and whether only one separator has come since.
    let mut masked_to: Option<usize> = None;
    while let Some(first) = rest.bytes().next() {
        if !is_of_run(first) {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let length = uuid(rest).or_else(|| colon_address(rest)).unwrap_or(0);
        let varies = length > 0;
        let length = match length {
            0 => rest.bytes().position(|byte| !is_of_run(byte)).unwrap_or(rest.len()),
            length => length,
        };
        let (run, after) = rest.split_at(length);
        rest = after;
        if !varies && !is_variable(run) {
            out.push_str(run);
            masked_to = None;
            continue;
        }
        match masked_to {
            Some(end) if joins(&out[end..]) => out.truncate(end),
            _ => out.push_str(ANYTHING),
        }
        masked_to = Some(out.len());
    }
}

/// ASCII letters and digits, and whatever is not ASCII.
fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// What stands between the parts of one number, address or time.
fn joins(between: &str) -> bool {
    matches!(between, "." | ":" | "-" | "/" | "," | "+" | "_")
}

fn is_variable(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let is_hash = run.len() >= 6 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_mostly_digits = run.len() > 2 && digits * 2 >= run.len();
    is_hash || is_mostly_digits || run.as_bytes()[0].is_ascii_digit()
}

/// Length of the UUID that `text` starts with.
fn uuid(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let bytes = text.as_bytes().get(..LENGTH)?;
    let fits = bytes.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let ends = text.as_bytes().get(LENGTH).is_none_or(|byte| !is_of_run(*byte));
    (fits && ends).then_some(LENGTH)
}

/// Length of the IPv6 or MAC address that `text` starts with.
fn colon_address(text: &str) -> Option<usize> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let length = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let part = text[..length].trim_end_matches(':');
    let ends = text.as_bytes().get(length).is_none_or(|byte| !is_of_run(*byte));
    let colons = part.bytes().filter(|byte| *byte == b':').count();
    let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
    (ends && colons >= 2 && has_digit).then_some(part.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(line: &str) -> String {
        let mut out = String::new();
        mask(line, &mut out);
        out
    }

    #[test]
    fn what_varies_is_masked() {
        let cases = [
            ("order 4711  completed in 12ms", "order <_> completed in <_>"),
            ("from 10.0.0.1:8080 to [::1]", "from <_> to [::<_>]"),
            ("peer 2001:db8::8a2e:370:7334 left", "peer <_> left"),
            ("at 2026-01-31T12:00:00.123Z,", "at <_>,"),
            ("id=550e8400-e29b-41d4-a716-446655440000;", "id=<_>;"),
            ("commit deadbeef12 by ann", "commit <_> by ann"),
            ("worker-12 node7 utf8 HTTP/1.1", "worker-<_> node7 utf8 HTTP/<_>"),
            ("took 1,234.5 of 0x1f (99%)", "took <_> of <_> (<_>%)"),
            ("Deadbeef is a word", "Deadbeef is a word"),
            ("größe 12 straße", "größe <_> straße"),
            ("", ""),
            (
                "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET /a.png HTTP/1.1\" 200 203023",
                "<_> - - [<_>/May/<_> +<_>] \"GET /a.png HTTP/<_>\" <_> <_>",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(masked(line), expected, "{line}");
        }
    }

    #[test]
    fn long_lines_and_words_end() {
        assert_eq!(masked(&"a ".repeat(1000)).split(' ').count(), WORDS_MAX + 1);
        assert_eq!(masked(&format!("x {}", "y".repeat(1000))), "x <_>");
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(line in "[a-f0-9 .:/=,äé<>_-]{0,40}") {
            let once = masked(&line);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn numbers_make_no_difference(a in 0u32..1_000_000, b in 0u32..1_000_000) {
            let line = |n: u32| format!("user {n} paid {n}.5 EUR, ref=A-{n}");
            prop_assert_eq!(masked(&line(a)), masked(&line(b)));
        }
    }
}
