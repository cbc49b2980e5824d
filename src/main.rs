//! Binnacle: OpenTelemetry traces, logs and metrics in, durable Parquet out, one joined answer by HTTP.
//!
//! This crate is the one binary: command line, configuration, wiring, HTTP API and shutdown. Start reading at `run.rs`.

mod alerts;
mod api;
mod cli;
mod client;
mod config;
mod deliveries;
mod demo;
mod documents;
mod listen;
mod load;
mod logging;
mod process;
mod recorded;
mod rejections;
mod rules;
mod run;
mod shutdown;
mod slo_evidence;
mod slo_tables;
mod telemetry;

use std::process::ExitCode;

/// Segments and queries allocate and free large columns on many threads; the system allocator keeps far more of that
/// memory than it gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
