//! Float samples of chosen series, read from segments straight into one slice per series.
//!
//! Most series have nothing but floats. What comes after it in a segment, a series' rows, is found first, in all segments,
//! so that a series' samples get their memory at once, and each segment writes to its own part of it. Whatever is not that
//! simple is left to [`super::points`]: histograms, samples of one time in several segments, files this cannot read.

use super::super::labels::Labels;
use super::super::parallel;
use super::super::series::{STALE, Samples, is_stale};
use super::points::{Points, Value};
use crate::numbers::{Ids, Numbers, Unreadable};
use crate::rows::rows_with_ids;
use crate::{Error, QueryStats};
use binnacle_storage::Snapshot;
use binnacle_storage::model::{SeriesId, Table, TimeRange};
use binnacle_storage::segment::Segment;
use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

const MILLISECOND: i64 = 1_000_000;

/// OTLP's flag of a point that says its series has gone.
const NO_RECORDED_VALUE: u64 = 1;

/// The float samples of one series: ascending times in Unix milliseconds, each once.
#[derive(Debug, Default)]
pub struct Floats {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// When each counter began; 0 is unknown. Empty when none is known.
    pub starts: Vec<i64>,
}

impl Floats {
    /// Roughly the bytes they take in memory.
    pub fn size(&self) -> usize {
        self.times.len() * 16 + self.starts.len() * 8
    }

    pub fn into_samples(self, labels: Labels) -> Samples {
        let Floats { times, values, starts } = self;
        Samples { labels, times, values, starts, ..Samples::default() }
    }

    /// Adds buffered points if they are later floats, else gives them back.
    pub fn append(&mut self, points: Points) -> Option<Points> {
        let points = points.sorted();
        let last = self.times.last().copied().unwrap_or(i64::MIN);
        let is_later = points.times.first().is_none_or(|first| *first > last);
        let has_histogram =
            points.values.iter().any(|value| matches!(value, Value::Distribution(_)));
        if !is_later || has_histogram {
            return Some(points);
        }
        let starts = points.starts.iter().zip(&points.values);
        // The mark of an end has no beginning.
        let starts: Vec<i64> =
            starts.map(|(start, value)| if *value == Value::Stale { 0 } else { *start }).collect();
        if starts.iter().any(|start| *start != 0) || !self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
            self.starts.extend(starts);
        }
        self.times.extend_from_slice(&points.times);
        self.values.extend(points.values.iter().map(|value| match value {
            Value::Float(value) => *value,
            _ => STALE,
        }));
        None
    }

    /// Together with the buffered points, which arrived later than anything in a segment.
    pub fn into_points(self, buffered: Points) -> Points {
        let Floats { times, mut starts, values } = self;
        starts.resize(times.len(), 0);
        let value = |value: f64| if is_stale(value) { Value::Stale } else { Value::Float(value) };
        let mut points = Points {
            arrived: vec![0; times.len()],
            nanos: Vec::new(),
            values: values.into_iter().map(value).collect(),
            times,
            starts,
        };
        points.extend(buffered);
        points
    }
}

/// Which samples: of each series from a time on, up to one end. Unix milliseconds, inclusive.
pub struct Wish<'a> {
    pub from: &'a [(SeriesId, i64)],
    pub end: i64,
    pub bytes_max: u64,
    /// One sample of each series is enough.
    pub only_first: bool,
    pub threads: usize,
}

