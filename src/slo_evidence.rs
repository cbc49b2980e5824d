//! The system table `slo_evidence`: what was found when alerts fired, a row for each thing found.

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::array::{TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::explain::Evidence;
use binnacle_alerting::slo::Slos;
use binnacle_storage::model::TenantId;
use std::sync::Arc;

/// Firings in the table; the newest.
const EVIDENCE_MAX: usize = 5_000;

const NANOS: i64 = 1_000_000_000;

/// Something found, in the words of the answer it is part of.
#[derive(Debug, Default, PartialEq)]
struct Found {
    kind: &'static str,
    service: String,
    /// An operation, or an attribute and its value.
    name: String,
    value: String,
    spent: Option<f64>,
    expected: Option<f64>,
    q_value: Option<f64>,
    is_significant: bool,
}

pub fn schema() -> SchemaRef {
    let time = |name: &str| {
        Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false)
    };
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        time("time"),
        time("made_at"),
        Field::new("evidence", DataType::Int64, false),
        text("alert"),
        text("slo"),
        Field::new("version", DataType::Int64, false),
        Field::new("objective", DataType::UInt64, false),
        text("kind"),
        text("service"),
        text("name"),
        text("value"),
        number("spent"),
        number("expected"),
        number("q_value"),
        Field::new("is_significant", DataType::Boolean, false),
    ]))
}

pub fn rows(slos: &Slos, tenant: &TenantId) -> RecordBatch {
    let all = slos.all_evidence(tenant, EVIDENCE_MAX).unwrap_or_else(|error| {
        tracing::error!(%error, "failed to read the evidence of SLO alerts");
        Vec::new()
    });
    batch(&all)
}

fn batch(all: &[Evidence]) -> RecordBatch {
    let rows: Vec<(&Evidence, Found)> =
        all.iter().flat_map(|one| found(one).into_iter().map(move |found| (one, found))).collect();
    let text = |of: &dyn Fn(&Evidence, &Found) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(one, found)| of(one, found))))
    };
    let times = |of: &dyn Fn(&Evidence) -> i64| -> ArrayRef {
        let nanos = rows.iter().map(|(one, _)| of(one).saturating_mul(NANOS));
        Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_timezone("UTC"))
    };
    let numbers = |of: &dyn Fn(&Found) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, found)| of(found)).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        times(&|one| one.starts_at),
        times(&|one| one.made_at),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(one, _)| one.id))),
        text(&|one, _| one.fingerprint.to_string()),
        text(&|one, _| one.slo.clone()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(one, _)| one.slo_version))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(one, _)| one.objective as u64))),
        text(&|_, found| found.kind.to_owned()),
        text(&|_, found| found.service.clone()),
        text(&|_, found| found.name.clone()),
        text(&|_, found| found.value.clone()),
        numbers(&|found| found.spent),
        numbers(&|found| found.expected),
        numbers(&|found| found.q_value),
        Arc::new(
            rows.iter().map(|(_, found)| Some(found.is_significant)).collect::<BooleanArray>(),
        ),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
}

/// The summary first, then what is to blame, attributes and versions, and the example traces.
fn found(evidence: &Evidence) -> Vec<Found> {
    let explanation = &evidence.explanation;
    let summary = Found { kind: "summary", value: explanation.summary.clone(), ..Found::default() };
    let services = explanation.services.iter().map(|one| Found {
        kind: "service",
        service: one.service.clone(),
        spent: Some(one.spent),
        expected: Some(one.expected),
        q_value: Some(one.q_value),
        is_significant: one.is_significant,
        ..Found::default()
    });
    let operations = explanation.operations.iter().map(|one| Found {
        kind: "operation",
        service: one.service.clone(),
        name: one.operation.clone(),
        spent: Some(one.spent),
        expected: Some(one.expected),
        q_value: Some(one.q_value),
        is_significant: one.is_significant,
        ..Found::default()
    });
    let shares = [("attribute", &explanation.attributes), ("version", &explanation.versions)];
    let shares = shares.into_iter().flat_map(|(kind, all)| {
        all.iter().map(move |one| Found {
            kind,
            service: one.service.clone(),
            name: one.name.clone(),
            value: one.value.clone(),
            spent: Some(one.bad as f64),
            expected: None,
            q_value: Some(one.q_value),
            is_significant: one.is_significant,
        })
    });
    let examples = explanation.examples.iter().map(|one| Found {
        kind: "trace",
        service: one.service.clone(),
        name: one.name.clone(),
        value: one.trace_id.clone(),
        ..Found::default()
    });
    std::iter::once(summary)
        .chain(services)
        .chain(operations)
        .chain(shares)
        .chain(examples)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_alerting::{Fingerprint, LabelSet};

    #[test]
    fn evidence_is_a_row_for_each_thing_found() {
        let explanation = serde_json::json!({
            "version": 1, "window": { "start": "0", "end": "1", "good": 0, "bad": 1, "looked_at": 1 },
            "before": { "start": "0", "end": "1", "good": 0, "bad": 1, "looked_at": 1 },
            "services": [{ "service": "cart", "spent": 9.0, "expected": 1.0, "share": 0.9, "failing": 9.0, "p_value": 0.1,
                "q_value": 0.2, "is_significant": true }],
            "operations": [], "attributes": [], "versions": [], "examples": [], "summary": "cart spent it", "tests": 1,
            "is_estimate": false, "warnings": [],
        });
        let evidence = Evidence {
            id: 7,
            fingerprint: Fingerprint(255),
            starts_at: 100,
            made_at: 101,
            slo: "shop".to_owned(),
            slo_version: 2,
            objective: 1,
            labels: LabelSet::new(),
            explanation: serde_json::from_value(explanation).unwrap(),
        };
        let kinds: Vec<&str> = found(&evidence).iter().map(|one| one.kind).collect();
        assert_eq!(kinds, ["summary", "service"]);
        let batch = batch(&[evidence]);
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, schema().fields().len()));
        assert_eq!(super::batch(&[]).num_rows(), 0);
    }
}
