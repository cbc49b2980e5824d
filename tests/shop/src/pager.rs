//! The pager: a webhook that prints the alerts it is told of.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::Value;
use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::Stop;

/// Bound before the server starts, since its address stands in the server's configuration.
#[derive(Debug)]
pub struct Pager {
    listener: TcpListener,
    address: SocketAddr,
}

/// Where lines go.
pub type Print = fn(&str);

impl Pager {
    pub fn bind() -> io::Result<Pager> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Pager { listener, address })
    }

    pub fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// Serves until `stop`. To be called on the runtime.
    pub async fn serve(self, print: Print, stop: Stop) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let routes = Router::new().route("/alerts", post(take)).with_state(print);
        crate::http::serve(listener, routes, stop).await;
        Ok(())
    }
}

async fn take(State(print): State<Print>, Json(message): Json<Value>) -> StatusCode {
    for alert in message["alerts"].as_array().into_iter().flatten() {
        print(&line(alert));
    }
    StatusCode::OK
}

/// An alert in a line or two.
fn line(alert: &Value) -> String {
    let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
    let about = |name: &str| alert["annotations"][name].as_str().filter(|text| !text.is_empty());
    let status = alert["status"].as_str().unwrap_or("?");
    let mut text = format!("alert {status}: {}", label("alertname"));
    for name in ["slo", "service", "client", "severity", "long_window"] {
        if !label(name).is_empty() {
            text += &format!(" {name}={}", label(name));
        }
    }
    let told = ["explanation", "summary"].into_iter().find_map(about);
    if let (true, Some(told)) = (status == "firing", told) {
        text += &format!("\n  {told}");
    }
    if let (true, Some(url)) = (status == "firing", about("explain_url")) {
        text += &format!("\n  {url}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn alerts_are_said_with_what_explains_them() {
        let mut alert = json!({
            "status": "firing",
            "labels": {"alertname": "SLOBurnRate", "slo": "checkout", "severity": "page"},
            "annotations": {"summary": "burns", "explanation": "payment spent all of it"},
        });
        let said =
            "alert firing: SLOBurnRate slo=checkout severity=page\n  payment spent all of it";
        assert_eq!(line(&alert), said);
        alert["status"] = json!("resolved");
        assert_eq!(line(&alert), "alert resolved: SLOBurnRate slo=checkout severity=page");
    }
}
