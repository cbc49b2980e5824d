//! Streams: which labels a resource makes, as Loki maps OpenTelemetry's logs.
//!
//! Some attributes of the resource are the stream's labels, the others go with each record as its structured metadata. What
//! came by Loki's own push keeps all of its labels.

use super::base64::base64_encode;
use crate::Error;
use crate::promql::labels::Labels;
use crate::promql::text::float_json;
use crate::rows::malformed;
use crate::value::{AnyValue, Attributes, Resource, Scope};
use binnacle_storage::model::PUSHED_STREAM;
use std::collections::HashMap;
use std::sync::Arc;

pub const SERVICE_NAME: &str = "service_name";
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// Attributes of the resource that are labels of the stream: Loki's defaults.
pub const LABEL_ATTRIBUTES: [&str; 18] = [
    "cloud.availability_zone",
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "service.instance.id",
    "service.name",
    "service.namespace",
];

/// Labels that name the service of a stream which does not name it itself, the first that there is.
const SERVICE_LABELS: [&str; 4] =
    ["container_name", "k8s_container_name", "k8s_deployment_name", "k8s_job_name"];

/// What a resource makes of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub labels: Labels,
    /// Of each of its records.
    pub structured: Vec<(String, String)>,
    /// Whether it came by Loki's push, and not as OpenTelemetry's.
    pub is_pushed: bool,
}

impl Stream {
    pub fn of(resource: &Resource) -> Stream {
        let is_pushed = resource.schema_url == PUSHED_STREAM;
        let (mut labels, mut structured) = (Vec::new(), Vec::new());
        for (key, value) in &resource.attributes {
            let is_label = is_pushed || LABEL_ATTRIBUTES.contains(&key.as_str());
            flatten(&label_name(key), value, if is_label { &mut labels } else { &mut structured });
        }
        if resource.dropped_attributes_count > 0 {
            let count = resource.dropped_attributes_count.to_string();
            structured.push(("resource_dropped_attributes_count".to_owned(), count));
        }
        let find = |name: &str| {
            let found = labels.iter().find(|(other, value)| other == name && !value.is_empty());
            found.map(|(_, value): &(String, String)| value.clone())
        };
        if find(SERVICE_NAME).is_none() {
            let service = SERVICE_LABELS.iter().find_map(|name| find(name));
            let service = service.unwrap_or_else(|| UNKNOWN_SERVICE.to_owned());
            labels.push((SERVICE_NAME.to_owned(), service));
        }
        let labels =
            Labels::new(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Stream { labels, structured, is_pushed }
    }
}

/// The labels that a scope gives each of its records.
pub fn scope_labels(scope: &Scope) -> Vec<(String, String)> {
    let mut labels = flattened(&scope.attributes);
    let mut add = |name: &str, value: String| labels.push((name.to_owned(), value));
    if !scope.name.is_empty() {
        add("scope_name", scope.name.clone());
    }
    if !scope.version.is_empty() {
        add("scope_version", scope.version.clone());
    }
    if scope.dropped_attributes_count > 0 {
        add("scope_dropped_attributes_count", scope.dropped_attributes_count.to_string());
    }
    labels
}

/// A key as the name of a label.
pub fn label_name(key: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let prefix = if key.starts_with(|c: char| c.is_ascii_digit()) { "key_" } else { "" };
    prefix.chars().chain(key.chars().map(valid)).collect()
}

fn flattened(attributes: &Attributes) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    attributes.iter().for_each(|(key, value)| flatten(&label_name(key), value, &mut labels));
    labels
}

/// One label per scalar: those of inner lists of pairs as `outer_inner`.
pub fn flatten(name: &str, value: &AnyValue, labels: &mut Vec<(String, String)>) {
    match value {
        AnyValue::KeyValues(pairs) => {
            for (key, value) in pairs {
                flatten(&format!("{name}_{}", label_name(key)), value, labels);
            }
        }
        AnyValue::Empty => {}
        other => labels.push((name.to_owned(), text(other))),
    }
}

