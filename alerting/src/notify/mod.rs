//! Notification: who is told of an alert, when, and how often, with the meaning Alertmanager gives to it.
//!
//! Rules and SLOs hand what changed to [`receive`], inside the transaction that records the change.

pub mod configuration;
mod delivery;
pub mod dispatch;
mod dispatcher;
mod forward;
pub mod inhibit;
pub mod matcher;
pub mod message;
mod notifier;
pub mod outbox;
mod received;
pub mod silence;

pub use configuration::check_url as check_address;
pub use notifier::{Notifier, Standing, StandingGroup, check_file};
pub use received::{Origin, Received, list as list_alerts, receive, receive_from};

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("schema.sql");

#[cfg(test)]
mod tests;
