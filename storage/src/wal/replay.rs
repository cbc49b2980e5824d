//! Reading a WAL file back, whatever happened to it.
//!
//! Damage never ends the reading: the next intact record is looked for, so that nothing acknowledged after the damage is
//! lost. Positions within a file are consecutive, so a gap tells exactly how many records are gone.

use super::files::file_id;
use super::record::{ALIGNMENT, HEADER_BYTES, Header, NoHeader, RecordHead, decode_header};
use crate::Error;
use crate::disk::{BLOCK_BYTES, Disk};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes read at once.
const WINDOW_BYTES: usize = 4 << 20;

/// A record as it was written.
#[derive(Debug)]
pub(crate) struct Replayed<'a> {
    pub head: RecordHead,
    pub position: u64,
    pub body: &'a [u8],
}

/// A place between intact records where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub from: u64,
    pub to: u64,
    pub records_lost: u64,
    /// The records before and after it were made durable by the same fsync as what is lost, if they were.
    pub in_group: Option<u32>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub bytes: u64,
    pub records: u64,
    pub damage: Vec<Damage>,
    /// Where bytes begin, after the last intact record, that are none.
    pub torn_at: Option<u64>,
    /// End of the last intact record.
    pub end: u64,
    pub last_group: u32,
}

impl Scan {
    /// Whether damage can only concern a group that was being written when everything stopped, in the newest file.
    pub fn is_unfinished(&self, damage: &Damage) -> bool {
        damage.in_group == Some(self.last_group)
    }
}

