//! Remote write 1.0: `prometheus.WriteRequest`, every label spelled out in every series, descriptions in messages apart.

use super::Broken;
use super::entry::{Description, Entry, Exemplar, Label, MetricType, Sample};
use super::writer::Writer;
use crate::decode::Decoded;
use crate::recent::Known;
use binnacle_storage::model::Timestamp;
use binnacle_storage::model::wire::{self, FIXED64, LENGTH, Malformed, Reader, VARINT, tag};

/// Decodes a request; of series that are `known` only the samples. An error refuses it whole.
pub fn decode(body: &[u8], ingested_at: Timestamp, known: Known<'_>) -> Result<Decoded, Broken> {
    const SERIES: u32 = tag(1, LENGTH);
    const METADATA: u32 = tag(3, LENGTH);
    let mut writer = Writer::new(ingested_at);
    let mut entry = Entry::default();
    let mut reader = Reader::new(body);
    while !reader.is_done() {
        match reader.tag()? {
            SERIES => {
                let series = reader.length_delimited()?;
                let (length, count) = first_labels(series)?;
                let (labels, rest) = series.split_at(length);
                let spelling = known.spelling(labels);
                if let Some(id) = known.find(spelling)
                    && read_samples(rest, &mut entry)?
                    && writer.push_known(id, &entry.samples, labels.len())?
                {
                    continue;
                }
                read_series(series, &mut entry)?;
                // Labels may also come later, which the spelling would not say.
                let is_all = entry.labels.len() == count;
                writer.push(&mut entry, is_all.then_some(spelling))?;
            }
            METADATA => {
                let metadata = read_metadata(reader.length_delimited()?)?;
                match metadata {
                    Some((name, description)) => writer.describe(name, &description)?,
                    None => writer.reject_description(),
                }
            }
            other => reader.skip(other)?,
        }
    }
    Ok(writer.finish())
}

/// The labels a series begins with: how many bytes they take, and how many they are.
fn first_labels(series: &[u8]) -> Result<(usize, usize), Malformed> {
    const LABEL: u32 = tag(1, LENGTH);
    let mut reader = Reader::new(series);
    let (mut left, mut count) = (series.len(), 0);
    while !reader.is_done() && reader.tag()? == LABEL {
        reader.length_delimited()?;
        left = reader.rest().len();
        count += 1;
    }
    Ok((series.len() - left, count))
}

/// Reads a series' samples; false when it has anything else.
fn read_samples(bytes: &[u8], entry: &mut Entry<'_>) -> Result<bool, Malformed> {
    const SAMPLE: u32 = tag(2, LENGTH);
    entry.clear();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        if reader.tag()? != SAMPLE {
            return Ok(false);
        }
        entry.samples.push(read_sample(reader.length_delimited()?)?);
    }
    Ok(true)
}

fn read_series<'a>(bytes: &'a [u8], entry: &mut Entry<'a>) -> Result<(), Malformed> {
    const LABEL: u32 = tag(1, LENGTH);
    const SAMPLE: u32 = tag(2, LENGTH);
    const EXEMPLAR: u32 = tag(3, LENGTH);
    const HISTOGRAM: u32 = tag(4, LENGTH);
    entry.clear();
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            LABEL => match read_label(reader.length_delimited()?)? {
                Some(label) => entry.labels.push(label),
                None => entry.fault = Some("a label is not UTF-8"),
            },
            SAMPLE => entry.samples.push(read_sample(reader.length_delimited()?)?),
            EXEMPLAR => read_exemplar(reader.length_delimited()?, entry)?,
            HISTOGRAM => entry.histograms.push(reader.length_delimited()?),
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// `None` when name or value is not UTF-8.
fn read_label(bytes: &[u8]) -> Result<Option<Label<'_>>, Malformed> {
    const NAME: u32 = tag(1, LENGTH);
    const VALUE: u32 = tag(2, LENGTH);
    let (mut name, mut value) = (Ok(""), Ok(""));
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            NAME => name = wire::text(reader.length_delimited()?),
            VALUE => value = wire::text(reader.length_delimited()?),
            other => reader.skip(other)?,
        }
    }
    Ok(name.ok().zip(value.ok()))
}

fn read_sample(bytes: &[u8]) -> Result<Sample, Malformed> {
    const VALUE: u32 = tag(1, FIXED64);
    const TIME: u32 = tag(2, VARINT);
    let mut sample = Sample { value: 0.0, time: 0, start: 0 };
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            VALUE => sample.value = f64::from_bits(reader.fixed64()?),
            TIME => sample.time = reader.varint()? as i64,
            other => reader.skip(other)?,
        }
    }
    Ok(sample)
}

fn read_exemplar<'a>(bytes: &'a [u8], entry: &mut Entry<'a>) -> Result<(), Malformed> {
    const LABEL: u32 = tag(1, LENGTH);
    const VALUE: u32 = tag(2, FIXED64);
    const TIME: u32 = tag(3, VARINT);
    let first = entry.exemplar_labels.len();
    let (mut value, mut time) = (0.0, 0);
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            LABEL => match read_label(reader.length_delimited()?)? {
                Some(label) => entry.exemplar_labels.push(label),
                None => entry.fault = Some("a label of an exemplar is not UTF-8"),
            },
            VALUE => value = f64::from_bits(reader.fixed64()?),
            TIME => time = reader.varint()? as i64,
            other => reader.skip(other)?,
        }
    }
    let labels = first..entry.exemplar_labels.len();
    entry.exemplars.push(Exemplar { labels, value, time });
    Ok(())
}

/// The name of the metric and its description; `None` when any of it is not UTF-8.
fn read_metadata(bytes: &[u8]) -> Result<Option<(&str, Description<'_>)>, Malformed> {
    const KIND: u32 = tag(1, VARINT);
    const NAME: u32 = tag(2, LENGTH);
    const HELP: u32 = tag(4, LENGTH);
    const UNIT: u32 = tag(5, LENGTH);
    let mut kind = MetricType::Unknown;
    let (mut name, mut help, mut unit) = (Ok(""), Ok(""), Ok(""));
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            KIND => kind = MetricType::from_number(reader.varint()?),
            NAME => name = wire::text(reader.length_delimited()?),
            HELP => help = wire::text(reader.length_delimited()?),
            UNIT => unit = wire::text(reader.length_delimited()?),
            other => reader.skip(other)?,
        }
    }
    let (Ok(name), Ok(help), Ok(unit)) = (name, help, unit) else { return Ok(None) };
    Ok(Some((name, Description { kind, help, unit })))
}
