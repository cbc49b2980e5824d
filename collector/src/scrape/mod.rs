//! Scrape: fetches the metrics of targets that wait to be asked, as Prometheus does.
//!
//! A job finds its targets ([`discovery`]), makes their labels and addresses ([`target`], [`relabel`]), and runs a loop for
//! each ([`target_loop`]): fetch ([`client`]), read ([`exposition`], [`series`]), and write as a remote-write message
//! ([`message`]) through the collector, so that what was scraped is as durable as what was sent.
//!
//! Always true: a series that stops being exposed ends with a stale marker, and so do all series of a target that cannot be
//! read or is gone; `up` says which.

mod client;
mod config;
mod discovery;
mod exposition;
mod job_loop;
mod labels;
mod message;
mod prometheus_file;
mod relabel;
mod series;
mod status;
mod target;
mod target_loop;
mod tls;
mod yaml;

pub use config::{JobConfig, ScrapeConfig, TargetGroup};
pub use job_loop::{Scraper, scrape};
pub(crate) use labels::Labels;
pub(crate) use message::{Message, Sample};
pub use status::{DroppedTarget, Health, ScrapeTargets, TargetStatus};
