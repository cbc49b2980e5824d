//! One HTTP request to a receiver, within its bounds. What goes wrong is said without the address, which is a secret.

use super::retry::{self, Outcome};
use super::tls;
use crate::notify::configuration::{Credentials, HttpConfig, SecretSource};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use binnacle_storage::Clock;
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use url::Url;

const REDIRECTS_MAX: usize = 5;

/// Of an answer not more is read: it is only looked at for what went wrong.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Of an answer not more is shown.
const DETAIL_CHARS_MAX: usize = 200;

const AGENT: &str = concat!("Binnacle/", env!("CARGO_PKG_VERSION"));

/// The client of one integration.
#[derive(Debug, Clone)]
pub struct Client {
    client: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    config: HttpConfig,
}

/// Hosts that may be sent to. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(pub Vec<glob::Pattern>);

impl AllowedHosts {
    pub fn check(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let is_allowed = self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(&host));
        if is_allowed {
            return Ok(());
        }
        Err("its host is none of alerting.notify_hosts".to_owned())
    }

    /// A receiver must not send us where nobody meant to: to another host only if that is named, and never from TLS to
    /// none.
    pub fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), String> {
        if to.host_str() != from.host_str() && self.0.is_empty() {
            let named = "which alerting.notify_hosts would have to name";
            return Err(format!("it redirects to another host, {named}"));
        }
        if !matches!(to.scheme(), "http" | "https")
            || (from.scheme() == "https" && to.scheme() != "https")
        {
            return Err("it redirects away from TLS".to_owned());
        }
        self.check(to)
    }
}

/// What is sent to where.
#[derive(Debug)]
pub struct Outgoing {
    pub url: String,
    pub headers: Vec<(HeaderName, String)>,
    pub content_type: String,
    pub body: String,
    pub timeout: Duration,
}

/// An answer as far as it matters.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub retry_after: Option<Duration>,
    pub body: String,
}

impl Client {
    /// Reads the files of certificates. Blocks.
    pub fn new(config: &HttpConfig) -> Result<Client, String> {
        let connector = tls::connector(&config.tls)?;
        let client =
            HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Ok(Client { client, config: config.clone() })
    }

    pub fn is_of(&self, config: &HttpConfig) -> bool {
        self.config == *config
    }

    /// Posts; an error is an outcome.
    pub async fn post(
        &self,
        outgoing: &Outgoing,
        allowed: &AllowedHosts,
        clock: &dyn Clock,
    ) -> Result<Answer, Outcome> {
        let refused = |error: String| Outcome::Refused { status: None, error };
        let failed = |error: String| Outcome::Failed { status: None, error, retry_after: None };
        let mut url =
            Url::parse(&outgoing.url).map_err(|_| refused("its address is none".to_owned()))?;
        let mut headers = self.headers(outgoing).await.map_err(failed)?;
        if let Some(basic) = take_user(&mut url).filter(|_| self.config.credentials.is_none()) {
            headers.insert(AUTHORIZATION, secret_value(&basic).map_err(refused)?);
        }
        allowed.check(&url).map_err(refused)?;
        let answered = async {
            let response = self.follow(url, headers, outgoing, allowed).await?;
            read(response, clock).await.map_err(failed)
        };
        let answered = tokio::time::timeout(outgoing.timeout, answered).await;
        answered.map_err(|_| failed(format!("no whole answer within {:?}", outgoing.timeout)))?
    }

    /// Sends the body again where a redirect asks for that.
    async fn follow(
        &self,
        mut url: Url,
        mut headers: HeaderMap,
        outgoing: &Outgoing,
        allowed: &AllowedHosts,
    ) -> Result<Response<Incoming>, Outcome> {
        let refused = |error: String| Outcome::Refused { status: None, error };
        for _ in 0..=REDIRECTS_MAX {
            let mut request = Request::new(Full::new(Bytes::from(outgoing.body.clone())));
            *request.method_mut() = Method::POST;
            let uri = url.as_str().parse();
            *request.uri_mut() = uri.map_err(|_| refused("its address is none".to_owned()))?;
            *request.headers_mut() = headers.clone();
            let response = self.client.request(request).await.map_err(|error| Outcome::Failed {
                status: None,
                error: chain(&error),
                retry_after: None,
            })?;
            let is_redirect = matches!(response.status().as_u16(), 307 | 308);
            let location = response.headers().get(LOCATION).filter(|_| is_redirect);
            let location = location.filter(|_| self.config.follow_redirects);
            let Some(location) = location.and_then(|location| location.to_str().ok()) else {
                return Ok(response);
            };
            let mut next = url
                .join(location)
                .map_err(|error| refused(format!("a redirect to no address: {error}")))?;
            take_user(&mut next);
            allowed.check_redirect(&url, &next).map_err(refused)?;
            if next.origin() != url.origin() {
                // Credentials and headers are for the host they were configured for.
                headers.remove(AUTHORIZATION);
                for (name, _) in &self.config.headers {
                    headers.remove(name);
                }
            }
            url = next;
        }
        Err(refused(format!("more than {REDIRECTS_MAX} redirects")))
    }