/// What segments hold of the wished series. Those that are missing have to be read otherwise.
pub async fn read(
    snapshot: &Snapshot,
    range: TimeRange,
    wish: &Wish<'_>,
    stats: &QueryStats,
) -> Result<HashMap<SeriesId, Floats>, Error> {
    if wish.from.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: BTreeSet<SeriesId> = wish.from.iter().map(|(id, _)| *id).collect();
    let mut segments = snapshot.segments(Table::MetricPoints, range);
    segments.sort_by_key(|segment| (segment.info().time_min, segment.info().wal_from));
    let mut pieces = Vec::with_capacity(segments.len());
    for segment in &segments {
        match Piece::open(segment, &ids, wish).await {
            Ok(piece) => pieces.push(piece),
            Err(Unreadable) => return Ok(HashMap::new()),
        }
    }
    let read = match read_pieces(pieces, wish)? {
        Ok(read) => read,
        Err(Unreadable) => return Ok(HashMap::new()),
    };
    for piece in &read.pieces {
        stats.add_segments(1, u64::from(piece.groups.is_empty()));
    }
    stats.add_bytes_read(read.bytes_read);
    stats.add_rows_scanned(read.rows);
    Ok(read.floats)
}

/// The columns that make a float sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Series,
    Time,
    Start,
    Flags,
    Value,
    Int,
}

impl Field {
    const ALL: [(Field, &str); 6] = [
        (Field::Series, "series_id"),
        (Field::Time, "time"),
        (Field::Start, "start_time"),
        (Field::Flags, "flags"),
        (Field::Value, "value"),
        (Field::Int, "int_value"),
    ];
}

/// One segment, and where in it the series are.
struct Piece {
    metadata: Arc<ParquetMetaData>,
    groups: Vec<Group>,
    /// No row lies outside of the time that is asked for.
    is_inside: bool,
    runs: Vec<Run>,
    bytes_read: u64,
}

/// One row group.
struct Group {
    index: usize,
    /// Rows outside of which no series is.
    possible: Vec<Range<u32>>,
    /// The columns that have any value: their places in the file and bytes.
    columns: Vec<(Field, usize, Bytes)>,
}

/// Rows of one series.
struct Run {
    /// Its place in the wish.
    series: u32,
    /// Place in [`Piece::groups`].
    group: u32,
    /// Within the row group.
    rows: Range<u32>,
}

impl Group {
    fn numbers(
        &self,
        metadata: &ParquetMetaData,
        wanted: Field,
    ) -> Result<Option<Numbers>, Unreadable> {
        let column = self.columns.iter().find(|(field, _, _)| *field == wanted);
        let open = |(_, leaf, bytes): &(_, usize, Bytes)| {
            Numbers::open(metadata, (self.index, *leaf), bytes.clone())
        };
        column.map(open).transpose()
    }
}

impl Piece {
    async fn open(
        segment: &Arc<Segment>,
        ids: &BTreeSet<SeriesId>,
        wish: &Wish<'_>,
    ) -> Result<Piece, Unreadable> {
        let metadata = segment.metadata().await.map_err(|_| Unreadable)?;
        let mut groups = groups(&metadata, &rows_with_ids(&metadata, "series_id", ids))?;
        for group in &mut groups {
            let columns = columns(&metadata, group.index);
            let range = |(_, leaf): &(Field, usize)| {
                let (start, length) = metadata.row_group(group.index).column(*leaf).byte_range();
                start..start + length
            };
            let bytes = segment.read(columns.iter().map(range).collect()).await;
            let bytes = bytes.map_err(|_| Unreadable)?;
            let columns = columns.into_iter().zip(bytes);
            group.columns = columns.map(|((field, leaf), bytes)| (field, leaf, bytes)).collect();
        }
        let info = segment.info();
        let latest_from = wish.from.iter().map(|(_, from)| *from).max().unwrap_or(i64::MAX);
        let is_inside = info.time_min.0.div_euclid(MILLISECOND) >= latest_from
            && info.time_max.0.div_euclid(MILLISECOND) <= wish.end;
        Ok(Piece { metadata, groups, is_inside, runs: Vec::new(), bytes_read: 0 })
    }

