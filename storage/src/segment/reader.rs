//! Reading a segment: metadata, byte ranges, and the questions that the sidecar answers.

use super::attributes::{AttributeKeys, Listing, METADATA_KEY};
use super::file::SegmentFile;
use super::object::ObjectReader;
use super::schema::{SCHEMA_VERSION, SCHEMA_VERSION_KEY, THINNED_KEY};
use super::sidecar::{self, Directory, TRACE_SECTION, TRAILER_BYTES, Trailer};
use super::source::Source;
use super::spans::{each_trace, spans};
use super::trace_index::TraceIndex;
use super::value_filter::{VALUE_SECTION, ValueFilters};
use super::{SegmentInfo, trace_scan};
use crate::Error;
use crate::log_index::{IndexQuery, WORD_SECTION, WordIndex};
use crate::model::TraceId;
use crate::rollup::{Rollup, encode};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A readable segment. Opening costs nothing; metadata and index are read when first asked for and kept.
#[derive(Debug)]
pub struct Segment {
    info: SegmentInfo,
    parquet: ObjectReader,
    index: Option<ObjectReader>,
    rollup_file: Option<ObjectReader>,
    rollup: OnceCell<Bytes>,
    metadata: OnceCell<Arc<ParquetMetaData>>,
    attributes: OnceCell<Arc<AttributeKeys>>,
    directory: OnceCell<Option<Directory>>,
    traces: OnceCell<Option<TraceIndex>>,
    words: OnceCell<Option<Arc<WordIndex>>>,
    values: OnceCell<Option<Arc<ValueFilters>>>,
}

impl Segment {
    /// `index` is `None` when there is no sidecar, `rollup` when there is no rollup file.
    pub fn new(
        info: SegmentInfo,
        parquet: ObjectReader,
        index: Option<ObjectReader>,
        rollup: Option<ObjectReader>,
    ) -> Segment {
        Segment {
            info,
            parquet,
            index,
            rollup_file: rollup,
            rollup: OnceCell::new(),
            metadata: OnceCell::new(),
            attributes: OnceCell::new(),
            directory: OnceCell::new(),
            traces: OnceCell::new(),
            words: OnceCell::new(),
            values: OnceCell::new(),
        }
    }

    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// Reads the whole file, for compaction.
    pub async fn load(&self) -> Result<SegmentFile, Error> {
        // The tail's checksum is known only here; everything before it has one in the tail.
        self.metadata().await?;
        let parquet = self.parquet.read_all().await.map_err(|error| self.named(error))?;
        SegmentFile::open(&self.info.id.0.to_string(), self.info.table, parquet)
    }

    /// The Parquet metadata with the page index.
    pub async fn metadata(&self) -> Result<Arc<ParquetMetaData>, Error> {
        let metadata = self.metadata.get_or_try_init(|| self.read_metadata()).await;
        metadata.cloned().map_err(|error| self.named(error))
    }

    async fn read_metadata(&self) -> Result<Arc<ParquetMetaData>, Error> {
        let size = self.parquet.size();
        if size != self.info.bytes {
            let detail = format!("the file has {size} bytes instead of {}", self.info.bytes);
            return Err(self.corrupt(detail));
        }
        let start = size
            .checked_sub(self.info.footer_bytes)
            .ok_or_else(|| self.corrupt("the footer is larger than the file".into()))?;
        let tail = self.read_one(&self.parquet, start..size).await?;
        if crc32c::crc32c(&tail) != self.info.footer_crc32c {
            return Err(self.corrupt("the footer does not match its checksum".into()));
        }
        let metadata = decode(size, start, tail).map_err(|detail| self.corrupt(detail))?;
        if metadata.file_metadata().num_rows() as u64 != self.info.rows {
            return Err(self.corrupt("the file has another number of rows".into()));
        }
        let version = key_value(&metadata, SCHEMA_VERSION_KEY).and_then(|text| text.parse().ok());
        if version.is_none_or(|version: u32| version > SCHEMA_VERSION) {
            let newest = format!("the file is not of a version up to {SCHEMA_VERSION}");
            return Err(self.corrupt(newest));
        }
        Ok(Arc::new(metadata))
    }

    /// The rule by which rows were left out of it, if any were.
    pub(crate) async fn thinned_by(&self) -> Result<Option<String>, Error> {
        Ok(key_value(&*self.metadata().await?, THINNED_KEY).map(str::to_owned))
    }

