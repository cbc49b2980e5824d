//! Cursors: where a page ended, in a form that survives flush and compaction.
//!
//! A cursor is a few numbers that name the last thing given, and the time range of the first page: a range that was given
//! relative to now must not move from page to page. It is bound to its query by a fingerprint, and carries a version and a
//! checksum, so that an altered or foreign one is refused rather than answered wrongly.

use crate::Error;
use binnacle_storage::model::TenantId;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// First digit of every cursor; another one for another layout or order.
const VERSION: char = '2';

/// Nanoseconds, both ends included.
pub(crate) type Times = (i64, i64);

/// Hex digits of each number.
const DIGITS: usize = 16;

/// What a cursor belongs to.
pub(crate) fn fingerprint(tenant: &TenantId, query: &str) -> u64 {
    let mut hash = Xxh3::new();
    for text in [tenant.as_str(), query] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest()
}

/// The cursor that says `numbers` and `times`.
pub(crate) fn render(numbers: &[u64], times: Times, fingerprint: u64) -> String {
    let mut text = VERSION.to_string();
    for number in numbers.iter().chain(&[times.0 as u64, times.1 as u64, fingerprint]) {
        text.push_str(&format!("{number:016x}"));
    }
    let checksum = xxh3_64(text.as_bytes());
    format!("{text}{checksum:016x}")
}

/// What a cursor says.
pub(crate) fn parse<const N: usize>(
    text: &str,
    fingerprint: u64,
) -> Result<([u64; N], Times), Error> {
    let damaged = || invalid("the cursor is damaged");
    if !text.is_ascii() || text.len() != 1 + (N + 4) * DIGITS {
        return Err(damaged());
    }
    let (signed, checksum) = text.split_at(1 + (N + 3) * DIGITS);
    let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| damaged());
    if number(checksum)? != xxh3_64(signed.as_bytes()) {
        return Err(damaged());
    }
    if !text.starts_with(VERSION) {
        return Err(invalid("the cursor was made by another version"));
    }
    let at = |index: usize| number(&text[1 + index * DIGITS..1 + (index + 1) * DIGITS]);
    if at(N + 2)? != fingerprint {
        return Err(invalid("the cursor belongs to another query"));
    }
    let mut numbers = [0; N];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = at(index)?;
    }
    Ok((numbers, (at(N)? as i64, at(N + 1)? as i64)))
}

fn invalid(message: &str) -> Error {
    Error::InvalidRequest {
        message: message.to_owned(),
        hint: Some(
            "send the cursor exactly as it was given, with the same query; or start again without it"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_survive_their_text_and_fit_their_query_only(
            numbers in any::<[u64; 3]>(), times in any::<Times>(), query in any::<u64>()
        ) {
            let text = render(&numbers, times, query);
            prop_assert_eq!(parse(&text, query).unwrap(), (numbers, times));
            prop_assert!(parse::<3>(&text, query ^ 1).is_err());
            prop_assert!(parse::<2>(&text, query).is_err());
        }

        #[test]
        fn altered_cursors_are_refused(at in 0usize..113, to in "[0-9a-z+ä]") {
            let mut text = render(&[7, 8, 9], (i64::MIN, 5), 1);
            let same = text[at..=at] == to;
            text.replace_range(at..=at, &to);
            prop_assert_eq!(parse::<3>(&text, 1).is_ok(), same);
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_query() {
        let tenant = TenantId::default();
        assert_ne!(fingerprint(&tenant, "a"), fingerprint(&tenant, "b"));
        assert_ne!(fingerprint(&tenant, "a"), fingerprint(&"other".parse().unwrap(), "a"));
    }
}
