//! One attempt: a message as its kind of integration wants it sent, and what the answer means.

use super::client::{AllowedHosts, Answer, Client, Outgoing, reveal};
use super::email;
use super::retry::Outcome;
use crate::notify::configuration::{Integration, Kind};
use crate::notify::message::hex;
use crate::notify::outbox::Content;
use binnacle_storage::Clock;
use http::HeaderName;
use ring::hmac;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`
const SIGNATURE: HeaderName = HeaderName::from_static("x-binnacle-signature");

/// Sends once.
pub async fn send(
    client: &Client,
    integration: &Integration,
    content: &Content,
    allowed: &AllowedHosts,
    clock: &dyn Clock,
) -> Outcome {
    if let Kind::Email(mail) = &integration.kind {
        return email::send(mail, integration, content, allowed).await;
    }
    let sent = async {
        let outgoing = outgoing(integration, content, clock).await?;
        let answer = client.post(&outgoing, allowed, clock).await?;
        Ok(judge(&integration.kind, &answer))
    };
    sent.await.unwrap_or_else(|outcome| outcome)
}

/// Adds what is secret.
async fn outgoing(
    integration: &Integration,
    content: &Content,
    clock: &dyn Clock,
) -> Result<Outgoing, Outcome> {
    // A file of a secret that cannot be read now may be readable later.
    let failed = |error: String| Outcome::Failed { status: None, error, retry_after: None };
    let mut outgoing = Outgoing {
        url: reveal(&integration.url).await.map_err(failed)?,
        headers: vec![(IDEMPOTENCY_KEY, content.idempotency_key.clone())],
        content_type: content.content_type.clone(),
        body: content.body.clone(),
        timeout: integration.timeout,
    };
    match &integration.kind {
        Kind::Webhook(webhook) => {
            if let Some(secret) = &webhook.hmac_secret {
                let secret = reveal(secret).await.map_err(failed)?;
                let seconds = clock.now().0.div_euclid(1_000_000_000);
                let signature = sign(&secret, seconds, &outgoing.body);
                outgoing.headers.push((SIGNATURE, signature));
            }
        }
        Kind::PagerDuty(pagerduty) => {
            let key = reveal(&pagerduty.routing_key).await.map_err(failed)?;
            outgoing.body = with_routing_key(&outgoing.body, &key).map_err(failed)?;
        }
        Kind::Slack(_) | Kind::Email(_) => {}
    }
    Ok(outgoing)
}

pub fn sign(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(tag.as_ref()))
}

fn with_routing_key(body: &str, key: &str) -> Result<String, String> {
    let mut event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body)
        .map_err(|error| format!("the stored event is broken: {error}"))?;
    event.insert("routing_key".to_owned(), key.into());
    Ok(serde_json::Value::from(event).to_string())
}

fn judge(kind: &Kind, answer: &Answer) -> Outcome {
    let outcome = answer.judge();
    match (kind, &outcome) {
        (Kind::Slack(_), Outcome::Delivered { status }) => match slack_error(answer) {
            None => outcome,
            Some(error) => Outcome::Refused { status: Some(*status), error },
        },
        _ => outcome,
    }
}

/// Slack says some of its errors with a status of success.
fn slack_error(answer: &Answer) -> Option<String> {
    if !answer.content_type.starts_with("application/json") {
        let is_ok = answer.body.trim() == "ok";
        return (!is_ok).then(|| "Slack did not answer 'ok'".to_owned());
    }
    let said: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
    let is_ok = said.get("ok").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let error = said.get("error").and_then(serde_json::Value::as_str).unwrap_or("no reason given");
    (!is_ok).then(|| format!("Slack answered: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_hmac_sha256_of_time_and_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret
        let expected =
            "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940";
        assert_eq!(sign("s3cret", 1_700_000_000, "{\"a\":1}"), expected);
    }

    #[test]
    fn slack_errors_under_a_good_status_are_seen() {
        let error = |content_type: &str, body: &str| {
            slack_error(&Answer {
                status: 200,
                content_type: content_type.to_owned(),
                retry_after: None,
                body: body.to_owned(),
            })
        };
        assert_eq!(error("text/html", "ok"), None);
        assert!(error("text/html", "invalid_payload").is_some());
        assert_eq!(error("application/json", "{\"ok\":true}"), None);
        let json =
            error("application/json; charset=utf-8", "{\"ok\":false,\"error\":\"no_channel\"}");
        assert_eq!(json.as_deref(), Some("Slack answered: no_channel"));
    }

    #[test]
    fn the_routing_key_is_added_when_sent() {
        let sent = with_routing_key("{\"event_action\":\"trigger\"}", "k").unwrap();
        assert_eq!(sent, "{\"event_action\":\"trigger\",\"routing_key\":\"k\"}");
        assert!(with_routing_key("", "k").is_err());
    }
}
