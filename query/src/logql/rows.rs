//! The rows of a batch as lines with labels.

use super::labels::{EXTRACTED, LineLabels, Pair};
use super::level::{self, DETECTED_LEVEL, LEVEL_LABELS};
use super::pipeline::Pipeline;
use super::stream::{Stream, StreamCache, flatten, label_name};
use super::wanted::Wanted;
use crate::Error;
use crate::promql::labels::{Labels, Matcher, all_match};
use crate::rows::{
    ByteColumn, Columns, FixedColumn, IntColumn, TextColumn, attribute_value, malformed,
};
use crate::value::AnyValue;
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Value, WEIGHT_COLUMN, wire};
use binnacle_storage::segment::{
    ATTRIBUTES_REST, AttributeKeys, attribute_column_name, severity_class,
};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// A line that came out of the pipeline.
pub struct Found<'r> {
    pub time: i64,
    /// Number of the row in its batch.
    pub row: u32,
    pub line: Cow<'r, str>,
    pub labels: LineLabels<'r>,
    pub stream: &'r Arc<Stream>,
    /// How many records it stands for: more than itself where retention thinned out rows of its kind.
    pub weight: u64,
    pub tie: Tie,
}

/// The order of lines of one time: as they arrived; of one request the lesser severities first. Flushes and merges keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    arrived: i64,
    severity: Reverse<u64>,
}

/// Which rows a query is about, and what becomes of them.
#[derive(Debug)]
pub struct Lines {
    pub matchers: Vec<Matcher>,
    pub pipeline: Pipeline,
    /// Both ends included.
    pub from: i64,
    pub to: i64,
    /// Whether the answer needs the line itself, or how long it is.
    pub needs_line: bool,
}

/// Names of the columns to read, in a file whose attributes are where `keys` says.
pub fn columns(lines: &Lines, keys: &AttributeKeys) -> Vec<String> {
    let wanted = &lines.pipeline.wanted;
    let has = |name: &str| wanted.has(name);
    let mut names: Vec<String> = vec!["time".into(), "resource".into(), WEIGHT_COLUMN.into()];
    let level = has(DETECTED_LEVEL);
    let mut add = |name: &str, is_wanted: bool| {
        if is_wanted {
            names.push(name.to_owned());
        }
    };
    add("body", lines.needs_line || level || lines.pipeline.reads_lines());
    add("ingested_at", lines.needs_line);
    add("severity_number", lines.needs_line || level || has("severity_number"));
    add("severity_text", level || has("severity_text"));
    add("trace_id", has("trace_id"));
    add("span_id", has("span_id"));
    add("flags", has("flags"));
    add("event_name", has("event_name"));
    add("dropped_attributes_count", has("dropped_attributes_count"));
    let any = !matches!(wanted, Wanted::Named(names) if names.is_empty());
    add("scope", any);
    let is_key = |key: &String| {
        let name = label_name(key);
        wanted.has_below(&name) || (level && LEVEL_LABELS.contains(&name.as_str()))
    };
    for key in keys.columns.keys().filter(|key| is_key(key)) {
        add(&attribute_column_name(key), true);
    }
    add(ATTRIBUTES_REST, any && keys.rest.as_ref().is_none_or(|rest| rest.iter().any(is_key)));
    names
}

/// The columns of one batch.
struct BatchRows {
    time: IntColumn,
    body: TextColumn,
    resource: ByteColumn,
    scope: ByteColumn,
    severity_number: IntColumn,
    severity_text: TextColumn,
    trace_id: FixedColumn,
    span_id: FixedColumn,
    flags: IntColumn,
    event_name: TextColumn,
    dropped: IntColumn,
    weight: IntColumn,
    arrived: IntColumn,
    attributes: Vec<(String, ArrayRef)>,
    rest: ByteColumn,
}

impl BatchRows {
    fn of(batch: &RecordBatch, wanted: &Wanted) -> Result<BatchRows, Error> {
        let columns = Columns(batch);
        let prefix = attribute_column_name("");
        let schema = batch.schema();
        let level = wanted.has(DETECTED_LEVEL);
        let attributes =
            schema.fields().iter().zip(batch.columns()).filter_map(|(field, array)| {
                let name = label_name(field.name().strip_prefix(&prefix)?);
                let is_wanted =
                    wanted.has_below(&name) || (level && LEVEL_LABELS.contains(&name.as_str()));
                is_wanted.then(|| (name, array.clone()))
            });
        Ok(BatchRows {
            time: columns.int("time")?,
            body: columns.text("body")?,
            resource: columns.bytes("resource")?,
            scope: columns.bytes("scope")?,
            severity_number: columns.int("severity_number")?,
            severity_text: columns.text("severity_text")?,
            trace_id: columns.fixed("trace_id")?,
            span_id: columns.fixed("span_id")?,
            flags: columns.int("flags")?,
            event_name: columns.text("event_name")?,
            dropped: columns.int("dropped_attributes_count")?,
            weight: columns.int(WEIGHT_COLUMN)?,
            arrived: columns.int("ingested_at")?,
            attributes: attributes.collect(),
            rest: columns.bytes(ATTRIBUTES_REST)?,
        })
    }

