//! Gathering: all lines of a time range, by several threads, in no order.

use super::rows::{Found, Lines, Selected};
use super::scan::{OpenSegment, Prefilter, Source, slices};
use crate::{Error, QueryStats, broken};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Pages read of a segment at a time.
const WINDOW_PAGES: usize = 16;

/// Where lines come from, and how much may be held of them.
#[derive(Clone)]
pub struct Scope {
    pub storage: Storage,
    pub snapshot: Arc<Snapshot>,
    pub stats: Arc<QueryStats>,
    pub bytes_max: u64,
    pub threads: usize,
}

/// Takes the lines of one source; what was gathered of each is united.
pub trait Gather: Sized + Send + 'static {
    fn take(&mut self, lines: &Lines, found: Found<'_>) -> Result<(), Error>;

    fn unite(&mut self, other: Self) -> Result<(), Error>;
}

/// A source that failed, if it may be at fault, and why.
type Failed = (Option<Arc<Segment>>, Error);

/// Gathers the lines of all sources.
pub async fn gather<G: Gather>(
    scope: &Scope,
    lines: Lines,
    prefilter: Prefilter,
    new: impl Fn() -> G,
) -> Result<G, Error> {
    let mut sources = Source::list(&scope.snapshot, lines.from, lines.to, &scope.stats);
    let shared = Arc::new((lines, prefilter));
    let mut all = new();
    let mut running: JoinSet<Result<G, Failed>> = JoinSet::new();
    loop {
        while running.len() < scope.threads.max(1)
            && let Some(source) = sources.pop()
        {
            running.spawn(scan(source, shared.clone(), new(), scope.stats.clone()));
        }
        match running.join_next().await {
            None => return Ok(all),
            Some(Ok(Ok(more))) => all.unite(more)?,
            Some(Ok(Err((Some(segment), error)))) if is_of_segment(&error) => {
                broken::leave_out(&scope.storage, &segment, &error, &scope.stats).await;
            }
            Some(Ok(Err((_, error)))) => return Err(error),
            Some(Err(error)) => {
                return Err(Error::Execution { message: format!("a query task failed: {error}") });
            }
        }
    }
}

/// Whether the segment is at fault, and not what is asked of it.
fn is_of_segment(error: &Error) -> bool {
    matches!(error, Error::Storage(_) | Error::Execution { .. })
}

async fn scan<G: Gather>(
    source: Source,
    shared: Arc<(Lines, Prefilter)>,
    mut gathered: G,
    stats: Arc<QueryStats>,
) -> Result<G, Failed> {
    let (lines, prefilter) = &*shared;
    match source {
        Source::Chunk(chunk) => {
            stats.add_rows_buffered(chunk.records.num_rows() as u64);
            stats.add_rows_scanned(chunk.records.num_rows() as u64);
            let mut selected = Selected::default();
            for (_, records) in slices(&chunk.records) {
                let take = |found: Found<'_>| gathered.take(lines, found);
                lines.each(&records, &mut selected, take).map_err(|error| (None, error))?;
                tokio::task::yield_now().await;
            }
        }
        Source::Segment(segment) => {
            let scanned = scan_segment(segment.clone(), lines, prefilter, &mut gathered, &stats);
            scanned.await.map_err(|error| (Some(segment), error))?;
        }
    }
    Ok(gathered)
}

async fn scan_segment<G: Gather>(
    segment: Arc<Segment>,
    lines: &Lines,
    prefilter: &Prefilter,
    gathered: &mut G,
    stats: &Arc<QueryStats>,
) -> Result<(), Error> {
    let Some(mut open) = OpenSegment::open(segment, lines, prefilter, true, stats).await? else {
        return Ok(());
    };
    let mut selected = Selected::default();
    while !open.is_done() {
        for (batch, _) in open.read(WINDOW_PAGES, true, stats).await? {
            lines.each(&batch, &mut selected, |found| gathered.take(lines, found))?;
            // Reads of cached bytes never wait: let a cancelled query end here.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
