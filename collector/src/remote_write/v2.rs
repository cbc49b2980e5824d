//! Remote write 2.0: `io.prometheus.write.v2.Request`, whose strings are all symbols of one table.

use super::Broken;
use super::entry::{Description, Entry, Exemplar, Label, MetricType, Sample};
use super::writer::Writer;
use crate::decode::Decoded;
use binnacle_storage::model::Timestamp;
use binnacle_storage::model::wire::{self, FIXED64, LENGTH, Malformed, Reader, VARINT, tag};

const OUT_OF_RANGE: &str = "a symbol is not in the table";
const NOT_UTF8: &str = "a symbol is not UTF-8";
const ODD: &str = "a label has a name and no value";

/// The strings of a request; `None` for those that are not UTF-8.
struct Symbols<'a>(Vec<Option<&'a str>>);

impl<'a> Symbols<'a> {
    fn look_up(&self, reference: u64) -> Result<&'a str, &'static str> {
        let index = usize::try_from(reference).unwrap_or(usize::MAX);
        self.0.get(index).ok_or(OUT_OF_RANGE)?.ok_or(NOT_UTF8)
    }
}

/// Decodes a request. An error refuses it whole.
pub fn decode(body: &[u8], ingested_at: Timestamp) -> Result<Decoded, Broken> {
    const SYMBOL: u32 = tag(4, LENGTH);
    const SERIES: u32 = tag(5, LENGTH);
    let mut symbols = Vec::new();
    // Fields may come in any order, so the table is read first.
    let mut reader = Reader::new(body);
    while !reader.is_done() {
        match reader.tag()? {
            SYMBOL => symbols.push(wire::text(reader.length_delimited()?).ok()),
            other => reader.skip(other)?,
        }
    }
    if symbols.first().is_some_and(|first| *first != Some("")) {
        return Err(Broken::FirstSymbol);
    }
    let symbols = Symbols(symbols);
    let mut writer = Writer::new(ingested_at);
    let mut entry = Entry::default();
    let mut reader = Reader::new(body);
    while !reader.is_done() {
        match reader.tag()? {
            SERIES => {
                read_series(reader.length_delimited()?, &symbols, &mut entry)?;
                if entry.points() == 0 && entry.exemplars.is_empty() {
                    entry.fault = entry.fault.or(Some("neither a sample nor a histogram"));
                }
                writer.push(&mut entry, None)?;
            }
            other => reader.skip(other)?,
        }
    }
    Ok(writer.finish())
}

fn read_series<'a>(
    bytes: &'a [u8],
    symbols: &Symbols<'a>,
    entry: &mut Entry<'a>,
) -> Result<(), Malformed> {
    const LABELS: u32 = 1;
    const SAMPLE: u32 = tag(2, LENGTH);
    const HISTOGRAM: u32 = tag(3, LENGTH);
    const EXEMPLAR: u32 = tag(4, LENGTH);
    const METADATA: u32 = tag(5, LENGTH);
    /// Of earlier drafts: the start of all samples.
    const CREATED: u32 = tag(6, VARINT);
    entry.clear();
    let mut references = Vec::new();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            SAMPLE => entry.samples.push(read_sample(reader.length_delimited()?)?),
            HISTOGRAM => entry.histograms.push(reader.length_delimited()?),
            EXEMPLAR => read_exemplar(reader.length_delimited()?, symbols, entry)?,
            METADATA => read_metadata(reader.length_delimited()?, symbols, entry)?,
            CREATED => entry.start = reader.varint()? as i64,
            other if other >> 3 == LABELS => read_references(&mut reader, other, &mut references)?,
            other => reader.skip(other)?,
        }
    }
    match labels(&references, symbols, &mut entry.labels) {
        Ok(()) => {}
        Err(fault) => entry.fault = Some(fault),
    }
    Ok(())
}

/// A list of numbers, packed or one by one.
fn read_references(
    reader: &mut Reader<'_>,
    field: u32,
    references: &mut Vec<u64>,
) -> Result<(), Malformed> {
    match field & 7 {
        VARINT => references.push(reader.varint()?),
        LENGTH => {
            let mut packed = Reader::new(reader.length_delimited()?);
            while !packed.is_done() {
                references.push(packed.varint()?);
            }
        }
        _ => return Err(Malformed::Tag),
    }
    Ok(())
}

fn labels<'a>(
    references: &[u64],
    symbols: &Symbols<'a>,
    labels: &mut Vec<Label<'a>>,
) -> Result<(), &'static str> {
    let (pairs, odd) = references.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(ODD);
    }
    for [name, value] in pairs {
        labels.push((symbols.look_up(*name)?, symbols.look_up(*value)?));
    }
    Ok(())
}

fn read_sample(bytes: &[u8]) -> Result<Sample, Malformed> {
    const VALUE: u32 = tag(1, FIXED64);
    const TIME: u32 = tag(2, VARINT);
    const START: u32 = tag(3, VARINT);
    let mut sample = Sample { value: 0.0, time: 0, start: 0 };
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            VALUE => sample.value = f64::from_bits(reader.fixed64()?),
            TIME => sample.time = reader.varint()? as i64,
            START => sample.start = reader.varint()? as i64,
            other => reader.skip(other)?,
        }
    }
    Ok(sample)
}

fn read_exemplar<'a>(
    bytes: &'a [u8],
    symbols: &Symbols<'a>,
    entry: &mut Entry<'a>,
) -> Result<(), Malformed> {
    const LABELS: u32 = 1;
    const VALUE: u32 = tag(2, FIXED64);
    const TIME: u32 = tag(3, VARINT);
    let first = entry.exemplar_labels.len();
    let mut references = Vec::new();
    let (mut value, mut time) = (0.0, 0);
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            VALUE => value = f64::from_bits(reader.fixed64()?),
            TIME => time = reader.varint()? as i64,
            other if other >> 3 == LABELS => read_references(&mut reader, other, &mut references)?,
            other => reader.skip(other)?,
        }
    }
    if let Err(fault) = labels(&references, symbols, &mut entry.exemplar_labels) {
        entry.fault = Some(fault);
    }
    let labels = first..entry.exemplar_labels.len();
    entry.exemplars.push(Exemplar { labels, value, time });
    Ok(())
}

fn read_metadata<'a>(
    bytes: &'a [u8],
    symbols: &Symbols<'a>,
    entry: &mut Entry<'a>,
) -> Result<(), Malformed> {
    const KIND: u32 = tag(1, VARINT);
    const HELP: u32 = tag(3, VARINT);
    const UNIT: u32 = tag(4, VARINT);
    let mut description = Description::default();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        let text = match reader.tag()? {
            KIND => {
                description.kind = MetricType::from_number(reader.varint()?);
                continue;
            }
            HELP => &mut description.help,
            UNIT => &mut description.unit,
            other => {
                reader.skip(other)?;
                continue;
            }
        };
        match symbols.look_up(reader.varint()?) {
            Ok(symbol) => *text = symbol,
            Err(fault) => entry.fault = Some(fault),
        }
    }
    entry.description = description;
    Ok(())
}
