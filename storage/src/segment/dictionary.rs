//! Dictionary columns, written straight from the codes that the batches' interners gave out.
//!
//! The Parquet crate would hash every value once more to find its code. Here codes become pages as they are, which halves
//! the cost of writing a file. The pages are ordinary ones: data page version 2, `RLE_DICTIONARY`.

use super::column::{NULL, encode_error};
use super::encode::PAGE_ROWS;
use crate::Error;
use crate::batch::Interner;
use crate::model::ColumnKind;
use crate::model::wire::put_varint;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// Longest bound kept in statistics; longer ones are cut, which still bounds.
const BOUND_BYTES_MAX: usize = 64;

const ZSTD_LEVEL: i32 = 1;

/// A column as codes.
pub(super) struct CodedColumn {
    pub kind: ColumnKind,
    pub dictionary: Interner,
    /// [`NULL`] or a code of `dictionary`, per row.
    pub codes: Vec<u32>,
    pub required: bool,
    /// Whether bounds of its values are worth anything to a reader.
    pub has_statistics: bool,
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

    pub fn value_count(&self, rows: &Range<u32>) -> usize {
        let codes = &self.codes[rows.start as usize..rows.end as usize];
        codes.iter().filter(|&&code| code != NULL).count()
    }

    /// Writes the rows of one row group. `bytes` begin with the dictionary page.
    pub fn write(
        &self,
        column: &ColumnDescPtr,
        rows: &Range<u32>,
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        let codes = &self.codes[rows.start as usize..rows.end as usize];
        let group = Group::new(self, codes);
        ChunkWriter::new(self, group, column)?.write(codes)
    }
}

/// The codes of one row group, renumbered so that its dictionary holds only what it needs.
struct Group {
    /// Codes of the column in the group's own order.
    used: Vec<u32>,
    /// Code of the column → code of the group.
    local: Vec<u32>,
    /// Code of the group → rank of its value; empty without statistics.
    ranks: Vec<u32>,
    /// The inverse.
    sorted: Vec<u32>,
}

impl Group {
    fn new(column: &CodedColumn, codes: &[u32]) -> Group {
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
        if column.has_statistics {
            let value = |code: u32| column.dictionary.value(used[code as usize]);
            sorted = (0..used.len() as u32).collect();
            sorted.sort_unstable_by(|&a, &b| value(a).cmp(value(b)));
            ranks = vec![0; used.len()];
            for (rank, &code) in sorted.iter().enumerate() {
                ranks[code as usize] = rank as u32;
            }
        }
        Group { used, local, ranks, sorted }
    }

    /// Bits that a code takes.
    fn width(&self) -> u32 {
        match self.used.len() {
            0 | 1 => 0,
            count => 32 - (count as u32 - 1).leading_zeros(),
        }
    }
}

struct ChunkWriter<'a> {
    column: &'a CodedColumn,
    group: Group,
    descriptor: &'a ColumnDescPtr,
    sink: TrackedWrite<Vec<u8>>,
    zstd: zstd::bulk::Compressor<'static>,
    offsets: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    bytes: i64,
    bytes_uncompressed: i64,
    /// Smallest and largest rank of all pages.
    bounds: Option<(u32, u32)>,
    nulls: u64,
}