    /// Byte ranges of the Parquet file.
    pub fn read(&self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, Error>> {
        async move { self.parquet.read(&ranges).await.map_err(|error| self.named(error)) }.boxed()
    }

    pub async fn attributes(&self) -> Result<Arc<AttributeKeys>, Error> {
        let read = || async {
            let metadata = self.metadata().await?;
            let listing = key_value(&metadata, METADATA_KEY).unwrap_or_default();
            let listing = Listing::parse(listing).map_err(|detail| self.corrupt(detail))?;
            Ok(Arc::new(listing.keys()))
        };
        self.attributes.get_or_try_init(read).await.cloned()
    }

    /// Rows (ascending) outside of which none has this trace id. Nearly always they all have it: the index knows a hash of
    /// the id. Without a trace index, or with a damaged one, the column is read.
    pub async fn trace_rows(&self, id: TraceId) -> Result<Vec<u32>, Error> {
        if !self.info.table.has_trace_index() {
            return Ok(Vec::new());
        }
        let open = || async {
            self.unless_damaged(self.open_traces().await.map_err(|error| self.named(error)))
        };
        let index = self.traces.get_or_try_init(open).await?;
        let rows =
            || self.check_index().and_then(|()| index.as_ref().map(|i| i.rows(id)).transpose());
        if let Some(rows) = self.unless_damaged(rows())? {
            return Ok(rows);
        }
        let metadata = self.metadata().await?;
        trace_scan::rows(metadata, self, id).await.map_err(|error| self.named(error))
    }

    /// What its spans add up to, in the bytes of a rollup file. Without that file, or with a damaged one, it is made of the
    /// rows.
    pub async fn rollup(&self) -> Result<Bytes, Error> {
        let read = || async {
            match self
                .unless_damaged(self.read_rollup().await.map_err(|error| self.named(error)))?
            {
                Some(rollup) => Ok(rollup),
                None => self.make_rollup().await,
            }
        };
        let rollup = self.rollup.get_or_try_init(read).await?;
        let checked = self.rollup_file.as_ref().map_or(Ok(()), ObjectReader::check);
        checked.map_err(|error| self.named(error))?;
        Ok(rollup.clone())
    }

    async fn read_rollup(&self) -> Result<Option<Bytes>, Error> {
        let Some(file) = &self.rollup_file else { return Ok(None) };
        let bytes = file.read_all().await?;
        if crc32c::crc32c(&bytes) != self.info.rollup_crc32c {
            return Err(self.corrupt("the rollup does not match its checksum".into()));
        }
        Ok(Some(bytes))
    }

    async fn make_rollup(&self) -> Result<Bytes, Error> {
        let file = self.load().await?;
        let rows: Vec<u32> = (0..file.rows()).collect();
        let spans = spans(&[Source::File(&file)], &rows, rows.len())?;
        encode(&Rollup::of(&spans, 0..rows.len() as u32)?)
    }

    /// Calls `visit` with the first bits of each trace id's hash and the rows that may have it. Returns how many bits are
    /// known of a hash; the others are zero.
    pub(crate) async fn each_trace(
        &self,
        visit: &mut (dyn FnMut(u64, &[u32]) + Send),
    ) -> Result<u32, Error> {
        let open = || async {
            self.unless_damaged(self.open_traces().await.map_err(|error| self.named(error)))
        };
        let index = self.traces.get_or_try_init(open).await?;
        let checked = self.check_index().map(|()| index.clone());
        if let Some(index) = self.unless_damaged(checked)? {
            // A list that breaks off midway cannot be read again without it: what was visited stays visited.
            index.each(visit).map_err(|error| self.named(error))?;
            return Ok(index.known_bits());
        }
        let file = self.load().await?;
        let rows: Vec<u32> = (0..file.rows()).collect();
        each_trace(self.info.table, &[Source::File(&file)], &rows, visit)
    }

    /// A damaged index is as good as none: it only says sooner what the file says.
    fn unless_damaged<T>(&self, read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
        match read {
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(segment = %self.info.id.0, %error, "index is damaged, reading without it");
                Ok(None)
            }
            read => read,
        }
    }

    async fn open_traces(&self) -> Result<Option<TraceIndex>, Error> {
        self.section(TRACE_SECTION).await?.map(TraceIndex::open).transpose()
    }

    /// Row ranges (ascending, apart) outside of which no row's body can match; `None` when the index cannot tell.
    pub async fn candidates(&self, query: &IndexQuery) -> Result<Option<Vec<Range<u32>>>, Error> {
        if *query == IndexQuery::Anything || !self.info.table.has_log_index() {
            return Ok(None);
        }
        let open = || async {
            self.unless_damaged(self.open_words().await.map_err(|error| self.named(error)))
        };
        let index = self.words.get_or_try_init(open).await?;
        let checked = self.check_index().map(|()| index.clone());
        let Some(index) = self.unless_damaged(checked)? else {
            return Ok(None);
        };
        let query = query.clone();
        // Searching may wait for a page of a mapped file.
        let found = blocking(move || index.candidates(&query));
        self.unless_damaged(found.await.map_err(|error| self.named(error)))
    }

