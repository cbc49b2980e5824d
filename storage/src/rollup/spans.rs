//! The columns of spans that rollups are made of.

use super::Peer;
use crate::batch::Interner;
use std::ops::Range;

/// Code of a span without a peer.
pub(crate) const NO_PEER: u32 = u32::MAX;

/// Some spans, a value per row in each column.
#[derive(Debug, Default)]
pub struct SpanSet {
    pub(crate) trace_ids: Interner,
    pub(crate) traces: Vec<u32>,
    /// 8 bytes each.
    pub(crate) span_ids: Vec<u8>,
    /// 8 bytes each, zeros for none.
    pub(crate) parents: Vec<u8>,
    pub(crate) service_names: Interner,
    pub(crate) services: Vec<u32>,
    pub(crate) operation_names: Interner,
    pub(crate) operations: Vec<u32>,
    pub(crate) kinds: Vec<i32>,
    pub(crate) statuses: Vec<i32>,
    pub(crate) starts: Vec<i64>,
    pub(crate) durations: Vec<i64>,
    /// What calls and receptions say of their other side: a position in `peer_list`, or [`NO_PEER`].
    pub(crate) peers: Vec<u32>,
    pub(crate) peer_list: Vec<Peer>,
}

impl SpanSet {
    pub fn rows(&self) -> u32 {
        self.starts.len() as u32
    }

    pub(super) fn span_id(&self, row: u32) -> u64 {
        id(&self.span_ids, row)
    }

    /// 0 for none.
    pub(super) fn parent(&self, row: u32) -> u64 {
        id(&self.parents, row)
    }

    pub(super) fn service(&self, row: u32) -> &[u8] {
        self.service_names.value(self.services[row as usize])
    }

    /// With its position in the list of peers.
    pub(super) fn peer(&self, row: u32) -> Option<(u32, &Peer)> {
        let code = self.peers[row as usize];
        self.peer_list.get(code as usize).map(|peer| (code, peer))
    }

    pub(super) fn is_error(&self, row: u32) -> bool {
        self.statuses[row as usize] == super::STATUS_ERROR
    }

    /// Calls `visit` with the rows of each trace that has any in `range`.
    pub(super) fn each_trace(&self, range: Range<u32>, mut visit: impl FnMut(&[u32])) {
        let codes = &self.traces[range.start as usize..range.end as usize];
        let mut starts = vec![0u32; self.trace_ids.len() + 1];
        for &code in codes {
            starts[code as usize + 1] += 1;
        }
        for code in 0..self.trace_ids.len() {
            starts[code + 1] += starts[code];
        }
        let mut rows = vec![0u32; codes.len()];
        let mut next = starts.clone();
        for (row, &code) in (range.start..).zip(codes) {
            rows[next[code as usize] as usize] = row;
            next[code as usize] += 1;
        }
        for code in 0..self.trace_ids.len() {
            let of_trace = &rows[starts[code] as usize..starts[code + 1] as usize];
            if !of_trace.is_empty() {
                visit(of_trace);
            }
        }
    }
}

fn id(ids: &[u8], row: u32) -> u64 {
    let bytes = ids[row as usize * 8..].first_chunk().expect("a span id has 8 bytes");
    u64::from_be_bytes(*bytes)
}
