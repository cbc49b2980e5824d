//! What browsers may send here: pages of other sites may make a browser write, too, and nobody has to log in.
//!
//! A browser says from where it is sent (`Sec-Fetch-Site`, `Origin`); programs say neither, and are not asked. What only reads
//! passes: no page of another site can see the answer. A name that somebody else's DNS has point at loopback is another site's,
//! although the browser takes the two for one.

use super::error::ApiError;
use super::{Api, Facts, discard_body};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use std::net::{IpAddr, SocketAddr};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A page of another site cannot have a browser send it without being asked first, which nobody here answers.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Refuses what a page of another site has a browser send.
pub async fn refuse_foreign(State(api): State<Api>, request: Request, next: Next) -> Response {
    let sent = Sent { method: request.method(), uri: request.uri(), headers: request.headers() };
    match sent.check(api.facts()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            discard_body(request).await;
            refused.into_response()
        }
    }
}

/// The head of a request.
struct Sent<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl Sent<'_> {
    fn text(&self, name: HeaderName) -> Option<&str> {
        // What is no text is nobody's name.
        self.headers.get(name).map(|value| value.to_str().unwrap_or("?"))
    }

    fn check(&self, facts: &Facts) -> Result<(), ApiError> {
        let (site, origin) = (self.text(FETCH_SITE), self.text(header::ORIGIN));
        let only_reads = matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if only_reads || (site.is_none() && origin.is_none()) {
            return Ok(());
        }
        let host = self.text(header::HOST).or(self.uri.authority().map(|name| name.as_str()));
        let host = host.unwrap_or("");
        let own = authority(&facts.external_url).unwrap_or("");
        if facts.is_on_loopback() && !is_here(host) && !is_same(host, own) {
            let message = format!("'{host}' is no name of this server, which listens on loopback");
            return Err(refused(message));
        }
        let from = origin.and_then(authority);
        let names = [Some(host), self.text(FORWARDED_HOST), Some(own)];
        let is_own =
            from.is_some_and(|from| names.iter().flatten().any(|name| is_same(from, name)));
        match site {
            Some("same-origin" | "none") => Ok(()),
            _ if is_own => Ok(()),
            _ => Err(refused(format!(
                "a page of {} has sent this",
                origin.unwrap_or("another site")
            ))),
        }
    }
}

fn refused(message: String) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message).hint(
        "behind a proxy, have it pass the Host header on, or set alerting.external_url to the address that people use",
    )
}

/// Host and port of an address with a scheme; `null`, which sandboxed pages send, has none.
fn authority(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.split('/').next().filter(|name| !name.is_empty())
}

/// Whether two are the same host and port; those of the schemes need not be written.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |name: &'_ str| -> String {
        let name = name.strip_suffix(":80").or(name.strip_suffix(":443")).unwrap_or(name);
        name.to_ascii_lowercase()
    };
    !one.is_empty() && plain(one) == plain(other)
}

/// Whether a host is an address, which no DNS is asked for, or `localhost`.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

impl Facts {
    fn is_on_loopback(&self) -> bool {
        let api = self.listeners.iter().find(|listener| listener.name == "API");
        let address = api.and_then(|listener| listener.address.parse::<SocketAddr>().ok());
        address.is_some_and(|address| address.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Listener;
    use super::*;
    use std::path::PathBuf;
    use std::time::Instant;

    fn facts(address: &str) -> Facts {
        Facts {
            started: Instant::now(),
            data_path: PathBuf::new(),
            listeners: vec![Listener { name: "API", address: address.to_owned() }],
            external_url: "https://slo.example.com/binnacle".to_owned(),
        }
    }

    fn is_taken(address: &str, method: Method, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let uri = Uri::from_static("/api/v1/slos");
        Sent { method: &method, uri: &uri, headers: &map }.check(&facts(address)).is_ok()
    }

    const HERE: &str = "127.0.0.1:7070";
    const EVIL: &str = "http://evil.example";

    #[test]
    fn programs_and_pages_of_this_server_write() {
        let taken = [
            vec![],
            vec![("host", "anything")],
            vec![("host", HERE), ("origin", "http://127.0.0.1:7070")],
            vec![("host", "LOCALHOST:7070"), ("origin", "http://localhost:7070")],
            vec![("host", "[::1]:7070"), ("origin", "http://[::1]:7070")],
            vec![
                ("host", HERE),
                ("origin", "http://localhost:5173"),
                ("sec-fetch-site", "same-origin"),
            ],
            vec![("host", "slo.example.com"), ("origin", "https://slo.example.com")],
            vec![("host", HERE), ("origin", "https://slo.example.com:443")],
            vec![
                ("host", HERE),
                ("origin", "http://a.example"),
                ("x-forwarded-host", "a.example:80"),
            ],
        ];
        for headers in taken {
            assert!(is_taken(HERE, Method::POST, &headers), "{headers:?}");
        }
        assert!(is_taken(HERE, Method::GET, &[("host", HERE), ("origin", EVIL)]));
    }

    #[test]
    fn pages_of_others_do_not() {
        let refused = [
            vec![("host", HERE), ("origin", EVIL)],
            vec![("host", HERE), ("origin", "null")],
            vec![("host", HERE), ("origin", "http://127.0.0.1:8080")],
            vec![("host", HERE), ("sec-fetch-site", "cross-site")],
            vec![("host", HERE), ("origin", EVIL), ("sec-fetch-site", "same-site")],
            vec![("host", "evil.example:7070"), ("origin", "http://evil.example:7070")],
            vec![
                ("host", "evil.example:7070"),
                ("origin", "http://evil.example:7070"),
                ("sec-fetch-site", "same-origin"),
            ],
        ];
        for headers in refused {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                assert!(!is_taken(HERE, method, &headers), "{headers:?}");
            }
        }
        // Where others reach it, it may have any name.
        let named = [("host", "slo.corp:7070"), ("origin", "http://slo.corp:7070")];
        assert!(is_taken("0.0.0.0:7070", Method::POST, &named));
    }
}
