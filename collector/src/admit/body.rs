//! Bodies: read and decompressed in a stream, so that the limit is enforced before memory is taken.

use super::Reservation;
use crate::Error;
use binnacle_storage::model::Compression;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::time::Duration;

/// How long a sender waits when the bytes in flight are at their bound: requests leave within milliseconds.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes decompressed between two looks at the limits.
const STEP_BYTES: usize = 256 << 10;

/// A body of more than this, and this many times what was received, may be a bomb.
const SUSPECT_BYTES: usize = 2 << 20;
const SUSPECT_RATIO: usize = 50;

/// Memory taken at once for a body of announced length; what is longer grows as it comes.
const ANNOUNCED_BYTES_MAX: usize = 2 << 20;

/// Largest window a zstd frame may ask for: 2^27 = 128 MiB is the format's usual bound; 2^26 is the request limit.
const ZSTD_WINDOW_LOG_MAX: u32 = 26;

pub fn busy() -> Error {
    Error::Busy { retry_after: BUSY_RETRY_AFTER }
}

/// Reads a body to its end. Holds at most `limit` bytes, all of them reserved.
pub async fn read<B>(
    body: B,
    content_length: Option<u64>,
    limit: u64,
    timeout: Duration,
    reservation: &mut Reservation,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    if content_length.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge { limit });
    }
    let reading = read_frames(body, content_length, limit, reservation);
    tokio::time::timeout(timeout, reading).await.map_err(|_| Error::TooSlow { timeout })?
}

async fn read_frames<B>(
    mut body: B,
    content_length: Option<u64>,
    limit: u64,
    reservation: &mut Reservation,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = BytesMut::new();
    let mut announced = content_length.and_then(|length| usize::try_from(length).ok());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Error::Disconnected)?.into_data() else {
            continue;
        };
        if whole.len() as u64 + data.len() as u64 > limit {
            return Err(Error::TooLarge { limit });
        }
        if !reservation.try_grow(data.len() as u64) {
            return Err(busy());
        }
        // Memory for what the sender announced, once it has begun to come and as long as that is usual.
        if let Some(length) = announced.take_if(|length| *length <= ANNOUNCED_BYTES_MAX) {
            whole.reserve(length.max(data.len()));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Decompresses `body` to at most `limit` bytes, all of them reserved. Blocks.
pub fn decompress<'b>(
    compression: Compression,
    body: &'b [u8],
    limit: u64,
    reservation: &mut Reservation,
) -> Result<Cow<'b, [u8]>, Error> {
    match compression {
        Compression::None => Ok(Cow::Borrowed(body)),
        Compression::Gzip => {
            let open = || Ok(flate2::bufread::MultiGzDecoder::new(body));
            let drain = Drain { open, name: "gzip", compressed: body.len(), limit };
            drain.run(reservation).map(Cow::Owned)
        }
        Compression::Zstd => {
            let open = || zstd_decoder(body);
            let drain = Drain { open, name: "zstd", compressed: body.len(), limit };
            drain.run(reservation).map(Cow::Owned)
        }
        Compression::Snappy => decompress_snappy(body, limit, reservation).map(Cow::Owned),
    }
}