    /// Finds the rows of the wished series in the wished time.
    fn find(
        &mut self,
        numbers: &HashMap<[u8; 16], u32>,
        wish: &Wish<'_>,
    ) -> Result<(), Unreadable> {
        let mut found = Vec::new();
        let mut times = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            let (_, leaf, bytes) = group
                .columns
                .iter()
                .find(|(field, _, _)| *field == Field::Series)
                .ok_or(Unreadable)?;
            let mut ids = Ids::open(&self.metadata, (group.index, *leaf), bytes.clone())?;
            found.clear();
            for rows in &group.possible {
                ids.runs(rows.clone(), |id| numbers.get(id).copied(), &mut found)?;
            }
            self.bytes_read += ids.bytes_read();
            let mut column =
                if self.is_inside { None } else { group.numbers(&self.metadata, Field::Time)? };
            for (series, rows) in found.drain(..) {
                let mut rows = rows;
                if let Some(column) = &mut column {
                    let from = wish.from[series as usize].1.saturating_mul(MILLISECOND);
                    let end = wish.end.saturating_add(1).saturating_mul(MILLISECOND);
                    times.resize(rows.len(), 0);
                    let mut has_null = false;
                    column.read(rows.clone(), &mut times, |_| has_null = true)?;
                    if has_null {
                        return Err(Unreadable);
                    }
                    let before = times.partition_point(|time| (*time as i64) < from) as u32;
                    let until = times.partition_point(|time| (*time as i64) < end) as u32;
                    rows = rows.start + before..rows.start + until.max(before);
                }
                if wish.only_first {
                    rows.end = rows.end.min(rows.start + 1);
                }
                if !rows.is_empty() {
                    self.runs.push(Run { series, group: place as u32, rows });
                }
            }
            self.bytes_read += column.map_or(0, |column| column.bytes_read());
        }
        Ok(())
    }

    /// Writes the samples of each run to its slot. Tells the series that have other points than floats.
    fn fill(&self, slots: Vec<Slot<'_>>) -> Result<Filled, Unreadable> {
        let mut filled = Filled::default();
        let mut slots = slots.into_iter();
        for (place, group) in self.groups.iter().enumerate() {
            let mut runs = self.runs.iter().filter(|run| run.group == place as u32).peekable();
            if runs.peek().is_none() {
                continue;
            }
            let mut reader = GroupReader {
                time: group.numbers(&self.metadata, Field::Time)?.ok_or(Unreadable)?,
                start: group.numbers(&self.metadata, Field::Start)?,
                flags: group.numbers(&self.metadata, Field::Flags)?,
                value: group.numbers(&self.metadata, Field::Value)?,
                int: group.numbers(&self.metadata, Field::Int)?,
                bits: Vec::new(),
                nulls: Vec::new(),
            };
            for run in runs {
                let slot = slots.next().ok_or(Unreadable)?;
                if !reader.fill(run.rows.clone(), slot)? {
                    filled.other.push(run.series);
                }
            }
            filled.bytes_read += reader.bytes_read();
        }
        Ok(filled)
    }
}

/// The possible rows by row group, groups without any left out.
fn groups(metadata: &ParquetMetaData, possible: &[Range<u32>]) -> Result<Vec<Group>, Unreadable> {
    let mut groups = Vec::new();
    let mut start = 0u32;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = u32::try_from(group.num_rows()).map_err(|_| Unreadable)?;
        let end = start.checked_add(rows).ok_or(Unreadable)?;
        let inside = possible.iter().filter(|range| range.start < end && range.end > start);
        let inside = inside.map(|range| range.start.max(start) - start..range.end.min(end) - start);
        let possible: Vec<Range<u32>> = inside.collect();
        if !possible.is_empty() {
            groups.push(Group { index, possible, columns: Vec::new() });
        }
        start = end;
    }
    Ok(groups)
}

/// The columns of a row group that have any value.
fn columns(metadata: &ParquetMetaData, group: usize) -> Vec<(Field, usize)> {
    let group = metadata.row_group(group);
    let has_values = |leaf: usize| {
        let nulls = group.column(leaf).statistics().and_then(|known| known.null_count_opt());
        nulls.is_none_or(|nulls| i64::try_from(nulls) != Ok(group.num_rows()))
    };
    let schema = metadata.file_metadata().schema_descr();
    let named =
        |name: &str| (0..schema.num_columns()).find(|leaf| schema.column(*leaf).name() == name);
    let columns = Field::ALL.iter().filter_map(|(field, name)| Some((*field, named(name)?)));
    columns.filter(|(_, leaf)| has_values(*leaf)).collect()
}

