//! Bodies that come back from the WAL, decoded exactly as when they were accepted.

use super::decode_plain;
use crate::admit::{InFlight, body};
use binnacle_storage::Decode;
use binnacle_storage::batch::Batch;
use binnacle_storage::model::{Encoding, Signal, Timestamp};

/// Largest decompressed body replayed: far above any `request_bytes_max`, so that lowering the limit loses no accepted
/// request, and low enough that a damaged record cannot take the memory of the machine.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// Decodes OTLP bodies for storage's WAL replay.
#[derive(Debug, Clone, Copy, Default)]
pub struct OtlpDecoder;

impl Decode for OtlpDecoder {
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
        let decoded = decode_plain(signal, encoding.format, &plain, ingested_at)?;
        Ok(decoded.batch)
    }
}
