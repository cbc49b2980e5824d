//! A page: series in the order of their ids, and as many of their points as it may hold.

use super::cursor::{Cursor, Given};
use super::exemplar::{Places, exemplars};
use super::find::{SeriesById, find_series};
use super::select::{self, Reader};
use super::{
    Point, SERIES_EXEMPLARS_MAX, SERIES_POINTS_MAX, Series, SeriesPoints, SeriesRequest, point,
};
use crate::Error;
use crate::rows::{Columns, Shared};
use binnacle_storage::model::SeriesId;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The series after `cursor`, at most `limit`, and the cursor of the next page if there is one.
pub(super) async fn page(
    reader: &Reader,
    request: &SeriesRequest,
    limit: usize,
    cursor: Option<Cursor>,
) -> Result<(Vec<SeriesPoints>, Option<Cursor>), Error> {
    // One more than the page holds tells whether there is a next one.
    let mut ids = matching_ids(reader, request, limit + 1, cursor).await?;
    let mut next = (ids.len() > limit).then(|| Cursor { series: ids[limit - 1], point: None });
    ids.truncate(limit);
    let series = described(reader, &ids).await?;
    ids.retain(|id| series.contains_key(id));
    let mut points = points(reader, request, &ids, cursor, &series).await?;
    if points.len() > SERIES_POINTS_MAX {
        points.truncate(SERIES_POINTS_MAX);
        next = last_given(&points, cursor);
        ids.retain(|id| next.is_some_and(|next| *id <= next.series));
    }
    let pages = with_exemplars(reader, ids, points, cursor, &series).await?;
    Ok((pages, next))
}

async fn matching_ids(
    reader: &Reader,
    request: &SeriesRequest,
    limit: usize,
    cursor: Option<Cursor>,
) -> Result<Vec<SeriesId>, Error> {
    let mut ids = Vec::new();
    for batch in reader.rows(&select::ids(request, cursor, limit)).await? {
        let column = Columns(&batch).fixed("series_id")?;
        ids.extend((0..batch.num_rows()).filter_map(|row| column.id(row).map(SeriesId)));
    }
    Ok(ids)
}

/// What the series are. One whose description cannot be read is left out, with a warning.
async fn described(reader: &Reader, ids: &[SeriesId]) -> Result<SeriesById, Error> {
    let storage = reader.engine.storage();
    let wanted = ids.iter().copied().collect();
    let mut shared = Shared::default();
    let series = find_series(storage, &reader.snapshot, wanted, &mut shared, &reader.stats).await?;
    if series.len() < ids.len() {
        let missing = ids.len() - series.len();
        reader.stats.warn(format!("{missing} series are left out: they could not be read"));
    }
    Ok(series)
}

/// The points of `ids` after `cursor`: at most one more than a page holds.
async fn points(
    reader: &Reader,
    request: &SeriesRequest,
    ids: &[SeriesId],
    cursor: Option<Cursor>,
    series: &HashMap<SeriesId, Arc<Series>>,
) -> Result<Vec<(SeriesId, Point)>, Error> {
    let mut points = Vec::new();
    if ids.is_empty() {
        return Ok(points);
    }
    let given = cursor.and_then(|cursor| Some((cursor.series, cursor.point?)));
    let given_count = given.map_or(0, |(_, given)| given.count);
    let limit = (SERIES_POINTS_MAX as u64 + 1).saturating_add(given_count);
    let mut skipped = 0;
    for batch in reader.rows(&select::points(request, ids, cursor, limit)).await? {
        for (id, point) in point::points(&batch, series)? {
            let is_given = given.is_some_and(|(of, given)| of == id && given.time == point.time.0);
            if is_given && skipped < given_count {
                skipped += 1;
            } else {
                points.push((id, point));
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(points)
}

/// The place of the last of `points`, counting those of its time that were given before.
fn last_given(points: &[(SeriesId, Point)], before: Option<Cursor>) -> Option<Cursor> {
    let (series, last) = points.last()?;
    let same = |(id, point): &&(SeriesId, Point)| id == series && point.time == last.time;
    let count = points.iter().rev().take_while(same).count() as u64;
    let before = before.filter(|before| before.series == *series);
    let before = before.and_then(|before| before.point).filter(|given| given.time == last.time.0);
    let count = count + before.map_or(0, |given| given.count);
    Some(Cursor { series: *series, point: Some(Given { time: last.time.0, count }) })
}

async fn with_exemplars(
    reader: &Reader,
    ids: Vec<SeriesId>,
    points: Vec<(SeriesId, Point)>,
    cursor: Option<Cursor>,
    series: &SeriesById,
) -> Result<Vec<SeriesPoints>, Error> {
    let mut places: Places = points.iter().map(|(id, point)| (*id, point.time.0)).collect();
    // The exemplars of a time that the page before began were given with it.
    if let Some(Cursor { series, point: Some(given) }) = cursor {
        places.remove(&(series, given.time));
    }
    let (storage, stats) = (reader.engine.storage(), &reader.stats);
    let (found, more) =
        exemplars(storage, &reader.snapshot, &places, SERIES_EXEMPLARS_MAX, stats).await?;
    if more {
        stats.warn(format!(
            "there are more exemplars than {SERIES_EXEMPLARS_MAX}; the rest is left out"
        ));
        stats.mark_truncated();
    }
    let mut pages: BTreeMap<SeriesId, SeriesPoints> = ids
        .into_iter()
        .filter_map(|id| {
            let series = series.get(&id)?.clone();
            Some((id, SeriesPoints { id, series, points: Vec::new(), exemplars: Vec::new() }))
        })
        .collect();
    for (id, point) in points {
        if let Some(page) = pages.get_mut(&id) {
            page.points.push(point);
        }
    }
    for (id, exemplar) in found {
        if let Some(page) = pages.get_mut(&id) {
            page.exemplars.push(exemplar);
        }
    }
    for page in pages.values_mut() {
        page.exemplars.sort_by_key(|one| (one.point_time, one.time, one.trace_id, one.span_id));
    }
    Ok(pages.into_values().collect())
}
