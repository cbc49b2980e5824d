//! Listeners: bound before anything else starts, so that a taken port is said at once and by its option.

use crate::api::Listener;
use crate::config::Config;
use anyhow::Context;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Every listener of the process.
#[derive(Debug)]
pub struct Listeners {
    pub otlp_grpc: TcpListener,
    pub otlp_http: TcpListener,
    pub api: TcpListener,
}

impl Listeners {
    pub async fn bind(config: &Config) -> anyhow::Result<Listeners> {
        Ok(Listeners {
            otlp_grpc: bind("collector.grpc_address", config.collector.grpc_address).await?,
            otlp_http: bind("collector.http_address", config.collector.http_address).await?,
            api: bind("api.address", config.api.address).await?,
        })
    }

    /// Says where each one listens, and who may come.
    pub fn announce(&self, config: &Config) -> anyhow::Result<Vec<Listener>> {
        let all =
            [("OTLP/gRPC", &self.otlp_grpc), ("OTLP/HTTP", &self.otlp_http), ("API", &self.api)];
        let mut listed = Vec::with_capacity(all.len());
        for (name, listener) in all {
            // Port 0 has become a port by now.
            let address = listener.local_addr().context("a bound listener has an address")?;
            info!(listener = name, %address, "listening");
            listed.push(Listener { name, address: address.to_string() });
        }
        if config.server.allow_anonymous {
            warn!(
                "--allow-anonymous: anyone who reaches these addresses may read and write every tenant's data"
            );
        } else {
            info!(
                "loopback only: every user of this machine may read and write every tenant's data"
            );
        }
        Ok(listed)
    }
}

/// Binds `address`; the error names the option that places it.
async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use by another process; stop it, or choose another address with --set {key}=ADDRESS"
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "no permission to listen on {address}; choose a port above 1023 with --set {key}=ADDRESS"
        ),
        ErrorKind::AddrNotAvailable => anyhow::anyhow!(
            "{address} is no address of this machine; change it with --set {key}=ADDRESS"
        ),
        _ => anyhow::anyhow!("failed to listen on {address} ({key}): {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_answered_with_its_option() {
        let first = bind("api.address", SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = bind("api.address", taken).await.unwrap_err().to_string();
        assert!(error.contains("in use") && error.contains("--set api.address="), "{error}");
    }
}
