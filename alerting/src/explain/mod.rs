//! Evidence: why an alert fired, found when it did and kept with it.
//!
//! What spent the budget is computed by `query` when an SLO's alert begins to fire, written in the transaction that
//! records the firing or, when that takes too long, a look later, and told in the alert's annotations. It is never
//! computed again: it reads the same when the rows are long gone.

mod stored;

pub use stored::{Evidence, find_evidence, list_all, list_evidence};
pub(crate) use stored::{TABLES, find_of, put};

use crate::LabelSet;
use binnacle_query::explain::{Culprit, Explanation};

/// Services named in annotations.
const SERVICES_TOLD: usize = 3;

/// What an alert says of its explanation. Its links are for whoever reads it: pages of the web UI.
pub(crate) fn annotations(explanation: &Explanation, base: &str, alert: &str) -> LabelSet {
    let mut annotations = LabelSet::new();
    let base = base.trim_end_matches('/');
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            annotations.insert(name.to_owned(), value);
        }
    };
    put("explanation", explanation.summary.clone());
    put("explain_url", format!("{base}/alerts/{alert}"));
    put("culprits", culprits(&explanation.services));
    let traces = explanation.examples.iter().map(|example| example.trace_id.as_str());
    let traces: Vec<&str> = traces.filter(|id| !id.is_empty()).collect();
    put("trace_ids", traces.join(","));
    if let Some(first) = traces.first() {
        put("trace_url", format!("{base}/traces/{first}"));
    }
    annotations
}

/// The services that are more than chance, or else the first alone.
fn culprits(services: &[Culprit]) -> String {
    let mut named: Vec<&Culprit> = services.iter().filter(|one| one.is_significant).collect();
    if named.is_empty() {
        named.extend(services.first());
    }
    let names = named.into_iter().take(SERVICES_TOLD).map(|one| one.service.as_str());
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_query::explain::Example;

    #[test]
    fn an_alert_names_the_culprits_and_links_its_traces() {
        let culprit = |service: &str, is_significant| Culprit {
            service: service.to_owned(),
            is_significant,
            ..Culprit::default()
        };
        let example = Example { trace_id: "ab".to_owned(), ..Example::default() };
        let explanation = Explanation {
            services: vec![culprit("cart", true), culprit("shop", false)],
            examples: vec![example, Example::default()],
            summary: "cart spent it".to_owned(),
            ..Explanation::default()
        };
        let told = annotations(&explanation, "http://host/", "00ff");
        let told: Vec<(&str, &str)> =
            told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("culprits", "cart"),
            ("explain_url", "http://host/alerts/00ff"),
            ("explanation", "cart spent it"),
            ("trace_ids", "ab"),
            ("trace_url", "http://host/traces/ab"),
        ];
        assert_eq!(told, expected);
        assert_eq!(culprits(&[culprit("shop", false), culprit("cart", false)]), "shop");
        assert_eq!(culprits(&[]), "");
    }
}