impl<'a> ChunkWriter<'a> {
    fn new(
        column: &'a CodedColumn,
        group: Group,
        descriptor: &'a ColumnDescPtr,
    ) -> Result<ChunkWriter<'a>, Error> {
        Ok(ChunkWriter {
            column,
            group,
            descriptor,
            sink: TrackedWrite::new(Vec::new()),
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(encode_error)?,
            offsets: OffsetIndexBuilder::new(),
            index: ColumnIndexBuilder::new(descriptor.physical_type()),
            bytes: 0,
            bytes_uncompressed: 0,
            bounds: None,
            nulls: 0,
        })
    }

    fn write(mut self, codes: &[u32]) -> Result<(Bytes, ColumnCloseResult), Error> {
        let data_offset = self.write_dictionary()?;
        let (mut levels, mut present, mut packed) = (Vec::new(), Vec::new(), Vec::new());
        for page in codes.chunks(PAGE_ROWS) {
            present.clear();
            let local = &self.group.local;
            present.extend(
                page.iter().filter(|&&code| code != NULL).map(|&code| local[code as usize]),
            );
            levels.clear();
            if !self.column.required {
                definition_levels(page, &mut levels);
            }
            packed.clear();
            packed.push(self.group.width() as u8);
            pack(&present, self.group.width(), &mut packed);
            self.write_page(page.len(), &levels, &present, &packed)?;
        }
        self.finish(codes.len(), data_offset)
    }

    /// Returns where the data pages begin.
    fn write_dictionary(&mut self) -> Result<i64, Error> {
        let mut values = Vec::new();
        let is_fixed = matches!(self.column.kind, ColumnKind::Fixed(_));
        for &code in &self.group.used {
            let value = self.column.dictionary.value(code);
            if !is_fixed {
                values.extend_from_slice(&(value.len() as u32).to_le_bytes());
            }
            values.extend_from_slice(value);
        }
        let page = Page::DictionaryPage {
            buf: self.zstd.compress(&values).map_err(encode_error)?.into(),
            num_values: self.group.used.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.put(CompressedPage::new(page, values.len()))?;
        Ok(self.bytes)
    }

    fn write_page(
        &mut self,
        rows: usize,
        levels: &[u8],
        present: &[u32],
        packed: &[u8],
    ) -> Result<(), Error> {
        let nulls = rows - present.len();
        let compressed = self.zstd.compress(packed).map_err(encode_error)?;
        let is_compressed = compressed.len() < packed.len();
        let values = if is_compressed { compressed.as_slice() } else { packed };
        let page = Page::DataPageV2 {
            buf: [levels, values].concat().into(),
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            num_nulls: nulls as u32,
            num_rows: rows as u32,
            def_levels_byte_len: levels.len() as u32,
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        };
        let (offset, bytes) = self.put(CompressedPage::new(page, levels.len() + packed.len()))?;
        self.offsets.append_row_count(rows as i64);
        self.offsets.append_offset_and_size(offset as i64, bytes as i32);
        self.nulls += nulls as u64;
        self.add_bounds(present, nulls);
        Ok(())
    }

    /// Writes a page; returns its offset and size with the header.
    fn put(&mut self, page: CompressedPage) -> Result<(u64, u64), Error> {
        let written =
            SerializedPageWriter::new(&mut self.sink).write_page(page).map_err(encode_error)?;
        self.bytes += written.bytes_written as i64;
        self.bytes_uncompressed += written.uncompressed_size as i64;
        Ok((written.offset, written.bytes_written))
    }

    fn add_bounds(&mut self, present: &[u32], nulls: usize) {
        if !self.column.has_statistics {
            return;
        }
        let ranks = || present.iter().map(|&code| self.group.ranks[code as usize]);
        match (ranks().min(), ranks().max()) {
            (Some(min), Some(max)) => {
                let (lower, upper) = (self.lower(min).0, self.upper(max).0);
                self.index.append(false, lower, upper, nulls as i64);
                let so_far = self.bounds.unwrap_or((min, max));
                self.bounds = Some((so_far.0.min(min), so_far.1.max(max)));
            }
            _ => self.index.append(true, Vec::new(), Vec::new(), nulls as i64),
        }
    }

    fn value_of_rank(&self, rank: u32) -> &[u8] {
        let code = self.group.sorted[rank as usize];
        self.column.dictionary.value(self.group.used[code as usize])
    }

    /// A value not above that of `rank`, and whether it is the value itself.
    fn lower(&self, rank: u32) -> (Vec<u8>, bool) {
        let value = self.value_of_rank(rank);
        let cut = cut(value, self.column.kind);
        (cut.to_vec(), cut.len() == value.len())
    }

    /// A value not below that of `rank`, and whether it is the value itself.
    fn upper(&self, rank: u32) -> (Vec<u8>, bool) {
        let value = self.value_of_rank(rank);
        let prefix = cut(value, self.column.kind);
        if prefix.len() == value.len() {
            return (value.to_vec(), true);
        }
        match next_prefix(prefix, self.column.kind) {
            Some(above) => (above, false),
            None => (value.to_vec(), true),
        }
    }

    fn finish(self, rows: usize, data_offset: i64) -> Result<(Bytes, ColumnCloseResult), Error> {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default());
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_num_values(rows as i64)
            .set_compression(zstd)
            .set_total_compressed_size(self.bytes)
            .set_total_uncompressed_size(self.bytes_uncompressed)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(data_offset);
        let mut column_index = None;
        if self.column.has_statistics {
            metadata = metadata.set_statistics(self.statistics());
            column_index = Some(self.index.build().map_err(encode_error)?);
        }
        let close = ColumnCloseResult {
            bytes_written: self.bytes as u64,
            rows_written: rows as u64,
            metadata: metadata.build().map_err(encode_error)?,
            bloom_filter: None,
            column_index,
            offset_index: Some(self.offsets.build()),
        };
        Ok((self.sink.into_inner().map_err(encode_error)?.into(), close))
    }

    fn statistics(&self) -> Statistics {
        let min = self.bounds.map(|bounds| self.lower(bounds.0));
        let max = self.bounds.map(|bounds| self.upper(bounds.1));
        let exact = |bound: &Option<(Vec<u8>, bool)>| bound.as_ref().is_none_or(|bound| bound.1);
        let (min_exact, max_exact) = (exact(&min), exact(&max));
        let array = |bound: Option<(Vec<u8>, bool)>| bound.map(|(value, _)| ByteArray::from(value));
        let (min, max, nulls) = (array(min), array(max), Some(self.nulls));
        if self.descriptor.physical_type() == Type::FIXED_LEN_BYTE_ARRAY {
            let fixed = |value: Option<ByteArray>| value.map(FixedLenByteArray::from);
            Statistics::from(ValueStatistics::new(fixed(min), fixed(max), None, nulls, false))
        } else {
            let statistics = ValueStatistics::new(min, max, None, nulls, false);
            let statistics = statistics.with_min_is_exact(min_exact).with_max_is_exact(max_exact);
            Statistics::from(statistics)
        }
    }
}

