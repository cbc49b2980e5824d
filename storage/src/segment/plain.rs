//! Columns without a dictionary, written straight from the slots of a merge.

use super::bitmap::Bitmap;
use super::bounds::{lower, upper};
use super::column::{NULL, SlotValues};
use super::delta::put_deltas;
use super::encode::ValueEncoding;
use super::hybrid::{put_codes, put_levels};
use super::page::{
    ChunkWriter, DataPage, PAGE_ROWS, PAGE_ROWS_PROSE, PageStyle, ZSTD_LEVEL, ZSTD_LEVEL_PROSE,
};
use crate::Error;
use crate::model::ColumnKind;
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// A page of text ends when it has this much.
const PAGE_BYTES: usize = 1 << 20;

/// A column as its values.
pub(super) struct PlainColumn {
    pub kind: ColumnKind,
    /// `None`: every row has a value.
    pub valid: Option<Bitmap>,
    pub values: SlotValues,
    pub encoding: ValueEncoding,
}

type Bounds = Option<(Vec<u8>, Vec<u8>)>;

impl PlainColumn {
    pub fn value_count(&self, rows: &Range<u32>) -> usize {
        match &self.valid {
            None => rows.len(),
            Some(valid) => valid.count(rows.start as usize..rows.end as usize),
        }
    }

    /// Calls `visit` for every row with its text or bytes.
    pub fn each_bytes(&self, rows: &Range<u32>, visit: &mut dyn FnMut(Option<&[u8]>)) {
        for row in rows.start as usize..rows.end as usize {
            if self.valid.as_ref().is_none_or(|valid| valid.is_set(row)) {
                self.with_bytes(row, |bytes| visit(Some(bytes)));
            } else {
                visit(None);
            }
        }
    }

    /// Writes the rows of one row group.
    pub fn write(
        &self,
        descriptor: &ColumnDescPtr,
        rows: &Range<u32>,
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        let is_random = self.encoding == ValueEncoding::Random;
        let page_rows = match self.encoding {
            ValueEncoding::Prose => PAGE_ROWS_PROSE,
            _ => PAGE_ROWS,
        };
        let style = PageStyle {
            encoding: self.parquet_encoding(),
            zstd_level: match self.encoding {
                ValueEncoding::Random => None,
                ValueEncoding::Prose => Some(ZSTD_LEVEL_PROSE),
                _ => Some(ZSTD_LEVEL),
            },
            has_statistics: !is_random,
        };
        let mut writer = ChunkWriter::new(descriptor, style);
        let mut page = Page::default();
        let mut all: Bounds = None;
        let mut next = rows.start as usize;
        while next < rows.end as usize {
            let end = (next + page_rows).min(rows.end as usize);
            let end = next + self.fill(next..end, &mut page);
            let bounds = page.bounds.take();
            if let Some((min, max)) = &bounds {
                all = Some(self.widened(all, min, max));
            }
            page.levels.clear();
            if self.valid.is_some() {
                put_levels(&page.bits, end - next, &mut page.levels);
            }
            writer.put_data(DataPage {
                rows: end - next,
                nulls: page.nulls,
                levels: &page.levels,
                values: &page.values,
                bounds: bounds
                    .map(|(min, max)| (lower(&min, self.kind).0, upper(&max, self.kind).0)),
            })?;
            next = end;
        }
        writer.finish(all.map(|(min, max)| (lower(&min, self.kind), upper(&max, self.kind))))
    }

    fn parquet_encoding(&self) -> Encoding {
        match self.encoding {
            ValueEncoding::Delta => Encoding::DELTA_BINARY_PACKED,
            ValueEncoding::ByteStreamSplit => Encoding::BYTE_STREAM_SPLIT,
            ValueEncoding::Runs => Encoding::RLE,
            ValueEncoding::Plain
            | ValueEncoding::Prose
            | ValueEncoding::Random
            | ValueEncoding::Dictionary => Encoding::PLAIN,
        }
    }

