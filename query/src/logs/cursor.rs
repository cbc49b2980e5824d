//! Cursors: where a page ended, in a form that survives flush and compaction.
//!
//! Records are ordered by time (newest first), then by content hash. A cursor names the last record given by these two,
//! and how many records that are equal in both were given, because a record may be stored twice. It is bound to its query
//! by a fingerprint, and carries a version and a checksum, so that an altered or foreign cursor is refused rather than
//! answered wrongly.

use super::LogRequest;
use crate::Error;
use binnacle_storage::model::TenantId;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) time: i64,
    pub(super) hash: u64,
    /// How many records with this time and hash were given, on all pages.
    pub(super) given: u64,
}

/// First digit of every cursor; another one for another layout or order of records.
const VERSION: char = '1';

/// Hex digits of each of the five numbers after the version.
const DIGITS: usize = 16;

/// What a cursor belongs to: everything of a request but its limit.
pub(super) fn fingerprint(tenant: &TenantId, request: &LogRequest) -> u64 {
    let mut hash = Xxh3::new();
    for text in [tenant.as_str(), &request.query] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    for time in [request.start, request.end] {
        hash.update(&[u8::from(time.is_some())]);
        hash.update(&time.unwrap_or_default().0.to_le_bytes());
    }
    hash.digest()
}

impl Cursor {
    pub(super) fn render(self, fingerprint: u64) -> String {
        let Cursor { time, hash, given } = self;
        let text = format!("{VERSION}{time:016x}{hash:016x}{given:016x}{fingerprint:016x}");
        let checksum = xxh3_64(text.as_bytes());
        format!("{text}{checksum:016x}")
    }

    pub(super) fn parse(text: &str, fingerprint: u64) -> Result<Cursor, Error> {
        let damaged = || invalid("the cursor is damaged");
        if !text.is_ascii() || text.len() != 1 + 5 * DIGITS {
            return Err(damaged());
        }
        let (signed, _) = text.split_at(1 + 4 * DIGITS);
        let number = |index: usize| {
            let digits = &text[1 + index * DIGITS..1 + (index + 1) * DIGITS];
            u64::from_str_radix(digits, 16).map_err(|_| damaged())
        };
        if number(4)? != xxh3_64(signed.as_bytes()) {
            return Err(damaged());
        }
        if !text.starts_with(VERSION) {
            return Err(invalid("the cursor was made by another version"));
        }
        if number(3)? != fingerprint {
            return Err(invalid("the cursor belongs to another query"));
        }
        Ok(Cursor { time: number(0)? as i64, hash: number(1)?, given: number(2)? })
    }
}

fn invalid(message: &str) -> Error {
    Error::InvalidRequest {
        message: message.to_owned(),
        hint: Some(
            "send the cursor exactly as it was given, with the same query, start and end; or start again without it"
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
        fn cursors_survive_their_text(time in any::<i64>(), hash in any::<u64>(), given in any::<u64>(), query in any::<u64>()) {
            let cursor = Cursor { time, hash, given };
            prop_assert_eq!(Cursor::parse(&cursor.render(query), query).unwrap(), cursor);
        }

        #[test]
        fn altered_cursors_are_refused(at in 0usize..81, to in "[0-9a-z+ä]") {
            let mut text = Cursor { time: 7, hash: 8, given: 9 }.render(1);
            let same = text[at..=at] == to;
            text.replace_range(at..=at, &to);
            prop_assert_eq!(Cursor::parse(&text, 1).is_ok(), same);
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_query() {
        let tenant = TenantId::default();
        let request = |query: &str| LogRequest { query: query.to_owned(), ..LogRequest::default() };
        let (a, b) = (fingerprint(&tenant, &request("a")), fingerprint(&tenant, &request("b")));
        assert_ne!(a, b);
        let text = Cursor { time: 7, hash: 8, given: 9 }.render(a);
        assert!(Cursor::parse(&text, b).is_err());
    }
}