/// A value as the text of a label.
pub fn text(value: &AnyValue) -> String {
    match value {
        AnyValue::String(text) => text.clone(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => float_json(*number),
        AnyValue::Bool(flag) => flag.to_string(),
        AnyValue::Bytes(bytes) => base64_encode(bytes),
        AnyValue::Empty => String::new(),
        list => json(list).to_string(),
    }
}

fn json(value: &AnyValue) -> serde_json::Value {
    match value {
        AnyValue::Empty => serde_json::Value::Null,
        AnyValue::Int(number) => (*number).into(),
        AnyValue::Double(number) => (*number).into(),
        AnyValue::Bool(flag) => (*flag).into(),
        AnyValue::Array(elements) => elements.iter().map(json).collect(),
        AnyValue::KeyValues(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => text(other).into(),
    }
}

/// Streams and scopes by their stored bytes, each made once.
#[derive(Default)]
pub struct StreamCache {
    streams: HashMap<Box<[u8]>, Arc<Stream>>,
    scopes: HashMap<Box<[u8]>, Arc<Vec<(String, String)>>>,
}

/// Most streams or scopes that are held to be used again.
const CACHED_MAX: usize = 100_000;

impl StreamCache {
    pub fn stream(&mut self, bytes: Option<&[u8]>) -> Result<Arc<Stream>, Error> {
        let bytes = bytes.unwrap_or_default();
        if let Some(stream) = self.streams.get(bytes) {
            return Ok(stream.clone());
        }
        let resource = Resource::decode(bytes).map_err(|error| malformed("resource", error))?;
        let stream = Arc::new(Stream::of(&resource));
        if self.streams.len() >= CACHED_MAX {
            self.streams.clear();
        }
        self.streams.insert(bytes.into(), stream.clone());
        Ok(stream)
    }

    pub fn scope(&mut self, bytes: Option<&[u8]>) -> Result<Arc<Vec<(String, String)>>, Error> {
        let bytes = bytes.unwrap_or_default();
        if let Some(labels) = self.scopes.get(bytes) {
            return Ok(labels.clone());
        }
        let scope = Scope::decode(bytes).map_err(|error| malformed("scope", error))?;
        let labels = Arc::new(scope_labels(&scope));
        if self.scopes.len() >= CACHED_MAX {
            self.scopes.clear();
        }
        self.scopes.insert(bytes.into(), labels.clone());
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(attributes: &[(&str, AnyValue)], schema_url: &str) -> Stream {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let schema_url = schema_url.to_owned();
        Stream::of(&Resource {
            attributes: attributes.collect(),
            schema_url,
            ..Resource::default()
        })
    }

    #[test]
    fn resources_make_streams_as_loki_does() {
        let text = |text: &str| AnyValue::String(text.to_owned());
        let made = stream(
            &[
                ("service.name", text("shop")),
                ("k8s.pod.name", text("p-1")),
                ("host.cpus", AnyValue::Int(4)),
            ],
            "https://opentelemetry.io/schemas/1.0",
        );
        assert_eq!(made.labels.to_string(), r#"{k8s_pod_name="p-1", service_name="shop"}"#);
        assert_eq!(made.structured, [("host_cpus".to_owned(), "4".to_owned())]);
        let nameless = stream(&[("a.b", AnyValue::Bool(true))], "");
        assert_eq!(nameless.labels.to_string(), r#"{service_name="unknown_service"}"#);
        let pushed = stream(&[("app", text("x")), ("service.name", text("x"))], PUSHED_STREAM);
        assert_eq!(pushed.labels.to_string(), r#"{app="x", service_name="x"}"#);
    }

    #[test]
    fn values_inside_of_values_get_labels_of_their_own() {
        let inner = AnyValue::KeyValues(vec![("x.y".to_owned(), AnyValue::Double(1.5))]);
        let list = AnyValue::Array(vec![AnyValue::Int(1), AnyValue::String("a".to_owned())]);
        let mut labels = Vec::new();
        flatten(
            "a",
            &AnyValue::KeyValues(vec![("in".to_owned(), inner), ("l".to_owned(), list)]),
            &mut labels,
        );
        let expected = [("a_in_x_y", "1.5"), ("a_l", r#"[1,"a"]"#)];
        let found: Vec<_> =
            labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(label_name("9.a"), "key_9_a");
    }
}
