//! The shop: a small system to watch, of real servers on loopback, instrumented with the official OpenTelemetry SDK.
//!
//! ```text
//! shopper ─► dns                                                          ┌► catalog ─► cache, database
//!    └─TLS─► cdn ─► balancer ─► gateway (cells a, b) ─► cart, orders ─────┴► payment ─► database
//!                                                               └─ outbox ─► queue ─► fulfilment ─► partner
//! ```
//!
//! [`Shop::start`] builds it from the back to the front. Each file is one of its parts; [`faults`] says what can break.

mod balancer;
mod cache;
mod cart;
mod catalog;
mod cdn;
mod database;
mod dns;
pub mod faults;
mod fulfilment;
mod gateway;
mod grpc;
pub mod history;
mod http;
mod messages;
mod orders;
mod pager;
mod partner;
mod payment;
mod queue;
mod shopper;
mod telemetry;
mod tls;

pub use catalog::PRODUCTS;
pub use pager::Pager;

use crate::database::Database;
use faults::{Fault, Faults};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{Identity, Service, Telemetry};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken as Stop;

/// What the shop promises, what else is worth an alert, and whom to tell (`PAGER` stands for an address).
pub const SLOS: &str = include_str!("../alerting/slos.yaml");
pub const RULES: &str = include_str!("../alerting/rules.yml");
pub const NOTIFY: &str = include_str!("../alerting/notify.yml");

/// The API key of load tests, which no rate limits.
pub const LOAD_KEY: &str = gateway::KEYS[2].0;

/// How long the parts may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a lost cell looks whether it is back.
const CELL_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to listen on loopback")]
    Listen(#[source] io::Error),
    #[error("failed to use the shop's database")]
    Database(#[from] rusqlite::Error),
    #[error("failed to make certificates: {0}")]
    Certificate(String),
    #[error("failed to set up telemetry: {0}")]
    Telemetry(String),
    #[error("failed to find the shop: {0}")]
    Name(String),
    #[error("failed to make the directory {path}")]
    Directory { path: PathBuf, source: io::Error },
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// OTLP/gRPC, such as `http://127.0.0.1:4317`.
    pub otlp: String,
    /// Where the shop's own database is.
    pub directory: PathBuf,
    pub visits_per_second: f64,
    /// The port of loopback where the balancer listens; 0 for any that is free.
    pub port: u16,
}

/// A running shop.
#[derive(Debug)]
pub struct Shop {
    telemetry: Telemetry,
    tasks: JoinSet<()>,
    /// Shoppers end first, so that what they began comes to its end.
    stop_shoppers: Stop,
    shoppers: JoinSet<()>,
    stop: Stop,
    entrance: SocketAddr,
}

impl Shop {
    /// Starts all parts, the last of the path first.
    pub async fn start(settings: &Settings, faults: &Faults) -> Result<Shop, Error> {
        let directory = settings.directory.clone();
        std::fs::create_dir_all(&directory)
            .map_err(|source| Error::Directory { path: directory.clone(), source })?;
        let file = directory.join("shop.sqlite");
        let telemetry = Telemetry::new(&settings.otlp, faults.clone())?;
        let service = |name: &'static str, version: &'static str, instance: &'static str| {
            telemetry.service(Identity { name, version, instance })
        };
        let mut parts = Parts { tasks: JoinSet::new(), stop: Stop::new() };
        let stop = parts.stop.clone();

        let partner =
            parts.serve(partner::routes(&service("partner", "3.2.0", "partner-1")?)).await?;
        let queue = parts.serve(queue::routes(&service("queue", "1.4.0", "queue-1")?)).await?;
        let fulfilment = service("fulfilment", "2.3.1", "fulfilment-1")?;
        let consumed = fulfilment::consume(fulfilment.clone(), queue, partner, stop.clone());
        parts.spawn(fulfilment.within(consumed));
        let (listener, cache) = bound().await?;
        parts.spawn(cache::serve(listener, faults.clone(), stop.clone()));

        let payment_instance = |service: &Service, is_canary| -> Result<_, Error> {
            let database = Database::open(&file, service, payment::TABLES)?;
            let (faults, calls) = (faults.clone(), Arc::default());
            Ok(payment::Payment { database, faults, is_canary, calls }.routes(service))
        };
        let payment = service("payment", "1.8.3", "payment-1")?;
        let payment = parts.serve(payment_instance(&payment, false)?).await?;
        let canary = service("payment", "1.9.0", "payment-canary-1")?;
        let canary = parts.serve(payment_instance(&canary, true)?).await?;

        let catalog = service("catalog", "4.0.2", "catalog-1")?;
        let database = Database::open(&file, &catalog, catalog::TABLES)?;
        let kept = cache::Cache::new(&catalog, cache);
        let articles = catalog::Catalog::new(database, kept, faults.clone());
        articles.warm(&catalog).await;
        let catalog = parts.serve(articles.routes(&catalog)).await?;

        let cart = service("cart", "2.0.0", "cart-1")?;
        let cart = parts.serve(cart::routes(&cart, cache::Cache::new(&cart, cache))).await?;

        let of = service("orders", "5.1.0", "orders-1")?;
        let orders = orders::Orders {
            service: of.clone(),
            database: Database::open(&file, &of, orders::TABLES)?,
            catalog: grpc::Client::new(&of, "catalog", catalog),
            payment: grpc::Client::new(&of, "payment", payment),
            payment_canary: grpc::Client::new(&of, "payment", canary),
            faults: faults.clone(),
            placed: Arc::default(),
            outbox_filled: Arc::default(),
        };
        parts.spawn(of.within(orders.clone().relay(queue, stop.clone())));
        let orders = parts.serve(orders.routes()).await?;

        let mut cells = Vec::new();
        for instance in ["gateway-a", "gateway-b"] {
            let of = service("gateway", "7.2.0", instance)?;
            let upstream =
                |name, at| gateway::Upstream::new(&of, name, grpc::Client::new(&of, name, at));
            let (catalog, cart) = (upstream("catalog", catalog), upstream("cart", cart));
            let routes =
                gateway::Gateway::new(of.clone(), catalog, cart, upstream("orders", orders))
                    .routes();
            let (listener, address) = bound().await?;
            cells.push((of.instance(), address));
            match instance {
                "gateway-b" => {
                    parts.spawn(serve_cell(listener, routes, faults.clone(), stop.clone()));
                }
                _ => parts.spawn(http::serve(listener, routes, stop.clone())),
            }
        }

        let of = service("balancer", "1.0.7", "balancer-1")?;
        let balancer = balancer::Balancer::new(&of, &cells);
        parts.spawn(of.within(balancer.clone().check(stop.clone())));
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).await;
        let listener = listener.map_err(Error::Listen)?;
        let entrance = listener.local_addr().map_err(Error::Listen)?;
        parts.spawn(http::serve(listener, balancer.routes(), stop.clone()));

        let tls = tls::make()?;
        let of = service("cdn", "2.9.4", "cdn-1")?;
        let (listener, edge) = bound().await?;
        let cdn = cdn::Cdn::new(&of, entrance);
        parts.spawn(cdn::serve(listener, cdn, tls.clone(), faults.clone(), stop.clone()));

        let of = service("dns", "1.1.0", "dns-1")?;
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.map_err(Error::Listen)?;
        let dns = socket.local_addr().map_err(Error::Listen)?;
        let zone = dns::Zone::from([(shopper::NAME.to_owned(), edge.port())]);
        parts.spawn(dns::serve(socket, of, zone, stop.clone()));

        let of = service("shopper", "1.0.0", "shopper-1")?;
        let shopper =
            shopper::Shopper { service: of.clone(), tls: tls.client, dns, faults: faults.clone() };
        let (mut shoppers, stop_shoppers) = (JoinSet::new(), Stop::new());
        let run = shopper.run(settings.visits_per_second, stop_shoppers.clone());
        shoppers.spawn(of.within(run));
        Ok(Shop { telemetry, tasks: parts.tasks, stop_shoppers, shoppers, stop, entrance })
    }

    /// Where requests without TLS come in: the balancer.
    pub fn entrance(&self) -> SocketAddr {
        self.entrance
    }

    /// Ends the shop from the front to the back, and sends the last of its telemetry.
    pub async fn stop(mut self) {
        self.stop_shoppers.cancel();
        end(&mut self.shoppers).await;
        // What the queue still holds is taken meanwhile.
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.stop.cancel();
        end(&mut self.tasks).await;
        let telemetry = self.telemetry;
        let sent = tokio::task::spawn_blocking(move || telemetry.shutdown());
        if tokio::time::timeout(2 * STOP_TIMEOUT, sent).await.is_err() {
            tracing::warn!("the shop's last telemetry was not sent in time");
        }
    }
}

