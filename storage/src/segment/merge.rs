//! Merge: the columns of all sources, one after the other, each value at the position of its row.
//!
//! Only one column is in memory at a time, so a merge of a million rows needs little more than its output.

use super::attributes::{ATTRIBUTES_REST, ChosenColumns, RestKeys, attribute_column_name};
use super::column::{DROPPED, SlotValues, Slots, StringMode};
use super::order::place_all;
use super::rest::{Promotion, build_rest};
use super::source::{ColumnRef, Repetition, Source};
use crate::Error;
use crate::batch::AttributeType;
use crate::model::{ColumnKind, Table, WEIGHT_COLUMN};
use std::ops::Range;
use std::sync::Arc;

/// What is merged, and where its rows go.
pub(super) struct Merge<'a> {
    pub table: Table,
    pub sources: &'a [Source<'a>],
    /// Per row of all sources: its position, or [`super::column::DROPPED`].
    pub positions: &'a [u32],
    /// Rows of the output.
    pub rows: usize,
    /// Parts of the output that become files.
    pub extents: &'a [Range<u32>],
    pub chosen: &'a ChosenColumns,
    /// Per row of all sources: how many it stands for from now on; `None` leaves the weights as they are.
    pub weights: Option<&'a [u32]>,
    /// How strings are held; `None` leaves the choice to how often they repeat.
    pub strings: Option<StringMode>,
}

/// One column of the output.
pub(super) struct MergedColumn {
    pub name: String,
    pub kind: ColumnKind,
    pub required: bool,
    /// Set for attribute columns.
    pub attribute: Option<(Arc<str>, AttributeType)>,
    pub slots: Slots,
}

impl Merge<'_> {
    /// Calls `visit` for every column in file order. Returns, per extent, which keys its `attributes_rest` holds.
    pub fn each_column(
        &self,
        visit: &mut dyn FnMut(MergedColumn) -> Result<(), Error>,
    ) -> Result<Vec<RestKeys>, Error> {
        for (index, spec) in self.table.columns().iter().enumerate() {
            let column = ColumnRef::Table(index);
            let mut slots = self.column(column, spec.kind, spec.required)?;
            if spec.name == WEIGHT_COLUMN {
                self.add_weights(&mut slots);
            }
            let name = spec.name.to_owned();
            visit(MergedColumn {
                name,
                kind: spec.kind,
                required: spec.required,
                attribute: None,
                slots,
            })?;
        }
        if !self.table.has_attributes() {
            return Ok(Vec::new());
        }
        let mut promotion = Promotion::find(self)?;
        for (index, (key, kind)) in self.chosen.iter().enumerate() {
            let column = ColumnRef::Attribute(key, *kind);
            let mut slots = self.column(column, kind.column_kind(), false)?;
            promotion.apply(index, &mut slots)?;
            visit(MergedColumn {
                name: attribute_column_name(key),
                kind: kind.column_kind(),
                required: false,
                attribute: Some((key.clone(), *kind)),
                slots,
            })?;
        }
        let (slots, keys) = build_rest(self, &promotion)?;
        let name = ATTRIBUTES_REST.to_owned();
        visit(MergedColumn {
            name,
            kind: ColumnKind::Bytes,
            required: false,
            attribute: None,
            slots,
        })?;
        Ok(keys)
    }

    fn column(
        &self,
        column: ColumnRef<'_>,
        kind: ColumnKind,
        required: bool,
    ) -> Result<Slots, Error> {
        let mode = self.strings.unwrap_or_else(|| self.repetition(column).mode());
        let mut slots = Slots::new(kind, required, self.rows, mode);
        place_all(self.sources, column, self.positions, &mut slots)?;
        Ok(slots)
    }

    /// Puts the new weights over what the sources say.
    fn add_weights(&self, slots: &mut Slots) {
        for (&position, &weight) in self.positions.iter().zip(self.weights.unwrap_or_default()) {
            if position != DROPPED
                && weight > 1
                && let SlotValues::Int(values) = &mut slots.values
            {
                values[position as usize] = i64::from(weight);
                slots.mark(position);
            }
        }
    }

    fn repetition(&self, column: ColumnRef<'_>) -> Repetition {
        let mut all = Repetition::default();
        for source in self.sources {
            let of = source.repetition(column);
            all.values += of.values;
            all.distinct += of.distinct;
        }
        all
    }
}