    /// Secrets in files are read for each request, so that they can be changed.
    async fn headers(&self, outgoing: &Outgoing) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, value(&outgoing.content_type)?);
        for (name, text) in &outgoing.headers {
            headers.insert(name, value(text)?);
        }
        for (name, source) in &self.config.headers {
            let name: HeaderName =
                name.parse().map_err(|_| format!("'{name}' is no name of a header"))?;
            headers.append(name, secret_value(&reveal(source).await?)?);
        }
        let authorization = match &self.config.credentials {
            None => return Ok(headers),
            Some(Credentials::Basic { username, password }) => {
                let password = match password {
                    Some(password) => reveal(password).await?,
                    None => String::new(),
                };
                basic(username, &password)
            }
            Some(Credentials::Token { kind, secret }) => {
                format!("{kind} {}", reveal(secret).await?)
            }
        };
        headers.insert(AUTHORIZATION, secret_value(&authorization)?);
        Ok(headers)
    }
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

/// Takes `user:password@` out of an address, as the credentials it stands for.
fn take_user(url: &mut Url) -> Option<String> {
    let [username, password] =
        [url.username(), url.password().unwrap_or_default()].map(decode_user);
    // These fail only for addresses without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (!username.is_empty()).then(|| basic(&username, &password))
}

/// What stands encoded in an address's user or password.
pub fn decode_user(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let found = url::form_urlencoded::parse(pair.as_bytes()).next();
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "a header cannot be sent".to_owned())
}

fn secret_value(text: &str) -> Result<HeaderValue, String> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The secret itself, to be sent.
pub async fn reveal(source: &SecretSource) -> Result<String, String> {
    match source {
        SecretSource::Given(secret) => Ok(secret.reveal().to_owned()),
        SecretSource::File(path) => {
            let read = tokio::fs::read_to_string(path).await;
            let text = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(text.trim().to_owned())
        }
    }
}

async fn read(response: Response<Incoming>, clock: &dyn Clock) -> Result<Answer, String> {
    let (head, mut body) = response.into_parts();
    let text = |name| {
        let text = head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        text.unwrap_or_default().to_owned()
    };
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| chain(&error))?.into_data() else { continue };
        let room = ANSWER_BYTES_MAX - whole.len();
        whole.extend_from_slice(&data[..data.len().min(room)]);
        if whole.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Answer {
        status: head.status.as_u16(),
        content_type: text(CONTENT_TYPE),
        retry_after: retry::retry_after(&text(RETRY_AFTER), clock.now()),
        body: String::from_utf8_lossy(&whole).into_owned(),
    })
}

impl Answer {
    /// What it means by its status, with what it says as the reason.
    pub fn judge(&self) -> Outcome {
        let detail: String = self.body.chars().take(DETAIL_CHARS_MAX).collect();
        retry::judge(self.status, self.retry_after, &detail)
    }
}

/// An error with its causes: the outermost alone only says that the request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_where_they_may() {
        let check = |hosts: &[&str], from: &str, to: &str| {
            let hosts = hosts.iter().map(|host| glob::Pattern::new(host).unwrap()).collect();
            let url = |text: &str| Url::parse(text).unwrap();
            AllowedHosts(hosts).check_redirect(&url(from), &url(to)).is_ok()
        };
        assert!(check(&[], "http://a.example/x", "http://a.example:81/y"));
        assert!(check(&[], "http://a.example/x", "https://a.example/x"));
        assert!(!check(&[], "https://a.example/x", "http://a.example/x"));
        assert!(!check(&[], "http://a.example/x", "http://169.254.169.254/latest"));
        assert!(!check(&[], "http://a.example/x", "http://localhost/"));
        assert!(!check(&[], "http://a.example/x", "file://a.example/etc"));
        assert!(check(&["*.example"], "https://a.example/x", "https://b.example/x"));
        assert!(!check(&["*.example"], "https://a.example/x", "https://[::1]/x"));
    }

    #[test]
    fn a_user_in_an_address_becomes_a_header() {
        let mut url = Url::parse("http://me:p%40ss@a.example/x").unwrap();
        // printf 'me:p@ss' | base64
        assert_eq!(take_user(&mut url).as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(url.as_str(), "http://a.example/x");
        assert_eq!(take_user(&mut url), None);
    }
}
