//! Cursors: where a page of traces ended.
//!
//! Traces are ordered by the start of their newest span in question, then by id; a cursor names the last one given. It is
//! bound to its query by a fingerprint and carries a checksum, so that a foreign or altered one is refused.

use super::candidates::Candidate;
use crate::Error;
use binnacle_storage::model::{TenantId, Timestamp, TraceId};
use std::cmp::Reverse;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// First digit of every cursor; another one for another layout or order of traces.
const VERSION: char = '1';

/// Hex digits: version, time, trace id, fingerprint, checksum.
const LENGTH: usize = 1 + 16 + 32 + 16 + 16;

/// What a cursor belongs to.
pub(super) fn fingerprint(
    tenant: &TenantId,
    query: &str,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> u64 {
    let mut hash = Xxh3::new();
    for text in [tenant.as_str(), query] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    for time in [start, end] {
        hash.update(&[u8::from(time.is_some())]);
        hash.update(&time.unwrap_or_default().0.to_le_bytes());
    }
    hash.digest()
}

pub(super) fn render(last: Candidate, fingerprint: u64) -> String {
    let (time, id) = (last.newest.0, u128::from_be_bytes(last.trace_id.0));
    let text = format!("{VERSION}{time:016x}{id:032x}{fingerprint:016x}");
    let checksum = xxh3_64(text.as_bytes());
    format!("{text}{checksum:016x}")
}

pub(super) fn parse(text: &str, fingerprint: u64) -> Result<Candidate, Error> {
    let damaged = || invalid("the cursor is damaged");
    if !text.is_ascii() || text.len() != LENGTH {
        return Err(damaged());
    }
    let (signed, checksum) = text.split_at(LENGTH - 16);
    let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| damaged());
    if number(checksum)? != xxh3_64(signed.as_bytes()) {
        return Err(damaged());
    }
    if !text.starts_with(VERSION) {
        return Err(invalid("the cursor was made by another version"));
    }
    if number(&text[49..65])? != fingerprint {
        return Err(invalid("the cursor belongs to another query"));
    }
    let id = u128::from_str_radix(&text[17..49], 16).map_err(|_| damaged())?;
    let newest = Reverse(number(&text[1..17])? as i64);
    Ok(Candidate { newest, trace_id: TraceId(id.to_be_bytes()) })
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
        fn cursors_survive_their_text_and_fit_their_query_only(time in any::<i64>(), id in any::<[u8; 16]>(), query in any::<u64>()) {
            let last = Candidate { newest: Reverse(time), trace_id: TraceId(id) };
            let text = render(last, query);
            prop_assert_eq!(parse(&text, query).unwrap(), last);
            prop_assert!(parse(&text, query ^ 1).is_err());
        }

        #[test]
        fn altered_cursors_are_refused(at in 0usize..LENGTH, to in "[0-9a-z+ä]") {
            let mut text = render(Candidate { newest: Reverse(7), trace_id: TraceId([8; 16]) }, 1);
            let same = text[at..=at] == to;
            text.replace_range(at..=at, &to);
            prop_assert_eq!(parse(&text, 1).is_ok(), same);
        }
    }
}
