//! The events of one group as an indicator of its own: what is asked about a group reads its rows alone.

use super::spec::{Sli, SliSource};
use binnacle_query::sli::SliGroup;
use binnacle_query::traceql::quoted;

/// The SLI of one group, but not of the overflow: what that is no query says, only which groups there are.
pub(super) fn narrowed(sli: &Sli, group: &SliGroup) -> Sli {
    let pairs = sli.group_by.iter().zip(&group.0);
    let total = match sli.source {
        SliSource::Spans => {
            let conditions = pairs.map(|(name, value)| format!("{{ {} }}", of_spans(name, value)));
            joined(sli.total.trim().to_owned(), conditions, " | ")
        }
        _ => {
            let total = match sli.total.trim() {
                "" => String::new(),
                total => format!("({total})"),
            };
            joined(total, pairs.map(|(name, value)| of_logs(name, value)), " ")
        }
    };
    Sli { total, group_by: Vec::new(), ..sli.clone() }
}

fn joined(total: String, conditions: impl Iterator<Item = String>, between: &str) -> String {
    let parts = std::iter::once(total).chain(conditions);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

/// Groups are told apart by texts; what looks like a number or a flag may have been one.
fn of_spans(name: &str, value: &str) -> String {
    let field = match (name, name.split_once('.')) {
        ("service", _) => "resource.service.name".to_owned(),
        (_, Some((scope, key))) => format!("{scope}.{}", quoted(key)),
        _ => name.to_owned(),
    };
    let text = format!("{field} = {}", quoted(value));
    // The name of a span is always a text.
    if name == "name" {
        return text;
    }
    if value.is_empty() {
        return format!("{field} = nil || {text}");
    }
    match is_number(value) || matches!(value, "true" | "false") {
        true => format!("{text} || {field} = {value}"),
        false => text,
    }
}

/// Whether a text is a number as queries write it: `-1.5`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, parts) = text.split_once('.').unwrap_or((text, "0"));
    // More digits than a number has would be refused.
    text.len() <= 18 && digits(whole) && digits(parts)
}

fn of_logs(name: &str, value: &str) -> String {
    match value {
        "" => format!("NOT {name}:*"),
        value => format!("{name}:{}", quoted(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::counting::query_of;
    use crate::slo::spec::Part;

    fn sli(source: SliSource, total: &str, names: &[&str]) -> Sli {
        let part = match source {
            SliSource::Spans => "{ status != error }",
            _ => "severity:error",
        };
        Sli {
            source,
            total: total.to_owned(),
            part: Part::Good(part.to_owned()),
            lookback_seconds: 0,
            group_by: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn group(values: &[&str]) -> SliGroup {
        SliGroup(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_groups_events_are_found_by_queries_that_can_be_read() {
        let spans = ["service", "name", "span.http.route", "resource.k8s.pod-name"];
        let logs = ["service", "severity", "attributes.user", "resource.host.name"];
        for values in
            [["a", "b \"c\"", "d`e", "x\\y"], ["", "", "", ""], ["5", "-1.5", "true", "1e5"]]
        {
            for total in ["", "{ kind = server }"] {
                let narrow = narrowed(&sli(SliSource::Spans, total, &spans), &group(&values));
                assert!(query_of(&narrow).is_ok(), "{}", narrow.total);
            }
        }
        for values in [["a", "error", "d e", "x"], ["", "", "", ""]] {
            for total in ["", "order OR cart"] {
                let narrow = narrowed(&sli(SliSource::Logs, total, &logs), &group(&values));
                assert!(query_of(&narrow).is_ok(), "{}", narrow.total);
            }
        }
    }

    #[test]
    fn numbers_are_looked_for_as_texts_too() {
        let narrow = narrowed(&sli(SliSource::Spans, "", &["span.code"]), &group(&["500"]));
        assert_eq!(narrow.total, "{ span.\"code\" = \"500\" || span.\"code\" = 500 }");
    }
}
