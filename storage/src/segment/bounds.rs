//! Bounds: the smallest and largest values that statistics keep of text and bytes, cut to a length.

use crate::model::ColumnKind;

/// Longest bound kept in statistics; longer ones are cut, which still bounds.
const BOUND_BYTES_MAX: usize = 64;

/// A bound, and whether it is the value itself.
pub(super) type Bound = (Vec<u8>, bool);

/// A value not above `value`.
pub(super) fn lower(value: &[u8], kind: ColumnKind) -> Bound {
    let cut = cut(value, kind);
    (cut.to_vec(), cut.len() == value.len())
}

/// A value not below `value`.
pub(super) fn upper(value: &[u8], kind: ColumnKind) -> Bound {
    let prefix = cut(value, kind);
    if prefix.len() == value.len() {
        return (value.to_vec(), true);
    }
    match next_prefix(prefix, kind) {
        Some(above) => (above, false),
        None => (value.to_vec(), true),
    }
}

/// The longest start of `value` that statistics keep: whole characters of text.
fn cut(value: &[u8], kind: ColumnKind) -> &[u8] {
    if value.len() <= BOUND_BYTES_MAX {
        return value;
    }
    let mut end = BOUND_BYTES_MAX;
    while kind == ColumnKind::Text && end > 0 && value[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &value[..end]
}

/// The smallest prefix above everything that starts with `prefix`: its last character or byte that can grow, grown.
fn next_prefix(prefix: &[u8], kind: ColumnKind) -> Option<Vec<u8>> {
    if kind == ColumnKind::Text {
        let mut text = String::from_utf8(prefix.to_vec()).ok()?;
        while let Some(last) = text.pop() {
            // Past the end of a block of characters there is nothing, or a surrogate.
            if let Some(next) = char::from_u32(last as u32 + 1) {
                text.push(next);
                return Some(text.into_bytes());
            }
        }
        return None;
    }
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cut_bounds_still_bound(start in "[a-c\u{7f}\u{d7ff}\u{10ffff}]{10,40}", end in "\\PC{0,80}") {
            let value = format!("{start}{end}");
            for kind in [ColumnKind::Text, ColumnKind::Bytes] {
                let lower = cut(value.as_bytes(), kind);
                prop_assert!(lower <= value.as_bytes() && lower.len() <= BOUND_BYTES_MAX);
                if lower.len() < value.len() && let Some(upper) = next_prefix(lower, kind) {
                    prop_assert!(upper.as_slice() > value.as_bytes());
                    prop_assert!(kind == ColumnKind::Bytes || String::from_utf8(upper).is_ok());
                }
            }
        }
    }
}
