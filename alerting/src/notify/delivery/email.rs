//! One mail to a relay.

use super::client::{AllowedHosts, reveal};
use super::{blocking, retry::Outcome};
use crate::notify::configuration::{Email, Integration, Security, TlsConfig};
use crate::notify::message::email::Parts;
use crate::notify::message::time;
use crate::notify::outbox::Content;
use binnacle_storage::model::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Identity, Tls, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use std::path::Path;
use std::time::{Duration, SystemTime};
use url::Url;

/// Answers to what we are, not to what we send: the configuration or the relay may be put right.
const LOGIN_FAULTS: [u16; 4] = [530, 534, 535, 538];

/// Sends once.
pub async fn send(
    email: &Email,
    integration: &Integration,
    content: &Content,
    allowed: &AllowedHosts,
) -> Outcome {
    let sending = try_send(email, integration, content, allowed);
    let sent = tokio::time::timeout(integration.timeout, sending).await;
    let late = || failed(format!("no whole answer within {:?}", integration.timeout));
    match sent.unwrap_or_else(|_| Err(late())) {
        Ok(status) => Outcome::Delivered { status },
        Err(outcome) => outcome,
    }
}

fn failed(error: String) -> Outcome {
    Outcome::Failed { status: None, error, retry_after: None }
}

fn refused(error: String) -> Outcome {
    Outcome::Refused { status: None, error }
}

async fn try_send(
    email: &Email,
    integration: &Integration,
    content: &Content,
    allowed: &AllowedHosts,
) -> Result<u16, Outcome> {
    let address = reveal(&integration.url).await.map_err(failed)?;
    let url = Url::parse(&address).map_err(|_| refused("its smarthost is none".to_owned()))?;
    allowed.check(&url).map_err(refused)?;
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let message = message(content).map_err(refused)?;
    let (security, config, name) = (email.security, integration.http.tls.clone(), host.clone());
    let tls = blocking(move || tls(security, &config, name)).await.map_err(failed)?;
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .hello_name(ClientId::Domain(email.hello.clone()))
        .timeout(Some(integration.timeout))
        .tls(tls);
    if let Some(port) = url.port() {
        transport = transport.port(port);
    }
    if let Some(login) = &email.login {
        let password = reveal(&login.password).await.map_err(failed)?;
        transport = transport.credentials(Credentials::new(login.username.clone(), password));
    }
    let answer = transport.build().send(message).await.map_err(|error| judge(&error))?;
    Ok(answer.code().into())
}

/// What an error of the relay means.
fn judge(error: &smtp::Error) -> Outcome {
    let status = error.status().map(u16::from);
    // It says its causes itself.
    let text = error.to_string();
    match status {
        Some(code) if error.is_permanent() && !LOGIN_FAULTS.contains(&code) => {
            Outcome::Refused { status, error: text }
        }
        _ => Outcome::Failed { status, error: text, retry_after: None },
    }
}

/// The message, with an id that is the same whenever it is sent again.
fn message(content: &Content) -> Result<Message, String> {
    let parts: Parts = serde_json::from_str(&content.body)
        .map_err(|error| format!("the stored mail is broken: {error}"))?;
    let addresses = |text: &str| -> Result<Mailboxes, String> {
        text.parse().map_err(|error| format!("'{text}' is no address: {error}"))
    };
    let senders: Vec<Mailbox> = addresses(&parts.from)?.into_iter().collect();
    let [from] = <[Mailbox; 1]>::try_from(senders)
        .map_err(|_| format!("'{}' is not one address", parts.from))?;
    let to = addresses(&parts.to)?;
    let recipients = to.iter().map(|mailbox| mailbox.email.clone()).collect();
    let envelope = Envelope::new(Some(from.email.clone()), recipients)
        .map_err(|error| format!("'{}': {error}", parts.to))?;
    let id = format!("<{}@{}>", content.idempotency_key, from.email.domain());
    let mut builder = Message::builder()
        .from(from)
        .date(date(&parts.date)?)
        .message_id(Some(id))
        .envelope(envelope);
    for mailbox in to {
        builder = builder.to(mailbox);
    }
    for (name, value) in parts.headers {
        let name = HeaderName::new_from_ascii(name.clone())
            .map_err(|_| format!("'{name}' is no name of a header"))?;
        builder = builder.raw_header(HeaderValue::new(name, value));
    }
    body(builder, parts.text, parts.html).map_err(|error| error.to_string())
}

