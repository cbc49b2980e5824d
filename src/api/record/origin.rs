//! Who sent a record: its resource and scope.

use super::{is_empty, is_zero};
use crate::api::value::JsonAttributes;
use binnacle_query::value;
use serde::Serialize;
use utoipa::ToSchema;

/// Who sent a record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Resource<'a> {
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub schema_url: &'a str,
    /// Entities among the attributes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub entity_refs: Vec<EntityRef<'a>>,
}

/// An entity among a resource's attributes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntityRef<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub id_keys: &'a [String],
    pub description_keys: &'a [String],
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub schema_url: &'a str,
}

/// The instrumentation library that made a record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Scope<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub version: &'a str,
    #[serde(skip_serializing_if = "JsonAttributes::is_empty")]
    #[schema(value_type = Object, required = false)]
    pub attributes: JsonAttributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub schema_url: &'a str,
}

impl<'a> From<&'a value::Resource> for Resource<'a> {
    fn from(resource: &'a value::Resource) -> Self {
        Resource {
            attributes: JsonAttributes(&resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count,
            schema_url: &resource.schema_url,
            entity_refs: resource.entity_refs.iter().map(EntityRef::from).collect(),
        }
    }
}

impl<'a> From<&'a value::EntityRef> for EntityRef<'a> {
    fn from(entity: &'a value::EntityRef) -> Self {
        EntityRef {
            kind: &entity.kind,
            id_keys: &entity.id_keys,
            description_keys: &entity.description_keys,
            schema_url: &entity.schema_url,
        }
    }
}

impl<'a> From<&'a value::Scope> for Scope<'a> {
    fn from(scope: &'a value::Scope) -> Self {
        Scope {
            name: &scope.name,
            version: &scope.version,
            attributes: JsonAttributes(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count,
            schema_url: &scope.schema_url,
        }
    }
}
