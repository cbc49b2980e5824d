//! The disk: the only place that opens files, makes them durable, and locks the data directory.
//!
//! Every step that can fail in the field asks [`Faults`] first, so that tests can fill the disk, break an fsync or stop
//! the world at any write.

use crate::Error;
use bytes::Bytes;
use rustix::fs::{FallocateFlags, FlockOperation, OFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Offsets, lengths and addresses of direct writes are multiples of this.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Create and preallocate a WAL file.
    AllocateWal,
    /// Write this many bytes into a WAL file.
    WriteWal {
        bytes: usize,
    },
    SyncWal,
    PutObject,
    /// Make an object durable, after it was put.
    SyncObject,
    DeleteObject,
    /// Commit a catalog edit.
    EditCatalog,
    /// Learn that a catalog edit was committed.
    LearnEdit,
}

/// What a test wants to happen instead.
#[derive(Debug)]
pub(crate) enum Verdict {
    Go,
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests break disks"))]
    Fail(io::Error),
    /// Of a write, only this many bytes arrive; then it fails.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests tear writes"))]
    Cut {
        bytes: usize,
        error: io::Error,
    },
}

/// Decides the fate of disk operations.
pub(crate) trait Faults: Send + Sync + std::fmt::Debug {
    fn before(&self, operation: Operation) -> Verdict;
}

/// Nothing goes wrong but what really goes wrong.
#[derive(Debug)]
struct NoFaults;

impl Faults for NoFaults {
    fn before(&self, _operation: Operation) -> Verdict {
        Verdict::Go
    }
}

/// Access to files. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    faults: Arc<dyn Faults>,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk { faults: Arc::new(NoFaults) }
    }
}

/// Room on the file system, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// What this process may still write.
    pub available: u64,
    pub total: u64,
}

/// Holds the data directory for this process while it lives.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

/// An immutable file in memory.
#[derive(Debug, Clone)]
pub struct MappedFile {
    bytes: Bytes,
    path: Arc<Path>,
}

impl MappedFile {
    /// The bytes, if the file still has them all. Reading what somebody has cut off a mapped file ends the process, so
    /// this is asked before every use. A file that was removed keeps its bytes while it is mapped.
    pub fn bytes(&self) -> Result<&Bytes, Error> {
        match std::fs::metadata(&self.path) {
            Ok(found) if found.len() < self.size() => {
                let (path, found) = (self.path.display(), found.len());
                let detail = format!("{path} was cut to {found} of {} bytes", self.size());
                Err(Error::Corrupt { id: path.to_string(), detail })
            }
            _ => Ok(&self.bytes),
        }
    }

    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Disk {
    #[cfg(test)]
    pub fn with_faults(faults: Arc<dyn Faults>) -> Disk {
        Disk { faults }
    }

    /// Asks whether `operation` may go on. Writes ask for themselves.
    pub fn check(&self, operation: Operation) -> io::Result<()> {
        match self.faults.before(operation) {
            Verdict::Go => Ok(()),
            Verdict::Fail(error) | Verdict::Cut { error, .. } => Err(error),
        }
    }

    /// Takes the directory for this process, or says who has it.
    pub fn lock(&self, directory: &Path) -> Result<DirectoryLock, Error> {
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DirectoryLock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path: directory.to_owned() }),
            Err(error) => Err(failed("lock", &path)(error.into())),
        }
    }

    /// Creates the directory and those above it, durably.
    pub fn create_directory(&self, path: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(path).map_err(failed("create directory", path))?;
        self.sync_directory(path)?;
        path.parent()
            .filter(|p| !p.as_os_str().is_empty())
            .map_or(Ok(()), |p| self.sync_directory(p))
    }

    /// Makes the names in a directory durable.
    pub fn sync_directory(&self, path: &Path) -> Result<(), Error> {
        let directory = File::open(path).map_err(failed("open directory", path))?;
        directory.sync_all().map_err(failed("sync directory", path))
    }

    /// Makes a file's bytes durable.
    pub fn sync_file(&self, path: &Path) -> Result<(), Error> {
        let sync = || File::open(path)?.sync_all();
        sync().map_err(failed("sync", path))
    }

    /// Maps an immutable file into memory.
    pub fn map(&self, path: &Path) -> Result<MappedFile, Error> {
        let file = File::open(path).map_err(failed("open", path))?;
        // SAFETY: segment files are never changed once written, and the data directory is locked for this process.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed("map", path))?;
        Ok(MappedFile { bytes: Bytes::from_owner(map), path: Arc::from(path) })
    }

    pub fn file_bytes(&self, path: &Path) -> io::Result<u64> {
        std::fs::metadata(path).map(|metadata| metadata.len())
    }

    pub fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    pub fn remove_file(&self, path: &Path) -> Result<(), Error> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Copies a file, so that what is in it is kept whatever happens to the original.
    pub fn keep_copy(&self, from: &Path, to: &Path) -> Result<(), Error> {
        if to.exists() {
            return Ok(());
        }
        // On a full disk a second name is better than nothing.
        let copied = std::fs::copy(from, to).map(|_| ());
        copied.or_else(|_| std::fs::hard_link(from, to)).map_err(failed("copy", from))
    }

    /// Shortens a file, durably.
    pub fn truncate(&self, path: &Path, bytes: u64) -> Result<(), Error> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(bytes)?;
            file.sync_all()
        };
        cut().map_err(failed("truncate", path))
    }

    /// Files directly in a directory, sorted by name.
    pub fn list(&self, directory: &Path) -> Result<Vec<PathBuf>, Error> {
        let entries = || -> io::Result<Vec<PathBuf>> {
            std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
        };
        let mut paths = entries().map_err(failed("list", directory))?;
        paths.sort();
        Ok(paths)
    }

    pub fn space(&self, path: &Path) -> Result<Space, Error> {
        let stat = rustix::fs::statvfs(path)
            .map_err(|error| failed("ask free space of", path)(error.into()))?;
        Ok(Space { available: stat.f_bavail * stat.f_frsize, total: stat.f_blocks * stat.f_frsize })
    }

    /// Opens a file to be read in place.
    pub fn open_read(&self, path: &Path) -> Result<File, Error> {
        File::open(path).map_err(failed("open", path))
    }

    /// Creates a WAL file with room for `bytes`; its name is durable on return.
    pub fn create_wal(&self, path: &Path, bytes: u64) -> io::Result<WalFile> {
        self.check(Operation::AllocateWal)?;
        let (file, direct) = open_direct(path)?;
        let allocated = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes);
        match allocated {
            // File systems without preallocation grow the file as it is written.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => {
                let _ = std::fs::remove_file(path);
                return Err(error.into());
            }
        }
        file.sync_all()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(WalFile { file, path: path.to_owned(), direct, disk: self.clone() })
    }
}

