//! Opening: takes the directory, reads the catalog, replays the WAL.

use crate::borders::Borders;
use crate::catalog::{Catalog, SqliteCatalog};
use crate::disk::Disk;
use crate::engine::{Bell, Engine, Problems};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::recovery::recover;
use crate::retries::{REMEMBERED_FOR, RequestKey, Retries};
use crate::room::Room;
use crate::segment::Segment;
use crate::storage::{Decode, RecoveryReport};
use crate::stored_series::tell_stored_series;
use crate::wal::WalFiles;
use crate::{Clock, Error, StorageConfig};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// An engine that has everything back, and where its WAL goes on.
#[derive(Debug)]
pub(crate) struct Opened {
    pub engine: Engine,
    pub report: RecoveryReport,
    pub wal_directory: PathBuf,
    pub next_position: u64,
}

/// Blocks until everything acknowledged before is visible again.
pub(crate) fn open(
    disk: Disk,
    config: StorageConfig,
    decoder: &Arc<dyn Decode>,
    clock: Arc<dyn Clock>,
) -> Result<Opened, Error> {
    let (wal_directory, segments) = (config.path.join("wal"), config.path.join("segments"));
    disk.create_directory(&config.path)?;
    let lock = disk.lock(&config.path)?;
    disk.create_directory(&wal_directory)?;
    disk.create_directory(&segments)?;
    let catalog_path = config.path.join("catalog.sqlite");
    check_catalog_is_there(&disk, &catalog_path, &segments)?;
    let catalog = SqliteCatalog::open(&catalog_path, disk.clone())?;
    let flushed = catalog.list_wal_positions()?;
    let borders = Borders { positions: Mutex::new(catalog.list_borders()?) };
    let engine = Engine {
        objects: Objects::open(&segments, disk.clone())?,
        room: Room::new(config.buffer_bytes_max),
        live: Live::default(),
        borders,
        retries: Retries::default(),
        catalog: Mutex::new(Box::new(catalog)),
        flushed: Mutex::new(flushed),
        wal_files: Arc::new(WalFiles::default()),
        metrics: Arc::new(Metrics::default()),
        retired: Mutex::new(HashMap::new()),
        pending: Mutex::new(HashSet::new()),
        flush_bell: Bell::default(),
        problems: Problems::default(),
        subscribers: Arc::default(),
        _lock: lock,
        config,
        disk,
        clock,
    };
    open_segments(&engine)?;
    remember_requests(&engine)?;
    tell_stored_series(&engine, &**decoder);
    let (report, highest) = recover(&engine, &wal_directory, decoder)?;
    engine.cut_wal();
    Ok(Opened { engine, report, wal_directory, next_position: highest + 1 })
}

/// Segments without a catalog mean that the catalog was lost: starting with an empty one would hide them, and in time
/// delete them.
fn check_catalog_is_there(
    disk: &Disk,
    catalog: &std::path::Path,
    segments: &std::path::Path,
) -> Result<(), Error> {
    if disk.exists(catalog) || disk.list(segments)?.is_empty() {
        return Ok(());
    }
    let detail = String::from("it is missing, but there are segments");
    Err(Error::CatalogUnusable { path: catalog.to_owned(), detail })
}

fn open_segments(engine: &Engine) -> Result<(), Error> {
    let listed = engine.catalog.lock().list_segments()?;
    let mut tenants: BTreeMap<_, Vec<Arc<Segment>>> = BTreeMap::new();
    for info in listed {
        tenants.entry(info.tenant.clone()).or_default().push(engine.open_segment(info));
    }
    for (tenant, segments) in tenants {
        engine.live.publish(&tenant, &HashSet::new(), segments);
    }
    Ok(())
}

fn remember_requests(engine: &Engine) -> Result<(), Error> {
    let since = engine.clock.now().saturating_sub(REMEMBERED_FOR);
    let listed = engine.catalog.lock().list_requests(since)?;
    for (tenant, signal, request) in listed {
        engine
            .retries
            .remember(RequestKey::new(&tenant, signal, request.content_hash), request.arrived_at);
    }
    Ok(())
}
