//! Journeys: an SLI whose events are traces, good if every step of theirs is good in time.

use super::indicator::{Part, Sli, SliSource};
use super::slo::ObjectiveSpec;

/// A step of a journey, by the conditions on its span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which spans are this step.
    pub total: String,
    /// Which of them are good.
    pub part: Part,
}

/// The SLI of a journey whose steps are what members count. The first member's spans begin one.
pub(super) fn sli(members: &[ObjectiveSpec], within_seconds: u64) -> Result<Sli, String> {
    if members.iter().any(|member| member.sli.source != SliSource::Spans) {
        return Err(
            "are to be of spans: the steps of a journey are joined by their trace".to_owned()
        );
    }
    let steps = members.iter().map(|member| match &member.sli.part {
        Part::Good(query) => [member.sli.total.as_str(), "good", query.as_str()],
        Part::Bad(query) => [member.sli.total.as_str(), "bad", query.as_str()],
    });
    let steps: Vec<[&str; 3]> = steps.collect();
    Ok(Sli {
        source: SliSource::Journey,
        total: members[0].sli.total.clone(),
        part: Part::Good(serde_json::to_string(&steps).map_err(|error| error.to_string())?),
        lookback_seconds: within_seconds,
        group_by: Vec::new(),
    })
}

impl Sli {
    /// The steps of a journey; nothing of other SLIs.
    pub fn steps(&self) -> Vec<Step> {
        let (SliSource::Journey, Part::Good(text)) = (self.source, &self.part) else {
            return Vec::new();
        };
        let steps: Vec<[String; 3]> = serde_json::from_str(text).unwrap_or_default();
        let step = |[total, is, query]: [String; 3]| Step {
            total,
            part: if is == "good" { Part::Good(query) } else { Part::Bad(query) },
        };
        steps.into_iter().map(step).collect()
    }
}
