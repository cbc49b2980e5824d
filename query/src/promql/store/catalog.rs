//! The stored series of a snapshot, each once, with the labels it has in Prometheus's eyes.

use super::super::labels::Labels;
use super::Metadata;
use super::identity::{Origin, series_labels};
use super::naming::{Metric, Translation};
use crate::broken;
use crate::rows::{Columns, RowAttributes, SegmentRows, Shared, Wanted, ranges_of};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange, Value, wire};
use binnacle_storage::{Snapshot, Storage};
use std::collections::{HashMap, HashSet};
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
    pub metadata: Metadata,
}

/// Where remote-written series say their type.
const TYPE_KEY: &str = "prometheus.type";

/// What the series table says.
#[derive(Debug, Default)]
pub struct Catalog {
    pub series: Vec<StoredSeries>,
    /// Descriptions that came apart from any series, by metric name.
    pub described: Vec<(String, Metadata)>,
}

/// Reads all series of a snapshot.
pub async fn read(
    storage: &Storage,
    snapshot: &Snapshot,
    translation: Translation,
    stats: &Arc<QueryStats>,
) -> Result<Catalog, Error> {
    let mut reader = Reader {
        translation,
        seen: HashSet::new(),
        shared: Shared::default(),
        origins: HashMap::new(),
        catalog: Catalog::default(),
    };
    for chunk in snapshot.chunks(Table::Series, TimeRange::all()) {
        let rows = reader.new_rows(&chunk.records)?;
        reader.take(&chunk.records, &rows)?;
    }
    for segment in snapshot.segments(Table::Series, TimeRange::all()) {
        stats.add_segments(1, 0);
        let read = async {
            let rows = SegmentRows::open(segment.clone(), stats.clone()).await?;
            let all = u32::try_from(rows.metadata().file_metadata().num_rows()).unwrap_or(u32::MAX);
            reader.read_segment(&rows, all).await
        };
        if let Err(error) = read.await {
            broken::leave_out(storage, &segment, &error, stats).await;
        }
    }
    Ok(reader.catalog)
}

struct Reader {
    translation: Translation,
    seen: HashSet<SeriesId>,
    shared: Shared,
    origins: HashMap<(usize, usize), Arc<Origin>>,
    catalog: Catalog,
}

impl Reader {
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
        let is_new = |row: &usize| ids.id(*row).is_some_and(|id| self.seen.insert(SeriesId(id)));
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
                self.catalog.described.push((names.owned(row), metadata("unknown")));
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
            self.catalog.series.push(StoredSeries {
                id,
                labels,
                shape,
                is_delta: temporalities.value(row) == Some(i64::from(DELTA)),
                metadata: metadata(if origin.is_bare { "unknown" } else { kind }),
                origin,
            });
        }
        Ok(())
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
