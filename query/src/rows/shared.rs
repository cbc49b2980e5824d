//! Resources and scopes, decoded once per answer.

use super::malformed;
use crate::Error;
use crate::value::{Resource, Scope};
use std::collections::HashMap;
use std::sync::Arc;

/// The resources and scopes seen so far, by their bytes. Rows of one sender share one.
#[derive(Default)]
pub(crate) struct Shared {
    resources: HashMap<Box<[u8]>, Arc<Resource>>,
    scopes: HashMap<Box<[u8]>, Arc<Scope>>,
}

impl Shared {
    /// `None` (null) reads as an empty resource.
    pub(crate) fn resource(&mut self, bytes: Option<&[u8]>) -> Result<Arc<Resource>, Error> {
        let bytes = bytes.unwrap_or_default();
        if let Some(resource) = self.resources.get(bytes) {
            return Ok(resource.clone());
        }
        let resource = Resource::decode(bytes).map_err(|error| malformed("resource", error))?;
        let resource = Arc::new(resource);
        self.resources.insert(bytes.into(), resource.clone());
        Ok(resource)
    }

    /// `None` (null) reads as an empty scope.
    pub(crate) fn scope(&mut self, bytes: Option<&[u8]>) -> Result<Arc<Scope>, Error> {
        let bytes = bytes.unwrap_or_default();
        if let Some(scope) = self.scopes.get(bytes) {
            return Ok(scope.clone());
        }
        let scope = Scope::decode(bytes).map_err(|error| malformed("scope", error))?;
        let scope = Arc::new(scope);
        self.scopes.insert(bytes.into(), scope.clone());
        Ok(scope)
    }
}
