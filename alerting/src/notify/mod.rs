//! Notification: who is told of an alert, when, and how often, with the meaning Alertmanager gives to it.
//!
//! Rules and SLOs hand what changed to [`receive`], inside the transaction that records the change.

mod received;

pub use received::{Origin, Received, list as list_alerts, list_changed, receive, receive_from};

/// The tables of this module, one step of `store::STEPS`.
pub(crate) const TABLES: &str = include_str!("schema.sql");
