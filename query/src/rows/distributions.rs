//! The columns of data points that make their distributions.

use super::columns::{ByteColumn, Columns, CountColumn, DoubleColumn, TextColumn};
use crate::Error;
use crate::value::StoredDistribution;
use binnacle_storage::model::distribution::parse_bounds;
use binnacle_storage::model::wire::Malformed;
use std::sync::Arc;

/// Reads the distributions of a batch.
pub(crate) struct DistributionColumns {
    count: CountColumn,
    sum: DoubleColumn,
    min: DoubleColumn,
    max: DoubleColumn,
    bucket_counts: TextColumn,
    explicit_bounds: TextColumn,
    message: ByteColumn,
    /// The bounds read last: nearly all rows of a series have the same.
    bounds: Option<(u128, Arc<[f64]>)>,
}

impl DistributionColumns {
    /// What a reader must ask for.
    pub(crate) const NAMES: [&str; 7] =
        ["count", "sum", "min", "max", "bucket_counts", "explicit_bounds", "distribution"];

    pub(crate) fn new(columns: Columns<'_>) -> Result<DistributionColumns, Error> {
        Ok(DistributionColumns {
            count: columns.count("count")?,
            sum: columns.double("sum")?,
            min: columns.double("min")?,
            max: columns.double("max")?,
            bucket_counts: columns.text("bucket_counts")?,
            explicit_bounds: columns.text("explicit_bounds")?,
            message: columns.bytes("distribution")?,
            bounds: None,
        })
    }

    /// `None` for a point without one.
    pub(crate) fn value(&mut self, row: usize) -> Result<Option<StoredDistribution>, Malformed> {
        let (bucket_counts, message) = (self.bucket_counts.value(row), self.message.value(row));
        if bucket_counts.is_none() && message.is_none() {
            return Ok(None);
        }
        let (bucket_counts, message) = (bucket_counts.map(Box::from), message.unwrap_or_default());
        Ok(Some(StoredDistribution {
            count: self.count.value(row).unwrap_or_default(),
            sum: self.sum.value(row),
            min: self.min.value(row),
            max: self.max.value(row),
            bucket_counts,
            message: message.into(),
            explicit_bounds: self.bounds(row)?,
        }))
    }

    fn bounds(&mut self, row: usize) -> Result<Option<Arc<[f64]>>, Malformed> {
        let (Some(view), Some(text)) =
            (self.explicit_bounds.view(row), self.explicit_bounds.value(row))
        else {
            return Ok(None);
        };
        if let Some((known, bounds)) = &self.bounds
            && *known == view
        {
            return Ok(Some(bounds.clone()));
        }
        let bounds: Arc<[f64]> = parse_bounds(text)?.into();
        self.bounds = Some((view, bounds.clone()));
        Ok(Some(bounds))
    }
}