    /// Encodes rows from the start of `rows`; returns how many.
    fn fill(&self, rows: Range<usize>, page: &mut Page) -> usize {
        page.values.clear();
        page.set_bits(self.valid.as_ref(), rows.clone());
        match &self.values {
            SlotValues::Int(values) => self.fill_ints(&values[rows.clone()], page),
            SlotValues::Double(values) => fill_doubles(&values[rows.clone()], page),
            SlotValues::Bool(flags) => fill_flags(flags, rows.start, page),
            SlotValues::Fixed { width, bytes } => {
                let bytes = &bytes[rows.start * width..rows.end * width];
                fill_fixed(bytes, *width, self.encoding != ValueEncoding::Random, page);
            }
            SlotValues::Coded { .. } | SlotValues::Views { .. } => {
                return self.fill_strings(rows, page);
            }
        }
        rows.len()
    }

    fn fill_ints(&self, values: &[i64], page: &mut Page) {
        let Page { bits, values: out, numbers, bounds, .. } = page;
        numbers.clear();
        each_set(bits, values.len(), |row| numbers.push(values[row]));
        let (min, max) = if self.kind == ColumnKind::UInt64 {
            let unsigned = || numbers.iter().map(|&number| number as u64);
            (unsigned().min().map(u64::to_le_bytes), unsigned().max().map(u64::to_le_bytes))
        } else {
            let signed = || numbers.iter().copied();
            (signed().min().map(i64::to_le_bytes), signed().max().map(i64::to_le_bytes))
        };
        *bounds = min.zip(max).map(|(min, max)| (min.to_vec(), max.to_vec()));
        match self.encoding {
            ValueEncoding::Delta => put_deltas(numbers, out),
            ValueEncoding::ByteStreamSplit => split_bytes(numbers, out),
            _ => numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes())),
        }
    }

    fn fill_strings(&self, rows: Range<usize>, page: &mut Page) -> usize {
        let has_lengths = matches!(self.kind, ColumnKind::Text | ColumnKind::Bytes);
        let Page { bits, values: out, .. } = page;
        let (mut min, mut max) = (Extreme::default(), Extreme::default());
        let mut taken = 0;
        for row in rows {
            if out.len() >= PAGE_BYTES {
                break;
            }
            if bits[taken / 8] >> (taken % 8) & 1 == 1 {
                self.with_bytes(row, |value| {
                    if has_lengths {
                        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    }
                    out.extend_from_slice(value);
                    min.keep_if(value, |value, so_far| value < so_far);
                    max.keep_if(value, |value, so_far| value > so_far);
                });
            }
            taken += 1;
        }
        page.bounds = min.value.zip(max.value);
        page.cut(taken);
        taken
    }

    #[inline]
    fn with_bytes(&self, row: usize, visit: impl FnOnce(&[u8])) {
        const INLINE_BYTES_MAX: usize = 12;
        match &self.values {
            SlotValues::Coded { dictionary, codes } if codes[row] != NULL => {
                visit(dictionary.value(codes[row]));
            }
            SlotValues::Views { buffers, views } => {
                let view = views[row];
                let length = view as u32 as usize;
                if length <= INLINE_BYTES_MAX {
                    visit(&view.to_le_bytes()[4..][..length]);
                } else {
                    let (block, start) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
                    visit(&buffers[block][start..start + length]);
                }
            }
            _ => visit(&[]),
        }
    }

    fn widened(&self, all: Bounds, min: &[u8], max: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let Some((least, most)) = all else { return (min.to_vec(), max.to_vec()) };
        let is_less = |a: &[u8], b: &[u8]| match self.kind {
            ColumnKind::UInt64 => read(a) < read(b),
            ColumnKind::Timestamp | ColumnKind::Int64 => (read(a) as i64) < read(b) as i64,
            ColumnKind::Float64 => f64::from_bits(read(a)) < f64::from_bits(read(b)),
            _ => a < b,
        };
        let least = if is_less(min, &least) { min.to_vec() } else { least };
        (least, if is_less(&most, max) { max.to_vec() } else { most })
    }
}

fn read(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("a number has eight bytes"))
}

/// One page in the making, and scratch that lasts from page to page.
#[derive(Default)]
struct Page {
    /// A bit per row: whether it has a value.
    bits: Vec<u8>,
    nulls: usize,
    levels: Vec<u8>,
    values: Vec<u8>,
    numbers: Vec<i64>,
    codes: Vec<u32>,
    /// Smallest and largest value, whole.
    bounds: Bounds,
}

impl Page {
    fn set_bits(&mut self, valid: Option<&Bitmap>, rows: Range<usize>) {
        let count = rows.len();
        match valid {
            Some(valid) => valid.copy_to(rows, &mut self.bits),
            None => {
                self.bits.clear();
                self.bits.resize(count.div_ceil(8), u8::MAX);
            }
        }
        self.cut(count);
    }

