//! Where a number or duration ends.

use super::token::Token;

/// Which of both stands at the start of `bytes`, and how long it is.
pub fn read(bytes: &[u8]) -> Result<(Token, usize), String> {
    let is_name =
        |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let end = number_end(bytes);
    if !is_name(end) {
        return Ok((Token::Number, end));
    }
    let (end, is_duration) = duration_end(bytes, end);
    if is_duration && !is_name(end) {
        return Ok((Token::Duration, end));
    }
    // The character after is part of what is wrong only where a duration might have ended.
    let end = if is_duration { end + 1 } else { end };
    let written = String::from_utf8_lossy(&bytes[..end]);
    Err(format!("bad number or duration syntax: {written:?}"))
}

fn number_end(bytes: &[u8]) -> usize {
    let run = |from: usize, keep: fn(u8) -> bool| {
        from + bytes[from.min(bytes.len())..].iter().take_while(|byte| keep(**byte)).count()
    };
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X')) {
        return run(2, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    let mut end = run(0, digit);
    if bytes.get(end) == Some(&b'.') {
        end = run(end + 1, digit);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = run(signed, digit);
    }
    end
}

/// Where a duration whose first number ends at `at` ends, and whether it is one.
fn duration_end(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut units: &[u8] = b"smhdwy";
    loop {
        if !bytes.get(at).is_some_and(|byte| units.contains(byte)) {
            return (at, false);
        }
        at += 1;
        // Milliseconds.
        at += usize::from(bytes.get(at) == Some(&b's'));
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return (at, true);
        }
        at += digits;
        // Years come first.
        units = b"smhdw";
    }
}
