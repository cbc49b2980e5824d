//! The WAL's writer: groups of requests, one fsync each.
//!
//! A write that fails is taken back by cutting the file, and the writer then tries once a second whether the disk takes
//! bytes again. After a failed fsync nobody knows what the disk holds, so the writer stops until the next start, when
//! replay looks. Either way the reason is given to every request.

use super::files::{WalFiles, file_name};
use super::queue::{Queue, Taken};
use super::record::{ALIGNMENT, encode_header, record_bytes};
use super::{Health, Outcome, Request, WalConfig};
use crate::disk::{AlignedBuffer, BLOCK_BYTES, Disk, WalFile};
use crate::metrics::Metrics;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// Bodies of one group, so that one fsync does not keep its first request waiting for long.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// Bytes per write call; larger groups take several.
const STAGING_BYTES: usize = 4 << 20;

/// How often an idle or stopped writer looks at the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// Room kept free so that flushes can still write segments and with them free the WAL.
const RESERVE_BYTES_MAX: u64 = 128 << 20;

/// Share of the file system kept free, where that is less than [`RESERVE_BYTES_MAX`].
const RESERVE_DIVISOR: u64 = 20;

/// Smallest file worth preallocating.
const FILE_BYTES_MIN: u64 = 4 << 20;

/// Why a group is not durable.
#[derive(Debug)]
enum Failure {
    /// Nothing of it will be read back; writing may work again later.
    Write(String),
    /// Unknown what is on disk.
    Sync(String),
}

/// Whether the writer may write.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Writing,
    /// Until the disk takes bytes again.
    Waiting,
    /// Until the next start.
    Stopped,
}

struct OpenFile {
    file: WalFile,
    id: u32,
    /// End of the last durable group.
    end: u64,
    room: u64,
}

pub(super) struct Writer {
    config: WalConfig,
    disk: Disk,
    files: Arc<WalFiles>,
    queue: Arc<Queue>,
    health: Arc<Health>,
    outcome: Arc<dyn Outcome>,
    metrics: Arc<Metrics>,
    state: State,
    open: Option<OpenFile>,
    staging: AlignedBuffer,
    next_position: u64,
    looked_at: Option<Instant>,
}

impl Writer {
    pub fn new(
        config: WalConfig,
        disk: Disk,
        files: Arc<WalFiles>,
        queue: Arc<Queue>,
        health: Arc<Health>,
        outcome: Arc<dyn Outcome>,
        metrics: Arc<Metrics>,
    ) -> Writer {
        let next_position = config.next_position;
        let staging = AlignedBuffer::new(STAGING_BYTES);
        let (state, open, looked_at) = (State::Writing, None, None);
        Writer {
            config,
            disk,
            files,
            queue,
            health,
            outcome,
            metrics,
            state,
            open,
            staging,
            next_position,
            looked_at,
        }
    }

    pub fn run(mut self) {
        loop {
            let taken = self.queue.take(GROUP_BYTES_MAX, PATIENCE);
            self.look_at_disk();
            match taken {
                Taken::Group(group) => self.commit(group),
                Taken::Nothing => {}
                Taken::Closed => return,
            }
        }
    }

    /// Makes a group durable and says so, or says why not.
    fn commit(&mut self, group: Vec<Request>) {
        let first = self.next_position;
        let written = match self.state {
            State::Writing => self.write(&group, first),
            State::Waiting | State::Stopped => return self.refuse(group),
        };
        match written {
            Ok(()) => {
                self.next_position += group.len() as u64;
                for (position, request) in (first..).zip(group) {
                    self.files.note(&request.head.tenant, request.head.signal, position);
                    self.outcome.stored(position, request);
                }
            }
            Err(failure) => {
                self.fail(failure);
                self.refuse(group);
            }
        }
    }

    fn refuse(&self, group: Vec<Request>) {
        let reason =
            self.health.reason().unwrap_or_else(|| String::from("the WAL cannot be written"));
        group.into_iter().for_each(|request| self.outcome.refused(request, &reason));
    }

    fn write(&mut self, group: &[Request], first: u64) -> Result<(), Failure> {
        let bytes =
            group.iter().map(|r| record_bytes(r.head.tenant.as_str(), &r.body)).sum::<usize>();
        self.make_room(bytes as u64)?;
        let open = self.open.as_mut().expect("there is a file after making room");
        let mut out = GroupWriter {
            file: &mut open.file,
            staging: self.staging.bytes(),
            filled: 0,
            offset: open.end,
        };
        let group_block = (open.end / BLOCK_BYTES as u64) as u32;
        let written = out.put_group(group, first, group_block, open.id);
        let end = out.offset;
        if let Err(error) = written {
            return Err(self.take_back(&error));
        }
        let started = Instant::now();
        if let Err(error) = open.file.sync() {
            return Err(Failure::Sync(format!(
                "failed to sync WAL file {}: {error}",
                open.file.path().display()
            )));
        }
        self.metrics.wal_fsync_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.wal_groups.inc();
        self.metrics.wal_bytes.inc_by(end - open.end);
        open.end = end;
        Ok(())
    }

