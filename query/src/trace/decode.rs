//! From found rows to spans and exemplars.

use super::find::Found;
use super::{Exemplar, Span};
use crate::Error;
use crate::rows::{Columns, RowAttributes, Shared, malformed};
use crate::value::{span_events, span_links};
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::{SeriesId, SpanId, Timestamp, TraceId, WEIGHT_COLUMN};

/// The spans of `found`, in its order.
pub(crate) fn spans(found: &Found, shared: &mut Shared) -> Result<Vec<Span>, Error> {
    let columns = Columns(&found.batch);
    let trace_id = columns.fixed("trace_id")?;
    let span_id = columns.fixed("span_id")?;
    let parent_span_id = columns.fixed("parent_span_id")?;
    let trace_state = columns.text("trace_state")?;
    let flags = columns.int("flags")?;
    let service = columns.text("service")?;
    let name = columns.text("name")?;
    let kind = columns.int("kind")?;
    let start_time = columns.int("start_time")?;
    let duration = columns.int("duration")?;
    let status_code = columns.int("status_code")?;
    let status_message = columns.text("status_message")?;
    let dropped_attributes_count = columns.int("dropped_attributes_count")?;
    let dropped_events_count = columns.int("dropped_events_count")?;
    let dropped_links_count = columns.int("dropped_links_count")?;
    let events = columns.bytes("events")?;
    let links = columns.bytes("links")?;
    let resource = columns.bytes("resource")?;
    let scope = columns.bytes("scope")?;
    let ingested_at = columns.int("ingested_at")?;
    let weight = columns.int(WEIGHT_COLUMN)?;
    let attributes = RowAttributes::of(&found.batch)?;
    let decode = |&row: &usize| {
        Ok(Span {
            trace_id: TraceId(trace_id.id(row).unwrap_or_default()),
            span_id: SpanId(span_id.id(row).unwrap_or_default()),
            parent_span_id: parent_span_id.id(row).map(SpanId),
            trace_state: trace_state.owned(row),
            flags: flags.u32(row),
            service: service.owned(row),
            name: name.owned(row),
            kind: kind.i32(row),
            start_time: Timestamp(start_time.value(row).unwrap_or_default()),
            duration: duration.value(row).unwrap_or_default(),
            status_code: status_code.i32(row),
            status_message: status_message.owned(row),
            attributes: attributes.read(row)?,
            dropped_attributes_count: dropped_attributes_count.u32(row),
            events: span_events(events.value(row).unwrap_or_default())
                .map_err(|error| malformed("events", error))?,
            dropped_events_count: dropped_events_count.u32(row),
            links: span_links(links.value(row).unwrap_or_default())
                .map_err(|error| malformed("links", error))?,
            dropped_links_count: dropped_links_count.u32(row),
            resource: shared.resource(resource.value(row))?,
            scope: shared.scope(scope.value(row))?,
            ingested_at: Timestamp(ingested_at.value(row).unwrap_or_default()),
            weight: weight.weight(row),
        })
    };
    found.rows.iter().map(decode).collect()
}

/// The exemplars of `found`, not yet joined with their series.
pub(super) fn exemplars(found: &Found) -> Result<Vec<Exemplar>, Error> {
    let columns = Columns(&found.batch);
    let series_id = columns.fixed("series_id")?;
    let time = columns.int("time")?;
    let point_time = columns.int("point_time")?;
    let value = columns.double("value")?;
    let int_value = columns.int("int_value")?;
    let span_id = columns.fixed("span_id")?;
    let attributes = RowAttributes::of(&found.batch)?;
    let decode = |&row: &usize| {
        let int = int_value.value(row).map(NumberValue::Int);
        Ok(Exemplar {
            series_id: SeriesId(series_id.id(row).unwrap_or_default()),
            time: Timestamp(time.value(row).unwrap_or_default()),
            point_time: Timestamp(point_time.value(row).unwrap_or_default()),
            value: int.or_else(|| value.value(row).map(NumberValue::Double)),
            span_id: span_id.id(row).map(SpanId),
            attributes: attributes.read(row)?,
            series: None,
        })
    };
    found.rows.iter().map(decode).collect()
}
