//! Decode: bodies of every format into rows, for requests as they come and for those that come back from the WAL.

use crate::CollectorConfig;
use crate::admit::{InFlight, body};
use crate::cardinality::{Cardinality, WINDOW};
use crate::recent::{Known, Spelling};
use crate::rejections::Rejections;
use crate::{otlp, remote_write};
use binnacle_storage::Decode;
use binnacle_storage::batch::{Batch, TableBatch};
use binnacle_storage::model::{Encoding, Format, SeriesId, Signal, TenantId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Largest decompressed body replayed: far above any `request_bytes_max`, so that lowering the limit loses no accepted
/// request, and low enough that a damaged record cannot take the memory of the machine.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// A request, decoded.
#[derive(Debug)]
pub struct Decoded {
    pub batch: Batch,
    /// Spans, log records or data points in `batch`.
    pub accepted: u64,
    pub rejected: Rejections,
    /// Of remote write: what `batch` holds, as its senders count.
    pub written: Written,
    /// Of remote write: the series that have a row in `batch`, as they are spelled out.
    pub fresh: Vec<(Spelling, SeriesId)>,
}

/// What of a remote-write request is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
}

/// Decodes a decompressed body; what is `known` already needs no rows. The error refuses the whole request and says why.
pub fn decode_plain(
    signal: Signal,
    format: Format,
    body: &[u8],
    ingested_at: Timestamp,
    known: Known<'_>,
) -> Result<Decoded, String> {
    match format {
        Format::OtlpProtobuf | Format::OtlpJson => {
            otlp::decode_plain(signal, format, body, ingested_at)
        }
        Format::RemoteWrite1 | Format::RemoteWrite2 if signal != Signal::Metrics => {
            Err(format!("remote write carries metrics, not {signal}"))
        }
        Format::RemoteWrite1 => {
            remote_write::decode_v1(body, ingested_at, known).map_err(|error| error.to_string())
        }
        Format::RemoteWrite2 => {
            remote_write::decode_v2(body, ingested_at).map_err(|error| error.to_string())
        }
    }
}

/// Decodes bodies for storage's WAL replay as when they were accepted, without caps on series.
#[derive(Debug, Clone, Copy, Default)]
pub struct WalDecoder;

impl Decode for WalDecoder {
    fn decode(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        ingested_at: Timestamp,
    ) -> Result<Batch, String> {
        let mut reservation = InFlight::new(BODY_BYTES_MAX).reservation();
        let plain = body::decompress(encoding.compression, body, BODY_BYTES_MAX, &mut reservation)
            .map_err(|error| error.to_string())?;
        // What was known then is not known now: the batch has all rows of series.
        let known = Known::default();
        let decoded = decode_plain(signal, encoding.format, &plain, ingested_at, known)?;
        Ok(decoded.batch)
    }
}

/// The same with the caps on series, whose counting a collector goes on with.
#[derive(Debug, Clone)]
pub struct CappedDecoder {
    pub(crate) cardinality: Arc<Cardinality>,
}

impl CappedDecoder {
    pub fn new(config: &CollectorConfig) -> CappedDecoder {
        CappedDecoder { cardinality: Arc::new(Cardinality::new(config.caps())) }
    }
}

impl Decode for CappedDecoder {
    fn decode(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        ingested_at: Timestamp,
    ) -> Result<Batch, String> {
        WalDecoder.decode(signal, encoding, body, ingested_at)
    }

    fn series_window(&self) -> Option<Duration> {
        Some(WINDOW)
    }

    fn stored(&self, tenant: &TenantId, series: &TableBatch, since: Timestamp) {
        self.cardinality.seed(tenant, series, since);
    }

    fn settle(&self, tenant: &TenantId, format: Format, batch: &mut Batch, at: Timestamp) {
        // The sender was told.
        let _ = self.cardinality.admit(tenant, format, batch, at);
    }
}
