//! SLOs as OpenSLO YAML (`openslo/v1`): what is read, what it means here, and what is refused, by field and line.
//!
//! A metric source names what it counts: `type` is `spans`, `logs`, `promql` or `sql`, and its `spec` has the query.
//!
//! | type | total | good or bad |
//! |---|---|---|
//! | `spans` | TraceQL conditions on one span | further conditions on those spans |
//! | `logs` | log search | further search among those records |
//! | `promql` | a selector of counters, or `sum(rate(selector[{{.window}}]))` | likewise |
//! | `sql` | a query with `time` and `value`, which says `$start` and `$end` | likewise |
//!
//! A `thresholdMetric` of `spans` compares each span's duration with the objective's `value`, in the unit its `spec` names
//! (`s` if none). Objectives with indicators of their own are members of a composite, which comes after them as one more
//! objective. What OpenSLO has no field for is an annotation of the SLO: see [`annotations`].

mod annotations;
mod composite;
mod fields;
mod indicator;
mod journey;
mod parse;
mod policy;
mod slo;
mod sloth;
#[cfg(test)]
mod tests;
mod tiers;
mod v1alpha;

pub use fields::Problem;
pub(super) use fields::seconds;
pub use indicator::{Part, Sli, SliSource};
pub use journey::Step;
pub use parse::{Parsed, parse};
pub use slo::{Extra, ObjectiveSpec, Slo, Told};
