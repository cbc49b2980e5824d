//! All segments at once: memory for every series, then every segment's samples into its part of it.

use super::fill::{Filled, Slot};
use super::piece::{Field, Piece, Run};
use super::{Floats, Wish};
use crate::Error;
use crate::numbers::Unreadable;
use crate::promql::parallel;
use binnacle_storage::model::SeriesId;
use std::collections::HashMap;

pub(super) struct Read {
    pub(super) pieces: Vec<Piece>,
    pub(super) floats: HashMap<SeriesId, Floats>,
    pub(super) rows: u64,
    pub(super) bytes_read: u64,
}

/// The part that waits for nothing.
pub(super) fn gather(
    pieces: Vec<Piece>,
    wish: &Wish<'_>,
) -> Result<Result<Read, Unreadable>, Error> {
    let numbers = wish.from.iter().zip(0..).map(|((id, _), number)| (id.0, number)).collect();
    let possible = pieces.iter().flat_map(|piece| &piece.groups).flat_map(|group| &group.possible);
    let scanned: u64 = possible.map(|rows| rows.len() as u64).sum();
    let threads = if scanned < parallel::SAMPLES_WORTH as u64 { 1 } else { wish.threads };
    let found = parallel::map(threads, pieces, |mut piece| {
        piece.find(&numbers, wish)?;
        Ok(piece)
    });
    let pieces = match found.into_iter().collect::<Result<Vec<Piece>, Unreadable>>() {
        Ok(pieces) => pieces,
        Err(error) => return Ok(Err(error)),
    };
    let mut counts = vec![0usize; wish.from.len()];
    for run in pieces.iter().flat_map(|piece| &piece.runs) {
        counts[run.series as usize] += run.rows.len();
    }
    let has_starts = pieces
        .iter()
        .flat_map(|piece| &piece.groups)
        .any(|group| group.columns.iter().any(|(field, _, _)| *field == Field::Start));
    let rows: u64 = counts.iter().map(|count| *count as u64).sum();
    if rows.saturating_mul(if has_starts { 24 } else { 16 }) > wish.bytes_max {
        return Err(Error::MemoryLimit { limit: wish.bytes_max });
    }
    let new = |count: &usize| Floats {
        times: vec![0; *count],
        values: vec![0.0; *count],
        starts: vec![0; if has_starts { *count } else { 0 }],
    };
    let mut all: Vec<Floats> = counts.iter().map(new).collect();
    let slots = slots(&pieces, &mut all);
    let work = pieces.iter().zip(slots).collect();
    let filled = parallel::map(threads, work, |(piece, slots): (&Piece, _)| piece.fill(slots));
    let filled = match filled.into_iter().collect::<Result<Vec<Filled>, Unreadable>>() {
        Ok(filled) => filled,
        Err(error) => return Ok(Err(error)),
    };
    let read: u64 = pieces.iter().map(|piece| piece.bytes_read).sum();
    let bytes_read = read + filled.iter().map(|filled| filled.bytes_read).sum::<u64>();
    let mut floats: HashMap<SeriesId, Floats> = HashMap::with_capacity(all.len());
    let mut is_other = vec![false; all.len()];
    filled.iter().flat_map(|filled| &filled.other).for_each(|at| is_other[*at as usize] = true);
    for (place, (id, _)) in wish.from.iter().enumerate() {
        let found = std::mem::take(&mut all[place]);
        if !is_other[place]
            && let Some(found) = ordered(found)
        {
            floats.insert(*id, found);
        }
    }
    Ok(Ok(Read { pieces, floats, rows: scanned, bytes_read }))
}

/// The parts of the series' memory that belong to the runs, by piece.
fn slots<'a>(pieces: &[Piece], all: &'a mut [Floats]) -> Vec<Vec<Slot<'a>>> {
    let mut left: Vec<Slot<'a>> = Vec::with_capacity(all.len());
    for Floats { times, values, starts } in all {
        left.push(Slot { times, values, starts });
    }
    let mut slots = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let of_run = |run: &Run| {
            let Slot { times, values, starts } = &mut left[run.series as usize];
            Slot {
                times: cut(times, run.rows.len()),
                values: cut(values, run.rows.len()),
                starts: cut(starts, run.rows.len()),
            }
        };
        slots.push(piece.runs.iter().map(of_run).collect());
    }
    slots
}

/// Takes the first `count` off, or nothing of an empty slice.
fn cut<'a, T>(left: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let whole = std::mem::take(left);
    let (taken, rest) = whole.split_at_mut(count.min(whole.len()));
    *left = rest;
    taken
}

/// By time; `None` when two samples have the same time, as it takes more to know which counts.
fn ordered(floats: Floats) -> Option<Floats> {
    let Floats { times, values, starts } = floats;
    let starts = if starts.iter().all(|start| *start == 0) { Vec::new() } else { starts };
    if times.is_sorted_by(|a, b| a < b) {
        return Some(Floats { times, values, starts });
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|at| times[*at]);
    if order.windows(2).any(|pair| times[pair[0]] == times[pair[1]]) {
        return None;
    }
    Some(Floats {
        times: order.iter().map(|at| times[*at]).collect(),
        values: order.iter().map(|at| values[*at]).collect(),
        starts: order.iter().filter_map(|at| starts.get(*at).copied()).collect(),
    })
}
