//! Dictionary columns, written straight from the codes that the batches' interners gave out.
//!
//! The Parquet crate would hash every value once more to find its code. Here codes become pages as they are, which halves
//! the cost of writing a file.

use super::bounds::{lower, upper};
use super::column::NULL;
use super::hybrid::{code_width, put_codes, put_levels};
use super::page::{ChunkWriter, DataPage, PAGE_ROWS, PageStyle, ZSTD_LEVEL};
use crate::Error;
use crate::batch::Interner;
use crate::model::ColumnKind;
use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::schema::types::ColumnDescPtr;
use std::cmp::Ordering;
use std::ops::Range;

/// A column as codes.
pub(super) struct CodedColumn {
    pub kind: ColumnKind,
    /// The values; numbers as Parquet writes them.
    pub dictionary: Interner,
    /// [`NULL`] or a code of `dictionary`, per row.
    pub codes: Vec<u32>,
    pub required: bool,
    /// Values are random bytes, of which neither compression nor bounds make anything.
    pub is_random: bool,
    /// Codes take whole bytes, so that zstd finds where a sequence of them repeats.
    pub is_cyclic: bool,
}

impl CodedColumn {
    /// Codes of ids that stand end to end.
    pub fn from_ids(
        ids: &[u8],
        width: usize,
        is_set: impl Fn(usize) -> bool,
    ) -> (Interner, Vec<u32>) {
        let mut dictionary = Interner::default();
        let mut last: (&[u8], u32) = (&[], NULL);
        let codes = ids.chunks_exact(width).enumerate().map(|(row, id)| {
            if !is_set(row) {
                return NULL;
            }
            if id != last.0 {
                last = (id, dictionary.intern(id));
            }
            last.1
        });
        let codes = codes.collect();
        (dictionary, codes)
    }

    /// Codes of numbers of a kind that Parquet writes in 4 or 8 bytes.
    pub fn from_numbers(
        numbers: &[i64],
        kind: ColumnKind,
        is_set: impl Fn(usize) -> bool,
    ) -> (Interner, Vec<u32>) {
        let mut dictionary = Interner::default();
        let mut known: HashMap<i64, u32, RandomState> = HashMap::default();
        let mut last = (0, NULL);
        let codes = numbers.iter().enumerate().map(|(row, &number)| {
            if !is_set(row) {
                return NULL;
            }
            if last.1 == NULL || number != last.0 {
                let append = || match kind {
                    ColumnKind::Int32 | ColumnKind::UInt32 => {
                        dictionary.append(&(number as u32).to_le_bytes())
                    }
                    _ => dictionary.append(&number.to_le_bytes()),
                };
                last = (number, *known.entry(number).or_insert_with(append));
            }
            last.1
        });
        let codes = codes.collect();
        (dictionary, codes)
    }

    pub fn value_count(&self, rows: &Range<u32>) -> usize {
        let codes = &self.codes[rows.start as usize..rows.end as usize];
        codes.iter().filter(|&&code| code != NULL).count()
    }

    /// Writes the rows of one row group. `bytes` begin with the dictionary page.
    pub fn write(
        &self,
        descriptor: &ColumnDescPtr,
        rows: &Range<u32>,
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        let codes = &self.codes[rows.start as usize..rows.end as usize];
        Group::new(self, codes).write(descriptor, codes)
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.dictionary.value(a), self.dictionary.value(b));
        match self.kind {
            ColumnKind::Int64 | ColumnKind::Timestamp => {
                number(a, i64::from_le_bytes).cmp(&number(b, i64::from_le_bytes))
            }
            ColumnKind::UInt64 => number(a, u64::from_le_bytes).cmp(&number(b, u64::from_le_bytes)),
            ColumnKind::Int32 => number(a, i32::from_le_bytes).cmp(&number(b, i32::from_le_bytes)),
            ColumnKind::UInt32 => number(a, u32::from_le_bytes).cmp(&number(b, u32::from_le_bytes)),
            _ => a.cmp(b),
        }
    }
}

fn number<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> T {
    read(*bytes.first_chunk().expect("a number has the bytes of its kind"))
}

/// The codes of one row group, renumbered so that its dictionary holds only what it needs.
struct Group<'a> {
    column: &'a CodedColumn,
    /// Codes of the column in the group's own order.
    used: Vec<u32>,
    /// Code of the column → code of the group.
    local: Vec<u32>,
    /// Code of the group → rank of its value; empty without statistics.
    ranks: Vec<u32>,
    /// The inverse.
    sorted: Vec<u32>,
}

