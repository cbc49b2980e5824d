//! Carts: what a customer is about to buy, kept in the cache only.

use crate::cache::Cache;
use crate::grpc::Methods;
use crate::messages::{AddRequest, CustomerRequest, Empty, Items};
use crate::telemetry::Service;
use axum::Router;
use opentelemetry::Context;
use prost::Message;
use std::time::Duration;
use tonic::Status;
use tracing::info;

/// A cart that nobody touches is gone after this.
const KEPT: Duration = Duration::from_secs(600);
const ITEMS_MAX: usize = 50;

pub fn routes(service: &Service, cache: Cache) -> Router {
    let (add_to, take_from) = (cache.clone(), cache);
    Methods::new(service)
        .on("shop.v1.Cart/Add", move |request: AddRequest, context| {
            add(add_to.clone(), request, context)
        })
        .on("shop.v1.Cart/Take", move |request: CustomerRequest, context| {
            take(take_from.clone(), request, context)
        })
        .routes()
}

async fn read(cache: &Cache, key: &str, context: &Context) -> Result<Items, Status> {
    let found = cache.read(&[key.to_owned()], context).await.map_err(Status::unavailable)?;
    match found.into_iter().next().flatten() {
        None => Ok(Items::default()),
        Some(bytes) => Items::decode(bytes.as_slice())
            .map_err(|error| Status::data_loss(format!("the cart cannot be read: {error}"))),
    }
}

async fn add(cache: Cache, request: AddRequest, context: Context) -> Result<Empty, Status> {
    let key = format!("cart:{}", request.customer);
    let mut items = read(&cache, &key, &context).await?;
    if items.items.len() >= ITEMS_MAX {
        return Err(Status::resource_exhausted("the cart is full"));
    }
    items.items.extend(request.item);
    let written = cache.write(&key, &items.encode_to_vec(), KEPT, &context).await;
    written.map_err(Status::unavailable)?;
    info!(cart.items = items.items.len(), "put an article into the cart");
    Ok(Empty {})
}

/// Everything in the cart, which is empty then.
async fn take(cache: Cache, request: CustomerRequest, context: Context) -> Result<Items, Status> {
    let key = format!("cart:{}", request.customer);
    let items = read(&cache, &key, &context).await?;
    cache.delete(&key, &context).await.map_err(Status::unavailable)?;
    Ok(items)
}
