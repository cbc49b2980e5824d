//! SLOs: promises about a service as OpenSLO YAML, counted exactly, and told of when they are about to be broken.
//!
//! [`spec`] reads what people write; what is good and total per slice is a [`History`] of integers; [`evaluate`] turns it into
//! budget, burn rates and what each alert sees; [`latch`] decides what each alert says.

mod alerts;
mod announce;
mod asking;
mod backtest;
mod blob;
mod change;
mod compose;
mod composite;
mod counting;
mod data_state;
mod edges;
mod engine;
mod evaluate;
mod exclusion;
mod explain;
mod figures;
mod first;
mod gate;
mod grouping;
mod guard;
mod history;
mod judging;
mod latch;
mod ledger;
mod method;
mod narrowing;
mod objective;
mod packed;
mod published;
mod recording;
pub mod spec;
mod standing;
mod stored;
mod stored_alerts;
mod stored_groups;
mod stored_prompt;
mod tally;
mod tier;
mod timeline;
mod window;

#[cfg(test)]
mod announce_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;

pub use announce::ALERT_NAMES;
pub use backtest::{BACKTEST_SECONDS_MAX, Backtest, GROUPS_REPLAYED_MAX, Replayed, replay};
pub use change::{Refused, SPEC_BYTES_MAX};
pub use composite::{Blend, Composite, Material, Member, NoData, Together, WEIGHT_ONE, Weighted};
pub(crate) use counting::no_rows;
pub use data_state::{Absence, DataState};
pub use edges::Edges;
pub use engine::Slos;
pub use evaluate::{
    AlertKind, AlertSeen, Facts, Mode, Policy, Status, TierStatus, burn_rate, coverage, evaluate,
};
pub use exclusion::{EXCLUSIONS_MAX, Exclusion, Kept, When};
pub use figures::{Figures, figures, nines};
pub use gate::{GateRequest, Gated};
pub use grouping::{GROUP_GONE_SECONDS, GROUPS_ALL_MAX, GROUPS_MAX, OVERFLOW, parse_group};
pub use guard::{Guards, lone_event_trips_up_to, wilson_lower};
pub use history::{Count, History, SLICE_SECONDS, slice_of};
pub use latch::{Latch, Level, Seen, Temper};
pub use method::{Counted, Method, TimesliceGoal};
pub use objective::{Fraction, Objective};
pub use published::SloAlert;
pub use standing::{CountingStanding, GroupStanding, Loaded, ObjectiveStanding, Standing};
pub use stored::SpecVersion;
pub(crate) use stored::TABLES;
pub use stored_alerts::{AlertKey, Transition};
pub(crate) use stored_prompt::TABLES as PROMPT_TABLES;
pub use tally::Tally;
pub use tier::{DEFAULT_TIERS, Severity, Tier, Trigger, span};
pub use timeline::{PERIODS_MAX, PastPeriod, Promise, Timeline};
pub use window::{Calendar, CalendarUnit, Period, Window};
