//! The labels of a stored series: its attributes, and where it comes from.

use super::super::labels::{Labels, METRIC_NAME};
use super::naming::{Metric, Translation, label_name, metric_name};
use crate::value::{AnyValue, Attributes, Resource, Scope};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

/// Who sent a series, as labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Neither a resource nor a scope: the series has the name and labels it came with.
    pub is_bare: bool,
    /// `job`, `instance`, and the scope's labels.
    labels: Vec<(String, String)>,
    /// Labels of the target's info metric.
    pub target_info: Option<Labels>,
}

impl Origin {
    pub fn of(resource: &Resource, scope: &Scope, translation: Translation) -> Origin {
        let is_bare = resource.attributes.is_empty() && *scope == Scope::default();
        let mut labels = job_and_instance(resource);
        let target_info = target_info(resource, &labels, translation);
        for (name, value) in [
            ("otel_scope_name", &scope.name),
            ("otel_scope_version", &scope.version),
            ("otel_scope_schema_url", &scope.schema_url),
        ] {
            if !value.is_empty() {
                labels.push((name.to_owned(), value.clone()));
            }
        }
        for (key, value) in &scope.attributes {
            let name = label_name(&format!("otel_scope_{key}"), translation);
            labels.push((name, label_value(value)));
        }
        Origin { is_bare, labels, target_info }
    }
}

fn job_and_instance(resource: &Resource) -> Vec<(String, String)> {
    let text = |key: &str| resource.find_attribute(key).map(label_value).unwrap_or_default();
    let (name, namespace) = (text(SERVICE_NAME), text(SERVICE_NAMESPACE));
    let job = match (name.is_empty(), namespace.is_empty()) {
        (false, false) => format!("{namespace}/{name}"),
        _ => name,
    };
    [("job", job), ("instance", text(SERVICE_INSTANCE))]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `target_info` has what the resource says beside job and instance; without either it would describe nothing.
fn target_info(
    resource: &Resource,
    identity: &[(String, String)],
    translation: Translation,
) -> Option<Labels> {
    if identity.is_empty() {
        return None;
    }
    let used = [SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE];
    let rest = resource.attributes.iter().filter(|(key, _)| !used.contains(&key.as_str()));
    let rest = joined(rest, translation);
    if rest.is_empty() {
        return None;
    }
    let name = [(METRIC_NAME.to_owned(), "target_info".to_owned())];
    Some(Labels::new(rest.into_iter().chain(identity.iter().cloned()).chain(name)))
}

/// Attributes as labels; those whose names become equal are joined in the order of their keys.
fn joined<'a>(
    attributes: impl Iterator<Item = &'a (String, AnyValue)>,
    translation: Translation,
) -> BTreeMap<String, String> {
    let mut sorted: Vec<&(String, AnyValue)> = attributes.collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in sorted {
        let value = label_value(value);
        match labels.get_mut(&label_name(key, translation)) {
            Some(other) => {
                other.push(';');
                other.push_str(&value);
            }
            None => {
                labels.insert(label_name(key, translation), value);
            }
        }
    }
    labels
}

/// The labels of a series, with its metric's name.
pub fn series_labels(
    metric: Metric<'_>,
    attributes: &Attributes,
    origin: &Origin,
    translation: Translation,
) -> Labels {
    if origin.is_bare {
        let pairs = attributes.iter().map(|(key, value)| (key.clone(), label_value(value)));
        let name = [(METRIC_NAME.to_owned(), metric.name.to_owned())];
        return Labels::new(pairs.chain(name));
    }
    let own = joined(attributes.iter(), translation);
    let name = [(METRIC_NAME.to_owned(), metric_name(metric, translation))];
    // Job and instance say who sent it, whatever an attribute of the same name says.
    Labels::new(own.into_iter().chain(origin.labels.iter().cloned()).chain(name))
}

/// A value as text: strings as they are, everything else as JSON.
pub fn label_value(value: &AnyValue) -> String {
    match value {
        AnyValue::Empty => String::new(),
        AnyValue::String(text) => text.clone(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => super::super::text::float_plain(*number),
        AnyValue::Bool(flag) => flag.to_string(),
        other => {
            let mut out = String::new();
            json(other, &mut out);
            out
        }
    }
}

fn json(value: &AnyValue, out: &mut String) {
    match value {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::String(text) => out.push_str(&serde_json::Value::from(text.as_str()).to_string()),
        AnyValue::Bytes(bytes) => {
            out.push('"');
            for byte in bytes {
                // Writing to memory cannot fail.
                let _ = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        AnyValue::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                json(item, out);
            }
            out.push(']');
        }
        AnyValue::KeyValues(pairs) => {
            out.push('{');
            for (at, (key, item)) in pairs.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                json(item, out);
            }
            out.push('}');
        }
        plain => out.push_str(&label_value(plain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> AnyValue {
        AnyValue::String(value.to_owned())
    }

    fn gauge(name: &str) -> Metric<'_> {
        Metric { name, unit: "s", is_counter: false, is_gauge: true }
    }

    #[test]
    fn a_bare_series_keeps_its_name_and_labels() {
        let origin = Origin::of(&Resource::default(), &Scope::default(), Translation::default());
        let attributes = vec![("a.b".to_owned(), text("c"))];
        let labels = series_labels(gauge("x"), &attributes, &origin, Translation::default());
        assert_eq!(labels.to_string(), r#"{__name__="x", "a.b"="c"}"#);
    }

    #[test]
    fn senders_become_job_instance_and_target_info() {
        let resource = Resource {
            attributes: vec![
                (SERVICE_NAME.to_owned(), text("cart")),
                (SERVICE_NAMESPACE.to_owned(), text("shop")),
                (SERVICE_INSTANCE.to_owned(), text("1")),
                ("host.name".to_owned(), text("a")),
            ],
            ..Resource::default()
        };
        let scope = Scope { name: "lib".to_owned(), ..Scope::default() };
        let origin = Origin::of(&resource, &scope, Translation::default());
        let attributes = vec![("a.b".to_owned(), text("1")), ("a_b".to_owned(), AnyValue::Int(2))];
        let labels = series_labels(gauge("x"), &attributes, &origin, Translation::default());
        assert_eq!(
            labels.to_string(),
            r#"{__name__="x_seconds", a_b="1;2", instance="1", job="shop/cart", otel_scope_name="lib"}"#
        );
        assert_eq!(
            origin.target_info.unwrap().to_string(),
            r#"{__name__="target_info", host_name="a", instance="1", job="shop/cart"}"#
        );
    }
}
