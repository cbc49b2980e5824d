//! What an explanation says. It is kept with the alert that it was made for, and read again unchanged: so it is written as
//! one JSON document with a version, the one stored type that is also the answer.

use serde::{Deserialize, Serialize};

/// Of the document. A later one adds members; it never gives one another meaning.
pub const VERSION: u32 = 1;

/// What spent the error budget in a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    pub version: u32,
    pub window: Stretch,
    /// What the window is compared with, beside its own good events.
    pub before: Stretch,
    /// The most to blame first.
    pub services: Vec<Culprit>,
    /// The same by operation.
    pub operations: Vec<Operation>,
    /// What bad events have more often than others, or more rarely: the most telling first.
    pub attributes: Vec<AttributeShare>,
    /// Those of them that say which version ran.
    pub versions: Vec<AttributeShare>,
    /// Bad events that show the first culprits.
    pub examples: Vec<Example>,
    /// In a sentence.
    pub summary: String,
    /// Tests that all `q_value`s are corrected for together.
    pub tests: u64,
    pub is_estimate: bool,
    pub warnings: Vec<String>,
}

/// A stretch of time and its events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// Unix nanoseconds.
    #[serde(with = "nanos")]
    pub start: i64,
    #[serde(with = "nanos")]
    pub end: i64,
    pub good: u64,
    pub bad: u64,
    /// Events that were looked at one by one.
    pub looked_at: u64,
}

/// A service and what it spent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Culprit {
    pub service: String,
    /// Bad events, each divided among those to blame for it.
    pub spent: f64,
    /// What it would have spent at the rate of before.
    pub expected: f64,
    /// Of all bad events: 0 to 1.
    pub share: f64,
    /// Of `spent`, by spans that failed; the rest was slow.
    pub failing: f64,
    pub p_value: f64,
    /// Corrected after Benjamini and Hochberg.
    pub q_value: f64,
    pub is_significant: bool,
}

/// An operation and what it spent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// To blame; of a call that is slow between its two ends, the end whose other calls are slow too.
    pub service: String,
    pub operation: String,
    pub how: How,
    /// For calls: who calls, and whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee: Option<String>,
    pub spent: f64,
    pub expected: f64,
    /// Nanoseconds that it takes itself, without what it waits for: the median otherwise, and in bad events.
    #[serde(with = "nanos_option", default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<i64>,
    #[serde(with = "nanos_option", default, skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
    pub p_value: f64,
    pub q_value: f64,
    pub is_significant: bool,
}

/// What an operation did to spend budget.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It failed, and nothing below it did.
    Failing,
    /// It took longer itself than usual.
    #[default]
    Slow,
    /// The way between two services took longer than usual.
    Call,
}

/// A value of an attribute that some span of a service has, below the event or at it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttributeShare {
    pub service: String,
    /// As TraceQL writes it.
    pub name: String,
    pub value: String,
    /// Bad events that have it, of those looked at.
    pub bad: u64,
    /// Other events that have it.
    pub other: u64,
    /// Share of the bad less share of the others: −1 to 1.
    pub difference: f64,
    pub p_value: f64,
    pub q_value: f64,
    pub is_significant: bool,
}

/// A bad event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    pub trace_id: String,
    /// The event; without one it is a log record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    pub service: String,
    pub name: String,
    #[serde(with = "nanos")]
    pub start: i64,
    #[serde(with = "nanos")]
    pub duration: i64,
    /// Which span of its trace is to blame the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit: Option<CulpritSpan>,
    /// What was logged in the trace: errors first, then what the culprit logged; in order of time.
    pub logs: Vec<ExampleLog>,
}

/// A span to blame.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CulpritSpan {
    pub span_id: String,
    pub service: String,
    pub operation: String,
    pub how: How,
    /// Nanoseconds that it took itself.
    #[serde(with = "nanos")]
    pub took: i64,
    pub status_message: String,
}

/// A log record of an example.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExampleLog {
    #[serde(with = "nanos")]
    pub time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    pub service: String,
    pub severity: String,
    pub body: String,
}

/// Nanoseconds as decimal strings: JSON's numbers lose them.
mod nanos {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(nanos: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&nanos.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

mod nanos_option {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(nanos: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match nanos {
            Some(nanos) => serializer.serialize_str(&nanos.to_string()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_as_it_was() {
        let operation = Operation { usual: Some(i64::MAX), how: How::Call, ..Operation::default() };
        let without = Operation::default();
        let example = Example {
            culprit: Some(CulpritSpan { took: -1, ..CulpritSpan::default() }),
            logs: vec![ExampleLog { time: 1_675_079_506_000_000_001, ..ExampleLog::default() }],
            ..Example::default()
        };
        let explanation = Explanation {
            version: VERSION,
            operations: vec![operation, without],
            examples: vec![example],
            ..Explanation::default()
        };
        let text = serde_json::to_string(&explanation).unwrap();
        assert!(text.contains("\"1675079506000000001\"") && text.contains("\"call\""));
        assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), explanation);
    }
}
