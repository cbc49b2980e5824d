//! WAL files: their names, what they still hold, and when they may go.

use crate::Error;
use crate::disk::Disk;
use crate::model::{Signal, TenantId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Highest position a file holds of each tenant and signal.
pub(crate) type LastPositions = HashMap<(TenantId, Signal), u64>;

#[derive(Debug)]
struct KnownFile {
    path: PathBuf,
    bytes: u64,
    last: LastPositions,
    /// The writer may still add to it.
    is_open: bool,
}

/// All files of the WAL, oldest first.
#[derive(Debug, Default)]
pub(crate) struct WalFiles {
    files: Mutex<Vec<KnownFile>>,
}

/// `<first position>-<file id>.wal`, both in hex, so that names sort by position.
pub(super) fn file_name(first_position: u64, file_id: u32) -> String {
    format!("{first_position:016x}-{file_id:08x}.wal")
}

/// The id in a WAL file's name; `None` for any other file.
pub(super) fn file_id(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    let (position, id) = name.split_once('-')?;
    u64::from_str_radix(position, 16).ok()?;
    u32::from_str_radix(id, 16).ok()
}

impl WalFiles {
    /// Adds a file that replay has read.
    pub fn add_closed(&self, path: PathBuf, bytes: u64, last: LastPositions) {
        self.files.lock().push(KnownFile { path, bytes, last, is_open: false });
    }

    /// Adds the file that is written from now on.
    pub fn add_open(&self, path: PathBuf, bytes: u64) {
        let last = LastPositions::new();
        self.files.lock().push(KnownFile { path, bytes, last, is_open: true });
    }

    /// The file is gone.
    pub fn forget(&self, path: &Path) {
        self.files.lock().retain(|file| file.path != path);
    }

    /// Nothing is added to any file from now on.
    pub fn close(&self) {
        self.files.lock().iter_mut().for_each(|file| file.is_open = false);
    }

    /// Notes a record in the file being written.
    pub fn note(&self, tenant: &TenantId, signal: Signal, position: u64) {
        if let Some(file) = self.files.lock().last_mut() {
            match file.last.get_mut(&(tenant.clone(), signal)) {
                Some(last) => *last = position,
                None => drop(file.last.insert((tenant.clone(), signal), position)),
            }
        }
    }

    pub fn bytes(&self) -> u64 {
        self.files.lock().iter().map(|file| file.bytes).sum()
    }

    /// Deletes every closed file of which `is_flushed` holds for all it has. Returns how many went.
    pub fn cut(
        &self,
        disk: &Disk,
        is_flushed: impl Fn(&TenantId, Signal, u64) -> bool,
    ) -> Result<usize, Error> {
        let done = |file: &KnownFile| {
            !file.is_open
                && file
                    .last
                    .iter()
                    .all(|((tenant, signal), last)| is_flushed(tenant, *signal, *last))
        };
        let gone: Vec<PathBuf> = {
            let files = self.files.lock();
            files.iter().filter(|file| done(file)).map(|file| file.path.clone()).collect()
        };
        for path in &gone {
            disk.remove_file(path)?;
            self.forget(path);
        }
        Ok(gone.len())
    }
}
