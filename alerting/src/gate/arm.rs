//! Which events belong to the candidate, and which to the baseline: by an attribute of their resource.

use crate::Error;
use crate::slo::spec::{Part, Sli, SliSource};
use binnacle_query::sli::SliQuery;
use binnacle_query::traceql::quoted;
use std::fmt;

/// A value of a resource's attribute, as `service.version:2.1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    pub key: String,
    pub value: String,
}

impl Selector {
    /// Reads `key:value` or `key=value`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Selector> {
        let text = text.strip_prefix("resource.").unwrap_or(text);
        let (key, value) = text.split_once([':', '='])?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        let is_key = !key.is_empty() && key.bytes().all(is_plain);
        (is_key && !value.is_empty())
            .then(|| Selector { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.value)
    }
}

/// One side of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arm {
    Is(Selector),
    /// Events that have the attribute with another value.
    Other(Selector),
}

impl Arm {
    /// What to count of an SLI.
    pub fn query(&self, sli: &Sli) -> Result<SliQuery, Error> {
        let (part, is_good) = match &sli.part {
            Part::Good(query) => (query, true),
            Part::Bad(query) => (query, false),
        };
        let query = match sli.source {
            SliSource::Spans => SliQuery::spans(&self.spans(&sli.total), part, is_good),
            SliSource::Logs => SliQuery::logs(&self.logs(&sli.total), part, is_good),
            SliSource::Promql | SliSource::Sql => return Err(crate::slo::no_rows()),
        };
        query.map_err(Error::Query)
    }

    fn spans(&self, total: &str) -> String {
        let condition = match self {
            Arm::Is(Selector { key, value }) => {
                format!("{{ resource.{} = {} }}", quoted(key), quoted(value))
            }
            Arm::Other(Selector { key, value }) => {
                let key = quoted(key);
                format!("{{ resource.{key} != nil && resource.{key} != {} }}", quoted(value))
            }
        };
        match total.trim() {
            "" => condition,
            total => format!("{total} | {condition}"),
        }
    }

    fn logs(&self, total: &str) -> String {
        let condition = match self {
            Arm::Is(Selector { key, value }) => format!("resource.{key}:{}", quoted(value)),
            Arm::Other(Selector { key, value }) => {
                format!("resource.{key}:* NOT resource.{key}:{}", quoted(value))
            }
        };
        match total.trim() {
            "" => condition,
            total => format!("({total}) {condition}"),
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arm::Is(selector) => selector.fmt(f),
            Arm::Other(selector) => write!(f, "other than {selector}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_name_a_resources_attribute() {
        let selector = |key: &str, value: &str| {
            Some(Selector { key: key.to_owned(), value: value.to_owned() })
        };
        assert_eq!(Selector::parse("service.version:2.1"), selector("service.version", "2.1"));
        assert_eq!(Selector::parse("resource.zone=a:b"), selector("zone", "a:b"));
        for text in ["service.version", ":x", "a:", "a b:c", "a\":c"] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arms_are_queries_of_either_source() {
        let selector = Selector::parse("service.version:2 \"x\"").unwrap();
        for (source, total, part) in [
            (SliSource::Spans, "{ kind = server }", "{ status != error }"),
            (SliSource::Spans, "", "{ duration < 1s }"),
            (SliSource::Logs, "order OR cart", "severity:error"),
            (SliSource::Logs, "", "severity:error"),
        ] {
            let part = Part::Good(part.to_owned());
            let sli = Sli { source, total: total.to_owned(), part, lookback_seconds: 0 };
            for arm in [Arm::Is(selector.clone()), Arm::Other(selector.clone())] {
                arm.query(&sli).unwrap_or_else(|error| panic!("{arm} of {sli:?}: {error:?}"));
            }
        }
    }
}
