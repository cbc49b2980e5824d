//! Merge: the columns of all sources, one after the other, each value at the position of its row.
//!
//! Only one column is in memory at a time, so a merge of a million rows needs little more than its output.

use super::attributes::{ATTRIBUTES_REST, ChosenColumns, RestKeys, attribute_column_name};
use super::column::{Slots, StringMode};
use super::order::place_all;
use super::rest::{Promotion, build_rest};
use super::source::{ColumnRef, Repetition, Source};
use crate::Error;
use crate::batch::AttributeType;
use crate::model::{ColumnKind, Table};
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
            let slots = self.column(column, spec.kind, spec.required)?;
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