/// A block says its decompressed length first, which is checked before memory is taken.
fn decompress_snappy(
    body: &[u8],
    limit: u64,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Error> {
    let broken = |error: snap::Error| Error::BadRequest {
        message: format!("body is not a snappy block: {error}"),
    };
    let length = snap::raw::decompress_len(body).map_err(broken)?;
    if length as u64 > limit {
        return Err(Error::TooLarge { limit });
    }
    if !reservation.try_grow(length as u64) {
        return Err(busy());
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(broken)
}

fn zstd_decoder(
    body: &[u8],
) -> std::io::Result<zstd::stream::read::Decoder<'static, impl BufRead + '_>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

fn broken(name: &str, error: &std::io::Error) -> Error {
    Error::BadRequest { message: format!("body is not {name}: {error}") }
}

/// How one body is decompressed.
struct Drain<F> {
    open: F,
    name: &'static str,
    /// Bytes of the body as received.
    compressed: usize,
    limit: u64,
}

impl<R: Read, F: Fn() -> std::io::Result<R>> Drain<F> {
    fn run(self, reservation: &mut Reservation) -> Result<Vec<u8>, Error> {
        let limit = self.limit;
        let mut decoder = (self.open)().map_err(|error| broken(self.name, &error))?;
        let mut whole = Vec::new();
        loop {
            let step = (limit - whole.len() as u64 + 1).min(STEP_BYTES as u64);
            let before = whole.len();
            let read = decoder.by_ref().take(step).read_to_end(&mut whole);
            read.map_err(|error| broken(self.name, &error))?;
            let grown = (whole.len() - before) as u64;
            if whole.len() as u64 > limit {
                return Err(Error::TooLarge { limit });
            }
            if grown == 0 {
                return Ok(whole);
            }
            if !reservation.try_grow(grown) {
                return Err(busy());
            }
            if whole.len() > SUSPECT_BYTES && whole.len() / SUSPECT_RATIO > self.compressed {
                return self.count_first(decoder, whole, reservation);
            }
        }
    }

    /// Goes on with what looks like a bomb: its length is counted before more memory is taken, and then it is read anew.
    fn count_first(
        &self,
        decoder: R,
        begun: Vec<u8>,
        reservation: &mut Reservation,
    ) -> Result<Vec<u8>, Error> {
        let broken = |error: std::io::Error| broken(self.name, &error);
        let room = self.limit - begun.len() as u64;
        let rest = std::io::copy(&mut decoder.take(room + 1), &mut std::io::sink());
        let rest = rest.map_err(broken)?;
        if rest > room {
            return Err(Error::TooLarge { limit: self.limit });
        }
        if !reservation.try_grow(rest) {
            return Err(busy());
        }
        let bytes = begun.len() + rest as usize;
        drop(begun);
        let mut whole = Vec::with_capacity(bytes);
        let decoder = (self.open)().map_err(broken)?;
        decoder.take(bytes as u64).read_to_end(&mut whole).map_err(broken)?;
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admit::InFlight;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(compression: Compression, body: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        let in_flight = InFlight::new(64 << 20);
        decompress(compression, body, limit, &mut in_flight.reservation()).map(Cow::into_owned)
    }

    #[test]
    fn bodies_of_all_compressions_come_back() {
        let plain = vec![7; 1 << 20];
        let limit = plain.len() as u64;
        let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
        assert_eq!(unpack(Compression::None, &plain, limit).unwrap(), plain);
        assert_eq!(unpack(Compression::Gzip, &gzip(&plain), limit).unwrap(), plain);
        assert_eq!(unpack(Compression::Zstd, &zstd, limit).unwrap(), plain);
        let snappy = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert_eq!(unpack(Compression::Snappy, &snappy, limit).unwrap(), plain);
    }

    #[test]
    fn snappy_blocks_are_judged_by_the_length_they_say() {
        // 2^32 - 1 bytes, of which not one follows.
        let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f];
        let cut = unpack(Compression::Snappy, &bomb, 64 << 20);
        assert!(matches!(cut, Err(Error::TooLarge { .. })), "{cut:?}");
    }

    #[test]
    fn bombs_are_cut_at_the_limit() {
        let bomb = vec![0; 8 << 20];
        let zstd = zstd::encode_all(bomb.as_slice(), 1).unwrap();
        for (compression, body) in [(Compression::Gzip, gzip(&bomb)), (Compression::Zstd, zstd)] {
            let limit = bomb.len() as u64 - 1;
            assert!(matches!(unpack(compression, &body, limit), Err(Error::TooLarge { .. })));
        }
    }

    #[test]
    fn bombs_are_cut_where_the_memory_of_all_requests_ends() {
        let body = gzip(&vec![0; 8 << 20]);
        let in_flight = InFlight::new(1 << 20);
        let cut = decompress(Compression::Gzip, &body, 64 << 20, &mut in_flight.reservation());
        assert!(matches!(cut, Err(Error::Busy { .. })));
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn bodies_that_only_look_like_bombs_come_back() {
        let plain: Vec<u8> = (0..6 << 20).map(|at: usize| (at >> 16) as u8).collect();
        let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
        assert_eq!(unpack(Compression::Gzip, &gzip(&plain), 8 << 20).unwrap(), plain);
        assert_eq!(unpack(Compression::Zstd, &zstd, 8 << 20).unwrap(), plain);
    }

    #[test]
    fn truncated_or_bogus_streams_are_refused() {
        let whole = gzip(b"telemetry");
        let bodies = [&whole[..whole.len() - 1], b"bogus", b""];
        for body in bodies {
            let result = unpack(Compression::Gzip, body, 100);
            assert!(matches!(result, Err(Error::BadRequest { .. })), "{body:?}");
        }
        assert!(matches!(unpack(Compression::Zstd, b"bogus", 9), Err(Error::BadRequest { .. })));
        let snappy = unpack(Compression::Snappy, b"\x03bogus", 9);
        assert!(matches!(snappy, Err(Error::BadRequest { .. })));
    }
}
