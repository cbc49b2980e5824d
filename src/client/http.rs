//! One request to the API, with hyper: this binary needs no more of an HTTP client.

use super::Failure;
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where to send a request.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiUrl {
    host: String,
    port: u16,
    /// `host` or `host:port`, as given.
    authority: String,
    path: String,
}

/// The address of a path of the API below a base URL.
pub fn api_url(base: &str, path: &str) -> Result<ApiUrl, Failure> {
    let wrong = |why: &str| Failure(format!("--url '{base}': {why}"));
    let uri: Uri = base.parse().map_err(|_| wrong("not a URL"))?;
    if uri.scheme_str() == Some("https") {
        return Err(wrong("https is not supported yet; use http"));
    }
    if uri.scheme_str() != Some("http") {
        return Err(wrong("write such as http://127.0.0.1:7070"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("there is no host"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = format!("{}{path}", uri.path().trim_end_matches('/'));
    Ok(ApiUrl {
        host,
        port: authority.port_u16().unwrap_or(80),
        authority: authority.to_string(),
        path,
    })
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Answer {
    response: Response<Incoming>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        self.response.status().is_success()
    }

    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next part of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.response.body_mut().frame().await {
            let frame = frame.map_err(|_| {
                Failure("the answer broke off: the query failed or the server stopped".into())
            })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The whole body.
    pub async fn collect(mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(part) = self.next().await? {
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

/// Sends a JSON body.
pub async fn post(url: &ApiUrl, tenant: Option<&str>, body: String) -> Result<Answer, Failure> {
    let request = Request::post(&url.path).header(header::CONTENT_TYPE, "application/json");
    send(url, tenant, request, body).await
}

/// Asks without a body.
pub async fn get(url: &ApiUrl, tenant: Option<&str>) -> Result<Answer, Failure> {
    send(url, tenant, Request::get(&url.path), String::new()).await
}

async fn send(
    url: &ApiUrl,
    tenant: Option<&str>,
    request: http::request::Builder,
    body: String,
) -> Result<Answer, Failure> {
    let unreachable = |error: &dyn std::fmt::Display| {
        Failure(format!(
            "no server answers at {}: {error}\nhint: start one with `binnacle serve`, or say where it is with --url",
            url.authority
        ))
    };
    let stream =
        TcpStream::connect((url.host.as_str(), url.port)).await.map_err(|e| unreachable(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| unreachable(&e))?;
    // Ends with the process.
    tokio::spawn(connection);
    let mut request = request.header(header::HOST, &url.authority);
    if let Some(tenant) = tenant {
        request = request.header("X-Scope-OrgID", tenant);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| Failure(format!("the request cannot be made: {error}")))?;
    let response = sender.send_request(request).await.map_err(|e| unreachable(&e))?;
    Ok(Answer { response })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_checked() {
        let sql_url = |base: &str| api_url(base, "/api/v1/sql");
        let url = sql_url("http://127.0.0.1:7070/").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("127.0.0.1", 7070, "/api/v1/sql")
        );
        assert_eq!(sql_url("http://[::1]:1/base").unwrap().path, "/base/api/v1/sql");
        assert_eq!(sql_url("http://[::1]:1").unwrap().host, "::1");
        assert_eq!(sql_url("http://host").unwrap().port, 80);
        for wrong in ["127.0.0.1:7070", "https://x", "", "ftp://x"] {
            assert!(sql_url(wrong).is_err(), "{wrong}");
        }
    }
}
