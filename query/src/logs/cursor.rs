//! Cursors of log search.
//!
//! Records are ordered by time (newest first), then by content hash. A cursor names the last record given by these two,
//! and how many records that are equal in both were given, because a record may be stored twice.

use super::LogRequest;
use super::search::Times;
use crate::{Error, cursor};
use binnacle_storage::model::TenantId;

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) time: i64,
    pub(super) hash: u64,
    /// How many records with this time and hash were given, on all pages.
    pub(super) given: u64,
}

/// What a cursor belongs to: everything of a request but its limit, and its times, which the cursor says itself.
pub(super) fn fingerprint(tenant: &TenantId, request: &LogRequest) -> u64 {
    cursor::fingerprint(tenant, &request.query)
}

impl Cursor {
    pub(super) fn render(self, times: Times, fingerprint: u64) -> String {
        let numbers = [self.time as u64, self.hash, self.given];
        cursor::render(&numbers, (times.from, times.to), fingerprint)
    }

    pub(super) fn parse(text: &str, fingerprint: u64) -> Result<(Cursor, Times), Error> {
        let ([time, hash, given], (from, to)) = cursor::parse(text, fingerprint)?;
        Ok((Cursor { time: time as i64, hash, given }, Times { from, to }))
    }
}
