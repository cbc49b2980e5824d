//! Writing one row: a value to each column of a table, in the table's order.

use super::column::Column;
use super::rows::NumberValue;
use crate::model::wire;

pub(super) const SERVICE: usize = 0;
pub(super) const RESOURCE: usize = 1;
pub(super) const SCOPE: usize = 2;

/// Writes the columns of one row, in the table's order.
pub(super) struct RowWriter<'a> {
    pub row: u32,
    pub columns: std::slice::IterMut<'a, Column>,
    /// Codes of the current service, resource and scope.
    pub known: &'a mut [Option<u32>; 3],
}

impl RowWriter<'_> {
    #[inline]
    fn next(&mut self) -> &mut Column {
        self.columns.next().expect("a row has as many values as its table has columns")
    }

    #[inline]
    pub fn int(&mut self, value: i64) {
        let row = self.row;
        self.next().push_int(row, value);
    }

    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        let row = self.row;
        self.next().push_bytes(row, value);
    }

    /// A value that many rows share.
    #[inline]
    pub fn known(&mut self, which: usize, value: &[u8]) {
        let row = self.row;
        let column =
            self.columns.next().expect("a row has as many values as its table has columns");
        column.push_known(row, value, &mut self.known[which]);
    }

    #[inline]
    pub fn optional_int(&mut self, value: Option<i64>) {
        let row = self.row;
        let column = self.next();
        if let Some(value) = value {
            column.push_int(row, value);
        }
    }

    #[inline]
    pub fn optional_double(&mut self, value: Option<f64>) {
        let row = self.row;
        let column = self.next();
        if let Some(value) = value {
            column.push_double(row, value);
        }
    }

    #[inline]
    pub fn optional_bool(&mut self, value: Option<bool>) {
        let row = self.row;
        let column = self.next();
        if let Some(value) = value {
            column.push_bool(row, value);
        }
    }

    #[inline]
    pub fn optional_bytes(&mut self, value: Option<&[u8]>) {
        let row = self.row;
        let column = self.next();
        if let Some(value) = value {
            column.push_bytes(row, value);
        }
    }

    #[inline]
    pub fn non_empty(&mut self, value: &str) {
        self.optional_bytes((!value.is_empty()).then_some(value.as_bytes()));
    }

    #[inline]
    pub fn non_zero(&mut self, value: u32) {
        self.optional_int((value != 0).then_some(i64::from(value)));
    }

    /// Two columns: the number as a double, and as an integer where it was sent as one.
    #[inline]
    pub fn number(&mut self, value: Option<NumberValue>) {
        let (double, int) = match value {
            None => (None, None),
            Some(NumberValue::Double(value)) => (Some(value), None),
            Some(NumberValue::Int(value)) => (Some(value as f64), Some(value)),
        };
        self.optional_double(double);
        self.optional_int(int);
    }

    /// A list of messages as one stored list; null when there is none.
    pub fn list(&mut self, messages: &[&[u8]], scratch: &mut Vec<u8>) {
        let row = self.row;
        let column = self.next();
        if messages.is_empty() {
            return;
        }
        scratch.clear();
        for message in messages {
            wire::put_element(scratch, message);
        }
        column.push_bytes(row, scratch);
    }
}
