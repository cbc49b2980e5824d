//! Kept pages: what was decompressed last. Who looks at what was found asks for the same pages again: the next page of a
//! search, the traces of its hits, the same dashboard a minute later.

use crate::kept::Kept;
use binnacle_storage::segment::SegmentId;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::LazyLock;

/// Bytes of all kept pages of the process.
const BYTES_MAX: usize = 32 << 20;

const PAGE_BYTES_MAX: usize = 1 << 20;

/// Where a page begins. Files never change, and names of segments are never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageKey {
    pub(crate) segment: SegmentId,
    pub(crate) offset: u64,
}

static KEPT: LazyLock<Mutex<Kept<PageKey, Bytes>>> =
    LazyLock::new(|| Mutex::new(Kept::new(BYTES_MAX, PAGE_BYTES_MAX)));

/// The values of a page, decompressed, if they are kept.
pub(super) fn find(key: PageKey) -> Option<Bytes> {
    KEPT.lock().find(&key)
}

/// Keeps the values of a page in the place of those that nobody asked for the longest.
pub(super) fn put(key: PageKey, values: &Bytes) {
    KEPT.lock().put(key, values.clone(), values.len());
}
