//! What starts, in what order, and how it ends. Read this first.
//!
//! 1. Listeners are bound, so that a taken port is said before anything is touched.
//! 2. The API answers `/healthz`; everything that needs data says 503.
//! 3. Storage recovers what the last run left.
//! 4. Questions are answered, telemetry is taken in, rules and SLOs are evaluated.
//! 5. A signal: ingest stops and drains, open answers end, buffers go to segments; all within one deadline.

use crate::api::{self, Api, Facts, Product};
use crate::config::Config;
use crate::demo::{Addresses, Demo};
use crate::documents::Documents;
use crate::listen::Listeners;
use crate::recorded::RecordedSeries;
use crate::shutdown::Signals;
use crate::telemetry::{self, Telemetry};
use crate::{alerts, deliveries, logging, rejections, slo_tables};
use anyhow::Context;
use axum::serve::ListenerExt;
use binnacle_alerting::{Alerting, Parts};
use binnacle_collector::{CappedDecoder, Collector, Scraper, scrape};
use binnacle_query::QueryEngine;
use binnacle_storage::{Storage, SystemClock};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Threads for network work are never more than this, however many cores there are.
const THREADS_MAX: usize = 8;

/// Threads for blocking work: decoding requests, rendering answers, reading files.
const BLOCKING_THREADS_MAX: usize = 64;

