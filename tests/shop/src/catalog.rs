//! Catalog: products, read through the cache, and their stock.

use crate::cache::Cache;
use crate::database::{Database, Statement};
use crate::faults::{Fault, Faults};
use crate::grpc::Methods;
use crate::messages::{Empty, Product, ProductRequest, Products, ReserveReply, ReserveRequest};
use crate::telemetry::Service;
use axum::Router;
use futures::future::join_all;
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use prost::Message;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tonic::Status;
use tracing::{info, warn};

/// How many products there are.
pub const PRODUCTS: u32 = 24;
/// Products on a page: one, and others like it.
const PAGE_PRODUCTS: u32 = 12;
/// A product stays in the cache this long, and up to a third longer, so that not all are forgotten at once.
const CACHED: Duration = Duration::from_secs(60);
/// What reading a product takes on a table of real size.
const LOAD_DELAY: Duration = Duration::from_millis(25);

pub const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS products(id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS stock(product INTEGER PRIMARY KEY, reserved INTEGER NOT NULL);
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 24)
    INSERT OR IGNORE INTO products SELECT n, 'Article ' || n, 500 + 137 * n FROM number;";

/// What the service works with.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub database: Database,
    pub cache: Cache,
    pub faults: Faults,
    /// One load at a time for each product, however many wait for it.
    flights: Arc<std::sync::Mutex<HashMap<u32, Arc<Mutex<()>>>>>,
}

impl Catalog {
    pub fn new(database: Database, cache: Cache, faults: Faults) -> Catalog {
        Catalog { database, cache, faults, flights: Arc::default() }
    }

    pub fn routes(self, service: &Service) -> Router {
        let (list, page, reserve, release) =
            (self.clone(), self.clone(), self.clone(), self.clone());
        Methods::new(service)
            .on("shop.v1.Catalog/List", move |_: Empty, context| {
                let catalog = list.clone();
                async move { catalog.products(1, context).await }
            })
            .on("shop.v1.Catalog/Page", move |request: ProductRequest, context| {
                let catalog = page.clone();
                async move { catalog.products(request.id, context).await }
            })
            .on("shop.v1.Catalog/Reserve", move |request: ReserveRequest, context| {
                let catalog = reserve.clone();
                async move { catalog.reserve(request, context).await }
            })
            .on("shop.v1.Catalog/Release", move |request: ReserveRequest, context| {
                let catalog = release.clone();
                async move { catalog.release(request, context).await }
            })
            .routes()
    }

    /// Loads all products, so that the first visitors find them in the cache.
    pub async fn warm(&self, service: &Service) {
        let work = service.start(SpanKind::Internal, "warm the cache", &Context::new(), Vec::new());
        for id in 1..=PRODUCTS {
            if let Err(status) = self.load_now(id, work.context()).await {
                work.fail("load_error", status.message());
            }
        }
        work.finish();
    }

    /// A page of products that begins with `first`.
    async fn products(self, first: u32, context: Context) -> Result<Products, Status> {
        if !(1..=PRODUCTS).contains(&first) {
            return Err(Status::not_found(format!("there is no product {first}")));
        }
        let ids: Vec<u32> = (0..PAGE_PRODUCTS).map(|n| (first - 1 + n) % PRODUCTS + 1).collect();
        let found = self.cached(&ids, &context).await;
        let missing: Vec<u32> = ids
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| *id)
            .collect();
        if !missing.is_empty() {
            info!(products = missing.len(), "products are not in the cache");
        }
        let mut loaded =
            join_all(missing.iter().map(|id| self.load(*id, &context))).await.into_iter();
        let mut products = Vec::with_capacity(ids.len());
        for found in found {
            match found {
                Some(product) => products.push(product),
                None => products.extend(loaded.next().transpose()?),
            }
        }
        Ok(Products { products })
    }

    /// What the cache has; one that does not answer has nothing.
    async fn cached(&self, ids: &[u32], context: &Context) -> Vec<Option<Product>> {
        let keys: Vec<String> = ids.iter().map(|id| key(*id)).collect();
        match self.cache.read(&keys, context).await {
            Ok(found) => {
                let product = |bytes: Option<Vec<u8>>| Product::decode(bytes?.as_slice()).ok();
                found
                    .into_iter()
                    .map(product)
                    .chain(std::iter::repeat(None))
                    .take(ids.len())
                    .collect()
            }
            Err(error) => {
                warn!(%error, "the cache did not answer");
                vec![None; ids.len()]
            }
        }
    }

    async fn load(&self, id: u32, context: &Context) -> Result<Product, Status> {
        if self.faults.is_on(Fault::CacheStampede) {
            return self.load_now(id, context).await;
        }
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.entry(id).or_default().clone()
        };
        let _turn = flight.lock().await;
        // Another one has loaded it meanwhile.
        if let Some(Some(product)) = self.cached(&[id], context).await.into_iter().next() {
            return Ok(product);
        }
        self.load_now(id, context).await
    }

    async fn load_now(&self, id: u32, context: &Context) -> Result<Product, Status> {
        const TEXT: &str = "SELECT name, cents FROM products WHERE id = ?";
        let statement =
            Statement { delay: LOAD_DELAY, ..Statement::new("SELECT", "products", TEXT) };
        let read = move |connection: &mut Connection| {
            connection.query_row(TEXT, [id], |row| {
                Ok(Product { id, name: row.get(0)?, cents: row.get::<_, i64>(1)?.unsigned_abs() })
            })
        };
        let product =
            self.database.run(statement, context, read).await.map_err(Status::internal)?;
        let lasts = CACHED + CACHED / 3 * id / PRODUCTS;
        let (key, value) = (key(id), product.encode_to_vec());
        if let Err(error) = self.cache.write(&key, &value, lasts, context).await {
            warn!(%error, product.id = id, "the cache did not take a product");
        }
        Ok(product)
    }

    async fn reserve(
        self,
        request: ReserveRequest,
        context: Context,
    ) -> Result<ReserveReply, Status> {
        const TEXT: &str =
            "INSERT INTO stock VALUES (?, ?) ON CONFLICT DO UPDATE SET reserved = reserved + ?";
        let items = request.items;
        let act = move |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let mut cents = 0;
            for item in &items {
                transaction.execute(TEXT, [item.product, item.quantity, item.quantity])?;
                let price = "SELECT cents FROM products WHERE id = ?";
                let price: i64 = transaction.query_row(price, [item.product], |row| row.get(0))?;
                cents += price.unsigned_abs() * u64::from(item.quantity);
            }
            transaction.commit()?;
            Ok(cents)
        };
        let statement = Statement::new("INSERT", "stock", TEXT);
        let cents = self.database.run(statement, &context, act).await.map_err(Status::internal)?;
        info!(order.id = request.order, "reserved goods");
        Ok(ReserveReply { cents })
    }

    async fn release(self, request: ReserveRequest, context: Context) -> Result<Empty, Status> {
        const TEXT: &str = "UPDATE stock SET reserved = reserved - ? WHERE product = ?";
        let items = request.items;
        let act = move |connection: &mut Connection| {
            for item in &items {
                connection.execute(TEXT, [item.quantity, item.product])?;
            }
            Ok(())
        };
        let statement = Statement::new("UPDATE", "stock", TEXT);
        self.database.run(statement, &context, act).await.map_err(Status::internal)?;
        warn!(order.id = request.order, "put goods back");
        Ok(Empty {})
    }
}

fn key(id: u32) -> String {
    format!("product:{id}")
}
