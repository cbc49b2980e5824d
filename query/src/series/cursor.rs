//! Cursors: where a page of series ended, in a form that survives flush and compaction.
//!
//! Like those of log search, they carry a version, what they belong to, and a checksum.

use super::SeriesRequest;
use crate::Error;
use binnacle_storage::model::{SeriesId, TenantId};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) series: SeriesId,
    /// The last point given of it; `None` when all were.
    pub(super) point: Option<Given>,
}

/// A place among the points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) time: i64,
    /// How many points of this time were given, on all pages.
    pub(super) count: u64,
}

/// First digit of every cursor; another one for another layout or order of series.
const VERSION: char = '1';

/// Hex digits: version, series, time, count, fingerprint, checksum.
const LENGTH: usize = 1 + 32 + 4 * 16;

/// What a cursor belongs to: everything of a request but its limit.
pub(super) fn fingerprint(tenant: &TenantId, request: &SeriesRequest) -> u64 {
    let mut hash = Xxh3::new();
    let mut text = |text: Option<&str>| {
        hash.update(&[u8::from(text.is_some())]);
        hash.update(&(text.unwrap_or_default().len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    };
    text(Some(tenant.as_str()));
    text(request.metric.as_deref());
    text(request.service.as_deref());
    for (key, value) in &request.attributes {
        text(Some(key));
        text(Some(value));
    }
    for time in [request.start, request.end] {
        hash.update(&[u8::from(time.is_some())]);
        hash.update(&time.unwrap_or_default().0.to_le_bytes());
    }
    hash.digest()
}

impl Cursor {
    pub(super) fn render(self, fingerprint: u64) -> String {
        // A count of zero says that there is no point: one that was given counts at least one.
        let Given { time, count } = self.point.unwrap_or(Given { time: 0, count: 0 });
        let text = format!("{VERSION}{}{time:016x}{count:016x}{fingerprint:016x}", self.series);
        let checksum = xxh3_64(text.as_bytes());
        format!("{text}{checksum:016x}")
    }

    pub(super) fn parse(text: &str, fingerprint: u64) -> Result<Cursor, Error> {
        let damaged = || invalid("the cursor is damaged");
        if !text.is_ascii() || text.len() != LENGTH {
            return Err(damaged());
        }
        let number = |place: usize| {
            let start = 1 + 32 + 16 * place;
            u64::from_str_radix(&text[start..start + 16], 16).map_err(|_| damaged())
        };
        if number(3)? != xxh3_64(&text.as_bytes()[..LENGTH - 16]) {
            return Err(damaged());
        }
        if !text.starts_with(VERSION) {
            return Err(invalid("the cursor was made by another version"));
        }
        if number(2)? != fingerprint {
            return Err(invalid("the cursor belongs to another query"));
        }
        let series = text[1..33].parse().map_err(|_| damaged())?;
        let given = Given { time: number(0)? as i64, count: number(1)? };
        Ok(Cursor { series, point: (given.count > 0).then_some(given) })
    }
}

fn invalid(message: &str) -> Error {
    Error::InvalidRequest {
        message: message.to_owned(),
        hint: Some(
            "send the cursor exactly as it was given, with the same parameters; or start again without it".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_survive_their_text(series in any::<[u8; 16]>(), time in any::<i64>(), count in any::<u64>(), query in any::<u64>()) {
            let point = (count > 0).then_some(Given { time, count });
            let cursor = Cursor { series: SeriesId(series), point };
            prop_assert_eq!(Cursor::parse(&cursor.render(query), query).unwrap(), cursor);
        }

        #[test]
        fn altered_cursors_are_refused(at in 0usize..LENGTH, to in "[0-9a-z+ä]") {
            let mut text = Cursor { series: SeriesId([7; 16]), point: None }.render(1);
            let same = text[at..=at] == to;
            text.replace_range(at..=at, &to);
            prop_assert_eq!(Cursor::parse(&text, 1).is_ok(), same);
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_request() {
        let tenant = TenantId::default();
        let named = |metric: &str| SeriesRequest {
            metric: Some(metric.to_owned()),
            ..SeriesRequest::default()
        };
        let (a, b) = (fingerprint(&tenant, &named("a")), fingerprint(&tenant, &named("b")));
        let text = Cursor { series: SeriesId([7; 16]), point: None }.render(a);
        assert!(Cursor::parse(&text, a).is_ok());
        assert!(Cursor::parse(&text, b).is_err());
        let other_field =
            SeriesRequest { service: Some("a".to_owned()), ..SeriesRequest::default() };
        assert_ne!(fingerprint(&tenant, &other_field), a);
    }
}
