//! Samples: from the columns of a row group into the memory of their series.

use super::MILLISECOND;
use super::piece::{Field, Piece};
use crate::numbers::{Numbers, Unreadable};
use crate::promql::series::STALE;
use std::ops::Range;

/// OTLP's flag of a point that says its series has gone.
const NO_RECORDED_VALUE: u64 = 1;

/// Where the samples of a run go.
pub(super) struct Slot<'a> {
    pub(super) times: &'a mut [i64],
    pub(super) values: &'a mut [f64],
    pub(super) starts: &'a mut [i64],
}

#[derive(Default)]
pub(super) struct Filled {
    pub(super) other: Vec<u32>,
    pub(super) bytes_read: u64,
}

impl Piece {
    /// Writes the samples of each run to its slot. Tells the series that have other points than floats.
    pub(super) fn fill(&self, slots: Vec<Slot<'_>>) -> Result<Filled, Unreadable> {
        let mut filled = Filled::default();
        let mut slots = slots.into_iter();
        for (place, group) in self.groups.iter().enumerate() {
            let mut runs = self.runs.iter().filter(|run| run.group == place as u32).peekable();
            if runs.peek().is_none() {
                continue;
            }
            let mut reader = GroupReader {
                time: group.numbers(&self.metadata, Field::Time)?.ok_or(Unreadable)?,
                start: group.numbers(&self.metadata, Field::Start)?,
                flags: group.numbers(&self.metadata, Field::Flags)?,
                value: group.numbers(&self.metadata, Field::Value)?,
                int: group.numbers(&self.metadata, Field::Int)?,
                bits: Vec::new(),
                nulls: Vec::new(),
            };
            for run in runs {
                let slot = slots.next().ok_or(Unreadable)?;
                if !reader.fill(run.rows.clone(), slot)? {
                    filled.other.push(run.series);
                }
            }
            filled.bytes_read += reader.bytes_read();
        }
        Ok(filled)
    }
}

struct GroupReader {
    time: Numbers,
    start: Option<Numbers>,
    flags: Option<Numbers>,
    value: Option<Numbers>,
    int: Option<Numbers>,
    bits: Vec<u64>,
    nulls: Vec<usize>,
}

impl GroupReader {
    fn bytes_read(&self) -> u64 {
        let others = [&self.start, &self.flags, &self.value, &self.int];
        let others: u64 = others.into_iter().flatten().map(Numbers::bytes_read).sum();
        self.time.bytes_read() + others
    }

    /// False when a point is neither a number nor the mark of a series that has gone.
    fn fill(&mut self, rows: Range<u32>, slot: Slot<'_>) -> Result<bool, Unreadable> {
        let Self { time, start, flags, value, int, bits, nulls } = self;
        bits.resize(rows.len(), 0);
        let mut has_null = false;
        time.read(rows.clone(), bits, |_| has_null = true)?;
        if has_null {
            return Err(Unreadable);
        }
        for (time, bits) in slot.times.iter_mut().zip(bits.iter()) {
            *time = (*bits as i64).div_euclid(MILLISECOND);
        }
        if let Some(start) = start
            && !slot.starts.is_empty()
        {
            bits.fill(0);
            start.read(rows.clone(), bits, |_| {})?;
            for (start, bits) in slot.starts.iter_mut().zip(bits.iter()) {
                *start = (*bits as i64).div_euclid(MILLISECOND);
            }
        }
        nulls.clear();
        match value {
            None => nulls.extend(0..rows.len()),
            Some(value) => value.read(rows.clone(), bits, |place| nulls.push(place))?,
        }
        for (value, bits) in slot.values.iter_mut().zip(bits.iter()) {
            *value = f64::from_bits(*bits);
        }
        if let Some(flags) = flags {
            bits.fill(0);
            flags.read(rows.clone(), bits, |_| {})?;
            for (place, bits) in bits.iter().enumerate() {
                if bits & NO_RECORDED_VALUE != 0 {
                    slot.values[place] = STALE;
                    // The mark of an end has no beginning.
                    if let Some(start) = slot.starts.get_mut(place) {
                        *start = 0;
                    }
                    nulls.retain(|null| *null != place);
                }
            }
        }
        if nulls.is_empty() {
            return Ok(true);
        }
        let Some(int) = int else { return Ok(false) };
        let mut is_int = vec![true; rows.len()];
        int.read(rows, bits, |place| is_int[place] = false)?;
        for place in nulls.iter() {
            slot.values[*place] = bits[*place] as i64 as f64;
        }
        Ok(nulls.iter().all(|place| is_int[*place]))
    }
}