    /// Row ranges (ascending) outside of which no row's column of the attribute `key` has this text; `None` when nothing is known of
    /// it. What is not in the column ([`AttributeKeys::may_be_in_rest`]) it does not tell.
    pub async fn rows_with_value(
        &self,
        key: &str,
        value: &str,
    ) -> Result<Option<Vec<Range<u32>>>, Error> {
        let open = || async {
            self.unless_damaged(self.open_values().await.map_err(|error| self.named(error)))
        };
        let filters = self.values.get_or_try_init(open).await?;
        let checked = self.check_index().map(|()| filters.clone());
        let filters = self.unless_damaged(checked)?;
        Ok(filters.and_then(|filters| filters.rows_with(key, value)))
    }

    async fn open_values(&self) -> Result<Option<Arc<ValueFilters>>, Error> {
        let Some(section) = self.section(VALUE_SECTION).await? else { return Ok(None) };
        let rows = u32::try_from(self.info.rows)
            .map_err(|_| self.corrupt("it has too many rows".into()))?;
        Ok(Some(Arc::new(ValueFilters::open(section, rows)?)))
    }

    async fn open_words(&self) -> Result<Option<Arc<WordIndex>>, Error> {
        let section = self.section(WORD_SECTION).await?;
        let rows = u32::try_from(self.info.rows).ok();
        Ok(section.zip(rows).and_then(|(bytes, rows)| WordIndex::open(bytes, rows)).map(Arc::new))
    }

    /// Bytes of a section of the sidecar, checked; `None` when there is none.
    async fn section(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let (Some(directory), Some(index)) = (self.directory().await?, &self.index) else {
            return Ok(None);
        };
        let Some(section) = directory.get(name) else {
            return Ok(None);
        };
        let bytes = self.read_one(index, section.start..section.start + section.length).await?;
        section.check(name, bytes).map(Some)
    }

    /// The sidecar's sections; `None` without a sidecar that this version can read.
    async fn directory(&self) -> Result<Option<&Directory>, Error> {
        let read = || async {
            let Some(index) = &self.index else {
                return Ok(None);
            };
            let Some(end) = index.size().checked_sub(TRAILER_BYTES as u64) else {
                return Err(sidecar::corrupt("the index is shorter than its trailer".into()));
            };
            let trailer = self.read_one(index, end..index.size()).await?;
            let Trailer::Known { directory_bytes, crc32c } = sidecar::read_trailer(&trailer)?
            else {
                return Ok(None);
            };
            let Some(start) = end.checked_sub(u64::from(directory_bytes)) else {
                return Err(sidecar::corrupt("the directory is larger than the index".into()));
            };
            let bytes = self.read_one(index, start..end).await?;
            sidecar::read_directory(&bytes, crc32c, start).map(Some)
        };
        Ok(self.directory.get_or_try_init(read).await?.as_ref())
    }

    /// Sections are kept as they were read: in a mapped file, which may have been cut since.
    fn check_index(&self) -> Result<(), Error> {
        self.index.as_ref().map_or(Ok(()), ObjectReader::check).map_err(|error| self.named(error))
    }

    async fn read_one(&self, object: &ObjectReader, range: Range<u64>) -> Result<Bytes, Error> {
        let mut read = object.read(std::slice::from_ref(&range)).await?;
        read.pop().ok_or_else(|| self.corrupt("nothing was read".into()))
    }

    fn corrupt(&self, detail: String) -> Error {
        Error::Corrupt { id: self.info.id.0.to_string(), detail }
    }

    /// The same error, naming this segment.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::Corrupt { detail, .. } => self.corrupt(detail),
            other => other,
        }
    }
}

/// Decodes the tail of a file of `size` bytes, which begins at `start` with the page index.
fn decode(size: u64, start: u64, tail: Bytes) -> Result<ParquetMetaData, String> {
    let words = |error: parquet::errors::ParquetError| error.to_string();
    let mut decoder = ParquetMetaDataPushDecoder::try_new(size)
        .map_err(words)?
        .with_page_index_policy(PageIndexPolicy::Required);
    decoder.push_range(start..size, tail).map_err(words)?;
    match decoder.try_decode().map_err(words)? {
        DecodeResult::Data(metadata) => Ok(metadata),
        DecodeResult::NeedsData(_) | DecodeResult::Finished => {
            Err("the page index is not where it should be".into())
        }
    }
}

fn key_value<'a>(metadata: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let entries = metadata.file_metadata().key_value_metadata()?;
    entries.iter().find(|entry| entry.key == key)?.value.as_deref()
}

/// Runs `work` off the runtime's own threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Corrupt { id: String::new(), detail: error.to_string() })?
}
