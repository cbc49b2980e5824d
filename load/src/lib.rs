//! An open-loop load generator: requests begin when they are due, whether or not earlier ones have been answered.
//!
//! ```text
//! schedule ─► pace (a thread that sleeps until each is due) ─► client (one task a request) ─► tally ─► run, html
//!                                                                    └─► otlp (one span a request)
//! ```
//!
//! What always holds: a request's latency counts from when it was *due*, not from when it could be sent. So a server that
//! stalls is charged for every request that should have begun meanwhile (no coordinated omission), and a generator that
//! falls behind charges itself, and says so.

mod chart;
mod client;
mod error;
mod grpc;
mod html;
mod latency;
mod live;
mod otlp;
mod pace;
mod plan;
mod register;
mod run;
mod schedule;
mod send;
mod tally;
mod template;
mod threshold;
mod wire;

pub use error::Error;
pub use html::render as render_html;
pub use live::summary;
pub use plan::{File, FileRequest, Plan, Protocol};
pub use run::Run;
pub use send::{Ended, Settings, run};
