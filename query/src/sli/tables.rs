//! Counting by SQL: whatever a query says happened when.

use super::counters::SliSums;
use super::counts::SLICE_NANOS;
use crate::sql::SqlRequest;
use crate::{Error, QueryEngine};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use binnacle_storage::model::TenantId;
use futures::StreamExt;
use std::ops::Range;

/// What a query says for the time it is asked about.
const PLACES: [&str; 2] = ["$start", "$end"];

/// Whether a query can be asked about one time after the other.
pub fn check_sql(query: &str) -> Result<(), Error> {
    let text = query.trim_start().to_ascii_lowercase();
    let is_query = text.starts_with("select") || text.starts_with("with");
    let missing = PLACES.iter().find(|place| !query.contains(**place));
    let message = match missing {
        _ if !is_query => "is to be a query: SELECT … AS time, … AS value FROM …".to_owned(),
        _ if query.contains(';') => "is to be one query, without a semicolon".to_owned(),
        Some(place) => format!("does not say {place}: it is asked about one time after the other"),
        None => return Ok(()),
    };
    Err(Error::InvalidRequest { message, hint: None })
}

impl QueryEngine {
    /// What a query counts in each slice of a range: the sum of `value` of its rows whose `time` lies there. It is asked about
    /// so many slices more before and after them, so that what is made of several rows is seen whole.
    pub async fn sli_sql(
        &self,
        tenant: &TenantId,
        query: &str,
        slices: Range<i64>,
        lookback: i64,
    ) -> Result<SliSums, Error> {
        check_sql(query)?;
        let query = by_slice(query, &slices, lookback);
        let request = SqlRequest { query, ..SqlRequest::default() };
        let mut answer = self.sql(tenant, request).await?;
        let mut sums = SliSums::default();
        while let Some(batch) = answer.batches.next().await {
            let batch = batch?;
            let failed =
                |error: arrow::error::ArrowError| Error::Execution { message: error.to_string() };
            let whole = |place: usize| cast(batch.column(place), &DataType::Int64).map_err(failed);
            let (at, counted) = (whole(0)?, whole(1)?);
            let (at, counted) =
                (at.as_primitive::<Int64Type>(), counted.as_primitive::<Int64Type>());
            for (slice, count) in at.iter().zip(counted).filter_map(|(at, count)| at.zip(count)) {
                if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
                    *sums.slices.entry(slice).or_default() += count;
                }
            }
        }
        if let Some(warning) = answer.stats.snapshot().warnings.first() {
            let message = format!("the answer is not whole: {warning}");
            return Err(Error::Execution { message });
        }
        let last = sums.slices.last_key_value();
        sums.last = last.map(|(slice, _)| slice.saturating_add(1).saturating_mul(SLICE_NANOS));
        Ok(sums)
    }
}

fn by_slice(query: &str, slices: &Range<i64>, lookback: i64) -> String {
    let literal = |slice: i64| {
        let nanos = slice.saturating_mul(SLICE_NANOS);
        format!("arrow_cast({nanos}, 'Timestamp(Nanosecond, Some(\"UTC\"))')")
    };
    let asked = query
        .replace(PLACES[0], &literal(slices.start - lookback))
        .replace(PLACES[1], &literal(slices.end + lookback));
    let (start, end) = (slices.start, slices.end);
    format!(
        "SELECT slice, sum(value) AS value FROM (\
         SELECT CAST(CAST(time AS TIMESTAMP) AS BIGINT) / {SLICE_NANOS} AS slice, value FROM ({asked}) AS asked) AS sliced \
         WHERE slice >= {start} AND slice < {end} GROUP BY slice"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_say_their_times() {
        let good = "SELECT time, 1 AS value FROM logs WHERE time >= $start AND time < $end";
        assert!(check_sql(good).is_ok());
        for wrong in
            ["DELETE FROM logs", "SELECT time, 1 AS value FROM logs", "SELECT $start; $end"]
        {
            assert!(check_sql(wrong).is_err(), "{wrong}");
        }
        assert!(by_slice(good, &(6..9), 6).contains("time >= arrow_cast(0, "));
    }
}
