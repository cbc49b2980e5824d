//! The columns that rollups are made of, from batches and segment files alike.

use super::column::{DROPPED, NULL, SlotValues, Slots, StringMode};
use super::order::{load, place_all};
use super::schema::column_index;
use super::source::{ColumnRef, Source};
use crate::Error;
use crate::batch::{AttributeType, Interner};
use crate::model::{ColumnKind, Table, Value, wire};
use crate::rollup::{
    KIND_CLIENT, KIND_CONSUMER, KIND_PRODUCER, NO_PEER, PEER_KEYS, Peer, PeerValues, SpanSet,
};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Codes of the values of [`PEER_KEYS`] on one span.
type PeerCodes = [u32; PEER_KEYS.len()];

/// The spans of `sources`: `positions` tells for each row of each where it goes, below `rows`, or that it is left out.
pub(crate) fn spans(
    sources: &[Source<'_>],
    positions: &[u32],
    rows: usize,
) -> Result<SpanSet, Error> {
    let from = From { sources, positions, rows };
    let kinds = from.small("kind")?;
    let (peers, peer_list) = from.peers(&kinds)?;
    let (trace_ids, traces) = from.traces()?;
    let (service_names, services) = from.names("service")?;
    let (operation_names, operations) = from.names("name")?;
    Ok(SpanSet {
        trace_ids,
        traces,
        span_ids: from.ids("span_id")?,
        parents: from.ids("parent_span_id")?,
        service_names,
        services,
        operation_names,
        operations,
        kinds,
        statuses: from.small("status_code")?,
        starts: from.numbers("start_time")?,
        durations: from.numbers("duration")?,
        peers,
        peer_list,
    })
}

/// Calls `visit` with the hash of each trace id and its rows' positions. All bits of the hashes are known.
pub(crate) fn each_trace(
    table: Table,
    sources: &[Source<'_>],
    positions: &[u32],
    visit: &mut (dyn FnMut(u64, &[u32]) + Send),
) -> Result<u32, Error> {
    let SlotValues::Fixed { bytes, .. } = load(table, sources, "trace_id", positions)?.values
    else {
        unreachable!("trace_id is a column of ids")
    };
    let hashed = bytes.chunks_exact(16).map(xxh3_64).zip(0..);
    let mut rows: Vec<(u64, u32)> = hashed.collect();
    rows.sort_unstable();
    for trace in rows.chunk_by(|a, b| a.0 == b.0) {
        let of_trace: Vec<u32> = trace.iter().map(|(_, row)| *row).collect();
        visit(trace[0].0, &of_trace);
    }
    Ok(u64::BITS)
}

struct From<'a> {
    sources: &'a [Source<'a>],
    positions: &'a [u32],
    rows: usize,
}

