//! Values of rows that are decoded when they are asked for, and each once.

use crate::Error;
use crate::rows::ByteColumn;
use binnacle_storage::model::wire;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Values that many rows share, each once.
pub(super) struct Distinct<T> {
    pub(super) values: Vec<Arc<T>>,
    /// Of every row the index of its value; empty when the column was not read.
    pub(super) of_row: Vec<u32>,
}

impl<T> Distinct<T> {
    pub(super) fn of(
        column: &ByteColumn,
        rows: usize,
        mut read: impl FnMut(Option<&[u8]>) -> Result<Arc<T>, Error>,
    ) -> Result<Distinct<T>, Error> {
        let mut distinct = Distinct { values: Vec::new(), of_row: Vec::new() };
        if !column.is_there() {
            return Ok(distinct);
        }
        let mut known: HashMap<Option<u128>, u32> = HashMap::new();
        let mut last = (None, 0);
        distinct.of_row.reserve(rows);
        for row in 0..rows {
            let view = column.view(row);
            if row == 0 || view != last.0 {
                let index = match known.get(&view) {
                    Some(index) => *index,
                    None => {
                        distinct.values.push(read(column.value(row))?);
                        let index = distinct.values.len() as u32 - 1;
                        known.insert(view, index);
                        index
                    }
                };
                last = (view, index);
            }
            distinct.of_row.push(last.1);
        }
        Ok(distinct)
    }

    pub(super) fn value(&self, row: usize) -> Option<&T> {
        let index = *self.of_row.get(row)?;
        self.values.get(index as usize).map(|value| &**value)
    }
}

/// Events or links, decoded row by row as they are asked for.
pub(super) struct Parts<T> {
    column: ByteColumn,
    decode: fn(&[u8]) -> Result<Vec<T>, wire::Malformed>,
    decoded: Vec<OnceCell<Option<Vec<T>>>>,
}

impl<T> Parts<T> {
    pub(super) fn of(
        column: ByteColumn,
        rows: usize,
        decode: fn(&[u8]) -> Result<Vec<T>, wire::Malformed>,
    ) -> Parts<T> {
        let rows = if column.is_there() { rows } else { 0 };
        Parts {
            column,
            decode,
            decoded: std::iter::repeat_with(OnceCell::new).take(rows).collect(),
        }
    }

    /// `None` when they cannot be read: whoever reads the whole span says what is wrong with it.
    pub(super) fn value(&self, row: usize) -> Option<&[T]> {
        let Some(cell) = self.decoded.get(row) else { return Some(&[]) };
        match self.column.value(row) {
            None | Some([]) => Some(&[]),
            Some(bytes) => cell.get_or_init(|| (self.decode)(bytes).ok()).as_deref(),
        }
    }
}
