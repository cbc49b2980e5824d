//! Alerting: whether what is measured is good enough, who is told when it is not, and why it is so.
//!
//! `slo` counts good and total events and turns them into error budgets and burn rates; `rule` evaluates Prometheus rule
//! files; both hand what changed to `notify` in the transaction that records the change, so that a crash loses neither;
//! `notify` groups, silences, routes and delivers. [`Alerting`] starts and stops them.
//!
//! Always true: a change of an alert and the notice of it are written together; what was not measured changes no alert.

mod alert;
mod alerting;
mod config;
mod error;
pub mod explain;
pub mod gate;
pub mod notify;
pub mod rule;
mod sink;
pub mod slo;
mod store;
#[cfg(test)]
mod testing;
pub mod yaml;

pub use alert::{Alert, Fingerprint, LabelSet};
pub use alerting::{Alerting, Parts};
pub use config::AlertingConfig;
pub use error::Error;
pub use sink::{RecordedSample, SeriesSink};
pub use store::Store;
