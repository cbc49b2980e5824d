//! Names and values as small numbers, so that many events can be held.

use std::collections::HashMap;
use xxhash_rust::xxh3::Xxh3;

/// Distinct values of attributes that are held. What is beyond is new in nearly every event, and tells nothing.
const VALUES_MAX: usize = 1 << 18;

/// What spends time or fails: an operation of a service, or a service's call of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Component {
    pub service: String,
    pub operation: String,
    pub callee: Option<String>,
    /// The callee's spans are below the call; else it is only named.
    pub is_callee_seen: bool,
}

/// A value of an attribute of a service's spans.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub service: String,
    pub name: String,
    pub value: String,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub components: Vec<Component>,
    component_numbers: HashMap<Component, usize>,
    pub services: Vec<String>,
    service_numbers: HashMap<String, usize>,
    pub values: Vec<Value>,
    value_numbers: HashMap<u128, usize>,
}

impl Names {
    pub fn component(&mut self, component: Component) -> usize {
        if let Some(&number) = self.component_numbers.get(&component) {
            return number;
        }
        self.service(&component.service);
        let number = self.components.len();
        self.components.push(component.clone());
        self.component_numbers.insert(component, number);
        number
    }

    pub fn service(&mut self, name: &str) -> usize {
        if let Some(&number) = self.service_numbers.get(name) {
            return number;
        }
        let number = self.services.len();
        self.services.push(name.to_owned());
        self.service_numbers.insert(name.to_owned(), number);
        number
    }

    pub fn find_service(&self, name: &str) -> Option<usize> {
        self.service_numbers.get(name).copied()
    }

    /// `None` once there are too many.
    pub fn value(&mut self, service: &str, scope: &str, key: &str, value: &str) -> Option<usize> {
        let mut hash = Xxh3::new();
        for text in [service, scope, key, value] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        let hash = hash.digest128();
        if let Some(&number) = self.value_numbers.get(&hash) {
            return Some(number);
        }
        if self.values.len() >= VALUES_MAX {
            return None;
        }
        let (service, value) = (service.to_owned(), value.to_owned());
        self.values.push(Value { service, name: format!("{scope}.{key}"), value });
        self.value_numbers.insert(hash, self.values.len() - 1);
        Some(self.values.len() - 1)
    }
}
