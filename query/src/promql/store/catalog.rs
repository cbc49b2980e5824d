//! The stored series of a snapshot, each once, with the labels it has in Prometheus's eyes.
//!
//! Segments never change, so what they say is kept from query to query; the few buffered rows are read each time.

use super::super::labels::{Labels, METRIC_NAME, MatchOp, Matcher};
use super::Metadata;
use super::cache::{CatalogCache, Known};
use super::identity::{Origin, series_labels};
use super::naming::{Metric, Translation};
use super::shape::suffixes;
use crate::broken;
use crate::rows::{Columns, RowAttributes, SegmentRows, Shared, Wanted, ranges_of};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange, Value, wire};
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// OTLP's number of delta temporality.
const DELTA: i32 = 1;

/// What the points of a series hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Floats, or Prometheus's native histograms.
    Samples,
    /// Counts between explicit bounds: answered as classic histograms.
    Classic,
    Exponential,
    Summary,
}

#[derive(Debug, Clone)]
pub struct StoredSeries {
    pub id: SeriesId,
    /// With the name of the metric; histograms and summaries add suffixes to it.
    pub labels: Labels,
    pub shape: Shape,
    /// Every point says what came since the one before.
    pub is_delta: bool,
    pub origin: Arc<Origin>,
    pub metadata: Arc<Metadata>,
}

/// Where remote-written series say their type.
const TYPE_KEY: &str = "prometheus.type";

/// What the series table says.
#[derive(Debug)]
pub struct Catalog {
    buffered: Layer,
    /// What the buffered rows say of a series counts for it.
    stored: Arc<Layer>,
}

/// What some rows of the series table say.
#[derive(Debug, Default, Clone)]
pub struct Layer {
    /// Sorted by labels.
    pub series: Vec<StoredSeries>,
    /// Places in `series` by name of the metric.
    names: HashMap<Arc<str>, Vec<usize>>,
    seen: HashSet<SeriesId>,
    /// Descriptions that came apart from any series, by metric name.
    described: Vec<(String, Arc<Metadata>)>,
}

impl Catalog {
    pub fn series(&self) -> impl Iterator<Item = &StoredSeries> {
        let stored = self.stored.series.iter();
        self.buffered.series.iter().chain(stored.filter(|series| self.is_latest(series)))
    }

    pub fn described(&self) -> impl Iterator<Item = &(String, Arc<Metadata>)> {
        self.buffered.described.iter().chain(&self.stored.described)
    }

    /// The series that may meet the matchers, sorted by labels: all of their name, if they ask for one.
    pub fn candidates(&self, matchers: &[Matcher]) -> Vec<&StoredSeries> {
        let by_name = matchers.iter().find(|matcher| {
            &*matcher.name == METRIC_NAME
                && matcher.op == MatchOp::Equal
                && !matcher.value.is_empty()
        });
        let Some(name) = by_name.map(|matcher| &*matcher.value) else {
            let mut all: Vec<&StoredSeries> = self.series().collect();
            all.sort_by(|a, b| a.labels.cmp(&b.labels));
            return all;
        };
        let mut found = self.buffered.named(name);
        let stored = self.stored.named(name).into_iter().filter(|series| self.is_latest(series));
        found.extend(stored);
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    fn is_latest(&self, stored: &StoredSeries) -> bool {
        self.buffered.seen.is_empty() || !self.buffered.seen.contains(&stored.id)
    }
}

impl Layer {
    /// The series that are answered under `name`, of which some shapes add a suffix to the metric's.
    fn named(&self, name: &str) -> Vec<&StoredSeries> {
        let shapes = [Shape::Samples, Shape::Classic, Shape::Exponential, Shape::Summary];
        let all: BTreeSet<&str> =
            shapes.iter().flat_map(|shape| suffixes(*shape)).copied().collect();
        let stems = all.into_iter().filter_map(|suffix| name.strip_suffix(suffix));
        let places = stems.filter_map(|stem| self.names.get(stem)).flatten();
        places.map(|place| &self.series[*place]).collect()
    }

