//! `email_configs`: mail through a relay, as Alertmanager sends it.

use super::http::{self, HttpConfig, SecretSource, TlsConfig};
use super::receiver::{self, Inherited, Integration, Kind, template};
use super::route;
use super::secret::Secret;
use crate::notify::message;
use crate::yaml::{Fault, Fields};
use std::path::Path;
use std::time::Duration;

/// How long one attempt may take: relays let strangers wait before they greet.
const TIMEOUT: Duration = Duration::from_secs(30);

/// At this port TLS comes before the first word.
const IMPLICIT_TLS_PORT: u16 = 465;

/// Texts are templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// One address or more, with commas in between.
    pub to: String,
    pub from: String,
    /// How we introduce ourselves.
    pub hello: String,
    pub login: Option<Login>,
    pub security: Security,
    /// By their names; `Subject` is always there.
    pub headers: Vec<(String, String)>,
    pub html: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: SecretSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    Implicit,
}

/// What `email_configs` inherit from `global`.
#[derive(Debug, Clone)]
pub struct Smtp {
    from: Option<String>,
    smarthost: Option<Smarthost>,
    hello: String,
    username: Option<String>,
    password: Option<SecretSource>,
    require_tls: bool,
    implicit_tls: Option<bool>,
    tls: TlsConfig,
}

#[derive(Debug, Clone)]
struct Smarthost {
    /// `smtp://host:port`
    url: String,
    port: u16,
}

impl Default for Smtp {
    fn default() -> Smtp {
        Smtp {
            from: None,
            smarthost: None,
            hello: "localhost".to_owned(),
            username: None,
            password: None,
            require_tls: true,
            implicit_tls: None,
            tls: TlsConfig::default(),
        }
    }
}

/// Reads the `smtp_` fields of `global`.
pub fn read_global(global: &mut Fields, folder: &Path) -> Result<Smtp, Fault> {
    read_smtp(
        global,
        folder,
        "smtp_",
        ("smtp_auth_username", "smtp_auth_password"),
        Smtp::default(),
    )
}

/// What is given here, or else what is inherited.
fn read_smtp(
    fields: &mut Fields,
    folder: &Path,
    prefix: &str,
    (username, password): (&str, &str),
    inherited: Smtp,
) -> Result<Smtp, Fault> {
    let key = |name: &str| format!("{prefix}{name}");
    Ok(Smtp {
        from: fields.text(&key("from"))?.or(inherited.from),
        smarthost: smarthost(fields, &key("smarthost"))?.or(inherited.smarthost),
        hello: fields.text(&key("hello"))?.unwrap_or(inherited.hello),
        username: fields.text(username)?.or(inherited.username),
        password: http::secret(fields, password, folder)?.or(inherited.password),
        require_tls: fields.bool(&key("require_tls"))?.unwrap_or(inherited.require_tls),
        implicit_tls: fields.bool(&key("force_implicit_tls"))?.or(inherited.implicit_tls),
        tls: match fields.take(&if prefix.is_empty() {
            "tls_config".to_owned()
        } else {
            key("tls_config")
        }) {
            Some(node) => http::tls(node, folder)?,
            None => inherited.tls,
        },
    })
}

fn smarthost(fields: &mut Fields, key: &str) -> Result<Option<Smarthost>, Fault> {
    let line = fields.line;
    let Some(text) = fields.text(key)? else { return Ok(None) };
    let wrong = || Fault::new(line, format!("{key} '{text}' is not host:port"));
    let (_, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let url = format!("smtp://{text}");
    let is_host = url::Url::parse(&url).is_ok_and(|url| url.has_host() && url.path().is_empty());
    if is_host { Ok(Some(Smarthost { url, port })) } else { Err(wrong()) }
}

/// One of `email_configs`.
pub fn read(
    fields: &mut Fields,
    name: String,
    inherited: &Inherited,
    folder: &Path,
) -> Result<Integration, Fault> {
    let missing =
        |fields: &Fields, key: &str| fields.fault(format!("email_configs has no '{key}'"));
    let to = template(fields, "to", "")?;
    if to.is_empty() {
        return Err(missing(fields, "to"));
    }
    let smtp = inherited.smtp.clone();
    let smtp = read_smtp(fields, folder, "", ("auth_username", "auth_password"), smtp)?;
    let from = smtp.from.ok_or_else(|| missing(fields, "from"))?;
    message::template::parse(&from)
        .map_err(|error| fields.fault(format!("from is no template: {error}")))?;
    let smarthost = smtp.smarthost.ok_or_else(|| missing(fields, "smarthost"))?;
    let login = match (smtp.username, smtp.password) {
        (None, _) => None,
        (Some(username), Some(password)) => Some(Login { username, password }),
        (Some(_), None) => return Err(missing(fields, "auth_password")),
    };
    let is_implicit = smtp.implicit_tls.unwrap_or(smarthost.port == IMPLICIT_TLS_PORT);
    let security = match (is_implicit, smtp.require_tls) {
        (true, _) => Security::Implicit,
        (false, true) => Security::StartTls,
        (false, false) => Security::None,
    };
    let email = Email {
        to,
        from,
        hello: smtp.hello,
        login,
        security,
        headers: headers(fields)?,
        html: template(fields, "html", "{{ template \"email.default.html\" . }}")?,
        text: template(fields, "text", "")?,
    };
    if email.html.is_empty() && email.text.is_empty() {
        return Err(fields.fault("email_configs has neither html nor text"));
    }
    Ok(Integration {
        name,
        send_resolved: fields.bool("send_resolved")?.unwrap_or(false),
        http: HttpConfig { tls: smtp.tls, ..HttpConfig::default() },
        url: SecretSource::Given(Secret::new(smarthost.url)),
        timeout: receiver::or_default(route::duration(fields, "timeout", TIMEOUT)?, TIMEOUT),
        kind: Kind::Email(Box::new(email)),
    })
}

fn headers(fields: &mut Fields) -> Result<Vec<(String, String)>, Fault> {
    let line = fields.line;
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, text) in fields.text_map("headers")? {
        let is_name = |c: char| c.is_ascii_graphic() && c != ':';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Fault::new(line, format!("'{name}' is no name of a header")));
        }
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            return Err(Fault::new(line, format!("there are two headers '{name}'")));
        }
        message::template::parse(&text)
            .map_err(|error| Fault::new(line, format!("headers.{name} is no template: {error}")))?;
        headers.push((name, text));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("subject")) {
        let subject = "{{ template \"email.default.subject\" . }}";
        headers.push(("Subject".to_owned(), subject.to_owned()));
    }
    Ok(headers)
}
