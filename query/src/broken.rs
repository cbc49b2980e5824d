//! Broken segments: left out of the query that meets one, and set aside for later ones.

use crate::{Error, QueryStats};
use binnacle_storage::Storage;
use binnacle_storage::segment::Segment;

/// Whether reading again would fail again.
pub(crate) fn is_lasting(error: &binnacle_storage::Error) -> bool {
    use binnacle_storage::Error::{Corrupt, Object};
    matches!(error, Corrupt { .. } | Object { source: object_store::Error::NotFound { .. }, .. })
}

/// Sets a segment aside for good if its files are not what was written. What only this query cannot make sense of stays.
pub(crate) async fn examine(storage: &Storage, segment: &Segment) {
    if let Err(error) = segment.load().await
        && is_lasting(&error)
    {
        storage.set_aside(segment.info().id, &with_causes(&error));
    }
}

/// Leaves a segment out of a query and says so.
pub(crate) async fn leave_out(
    storage: &Storage,
    segment: &Segment,
    error: &Error,
    stats: &QueryStats,
) {
    let id = segment.info().id.0;
    let reason = with_causes(error);
    tracing::warn!(segment = %id, reason, "left out a segment that could not be read");
    stats.warn(format!("segment {id} could not be read and is left out: {reason}"));
    match error {
        Error::Storage(error) if is_lasting(error) => {
            storage.set_aside(segment.info().id, &reason);
        }
        _ => examine(storage, segment).await,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