/// Where the samples of a run go.
struct Slot<'a> {
    times: &'a mut [i64],
    values: &'a mut [f64],
    starts: &'a mut [i64],
}

#[derive(Default)]
struct Filled {
    other: Vec<u32>,
    bytes_read: u64,
}

struct GroupReader {
    time: Numbers,
    start: Option<Numbers>,
    flags: Option<Numbers>,
    value: Option<Numbers>,
    int: Option<Numbers>,
    bits: Vec<u64>,
    nulls: Vec<usize>,
}

impl GroupReader {
    fn bytes_read(&self) -> u64 {
        let others = [&self.start, &self.flags, &self.value, &self.int];
        let others: u64 = others.into_iter().flatten().map(Numbers::bytes_read).sum();
        self.time.bytes_read() + others
    }

    /// False when a point is neither a number nor the mark of a series that has gone.
    fn fill(&mut self, rows: Range<u32>, slot: Slot<'_>) -> Result<bool, Unreadable> {
        let Self { time, start, flags, value, int, bits, nulls } = self;
        bits.resize(rows.len(), 0);
        let mut has_null = false;
        time.read(rows.clone(), bits, |_| has_null = true)?;
        if has_null {
            return Err(Unreadable);
        }
        for (time, bits) in slot.times.iter_mut().zip(bits.iter()) {
            *time = (*bits as i64).div_euclid(MILLISECOND);
        }
        if let Some(start) = start
            && !slot.starts.is_empty()
        {
            bits.fill(0);
            start.read(rows.clone(), bits, |_| {})?;
            for (start, bits) in slot.starts.iter_mut().zip(bits.iter()) {
                *start = (*bits as i64).div_euclid(MILLISECOND);
            }
        }
        nulls.clear();
        match value {
            None => nulls.extend(0..rows.len()),
            Some(value) => value.read(rows.clone(), bits, |place| nulls.push(place))?,
        }
        for (value, bits) in slot.values.iter_mut().zip(bits.iter()) {
            *value = f64::from_bits(*bits);
        }
        if let Some(flags) = flags {
            bits.fill(0);
            flags.read(rows.clone(), bits, |_| {})?;
            for (place, bits) in bits.iter().enumerate() {
                if bits & NO_RECORDED_VALUE != 0 {
                    slot.values[place] = STALE;
                    // The mark of an end has no beginning.
                    if let Some(start) = slot.starts.get_mut(place) {
                        *start = 0;
                    }
                    nulls.retain(|null| *null != place);
                }
            }
        }
        if nulls.is_empty() {
            return Ok(true);
        }
        let Some(int) = int else { return Ok(false) };
        let mut is_int = vec![true; rows.len()];
        int.read(rows, bits, |place| is_int[place] = false)?;
        for place in nulls.iter() {
            slot.values[*place] = bits[*place] as i64 as f64;
        }
        Ok(nulls.iter().all(|place| is_int[*place]))
    }
}

struct Read {
    pieces: Vec<Piece>,
    floats: HashMap<SeriesId, Floats>,
    rows: u64,
    bytes_read: u64,
}

