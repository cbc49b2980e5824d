//! Query parameters and bodies. What is not known is passed over, as Alertmanager does.

use super::answer::Refusal;
use crate::api::Api;
use axum::extract::Request;
use binnacle_alerting::LabelSet;
use binnacle_alerting::notify::matcher::{self, Matcher};
use http::header;
use serde::de::DeserializeOwned;

/// The parameters of a request, in their order.
pub struct Params(pub Vec<(String, String)>);

impl Params {
    fn last(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().rev().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// A flag that is set unless something else is said than one of the words for yes.
    pub fn flag(&self, name: &str) -> bool {
        const YES: [&str; 10] =
            ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
        let said = self.last(name).map(str::to_ascii_lowercase);
        said.is_none_or(|said| YES.contains(&said.as_str()))
    }

    /// All matchers that are given as `filter`.
    pub fn filter(&self) -> Result<Vec<Matcher>, Refusal> {
        let given = self.0.iter().filter(|(name, _)| name == "filter");
        given.map(|(_, text)| matcher::parse(text).map_err(Refusal::bad)).collect()
    }

    /// The receivers that are asked for, as an expression that must match all of a name.
    pub fn receiver(&self) -> Result<Option<Matcher>, Refusal> {
        let Some(text) = self.last("receiver") else { return Ok(None) };
        let matcher = Matcher::new("receiver", matcher::MatchOperator::Regex, text);
        let wrong = |error| Refusal::bad(format!("failed to parse receiver param: {error}"));
        matcher.map(Some).map_err(wrong)
    }
}

/// A JSON body of bounded size, which says that it is one.
pub async fn body<T: DeserializeOwned>(api: &Api, request: Request) -> Result<T, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.map_or("application/octet-stream", |value| value.to_str().unwrap_or("?"));
    let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let refused = (essence != "application/json").then(|| Refusal::media_type(kind));
    let limit = usize::try_from(api.config().request_bytes_max).unwrap_or(usize::MAX);
    let body = axum::body::to_bytes(request.into_body(), limit).await;
    let body = body.map_err(|error| Refusal::bad(format!("the body cannot be read: {error}")))?;
    if let Some(refused) = refused {
        return Err(refused);
    }
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad(format!("parsing body failed: {error}")))
}

/// What makes no set of labels, in words.
pub fn check_labels(labels: &LabelSet) -> Result<(), String> {
    match labels.keys().any(|name| name.is_empty()) {
        true => Err("a label has no name".to_owned()),
        false => Ok(()),
    }
}