    /// Sorts and indexes what has been taken.
    fn finish(&mut self) {
        self.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        self.names.clear();
        for (place, series) in self.series.iter().enumerate() {
            match self.names.get_mut(series.labels.metric_name()) {
                Some(places) => places.push(place),
                None => {
                    self.names.insert(series.labels.metric_name().into(), vec![place]);
                }
            }
        }
    }

    /// Roughly the bytes it takes in memory.
    pub fn size(&self) -> usize {
        // Tables, ids, and what an allocation takes beside its bytes.
        const SERIES: usize = 256;
        const LABEL: usize = 96;
        let labels = |series: &StoredSeries| {
            let texts = series.labels.iter().map(|(name, value)| name.len() + value.len() + LABEL);
            texts.sum::<usize>()
        };
        self.series.iter().map(|series| SERIES + labels(series)).sum::<usize>()
            + self.described.len() * SERIES
    }
}

/// Reads all series of a snapshot.
pub async fn read(
    storage: &Storage,
    snapshot: &Snapshot,
    (translation, cache): (Translation, &CatalogCache),
    stats: &Arc<QueryStats>,
) -> Result<Catalog, Error> {
    let mut reader = Reader::new(translation, Layer::default());
    for chunk in snapshot.chunks(Table::Series, TimeRange::all()) {
        let rows = reader.new_rows(&chunk.records)?;
        reader.take(&chunk.records, &rows)?;
    }
    let buffered = reader.finish();
    let segments = snapshot.segments(Table::Series, TimeRange::all());
    let ids = segments.iter().map(|segment| segment.info().id).collect();
    let known = cache.find(&snapshot.tenant, &ids);
    if known.segments == ids {
        stats.add_segments(ids.len() as u64, 0);
        return Ok(Catalog { buffered, stored: known.layer });
    }
    let mut reader = Reader::new(translation, known.layer.as_ref().clone());
    let mut is_whole = true;
    for segment in segments {
        stats.add_segments(1, 0);
        if known.segments.contains(&segment.info().id) {
            continue;
        }
        let read = async {
            let rows = SegmentRows::open(segment.clone(), stats.clone()).await?;
            let all = u32::try_from(rows.metadata().file_metadata().num_rows()).unwrap_or(u32::MAX);
            reader.read_segment(&rows, all).await
        };
        if let Err(error) = read.await {
            broken::leave_out(storage, &segment, &error, stats).await;
            is_whole = false;
        }
    }
    let stored = Arc::new(reader.finish());
    if is_whole {
        cache.keep(&snapshot.tenant, Known { segments: ids, layer: stored.clone() });
    }
    Ok(Catalog { buffered, stored })
}

struct Reader {
    translation: Translation,
    shared: Shared,
    origins: HashMap<(usize, usize), Arc<Origin>>,
    metadata: HashSet<Arc<Metadata>>,
    layer: Layer,
}

impl Reader {
    /// Adds to what `layer` has already.
    fn new(translation: Translation, layer: Layer) -> Reader {
        Reader {
            translation,
            shared: Shared::default(),
            origins: HashMap::new(),
            metadata: HashSet::new(),
            layer,
        }
    }

    fn finish(mut self) -> Layer {
        self.layer.finish();
        self.layer
    }

