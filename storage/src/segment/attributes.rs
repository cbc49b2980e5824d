//! Which attribute keys get a column, and how a file says so.
//!
//! The [`COLUMNS_MAX`] keys with the most rows get a column of their most frequent type. All else goes to
//! `attributes_rest`: values of other types, values that have no type, repeated keys, and the long tail of keys.

use super::source::Source;
use crate::Error;
use crate::batch::AttributeType;
use crate::model::wire;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Most attribute columns in one file. Measured on ten-attribute spans: 42 keys fit; each column costs a reader of whole
/// rows a page per row group.
const COLUMNS_MAX: usize = 64;

/// Longest key that gets a column; longer ones are data put in the key by mistake, and would repeat in every footer.
const COLUMN_KEY_BYTES_MAX: usize = 256;

/// Most distinct keys that are counted while choosing; keys first seen after them get no column.
const COUNTED_KEYS_MAX: usize = 65_536;

/// Most keys, and bytes of keys, listed as being in `attributes_rest`.
const REST_KEYS_MAX: usize = 4_096;
const REST_KEY_BYTES_MAX: usize = 256 * 1024;

/// Key of the file's key-value metadata that holds a [`Listing`] as JSON.
pub(super) const METADATA_KEY: &str = "binnacle.attributes";

/// Where attributes are in one file: which keys have a column of which type, and which are (also) in
/// `attributes_rest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeKeys {
    /// Key → type of its column, named `attributes.<key>`.
    pub columns: BTreeMap<String, AttributeType>,
    /// Keys that occur in `attributes_rest`; `None` when there are too many to list.
    pub rest: Option<BTreeSet<String>>,
}

impl AttributeKeys {
    /// Whether `attributes_rest` may hold `key`.
    pub fn may_be_in_rest(&self, key: &str) -> bool {
        self.rest.as_ref().is_none_or(|keys| keys.contains(key))
    }
}

/// Name of the column of attribute `key`.
pub fn attribute_column_name(key: &str) -> String {
    format!("attributes.{key}")
}

/// Name of the column that holds the attributes without a column of their own: a stored list of `KeyValue`.
pub const ATTRIBUTES_REST: &str = "attributes_rest";

/// The keys that get a column, by key.
pub(super) type ChosenColumns = Vec<(Arc<str>, AttributeType)>;

/// Chooses the columns for the rows of all `sources`.
pub(super) fn choose(sources: &[Source<'_>]) -> Result<ChosenColumns, Error> {
    let mut counts = Counts::default();
    for source in sources {
        source.each_attribute_column(&mut |key, kind, rows| counts.add(key, kind, rows));
        source.each_in_rest(&mut |_, message| {
            // What cannot be read stays in the rest as it is.
            if let Ok(attribute) = wire::key_value(message)
                && let Some(kind) = AttributeType::of(&attribute.value)
            {
                counts.add(attribute.key, kind, 1);
            }
            Ok(())
        })?;
    }
    Ok(counts.most_frequent())
}

/// Rows of each key, by type.
#[derive(Default)]
struct Counts {
    keys: HashMap<Box<str>, [u64; 4]>,
}

const TYPES: [AttributeType; 4] =
    [AttributeType::String, AttributeType::Int, AttributeType::Double, AttributeType::Bool];

impl Counts {
    fn add(&mut self, key: &str, kind: AttributeType, rows: u64) {
        let slot = kind as usize;
        if let Some(counts) = self.keys.get_mut(key) {
            counts[slot] += rows;
        } else if self.keys.len() < COUNTED_KEYS_MAX && key.len() <= COLUMN_KEY_BYTES_MAX {
            let mut counts = [0; 4];
            counts[slot] = rows;
            self.keys.insert(key.into(), counts);
        }
    }

    fn most_frequent(self) -> ChosenColumns {
        let mut keys: Vec<_> = self.keys.into_iter().collect();
        let rows = |counts: &[u64; 4]| counts.iter().sum::<u64>();
        keys.sort_unstable_by(|a, b| rows(&b.1).cmp(&rows(&a.1)).then_with(|| a.0.cmp(&b.0)));
        keys.truncate(COLUMNS_MAX);
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let chosen = keys.into_iter().map(|(key, counts)| {
            // Of equal counts the first type wins, so that equal input makes equal files.
            let most = (0..4).rev().max_by_key(|&slot| counts[slot]).unwrap_or_default();
            (Arc::from(key), TYPES[most])
        });
        chosen.collect()
    }
}

/// Rows per key of what one file keeps in `attributes_rest`.
#[derive(Debug, Default)]
pub(super) struct RestKeys {
    rows: BTreeMap<String, u64>,
    bytes: usize,
    too_many: bool,
}

impl RestKeys {
    pub fn add(&mut self, key: &str) {
        if self.too_many {
            return;
        }
        if let Some(rows) = self.rows.get_mut(key) {
            *rows += 1;
            return;
        }
        self.bytes += key.len();
        self.rows.insert(key.to_owned(), 1);
        if self.rows.len() > REST_KEYS_MAX || self.bytes > REST_KEY_BYTES_MAX {
            *self = RestKeys { too_many: true, ..RestKeys::default() };
        }
    }

    fn into_listing(self) -> Option<BTreeMap<String, u64>> {
        (!self.too_many).then_some(self.rows)
    }
}

/// What a file says of its attributes.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(super) struct Listing {
    pub columns: BTreeMap<String, ListedColumn>,
    /// Key → rows; null when there are too many keys.
    pub rest: Option<BTreeMap<String, u64>>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(super) struct ListedColumn {
    #[serde(rename = "type")]
    pub kind: String,
    pub rows: u64,
}

impl Listing {
    pub fn new(
        columns: impl IntoIterator<Item = (Arc<str>, AttributeType, u64)>,
        rest: RestKeys,
    ) -> Listing {
        let listed = columns.into_iter().map(|(key, kind, rows)| {
            (key.to_string(), ListedColumn { kind: kind.name().to_owned(), rows })
        });
        Listing { columns: listed.collect(), rest: rest.into_listing() }
    }

    pub fn render(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always become JSON")
    }

    /// Reads a listing back; the error says what is wrong in words.
    pub fn parse(json: &str) -> Result<Listing, String> {
        let listing: Listing = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match listing.columns.values().find(|c| AttributeType::from_name(&c.kind).is_none()) {
            Some(column) => Err(format!("attribute type '{}' is unknown", column.kind)),
            None => Ok(listing),
        }
    }

    pub fn keys(&self) -> AttributeKeys {
        let columns = self.columns.iter().filter_map(|(key, column)| {
            Some((key.clone(), AttributeType::from_name(&column.kind)?))
        });
        AttributeKeys {
            columns: columns.collect(),
            rest: self.rest.as_ref().map(|rest| rest.keys().cloned().collect()),
        }
    }
}