/// Serves until a signal, with the demo beside if there is one. Returns when everything has stopped in order.
pub fn run(config: Config, demo: Option<Demo>) -> anyhow::Result<()> {
    logging::start(&config.log)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = match config.server.threads {
        0 => cores.min(THREADS_MAX),
        threads => threads,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("network")
        .enable_all()
        .build()
        .context("failed to start the network threads")?;
    let result = runtime.block_on(serve(config, demo));
    // Whatever still runs has had its deadline.
    runtime.shutdown_background();
    result
}

async fn serve(mut config: Config, demo: Option<Demo>) -> anyhow::Result<()> {
    let started = Instant::now();
    let signals = Signals::install().context("failed to listen for signals")?;
    let listeners = Listeners::bind(&config).await?;
    let data_path = absolute(&config.storage.path);
    info!(version = env!("CARGO_PKG_VERSION"), data = %data_path.display(), "starting");
    let addresses = Addresses {
        otlp_grpc: listeners.otlp_grpc.local_addr()?,
        otlp_http: listeners.otlp_http.local_addr()?,
        api: listeners.api.local_addr()?,
    };
    let own_tenant = telemetry::tenant(&config.telemetry);
    if own_tenant.is_some() {
        config.scrape.jobs.push(telemetry::job(&config.telemetry, addresses.api));
    }
    let alerting = config.alerting_at(addresses.api);
    let external_url = alerting.external_url.clone();
    let facts = Facts { started, data_path, listeners: listeners.announce(&config)?, external_url };
    let stop = CancellationToken::new();
    let api = Api::new(config.api.clone(), facts);
    let api_task = serve_api(listeners.api, api.clone(), stop.clone());

    let clock = Arc::new(SystemClock);
    let decoder = Arc::new(CappedDecoder::new(&config.collector));
    let opened = Storage::open(config.storage.clone(), decoder.clone(), clock.clone());
    let (storage, recovery) = opened.await?;
    let engine = QueryEngine::new(storage.clone(), config.query.clone())?;
    let ingest = config.collector.clone();
    let collector = Collector::continuing(&decoder, storage.clone(), ingest, clock.clone());
    let scraper = Scraper::new(&config.scrape, &collector).map_err(anyhow::Error::msg)?;
    rejections::add_table(&engine, collector.rejections());
    let parts = Parts {
        config: Arc::new(alerting),
        storage: storage.clone(),
        engine: engine.clone(),
        sink: Arc::new(RecordedSeries(collector.clone())),
        clock,
    };
    let alerting = Alerting::open(parts, &config.storage.path)?;
    alerts::add_tables(&engine, &alerting);
    deliveries::add_tables(&engine, alerting.notifier());
    slo_tables::add_tables(&engine, alerting.slos());
    api.register_metrics(|registry| {
        storage.register_metrics(registry);
        engine.register_metrics(registry);
        collector.register_metrics(registry);
        alerting.register_metrics(registry);
    });
    let own = match &own_tenant {
        Some(tenant) => {
            telemetry::add_slos(tenant, &alerting);
            Some(Arc::new(Telemetry::start(tenant, addresses.otlp_grpc)?))
        }
        None => None,
    };
    if let Some(own) = &own {
        api.set_telemetry(own.clone());
    }
    let product = Product {
        storage: storage.clone(),
        engine,
        collector: collector.clone(),
        targets: scraper.targets(),
        alerting: alerting.clone(),
        documents: Documents::open(&config.storage.path)?,
        recovery,
    };
    api.set_ready(product);
    let stopped = stop.clone().cancelled_owned();
    let served = collector.serve(listeners.otlp_grpc, listeners.otlp_http, stopped);
    let scraped = scrape(scraper, stop.clone().cancelled_owned());
    let alerted = alerting.run(stop.clone());
    let mut ingest = pin!(async { tokio::join!(served, scraped, alerted) });
    info!(after_ms = millis(started), "ready");

    let close = CancellationToken::new();
    if let Some(demo) = &demo {
        api.set_demo(demo.faults());
    }
    let mut beside =
        tokio::spawn(beside(demo, config.storage.path.clone(), addresses, close.clone()));
    // Ingest and alerting end only when told to; the demo too, unless it fails.
    let failed = tokio::select! {
        () = signals.first() => None,
        ended = &mut beside => Some(ended),
        _ = &mut ingest => unreachable!("ingest and alerting run until `stop`"),
    };
    // The demo goes first, while its last telemetry is still taken in.
    close.cancel();
    let shown = match failed {
        Some(ended) => ended,
        None => tokio::select! {
            ended = &mut beside => ended,
            _ = &mut ingest => unreachable!("ingest and alerting run until `stop`"),
        },
    };
    api.set_stopping();
    if let Some(own) = own {
        tokio::select! {
            () = own.stop() => {}
            _ = &mut ingest => unreachable!("ingest and alerting run until `stop`"),
        }
    }
    stop.cancel();
    within(&config, async {
        ingest.await;
        info!("ingest drained");
        // A client that reads nothing must not keep the buffers from being flushed.
        finish(api_task, config.server.shutdown_timeout / 2).await;
        info!("flushing buffers to segments");
        storage.shutdown().await.context("failed to flush and close storage")
    })
    .await?;
    shown.context("the demo ended abnormally")?
}

/// Whatever runs beside the server, until `stop`.
async fn beside(
    demo: Option<Demo>,
    data: PathBuf,
    addresses: Addresses,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match demo {
        Some(demo) => demo.run(&data, addresses, stop).await,
        None => {
            stop.cancelled().await;
            Ok(())
        }
    }
}

fn serve_api(listener: TcpListener, api: Api, stop: CancellationToken) -> JoinHandle<()> {
    let service = api::router(api);
    // Without this, an answer in two parts waits for the client's delayed acknowledgement: 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            warn!(%error, "failed to send small answers at once");
        }
    });
    tokio::spawn(async move {
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            warn!(%error, "API ended with an error");
        }
    })
}

async fn finish(api: JoinHandle<()>, patience: Duration) {
    match tokio::time::timeout(patience, api).await {
        Ok(Ok(())) => info!("API drained"),
        Ok(Err(error)) => warn!(%error, "API ended abnormally"),
        Err(_) => warn!("some answers were not read to their end in time"),
    }
}

/// Ends in order, or after `server.shutdown_timeout` without it.
async fn within(
    config: &Config,
    end: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    match tokio::time::timeout(config.server.shutdown_timeout, end).await {
        Ok(result) => {
            result?;
            info!(elapsed_ms = millis(began), "stopped");
        }
        Err(_) => warn!(
            elapsed_ms = millis(began),
            "did not stop in time; what was acknowledged is in the WAL and recovered at the next start"
        ),
    }
    Ok(())
}

/// The path as the log and the status page show it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