/// Gives every intact record of the file to `each`, in order.
pub(crate) fn replay(
    disk: &Disk,
    path: &Path,
    mut each: impl FnMut(Replayed<'_>) -> Result<(), Error>,
) -> Result<Scan, Error> {
    let unusable = |detail: String| Error::WalUnusable { path: path.to_owned(), detail };
    let Some(id) = file_id(path) else {
        return Err(unusable(String::from("its name is not a WAL file's")));
    };
    let mut window = Window::open(disk, path)?;
    let mut scan = Scan { bytes: window.size, ..Scan::default() };
    let mut previous: Option<u64> = None;
    let (mut at, mut damaged_from) = (0, None);
    while at < window.size {
        let header = match decode_header(window.slice(at, HEADER_BYTES), id) {
            Ok(header) => header,
            Err(NoHeader::Version(version)) => {
                let detail = format!(
                    "record at byte {at} has version {version}, written by a later Binnacle"
                );
                return Err(unusable(detail));
            }
            Err(NoHeader::None) => {
                at = skip(&mut window, at, &mut damaged_from);
                continue;
            }
        };
        let content =
            window.slice(at + HEADER_BYTES as u64, header.tenant_bytes + header.body_bytes);
        let Some((head, body)) = header.decode_content(content) else {
            damaged_from.get_or_insert(at);
            at += header.record_bytes() as u64;
            continue;
        };
        let lost = previous.map_or(0, |previous| header.position.saturating_sub(previous + 1));
        if lost > 0 || damaged_from.is_some() {
            scan.damage.push(damage(&header, damaged_from.take().unwrap_or(scan.end), at, lost));
        }
        previous = Some(header.position);
        scan.records += 1;
        scan.last_group = header.group;
        each(Replayed { head, position: header.position, body })?;
        at += header.record_bytes() as u64;
        scan.end = at;
    }
    scan.torn_at = damaged_from;
    Ok(scan)
}

/// Damage between `from` and the intact record at `to`.
fn damage(next: &Header, from: u64, to: u64, records_lost: u64) -> Damage {
    let is_inside = u64::from(next.group) * BLOCK_BYTES as u64 <= from;
    Damage { from, to, records_lost, in_group: is_inside.then_some(next.group) }
}

/// Where to look next when there is no header at `at`.
fn skip(window: &mut Window, at: u64, damaged_from: &mut Option<u64>) -> u64 {
    let block = BLOCK_BYTES as u64;
    let next = (at + 1).next_multiple_of(block);
    // What was never written, or the padding at the end of a group, which may be shorter than a header.
    let may_be_empty = at.is_multiple_of(block) || damaged_from.is_none();
    if may_be_empty && window.slice(at, (next - at) as usize).iter().all(|byte| *byte == 0) {
        return next;
    }
    damaged_from.get_or_insert(at);
    at + ALIGNMENT as u64
}

/// A part of the file in memory. Blocks that cannot be read count as zeros.
struct Window {
    file: File,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn open(disk: &Disk, path: &Path) -> Result<Window, Error> {
        let file = disk.open_read(path)?;
        let failed =
            |source| Error::Disk { action: "ask the size of", path: path.to_owned(), source };
        let size = file.metadata().map_err(failed)?.len();
        Ok(Window { file, size, start: 0, bytes: Vec::new() })
    }

    /// Bytes of the file; fewer at its end.
    fn slice(&mut self, at: u64, len: usize) -> &[u8] {
        let len = len.min((self.size.saturating_sub(at)) as usize);
        let is_inside = at >= self.start && at + len as u64 <= self.start + self.bytes.len() as u64;
        if !is_inside {
            self.fill(at, len);
        }
        let from = (at - self.start) as usize;
        &self.bytes[from..from + len]
    }

    fn fill(&mut self, at: u64, len: usize) {
        let bytes = len.max(WINDOW_BYTES).min((self.size - at) as usize);
        self.start = at;
        self.bytes.resize(bytes, 0);
        if self.file.read_exact_at(&mut self.bytes, at).is_ok() {
            return;
        }
        for (index, block) in self.bytes.chunks_mut(BLOCK_BYTES).enumerate() {
            if self.file.read_exact_at(block, at + (index * BLOCK_BYTES) as u64).is_err() {
                block.fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::file_name;
    use super::super::record::encode_header;
    use super::*;
    use crate::model::{Compression, Encoding, Format, Signal, Timestamp};
    use bytes::Bytes;

    const ID: u32 = 77;

    /// Groups of bodies as a file, with 64 KiB of room behind them.
    fn file(groups: &[&[&str]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut position = 1;
        for group in groups {
            let block = (out.len() / BLOCK_BYTES) as u32;
            for body in *group {
                let encoding =
                    Encoding { format: Format::OtlpJson, compression: Compression::None };
                let head = RecordHead {
                    tenant: "t".parse().unwrap(),
                    signal: Signal::Traces,
                    encoding,
                    ingested_at: Timestamp(1),
                    content_hash: 3,
                };
                let body = Bytes::from(body.to_string());
                out.extend(encode_header(&head, &body, position, block, ID));
                out.extend(b"t");
                out.extend(&body);
                out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
                position += 1;
            }
            out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
        }
        out.resize(out.len() + (64 << 10), 0);
        out
    }

    fn read(bytes: &[u8]) -> (Vec<String>, Scan) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(file_name(1, ID));
        std::fs::write(&path, bytes).unwrap();
        let mut bodies = Vec::new();
        let scan = replay(&Disk::default(), &path, |record| {
            bodies.push(String::from_utf8(record.body.to_vec()).unwrap());
            Ok(())
        });
        (bodies, scan.unwrap())
    }

    #[test]
    fn an_intact_file_reads_back_whole() {
        let big = "x".repeat(10_000);
        let (bodies, scan) = read(&file(&[&["a", "b"], &[&big], &["c"]]));
        assert_eq!(bodies, ["a", "b", &big, "c"]);
        assert_eq!((scan.damage.len(), scan.torn_at), (0, None));
    }

    #[test]
    fn padding_of_any_length_is_no_damage() {
        // A header of 64 bytes and a tenant of one: bodies that end 0 to 64 bytes before the block does.
        for padding in (0..=64).step_by(ALIGNMENT) {
            let body = "x".repeat(BLOCK_BYTES - HEADER_BYTES - 1 - padding);
            let (bodies, scan) = read(&file(&[&[&body], &["b"], &["c"]]));
            assert_eq!(bodies, [&body, "b", "c"], "{padding}");
            assert_eq!((scan.damage.len(), scan.torn_at), (0, None), "{padding}");
        }
    }

    #[test]
    fn replay_stops_at_a_torn_record() {
        let bytes = file(&[&["a"], &["b", &"y".repeat(9_000)]]);
        for cut in [4096 + 80, 4096 + 100, 4096 + 5_000] {
            let mut torn = bytes.clone();
            torn[cut..].fill(0);
            let (bodies, scan) = read(&torn);
            assert_eq!(bodies.first().map(String::as_str), Some("a"));
            assert!(bodies.len() <= 2);
            assert!(scan.damage.is_empty());
        }
    }

    #[test]
    fn damage_in_the_middle_loses_only_what_it_hit() {
        let big = "z".repeat(9_000);
        let bytes = file(&[&["a"], &["b", &big, "c"], &["d"]]);
        // Where the damage is, and which bodies survive.
        let cases: &[(usize, &[&str])] = &[
            (10, &["b", &big, "c", "d"]),
            (4096 + 10, &["a", &big, "c", "d"]),
            (4096 + 72 + 30, &["a", "b", "c", "d"]),
            (4096 + 72 + 5_000, &["a", "b", "c", "d"]),
        ];
        for (at, survivors) in cases {
            let mut damaged = bytes.clone();
            damaged[*at] ^= 0xff;
            let (bodies, scan) = read(&damaged);
            assert_eq!(&bodies, survivors, "damage at {at}");
            assert_eq!(scan.damage.len(), 1, "damage at {at}");
            assert!(!scan.is_unfinished(&scan.damage[0]));
        }
    }

    #[test]
    fn a_group_of_zeros_is_noticed_by_the_gap() {
        let mut bytes = file(&[&["a"], &["b", "c"], &["d"]]);
        bytes[4096..8192].fill(0);
        let (bodies, scan) = read(&bytes);
        assert_eq!(bodies, ["a", "d"]);
        assert_eq!(scan.damage[0].records_lost, 2);
    }

    #[test]
    fn a_body_that_looks_like_records_of_another_file_is_not_replayed() {
        let inner = file(&[&["evil"]]);
        let path = |id| file_name(1, id);
        assert_ne!(path(ID), path(ID + 1));
        let mut bytes = file(&[&["a"]]);
        let end = bytes.len();
        bytes[end - 8192..end - 8192 + 200].copy_from_slice(&inner[..200]);
        // The same id would be taken; the header binds it.
        let forged = (52, (ID + 1).to_le_bytes());
        bytes[end - 8192 + forged.0..][..4].copy_from_slice(&forged.1);
        assert_eq!(read(&bytes).0, ["a"]);
    }
}
