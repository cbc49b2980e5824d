//! Admission: how much may be in the collector at one time, and how fast a tenant may send.

pub mod body;
mod in_flight;
mod rate;

pub use in_flight::{InFlight, Reservation};
pub use rate::RateLimits;
