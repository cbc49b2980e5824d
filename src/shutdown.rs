//! Signals: the first one asks for an orderly end, the second ends the process at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// The signals that end the process. Installed before anything starts, so that none is missed.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn install() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for the first signal. From then on a second one exits at once.
    pub async fn first(mut self) {
        let name = self.next().await;
        info!(signal = name, "stopping: no new requests; a second signal exits at once");
        tokio::spawn(async move {
            let name = self.next().await;
            warn!(signal = name, "exiting at once; recovery reads the WAL at the next start");
            // 128 + 15, as a shell reports a process ended by SIGTERM.
            std::process::exit(143);
        });
    }
}