    /// Leaves out the rows from `rows` on.
    fn cut(&mut self, rows: usize) {
        self.bits.truncate(rows.div_ceil(8));
        if !rows.is_multiple_of(8)
            && let Some(last) = self.bits.last_mut()
        {
            *last &= (1 << (rows % 8)) - 1;
        }
        let set: u32 = self.bits.iter().map(|byte| byte.count_ones()).sum();
        self.nulls = rows - set as usize;
    }
}

fn fill_doubles(values: &[f64], page: &mut Page) {
    let Page { bits, values: out, numbers, bounds, .. } = page;
    numbers.clear();
    let (mut min, mut max) = (f64::NAN, f64::NAN);
    each_set(bits, values.len(), |row| {
        let value = values[row];
        numbers.push(value.to_bits() as i64);
        // The smaller or larger of a number and NaN is the number.
        min = min.min(value);
        max = max.max(value);
    });
    // Zero has two signs, and readers may mean either.
    let min = if min == 0.0 { -0.0 } else { min };
    let max = if max == 0.0 { 0.0 } else { max };
    *bounds = (!min.is_nan()).then(|| (min.to_le_bytes().to_vec(), max.to_le_bytes().to_vec()));
    split_bytes(numbers, out);
}

fn fill_flags(flags: &Bitmap, first: usize, page: &mut Page) {
    let Page { bits, values: out, codes, bounds, .. } = page;
    codes.clear();
    each_set(bits, bits.len() * 8, |row| codes.push(u32::from(flags.is_set(first + row))));
    *bounds = codes
        .iter()
        .min()
        .zip(codes.iter().max())
        .map(|(min, max)| (vec![*min as u8], vec![*max as u8]));
    // Booleans in runs have their length in front.
    out.extend_from_slice(&[0; 4]);
    put_codes(codes, 1, out);
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_le_bytes());
}

fn fill_fixed(bytes: &[u8], width: usize, has_bounds: bool, page: &mut Page) {
    let Page { bits, values: out, bounds, .. } = page;
    let (mut min, mut max) = (None, None);
    each_set(bits, bytes.len() / width, |row| {
        let value = &bytes[row * width..][..width];
        out.extend_from_slice(value);
        if has_bounds {
            min = Some(min.map_or(value, |min: &[u8]| min.min(value)));
            max = Some(max.map_or(value, |max: &[u8]| max.max(value)));
        }
    });
    *bounds = min.zip(max).map(|(min, max)| (min.to_vec(), max.to_vec()));
}

/// BYTE_STREAM_SPLIT: the lowest bytes of all numbers, then the next ones.
fn split_bytes(numbers: &[i64], out: &mut Vec<u8>) {
    for byte in 0..8 {
        out.extend(numbers.iter().map(|number| (number >> (byte * 8)) as u8));
    }
}

/// Calls `visit` with every row below `rows` whose bit is set.
#[inline]
fn each_set(bits: &[u8], rows: usize, mut visit: impl FnMut(usize)) {
    for (index, &byte) in bits.iter().enumerate() {
        let first = index * 8;
        if byte == u8::MAX && first + 8 <= rows {
            (first..first + 8).for_each(&mut visit);
            continue;
        }
        let mut left = byte;
        while left != 0 {
            visit(first + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// The smallest or largest text so far.
#[derive(Default)]
struct Extreme {
    /// Its first eight bytes as a number, which nearly always decides.
    start: u64,
    value: Option<Vec<u8>>,
}

impl Extreme {
    #[inline]
    fn keep_if(&mut self, value: &[u8], is_better: fn(&[u8], &[u8]) -> bool) {
        let mut start = [0; 8];
        let length = value.len().min(8);
        start[..length].copy_from_slice(&value[..length]);
        let start = u64::from_be_bytes(start);
        let is_kept = match &self.value {
            None => true,
            Some(so_far) if start == self.start => is_better(value, so_far),
            Some(_) => is_better(&start.to_be_bytes(), &self.start.to_be_bytes()),
        };
        if is_kept {
            self.start = start;
            let kept = self.value.get_or_insert_default();
            kept.clear();
            kept.extend_from_slice(value);
        }
    }
}
