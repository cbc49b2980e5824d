//! Rules: Prometheus rule files, on metrics and on logs, traces and tables too.
//!
//! A file is read and checked ([`file`], [`check`]); a group is due at its ticks ([`rules`], [`live`]); its rules are asked and judged
//! one after the other ([`group`], [`evaluate`], [`state`]); the series they make are written, and what changed is recorded with
//! the notice of it ([`remember`]).
//!
//! Always true: the state machine is pure, and live evaluation, unit tests and backtests share it; an error or a lack of
//! data changes no alert.

mod backtest;
mod check;
mod evaluate;
mod file;
mod folder;
mod group;
mod lint;
mod live;
mod metrics;
mod query;
mod remember;
mod rules;
mod state;
mod template;
#[cfg(test)]
mod tests;
pub mod unit_test;

pub use backtest::{Backtest, TICKS_MAX, backtest};
pub use evaluate::{Health, RuleState};
pub use file::{AlertRule, Group, Language, Pairs, Reading, Rule, RuleFault, RuleKind, parse};
pub use group::GroupState;
pub use lint::{Duplicate, duplicates};
pub use live::LiveGroup;
pub use remember::{KeptTransition, add_transitions};
pub use rules::Rules;
pub use state::{ActiveAlert, Alerts, State, Transition};

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("schema.sql");