    fn tie(&self, row: usize) -> Tie {
        let number = self.severity_number.value(row).unwrap_or_default();
        let severity = Reverse(severity_class(number));
        Tie { arrived: self.arrived.value(row).unwrap_or_default(), severity }
    }

    /// The labels of the record itself that anybody wants.
    fn structured<'r>(
        &'r self,
        row: usize,
        wanted: &Wanted,
        stream: &'r Stream,
        scope: &'r [(String, String)],
    ) -> Result<Vec<Pair<'r>>, Error> {
        let mut list = Structured {
            list: Vec::new(),
            stream: &stream.labels,
            wanted,
            level: wanted.has(DETECTED_LEVEL),
        };
        if matches!(wanted, Wanted::Named(names) if names.is_empty()) {
            return Ok(list.list);
        }
        for (name, column) in &self.attributes {
            if let Some(value) = attribute_value(column, row) {
                list.attribute(name, &value)?;
            }
        }
        for attribute in wire::attributes(self.rest.value(row).unwrap_or_default()) {
            let attribute = attribute.map_err(|error| malformed(ATTRIBUTES_REST, error))?;
            list.attribute(&label_name(attribute.key), &attribute.value)?;
        }
        let number = self.severity_number.i32(row);
        if !stream.is_pushed {
            if number != 0 {
                list.add("severity_number", || number.to_string().into());
            }
            if let Some(text) = self.severity_text.value(row).filter(|text| !text.is_empty()) {
                list.add("severity_text", || text.into());
            }
        }
        if let Some(id) = self.trace_id.value(row) {
            list.add("trace_id", || hex(id).into());
        }
        if let Some(id) = self.span_id.value(row) {
            list.add("span_id", || hex(id).into());
        }
        if let Some(flags) = self.flags.value(row).filter(|flags| *flags != 0) {
            list.add("flags", || flags.to_string().into());
        }
        if let Some(name) = self.event_name.value(row).filter(|name| !name.is_empty()) {
            list.add("event_name", || name.into());
        }
        if let Some(count) = self.dropped.value(row).filter(|count| *count != 0) {
            list.add("dropped_attributes_count", || count.to_string().into());
        }
        for (name, value) in stream.structured.iter().chain(scope) {
            list.add(name, || value.as_str().into());
        }
        if list.level && !stream.labels.has(DETECTED_LEVEL) && !list.has(DETECTED_LEVEL) {
            let level = self.level(row, number, &list, stream);
            list.list.push((DETECTED_LEVEL.into(), level));
        }
        Ok(list.list)
    }

    fn level<'r>(
        &self,
        row: usize,
        number: i32,
        list: &Structured<'r, '_>,
        stream: &Stream,
    ) -> Cow<'r, str> {
        let said = LEVEL_LABELS.iter().find_map(|name| {
            let of_stream = Some(stream.labels.value(name)).filter(|value| !value.is_empty());
            let of_record = match of_stream {
                Some(_) => list.value(&format!("{name}{EXTRACTED}")),
                None => list.value(name),
            };
            of_record.or(of_stream)
        });
        let found = level::of_number(number)
            .filter(|_| !stream.is_pushed)
            .or_else(|| said.and_then(level::of_word))
            .or_else(|| level::of_word(self.severity_text.value(row)?));
        match (found, said) {
            (Some(level), _) => level.into(),
            // A level of the sender's own making.
            (None, Some(said)) => said.to_ascii_lowercase().into(),
            (None, None) => level::of_line(self.body.value(row).unwrap_or("")).into(),
        }
    }
}

/// Collects the labels of a record. One whose name the stream or another has already gets a suffix.
struct Structured<'r, 'w> {
    list: Vec<Pair<'r>>,
    stream: &'w Labels,
    wanted: &'w Wanted,
    /// Whether labels that say a level are looked at.
    level: bool,
}

