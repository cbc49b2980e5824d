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
    /// Events that the first chooses and the second does not.
    IsBut(Selector, Selector),
}

impl Arm {
    /// A baseline beside a candidate, in which no event of the candidate counts.
    pub fn beside(candidate: &Selector, baseline: Selector) -> Arm {
        match baseline.key == candidate.key {
            true => Arm::Is(baseline),
            false => Arm::IsBut(baseline, candidate.clone()),
        }
    }

    /// What to count of an SLI.
    pub fn query(&self, sli: &Sli) -> Result<SliQuery, Error> {
        let (part, is_good) = match &sli.part {
            Part::Good(query) => (query, true),
            Part::Bad(query) => (query, false),
        };
        let query = match sli.source {
            SliSource::Spans => SliQuery::spans(&self.spans(&sli.total), part, is_good),
            SliSource::Logs => SliQuery::logs(&self.logs(&sli.total), part, is_good),
            _ => return Err(crate::slo::no_rows()),
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
            Arm::IsBut(Selector { key, value }, but) => format!(
                "{{ resource.{} = {} && (resource.{} = nil || resource.{} != {}) }}",
                quoted(key),
                quoted(value),
                quoted(&but.key),
                quoted(&but.key),
                quoted(&but.value)
            ),
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
            Arm::IsBut(Selector { key, value }, but) => format!(
                "resource.{key}:{} NOT resource.{}:{}",
                quoted(value),
                but.key,
                quoted(&but.value)
            ),
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
            Arm::IsBut(selector, but) => write!(f, "{selector} without {but}"),
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
    fn no_event_is_in_both_arms() {
        let selector = |text: &str| Selector::parse(text).unwrap();
        let (new, old) = (selector("service.version:2"), selector("service.version:1"));
        assert_eq!(Arm::beside(&new, old.clone()), Arm::Is(old));
        let beside = Arm::beside(&new, selector("zone:z1"));
        assert_eq!(beside.to_string(), "zone:z1 without service.version:2");
        let condition = "{ resource.\"zone\" = \"z1\" && \
                         (resource.\"service.version\" = nil || resource.\"service.version\" != \"2\") }";
        assert_eq!(beside.spans(""), condition);
        assert_eq!(
            beside.logs("cart"),
            "(cart) resource.zone:\"z1\" NOT resource.service.version:\"2\""
        );
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
            let sli = Sli {
                source,
                total: total.to_owned(),
                part,
                lookback_seconds: 0,
                group_by: Vec::new(),
            };
            let zone = Selector::parse("zone:z1").unwrap();
            let beside = Arm::beside(&selector, zone);
            for arm in [Arm::Is(selector.clone()), Arm::Other(selector.clone()), beside] {
                arm.query(&sli).unwrap_or_else(|error| panic!("{arm} of {sli:?}: {error:?}"));
            }
        }
    }
}
