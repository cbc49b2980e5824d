//! Log lines on standard error, as text or JSON; and events for the server's own telemetry, if that is kept.

use crate::config::{LogConfig, LogFormat};
use crate::telemetry::{self, Bridge};
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

/// Starts logging for the whole process. Called once.
pub fn start(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // The product's own events, and not those of the libraries that carry them.
    let own = Targets::new()
        .with_target("binnacle", LevelFilter::INFO)
        .with_target("binnacle_shop", LevelFilter::OFF);
    let subscriber = registry()
        .with(telemetry::work())
        .with(lines.with_filter(filter))
        .with(Bridge.with_filter(own));
    let started = subscriber.try_init();
    started.map_err(|error| anyhow::anyhow!("failed to start logging: {error}"))
}
