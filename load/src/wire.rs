//! Small requests beside the test: spans to a collector, the run to a server.

use crate::client::{Connector, connector};
use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use std::error::Error as _;
use std::time::Duration;

const ANSWER_BYTES_MAX: usize = 16 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct Wire {
    pool: Pool<Connector, Full<Bytes>>,
    /// Whose data it is; the server's default, if left out.
    tenant: Option<HeaderValue>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

impl Wire {
    pub fn new(tls: &ClientConfig, tenant: Option<HeaderValue>) -> Wire {
        let pool = Pool::builder(TokioExecutor::new()).build(connector(tls.clone(), false));
        Wire { pool, tenant }
    }

    pub async fn send(
        &self,
        method: Method,
        url: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, String> {
        let uri: Uri = url.parse().map_err(|_| format!("'{url}' is no URL"))?;
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(tenant) = &self.tenant {
            headers.insert("x-scope-orgid", tenant.clone());
        }
        let answered = async {
            let response = self.pool.request(request).await.map_err(|error| {
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            let seconds = head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
            let retry_after = seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Ok(Answer { status: head.status.as_u16(), retry_after, body })
        };
        tokio::time::timeout(TIMEOUT, answered)
            .await
            .unwrap_or_else(|_| Err("there was no answer in time".to_owned()))
    }
}