impl<'r> Structured<'r, '_> {
    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    fn add(&mut self, name: &str, value: impl FnOnce() -> Cow<'r, str>) {
        let says_level = self.level && LEVEL_LABELS.contains(&name);
        if !self.stream.has(name) && !self.has(name) {
            if says_level || self.wanted.has(name) {
                self.list.push((name.to_owned().into(), value()));
            }
            return;
        }
        let own = format!("{name}{EXTRACTED}");
        if (says_level || self.wanted.has(&own)) && !self.has(&own) {
            let value = value();
            if self.value(name) != Some(&*value) {
                self.list.push((own.into(), value));
            }
        }
    }

    fn attribute(&mut self, name: &str, value: &Value<'r>) -> Result<(), Error> {
        match value {
            Value::String(text) => self.add(name, || (*text).into()),
            Value::KeyValues(_) | Value::Array(_) | Value::Bytes(_) | Value::Double(_) => {
                let value =
                    AnyValue::of(value).map_err(|error| malformed(ATTRIBUTES_REST, error))?;
                let mut labels = Vec::new();
                flatten(name, &value, &mut labels);
                labels.into_iter().for_each(|(name, value)| self.add(&name, || value.into()));
            }
            Value::Int(number) => self.add(name, || number.to_string().into()),
            Value::Bool(flag) => self.add(name, || flag.to_string().into()),
            Value::Empty => {}
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| DIGITS[digit as usize] as char)
        .collect()
}

/// Streams by their stored bytes, with whether the query selects them.
#[derive(Default)]
pub struct Selected {
    streams: StreamCache,
    by_view: HashMap<u128, Option<Arc<Stream>>>,
}

impl Lines {
    /// Hands over the lines of a batch that come out of the pipeline.
    pub fn each(
        &self,
        batch: &RecordBatch,
        selected: &mut Selected,
        mut take: impl FnMut(Found<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let rows = BatchRows::of(batch, &self.pipeline.wanted)?;
        // Numbers stand for the same bytes within one batch only.
        selected.by_view.clear();
        for row in 0..batch.num_rows() {
            let time = rows.time.value(row).filter(|time| (self.from..=self.to).contains(time));
            let Some(time) = time else { continue };
            let Some(stream) = self.stream(&rows, row, selected)? else { continue };
            let body = rows.body.value(row).unwrap_or("");
            if !self.pipeline.starts(body) {
                continue;
            }
            let scope = selected.streams.scope(rows.scope.value(row))?;
            let structured = rows.structured(row, &self.pipeline.wanted, &stream, &scope)?;
            let mut labels = LineLabels::new(&stream.labels, structured);
            if let Some(line) = self.pipeline.run(time, Cow::Borrowed(body), &mut labels) {
                let weight = rows.weight.value(row).and_then(|weight| u64::try_from(weight).ok());
                let weight = weight.unwrap_or(1);
                let tie = rows.tie(row);
                let row = row as u32;
                take(Found { time, row, line, labels, stream: &stream, weight, tie })?;
            }
        }
        Ok(())
    }

    /// The stream of a row, if the query selects it.
    fn stream(
        &self,
        rows: &BatchRows,
        row: usize,
        selected: &mut Selected,
    ) -> Result<Option<Arc<Stream>>, Error> {
        let view = rows.resource.view(row).unwrap_or(0);
        if let Some(known) = selected.by_view.get(&view) {
            return Ok(known.clone());
        }
        let stream = selected.streams.stream(rows.resource.value(row))?;
        let stream = all_match(&self.matchers, &stream.labels).then_some(stream);
        selected.by_view.insert(view, stream.clone());
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_record_whose_names_are_taken_get_a_suffix() {
        let collect = |wanted: &Wanted| {
            let stream = Labels::new([("job", "dupl")]);
            let mut list = Structured { list: Vec::new(), stream: &stream, wanted, level: false };
            for (name, value) in [("job", "m"), ("a_b", "1"), ("a_b", "2"), ("c", "3"), ("c", "3")]
            {
                list.add(name, || value.into());
            }
            let pairs = list.list.into_iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<String>>()
        };
        assert_eq!(collect(&Wanted::All), ["job_extracted=m", "a_b=1", "a_b_extracted=2", "c=3"]);
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Wanted::of(&[], None, Some(&names))
        };
        assert_eq!(collect(&named(&["job"])), Vec::<String>::new());
        assert_eq!(collect(&named(&["a_b"])), ["a_b=1"]);
        assert_eq!(collect(&named(&["job_extracted"])), ["job_extracted=m"]);
        assert_eq!(collect(&named(&["a_b_extracted"])), ["a_b=1", "a_b_extracted=2"]);
    }
}
