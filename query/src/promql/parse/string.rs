//! Where a string literal ends, and whether its escapes can be read.

/// Bytes of the literal at the start of `text`, with its quotes.
pub fn length(text: &str, quote: char) -> Result<usize, String> {
    if quote == '`' {
        let end = text[1..].find('`').ok_or("unterminated raw string")?;
        return Ok(end + 2);
    }
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => escape(&mut chars, quote)?,
            '\n' => break,
            c if c == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err("unterminated quoted string".to_owned())
}

fn escape(chars: &mut impl Iterator<Item = (usize, char)>, quote: char) -> Result<(), String> {
    let ended = || "escape sequence not terminated".to_owned();
    let (_, first) = chars.next().ok_or_else(ended)?;
    // Digits still to come, their base, and the largest code.
    let (digits, base, mut code, code_max) = match first {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        c if c == quote => return Ok(()),
        c @ '0'..='7' => (2, 8, c.to_digit(8).unwrap_or(0), 255),
        'x' => (2, 16, 0, 255),
        'u' => (4, 16, 0, u32::from(char::MAX)),
        'U' => (8, 16, 0, u32::from(char::MAX)),
        c => return Err(format!("unknown escape sequence {}", described(c))),
    };
    for _ in 0..digits {
        let (_, c) = chars.next().ok_or_else(ended)?;
        let digit = c
            .to_digit(base)
            .ok_or_else(|| format!("illegal character {} in escape sequence", described(c)))?;
        code = code.saturating_mul(base).saturating_add(digit);
    }
    if code > code_max || (0xd800..0xe000).contains(&code) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(())
}

/// Go's `%#U`.
fn described(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}
