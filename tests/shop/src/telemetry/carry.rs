//! How a context travels: W3C Trace Context and Baggage, in whatever a hop has for headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use std::collections::HashMap;
use std::sync::LazyLock;

static PROPAGATOR: LazyLock<TextMapCompositePropagator> = LazyLock::new(|| {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
});

/// Puts `context` into the headers of a request.
pub fn inject(context: &Context, headers: &mut HeaderMap) {
    PROPAGATOR.inject_context(context, &mut Headers(headers));
}

/// The context that the headers of a request carry.
pub fn extract(headers: &HeaderMap) -> Context {
    PROPAGATOR.extract_with_context(&Context::new(), &ReadHeaders(headers))
}

/// `context` as names and values, for messages and rows.
pub fn to_pairs(context: &Context) -> HashMap<String, String> {
    let mut pairs = HashMap::new();
    PROPAGATOR.inject_context(context, &mut pairs);
    pairs
}

pub fn from_pairs(pairs: &HashMap<String, String>) -> Context {
    PROPAGATOR.extract_with_context(&Context::new(), pairs)
}

/// The `traceparent` of `context`.
pub fn traceparent(context: &Context) -> String {
    let span = context.span();
    let of = span.span_context();
    format!("00-{}-{}-{:02x}", of.trace_id(), of.span_id(), of.trace_flags().to_u8())
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}

struct ReadHeaders<'a>(&'a HeaderMap);

impl Extractor for ReadHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::KeyValue;
    use opentelemetry::baggage::BaggageExt;

    #[test]
    fn a_context_comes_back_from_headers_and_from_pairs() {
        let parent = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01";
        let sent = from_pairs(&HashMap::from([("traceparent".to_owned(), parent.to_owned())]));
        assert_eq!(traceparent(&sent), parent);
        let sent = sent.with_baggage([KeyValue::new("customer.id", "ada lovelace")]);
        let mut headers = HeaderMap::new();
        inject(&sent, &mut headers);
        for came in [extract(&headers), from_pairs(&to_pairs(&sent))] {
            assert_eq!(traceparent(&came), parent);
            assert_eq!(came.baggage().get("customer.id").map(|v| v.as_str()), Some("ada lovelace"));
        }
    }

    #[test]
    fn nonsense_is_no_context() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("00-xyz"));
        assert!(!extract(&headers).span().span_context().is_valid());
    }
}
