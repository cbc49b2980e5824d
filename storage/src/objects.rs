//! Objects: segment files in the object store, by the path that `FORMAT.md` describes.
//!
//! A file is durable, with all directories above it, before the catalog learns of it. The local store's own `put` does
//! not sync, so it is done here.

use crate::Error;
use crate::disk::{Disk, Operation};
use crate::model::Timestamp;
use crate::segment::{ObjectReader, Segment, SegmentId, SegmentInfo};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// First path element: the version of the layout.
const LAYOUT: &str = "v1";

/// Directory of rollup files, beside those of the tables.
const ROLLUPS: &str = "rollups";

/// The files of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Parquet,
    Index,
    Rollup,
}

impl Part {
    fn extension(self) -> &'static str {
        match self {
            Part::Parquet => "parquet",
            Part::Index => "idx",
            Part::Rollup => "parquet",
        }
    }
}

/// The store that segments live in. Calls block, and are made on threads of our own.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    root: PathBuf,
    disk: Disk,
}

impl Objects {
    /// Opens the local directory `root`, which exists.
    pub fn open(root: &Path, disk: Disk) -> Result<Objects, Error> {
        let store = LocalFileSystem::new_with_prefix(root).map_err(|source| Error::Object {
            action: "open",
            path: root.display().to_string(),
            source,
        })?;
        Ok(Objects { store: Arc::new(store), root: root.to_owned(), disk })
    }

    /// Writes a file; it is durable on return.
    pub fn put(&self, info: &SegmentInfo, part: Part, bytes: Bytes) -> Result<(), Error> {
        let path = object_path(info, part);
        self.ask("write", &path, Operation::PutObject)?;
        block_on(self.store.put(&path, bytes.into())).map_err(failed("write", &path))?;
        self.ask("sync", &path, Operation::SyncObject)?;
        let file = self.file(&path);
        self.disk.sync_file(&file)?;
        let above =
            file.ancestors().skip(1).take_while(|directory| directory.starts_with(&self.root));
        above.into_iter().try_for_each(|directory| self.disk.sync_directory(directory))
    }

    /// Deletes the files of a segment; missing ones are fine.
    pub fn delete(&self, info: &SegmentInfo) -> Result<(), Error> {
        [Part::Parquet, Part::Index, Part::Rollup]
            .into_iter()
            .try_for_each(|part| self.delete_path(&object_path(info, part)))
    }

    pub fn delete_path(&self, path: &ObjectPath) -> Result<(), Error> {
        self.ask("delete", path, Operation::DeleteObject)?;
        match block_on(self.store.delete(path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete", path)(error)),
        }
    }

    /// A segment to be read; [`Error::Corrupt`] when a file is missing or has not the length it was written with.
    pub fn open_segment(&self, info: SegmentInfo) -> Result<Segment, Error> {
        let parquet = match info.has_rows() {
            true => self.open_object(&info, Part::Parquet, info.bytes)?,
            false => ObjectReader::Memory(Bytes::new()),
        };
        let index = self.open_optional(&info, Part::Index, info.index_bytes)?;
        let rollup = self.open_optional(&info, Part::Rollup, info.rollup_bytes)?;
        Ok(Segment::new(info, parquet, index, rollup))
    }

    /// A segment whose files are not there: it keeps its place in lists, and reading it fails.
    pub fn unreadable_segment(&self, info: SegmentInfo) -> Segment {
        Segment::new(info, ObjectReader::Memory(Bytes::new()), None, None)
    }

    /// A file that a segment can do without.
    fn open_optional(
        &self,
        info: &SegmentInfo,
        part: Part,
        bytes: u64,
    ) -> Result<Option<ObjectReader>, Error> {
        if bytes == 0 {
            return Ok(None);
        }
        match self.open_object(info, part, bytes) {
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(%error, ?part, "a file beside a segment is missing or cut, reading without it");
                Ok(None)
            }
            object => object.map(Some),
        }
    }

    fn open_object(
        &self,
        info: &SegmentInfo,
        part: Part,
        bytes: u64,
    ) -> Result<ObjectReader, Error> {
        let path = object_path(info, part);
        let file = self.file(&path);
        let corrupt = |detail: String| Error::Corrupt { id: info.id.0.to_string(), detail };
        match self.disk.file_bytes(&file) {
            Ok(found) if found == bytes => {}
            Ok(found) => {
                return Err(corrupt(format!("{path} has {found} bytes, {bytes} were written")));
            }
            Err(error) => return Err(corrupt(format!("{path} cannot be opened: {error}"))),
        }
        // The kernel limits how many files a process maps; the rest is read by ranges.
        let remote = |_| ObjectReader::Remote { store: self.store.clone(), path, size: bytes };
        Ok(self.disk.map(&file).map_or_else(remote, ObjectReader::Mapped))
    }

    /// Segment files last changed before `until`.
    pub fn list_older(
        &self,
        until: Timestamp,
    ) -> Result<Vec<(ObjectPath, Option<SegmentId>)>, Error> {
        let prefix = ObjectPath::from(LAYOUT);
        let listed = block_on(self.store.list(Some(&prefix)).try_collect::<Vec<_>>());
        let objects = listed.map_err(failed("list", &prefix))?;
        let is_old = |nanos: Option<i64>| nanos.is_some_and(|nanos| nanos < until.0);
        let old = objects.into_iter().filter(|o| is_old(o.last_modified.timestamp_nanos_opt()));
        Ok(old.map(|object| (object.location.clone(), segment_id(&object.location))).collect())
    }

    fn file(&self, path: &ObjectPath) -> PathBuf {
        self.root.join(path.as_ref())
    }

    fn ask(
        &self,
        action: &'static str,
        path: &ObjectPath,
        operation: Operation,
    ) -> Result<(), Error> {
        self.disk.check(operation).map_err(|error| {
            failed(action, path)(object_store::Error::Generic {
                store: "disk",
                source: Box::new(error),
            })
        })
    }
}

fn failed<'a>(
    action: &'static str,
    path: &'a ObjectPath,
) -> impl Fn(object_store::Error) -> Error + 'a {
    move |source| Error::Object { action, path: path.to_string(), source }
}

/// `v1/<table>/tenant=<tenant>/day=<YYYY-MM-DD>/<id>.<extension>`; rollups have a place of their own, so that whoever reads
/// all Parquet files of a table reads rows of one kind.
pub(crate) fn object_path(info: &SegmentInfo, part: Part) -> ObjectPath {
    ObjectPath::from(format!(
        "{LAYOUT}/{}/tenant={}/day={}/{}.{}",
        if part == Part::Rollup { ROLLUPS } else { info.table.name() },
        info.tenant,
        date(info.day),
        info.id.0,
        part.extension()
    ))
}

fn segment_id(path: &ObjectPath) -> Option<SegmentId> {
    let (name, _) = path.filename()?.split_once('.')?;
    name.parse().ok().map(SegmentId)
}

/// `YYYY-MM-DD` of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn date(day: i32) -> String {
    let days = i64::from(day) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (106_751, "2262-04-11"),
        ];
        for (day, text) in cases {
            assert_eq!(date(day), text);
        }
    }
}
