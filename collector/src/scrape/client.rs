//! Fetching: the HTTP client of one job, and one answer read within its bounds.

use super::config::{Authorization, JobConfig};
use super::tls;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use binnacle_storage::model::Compression;
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// What is understood, the best first.
const FORMATS: &str = "application/openmetrics-text;version=1.0.0;q=0.8,\
    application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// Most redirects followed; as many as Prometheus's client.
const REDIRECTS_MAX: usize = 10;

/// Largest answer of discovery.
const DISCOVERY_BYTES_MAX: u64 = 64 << 20;

/// How long discovery may take.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// A job's client with its credentials.
#[derive(Debug, Clone)]
pub struct JobClient {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    job: JobConfig,
}

/// What a target answered, as received.
#[derive(Debug)]
pub struct Answer {
    pub content_type: String,
    pub compression: Compression,
    pub body: Bytes,
}

impl JobClient {
    /// Reads the files of certificates that the job names. Blocks.
    pub fn new(job: &JobConfig) -> Result<JobClient, String> {
        let connector = tls::connector(job.tls_config.as_ref())?;
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(2).build(connector);
        Ok(JobClient { client, job: job.clone() })
    }

    /// Scrapes `url` once. Not more than `bytes_max` are read, before decompression.
    pub async fn scrape(
        &self,
        url: &Url,
        timeout: Duration,
        bytes_max: u64,
    ) -> Result<Answer, String> {
        let mut headers = self.own_headers().await?;
        headers.insert(ACCEPT, HeaderValue::from_static(FORMATS));
        let encoding = if self.job.enable_compression { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Ok(seconds) = HeaderValue::from_str(&timeout.as_secs_f64().to_string()) {
            headers.insert(TIMEOUT_HEADER, seconds);
        }
        if let Some(credentials) = self.credentials().await? {
            headers.insert(AUTHORIZATION, credentials);
        }
        self.fetch(url, headers, timeout, bytes_max).await
    }

    /// Fetches target groups, in JSON. The job's credentials are for its targets only.
    pub async fn discover(&self, url: &str) -> Result<Bytes, String> {
        let url = Url::parse(url).map_err(|error| format!("'{url}': {error}"))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.fetch(&url, headers, DISCOVERY_TIMEOUT, DISCOVERY_BYTES_MAX).await?;
        if !answer.content_type.to_ascii_lowercase().starts_with("application/json") {
            return Err(format!("the answer is '{}', not application/json", answer.content_type));
        }
        Ok(answer.body)
    }

    async fn fetch(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        timeout: Duration,
        bytes_max: u64,
    ) -> Result<Answer, String> {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let fetched = async { read(self.follow(url, headers).await?, bytes_max).await };
        let fetched = tokio::time::timeout(timeout, fetched).await;
        fetched.map_err(|_| format!("no whole answer within {timeout:?}"))?
    }

    async fn follow(
        &self,
        url: &Url,
        mut headers: HeaderMap,
    ) -> Result<Response<Incoming>, String> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = Request::new(Empty::new());
            *request.uri_mut() = url.as_str().parse().map_err(|_| format!("bad address {url}"))?;
            *request.headers_mut() = headers.clone();
            let response = self.client.request(request).await.map_err(|error| chain(&error))?;
            let location = response.headers().get(LOCATION);
            let is_redirect = response.status().is_redirection() && self.job.follow_redirects;
            let Some(location) = location.filter(|_| is_redirect) else { return Ok(response) };
            let location = location.to_str().map_err(|_| "a redirect is not text".to_owned())?;
            let next = url.join(location).map_err(|error| format!("'{location}': {error}"))?;
            if next.origin() != url.origin() {
                // Credentials and headers are for the host they were configured for.
                headers.remove(AUTHORIZATION);
                for name in self.job.http_headers.keys() {
                    headers.remove(name);
                }
            }
            url = next;
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }

    /// The headers that the job names.
    async fn own_headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, given) in &self.job.http_headers {
            let wrong = || format!("http_headers: '{name}' cannot be sent");
            let name: HeaderName = name.parse().map_err(|_| wrong())?;
            let mut values: Vec<String> = given.values.clone();
            values.extend(given.secrets.iter().cloned());
            for file in &given.files {
                values.push(secret("", Some(file)).await?);
            }
            for value in values {
                let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
                value.set_sensitive(true);
                headers.append(&name, value);
            }
        }
        Ok(headers)
    }

    /// Credentials in files are read for each request, so that they can be changed.
    async fn credentials(&self) -> Result<Option<HeaderValue>, String> {
        let job = &self.job;
        let text = if let Some(basic) = &job.basic_auth {
            let user = secret(&basic.username, basic.username_file.as_deref()).await?;
            let password = secret(&basic.password, basic.password_file.as_deref()).await?;
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
        } else if let Some(Authorization { kind, credentials, credentials_file }) =
            &job.authorization
        {
            format!("{kind} {}", secret(credentials, credentials_file.as_deref()).await?)
        } else if job.bearer_token.is_some() || job.bearer_token_file.is_some() {
            let token = job.bearer_token.as_deref().unwrap_or_default();
            format!("Bearer {}", secret(token, job.bearer_token_file.as_deref()).await?)
        } else {
            return Ok(None);
        };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "credentials are no header".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

const AGENT: &str = concat!("Binnacle/", env!("CARGO_PKG_VERSION"));

async fn read(response: Response<Incoming>, bytes_max: u64) -> Result<Answer, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("server returned HTTP status {}", response.status()));
    }
    let (head, mut body) = response.into_parts();
    let text = |name| head.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let compression = match text(CONTENT_ENCODING).unwrap_or_default() {
        "" | "identity" => Compression::None,
        "gzip" => Compression::Gzip,
        other => return Err(format!("content encoding '{other}' was not asked for")),
    };
    let content_type = text(CONTENT_TYPE).unwrap_or_default().to_owned();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| chain(&error))?.into_data() else { continue };
        if whole.len() as u64 + data.len() as u64 > bytes_max {
            return Err(format!("the answer is larger than {bytes_max} bytes"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(Answer { content_type, compression, body: whole.freeze() })
}

/// A secret given as it is, or in a file.
async fn secret(given: &str, file: Option<&Path>) -> Result<String, String> {
    let Some(file) = file else { return Ok(given.to_owned()) };
    let read = tokio::fs::read_to_string(file).await;
    let text = read.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(text.trim().to_owned())
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
