//! Object reader: byte ranges of one immutable object: a mapped file, in memory, or in an object store.

use crate::Error;
use crate::disk::MappedFile;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use std::ops::Range;
use std::sync::Arc;

/// Where the bytes of one object come from.
#[derive(Debug, Clone)]
pub enum ObjectReader {
    /// Reading costs no copy.
    Mapped(MappedFile),
    Memory(Bytes),
    Remote {
        store: Arc<dyn ObjectStore>,
        path: Path,
        size: u64,
    },
}

impl ObjectReader {
    pub fn size(&self) -> u64 {
        match self {
            ObjectReader::Mapped(file) => file.size(),
            ObjectReader::Memory(bytes) => bytes.len() as u64,
            ObjectReader::Remote { size, .. } => *size,
        }
    }

    /// The bytes of each range. A range past the end is [`Error::Corrupt`]: somebody recorded a wrong length.
    pub async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let size = self.size();
        if let Some(wrong) = ranges.iter().find(|r| r.start > r.end || r.end > size) {
            let detail = format!("bytes {wrong:?} are asked of an object of {size} bytes");
            return Err(Error::Corrupt { id: self.name(), detail });
        }
        match self {
            ObjectReader::Mapped(file) => Ok(slices(file.bytes()?, ranges)),
            ObjectReader::Memory(bytes) => Ok(slices(bytes, ranges)),
            ObjectReader::Remote { store, path, .. } => store
                .get_ranges(path, ranges)
                .await
                .map_err(|source| Error::Object { action: "read", path: path.to_string(), source }),
        }
    }

    /// The whole object.
    pub async fn read_all(&self) -> Result<Bytes, Error> {
        let all = 0..self.size();
        let mut read = self.read(std::slice::from_ref(&all)).await?;
        Ok(read.pop().unwrap_or_default())
    }

    /// Fails when bytes that were read before are no longer there.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            ObjectReader::Mapped(file) => file.bytes().map(|_| ()),
            ObjectReader::Memory(_) | ObjectReader::Remote { .. } => Ok(()),
        }
    }

    fn name(&self) -> String {
        match self {
            ObjectReader::Mapped(_) => String::from("mapped"),
            ObjectReader::Memory(_) => String::from("in memory"),
            ObjectReader::Remote { path, .. } => path.to_string(),
        }
    }
}

fn slices(bytes: &Bytes, ranges: &[Range<u64>]) -> Vec<Bytes> {
    ranges.iter().map(|range| bytes.slice(range.start as usize..range.end as usize)).collect()
}
