//! Values of a few keys of single records: what records are grouped by as they are counted.

use super::ast::Place;
use super::field::{Key, key_of};
use super::{pipe, plan};
use crate::Error;
use crate::value::AnyValue;
use arrow::record_batch::RecordBatch;
use binnacle_storage::segment::AttributeKeys;
use std::collections::BTreeSet;

/// Keys of which values are read.
#[derive(Debug)]
pub(crate) struct LogKeys(Vec<Key>);

impl LogKeys {
    /// By name: `service`, `severity`, `attributes.KEY` or `resource.KEY`. `None` for any other.
    pub(crate) fn of(names: &[String]) -> Option<LogKeys> {
        let key = |name: &String| {
            let key = key_of(name);
            let is_named = match &key {
                Key::Severity | Key::In(Place::Service) => true,
                Key::In(Place::Resource(key) | Place::Attribute(key)) => !key.is_empty(),
                _ => false,
            };
            is_named.then_some(key)
        };
        names.iter().map(key).collect::<Option<_>>().map(LogKeys)
    }

    /// Columns of a file that reading them takes.
    pub(crate) fn columns(&self, keys: &AttributeKeys) -> BTreeSet<String> {
        self.0.iter().flat_map(|key| plan::columns(&key.exists(), keys)).collect()
    }

    /// The values of each of some rows of a batch, in the order of the keys; nothing where a record has none.
    pub(crate) fn values(
        &self,
        batch: &RecordBatch,
        rows: &[usize],
    ) -> Result<Vec<Vec<AnyValue>>, Error> {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let mut values = vec![Vec::with_capacity(self.0.len()); rows.len()];
        for key in &self.0 {
            let found = pipe::codes(key, batch, &rows)?;
            for (of_row, code) in values.iter_mut().zip(found.codes) {
                of_row.push(found.values[code as usize].value());
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_where_they_are() {
        let is_read = |name: &str| LogKeys::of(&[name.to_owned()]).is_some();
        for good in ["service", "severity", "attributes.user", "resource.host.name"] {
            assert!(is_read(good), "{good}");
        }
        for wrong in ["", "user", "attributes.", "resource.", "body", "trace_id"] {
            assert!(!is_read(wrong), "{wrong}");
        }
    }
}