/// Opens for direct writes where the file system can, buffered where not (tmpfs, some overlays).
fn open_direct(path: &Path) -> io::Result<(File, bool)> {
    let options = |flags: OFlags| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).custom_flags(flags.bits() as i32);
        options
    };
    match options(OFlags::DIRECT).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => {
            // The refused open may have created the file.
            let _ = std::fs::remove_file(path);
            Ok((options(OFlags::empty()).open(path)?, false))
        }
        Err(error) => Err(error),
    }
}

/// An open WAL file.
#[derive(Debug)]
pub(crate) struct WalFile {
    file: File,
    path: PathBuf,
    direct: bool,
    disk: Disk,
}

impl WalFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes whole blocks from an [`AlignedBuffer`] at a multiple of the block size.
    pub fn write(&mut self, blocks: &[u8], offset: u64) -> io::Result<()> {
        match self.disk.faults.before(Operation::WriteWal { bytes: blocks.len() }) {
            Verdict::Go => {}
            Verdict::Fail(error) => return Err(error),
            Verdict::Cut { bytes, error } => {
                let torn = OpenOptions::new().write(true).open(&self.path)?;
                torn.write_all_at(&blocks[..bytes.min(blocks.len())], offset)?;
                return Err(error);
            }
        }
        match self.file.write_all_at(blocks, offset) {
            Err(error) if self.direct && error.kind() == ErrorKind::InvalidInput => {
                self.file = OpenOptions::new().write(true).open(&self.path)?;
                self.direct = false;
                self.file.write_all_at(blocks, offset)
            }
            result => result,
        }
    }

    /// All bytes written so far are durable on return.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.check(Operation::SyncWal)?;
        rustix::fs::fdatasync(&self.file).map_err(io::Error::from)
    }

    /// Forgets everything from `bytes` on, durably.
    pub fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.disk.check(Operation::SyncWal)?;
        self.file.set_len(bytes)?;
        self.file.sync_all()
    }
}

/// Memory that direct writes accept.
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
}

impl AlignedBuffer {
    pub fn new(bytes: usize) -> AlignedBuffer {
        let memory = vec![0; bytes + BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES);
        AlignedBuffer { memory, start }
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        let end = self.memory.len() - BLOCK_BYTES + self.start;
        &mut self.memory[self.start..end]
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Error + 'a {
    move |source| Error::Disk { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_cannot_take_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let held = disk.lock(directory.path()).unwrap();
        assert!(matches!(disk.lock(directory.path()), Err(Error::Locked { .. })));
        drop(held);
        disk.lock(directory.path()).unwrap();
    }

    #[test]
    fn wal_files_take_aligned_writes_on_any_file_system() {
        for base in [Path::new("/dev/shm"), Path::new(".")] {
            let Ok(directory) = tempfile::tempdir_in(base) else { continue };
            let path = directory.path().join("1.wal");
            let mut file = Disk::default().create_wal(&path, 1 << 20).unwrap();
            let mut buffer = AlignedBuffer::new(2 * BLOCK_BYTES);
            buffer.bytes().fill(7);
            file.write(buffer.bytes(), BLOCK_BYTES as u64).unwrap();
            file.sync().unwrap();
            let read = std::fs::read(&path).unwrap();
            assert_eq!((read[4095], read[4096], read[3 * 4096 - 1]), (0, 7, 7));
        }
    }
}
