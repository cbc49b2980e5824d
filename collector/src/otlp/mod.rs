//! OTLP: the only place that names its messages.

pub mod decode;
pub(crate) mod grpc;
pub(crate) mod http;
pub mod json;
pub(crate) mod reply;

use crate::decode::Decoded;
use binnacle_storage::model::{Format, Signal, Timestamp};

/// Decodes a decompressed body. The error refuses the whole request and says why.
pub fn decode_plain(
    signal: Signal,
    format: Format,
    body: &[u8],
    ingested_at: Timestamp,
) -> Result<Decoded, String> {
    match format {
        Format::OtlpProtobuf => {
            decode::decode(signal, body, ingested_at).map_err(|error| error.to_string())
        }
        Format::OtlpJson => {
            let json = json::transcode(signal, body)
                .map_err(|error| format!("malformed OTLP/JSON: {error}"))?;
            let mut decoded = decode::decode(signal, &json.protobuf, ingested_at)
                .map_err(|error| error.to_string())?;
            decoded.rejected.merge(json.rejected);
            Ok(decoded)
        }
        Format::RemoteWrite1 | Format::RemoteWrite2 => Err("not an OTLP format".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
