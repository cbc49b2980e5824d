//! Spans, log records, exemplars and metric series as JSON.
//!
//! Ids are lower-case hex, times and durations Unix ns as decimal strings, attributes as `value.rs` says. Fields that most
//! senders leave empty are left out when they are empty or zero; the schemas mark them as optional.

mod log;
mod origin;
mod series;
mod span;

pub use log::Log;
pub use origin::{Resource, Scope};
pub use series::Series;
pub use span::{CriticalSegment, Exemplar, KINDS, STATUS_CODES, Span};

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A 64-bit number as a decimal string: JavaScript's numbers end at 53 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub i64);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Anything that prints as its JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An OTLP enum: its lower-case name, or its number when it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    pub names: &'static [&'static str],
    pub number: i32,
}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        OneOfBuilder::new().item(of(Type::String)).item(of(Type::Integer)).into()
    }
}

impl ToSchema for Name {}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = usize::try_from(self.number).ok().and_then(|index| self.names.get(index));
        match name {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_i32(self.number),
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enums_print_names_and_unknown_numbers() {
        let names = &["unset", "ok", "error"];
        for (number, json) in [(0, "\"unset\""), (2, "\"error\""), (3, "3"), (-1, "-1")] {
            assert_eq!(serde_json::to_string(&Name { names, number }).unwrap(), json);
        }
    }
}