/// The part that waits for nothing.
fn read_pieces(pieces: Vec<Piece>, wish: &Wish<'_>) -> Result<Result<Read, Unreadable>, Error> {
    let numbers = wish.from.iter().zip(0..).map(|((id, _), number)| (id.0, number)).collect();
    let possible = pieces.iter().flat_map(|piece| &piece.groups).flat_map(|group| &group.possible);
    let scanned: u64 = possible.map(|rows| rows.len() as u64).sum();
    let threads = if scanned < parallel::SAMPLES_WORTH as u64 { 1 } else { wish.threads };
    let found = parallel::map(threads, pieces, |mut piece| {
        piece.find(&numbers, wish)?;
        Ok(piece)
    });
    let pieces = match found.into_iter().collect::<Result<Vec<Piece>, Unreadable>>() {
        Ok(pieces) => pieces,
        Err(error) => return Ok(Err(error)),
    };
    let mut counts = vec![0usize; wish.from.len()];
    for run in pieces.iter().flat_map(|piece| &piece.runs) {
        counts[run.series as usize] += run.rows.len();
    }
    let has_starts = pieces
        .iter()
        .flat_map(|piece| &piece.groups)
        .any(|group| group.columns.iter().any(|(field, _, _)| *field == Field::Start));
    let rows: u64 = counts.iter().map(|count| *count as u64).sum();
    if rows.saturating_mul(if has_starts { 24 } else { 16 }) > wish.bytes_max {
        return Err(Error::MemoryLimit { limit: wish.bytes_max });
    }
    let new = |count: &usize| Floats {
        times: vec![0; *count],
        values: vec![0.0; *count],
        starts: vec![0; if has_starts { *count } else { 0 }],
    };
    let mut all: Vec<Floats> = counts.iter().map(new).collect();
    let slots = slots(&pieces, &mut all);
    let work = pieces.iter().zip(slots).collect();
    let filled = parallel::map(threads, work, |(piece, slots): (&Piece, _)| piece.fill(slots));
    let filled = match filled.into_iter().collect::<Result<Vec<Filled>, Unreadable>>() {
        Ok(filled) => filled,
        Err(error) => return Ok(Err(error)),
    };
    let read: u64 = pieces.iter().map(|piece| piece.bytes_read).sum();
    let bytes_read = read + filled.iter().map(|filled| filled.bytes_read).sum::<u64>();
    let mut floats: HashMap<SeriesId, Floats> = HashMap::with_capacity(all.len());
    let mut is_other = vec![false; all.len()];
    filled.iter().flat_map(|filled| &filled.other).for_each(|at| is_other[*at as usize] = true);
    for (place, (id, _)) in wish.from.iter().enumerate() {
        let found = std::mem::take(&mut all[place]);
        if !is_other[place]
            && let Some(found) = ordered(found)
        {
            floats.insert(*id, found);
        }
    }
    Ok(Ok(Read { pieces, floats, rows: scanned, bytes_read }))
}

/// The parts of the series' memory that belong to the runs, by piece.
fn slots<'a>(pieces: &[Piece], all: &'a mut [Floats]) -> Vec<Vec<Slot<'a>>> {
    let mut left: Vec<Slot<'a>> = Vec::with_capacity(all.len());
    for Floats { times, values, starts } in all {
        left.push(Slot { times, values, starts });
    }
    let mut slots = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let of_run = |run: &Run| {
            let Slot { times, values, starts } = &mut left[run.series as usize];
            Slot {
                times: cut(times, run.rows.len()),
                values: cut(values, run.rows.len()),
                starts: cut(starts, run.rows.len()),
            }
        };
        slots.push(piece.runs.iter().map(of_run).collect());
    }
    slots
}

/// Takes the first `count` off, or nothing of an empty slice.
fn cut<'a, T>(left: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let whole = std::mem::take(left);
    let (taken, rest) = whole.split_at_mut(count.min(whole.len()));
    *left = rest;
    taken
}

/// By time; `None` when two samples have the same time, as it takes more to know which counts.
fn ordered(floats: Floats) -> Option<Floats> {
    let Floats { times, values, starts } = floats;
    let starts = if starts.iter().all(|start| *start == 0) { Vec::new() } else { starts };
    if times.is_sorted_by(|a, b| a < b) {
        return Some(Floats { times, values, starts });
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|at| times[*at]);
    if order.windows(2).any(|pair| times[pair[0]] == times[pair[1]]) {
        return None;
    }
    Some(Floats {
        times: order.iter().map(|at| times[*at]).collect(),
        values: order.iter().map(|at| values[*at]).collect(),
        starts: order.iter().filter_map(|at| starts.get(*at).copied()).collect(),
    })
}
