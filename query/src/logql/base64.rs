//! Base64, with padding.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0u32, |group, at| group << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let shown = at <= chunk.len();
            out.push(if shown {
                BASE64[(group >> (18 - 6 * at)) as usize & 63] as char
            } else {
                '='
            });
        }
    }
    out
}

pub fn base64_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0u32, 0);
    for (at, byte) in text.trim_end_matches('=').bytes().enumerate() {
        let value = BASE64.iter().position(|known| *known == byte);
        let value = value.ok_or_else(|| format!("illegal base64 data at input byte {at}"))?;
        group = group << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
            group &= (1 << bits) - 1;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_come_back(text in "\\PC{0,40}") {
            prop_assert_eq!(base64_decode(&base64_encode(text.as_bytes())), Ok(text));
        }
    }

    #[test]
    fn padding_is_as_the_standard_says() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64_encode(text.as_bytes()), encoded);
        }
        assert!(base64_decode("a*b").is_err());
    }
}