/// The longest start of `value` that statistics keep: whole characters of text.
fn cut(value: &[u8], kind: ColumnKind) -> &[u8] {
    if value.len() <= BOUND_BYTES_MAX {
        return value;
    }
    let mut end = BOUND_BYTES_MAX;
    while kind == ColumnKind::Text && end > 0 && value[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &value[..end]
}

/// The smallest prefix above everything that starts with `prefix`: its last character or byte that can grow, grown.
fn next_prefix(prefix: &[u8], kind: ColumnKind) -> Option<Vec<u8>> {
    if kind == ColumnKind::Text {
        let mut text = String::from_utf8(prefix.to_vec()).ok()?;
        while let Some(last) = text.pop() {
            // Past the end of a block of characters there is nothing, or a surrogate.
            if let Some(next) = char::from_u32(last as u32 + 1) {
                text.push(next);
                return Some(text.into_bytes());
            }
        }
        return None;
    }
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

/// Definition levels (1: a value, 0: null) of one page as runs and bit maps.
fn definition_levels(codes: &[u32], out: &mut Vec<u8>) {
    let bits: Vec<u8> = codes
        .chunks(8)
        .map(|eight| {
            let bit = |(at, &code): (usize, &u32)| u8::from(code != NULL) << at;
            eight.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit)
        })
        .collect();
    // Only whole bytes can be part of a run.
    let whole = codes.len() / 8;
    let (mut at, mut literal) = (0, 0);
    while at < whole {
        let byte = bits[at];
        let run = bits[at..whole].iter().take_while(|&&other| other == byte).count();
        if (byte == 0 || byte == u8::MAX) && run >= 4 {
            literal_bits(&bits[literal..at], out);
            put_varint(out, (run as u64 * 8) << 1);
            out.push(byte & 1);
            literal = at + run;
        }
        at += run;
    }
    literal_bits(&bits[literal..], out);
}

fn literal_bits(bits: &[u8], out: &mut Vec<u8>) {
    if !bits.is_empty() {
        put_varint(out, (bits.len() as u64) << 1 | 1);
        out.extend_from_slice(bits);
    }
}

/// Parquet's hybrid of runs and bit-packed groups of eight.
fn pack(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    /// Shorter runs cost more than packing them.
    const RUN_MIN: usize = 16;
    if codes.is_empty() {
        return;
    }
    if width == 0 {
        put_varint(out, (codes.len() as u64) << 1);
        return;
    }
    let value_bytes = width.div_ceil(8) as usize;
    let (mut at, mut literal) = (0, 0);
    while at < codes.len() {
        let code = codes[at];
        let run = codes[at..].iter().take_while(|&&other| other == code).count();
        // Packed groups hold eight values, so the first few of a run fill the group before it.
        let fill = (8 - (at - literal) % 8) % 8;
        if run >= RUN_MIN && run - fill >= 8 {
            pack_group(&codes[literal..at + fill], width, out);
            put_varint(out, ((run - fill) as u64) << 1);
            out.extend_from_slice(&code.to_le_bytes()[..value_bytes]);
            literal = at + run;
        }
        at += run;
    }
    pack_group(&codes[literal..], width, out);
}

/// Groups of eight codes of `width` bits, the last one filled up with zeros.
fn pack_group(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    let groups = codes.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut count) = (0u64, 0);
    for &code in codes {
        bits |= u64::from(code) << count;
        count += width;
        while count >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            count -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..(count as usize).div_ceil(8)]);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a hybrid back, as the specification says.
    fn unpack(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut reader = crate::model::wire::Reader::new(bytes);
        let mut codes = Vec::new();
        while codes.len() < count {
            let header = reader.varint().unwrap();
            if header & 1 == 0 {
                let (value, rest) = reader.rest().split_at(width.div_ceil(8) as usize);
                let mut code = [0; 4];
                code[..value.len()].copy_from_slice(value);
                reader = crate::model::wire::Reader::new(rest);
                codes.extend(std::iter::repeat_n(u32::from_le_bytes(code), (header >> 1) as usize));
            } else {
                let (packed, rest) =
                    reader.rest().split_at((header >> 1) as usize * width as usize);
                reader = crate::model::wire::Reader::new(rest);
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let code = |index: usize| {
                    (0..width as usize).map(|i| bit(index * width as usize + i) << i).sum::<u32>()
                };
                codes.extend((0..(header >> 1) as usize * 8).map(code));
            }
        }
        assert!(reader.is_done());
        codes.truncate(count);
        codes
    }

    proptest! {
        #[test]
        fn codes_survive_packing(width in 1u32..=32, runs in proptest::collection::vec((any::<u32>(), 1usize..40), 0..20)) {
            let mask = u32::MAX >> (32 - width);
            let codes: Vec<u32> = runs
                .iter()
                .flat_map(|&(code, count)| std::iter::repeat_n(code & mask, count))
                .collect();
            let mut packed = Vec::new();
            pack(&codes, width, &mut packed);
            prop_assert_eq!(unpack(&packed, width, codes.len()), codes);
        }

        #[test]
        fn levels_survive_packing(runs in proptest::collection::vec((any::<bool>(), 1usize..100), 0..20)) {
            let codes: Vec<u32> = runs
                .iter()
                .flat_map(|&(is_set, count)| std::iter::repeat_n(if is_set { 3 } else { NULL }, count))
                .collect();
            let mut packed = Vec::new();
            definition_levels(&codes, &mut packed);
            let expected: Vec<u32> = codes.iter().map(|&code| u32::from(code != NULL)).collect();
            prop_assert_eq!(unpack(&packed, 1, codes.len()), expected);
        }

        #[test]
        fn cut_bounds_still_bound(start in "[a-c\u{7f}\u{d7ff}\u{10ffff}]{10,40}", end in "\\PC{0,80}") {
            let value = format!("{start}{end}");
            for kind in [ColumnKind::Text, ColumnKind::Bytes] {
                let lower = cut(value.as_bytes(), kind);
                prop_assert!(lower <= value.as_bytes() && lower.len() <= BOUND_BYTES_MAX);
                if lower.len() < value.len() && let Some(upper) = next_prefix(lower, kind) {
                    prop_assert!(upper.as_slice() > value.as_bytes());
                    prop_assert!(kind == ColumnKind::Bytes || String::from_utf8(upper).is_ok());
                }
            }
        }
    }
}