fn body(
    builder: MessageBuilder,
    text: String,
    html: String,
) -> Result<Message, lettre::error::Error> {
    match (text.is_empty(), html.is_empty()) {
        (_, true) => builder.singlepart(SinglePart::plain(text)),
        (true, false) => builder.singlepart(SinglePart::html(html)),
        (false, false) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
    }
}

fn date(text: &str) -> Result<SystemTime, String> {
    let time = time::parse(text)?.unwrap_or(Timestamp(0));
    let since = Duration::from_nanos(u64::try_from(time.0).unwrap_or(0));
    Ok(SystemTime::UNIX_EPOCH + since)
}

/// Reads the files of certificates. Blocks.
fn tls(security: Security, config: &TlsConfig, host: String) -> Result<Tls, String> {
    if security == Security::None {
        return Ok(Tls::None);
    }
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("tls_config {}: {error}", path.display()))
    };
    let mut builder = TlsParameters::builder(config.server_name.clone().unwrap_or(host));
    if let Some(path) = &config.ca_file {
        let roots = Certificate::from_pem(&read(path)?)
            .map_err(|error| format!("tls_config.ca_file: {error}"))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    if let (Some(certificate), Some(key)) = (&config.cert_file, &config.key_file) {
        let identity = Identity::from_pem(&read(certificate)?, &read(key)?)
            .map_err(|error| format!("tls_config.cert_file: {error}"))?;
        builder = builder.identify_with(identity);
    }
    let builder = builder
        .dangerous_accept_invalid_certs(config.insecure_skip_verify)
        .dangerous_accept_invalid_hostnames(config.insecure_skip_verify);
    let parameters = builder.build_rustls().map_err(|error| format!("tls_config: {error}"))?;
    Ok(match security {
        Security::Implicit => Tls::Wrapper(parameters),
        Security::None | Security::StartTls => Tls::Required(parameters),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(body: serde_json::Value) -> Content {
        Content {
            idempotency_key: "k3y".to_owned(),
            content_type: "application/json".to_owned(),
            body: body.to_string(),
        }
    }

    fn mail(change: serde_json::Value) -> Result<String, String> {
        let mut body = serde_json::json!({
            "from": "Binnacle <from@example.org>", "to": "a@example.org, B <b@example.org>",
            "date": "2026-11-22T01:02:03Z", "headers": {"Subject": "Größe"}, "text": "plain", "html": "<b>x</b>",
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        message(&content(body)).map(|message| String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_mail_has_its_parts_and_always_the_same_id() {
        let text = mail(serde_json::json!({})).unwrap();
        for part in [
            "From: Binnacle <from@example.org>\r\n",
            "To: a@example.org, B <b@example.org>\r\n",
            "Message-ID: <k3y@example.org>\r\n",
            "Date: Sun, 22 Nov 2026 01:02:03 +0000\r\n",
            "Subject: =?utf-8?b?R3LDtsOfZQ==?=\r\n",
            "multipart/alternative",
            "plain",
            "<b>x</b>",
        ] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        let only = mail(serde_json::json!({"text": ""})).unwrap();
        assert!(only.contains("Content-Type: text/html; charset=utf-8"), "{only}");
        let other = mail(serde_json::json!({"headers": {"To": "undisclosed"}})).unwrap();
        assert!(other.contains("To: undisclosed\r\n") && !other.contains("a@example.org"));
    }

    #[test]
    fn what_is_no_mail_is_said() {
        let wrong = |change| mail(change).unwrap_err();
        assert!(wrong(serde_json::json!({"to": "nobody"})).contains("'nobody' is no address"));
        assert!(wrong(serde_json::json!({"from": "a@b.c, d@e.f"})).contains("not one address"));
        assert!(wrong(serde_json::json!({"date": "soon"})).contains("soon"));
        assert!(message(&content(serde_json::json!({}))).is_err());
    }
}