    /// Cuts off what a failed write may have left, so that no later replay finds it.
    fn take_back(&mut self, error: &io::Error) -> Failure {
        let open = self.open.take().expect("a write fails in an open file");
        let path = open.file.path().display();
        match open.file.truncate(open.end) {
            Ok(()) => Failure::Write(format!("failed to write WAL file {path}: {error}")),
            Err(cut) => Failure::Sync(format!(
                "failed to write WAL file {path}: {error}, then failed to take the write back: {cut}"
            )),
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.metrics.read_only.set(1);
        match failure {
            Failure::Write(reason) => {
                warn!(reason, "storage is read-only until the disk takes writes again");
                self.state = State::Waiting;
                self.health.set(Some(reason));
            }
            Failure::Sync(reason) => {
                error!(reason, "storage is read-only until it is restarted");
                self.state = State::Stopped;
                self.health.set(Some(format!("{reason}; restart to recover")));
            }
        }
    }

    /// Keeps a reserve of free space, and finds out whether a disk that failed has recovered.
    fn look_at_disk(&mut self) {
        let is_fresh = self.looked_at.is_some_and(|at| at.elapsed() < PATIENCE);
        if is_fresh || self.state == State::Stopped {
            return;
        }
        self.looked_at = Some(Instant::now());
        if let Err(reason) = self.check_space() {
            if self.state == State::Writing {
                self.fail(Failure::Write(reason));
            }
        } else if self.state == State::Waiting
            && self.rotate().and_then(|()| self.try_file()).is_ok()
        {
            info!("storage takes writes again");
            self.state = State::Writing;
            self.health.set(None);
            self.metrics.read_only.set(0);
        }
    }

    fn check_space(&self) -> Result<(), String> {
        let Ok(space) = self.disk.space(&self.config.directory) else { return Ok(()) };
        let reserve = RESERVE_BYTES_MAX.min(space.total / RESERVE_DIVISOR);
        // Coming back needs a little more than staying, so that the state does not flicker.
        let needed = if self.state == State::Waiting { reserve + reserve / 8 } else { reserve };
        if space.available >= needed {
            return Ok(());
        }
        Err(format!("disk is full: {} bytes are free, {needed} are needed", space.available))
    }

    /// Writes and syncs one empty block: a disk that takes it is worth trying.
    fn try_file(&mut self) -> Result<(), Failure> {
        let open = self.open.as_mut().expect("a file was just opened");
        let block = &mut self.staging.bytes()[..BLOCK_BYTES];
        block.fill(0);
        let tried = open.file.write(block, 0).and_then(|()| open.file.sync());
        tried.map_err(|error| {
            self.drop_file();
            Failure::Write(error.to_string())
        })
    }

    /// Deletes the open file, which holds nothing.
    fn drop_file(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.files.forget(open.file.path());
        if let Err(error) = self.disk.remove_file(open.file.path()) {
            warn!(error = %error, "failed to delete a WAL file that was never used");
        }
    }

    fn make_room(&mut self, bytes: u64) -> Result<(), Failure> {
        match &self.open {
            Some(open) if open.end == 0 || open.end + bytes <= open.room => Ok(()),
            _ => self.rotate(),
        }
    }

    fn rotate(&mut self) -> Result<(), Failure> {
        self.open = None;
        self.files.close();
        let id = uuid::Uuid::now_v7().as_u128() as u32;
        let path = self.config.directory.join(file_name(self.next_position, id));
        let room =
            self.disk.space(&self.config.directory).map_or(u64::MAX, |space| space.available / 16);
        let room = self
            .config
            .file_bytes
            .min(room.max(FILE_BYTES_MIN))
            .next_multiple_of(BLOCK_BYTES as u64);
        let file = self.disk.create_wal(&path, room).map_err(|error| {
            Failure::Write(format!("failed to create WAL file {}: {error}", path.display()))
        })?;
        self.files.add_open(path, room);
        self.open = Some(OpenFile { file, id, end: 0, room });
        Ok(())
    }
}

/// Copies records into the staging buffer and writes it whenever it is full.
struct GroupWriter<'a> {
    file: &'a mut WalFile,
    staging: &'a mut [u8],
    filled: usize,
    offset: u64,
}

impl GroupWriter<'_> {
    fn put_group(&mut self, group: &[Request], first: u64, block: u32, id: u32) -> io::Result<()> {
        for (position, request) in (first..).zip(group) {
            self.put(&encode_header(&request.head, &request.body, position, block, id))?;
            self.put(request.head.tenant.as_str().as_bytes())?;
            self.put(&request.body)?;
            self.pad(ALIGNMENT)?;
        }
        self.pad(BLOCK_BYTES)?;
        self.write()
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.staging.len() - self.filled;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.staging[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == self.staging.len() {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Zeros up to a multiple of `alignment`, which divides the staging buffer.
    fn pad(&mut self, alignment: usize) -> io::Result<()> {
        const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
        let missing = self.filled.next_multiple_of(alignment) - self.filled;
        self.put(&ZEROS[..missing])
    }

    /// Writes the filled part, which ends at a block's end.
    fn write(&mut self) -> io::Result<()> {
        if self.filled > 0 {
            self.file.write(&self.staging[..self.filled], self.offset)?;
            self.offset += self.filled as u64;
            self.filled = 0;
        }
        Ok(())
    }
}
