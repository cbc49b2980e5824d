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
mod counting;
mod data_state;
mod engine;
mod evaluate;
mod exclusion;
mod explain;
mod gate;
mod guard;
mod history;
mod latch;
mod method;
mod objective;
pub mod spec;
mod stored;
mod tier;
mod window;

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;

pub use announce::ALERT_NAMES;
pub use backtest::{BACKTEST_SECONDS_MAX, Backtest, Replayed, replay};
pub use change::{Refused, SPEC_BYTES_MAX};
pub(crate) use counting::no_rows;
pub use data_state::{Absence, DataState};
pub use engine::{CountingStanding, Loaded, ObjectiveStanding, Slos, Standing};
pub use evaluate::{
    AlertKind, AlertSeen, Facts, Mode, Policy, Status, TierStatus, burn_rate, coverage, evaluate,
};
pub use exclusion::{EXCLUSIONS_MAX, Exclusion, Kept, When};
pub use gate::{GateRequest, Gated};
pub use guard::{Guards, lone_event_trips_up_to, wilson_lower};
pub use history::{Count, History, SLICE_SECONDS, slice_of};
pub use latch::{Latch, Level, Seen, Temper};
pub use method::{Counted, Method, TimesliceGoal};
pub use objective::{Fraction, Objective};
pub(crate) use stored::TABLES;
pub use stored::{AlertKey, SpecVersion, Transition};
pub use tier::{DEFAULT_TIERS, Severity, Tier, Trigger, span};
pub use window::{Calendar, CalendarUnit, Period, Window};
