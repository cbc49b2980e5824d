//! `http_config`: how a receiver is reached and who we are to it.

use super::secret::Secret;
use crate::yaml::{Fault, Fields, Node};
use std::path::{Path, PathBuf};

/// A secret in the file itself, or in one that is read for each request, so that it can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    Given(Secret),
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    Basic {
        username: String,
        password: Option<SecretSource>,
    },
    /// `Authorization: <kind> <secret>`
    Token {
        kind: String,
        secret: SecretSource,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    pub ca_file: Option<PathBuf>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub credentials: Option<Credentials>,
    pub headers: Vec<(String, SecretSource)>,
    pub tls: TlsConfig,
    pub follow_redirects: bool,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            credentials: None,
            headers: Vec::new(),
            tls: TlsConfig::default(),
            follow_redirects: true,
        }
    }
}

/// Reads `http_config`; `folder` is where paths start.
pub fn read(node: Node, folder: &Path) -> Result<HttpConfig, Fault> {
    let mut fields = node.fields("http_config")?;
    let config = HttpConfig {
        credentials: credentials(&mut fields, folder)?,
        headers: headers(&mut fields, folder)?,
        tls: fields
            .take("tls_config")
            .map_or(Ok(TlsConfig::default()), |node| tls(node, folder))?,
        follow_redirects: fields.bool("follow_redirects")?.unwrap_or(true),
    };
    // Without meaning here: we speak HTTP/1.1 to receivers.
    fields.take("enable_http2");
    fields.finish()?;
    Ok(config)
}

fn credentials(fields: &mut Fields, folder: &Path) -> Result<Option<Credentials>, Fault> {
    let line = fields.line;
    let mut found = Vec::new();
    if let Some(node) = fields.take("basic_auth") {
        let mut basic = node.fields("basic_auth")?;
        let username = basic.text("username")?.unwrap_or_default();
        let password = secret(&mut basic, "password", folder)?;
        basic.finish()?;
        found.push(Credentials::Basic { username, password });
    }
    if let Some(node) = fields.take("authorization") {
        let mut authorization = node.fields("authorization")?;
        let kind = authorization.text("type")?.unwrap_or_else(|| "Bearer".to_owned());
        let given = secret(&mut authorization, "credentials", folder)?;
        let secret =
            given.ok_or_else(|| authorization.fault("authorization has no 'credentials'"))?;
        authorization.finish()?;
        if kind.eq_ignore_ascii_case("basic") {
            return Err(Fault::new(line, "authorization cannot be 'Basic': use basic_auth"));
        }
        found.push(Credentials::Token { kind, secret });
    }
    if let Some(secret) = secret(fields, "bearer_token", folder)? {
        found.push(Credentials::Token { kind: "Bearer".to_owned(), secret });
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(Fault::new(line, "http_config has more than one kind of credentials")),
    }
}

fn headers(fields: &mut Fields, folder: &Path) -> Result<Vec<(String, SecretSource)>, Fault> {
    let Some(node) = fields.take("http_headers") else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for entry in node.map("http_headers")? {
        if entry.key.parse::<http::HeaderName>().is_err() {
            let message = format!("'{}' is no name of a header", entry.key);
            return Err(Fault::new(entry.line, message));
        }
        let mut given = entry.value.fields(format!("http_headers.{}", entry.key))?;
        let mut values = given.texts("values")?;
        values.extend(given.texts("secrets")?);
        headers.extend(
            values.into_iter().map(|v| (entry.key.clone(), SecretSource::Given(Secret::new(v)))),
        );
        for file in given.texts("files")? {
            headers.push((entry.key.clone(), SecretSource::File(folder.join(file))));
        }
        given.finish()?;
    }
    Ok(headers)
}

pub fn tls(node: Node, folder: &Path) -> Result<TlsConfig, Fault> {
    let mut fields = node.fields("tls_config")?;
    let line = fields.line;
    let mut path = |key: &str| Ok(fields.text(key)?.map(|path| folder.join(path)));
    let (ca_file, cert_file, key_file) = (path("ca_file")?, path("cert_file")?, path("key_file")?);
    let config = TlsConfig {
        ca_file,
        cert_file,
        key_file,
        server_name: fields.text("server_name")?,
        insecure_skip_verify: fields.bool("insecure_skip_verify")?.unwrap_or(false),
    };
    fields.finish()?;
    if config.cert_file.is_some() != config.key_file.is_some() {
        return Err(Fault::new(line, "cert_file and key_file of tls_config go together"));
    }
    Ok(config)
}

/// `key` or `<key>_file`, not both.
pub fn secret(
    fields: &mut Fields,
    key: &str,
    folder: &Path,
) -> Result<Option<SecretSource>, Fault> {
    let file_key = format!("{key}_file");
    let given = fields.text(key)?;
    let file = fields.text(&file_key)?;
    match (given, file) {
        (Some(_), Some(_)) => Err(fields.fault(format!("{key} and {file_key} exclude each other"))),
        (Some(given), None) => Ok(Some(SecretSource::Given(Secret::new(given)))),
        (None, Some(file)) => Ok(Some(SecretSource::File(folder.join(file)))),
        (None, None) => Ok(None),
    }
}
