//! Tells a server of the run, while it goes on and when it has ended.

use crate::Error;
use crate::run::Run;
use crate::wire::Wire;
use http::Method;

#[derive(Debug)]
pub struct Register {
    wire: Wire,
    /// Of all runs.
    url: String,
    /// What the server calls this one.
    id: String,
}

impl Register {
    /// `api` is such as `http://127.0.0.1:7070`.
    pub async fn begin(wire: Wire, api: &str, run: &Run) -> Result<Register, Error> {
        let url = format!("{}/api/v1/runs", api.trim_end_matches('/'));
        let answered = send(&wire, Method::POST, &url, run).await;
        let failed = |detail| Error::Register { url: url.clone(), detail };
        let answer = answered.map_err(failed)?;
        let id = answer.get("id").and_then(serde_json::Value::as_str);
        let id = id.ok_or_else(|| failed("the answer has no id".to_owned()))?.to_owned();
        Ok(Register { wire, url, id })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub async fn update(&self, run: &Run) -> Result<(), String> {
        let url = format!("{}/{}", self.url, self.id);
        send(&self.wire, Method::PUT, &url, run).await.map(|_| ())
    }
}

async fn send(
    wire: &Wire,
    method: Method,
    url: &str,
    run: &Run,
) -> Result<serde_json::Value, String> {
    let body = serde_json::to_vec(run).map_err(|error| error.to_string())?;
    let answer = wire.send(method, url, "application/json", body.into()).await?;
    if !(200..300).contains(&answer.status) {
        let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(500)]).into_owned();
        return Err(format!("status {}: {text}", answer.status));
    }
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}
