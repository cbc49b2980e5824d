//! Columns of a batch: values, and the rows they belong to.

use super::{Integers, Interner, Numbers};
use crate::model::{ColumnKind, Value};

/// Which row each value belongs to.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Value `i` belongs to row `i`; every row has one.
    Dense,
    /// Value `i` belongs to row `rows[i]`; ascending, no row twice; the other rows are null.
    Sparse(Numbers),
}

/// The values of a column.
#[derive(Debug, Clone)]
pub enum Values {
    /// Integers of every width and timestamps; `u64` as its bit pattern.
    Int(Integers),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    /// UTF-8, checked when it was pushed.
    Text(Strings),
    Bytes(Strings),
    /// Values of `width` bytes end to end.
    Fixed {
        width: usize,
        bytes: Vec<u8>,
    },
}

/// Byte strings, interned as long as they repeat.
#[derive(Debug, Clone, Default)]
pub struct Strings {
    pub dictionary: Interner,
    /// Code of each value in `dictionary`.
    pub codes: Numbers,
    /// Values turned out to be nearly unique: each new one is simply appended.
    plain: bool,
}

/// After this many values it is decided whether interning pays.
const STRINGS_SAMPLE: usize = 256;

/// Share of distinct values among the first [`STRINGS_SAMPLE`] above which interning stops, in percent.
const STRINGS_DISTINCT_PERCENT: usize = 80;

impl Strings {
    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        if self.plain {
            self.codes.push(self.dictionary.append(value));
            return;
        }
        self.codes.push(self.dictionary.intern(value));
        if self.codes.len() == STRINGS_SAMPLE
            && self.dictionary.len() * 100 > STRINGS_SAMPLE * STRINGS_DISTINCT_PERCENT
        {
            self.plain = true;
        }
    }

    /// Pushes a value whose code `known` holds, if any did so far.
    #[inline]
    fn push_known(&mut self, value: &[u8], known: &mut Option<u32>) {
        match *known {
            Some(code) => self.codes.push(code),
            None => {
                self.push(value);
                *known = self.codes.last();
            }
        }
    }

    #[inline]
    pub fn value(&self, index: usize) -> &[u8] {
        self.dictionary.value(self.codes.get(index))
    }

    fn clear(&mut self) {
        self.dictionary.clear();
        self.codes.clear();
        self.plain = false;
    }

    fn compact(&self) -> Strings {
        let (dictionary, codes) = (self.dictionary.compact(), self.codes.compact());
        Strings { dictionary, codes, plain: self.plain }
    }

    pub fn len(&self) -> usize {
        self.codes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    fn memory(&self) -> usize {
        self.dictionary.memory() + self.codes.memory()
    }
}

/// One column of a batch.
#[derive(Debug, Clone)]
pub struct Column {
    pub rows: Rows,
    pub values: Values,
}

impl Column {
    pub(super) fn new(kind: ColumnKind, required: bool) -> Column {
        let values = match kind {
            ColumnKind::Timestamp
            | ColumnKind::Int64
            | ColumnKind::Int32
            | ColumnKind::UInt32
            | ColumnKind::UInt64 => Values::Int(Integers::default()),
            ColumnKind::Float64 => Values::Double(Vec::new()),
            ColumnKind::Bool => Values::Bool(Vec::new()),
            ColumnKind::Fixed(width) => Values::Fixed { width, bytes: Vec::new() },
            ColumnKind::Text => Values::Text(Strings::default()),
            ColumnKind::Bytes => Values::Bytes(Strings::default()),
        };
        Column {
            rows: if required { Rows::Dense } else { Rows::Sparse(Numbers::default()) },
            values,
        }
    }

    /// Number of values (not of rows: null rows have none).
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of value `index`.
    #[inline]
    pub fn row(&self, index: usize) -> u32 {
        match &self.rows {
            Rows::Dense => index as u32,
            Rows::Sparse(rows) => rows.get(index),
        }
    }

    #[inline]
    fn mark(&mut self, row: u32) {
        if let Rows::Sparse(rows) = &mut self.rows {
            rows.push(row);
        }
    }

    #[inline]
    pub(crate) fn push_int(&mut self, row: u32, value: i64) {
        self.mark(row);
        match &mut self.values {
            Values::Int(values) => values.push(value),
            _ => unreachable!("the table's column is an integer"),
        }
    }

    #[inline]
    pub(super) fn push_double(&mut self, row: u32, value: f64) {
        self.mark(row);
        match &mut self.values {
            Values::Double(values) => values.push(value),
            _ => unreachable!("the table's column is a double"),
        }
    }

    #[inline]
    pub(super) fn push_bool(&mut self, row: u32, value: bool) {
        self.mark(row);
        match &mut self.values {
            Values::Bool(values) => values.push(value),
            _ => unreachable!("the table's column is a bool"),
        }
    }

    #[inline]
    pub(crate) fn push_bytes(&mut self, row: u32, value: &[u8]) {
        self.mark(row);
        match &mut self.values {
            Values::Text(strings) | Values::Bytes(strings) => strings.push(value),
            Values::Fixed { width, bytes } => {
                assert_eq!(value.len(), *width, "ids have the width of their column");
                bytes.extend_from_slice(value);
            }
            _ => unreachable!("the table's column holds bytes"),
        }
    }