impl From<'_> {
    fn column(&self, name: &str) -> Result<Slots, Error> {
        let index = column_index(Table::Spans, name);
        let spec = Table::Spans.columns()[index];
        let mut slots = Slots::new(spec.kind, spec.required, self.rows, StringMode::Coded);
        place_all(self.sources, ColumnRef::Table(index), self.positions, &mut slots)?;
        Ok(slots)
    }

    fn numbers(&self, name: &str) -> Result<Vec<i64>, Error> {
        match self.column(name)?.values {
            SlotValues::Int(values) => Ok(values),
            _ => unreachable!("{name} is a column of integers"),
        }
    }

    fn small(&self, name: &str) -> Result<Vec<i32>, Error> {
        Ok(self.numbers(name)?.into_iter().map(|number| number as i32).collect())
    }

    fn ids(&self, name: &str) -> Result<Vec<u8>, Error> {
        match self.column(name)?.values {
            SlotValues::Fixed { bytes, .. } => Ok(bytes),
            _ => unreachable!("{name} is a column of ids"),
        }
    }

    fn traces(&self) -> Result<(Interner, Vec<u32>), Error> {
        let ids = self.ids("trace_id")?;
        let mut dictionary = Interner::default();
        let codes = ids.chunks_exact(16).map(|id| dictionary.intern(id)).collect();
        Ok((dictionary, codes))
    }

    fn names(&self, name: &str) -> Result<(Interner, Vec<u32>), Error> {
        match self.column(name)?.values {
            SlotValues::Coded { dictionary, codes } => Ok((dictionary, codes)),
            _ => unreachable!("{name} is a column of text"),
        }
    }

    /// What each span says of its other side, of the kinds that have one.
    fn peers(&self, kinds: &[i32]) -> Result<(Vec<u32>, Vec<Peer>), Error> {
        let mut values = Interner::default();
        let mut columns: [Option<Vec<u32>>; PEER_KEYS.len()] = Default::default();
        for (key, into) in PEER_KEYS.iter().zip(&mut columns) {
            *into = self.peer_column(key, &mut values)?;
        }
        let rest = self.peer_rest(&mut values)?;
        let mut peers = vec![NO_PEER; self.rows];
        let mut list: Vec<Peer> = Vec::new();
        let mut known: HashMap<PeerCodes, u32, RandomState> = HashMap::default();
        for (row, peer) in peers.iter_mut().enumerate() {
            if !matches!(kinds[row], KIND_CLIENT | KIND_PRODUCER | KIND_CONSUMER) {
                continue;
            }
            let mut codes: PeerCodes = [NULL; PEER_KEYS.len()];
            for (code, column) in codes.iter_mut().zip(&columns) {
                *code = column.as_ref().map_or(NULL, |column| column[row]);
            }
            if let Some(more) = rest.get(&(row as u32)) {
                for (code, more) in codes.iter_mut().zip(more) {
                    *code = if *code == NULL { *more } else { *code };
                }
            }
            *peer = *known.entry(codes).or_insert_with(|| name_peer(&codes, &values, &mut list));
        }
        Ok((peers, list))
    }

    /// Codes of an attribute's texts; `None` when no source has a column of them.
    fn peer_column(&self, key: &str, values: &mut Interner) -> Result<Option<Vec<u32>>, Error> {
        let column = ColumnRef::Attribute(key, AttributeType::String);
        if self.sources.iter().all(|source| source.repetition(column).values == 0) {
            return Ok(None);
        }
        let mut slots = Slots::new(ColumnKind::Text, false, self.rows, StringMode::Coded);
        slots.values =
            SlotValues::Coded { dictionary: std::mem::take(values), codes: vec![NULL; self.rows] };
        place_all(self.sources, column, self.positions, &mut slots)?;
        match slots.values {
            SlotValues::Coded { dictionary, codes } => {
                *values = dictionary;
                Ok(Some(codes))
            }
            _ => unreachable!("text is held as codes"),
        }
    }

    /// The same for texts without a column, by row.
    fn peer_rest(&self, values: &mut Interner) -> Result<HashMap<u32, PeerCodes>, Error> {
        let mut found: HashMap<u32, PeerCodes> = HashMap::new();
        let mut positions = self.positions;
        for source in self.sources {
            let (own, others) = positions.split_at(source.rows() as usize);
            positions = others;
            if !source.may_have_in_rest(&PEER_KEYS) {
                continue;
            }
            source.each_in_rest(&mut |row, message| {
                let position = own[row as usize];
                if position == DROPPED {
                    return Ok(());
                }
                // What cannot be read names no peer.
                if let Ok(attribute) = wire::key_value(message)
                    && let Value::String(text) = attribute.value
                    && let Some(index) = PEER_KEYS.iter().position(|key| *key == attribute.key)
                {
                    let codes = found.entry(position).or_insert([NULL; PEER_KEYS.len()]);
                    if codes[index] == NULL {
                        codes[index] = super::column::intern(values, text.as_bytes())?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

fn name_peer(codes: &PeerCodes, values: &Interner, list: &mut Vec<Peer>) -> u32 {
    let mut texts = PeerValues::default();
    for (text, &code) in texts.0.iter_mut().zip(codes) {
        *text = (code != NULL).then(|| values.value(code));
    }
    let Some(peer) = texts.peer() else { return NO_PEER };
    list.push(peer);
    (list.len() - 1) as u32
}