impl<'a> Group<'a> {
    fn new(column: &'a CodedColumn, codes: &[u32]) -> Group<'a> {
        let mut local = vec![NULL; column.dictionary.len()];
        let mut used = Vec::new();
        for &code in codes.iter().filter(|&&code| code != NULL) {
            let slot = &mut local[code as usize];
            if *slot == NULL {
                *slot = used.len() as u32;
                used.push(code);
            }
        }
        let (mut sorted, mut ranks) = (Vec::new(), Vec::new());
        if !column.is_random {
            sorted = (0..used.len() as u32).collect();
            sorted.sort_unstable_by(|&a, &b| column.compare(used[a as usize], used[b as usize]));
            ranks = vec![0; used.len()];
            for (rank, &code) in sorted.iter().enumerate() {
                ranks[code as usize] = rank as u32;
            }
        }
        Group { column, used, local, ranks, sorted }
    }

    fn write(
        &self,
        descriptor: &ColumnDescPtr,
        codes: &[u32],
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        let style = PageStyle {
            encoding: Encoding::RLE_DICTIONARY,
            // Uncompressed, a reader takes single ids from where they lie.
            zstd_level: (!self.column.is_random).then_some(ZSTD_LEVEL),
            has_statistics: !self.column.is_random,
        };
        let mut writer = ChunkWriter::new(descriptor, style);
        writer.put_dictionary(&self.dictionary_page(), self.used.len())?;
        let mut width = code_width(self.used.len());
        if self.column.is_cyclic {
            width = width.next_multiple_of(8);
        }
        let (mut bits, mut levels) = (Vec::new(), Vec::new());
        let (mut present, mut packed) = (Vec::new(), Vec::new());
        let mut all: Option<(u32, u32)> = None;
        for page in codes.chunks(PAGE_ROWS) {
            present.clear();
            let values = page.iter().filter(|&&code| code != NULL);
            present.extend(values.map(|&code| self.local[code as usize]));
            levels.clear();
            if !self.column.required {
                set_bits(page, &mut bits);
                put_levels(&bits, page.len(), &mut levels);
            }
            packed.clear();
            packed.push(width as u8);
            put_codes(&present, width, &mut packed);
            let ranks = self.bounds(&present);
            if let Some((min, max)) = ranks {
                all = Some(all.map_or((min, max), |all| (all.0.min(min), all.1.max(max))));
            }
            let kind = self.column.kind;
            let bounds = ranks.map(|(min, max)| {
                (lower(self.value_of_rank(min), kind).0, upper(self.value_of_rank(max), kind).0)
            });
            let nulls = page.len() - present.len();
            let (levels, values) = (levels.as_slice(), packed.as_slice());
            writer.put_data(DataPage { rows: page.len(), nulls, levels, values, bounds })?;
        }
        let kind = self.column.kind;
        writer.finish(all.map(|(min, max)| {
            (lower(self.value_of_rank(min), kind), upper(self.value_of_rank(max), kind))
        }))
    }

    fn dictionary_page(&self) -> Vec<u8> {
        let mut values = Vec::new();
        let has_lengths = matches!(self.column.kind, ColumnKind::Text | ColumnKind::Bytes);
        for &code in &self.used {
            let value = self.column.dictionary.value(code);
            if has_lengths {
                values.extend_from_slice(&(value.len() as u32).to_le_bytes());
            }
            values.extend_from_slice(value);
        }
        values
    }

    /// Smallest and largest rank of some values.
    fn bounds(&self, present: &[u32]) -> Option<(u32, u32)> {
        if self.column.is_random {
            return None;
        }
        let ranks = || present.iter().map(|&code| self.ranks[code as usize]);
        Some((ranks().min()?, ranks().max()?))
    }

    fn value_of_rank(&self, rank: u32) -> &[u8] {
        let code = self.sorted[rank as usize];
        self.column.dictionary.value(self.used[code as usize])
    }
}

/// A bit per code: set unless it is [`NULL`].
fn set_bits(codes: &[u32], bits: &mut Vec<u8>) {
    bits.clear();
    bits.extend(codes.chunks(8).map(|eight| {
        let bit = |(at, &code): (usize, &u32)| u8::from(code != NULL) << at;
        eight.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit)
    }));
}
