//! Sends one request and reads its answer to the end.

use crate::plan::{Plan, Protocol, Request};
use crate::{Error, grpc};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub type Connector = HttpsConnector<HttpConnector>;

/// Connections to the target, which are kept.
#[derive(Debug)]
pub struct Client {
    target: String,
    protocol: Protocol,
    timeout: Duration,
    /// HTTP/1.1 has a connection for each request under way, HTTP/2 one for each of these.
    pools: Vec<Pool<Connector, Full<Bytes>>>,
    next: AtomicUsize,
}

/// Where a request stands in a trace, as `traceparent` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: u128,
    pub span_id: u64,
}

impl TraceParent {
    pub fn header(self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }
}

impl Client {
    /// `connections` are those of HTTP/2.
    pub fn new(plan: &Plan, tls: &ClientConfig, connections: usize) -> Client {
        let is_http2 = plan.protocol != Protocol::Http1;
        let mut pools = Pool::builder(TokioExecutor::new());
        pools.http2_only(is_http2).pool_idle_timeout(Duration::from_secs(90));
        let count = if is_http2 { connections.max(1) } else { 1 };
        let pools = (0..count).map(|_| pools.build(connector(tls.clone(), is_http2))).collect();
        let (target, timeout) = (plan.target.clone(), plan.timeout);
        Client { target, protocol: plan.protocol, timeout, pools, next: AtomicUsize::new(0) }
    }

    /// Sends `request` with numbers drawn by `seed`. `Err` says in a word or two why it failed; an answer with a status
    /// from 400 on is a failure.
    pub async fn send(
        &self,
        request: &Request,
        seed: u64,
        parent: TraceParent,
    ) -> Result<(), String> {
        let answered = async {
            let request = self.made(request, seed, parent)?;
            let pool = self.next.fetch_add(1, Ordering::Relaxed) % self.pools.len();
            let response = self.pools[pool].request(request).await.map_err(|error| match error
                .is_connect()
            {
                true => "no connection".to_owned(),
                false => "connection broken".to_owned(),
            })?;
            self.read(response).await
        };
        tokio::time::timeout(self.timeout, answered)
            .await
            .unwrap_or_else(|_| Err("timed out".to_owned()))
    }

    fn made(
        &self,
        request: &Request,
        seed: u64,
        parent: TraceParent,
    ) -> Result<http::Request<Full<Bytes>>, String> {
        let uri: Uri = format!("{}{}", self.target, request.path(seed))
            .parse()
            .map_err(|_| "no good URL".to_owned())?;
        let mut body = request.body(seed);
        if self.protocol == Protocol::Grpc {
            body = grpc::frame(&body);
        }
        let mut made = http::Request::new(Full::new(body));
        *made.method_mut() = request.method.clone();
        *made.uri_mut() = uri;
        let headers = made.headers_mut();
        if self.protocol == Protocol::Grpc {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let agent = concat!("binnacle-load/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Ok(parent) = HeaderValue::from_str(&parent.header()) {
            headers.insert("traceparent", parent);
        }
        for (name, value) in &request.headers {
            headers.insert(name, value.clone());
        }
        Ok(made)
    }

    async fn read(&self, response: http::Response<Incoming>) -> Result<(), String> {
        let (head, mut body) = response.into_parts();
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| "answer broken off".to_owned())?;
            trailers = frame.into_trailers().ok().or(trailers);
        }
        if head.status >= StatusCode::BAD_REQUEST {
            return Err(format!("status {}", head.status.as_u16()));
        }
        match self.protocol {
            Protocol::Grpc => grpc::status(&head.headers, trailers.as_ref()),
            _ => Ok(()),
        }
    }
}

/// Connects to http and https.
pub fn connector(mut tls: ClientConfig, is_http2: bool) -> Connector {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
    if is_http2 {
        tls.alpn_protocols = vec![b"h2".to_vec()];
    }
    HttpsConnector::from((plain, tls))
}

/// Trusts what the system trusts, and the certificates of `authority`.
pub fn tls(authority: Option<&Path>) -> Result<ClientConfig, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One that cannot be read is none that anybody needs.
        let _ = roots.add(certificate);
    }
    if let Some(path) = authority {
        let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
        for certificate in read {
            roots
                .add(certificate.map_err(|error| failed(&error))?)
                .map_err(|error| failed(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_is_written_as_w3c_says() {
        let parent = TraceParent { trace_id: 0xab, span_id: 0xcd };
        let zeros = "0".repeat(30);
        assert_eq!(parent.header(), format!("00-{zeros}ab-00000000000000cd-01"));
    }
}
