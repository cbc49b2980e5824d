//! WAL records: one request each, as bytes.
//!
//! A record is a header of 64 bytes, the tenant's name, the body as received, and zeros up to a multiple of 8. Records
//! lie back to back in groups; a group starts at a multiple of 4,096 and was made durable by one fsync. `FORMAT.md` has
//! the layout. The header names the file it was written to, so that bytes of a body can never pass for a record.

use crate::model::{Encoding, Signal, TenantId, Timestamp};
use bytes::Bytes;

pub(super) const HEADER_BYTES: usize = 64;

/// Records start at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// Version of everything after the magic.
const VERSION: u8 = 1;

pub(super) const MAGIC: [u8; 4] = *b"bnWR";

/// Longest body: the collector takes 64 MiB after decompression, and a compressed body may be a little longer.
pub const BODY_BYTES_MAX: usize = 72 << 20;

/// Whose request it is and what its body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHead {
    pub tenant: TenantId,
    pub signal: Signal,
    pub encoding: Encoding,
    pub ingested_at: Timestamp,
    pub content_hash: u128,
}

/// A record's header, read back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub signal: u8,
    pub encoding: u8,
    pub tenant_bytes: usize,
    pub body_bytes: usize,
    /// CRC32C of tenant and body.
    pub crc: u32,
    pub position: u64,
    pub ingested_at: Timestamp,
    pub content_hash: u128,
    /// Block of the file where the record's group starts.
    pub group: u32,
}

/// Why bytes are not a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// Something else, damage, or nothing that was ever written.
    None,
    /// Intact, but of a version this program does not know.
    Version(u8),
}

/// Bytes of the whole record.
pub(super) fn record_bytes(tenant: &str, body: &[u8]) -> usize {
    (HEADER_BYTES + tenant.len() + body.len()).next_multiple_of(ALIGNMENT)
}

/// The header of a record of `head` and `body`.
pub(super) fn encode_header(
    head: &RecordHead,
    body: &Bytes,
    position: u64,
    group: u32,
    file_id: u32,
) -> [u8; HEADER_BYTES] {
    let tenant = head.tenant.as_str().as_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(tenant), body);
    let mut out = [0; HEADER_BYTES];
    out[0..4].copy_from_slice(&MAGIC);
    out[4] = VERSION;
    out[5] = head.signal.code();
    out[6] = head.encoding.code();
    out[7] = tenant.len() as u8;
    out[8..12].copy_from_slice(&(body.len() as u32).to_le_bytes());
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    out[16..24].copy_from_slice(&position.to_le_bytes());
    out[24..32].copy_from_slice(&head.ingested_at.0.to_le_bytes());
    out[32..48].copy_from_slice(&head.content_hash.to_le_bytes());
    out[48..52].copy_from_slice(&group.to_le_bytes());
    out[52..56].copy_from_slice(&file_id.to_le_bytes());
    let crc = crc32c::crc32c(&out[..60]);
    out[60..64].copy_from_slice(&crc.to_le_bytes());
    out
}

/// Reads a header of the file `file_id`.
pub(super) fn decode_header(bytes: &[u8], file_id: u32) -> Result<Header, NoHeader> {
    let bytes = bytes.first_chunk::<HEADER_BYTES>().ok_or(NoHeader::None)?;
    let u32_at =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    if bytes[..4] != MAGIC || u32_at(60) != crc32c::crc32c(&bytes[..60]) || u32_at(52) != file_id {
        return Err(NoHeader::None);
    }
    if bytes[4] != VERSION {
        return Err(NoHeader::Version(bytes[4]));
    }
    let header = Header {
        signal: bytes[5],
        encoding: bytes[6],
        tenant_bytes: usize::from(bytes[7]),
        body_bytes: u32_at(8) as usize,
        crc: u32_at(12),
        position: u64_at(16),
        ingested_at: Timestamp(u64_at(24) as i64),
        content_hash: u128::from(u64_at(32)) | u128::from(u64_at(40)) << 64,
        group: u32_at(48),
    };
    let sound = header.body_bytes <= BODY_BYTES_MAX;
    sound.then_some(header).ok_or(NoHeader::None)
}

impl Header {
    pub fn record_bytes(&self) -> usize {
        (HEADER_BYTES + self.tenant_bytes + self.body_bytes).next_multiple_of(ALIGNMENT)
    }

    /// Reads what follows the header: the head and the body. `None` when it is damaged.
    pub fn decode_content<'a>(&self, content: &'a [u8]) -> Option<(RecordHead, &'a [u8])> {
        let content = content.get(..self.tenant_bytes + self.body_bytes)?;
        if crc32c::crc32c(content) != self.crc {
            return None;
        }
        let (tenant, body) = content.split_at(self.tenant_bytes);
        let head = RecordHead {
            tenant: std::str::from_utf8(tenant).ok()?.parse().ok()?,
            signal: Signal::from_code(self.signal)?,
            encoding: Encoding::from_code(self.encoding)?,
            ingested_at: self.ingested_at,
            content_hash: self.content_hash,
        };
        Some((head, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Compression, Format};
    use proptest::prelude::*;

    pub fn head(tenant: &str, hash: u128) -> RecordHead {
        RecordHead {
            tenant: tenant.parse().unwrap(),
            signal: Signal::Logs,
            encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::Gzip },
            ingested_at: Timestamp(-5),
            content_hash: hash,
        }
    }

    proptest! {
        #[test]
        fn records_read_back_and_any_changed_byte_is_noticed(
            tenant in "[a-z]{1,64}", body in proptest::collection::vec(any::<u8>(), 0..300),
            position: u64, hash: u128, group: u32, file_id: u32, at: usize, flip in 1u8..,
        ) {
            let head = head(&tenant, hash);
            let body = Bytes::from(body);
            let mut bytes = encode_header(&head, &body, position, group, file_id).to_vec();
            bytes.extend_from_slice(tenant.as_bytes());
            bytes.extend_from_slice(&body);
            let read = |bytes: &[u8]| {
                let header = decode_header(bytes, file_id).ok()?;
                let (head, body) = header.decode_content(&bytes[HEADER_BYTES..])?;
                Some((head, body.to_vec(), header.position, header.group))
            };
            prop_assert_eq!(read(&bytes), Some((head, body.to_vec(), position, group)));
            prop_assert!(decode_header(&bytes, file_id ^ 1).is_err());
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert_eq!(read(&bytes), None);
        }
    }

    #[test]
    fn versions_of_later_programs_are_told_apart_from_damage() {
        let mut bytes = encode_header(&head("t", 1), &Bytes::new(), 1, 0, 9);
        bytes[4] = 2;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_header(&bytes, 9).unwrap_err(), NoHeader::Version(2));
        assert_eq!(decode_header(&[0; 64], 9).unwrap_err(), NoHeader::None);
    }
}