    /// The same for a value that is the same in many rows, whose code `known` remembers.
    #[inline]
    pub(super) fn push_known(&mut self, row: u32, value: &[u8], known: &mut Option<u32>) {
        self.mark(row);
        match &mut self.values {
            Values::Text(strings) | Values::Bytes(strings) => strings.push_known(value, known),
            _ => unreachable!("the table's column holds strings"),
        }
    }

    /// Empties it, but keeps its memory for the next values.
    pub(super) fn clear(&mut self) {
        if let Rows::Sparse(rows) = &mut self.rows {
            rows.clear();
        }
        match &mut self.values {
            Values::Int(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Bool(values) => values.clear(),
            Values::Text(strings) | Values::Bytes(strings) => strings.clear(),
            Values::Fixed { bytes, .. } => bytes.clear(),
        }
    }

    /// A copy that takes no more memory than it needs.
    pub(super) fn compact(&self) -> Column {
        let rows = match &self.rows {
            Rows::Dense => Rows::Dense,
            Rows::Sparse(rows) => Rows::Sparse(rows.compact()),
        };
        let values = match &self.values {
            Values::Int(values) => Values::Int(values.compact()),
            Values::Double(values) => Values::Double(values.as_slice().to_vec()),
            Values::Bool(values) => Values::Bool(values.as_slice().to_vec()),
            Values::Text(strings) => Values::Text(strings.compact()),
            Values::Bytes(strings) => Values::Bytes(strings.compact()),
            Values::Fixed { width, bytes } => {
                Values::Fixed { width: *width, bytes: bytes.as_slice().to_vec() }
            }
        };
        Column { rows, values }
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        let rows = match &self.rows {
            Rows::Dense => 0,
            Rows::Sparse(rows) => rows.memory(),
        };
        rows + match &self.values {
            Values::Int(values) => values.memory(),
            Values::Double(values) => values.capacity() * 8,
            Values::Bool(values) => values.capacity(),
            Values::Text(strings) | Values::Bytes(strings) => strings.memory(),
            Values::Fixed { bytes, .. } => bytes.capacity(),
        }
    }
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Int(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Bool(values) => values.len(),
            Values::Text(strings) | Values::Bytes(strings) => strings.len(),
            Values::Fixed { width, bytes } => bytes.len() / width,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The types an attribute column can have. All other values stay wire bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeType {
    String,
    Int,
    Double,
    Bool,
}

impl AttributeType {
    /// `None` for values that never get a column: empty, bytes, arrays and key–value lists.
    #[inline]
    pub fn of(value: &Value<'_>) -> Option<AttributeType> {
        match value {
            Value::String(_) => Some(AttributeType::String),
            Value::Int(_) => Some(AttributeType::Int),
            Value::Double(_) => Some(AttributeType::Double),
            Value::Bool(_) => Some(AttributeType::Bool),
            Value::Empty | Value::Bytes(_) | Value::Array(_) | Value::KeyValues(_) => None,
        }
    }

    pub fn column_kind(self) -> ColumnKind {
        match self {
            AttributeType::String => ColumnKind::Text,
            AttributeType::Int => ColumnKind::Int64,
            AttributeType::Double => ColumnKind::Float64,
            AttributeType::Bool => ColumnKind::Bool,
        }
    }

    /// `string`, `int`, `double` or `bool`.
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::String => "string",
            AttributeType::Int => "int",
            AttributeType::Double => "double",
            AttributeType::Bool => "bool",
        }
    }

    pub fn from_name(name: &str) -> Option<AttributeType> {
        use AttributeType::{Bool, Double, Int, String};
        [String, Int, Double, Bool].into_iter().find(|kind| kind.name() == name)
    }
}

/// One attribute key and type of a batch, as a column.
#[derive(Debug, Clone)]
pub struct AttributeColumn {
    pub key: Box<str>,
    pub kind: AttributeType,
    pub column: Column,
}

impl AttributeColumn {
    pub(crate) fn new(key: &str, kind: AttributeType) -> AttributeColumn {
        AttributeColumn { key: key.into(), kind, column: Column::new(kind.column_kind(), false) }
    }

    #[inline]
    pub(crate) fn push(&mut self, row: u32, value: &Value<'_>) {
        match *value {
            Value::String(text) => self.column.push_bytes(row, text.as_bytes()),
            Value::Int(number) => self.column.push_int(row, number),
            Value::Double(number) => self.column.push_double(row, number),
            Value::Bool(flag) => self.column.push_bool(row, flag),
            _ => unreachable!("only values with an attribute type are pushed"),
        }
    }

    /// The last row that has a value.
    #[inline]
    pub(super) fn last_row(&self) -> Option<u32> {
        match &self.column.rows {
            Rows::Sparse(rows) => rows.last(),
            Rows::Dense => unreachable!("attribute columns are sparse"),
        }
    }

    /// Value `index` of the column.
    pub fn value(&self, index: usize) -> Value<'_> {
        match &self.column.values {
            Values::Int(values) => Value::Int(values.get(index)),
            Values::Double(values) => Value::Double(values[index]),
            Values::Bool(values) => Value::Bool(values[index]),
            Values::Text(strings) => Value::String(
                std::str::from_utf8(strings.value(index)).expect("text was checked when pushed"),
            ),
            Values::Bytes(_) | Values::Fixed { .. } => unreachable!("no attribute type is bytes"),
        }
    }
}
