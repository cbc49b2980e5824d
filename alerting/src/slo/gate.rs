//! The gate over an SLO's events: counts both arms slice by slice, and has them judged.

use super::engine::Slos;
use super::history::Count;
use super::spec::SliSource;
use super::standing::Loaded;
use crate::Error;
use crate::gate::{Arm, Settings, Verdict, blocks, decide};
use binnacle_query::sli::SampleRequest;
use binnacle_storage::model::TenantId;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a gate is asked.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// Its place among the SLO's objectives.
    pub objective: usize,
    pub candidate: Arm,
    pub baseline: Arm,
    /// Unix seconds; from where both run.
    pub range: Range<i64>,
    pub alpha: f64,
    /// `None`: the objective's budget, so that the candidate's burn rate is higher by less than 1.
    pub margin: Option<f64>,
}

/// A verdict with what was counted.
#[derive(Debug, Clone)]
pub struct Gated {
    pub verdict: Verdict,
    /// All events of either arm, also those of blocks that are not closed.
    pub candidate: Count,
    pub baseline: Count,
    pub is_estimate: bool,
    /// Unix seconds from which on all rows were read, when they were too many.
    pub whole_from: Option<i64>,
}

/// A composite's events are no rows of which some are a candidate's.
fn several(objective: usize) -> Error {
    Error::Query(binnacle_query::Error::InvalidRequest {
        message: format!(
            "objective {objective} is made of others, whose events cannot be told apart as one"
        ),
        hint: Some("ask for one of its members: they are the objectives before it".to_owned()),
    })
}

impl Slos {
    /// Whether a candidate is as good as a baseline.
    pub async fn gate(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        request: &GateRequest,
    ) -> Result<Gated, Error> {
        const NANOS: i64 = 1_000_000_000;
        let spec = loaded.slo.objectives.get(request.objective).ok_or(Error::GivenUp)?;
        if matches!(spec.sli.source, SliSource::Composite | SliSource::Journey) {
            return Err(several(request.objective));
        }
        let budget = 1.0 - spec.policy.objective.as_f64();
        let queries = [&request.candidate, &request.baseline].map(|arm| arm.query(&spec.sli));
        let [candidate, baseline] = queries;
        let range = &request.range;
        let window = range.start.saturating_mul(NANOS)..range.end.saturating_mul(NANOS);
        let sampled = SampleRequest {
            queries: vec![Arc::new(candidate?), Arc::new(baseline?)],
            windows: std::iter::once(window).collect(),
            named: 0,
        };
        let engine = &self.inner().parts.engine;
        let found = engine.sample_events(tenant, sampled).await.map_err(Error::Query)?;
        let mut arms = found.found.into_iter().filter_map(|windows| windows.into_iter().next());
        let mut arm = || -> BTreeMap<i64, Count> {
            let slices = arms.next().unwrap_or_default().slices.into_iter();
            slices.map(|(at, (good, total))| (at, Count::new(good, total))).collect()
        };
        let (candidate, baseline) = (arm(), arm());
        let settings = Settings {
            alpha: request.alpha,
            margin: request.margin.unwrap_or(budget),
            expected: budget,
        };
        let sum =
            |arm: &BTreeMap<i64, Count>| arm.values().copied().fold(Count::default(), Count::plus);
        Ok(Gated {
            verdict: decide(&blocks(&candidate, &baseline), settings),
            candidate: sum(&candidate),
            baseline: sum(&baseline),
            is_estimate: found.is_estimate,
            whole_from: found.whole_from.map(|nanos| nanos.div_euclid(NANOS)),
        })
    }
}
