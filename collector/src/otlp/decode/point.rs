//! One data point of any kind: from its message to its row, its series and its exemplars.

use super::attribute::key_value;
use super::distribution::{
    BucketTexts, Place, Values, read_exponential_histogram, read_histogram, read_summary,
};
use super::field::{self, Fault, inside, known, skip};
use super::ids;
use super::metric::Metric;
use crate::identity::Identity;
use binnacle_storage::batch::{BatchBuilder, ExemplarRow, MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::wire::{FIXED64, LENGTH, Reader, VARINT, tag};
use binnacle_storage::model::{Attribute, SeriesId, SpanId, Timestamp, TraceId};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use prost::Message;
use std::collections::HashSet;
use std::ops::Range;

/// Where the five kinds of data points differ.
#[derive(Debug)]
pub struct Layout {
    /// Name of the kind in the `series` table.
    pub kind: &'static str,
    pub has_temporality: bool,
    pub has_monotonic: bool,
    /// Field numbers of the message around the data points.
    pub known_in_data: u64,
    /// Tag of the data's field in `Metric`.
    field: u32,
    attributes: u32,
    exemplars: u32,
    flags: u32,
    /// Reads a field that only this kind has, or passes over an unknown one.
    value: fn(&mut Reader<'_>, u32, u32, &mut Values) -> Result<Place, Fault>,
    form: Form,
    /// Puts a split data point together.
    join: fn(&[u8]) -> Result<Vec<u8>, prost::DecodeError>,
}

/// What a data point's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    /// Counts between explicit bounds, which have columns.
    Buckets,
    /// A message of which fields without a column are kept.
    Message,
}

/// No field has this tag.
const NO_TAG: u32 = 0;

fn join<M: Message + Default>(bytes: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
    M::decode(bytes).map(|message| message.encode_to_vec())
}

static LAYOUTS: [Layout; 5] = [
    Layout {
        kind: "gauge",
        has_temporality: false,
        has_monotonic: false,
        known_in_data: known(&[1]),
        field: tag(5, LENGTH),
        attributes: tag(7, LENGTH),
        exemplars: tag(5, LENGTH),
        flags: tag(8, VARINT),
        value: read_number,
        form: Form::Number,
        join: join::<otlp::NumberDataPoint>,
    },
    Layout {
        kind: "sum",
        has_temporality: true,
        has_monotonic: true,
        known_in_data: known(&[1, 2, 3]),
        field: tag(7, LENGTH),
        attributes: tag(7, LENGTH),
        exemplars: tag(5, LENGTH),
        flags: tag(8, VARINT),
        value: read_number,
        form: Form::Number,
        join: join::<otlp::NumberDataPoint>,
    },
    Layout {
        kind: "histogram",
        has_temporality: true,
        has_monotonic: false,
        known_in_data: known(&[1, 2]),
        field: tag(9, LENGTH),
        attributes: tag(9, LENGTH),
        exemplars: tag(8, LENGTH),
        flags: tag(10, VARINT),
        value: read_histogram,
        form: Form::Buckets,
        join: join::<otlp::HistogramDataPoint>,
    },
    Layout {
        kind: "exponential_histogram",
        has_temporality: true,
        has_monotonic: false,
        known_in_data: known(&[1, 2]),
        field: tag(10, LENGTH),
        attributes: tag(1, LENGTH),
        exemplars: tag(11, LENGTH),
        flags: tag(10, VARINT),
        value: read_exponential_histogram,
        form: Form::Message,
        join: join::<otlp::ExponentialHistogramDataPoint>,
    },
    Layout {
        kind: "summary",
        has_temporality: false,
        has_monotonic: false,
        known_in_data: known(&[1]),
        field: tag(11, LENGTH),
        attributes: tag(7, LENGTH),
        exemplars: NO_TAG,
        flags: tag(8, VARINT),
        value: read_summary,
        form: Form::Message,
        join: join::<otlp::SummaryDataPoint>,
    },
];

/// The layout of the data behind this tag of `Metric`.
pub fn layout(tag: u32) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.field == tag)
}

/// Room for one data point, reused for the next.
#[derive(Debug, Default)]
pub struct Scratch<'a> {
    attributes: Vec<Attribute<'a>>,
    sorted: Vec<Attribute<'a>>,
    exemplars: Vec<Exemplar>,
    exemplar_attributes: Vec<Attribute<'a>>,
    values: Values,
    texts: BucketTexts,
    identity: Identity,
}

#[derive(Debug)]
struct Exemplar {
    time: Timestamp,
    value: Option<NumberValue>,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    attributes: Range<usize>,
}

/// Checks the data point in `bytes` whole, then pushes it. `depth`: levels left inside it. `seen`: series this request
/// has a row for.
pub fn push<'a>(
    bytes: &'a [u8],
    depth: u32,
    metric: &Metric<'_>,
    seen: &mut HashSet<u128>,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    match push_plain(bytes, depth, metric, seen, scratch, builder) {
        Err(Fault::Split) => {
            let joined = (metric.layout.join)(bytes).map_err(|_| Fault::Split)?;
            push_plain(&joined, depth, metric, seen, &mut Scratch::default(), builder)
        }
        done => done,
    }
}