    /// The ids first, which are few bytes; then only the rows of series not known yet.
    async fn read_segment(&mut self, rows: &SegmentRows, count: u32) -> Result<(), Error> {
        let everything = std::iter::once(0..count).collect::<Vec<_>>();
        let ids = rows.read(Wanted::Named(&["series_id".to_owned()]), &everything).await?;
        let mut wanted = Vec::new();
        let mut first = 0u32;
        for batch in &ids {
            let new = self.new_rows(batch)?;
            wanted.extend(new.into_iter().map(|row| first + row as u32));
            first += batch.num_rows() as u32;
        }
        if wanted.is_empty() {
            return Ok(());
        }
        for batch in rows.read(Wanted::All, &ranges_of(wanted)).await? {
            self.take(&batch, &(0..batch.num_rows()).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn new_rows(&mut self, batch: &RecordBatch) -> Result<Vec<usize>, Error> {
        let ids = Columns(batch).fixed("series_id")?;
        let is_new =
            |row: &usize| ids.id(*row).is_some_and(|id| self.layer.seen.insert(SeriesId(id)));
        Ok((0..batch.num_rows()).filter(is_new).collect())
    }

    fn take(&mut self, batch: &RecordBatch, rows: &[usize]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns = Columns(batch);
        let (ids, names) = (columns.fixed("series_id")?, columns.text("name")?);
        let (kinds, units) = (columns.text("type")?, columns.text("unit")?);
        let (helps, metadatas) = (columns.text("description")?, columns.bytes("metadata")?);
        let (temporalities, monotonic) =
            (columns.int("temporality")?, columns.int("is_monotonic")?);
        let (resources, scopes) = (columns.bytes("resource")?, columns.bytes("scope")?);
        let attributes = RowAttributes::of(batch)?;
        for &row in rows {
            let Some(id) = ids.id(row).map(SeriesId) else { continue };
            let stored_kind = kinds.value(row).unwrap_or_default();
            let is_monotonic = monotonic.value(row) == Some(1);
            let metadata = |kind: &str| Metadata {
                kind: said_type(metadatas.value(row)).unwrap_or(kind).to_owned(),
                help: helps.owned(row),
                unit: units.owned(row),
            };
            let Some((shape, kind)) = shape_of(stored_kind, is_monotonic) else {
                let metadata = self.shared_metadata(metadata("unknown"));
                self.layer.described.push((names.owned(row), metadata));
                continue;
            };
            let origin = self.origin(resources.value(row), scopes.value(row))?;
            let metric = Metric {
                name: names.value(row).unwrap_or_default(),
                unit: units.value(row).unwrap_or_default(),
                is_counter: kind == "counter",
                is_gauge: stored_kind == "gauge",
            };
            let labels = series_labels(metric, &attributes.read(row)?, &origin, self.translation);
            // Of series without a resource, these two are what remote write makes of a series whose type it does not say.
            let is_unsaid = origin.is_bare && matches!(stored_kind, "gauge" | "native_histogram");
            let metadata = self.shared_metadata(metadata(if is_unsaid { "unknown" } else { kind }));
            self.layer.series.push(StoredSeries {
                id,
                labels,
                shape,
                is_delta: temporalities.value(row) == Some(i64::from(DELTA)),
                metadata,
                origin,
            });
        }
        Ok(())
    }

    fn shared_metadata(&mut self, metadata: Metadata) -> Arc<Metadata> {
        if let Some(known) = self.metadata.get(&metadata) {
            return known.clone();
        }
        let metadata = Arc::new(metadata);
        self.metadata.insert(metadata.clone());
        metadata
    }

    fn origin(
        &mut self,
        resource: Option<&[u8]>,
        scope: Option<&[u8]>,
    ) -> Result<Arc<Origin>, Error> {
        let (resource, scope) = (self.shared.resource(resource)?, self.shared.scope(scope)?);
        let key = (Arc::as_ptr(&resource) as usize, Arc::as_ptr(&scope) as usize);
        let translation = self.translation;
        let origin = self.origins.entry(key);
        Ok(origin.or_insert_with(|| Arc::new(Origin::of(&resource, &scope, translation))).clone())
    }
}

/// The type a remote-written series came with.
fn said_type(metadata: Option<&[u8]>) -> Option<&str> {
    let said =
        wire::attributes(metadata?).filter_map(Result::ok).find(|said| said.key == TYPE_KEY)?;
    match said.value {
        Value::String(kind) => Some(kind),
        _ => None,
    }
}

fn shape_of(kind: &str, is_monotonic: bool) -> Option<(Shape, &'static str)> {
    Some(match kind {
        "metadata" => return None,
        "sum" if is_monotonic => (Shape::Samples, "counter"),
        "gauge" | "sum" => (Shape::Samples, "gauge"),
        "histogram" => (Shape::Classic, "histogram"),
        "exponential_histogram" => (Shape::Exponential, "histogram"),
        "native_histogram" => (Shape::Samples, "histogram"),
        "summary" => (Shape::Summary, "summary"),
        _ => (Shape::Samples, "unknown"),
    })
}