async fn end(tasks: &mut JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
        tasks.shutdown().await;
    }
}

async fn bound() -> Result<(TcpListener, SocketAddr), Error> {
    let listener = http::listen().await?;
    let address = listener.local_addr().map_err(Error::Listen)?;
    Ok((listener, address))
}

struct Parts {
    tasks: JoinSet<()>,
    stop: Stop,
}

impl Parts {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Serves `routes` on any free port; says where.
    async fn serve(&mut self, routes: axum::Router) -> Result<SocketAddr, Error> {
        let (listener, address) = bound().await?;
        self.spawn(http::serve(listener, routes, self.stop.clone()));
        Ok(address)
    }
}

/// Serves a cell that can be lost: its port is closed then, and its connections with it.
async fn serve_cell(listener: TcpListener, routes: axum::Router, faults: Faults, stop: Stop) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    while !stop.is_cancelled() {
        if let Some(listener) = listener.take() {
            let here = stop.child_token();
            let mut serving = tokio::spawn(http::serve(listener, routes.clone(), here.clone()));
            while !faults.is_on(Fault::LostCell) && !stop.is_cancelled() {
                tokio::time::sleep(CELL_INTERVAL).await;
            }
            here.cancel();
            // Connections that are kept open would hold it.
            if tokio::time::timeout(CELL_INTERVAL, &mut serving).await.is_err() {
                serving.abort();
            }
        }
        tokio::time::sleep(CELL_INTERVAL).await;
        if !faults.is_on(Fault::LostCell) {
            listener = TcpListener::bind(address).await.ok();
        }
    }
}

/// A number that looks like chance, and is always the same for the same `number` (SplitMix64).
fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