fn push_plain<'a>(
    bytes: &'a [u8],
    depth: u32,
    metric: &Metric<'_>,
    seen: &mut HashSet<u128>,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    let point = read(bytes, depth, metric.layout, scratch)?;
    let time = ids::time(point.time)?;
    let start_time = ids::optional_time(point.start)?;

    let Scratch { attributes, sorted, identity, .. } = scratch;
    identity.clear();
    identity.part(metric.identity);
    identity.attributes(attributes, sorted)?;
    let series = identity.hash();
    let series_id = SeriesId(series.to_be_bytes());
    if seen.insert(series) {
        builder.push_series(&SeriesRow {
            series_id,
            time,
            name: metric.name,
            description: metric.description,
            unit: metric.unit,
            kind: metric.layout.kind,
            temporality: metric.temporality,
            is_monotonic: metric.is_monotonic,
            metadata: &metric.metadata,
            attributes,
        });
    }
    let form = metric.layout.form;
    let Scratch { values, texts, .. } = scratch;
    let buckets = if form == Form::Buckets { texts.render(values) } else { None };
    let has_message = match form {
        Form::Number => false,
        Form::Buckets => !values.message.is_empty(),
        Form::Message => true,
    };
    builder.push_point(&MetricPointRow {
        series_id,
        time,
        start_time,
        flags: point.flags,
        value: values.number,
        count: (form != Form::Number).then_some(values.count),
        sum: values.sum,
        min: values.min,
        max: values.max,
        bucket_counts: buckets.map(|(counts, _)| counts),
        explicit_bounds: buckets.map(|(_, bounds)| bounds),
        distribution: has_message.then_some(&values.message),
    });
    for exemplar in &scratch.exemplars {
        builder.push_exemplar(&ExemplarRow {
            series_id,
            time: exemplar.time,
            point_time: time,
            value: exemplar.value,
            trace_id: exemplar.trace_id,
            span_id: exemplar.span_id,
            attributes: &scratch.exemplar_attributes[exemplar.attributes.clone()],
        });
    }
    Ok(())
}

#[derive(Default)]
struct Point {
    time: u64,
    start: u64,
    flags: u32,
}

fn read<'a>(
    bytes: &'a [u8],
    depth: u32,
    layout: &Layout,
    scratch: &mut Scratch<'a>,
) -> Result<Point, Fault> {
    const START: u32 = tag(2, FIXED64);
    const TIME: u32 = tag(3, FIXED64);
    scratch.attributes.clear();
    scratch.exemplars.clear();
    scratch.exemplar_attributes.clear();
    scratch.values.clear();
    let mut point = Point::default();
    if layout.kind == "summary" {
        scratch.values.sum = Some(0.0);
    }
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        let before = reader.rest();
        match reader.tag()? {
            START => point.start = reader.fixed64()?,
            TIME => point.time = reader.fixed64()?,
            number if number == layout.attributes => {
                field::push(
                    &mut scratch.attributes,
                    key_value(reader.length_delimited()?, depth)?,
                )?;
            }
            number if number == layout.flags => point.flags = reader.varint()? as u32,
            number if number == layout.exemplars => {
                let exemplar = reader.length_delimited()?;
                let exemplar = read_exemplar(exemplar, depth, &mut scratch.exemplar_attributes)?;
                field::push(&mut scratch.exemplars, exemplar)?;
            }
            number => {
                let place = (layout.value)(&mut reader, number, depth, &mut scratch.values)?;
                if place == Place::Message {
                    let length = before.len() - reader.rest().len();
                    scratch.values.message.extend_from_slice(&before[..length]);
                }
            }
        }
    }
    Ok(point)
}

fn read_number(
    reader: &mut Reader<'_>,
    field: u32,
    depth: u32,
    values: &mut Values,
) -> Result<Place, Fault> {
    const AS_DOUBLE: u32 = tag(4, FIXED64);
    const AS_INT: u32 = tag(6, FIXED64);
    const KNOWN: u64 = known(&[2, 3, 4, 5, 6, 7, 8]);
    match field {
        AS_DOUBLE => values.number = Some(NumberValue::Double(reader.double()?)),
        AS_INT => values.number = Some(NumberValue::Int(reader.fixed64()? as i64)),
        other => skip(reader, other, KNOWN, depth)?,
    }
    Ok(Place::Values)
}

fn read_exemplar<'a>(
    bytes: &'a [u8],
    depth: u32,
    attributes: &mut Vec<Attribute<'a>>,
) -> Result<Exemplar, Fault> {
    const TIME: u32 = tag(2, FIXED64);
    const AS_DOUBLE: u32 = tag(3, FIXED64);
    const SPAN_ID: u32 = tag(4, LENGTH);
    const TRACE_ID: u32 = tag(5, LENGTH);
    const AS_INT: u32 = tag(6, FIXED64);
    const ATTRIBUTE: u32 = tag(7, LENGTH);
    const KNOWN: u64 = known(&[2, 3, 4, 5, 6, 7]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let first = attributes.len();
    let (mut time, mut value) = (0, None);
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    while !reader.is_done() {
        match reader.tag()? {
            TIME => time = reader.fixed64()?,
            AS_DOUBLE => value = Some(NumberValue::Double(f64::from_bits(reader.fixed64()?))),
            AS_INT => value = Some(NumberValue::Int(reader.fixed64()? as i64)),
            SPAN_ID => span_id = reader.length_delimited()?,
            TRACE_ID => trace_id = reader.length_delimited()?,
            ATTRIBUTE => field::push(attributes, key_value(reader.length_delimited()?, depth)?)?,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    let wrong = |_| Fault::Invalid("an exemplar's trace id or span id has the wrong length");
    Ok(Exemplar {
        time: ids::time(time)?,
        value,
        trace_id: ids::optional_trace_id(trace_id).map_err(wrong)?,
        span_id: ids::optional_span_id(span_id).map_err(wrong)?,
        attributes: first..attributes.len(),
    })
}
